/// Public benchmark formats as outcome tables, so that users bring their own copies: a registry of importers.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "thalamus/base/result.h"
#include "thalamus/trace/outcome_table.h"

namespace thalamus::eval {

/// USD per million tokens.
struct TokenPrice {
  double input = 0;
  double output = 0;
};
using TokenPrices = std::map<std::string, TokenPrice, std::less<>>;
/// {"MODEL":{"input":USD,"output":USD}}, per million tokens; RouterArena's own names of the two are read too.
[[nodiscard]] Result<TokenPrices> parse_token_prices(std::string_view json, const std::string& name);

/// Rows and cells as an importer finds them, in any order.
class ImportedTable {
 public:
  /// The row of a key, made with this task and prompt if it is new. A known key with another prompt is an error.
  [[nodiscard]] Result<std::size_t> row(const std::string& key, std::string_view task, std::string_view prompt);
  /// kInvalidInput for a quality outside [0,1], a negative amount, or a cell that is there already.
  [[nodiscard]] Status set(std::size_t row, const std::string& model, trace::Cell cell);
  void mark_contaminated(std::size_t row) { table_.rows[row].contaminated = true; }
  [[nodiscard]] std::size_t rows() const noexcept { return table_.rows.size(); }
  /// kInvalidInput where nothing was imported.
  [[nodiscard]] Result<trace::OutcomeTable> take();

 private:
  trace::OutcomeTable table_;
  std::unordered_map<std::string, std::size_t> rows_;
  std::unordered_map<std::string, std::size_t> columns_;
};

struct ImportInput {
  std::vector<std::filesystem::path> files;
  TokenPrices prices;  ///< for formats that record tokens but no cost; may be empty
};

/// One row of datasets.def.
struct DatasetRecord {
  std::string_view name;
  std::string_view help;
  std::string_view source;  ///< arXiv id
  std::string_view reads;   ///< what the files are, and how to get there from what is published
  Status (*import)(const ImportInput& input, ImportedTable& out) = nullptr;
};
[[nodiscard]] std::span<const DatasetRecord> datasets();
/// kNotFound that names the nearest format.
[[nodiscard]] Result<const DatasetRecord*> require_dataset(std::string_view name);

/// Reads all files into one table. Errors name file, line and field.
[[nodiscard]] Result<trace::OutcomeTable> import_dataset(std::string_view format, const ImportInput& input);

}  // namespace thalamus::eval
