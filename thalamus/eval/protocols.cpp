#include "thalamus/eval/protocols.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <unordered_set>

#include "thalamus/base/hash.h"
#include "thalamus/base/rng.h"
#include "thalamus/base/text.h"

namespace thalamus::eval {
namespace {

struct Named {
  std::string_view name;
  Protocol protocol;
};
constexpr Named kProtocols[] = {{"given", Protocol::kGiven},
                                {"id", Protocol::kId},
                                {"lodo", Protocol::kLodo},
                                {"unseen", Protocol::kUnseen},
                                {"cross", Protocol::kCross}};

trace::OutcomeTable empty_like(const trace::OutcomeTable& table) {
  trace::OutcomeTable other;
  other.models = table.models;
  other.content_hash = table.content_hash;
  return other;
}

}  // namespace

Result<Protocol> parse_protocol(std::string_view name) {
  for (const Named& known : kProtocols)
    if (known.name == name) return known.protocol;
  const auto names = protocol_names();
  return fail(ErrorKind::kInvalidInput, "unknown protocol '{}'{}; known are {}", name, base::did_you_mean(name, names),
              fmt::join(names, ", "));
}

std::string_view name_of(Protocol protocol) noexcept {
  for (const Named& known : kProtocols)
    if (known.protocol == protocol) return known.name;
  return "given";
}

std::vector<std::string> protocol_names() {
  std::vector<std::string> names;
  for (const Named& known : kProtocols) names.emplace_back(known.name);
  return names;
}

std::uint64_t prompt_key(const trace::Row& row) {
  std::string normal;
  normal.reserve(row.prompt.size());
  for (const char c : row.prompt) {
    const bool space = c == ' ' || c == '\n' || c == '\r' || c == '\t';
    if (space && (normal.empty() || normal.back() == ' ')) continue;
    normal.push_back(space ? ' ' : c);
  }
  if (!normal.empty() && normal.back() == ' ') normal.pop_back();
  return base::hash64(row.tools, base::hash64(base::lower_ascii(normal)));
}

bool has_outcome(const trace::Row& row) noexcept {
  return std::any_of(row.cells.begin(), row.cells.end(), [](const trace::Cell& cell) { return cell.recorded(); });
}

std::size_t drop_unrecorded(trace::OutcomeTable& table) {
  return std::erase_if(table.rows, [](const trace::Row& row) { return !has_outcome(row); });
}

Leak leak_of(const trace::OutcomeTable& training, const trace::OutcomeTable& test) {
  std::unordered_set<std::uint64_t> prompts;
  std::unordered_set<std::string_view> ids;
  for (const trace::Row& row : training.rows) {
    prompts.insert(prompt_key(row));
    ids.insert(row.id);
  }
  Leak leak;
  for (const trace::Row& row : test.rows) {
    if (prompts.contains(prompt_key(row))) {
      ++leak.prompts;
    } else if (ids.contains(row.id)) {
      ++leak.ids;
    }
  }
  return leak;
}

std::string leak_words(const Leak& leak, std::size_t test_rows) {
  if (leak.prompts + leak.ids == 0) return {};
  return fmt::format(
      "{} of {} test rows are also in the training data ({} by prompt, {} by id alone): scores on them say less than "
      "they seem to",
      leak.prompts + leak.ids, test_rows, leak.prompts, leak.ids);
}

std::size_t repeated_ids(const trace::OutcomeTable& table) {
  std::unordered_set<std::string_view> ids;
  std::size_t repeated = 0;
  for (const trace::Row& row : table.rows) repeated += ids.insert(row.id).second ? 0 : 1;
  return repeated;
}

Fold split_within_tasks(const trace::OutcomeTable& table, double share, std::uint64_t seed) {
  std::map<std::uint64_t, std::string_view> task_of;               // the first by name where a prompt has several
  std::map<std::string_view, std::vector<std::uint64_t>> prompts;  // of each task, by a seeded hash
  const auto shuffled = [&](std::uint64_t key) { return base::mix64(key ^ base::mix64(seed)); };
  for (const trace::Row& row : table.rows) {
    const auto [known, added] = task_of.emplace(shuffled(prompt_key(row)), row.task);
    if (!added) known->second = std::min<std::string_view>(known->second, row.task);
  }
  for (const auto& [key, task] : task_of) prompts[task].push_back(key);
  std::unordered_set<std::uint64_t> training;
  for (auto& [task, keys] : prompts) {
    std::sort(keys.begin(), keys.end());
    auto count = static_cast<std::size_t>(std::llround(share * static_cast<double>(keys.size())));
    if (keys.size() > 1) count = std::clamp<std::size_t>(count, 1, keys.size() - 1);
    training.insert(keys.begin(), keys.begin() + static_cast<std::ptrdiff_t>(count));
  }
  Fold fold{empty_like(table), empty_like(table)};
  for (const trace::Row& row : table.rows)
    (training.contains(shuffled(prompt_key(row))) ? fold.training : fold.test).rows.push_back(row);
  return fold;
}

Result<std::vector<Fold>> leave_tasks_out(const trace::OutcomeTable& table) {
  std::set<std::string_view> tasks;
  for (const trace::Row& row : table.rows) tasks.insert(row.task);
  if (tasks.size() < 2)
    return fail(ErrorKind::kInvalidInput, "protocol lodo leaves one task out in turn, and the table has {} task{}",
                tasks.size(), tasks.size() == 1 ? "" : "s");
  std::map<std::string_view, std::size_t> group;
  const std::size_t groups = std::min(tasks.size(), kLeftOutMax);
  std::size_t next = 0;
  for (const auto task : tasks) group[task] = next++ % groups;
  std::vector<Fold> folds;
  for (std::size_t g = 0; g < groups; ++g) {
    Fold& fold = folds.emplace_back(Fold{empty_like(table), empty_like(table)});
    std::unordered_set<std::uint64_t> held;
    for (const trace::Row& row : table.rows) {
      if (group[row.task] != g) continue;
      held.insert(prompt_key(row));
      fold.test.rows.push_back(row);
    }
    for (const trace::Row& row : table.rows)
      if (group[row.task] != g && !held.contains(prompt_key(row))) fold.training.rows.push_back(row);
  }
  return folds;
}

Result<Fold> cross_tables(trace::OutcomeTable training, trace::OutcomeTable test) {
  std::vector<std::string> common;
  for (const auto& model : training.models)
    if (std::find(test.models.begin(), test.models.end(), model) != test.models.end()) common.push_back(model);
  if (common.size() < 2)
    return fail(ErrorKind::kInvalidInput, "the two tables have {} model{} in common; at least 2 are needed",
                common.size(), common.size() == 1 ? "" : "s");
  CHECK_OK(training.keep_models(common));
  CHECK_OK(test.keep_models(common));
  return Fold{std::move(training), std::move(test)};
}

Result<std::vector<Fold>> folds_of(Protocol protocol, trace::OutcomeTable training,
                                   std::optional<trace::OutcomeTable> test, std::uint64_t seed) {
  const bool two_tables = protocol == Protocol::kGiven || protocol == Protocol::kCross;
  if (two_tables && !test)
    return fail(ErrorKind::kInvalidInput, "protocol {} needs a test table: --test FILE", name_of(protocol));
  if (!two_tables && test)
    return fail(ErrorKind::kInvalidInput, "protocol {} divides one table itself; leave --test out", name_of(protocol));
  std::vector<Fold> folds;
  if (protocol == Protocol::kLodo) return leave_tasks_out(training);
  if (protocol == Protocol::kId) {
    folds.push_back(split_within_tasks(training, kTrainingShare, seed));
  } else if (protocol == Protocol::kCross) {
    TRY(auto fold, cross_tables(std::move(training), std::move(*test)));
    folds.push_back(std::move(fold));
  } else if (protocol == Protocol::kGiven) {
    CHECK_OK(test->keep_models(training.models));
    folds.push_back({std::move(training), std::move(*test)});
  } else {
    return fail(ErrorKind::kInvalidInput, "protocol unseen has no folds of rows");
  }
  return folds;
}

}  // namespace thalamus::eval
