/// One line of an outcome table, read with simdjson on demand and validated to the last byte.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "thalamus/base/result.h"
#include "thalamus/trace/outcome_table.h"

namespace thalamus::trace {

/// A row before its cells are put into the table's columns.
struct ParsedRow {
  Row row;
  std::vector<std::pair<std::string, Cell>> outcomes;  ///< in the order of the line
};

/// What a line is read as: a row of an outcome table, or a request, of which nothing but `id`, `prompt`, `messages` and
/// `tools` is looked at; the rest need only be JSON.
enum class LineKind : std::uint8_t { kOutcomes, kRequest };

/// Not thread-safe; keeps its buffers between lines.
class RowParser {
 public:
  RowParser();
  RowParser(const RowParser&) = delete;
  RowParser& operator=(const RowParser&) = delete;
  ~RowParser();
  /// `line` gets spare capacity behind its end. Messages begin with the field: "field 'outcomes.small.quality': ...".
  [[nodiscard]] Result<ParsedRow> parse(std::string& line, LineKind kind, std::size_t models_max);
  /// `messages` and `tools` of a recorded chat request; the rest of the row stays empty.
  [[nodiscard]] Result<Row> parse_body(std::string& body);

 private:
  struct Parsers;
  std::unique_ptr<Parsers> parsers_;
};

}  // namespace thalamus::trace
