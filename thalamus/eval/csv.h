/// Comma-separated values as RFC 4180 has them: quoted fields with embedded commas, doubled quotes and line breaks.
/// Streams over a file (plain, .gz, .zst); memory is bounded by one record.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "thalamus/base/result.h"
#include "thalamus/trace/line_source.h"

namespace thalamus::eval {

struct CsvLimits {
  std::size_t record_bytes_max = 64U << 20;
  std::size_t fields_max = 4096;
};

class CsvReader {
 public:
  [[nodiscard]] static Result<CsvReader> open(const std::filesystem::path& path, const CsvLimits& limits = {});
  /// `bytes` outlive the reader.
  [[nodiscard]] static Result<CsvReader> from_bytes(std::string_view bytes, const CsvLimits& limits = {});

  /// The next record; false at the end. Blank lines between records are passed. kInvalidInput for a quote that is not
  /// closed, text behind a closing quote, or a quote inside an unquoted field; kTooLarge past a limit.
  [[nodiscard]] Result<bool> next(std::vector<std::string>& fields);
  /// Where the last record began, from 1.
  [[nodiscard]] std::uint64_t line_number() const noexcept { return record_line_; }

 private:
  CsvReader(trace::LineSource source, const CsvLimits& limits) noexcept : source_(std::move(source)), limits_(limits) {}
  /// Reads a quoted field whose opening quote is at `at` of line_; moves behind the closing quote, over lines if need
  /// be.
  [[nodiscard]] Status read_quoted(std::size_t& at, std::string& field);
  [[nodiscard]] Status read_plain(std::size_t& at, std::string& field) const;
  [[nodiscard]] Status count_bytes(std::size_t bytes);

  trace::LineSource source_;
  CsvLimits limits_;
  std::string line_;
  std::uint64_t record_line_ = 0;
  std::size_t record_bytes_ = 0;
};

/// One field of a record in the form that encodes it back: quoted where needed.
void append_csv_field(std::string& out, std::string_view field);

}  // namespace thalamus::eval
