#include "thalamus/trace/export.h"

#include <fmt/format.h>

#include <unordered_map>
#include <utility>

#include "thalamus/base/hash.h"
#include "thalamus/trace/record_log.h"
#include "thalamus/trace/row_parser.h"

namespace thalamus::trace {
namespace {

/// The mean of what was added; missing where nothing was.
struct Mean {
  double sum = 0;
  std::uint64_t count = 0;
  void add(double x) noexcept {
    sum += x;
    ++count;
  }
  [[nodiscard]] double value() const noexcept { return count == 0 ? kMissing : sum / static_cast<double>(count); }
};

struct CellMeans {
  Mean quality, cost_usd, input_tokens, output_tokens, seconds;
  void add(const core::Outcome& outcome) noexcept {
    if (outcome.quality) quality.add(*outcome.quality);
    cost_usd.add(outcome.cost.usd());
    if (outcome.usage.known) {
      input_tokens.add(outcome.usage.input);
      output_tokens.add(outcome.usage.output);
    }
    seconds.add(outcome.total.seconds());
  }
  [[nodiscard]] Cell cell() const {
    return {quality.value(), cost_usd.value(), input_tokens.value(), output_tokens.value(), seconds.value(), {}};
  }
};

struct Draft {
  Row row;
  bool has_content = false;
  std::vector<CellMeans> means;  // by column
};

}  // namespace

struct TurnExporter::State {
  RowParser parser;
  OutcomeTable table;
  std::unordered_map<std::string, std::size_t> columns;
  std::unordered_map<std::string, std::size_t> places;
  std::vector<Draft> drafts;
  ExportCounts counts;

  std::size_t column_of(const std::string& model) {
    const auto [found, fresh] = columns.emplace(model, table.models.size());
    if (fresh) table.models.push_back(model);
    return found->second;
  }
  Draft& draft_of(const core::Turn& turn) {
    const std::string id = turn.prompt_hash == 0 ? turn.decision_id : fmt::format("{:016x}", turn.prompt_hash);
    const auto [found, fresh] = places.emplace(id, drafts.size());
    if (fresh) {
      drafts.emplace_back();
      drafts.back().row.id = id;
      drafts.back().row.task = turn.route;
    }
    return drafts[found->second];
  }
  void take_content(Draft& draft, const core::Turn& turn) {
    if (draft.has_content || turn.content.empty()) return;
    std::string body = turn.content;
    auto row = parser.parse_body(body);
    if (!row) {
      ++counts.unreadable_content;
      return;
    }
    draft.row.messages = std::move(row->messages);
    draft.row.prompt = std::move(row->prompt);
    draft.row.tools = std::move(row->tools);
    draft.has_content = true;
  }
};

TurnExporter::TurnExporter() : state_(std::make_unique<State>()) {}
TurnExporter::~TurnExporter() = default;

void TurnExporter::add(const core::Turn& turn) {
  State& s = *state_;
  ++s.counts.records;
  const auto& outcome = turn.outcome;
  if (outcome.failure || !outcome.answered_by || *outcome.answered_by >= turn.targets.size()) {
    ++s.counts.unanswered;
    return;
  }
  Draft& draft = s.draft_of(turn);
  s.take_content(draft, turn);
  const std::size_t column = s.column_of(turn.targets[*outcome.answered_by]);
  if (draft.means.size() <= column) draft.means.resize(column + 1);
  draft.means[column].add(outcome);
}

Result<OutcomeTable> TurnExporter::finish() {
  State& s = *state_;
  if (s.drafts.empty())
    return fail(ErrorKind::kNotFound, "none of {} records holds an answer; there is nothing to export",
                s.counts.records);
  std::uint64_t hash = 0;
  for (Draft& draft : s.drafts) {
    if (!draft.has_content) ++s.counts.without_content;
    draft.row.cells.resize(s.table.models.size());
    for (std::size_t i = 0; i < draft.means.size(); ++i)
      if (draft.means[i].seconds.count > 0) draft.row.cells[i] = draft.means[i].cell();
    s.table.rows.push_back(std::move(draft.row));
  }
  s.drafts.clear();
  for (const Row& row : s.table.rows) hash = base::hash64(encode_row(s.table, row) + "\n", hash);
  s.table.content_hash = hash;
  return std::move(s.table);
}

const ExportCounts& TurnExporter::counts() const noexcept { return state_->counts; }

Result<OutcomeTable> export_turns(const std::filesystem::path& folder, ExportCounts* counts) {
  TurnExporter exporter;
  std::string torn;
  CHECK_OK(read_records(
      folder,
      [&exporter](const core::Turn& turn) {
        exporter.add(turn);
        return true;
      },
      &torn));
  auto table = exporter.finish();
  if (counts != nullptr) {
    *counts = exporter.counts();
    counts->torn = torn;
  }
  return table;
}

}  // namespace thalamus::trace
