#include "thalamus/eval/dataset_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "thalamus/base/text.h"
#include "thalamus/eval/csv.h"
#include "thalamus/trace/line_source.h"

namespace thalamus::eval {
namespace {

constexpr std::size_t kLineBytesMax = 64U << 20;

/// The character of an escape in a printed text; moves behind it. Unknown escapes stand for themselves.
void append_escape(std::string& out, std::string_view text, std::size_t& at) {
  const char c = text[at++];
  const auto hex = [&](std::size_t digits) {
    unsigned value = 0;
    const auto part = text.substr(std::min(at, text.size()), digits);
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value, 16);
    if (error == std::errc{} && end == part.data() + digits) {
      at += digits;
      base::append_utf8(out, static_cast<char32_t>(value));
    }
  };
  switch (c) {
    case 'n': out.push_back('\n'); break;
    case 't': out.push_back('\t'); break;
    case 'r': out.push_back('\r'); break;
    case 'x': hex(2); break;
    case 'u': hex(4); break;
    case 'U': hex(8); break;
    default: out.push_back(c);
  }
}

/// A quoted text of a printed list; false where it is not closed.
bool read_printed(std::string_view text, std::size_t& at, std::string& out) {
  const char quote = text[at++];
  while (at < text.size() && text[at] != quote) {
    if (text[at] == '\\' && at + 1 < text.size()) {
      ++at;
      append_escape(out, text, at);
    } else {
      out.push_back(text[at++]);
    }
  }
  if (at >= text.size()) return false;
  ++at;
  return true;
}

}  // namespace

const std::string* CsvRecord::find(std::string_view column) const noexcept {
  const auto found = std::find(header_.begin(), header_.end(), column);
  if (found == header_.end()) return nullptr;
  return &fields_[static_cast<std::size_t>(found - header_.begin())];
}

Result<std::string_view> CsvRecord::require(std::string_view column) const {
  if (const std::string* field = find(column)) return *field;
  return fail(ErrorKind::kInvalidInput, "there is no column '{}'{}", column, base::did_you_mean(column, header_));
}

std::unexpected<Error> placed(Error error, const std::filesystem::path& path, std::uint64_t line) {
  if (error.where.empty() || error.where.find(path.string()) == std::string::npos) {
    const std::string where = line == 0 ? path.string() : fmt::format("{}:{}", path.string(), line);
    error.where = error.where.empty() ? where : where + ": " + error.where;
  }
  return std::unexpected(std::move(error));
}

Status for_each_csv_record(const std::filesystem::path& path, const std::function<Status(const CsvRecord&)>& visit) {
  auto opened = CsvReader::open(path);
  if (!opened) return placed(opened.error(), path, 0);
  std::vector<std::string> header;
  std::vector<std::string> fields;
  const auto first = opened->next(header);
  if (!first) return placed(first.error(), path, opened->line_number());
  if (!*first)
    return placed({ErrorKind::kInvalidInput, "the file is empty; expected a header of column names", {}}, path, 0);
  for (;;) {
    const auto more = opened->next(fields);
    if (!more) return placed(more.error(), path, opened->line_number());
    if (!*more) return {};
    Status done;
    if (fields.size() != header.size()) {
      done = fail(ErrorKind::kInvalidInput, "{} fields where the header has {} columns", fields.size(), header.size());
    } else {
      done = visit(CsvRecord(header, fields, opened->line_number()));
    }
    if (!done) return placed(done.error(), path, opened->line_number());
  }
}

Status for_each_json_line(const std::filesystem::path& path, const std::function<Status(wire::JsonCursor&)>& visit) {
  auto opened = trace::LineSource::open(path, kLineBytesMax);
  if (!opened) return placed(opened.error(), path, 0);
  std::string line;
  for (;;) {
    const auto more = opened->next(line);
    if (!more) return placed(more.error(), path, std::max<std::uint64_t>(1, opened->line_number()));
    if (!*more) break;
    if (base::trim(line).empty()) continue;
    wire::JsonCursor cursor(line);
    Status done = visit(cursor);
    if (done && !cursor.finish()) done = std::unexpected(cursor.error());
    if (!done) return placed(done.error(), path, opened->line_number());
  }
  if (opened->line_number() == 0)
    return placed({ErrorKind::kInvalidInput, "the file is empty; expected one JSON object a line", {}}, path, 0);
  return {};
}

Status read_members(wire::JsonCursor& cursor, const wire::Place& place, const Members& members) {
  CHECK_OK(wire::enter_object(cursor, place));
  std::string_view key;
  while (cursor.next_member(key)) {
    const std::string name(key);
    const wire::Place member(place, name);
    const auto wanted =
        std::find_if(members.begin(), members.end(), [&](const auto& entry) { return entry.first == name; });
    CHECK_OK(wanted == members.end() ? wire::skip_value(cursor, member) : wanted->second(cursor, member));
  }
  return wire::left(cursor, place);
}

Status read_loose_text(wire::JsonCursor& cursor, const wire::Place& place, std::string& out) {
  out.clear();
  if (cursor.peek() == wire::JsonKind::kString) return wire::read_text(cursor, place, out);
  if (wire::pass_null(cursor)) return {};
  std::string_view raw;
  if (!cursor.skip(raw)) return wire::malformed(cursor, place);
  out = raw;
  return {};
}

Status read_loose_number(wire::JsonCursor& cursor, const wire::Place& place, double& out) {
  out = trace::kMissing;
  if (wire::pass_null(cursor)) return {};
  if (cursor.peek() == wire::JsonKind::kBool) {
    bool flag = false;
    CHECK_OK(wire::read_flag(cursor, place, flag));
    out = flag ? 1 : 0;
    return {};
  }
  return wire::read_real(cursor, place, {-1e300, 1e300, "a number, true, false or null"}, out);
}

Result<double> number_of(std::string_view text, std::string_view column) {
  const std::string lower = base::lower_ascii(base::trim(text));
  if (lower.empty() || lower == "nan" || lower == "none" || lower == "null") return trace::kMissing;
  if (lower == "true") return 1.0;
  if (lower == "false") return 0.0;
  if (const auto number = base::parse_number<double>(lower)) return *number;
  return fail(ErrorKind::kInvalidInput, "column '{}': expected a number, True or False, got {}", column,
              wire::quoted(text));
}

std::string joined_list(std::string_view text) {
  const std::string_view list = base::trim(text);
  if (list.size() < 2 || list.front() != '[' || list.back() != ']') return std::string(text);
  std::string out;
  bool first = true;
  std::size_t at = 1;
  for (;;) {
    while (at < list.size() && (list[at] == ' ' || list[at] == '\n' || list[at] == ',')) ++at;
    if (at + 1 == list.size()) return first ? std::string(text) : out;
    if (list[at] != '\'' && list[at] != '"') return std::string(text);
    if (!first) out.push_back('\n');
    first = false;
    if (!read_printed(list, at, out)) return std::string(text);
  }
}

void price(trace::Cell& cell, const std::string& model, const TokenPrices& prices) {
  const auto found = prices.find(model);
  if (found == prices.end() || !std::isnan(cell.cost_usd)) return;
  if (std::isnan(cell.input_tokens) || std::isnan(cell.output_tokens)) return;
  cell.cost_usd = (cell.input_tokens * found->second.input + cell.output_tokens * found->second.output) / 1e6;
}

}  // namespace thalamus::eval
