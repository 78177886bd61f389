#include "thalamus/learn/dataset.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <unordered_map>

#include "thalamus/base/hash.h"
#include "thalamus/base/rng.h"
#include "thalamus/route/documents.h"

namespace thalamus::learn {
namespace {

constexpr std::size_t kCachedRowsMax = 8192;

const trace::Cell kNoCell{};

Status check_number(const trace::Row& row, const std::string& model, std::string_view field, double value,
                    double high) {
  if (std::isnan(value) || (value >= 0 && value <= high)) return {};
  return fail(ErrorKind::kInvalidInput, "row '{}', model '{}': {} is {:g}, outside 0 to {:g}", row.id, model, field,
              value, high);
}

}  // namespace

Result<Dataset> Dataset::make(const trace::OutcomeTable& table) {
  if (table.models.empty()) return fail(ErrorKind::kInvalidInput, "the outcome table has no models");
  if (table.rows.empty()) return fail(ErrorKind::kInvalidInput, "the outcome table has no rows");
  Dataset data;
  data.table_ = &table;
  for (std::size_t r = 0; r < table.rows.size(); ++r) {
    const trace::Row& row = table.rows[r];
    bool recorded = false;
    for (std::size_t m = 0; m < std::min(row.cells.size(), table.models.size()); ++m) {
      const trace::Cell& cell = row.cells[m];
      CHECK_OK(check_number(row, table.models[m], "quality", cell.quality, 1));
      CHECK_OK(check_number(row, table.models[m], "cost", cell.cost_usd, 1e9));
      CHECK_OK(check_number(row, table.models[m], "output_tokens", cell.output_tokens, 1e12));
      CHECK_OK(check_number(row, table.models[m], "input_tokens", cell.input_tokens, 1e12));
      CHECK_OK(check_number(row, table.models[m], "latency_s", cell.seconds, 1e9));
      recorded |= cell.recorded();
    }
    if (recorded) data.kept_.push_back(static_cast<std::uint32_t>(r));
  }
  if (data.kept_.empty())
    return fail(ErrorKind::kInvalidInput,
                "no row of the outcome table has a recorded quality; there is nothing to learn from");
  if (data.kept_.size() <= kCachedRowsMax) {
    std::vector<feature::Description> cache(data.kept_.size());
    for (std::size_t i = 0; i < cache.size(); ++i) data.describe(i, cache[i]);
    data.cache_ = std::move(cache);
  }
  return data;
}

const trace::Cell& Dataset::cell(std::size_t position, std::size_t model) const noexcept {
  const trace::Row& source = row(position);
  return model < source.cells.size() ? source.cells[model] : kNoCell;
}

void Dataset::describe(std::size_t position, feature::Description& out) const {
  if (position < cache_.size()) {
    out = cache_[position];
    return;
  }
  const trace::Row& source = row(position);
  feature::describe_row(source.prompt, source.messages, source.tools, out);
}

std::uint64_t Dataset::prompt_key(std::size_t position) const {
  const trace::Row& source = row(position);
  std::string normal;
  normal.reserve(source.prompt.size());
  for (const char c : source.prompt) {
    const bool space = c == ' ' || c == '\n' || c == '\r' || c == '\t';
    if (space && (normal.empty() || normal.back() == ' ')) continue;
    normal.push_back(space ? ' ' : c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c);
  }
  if (!normal.empty() && normal.back() == ' ') normal.pop_back();
  return base::hash64(source.tools, base::hash64(normal));
}

feature::DescriptionSource Dataset::source(std::span<const std::uint32_t> positions) const {
  return {positions.size(),
          [this, positions](std::size_t i, feature::Description& out) { describe(positions[i], out); }};
}

std::vector<float> Dataset::column(std::span<const std::uint32_t> positions, double trace::Cell::* member) const {
  std::vector<float> values;
  values.reserve(positions.size() * models());
  for (const std::uint32_t position : positions)
    for (std::size_t m = 0; m < models(); ++m) values.push_back(static_cast<float>(cell(position, m).*member));
  return values;
}

route::TrainingSet Dataset::training_set(std::span<const std::uint32_t> positions, const feature::FeatureSet& features,
                                         Want want) const {
  route::TrainingSet set;
  set.models = table_->models;
  set.rows = positions.size();
  set.dense_size = features.dense_size();
  set.dense.resize(set.rows * set.dense_size);
  set.sparse.columns = features.sparse_size();
  set.quality = column(positions, &trace::Cell::quality);
  set.cost_usd = column(positions, &trace::Cell::cost_usd);
  set.seconds = column(positions, &trace::Cell::seconds);
  if (std::all_of(set.seconds.begin(), set.seconds.end(), [](float s) { return std::isnan(s); })) set.seconds = {};
  std::unordered_map<std::string, std::uint32_t> task_index;
  feature::Description description;
  feature::SparseVector sparse;
  std::vector<std::uint64_t> distinct;
  for (std::size_t i = 0; i < positions.size(); ++i) {
    describe(positions[i], description);
    features.transform(description, std::span(set.dense).subspan(i * set.dense_size, set.dense_size), sparse);
    set.sparse.ids.insert(set.sparse.ids.end(), sparse.ids.begin(), sparse.ids.end());
    set.sparse.values.insert(set.sparse.values.end(), sparse.values.begin(), sparse.values.end());
    set.sparse.offsets.push_back(set.sparse.ids.size());
    if (want.tokens) {
      distinct = description.tokens;
      std::sort(distinct.begin(), distinct.end());
      distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
      set.tokens.insert(set.tokens.end(), distinct.begin(), distinct.end());
    }
    set.token_offsets.push_back(set.tokens.size());
    if (want.documents) route::append_documents(description, set);
    set.text_bytes.push_back(static_cast<float>(description.text_bytes));
    const auto [found, added] =
        task_index.emplace(row(positions[i]).task, static_cast<std::uint32_t>(set.task_names.size()));
    if (added) set.task_names.push_back(row(positions[i]).task);
    set.task.push_back(found->second);
  }
  return set;
}

std::vector<std::uint32_t> assign_folds(const Dataset& data, std::size_t folds, std::uint64_t seed) {
  // Prompts in the order of a seeded hash of their text, dealt out in turn: independent of the row order.
  std::map<std::uint64_t, std::vector<std::uint32_t>> groups;
  for (std::size_t i = 0; i < data.rows(); ++i)
    groups[base::mix64(data.prompt_key(i) ^ base::mix64(seed))].push_back(static_cast<std::uint32_t>(i));
  std::vector<std::uint32_t> fold_of(data.rows(), 0);
  std::size_t next = 0;
  for (const auto& [key, members] : groups) {
    for (const std::uint32_t position : members) fold_of[position] = static_cast<std::uint32_t>(next % folds);
    ++next;
  }
  return fold_of;
}

std::size_t distinct_prompts(const Dataset& data) {
  std::set<std::uint64_t> keys;
  for (std::size_t i = 0; i < data.rows(); ++i) keys.insert(data.prompt_key(i));
  return keys.size();
}

}  // namespace thalamus::learn
