/// What several importers share: records of CSV files by column name, JSON lines, and small conversions.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "thalamus/base/result.h"
#include "thalamus/eval/dataset.h"
#include "thalamus/wire/json_value.h"

namespace thalamus::eval {

/// One record of a CSV file with a header.
class CsvRecord {
 public:
  CsvRecord(const std::vector<std::string>& header, const std::vector<std::string>& fields, std::uint64_t line)
      : header_(header), fields_(fields), line_(line) {}
  /// Null where there is no such column.
  [[nodiscard]] const std::string* find(std::string_view column) const noexcept;
  /// kInvalidInput where there is no such column.
  [[nodiscard]] Result<std::string_view> require(std::string_view column) const;
  [[nodiscard]] const std::vector<std::string>& header() const noexcept { return header_; }
  [[nodiscard]] const std::string& field(std::size_t column) const noexcept { return fields_[column]; }
  [[nodiscard]] std::uint64_t line() const noexcept { return line_; }

 private:
  const std::vector<std::string>& header_;
  const std::vector<std::string>& fields_;
  std::uint64_t line_;
};
/// Calls `visit` for each record. Errors get "FILE:LINE" as their place.
[[nodiscard]] Status for_each_csv_record(const std::filesystem::path& path,
                                         const std::function<Status(const CsvRecord&)>& visit);

/// Calls `visit` with a cursor at the beginning of each line of a JSON-lines file; blank lines are passed. Errors get
/// "FILE:LINE" as their place.
[[nodiscard]] Status for_each_json_line(const std::filesystem::path& path,
                                        const std::function<Status(wire::JsonCursor&)>& visit);

/// Members of an object that an importer wants, others are skipped: name -> what to do with the value.
using Members = std::vector<std::pair<std::string_view, std::function<Status(wire::JsonCursor&, const wire::Place&)>>>;
[[nodiscard]] Status read_members(wire::JsonCursor& cursor, const wire::Place& place, const Members& members);
/// A text member; numbers and booleans as they are spelt, null as empty.
[[nodiscard]] Status read_loose_text(wire::JsonCursor& cursor, const wire::Place& place, std::string& out);
/// A number, a boolean as 0 or 1, or null as NaN.
[[nodiscard]] Status read_loose_number(wire::JsonCursor& cursor, const wire::Place& place, double& out);

/// A number of a text: "1.0", "True", "false", "" and "nan" (both NaN). kInvalidInput names the column.
[[nodiscard]] Result<double> number_of(std::string_view text, std::string_view column);
/// The texts of a printed list of texts, ['...', "..."], joined by newlines; anything else as it stands.
[[nodiscard]] std::string joined_list(std::string_view text);
/// Adds the cost by price where tokens are known and no cost is.
void price(trace::Cell& cell, const std::string& model, const TokenPrices& prices);
/// The error with the file (and line, if not 0) as its place, unless it has one.
[[nodiscard]] std::unexpected<Error> placed(Error error, const std::filesystem::path& path, std::uint64_t line);

}  // namespace thalamus::eval
