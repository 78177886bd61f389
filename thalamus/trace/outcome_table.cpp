/// Rows of lines put into one table with common columns; the writer's side of the same format.
#include "thalamus/trace/outcome_table.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "thalamus/base/file.h"
#include "thalamus/base/json_writer.h"
#include "thalamus/base/text.h"
#include "thalamus/trace/line_source.h"
#include "thalamus/trace/row_parser.h"

namespace thalamus::trace {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

/// Collects rows; knows the columns by name and the ids that were used.
class TableBuilder {
 public:
  TableBuilder(const TableLimits& limits, LineKind kind) : limits_(limits), kind_(kind) {}

  [[nodiscard]] Status add(std::string& line, std::uint64_t line_number) {
    if (line_number == 1 && line.starts_with(kByteOrderMark)) line.erase(0, kByteOrderMark.size());
    if (base::trim(line).empty()) {
      ++table_.skipped_rows;
      return {};
    }
    if (table_.rows.size() == limits_.rows_max)
      return fail(ErrorKind::kTooLarge, "more than {} rows; split the file", limits_.rows_max);
    TRY(ParsedRow parsed, parser_.parse(line, kind_, limits_.models_max));
    const auto [earlier, fresh] = ids_.emplace(parsed.row.id, line_number);
    if (!fresh)
      return fail(ErrorKind::kInvalidInput, "field 'id': \"{}\" is on line {} already; ids must be unique",
                  parsed.row.id, earlier->second);
    for (auto& [model, cell] : parsed.outcomes) {
      TRY(const std::size_t column, column_of(model));
      if (parsed.row.cells.size() <= column) parsed.row.cells.resize(column + 1);
      parsed.row.cells[column] = std::move(cell);
    }
    table_.rows.push_back(std::move(parsed.row));
    return {};
  }

  [[nodiscard]] Result<OutcomeTable> finish(std::uint64_t lines, std::uint64_t content_hash) {
    if (lines == 0) return fail(ErrorKind::kInvalidInput, "the file is empty; expected one JSON object a line");
    if (table_.rows.empty()) return fail(ErrorKind::kInvalidInput, "no rows: all {} lines are blank", lines);
    if (kind_ == LineKind::kOutcomes && table_.models.empty())
      return fail(ErrorKind::kInvalidInput,
                  "field 'outcomes' is empty on every row; at least one row needs an outcome of one model");
    for (Row& row : table_.rows) row.cells.resize(table_.models.size());
    table_.content_hash = content_hash;
    return std::move(table_);
  }

 private:
  [[nodiscard]] Result<std::size_t> column_of(const std::string& model) {
    if (const auto found = columns_.find(model); found != columns_.end()) return found->second;
    if (table_.models.size() == limits_.models_max)
      return fail(ErrorKind::kTooLarge, "field 'outcomes': \"{}\" is model number {}; the limit is {}", model,
                  limits_.models_max + 1, limits_.models_max);
    columns_.emplace(model, table_.models.size());
    table_.models.push_back(model);
    return table_.models.size() - 1;
  }

  const TableLimits& limits_;
  LineKind kind_;
  RowParser parser_;
  OutcomeTable table_;
  std::unordered_map<std::string, std::size_t> columns_;
  std::unordered_map<std::string, std::uint64_t> ids_;  // id -> line
};

std::unexpected<Error> placed(Error error, const std::string& name, std::uint64_t line) {
  error.where = line == 0 ? name : fmt::format("{}:{}", name, line);
  return std::unexpected(std::move(error));
}

Result<OutcomeTable> read_all(Result<LineSource> opened, const std::string& name, const TableLimits& limits,
                              LineKind kind) {
  if (!opened) return placed(std::move(opened).error(), name, 0);
  LineSource source = std::move(opened).value();
  TableBuilder builder(limits, kind);
  std::string line;
  for (;;) {
    const auto more = source.next(line);
    if (!more) return placed(more.error(), name, std::max<std::uint64_t>(source.line_number(), 1));
    if (!*more) break;
    if (auto added = builder.add(line, source.line_number()); !added)
      return placed(std::move(added).error(), name, source.line_number());
  }
  auto table = builder.finish(source.line_number(), source.content_hash());
  if (!table) return placed(std::move(table).error(), name, 0);
  return table;
}

void write_member(base::JsonWriter& out, std::string_view name, double number) {
  if (!std::isnan(number)) out.field(name, number);
}

void write_cell(base::JsonWriter& out, const Cell& cell) {
  const bool empty = std::isnan(cell.quality) && std::isnan(cell.cost_usd) && std::isnan(cell.input_tokens) &&
                     std::isnan(cell.output_tokens) && std::isnan(cell.seconds) && cell.answer_hash.empty();
  if (empty) {
    out.null();
    return;
  }
  out.begin_object();
  write_member(out, "quality", cell.quality);
  write_member(out, "cost", cell.cost_usd);
  write_member(out, "input_tokens", cell.input_tokens);
  write_member(out, "output_tokens", cell.output_tokens);
  write_member(out, "latency_s", cell.seconds);
  if (!cell.answer_hash.empty()) out.field("answer_hash", cell.answer_hash);
  out.end_object();
}

/// A line break outside strings is only blank space; inside strings JSON has none.
std::string on_one_line(std::string json) {
  std::replace_if(json.begin(), json.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
  return json;
}

std::string as_messages(std::string_view prompt) {
  base::JsonWriter out;
  out.begin_array().begin_object();
  out.field("role", "user").field("content", prompt);
  out.end_object().end_array();
  return out.take();
}

}  // namespace

Status OutcomeTable::keep_models(const std::vector<std::string>& names) {
  std::vector<std::size_t> columns;
  for (const auto& name : names) {
    const auto found = std::find(models.begin(), models.end(), name);
    if (found == models.end())
      return fail(ErrorKind::kNotFound, "the table has no model '{}'{}", name, base::did_you_mean(name, models));
    const auto column = static_cast<std::size_t>(found - models.begin());
    if (std::find(columns.begin(), columns.end(), column) != columns.end())
      return fail(ErrorKind::kInvalidInput, "model '{}' is named twice", name);
    columns.push_back(column);
  }
  if (columns.empty()) return fail(ErrorKind::kInvalidInput, "no model is named; name at least one");
  for (Row& row : rows) {
    std::vector<Cell> kept;
    kept.reserve(columns.size());
    for (const std::size_t column : columns) kept.push_back(std::move(row.cells[column]));
    row.cells = std::move(kept);
  }
  models = names;
  return {};
}

Result<OutcomeTable> read_outcome_table(const std::filesystem::path& path, const TableLimits& limits) {
  return read_all(LineSource::open(path, limits.line_bytes_max), path.string(), limits, LineKind::kOutcomes);
}

Result<OutcomeTable> parse_outcome_table(std::string_view bytes, const std::string& name, const TableLimits& limits) {
  return read_all(LineSource::from_bytes(bytes, limits.line_bytes_max), name, limits, LineKind::kOutcomes);
}

Result<OutcomeTable> read_requests(const std::filesystem::path& path, const TableLimits& limits) {
  return read_all(LineSource::open(path, limits.line_bytes_max), path.string(), limits, LineKind::kRequest);
}

Result<OutcomeTable> parse_requests(std::string_view bytes, const std::string& name, const TableLimits& limits) {
  return read_all(LineSource::from_bytes(bytes, limits.line_bytes_max), name, limits, LineKind::kRequest);
}

std::string encode_row(const OutcomeTable& table, const Row& row) {
  base::JsonWriter out;
  out.begin_object();
  out.field("id", row.id);
  if (!row.task.empty()) out.field("task", row.task);
  if (row.messages.empty() || row.messages == as_messages(row.prompt)) {
    out.field("prompt", row.prompt);
  } else {
    out.key("messages").raw(on_one_line(row.messages));
  }
  if (!row.tools.empty()) out.key("tools").raw(on_one_line(row.tools));
  if (row.contaminated) out.field("contaminated", true);
  if (!table.models.empty()) {
    out.key("outcomes").begin_object();
    for (std::size_t i = 0; i < table.models.size(); ++i) {
      out.key(table.models[i]);
      write_cell(out, i < row.cells.size() ? row.cells[i] : Cell{});
    }
    out.end_object();
  }
  out.end_object();
  return out.take();
}

Status write_outcome_table(const OutcomeTable& table, const std::filesystem::path& path) {
  std::string text;
  for (const Row& row : table.rows) {
    text += encode_row(table, row);
    text.push_back('\n');
  }
  const std::string ending = path.extension().string();
  if (ending == ".gz") {
    TRY(text, compress_gzip(text));
  } else if (ending == ".zst") {
    TRY(text, compress_zstd(text));
  }
  return base::write_file_atomic(path, text);
}

}  // namespace thalamus::trace
