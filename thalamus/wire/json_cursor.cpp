#include "thalamus/wire/json_cursor.h"

#include "thalamus/wire/byte_scan.h"

namespace thalamus::wire {
namespace {

constexpr char32_t kReplacement = 0xfffd;

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

/// Value of a hexadecimal digit, or -1.
int hex_value(char c) noexcept {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// Four hexadecimal digits that are known to be there.
char32_t hex4(const char* at) noexcept {
  char32_t value = 0;
  for (int i = 0; i < 4; ++i) value = value << 4U | static_cast<char32_t>(hex_value(at[i]));
  return value;
}

bool is_high_surrogate(char32_t c) noexcept { return c >= 0xd800 && c < 0xdc00; }
bool is_low_surrogate(char32_t c) noexcept { return c >= 0xdc00 && c < 0xe000; }

/// `at` stands on the digits after "\u"; moves past them and past a low surrogate that completes them.
char32_t unescape_code_point(const char*& at, const char* end) noexcept {
  const char32_t first = hex4(at);
  at += 4;
  if (is_low_surrogate(first)) return kReplacement;
  if (!is_high_surrogate(first)) return first;
  if (end - at < 6 || at[0] != '\\' || at[1] != 'u') return kReplacement;
  const char32_t second = hex4(at + 2);
  if (!is_low_surrogate(second)) return kReplacement;
  at += 6;
  return 0x10000 + ((first - 0xd800) << 10U) + (second - 0xdc00);
}

/// Writes the code point at `to`, which has room for it, and gives the end.
char* put_utf8(char* to, char32_t c) noexcept {
  const auto put = [&to](char32_t byte) { *to++ = static_cast<char>(static_cast<unsigned char>(byte)); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xc0 | (c >> 6U));
    put(0x80 | (c & 0x3fU));
  } else if (c < 0x10000) {
    put(0xe0 | (c >> 12U));
    put(0x80 | ((c >> 6U) & 0x3fU));
    put(0x80 | (c & 0x3fU));
  } else {
    put(0xf0 | (c >> 18U));
    put(0x80 | ((c >> 12U) & 0x3fU));
    put(0x80 | ((c >> 6U) & 0x3fU));
    put(0x80 | (c & 0x3fU));
  }
  return to;
}

/// Passes one multi-byte UTF-8 character; null if it is not one.
const char* pass_character(const char* at, const char* end) noexcept {
  const auto byte = [at](int i) { return static_cast<unsigned char>(at[i]); };
  const auto follows = [&byte](int i) { return (byte(i) & 0xc0U) == 0x80; };
  const unsigned char first = byte(0);
  const auto left = end - at;
  if ((first & 0xf0U) == 0xe0 && left >= 3 && follows(1) && follows(2)) {
    const bool overlong = first == 0xe0 && byte(1) < 0xa0;
    const bool surrogate = first == 0xed && byte(1) >= 0xa0;
    return overlong || surrogate ? nullptr : at + 3;
  }
  if (first >= 0xc2 && first <= 0xdf && left >= 2 && follows(1)) return at + 2;
  if (first >= 0xf0 && first <= 0xf4 && left >= 4 && follows(1) && follows(2) && follows(3)) {
    const bool overlong = first == 0xf0 && byte(1) < 0x90;
    const bool beyond = first == 0xf4 && byte(1) >= 0x90;
    return overlong || beyond ? nullptr : at + 4;
  }
  return nullptr;
}

}  // namespace

void append_unescaped(std::string& out, std::string_view content) {
  const char* at = content.data();
  const char* const end = at + content.size();
  // No escape is shorter than what it stands for.
  const std::size_t before = out.size();
  out.resize(before + content.size());
  char* to = out.data() + before;
  while (at != end) {
    const char* const backslash = copy_to_backslash(at, end, to);
    to += backslash - at;
    if (backslash == end) break;
    at = backslash + 2;
    switch (backslash[1]) {
      case 'n': *to++ = '\n'; break;
      case 't': *to++ = '\t'; break;
      case 'r': *to++ = '\r'; break;
      case 'b': *to++ = '\b'; break;
      case 'f': *to++ = '\f'; break;
      case 'u': to = put_utf8(to, unescape_code_point(at, end)); break;
      default: *to++ = backslash[1];
    }
  }
  out.resize(static_cast<std::size_t>(to - out.data()));
}

bool JsonCursor::problem(const char* what) noexcept {
  if (problem_ == nullptr) problem_ = what;
  return false;
}

Error JsonCursor::error() const {
  if (too_deep_)
    return Error{ErrorKind::kTooLarge,
                 fmt::format("nested deeper than {} levels at byte {}; flatten the value", depth_max_, offset()),
                 {}};
  return Error{ErrorKind::kInvalidInput,
               fmt::format("not valid JSON at byte {}: {}", offset(), problem_ != nullptr ? problem_ : "no problem"),
               {}};
}

void JsonCursor::skip_space() noexcept {
  while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t')) ++at_;
}

JsonKind JsonCursor::peek() noexcept {
  if (failed()) return JsonKind::kBad;
  skip_space();
  if (at_ == end_) return JsonKind::kBad;
  switch (*at_) {
    case '{': return JsonKind::kObject;
    case '[': return JsonKind::kArray;
    case '"': return JsonKind::kString;
    case 't':
    case 'f': return JsonKind::kBool;
    case 'n': return JsonKind::kNull;
    default: return *at_ == '-' || is_digit(*at_) ? JsonKind::kNumber : JsonKind::kBad;
  }
}

bool JsonCursor::enter(char bracket, const char* expected) noexcept {
  if (failed()) return false;
  skip_space();
  if (at_ == end_ || *at_ != bracket) return problem(expected);
  if (depth_ == depth_max_) {
    too_deep_ = true;
    return problem("nested too deep");
  }
  ++at_;
  ++depth_;
  fresh_ = true;
  return true;
}

bool JsonCursor::enter_object() noexcept { return enter('{', "expected an object"); }
bool JsonCursor::enter_array() noexcept { return enter('[', "expected an array"); }

bool JsonCursor::pass_key(std::string_view& content, bool& escaped) noexcept {
  if (failed()) return false;
  skip_space();
  comma_offset_.reset();
  if (at_ == end_) return problem("the text ends inside an object");
  if (*at_ == '}') {
    ++at_;
    --depth_;
    fresh_ = false;
    return false;
  }
  if (!fresh_) {
    if (*at_ != ',') return problem("expected ',' or '}' after a member");
    comma_offset_ = offset();
    ++at_;
    skip_space();
  }
  fresh_ = false;
  if (at_ == end_ || *at_ != '"') return problem("expected a key in double quotes");
  key_offset_ = offset();
  if (!pass_string(content, escaped)) return false;
  skip_space();
  if (at_ == end_ || *at_ != ':') return problem("expected ':' after a key");
  ++at_;
  return true;
}

bool JsonCursor::next_member(std::string_view& key) {
  bool escaped = false;
  if (!pass_key(key, escaped)) return false;
  if (escaped) {
    key_.clear();
    append_unescaped(key_, key);
    key = key_;
  }
  return true;
}

bool JsonCursor::next_element() noexcept {
  if (failed()) return false;
  skip_space();
  if (at_ == end_) return problem("the text ends inside an array");
  if (*at_ == ']') {
    ++at_;
    --depth_;
    fresh_ = false;
    return false;
  }
  if (!fresh_) {
    if (*at_ != ',') return problem("expected ',' or ']' after an element");
    ++at_;
  }
  fresh_ = false;
  return true;
}

bool JsonCursor::pass_unicode_escape() noexcept {
  if (end_ - at_ < 6) return problem("the text ends inside a string");
  for (int i = 2; i < 6; ++i)
    if (hex_value(at_[i]) < 0) return problem("\\u needs four hexadecimal digits");
  at_ += 6;
  return true;
}

bool JsonCursor::pass_escape() noexcept {
  if (end_ - at_ < 2) return problem("the text ends inside a string");
  switch (at_[1]) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't': at_ += 2; return true;
    case 'u': return pass_unicode_escape();
    default: return problem("unknown escape in a string");
  }
}

bool JsonCursor::pass_characters() noexcept {
  // Text outside ASCII comes in runs: stay here until it ends.
  while (at_ != end_ && static_cast<unsigned char>(*at_) >= 0x80) {
    const char* const next = pass_character(at_, end_);
    if (next == nullptr) return problem("invalid UTF-8");
    at_ = next;
  }
  return true;
}

bool JsonCursor::pass_string(std::string_view& content, bool& escaped) noexcept {
  const char* const start = ++at_;
  escaped = false;
  for (;;) {
    at_ = find_string_break(at_, end_);
    if (at_ == end_) return problem("the text ends inside a string");
    if (*at_ == '"') break;
    if (*at_ == '\\') {
      escaped = true;
      if (!pass_escape()) return false;
    } else if (static_cast<unsigned char>(*at_) < 0x20) {
      return problem("a control character inside a string must be escaped");
    } else if (!pass_characters()) {
      return false;
    }
  }
  content = {start, static_cast<std::size_t>(at_ - start)};
  ++at_;
  return true;
}

bool JsonCursor::read_view(std::string_view& out) {
  if (peek() != JsonKind::kString) return problem("expected a string");
  bool escaped = false;
  if (!pass_string(out, escaped)) return false;
  if (escaped) {
    value_.clear();
    append_unescaped(value_, out);
    out = value_;
  }
  return true;
}

bool JsonCursor::read_string(std::string& out) {
  if (peek() != JsonKind::kString) return problem("expected a string");
  std::string_view content;
  bool escaped = false;
  if (!pass_string(content, escaped)) return false;
  if (escaped) {
    out.clear();
    append_unescaped(out, content);
  } else {
    out.assign(content);
  }
  return true;
}

bool JsonCursor::pass_digits() noexcept {
  if (at_ == end_ || !is_digit(*at_)) return problem("expected a digit");
  while (at_ != end_ && is_digit(*at_)) ++at_;
  return true;
}

bool JsonCursor::read_number(std::string_view& spelling) noexcept {
  if (peek() != JsonKind::kNumber) return problem("expected a number");
  const char* const start = at_;
  if (*at_ == '-') ++at_;
  if (at_ != end_ && *at_ == '0') {
    ++at_;
    if (at_ != end_ && is_digit(*at_)) return problem("a number must not begin with a zero");
  } else if (!pass_digits()) {
    return false;
  }
  if (at_ != end_ && *at_ == '.') {
    ++at_;
    if (!pass_digits()) return false;
  }
  if (at_ != end_ && (*at_ == 'e' || *at_ == 'E')) {
    ++at_;
    if (at_ != end_ && (*at_ == '+' || *at_ == '-')) ++at_;
    if (!pass_digits()) return false;
  }
  spelling = {start, static_cast<std::size_t>(at_ - start)};
  return true;
}

bool JsonCursor::read_word(std::string_view word) noexcept {
  if (failed()) return false;
  skip_space();
  if (!std::string_view(at_, static_cast<std::size_t>(end_ - at_)).starts_with(word))
    return problem("expected a value: an object, an array, a string, a number, true, false or null");
  at_ += word.size();
  return true;
}

bool JsonCursor::read_bool(bool& flag) noexcept {
  if (peek() != JsonKind::kBool) return problem("expected true or false");
  flag = *at_ == 't';
  return read_word(flag ? "true" : "false");
}

bool JsonCursor::skip() {
  std::string_view content;
  bool flag = false;
  switch (peek()) {
    case JsonKind::kObject:
      if (!enter_object()) return false;
      // Recursion ends at depth_max_.
      while (pass_key(content, flag))
        if (!skip()) return false;
      return !failed();
    case JsonKind::kArray:
      if (!enter_array()) return false;
      while (next_element())
        if (!skip()) return false;
      return !failed();
    case JsonKind::kString: return pass_string(content, flag);
    case JsonKind::kNumber: return read_number(content);
    case JsonKind::kBool: return read_bool(flag);
    case JsonKind::kNull: return read_null();
    case JsonKind::kBad: break;
  }
  return at_ == end_ ? problem("the text ends where a value was expected") : read_null();
}

bool JsonCursor::skip(std::string_view& raw) {
  if (failed()) return false;
  skip_space();
  const char* const start = at_;
  if (!skip()) return false;
  raw = {start, static_cast<std::size_t>(at_ - start)};
  return true;
}

bool JsonCursor::finish() noexcept {
  if (failed()) return false;
  skip_space();
  return at_ == end_ || problem("expected nothing after the value");
}

}  // namespace thalamus::wire
