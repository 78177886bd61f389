/// From decision records to an outcome table: what the gateway saw becomes what `train` and `eval` read.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "thalamus/base/result.h"
#include "thalamus/core/outcome.h"
#include "thalamus/trace/outcome_table.h"

namespace thalamus::trace {

struct ExportCounts {
  std::uint64_t records = 0;
  std::uint64_t unanswered = 0;          ///< no target answered: no cell, as a failure says nothing of quality
  std::uint64_t without_content = 0;     ///< rows whose prompt was never recorded: their `prompt` is empty
  std::uint64_t unreadable_content = 0;  ///< recorded bodies that are no chat request
  std::string torn;                      ///< what the reading passed over; empty if nothing
};

/// Joins records by prompt hash: one row a prompt, one cell a target that answered it; a member that several records
/// have is their mean. The row's id is the hash in hex (the decision id where there is no hash), its task the route.
class TurnExporter {
 public:
  TurnExporter();
  TurnExporter(const TurnExporter&) = delete;
  TurnExporter& operator=(const TurnExporter&) = delete;
  ~TurnExporter();
  void add(const core::Turn& turn);
  /// kNotFound where no record had an answer.
  [[nodiscard]] Result<OutcomeTable> finish();
  [[nodiscard]] const ExportCounts& counts() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// All records of a trace folder.
[[nodiscard]] Result<OutcomeTable> export_turns(const std::filesystem::path& folder, ExportCounts* counts = nullptr);

}  // namespace thalamus::trace
