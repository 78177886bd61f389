/// The outcome table: prompts x models -> what each gave. JSON lines, plain, .gz or .zst (docs/formats.md):
/// {"id","task","prompt"|"messages","tools","outcomes":{"model":{"quality","cost","input_tokens","output_tokens",
/// "latency_s","answer_hash"}}}. Unknown keys are ignored; cells may be missing or null. Where a row has both `prompt`
/// and `messages`, the messages count.
#pragma once

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "thalamus/base/result.h"

namespace thalamus::trace {

inline constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

/// One recorded outcome. Each member is NaN where it was not recorded.
struct Cell {
  double quality = kMissing;  ///< [0,1]
  double cost_usd = kMissing;
  double input_tokens = kMissing;
  double output_tokens = kMissing;
  double seconds = kMissing;
  std::string answer_hash;  ///< of the normalised answer; empty where unknown
  [[nodiscard]] bool recorded() const noexcept { return !std::isnan(quality); }
};

struct Row {
  std::string id;
  std::string task;         ///< `task/subtask` where the row has both
  std::string messages;     ///< JSON text of the messages array; a plain prompt becomes one user message
  std::string prompt;       ///< all text of the messages joined by newlines: what features read
  std::string tools;        ///< JSON text of the tools array; empty if none
  std::vector<Cell> cells;  ///< in the order of OutcomeTable::models
  bool contaminated = false;
};

struct OutcomeTable {
  std::vector<std::string> models;  ///< by first appearance
  std::vector<Row> rows;
  std::uint64_t content_hash = 0;  ///< of the decompressed bytes
  std::uint64_t skipped_rows = 0;  ///< blank lines; counted and said

  /// Keeps the named columns, in the order given. kNotFound names an unknown model and the nearest.
  [[nodiscard]] Status keep_models(const std::vector<std::string>& names);
};

struct TableLimits {
  std::size_t line_bytes_max = 64U << 20;
  std::size_t models_max = 256;
  std::size_t rows_max = 4'000'000;
};

/// Errors name file, line and field: wrong types, quality outside [0,1], negative cost, duplicate ids, empty file, too
/// long a line, truncated compression.
[[nodiscard]] Result<OutcomeTable> read_outcome_table(const std::filesystem::path& path,
                                                      const TableLimits& limits = {});
[[nodiscard]] Result<OutcomeTable> parse_outcome_table(std::string_view bytes, const std::string& name,
                                                       const TableLimits& limits = {});

/// The same lines as requests: `id`, `prompt`, `messages` and `tools`. Whatever else a line has is not looked at, and
/// the table has no models.
[[nodiscard]] Result<OutcomeTable> read_requests(const std::filesystem::path& path, const TableLimits& limits = {});
[[nodiscard]] Result<OutcomeTable> parse_requests(std::string_view bytes, const std::string& name,
                                                  const TableLimits& limits = {});

/// One row as a JSON line without the newline; reads back equal. A missing cell is written as null, so that the order
/// of the models is kept; a table without models writes no `outcomes`.
[[nodiscard]] std::string encode_row(const OutcomeTable& table, const Row& row);
/// By the ending of `path`: plain, .gz or .zst; atomic.
[[nodiscard]] Status write_outcome_table(const OutcomeTable& table, const std::filesystem::path& path);

}  // namespace thalamus::trace
