// Errors in OpenAI's shape, both ways. What a client's library decides by is `type` and `code`; what a person reads is
// `message`, which names the place.
#include <algorithm>
#include <array>

#include "thalamus/base/json_writer.h"
#include "thalamus/base/text.h"
#include "thalamus/wire/json_cursor.h"
#include "thalamus/wire/openai_chat_error.h"
#include "thalamus/wire/openai_chat_format.h"
#include "thalamus/wire/secrets.h"
#include "thalamus/wire/utf8.h"

namespace thalamus::wire {
namespace {

constexpr std::size_t kErrorBytesMax = 500;
constexpr std::size_t kErrorBytesRead = 16U << 10;  // of an error body; its message is at the front or nowhere
constexpr int kErrorNestingMax = 4;

struct ErrorRow {
  std::string_view type;
  std::string_view code;
};

// In the order of ErrorKind.
constexpr std::array<ErrorRow, 16> kErrorRows{{
    {"invalid_request_error", "invalid_value"},
    {"authentication_error", "invalid_api_key"},
    {"permission_error", "permission_denied"},
    {"not_found_error", "not_found"},
    {"invalid_request_error", "request_too_large"},
    {"invalid_request_error", "unsupported_value"},
    {"invalid_request_error", "conflict"},
    {"rate_limit_error", "rate_limit_exceeded"},
    {"invalid_request_error", "contract_infeasible"},
    {"server_error", "timeout"},
    {"server_error", "service_unavailable"},
    {"server_error", "upstream_error"},
    {"server_error", "cancelled"},
    {"server_error", "internal_error"},
    {"server_error", "internal_error"},
    {"server_error", "internal_error"},
}};

std::string_view code_of(const Error& error) noexcept {
  const bool model = error.where == "body.model" || error.where == "path.model";
  if (error.kind == ErrorKind::kNotFound && model) return "model_not_found";
  const bool unsuited = error.kind == ErrorKind::kInfeasible || error.kind == ErrorKind::kUnsupported;
  if (unsuited && (error.where == "body.messages" || error.where == "body.input")) return "context_length_exceeded";
  return kErrorRows[static_cast<std::size_t>(error.kind)].code;
}

std::string error_json(const Error& error) {
  base::JsonWriter writer;
  writer.begin_object().key("error").begin_object();
  write_openai_error(writer, openai_error(error));
  writer.end_object().end_object();
  return writer.take();
}

/// The title of an HTML page: what a proxy in between has to say.
std::string_view page_title(std::string_view page) noexcept {
  const auto begin = page.find("<title>");
  if (begin == std::string_view::npos) return page;
  const std::string_view title = page.substr(begin + 7);
  return title.substr(0, title.find('<'));
}

/// Rank of a key that may hold the human part; 0 for the others.
int key_rank(std::string_view key) noexcept {
  if (key == "error") return 4;
  if (key == "message") return 3;
  if (key == "detail") return 2;
  if (key == "msg" || key == "error_message" || key == "errors") return 1;
  return 0;
}

bool read_object_message(JsonCursor& cursor, std::string& message, int nesting);
bool read_array_message(JsonCursor& cursor, std::string& message, int nesting);

/// Passes the value at the cursor and takes its human part.
bool read_message_value(JsonCursor& cursor, std::string& message, int nesting) {
  if (nesting < kErrorNestingMax) {
    if (cursor.peek() == JsonKind::kString) return cursor.read_string(message);
    if (cursor.peek() == JsonKind::kObject) return read_object_message(cursor, message, nesting + 1);
    if (cursor.peek() == JsonKind::kArray) return read_array_message(cursor, message, nesting + 1);
  }
  return cursor.skip();
}

bool read_object_message(JsonCursor& cursor, std::string& message, int nesting) {
  int best = 0;
  std::string_view key;
  if (!cursor.enter_object()) return false;
  while (cursor.next_member(key)) {
    const int rank = key_rank(key);
    if (rank <= best) {
      if (!cursor.skip()) return false;
      continue;
    }
    std::string found;
    if (!read_message_value(cursor, found, nesting)) return false;
    if (found.empty()) continue;
    best = rank;
    message = std::move(found);
  }
  return !cursor.failed();
}

/// The first element that says something.
bool read_array_message(JsonCursor& cursor, std::string& message, int nesting) {
  if (!cursor.enter_array()) return false;
  while (cursor.next_element()) {
    if (!(message.empty() ? read_message_value(cursor, message, nesting) : cursor.skip())) return false;
  }
  return !cursor.failed();
}

}  // namespace

bool is_clients_place(std::string_view where) noexcept {
  return where == "body" || where.starts_with("body.") || where.starts_with("header ");
}

OpenAiError openai_error(const Error& error) {
  const std::string_view where = error.where;
  OpenAiError out;
  out.message = is_clients_place(where) ? error.text() : error.message;
  out.type = kErrorRows[static_cast<std::size_t>(error.kind)].type;
  if (where.starts_with("body.") || where.starts_with("path.")) out.param = where.substr(5);
  if (where.starts_with("header ")) out.param = where.substr(7);
  out.code = code_of(error);
  return out;
}

void write_openai_error(base::JsonWriter& writer, const OpenAiError& error) {
  writer.field("message", error.message).field("type", error.type).key("param");
  if (error.param.empty()) {
    writer.null();
  } else {
    writer.value(error.param);
  }
  writer.field("code", error.code);
}

std::string presentable(std::string_view text) {
  const bool whole = text.size() <= kErrorBytesRead;
  std::string line;
  for (const char c : cut_utf8(text, kErrorBytesRead)) {
    const bool blank = static_cast<unsigned char>(c) <= 0x20 || c == 0x7f;
    if (!blank) line.push_back(c);
    if (blank && !line.empty() && line.back() != ' ') line.push_back(' ');
  }
  // A key that the cut went through would no longer look like one.
  if (!whole) line.resize(std::min(line.size(), line.find_last_of(' ')));
  const std::string masked = mask_secrets(base::trim(line));
  std::string out;
  const std::string_view kept = cut_utf8(masked, kErrorBytesMax);
  for (std::size_t at = 0; at < kept.size();) base::append_utf8(out, base::next_code_point(kept, at));
  // Invalid bytes grow when they are replaced.
  return std::string(cut_utf8(out, kErrorBytesMax));
}

bool read_error_member(JsonCursor& cursor, std::string& message) {
  std::string_view raw;
  JsonCursor ahead = cursor;
  if (!cursor.skip(raw)) return false;
  if (!read_message_value(ahead, message, 0) || message.empty()) message = std::string(raw);
  message = presentable(message);
  return true;
}

std::string OpenAiChat::encode_error(const base::Error& error, std::string_view /*request_id*/) const {
  return error_json(error);
}

std::string OpenAiChat::encode_stream_error(const base::Error& error) const {
  return "data: " + error_json(error) + "\n\n";
}

std::string read_error_body(std::string_view body) {
  JsonCursor cursor(body);
  std::string message;
  const bool json = read_message_value(cursor, message, 0) && cursor.finish();
  const std::string_view text = json && !message.empty() ? std::string_view(message) : base::trim(body);
  std::string shown = presentable(text.starts_with('<') ? page_title(text) : text);
  return shown.empty() ? "no reason given" : shown;
}

std::string OpenAiChat::read_error(std::string_view body) const { return read_error_body(body); }

}  // namespace thalamus::wire
