#include "thalamus/eval/csv.h"

#include <algorithm>

namespace thalamus::eval {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

void drop_carriage_return(std::string& line) {
  if (!line.empty() && line.back() == '\r') line.pop_back();
}

}  // namespace

Result<CsvReader> CsvReader::open(const std::filesystem::path& path, const CsvLimits& limits) {
  TRY(auto source, trace::LineSource::open(path, limits.record_bytes_max));
  return CsvReader(std::move(source), limits);
}

Result<CsvReader> CsvReader::from_bytes(std::string_view bytes, const CsvLimits& limits) {
  TRY(auto source, trace::LineSource::from_bytes(bytes, limits.record_bytes_max));
  return CsvReader(std::move(source), limits);
}

Status CsvReader::count_bytes(std::size_t bytes) {
  record_bytes_ += bytes;
  if (record_bytes_ > limits_.record_bytes_max)
    return fail(ErrorKind::kTooLarge, "a record of more than {} bytes; is a quote not closed?",
                limits_.record_bytes_max);
  return {};
}

Status CsvReader::read_quoted(std::size_t& at, std::string& field) {
  ++at;
  for (;;) {
    const std::size_t quote = line_.find('"', at);
    if (quote == std::string::npos) {
      field.append(line_, at);
      TRY(const bool more, source_.next(line_));
      if (!more) return fail(ErrorKind::kInvalidInput, "a quoted field is not closed before the end of the file");
      CHECK_OK(count_bytes(line_.size() + 1));
      field.push_back('\n');
      at = 0;
      continue;
    }
    field.append(line_, at, quote - at);
    at = quote + 1;
    if (at >= line_.size() || line_[at] != '"') break;
    field.push_back('"');
    ++at;
  }
  const bool at_end = at == line_.size() || (line_[at] == '\r' && at + 1 == line_.size());
  if (at_end) {
    at = line_.size();
  } else if (line_[at] != ',') {
    return fail(ErrorKind::kInvalidInput, "text behind the closing quote of a field; quotes inside are doubled");
  }
  return {};
}

Status CsvReader::read_plain(std::size_t& at, std::string& field) const {
  const std::size_t end = std::min(line_.find(',', at), line_.size());
  field.assign(line_, at, end - at);
  if (end == line_.size()) drop_carriage_return(field);
  if (field.find('"') != std::string::npos)
    return fail(ErrorKind::kInvalidInput,
                "a quote inside a field that does not begin with one; such fields are quoted");
  at = end;
  return {};
}

Result<bool> CsvReader::next(std::vector<std::string>& fields) {
  fields.clear();
  record_bytes_ = 0;
  do {
    TRY(const bool more, source_.next(line_));
    if (!more) return false;
    record_line_ = source_.line_number();
    if (record_line_ == 1 && line_.starts_with(kByteOrderMark)) line_.erase(0, kByteOrderMark.size());
  } while (line_.empty() || line_ == "\r");
  CHECK_OK(count_bytes(line_.size()));
  std::size_t at = 0;
  for (;;) {
    if (fields.size() == limits_.fields_max)
      return fail(ErrorKind::kTooLarge, "a record of more than {} fields", limits_.fields_max);
    std::string& field = fields.emplace_back();
    if (at < line_.size() && line_[at] == '"') {
      CHECK_OK(read_quoted(at, field));
    } else {
      CHECK_OK(read_plain(at, field));
    }
    if (at >= line_.size()) return true;
    ++at;  // the comma
  }
}

void append_csv_field(std::string& out, std::string_view field) {
  const bool plain =
      !field.empty() && !field.starts_with(kByteOrderMark) && field.find_first_of(",\"\r\n") == std::string_view::npos;
  if (plain) {
    out += field;
    return;
  }
  out.push_back('"');
  for (const char c : field) {
    if (c == '"') out.push_back('"');
    out.push_back(c);
  }
  out.push_back('"');
}

}  // namespace thalamus::eval
