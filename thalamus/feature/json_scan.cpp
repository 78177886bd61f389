#include "thalamus/feature/json_scan.h"

#include <cstdint>
#include <optional>

#include "thalamus/base/text.h"

namespace thalamus::feature {
namespace {

std::size_t string_end(std::string_view text, std::size_t position) noexcept {
  for (++position; position < text.size(); ++position) {
    if (text[position] == '\\') {
      ++position;
    } else if (text[position] == '"') {
      return position + 1;
    }
  }
  return text.size();
}

std::optional<std::uint32_t> hex4(std::string_view text, std::size_t position) noexcept {
  if (position + 4 > text.size()) return std::nullopt;
  std::uint32_t value = 0;
  for (std::size_t i = position; i < position + 4; ++i) {
    const char c = text[i];
    std::uint32_t digit = 0;
    if (c >= '0' && c <= '9') {
      digit = static_cast<std::uint32_t>(c - '0');
    } else if (c >= 'a' && c <= 'f') {
      digit = static_cast<std::uint32_t>(c - 'a') + 10;
    } else if (c >= 'A' && c <= 'F') {
      digit = static_cast<std::uint32_t>(c - 'A') + 10;
    } else {
      return std::nullopt;
    }
    value = value * 16 + digit;
  }
  return value;
}

// Decodes "uXXXX" (and a following low surrogate) at `position`, which moves past it.
void append_escape_unit(std::string_view text, std::size_t& position, std::string& out) {
  const auto high = hex4(text, position + 1);
  if (!high) {
    ++position;
    return;
  }
  position += 5;
  char32_t code_point = *high;
  if (*high >= 0xd800 && *high < 0xdc00 && position + 1 < text.size() && text[position] == '\\' &&
      text[position + 1] == 'u') {
    const auto low = hex4(text, position + 2);
    if (low && *low >= 0xdc00 && *low < 0xe000) {
      code_point = 0x10000 + ((*high - 0xd800) << 10) + (*low - 0xdc00);
      position += 6;
    }
  }
  if (code_point >= 0xd800 && code_point < 0xe000) code_point = 0xfffd;
  base::append_utf8(out, code_point);
}

}  // namespace

std::size_t json_skip_space(std::string_view text, std::size_t position) noexcept {
  while (position < text.size() &&
         (text[position] == ' ' || text[position] == '\n' || text[position] == '\r' || text[position] == '\t'))
    ++position;
  return position;
}

std::size_t json_value_end(std::string_view text, std::size_t position) noexcept {
  if (position >= text.size()) return text.size();
  if (text[position] == '"') return string_end(text, position);
  if (text[position] != '{' && text[position] != '[') {
    while (position < text.size() && text[position] != ',' && text[position] != '}' && text[position] != ']' &&
           text[position] != ' ' && text[position] != '\n' && text[position] != '\r' && text[position] != '\t')
      ++position;
    return position;
  }
  std::size_t depth = 0;
  while (position < text.size()) {
    const char c = text[position];
    if (c == '"') {
      position = string_end(text, position);
      continue;
    }
    ++position;
    if (c == '{' || c == '[') ++depth;
    if ((c == '}' || c == ']') && --depth == 0) return position;
  }
  return text.size();
}

void json_append_string(std::string_view quoted, std::string& out) {
  if (quoted.size() < 2 || quoted.front() != '"') return;
  const std::string_view text = quoted.substr(1, quoted.size() - (quoted.back() == '"' ? 2 : 1));
  std::size_t position = 0;
  while (position < text.size()) {
    const char c = text[position];
    if (c != '\\' || position + 1 >= text.size()) {
      out.push_back(c);
      ++position;
      continue;
    }
    ++position;
    switch (text[position]) {
      case 'n': out.push_back('\n'); break;
      case 't': out.push_back('\t'); break;
      case 'r': out.push_back('\r'); break;
      case 'b': out.push_back('\b'); break;
      case 'f': out.push_back('\f'); break;
      case 'u': append_escape_unit(text, position, out); continue;
      default: out.push_back(text[position]); break;
    }
    ++position;
  }
}

}  // namespace thalamus::feature
