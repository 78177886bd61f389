#include "thalamus/check/normalise.h"

#include <array>
#include <cstddef>
#include <cstdint>

#include <fmt/format.h>

#include "thalamus/base/hash.h"
#include "thalamus/base/text.h"
#include "thalamus/check/checker.h"

namespace thalamus::check {
namespace {

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
bool is_letter(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_word(char c) noexcept { return is_digit(c) || is_letter(c) || (static_cast<unsigned char>(c) & 0x80U) != 0; }

struct Replacement {
  char32_t from;
  const char* to;
};

constexpr std::array kReplacements = {
    Replacement{0x00a0, " "},   Replacement{0x1680, " "},   Replacement{0x202f, " "},   Replacement{0x205f, " "},
    Replacement{0x3000, " "},   Replacement{0x2028, "\n"},  Replacement{0x2029, "\n"},  Replacement{0x0085, "\n"},
    Replacement{0x00ad, ""},    Replacement{0x2060, ""},    Replacement{0xfeff, ""},    Replacement{0x2018, "'"},
    Replacement{0x2019, "'"},   Replacement{0x201a, "'"},   Replacement{0x201b, "'"},   Replacement{0x2032, "'"},
    Replacement{0x201c, "\""},  Replacement{0x201d, "\""},  Replacement{0x201e, "\""},  Replacement{0x00ab, "\""},
    Replacement{0x00bb, "\""},  Replacement{0x2010, "-"},   Replacement{0x2011, "-"},   Replacement{0x2012, "-"},
    Replacement{0x2013, "-"},   Replacement{0x2014, "-"},   Replacement{0x2015, "-"},   Replacement{0x2212, "-"},
    Replacement{0x2026, "..."}, Replacement{0x00d7, "*"},   Replacement{0x00f7, "/"},   Replacement{0x2044, "/"},
    Replacement{0x2215, "/"},   Replacement{0x00bd, "1/2"}, Replacement{0x00bc, "1/4"}, Replacement{0x00be, "3/4"},
    Replacement{0x2022, "-"},   Replacement{0x2192, "->"},  Replacement{0x2248, "="},   Replacement{0x00b7, "*"},
    Replacement{0x2205, "{}"},  Replacement{0x22c5, "*"},
};

bool is_thin_space(char32_t c) noexcept { return c == 0x00a0 || c == 0x2009 || c == 0x202f || c == 0x2007; }

/// Three digits and then none stand at `position`: the group after a thousands separator.
bool group_follows(std::string_view text, std::size_t position) noexcept {
  if (position + 3 > text.size()) return false;
  for (std::size_t i = 0; i < 3; ++i)
    if (!is_digit(text[position + i])) return false;
  return position + 3 == text.size() || !is_digit(text[position + 3]);
}

void append_plain_code_point(std::string& out, char32_t c) {
  for (const auto& [from, to] : kReplacements) {
    if (from != c) continue;
    const bool fraction = c == 0x00bc || c == 0x00bd || c == 0x00be;
    if (fraction && !out.empty() && is_digit(out.back())) out.push_back(' ');
    out += to;
    return;
  }
  if (c >= 0x2000 && c <= 0x200a) {
    out.push_back(' ');
  } else if (c >= 0x200b && c <= 0x200f) {
    return;
  } else if (c >= 0xff01 && c <= 0xff5e) {
    out.push_back(static_cast<char>(c - 0xff01 + 0x21));
  } else {
    base::append_utf8(out, c);
  }
}

std::string ascii_forms(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t position = 0; position < text.size();) {
    const char byte = text[position];
    if ((static_cast<unsigned char>(byte) & 0x80U) == 0) {
      ++position;
      if (byte == '\t' || byte == '\v' || byte == '\f') {
        out.push_back(' ');
      } else if (byte != '\r' && byte != '\0') {
        out.push_back(byte);
      }
      continue;
    }
    const char32_t c = base::next_code_point(text, position);
    if (is_thin_space(c) && !out.empty() && is_digit(out.back()) && group_follows(text, position)) continue;
    append_plain_code_point(out, c);
  }
  return out;
}

/// The end of the braced group that opens at `open`, or npos. Linear; nesting is counted, not recursed.
std::size_t closing_brace(std::string_view text, std::size_t open) noexcept {
  std::size_t depth = 0;
  for (std::size_t i = open; i < text.size(); ++i) {
    if (text[i] == '{') ++depth;
    if (text[i] == '}' && --depth == 0) return i;
  }
  return std::string_view::npos;
}

/// Commands whose braces wrap their argument, and what a command without argument reads as.
constexpr std::array<std::string_view, 10> kWrappers = {"text",   "textbf", "mathbf", "mathrm",       "textit",
                                                        "mathit", "emph",   "bold",   "operatorname", "underline"};
constexpr std::array kSymbols = {
    std::pair{"times", "*"},       std::pair{"cdot", "*"},      std::pair{"div", "/"},         std::pair{"approx", "="},
    std::pair{"to", "->"},         std::pair{"left", ""},       std::pair{"right", ""},        std::pair{"quad", " "},
    std::pair{"rightarrow", "->"}, std::pair{"emptyset", "{}"}, std::pair{"varnothing", "{}"}, std::pair{"circ", ""}};

/// One LaTeX command at text[position] == '\\'; returns how far it was consumed, 0 if it is none of ours.
std::size_t latex_command(std::string_view text, std::size_t position, std::string& out) {
  std::size_t end = position + 1;
  while (end < text.size() && is_letter(text[end])) ++end;
  const std::string_view name = text.substr(position + 1, end - position - 1);
  if (name.empty()) {
    if (end >= text.size()) return 0;
    const char c = text[end];
    if (c == '(' || c == ')' || c == '[' || c == ']' || c == '!') return 2;
    if (c == ',' || c == ';' || c == ' ') {
      const bool grouping = !out.empty() && is_digit(out.back()) && group_follows(text, end + 1);
      if (!grouping) out.push_back(' ');
      return 2;
    }
    if (c == '%' || c == '$' || c == '_' || c == '#' || c == '&' || c == '{' || c == '}') {
      out.push_back(c);
      return 2;
    }
    return 0;
  }
  for (const auto& [symbol, reads] : kSymbols)
    if (name == symbol) {
      out += reads;
      return end - position;
    }
  if (end >= text.size() || text[end] != '{') return 0;
  const std::size_t close = closing_brace(text.substr(0, std::min(text.size(), end + 512)), end);
  if (close == std::string_view::npos) return 0;
  const std::string_view inner = text.substr(end + 1, close - end - 1);
  if (name == "frac" || name == "dfrac" || name == "tfrac") {
    if (close + 1 >= text.size() || text[close + 1] != '{') return 0;
    const std::size_t second = closing_brace(text.substr(0, std::min(text.size(), close + 512)), close + 1);
    if (second == std::string_view::npos) return 0;
    out.append(inner).append("/").append(text.substr(close + 2, second - close - 2));
    return second + 1 - position;
  }
  for (const auto wrapper : kWrappers)
    if (name == wrapper) {
      out += inner;
      return close + 1 - position;
    }
  return 0;
}

std::string without_latex(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    if (text[i] == '\\') {
      if (const std::size_t used = latex_command(text, i, out); used != 0) {
        i += used;
        continue;
      }
    } else if (text[i] == '$') {
      ++i;
      continue;
    } else if (text.substr(i, 3) == "{,}") {
      out.push_back(',');
      i += 3;
      continue;
    }
    out.push_back(text[i++]);
  }
  return out;
}

bool is_fence(std::string_view line) noexcept { return line.starts_with("```") || line.starts_with("~~~"); }

/// Drops fence lines and heading marks; other lines stay as they are.
std::string without_fences(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const auto line : base::split(text, '\n')) {
    std::string_view rest = base::trim(line);
    if (is_fence(rest)) {
      // A fence on one line, ```42```, keeps its content.
      rest.remove_prefix(3);
      if (!rest.ends_with("```")) continue;
      rest.remove_suffix(3);
    } else if (rest.starts_with("#") && !rest.starts_with("####")) {
      while (rest.starts_with("#")) rest.remove_prefix(1);
      rest = base::trim(rest);
    } else if (rest.starts_with("> ")) {
      rest = base::trim(rest.substr(2));
    } else {
      rest = line;
    }
    if (!out.empty()) out.push_back('\n');
    out += rest;
  }
  return out;
}

/// The closing partner of an emphasis mark that opens at `position`, or npos.
std::size_t closing_mark(std::string_view line, std::size_t position, std::string_view mark) noexcept {
  const std::size_t inner = position + mark.size();
  if (inner >= line.size() || line[inner] == ' ' || line[inner] == mark[0]) return std::string_view::npos;
  if (position > 0 && is_word(line[position - 1])) return std::string_view::npos;
  for (std::size_t i = line.find(mark, inner + 1); i != std::string_view::npos; i = line.find(mark, i + 1)) {
    const std::size_t after = i + mark.size();
    if (line[i - 1] == ' ' || (after < line.size() && (is_word(line[after]) || line[after] == mark[0]))) continue;
    return i;
  }
  return std::string_view::npos;
}

std::string without_mark(std::string_view line, std::string_view mark) {
  std::string out;
  out.reserve(line.size());
  std::size_t close = std::string_view::npos;
  std::size_t searches_left = 64;  // each search is linear; a line of many marks stays linear too
  for (std::size_t i = 0; i < line.size();) {
    if (i == close) {
      i += mark.size();
      close = std::string_view::npos;
      continue;
    }
    if (close == std::string_view::npos && searches_left > 0 && line.substr(i).starts_with(mark)) {
      --searches_left;
      close = closing_mark(line, i, mark);
      if (close != std::string_view::npos) {
        i += mark.size();
        continue;
      }
      out += mark;
      i += mark.size();
      continue;
    }
    out.push_back(line[i++]);
  }
  return out;
}

std::string without_thousands(std::string_view text) {
  if (text.find_first_of("[{") != std::string_view::npos) return std::string(text);
  std::string out;
  out.reserve(text.size());
  std::size_t digits = 0;  // of the run before this place; a separator needs one to three
  bool grouped = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (is_digit(text[i])) {
      ++digits;
    } else if (text[i] == ',' && digits >= 1 && (digits <= 3 || grouped) && group_follows(text, i + 1)) {
      grouped = true;
      digits = 0;
      continue;
    } else {
      digits = text[i] == '.' && digits > 0 ? 4 : 0;
      grouped = false;
    }
    out.push_back(text[i]);
  }
  return out;
}

/// Single spaces, none before and one after a comma.
std::string with_single_spaces(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const bool space = c == ' ' || c == '\n' || c == '\t';
    if (space) {
      if (!out.empty() && out.back() != ' ') out.push_back(' ');
      continue;
    }
    if (c == ',' && !out.empty() && out.back() == ' ') out.pop_back();
    out.push_back(c);
    if (c == ',') out.push_back(' ');
  }
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

std::string_view without_wrapping(std::string_view text) noexcept {
  for (;;) {
    const std::string_view before = text;
    text = base::trim(text);
    while (!text.empty() && std::string_view(".,;:!?").find(text.back()) != std::string_view::npos)
      text.remove_suffix(1);
    while (!text.empty() && std::string_view(",;:").find(text.front()) != std::string_view::npos) text.remove_prefix(1);
    for (const std::string_view pair : {"\"\"", "''", "()", "[]"}) {
      if (text.size() < 2 || text.front() != pair[0] || text.back() != pair[1]) continue;
      const std::string_view inner = text.substr(1, text.size() - 2);
      if (inner.find_first_of(pair) == std::string_view::npos) text = inner;
    }
    if (text == before) return text;
  }
}

}  // namespace

std::string_view bounded_answer(std::string_view answer) noexcept {
  if (answer.size() <= kAnswerLengthMax) return answer;
  answer.remove_prefix(answer.size() - kAnswerLengthMax);
  while (!answer.empty() && (static_cast<unsigned char>(answer.front()) & 0xc0U) == 0x80) answer.remove_prefix(1);
  return answer;
}

std::string_view without_thinking(std::string_view answer) noexcept {
  constexpr std::string_view kEnd = "</think>";
  const auto at = answer.rfind(kEnd);
  return at == std::string_view::npos ? answer : answer.substr(at + kEnd.size());
}

std::string plain_text_with_emphasis(std::string_view answer) {
  return without_latex(without_fences(ascii_forms(without_thinking(bounded_answer(answer)))));
}

std::string without_emphasis(std::string_view line) {
  std::string out = without_mark(line, "**");
  for (const std::string_view mark : {"__", "*", "_"}) out = without_mark(out, mark);
  std::erase(out, '`');
  return out;
}

std::string plain_text(std::string_view answer) {
  const std::string text = plain_text_with_emphasis(answer);
  std::string out;
  out.reserve(text.size());
  for (const auto line : base::split(text, '\n')) {
    if (!out.empty()) out.push_back('\n');
    out += without_emphasis(line);
  }
  return out;
}

std::string normalise_keeping_case(std::string_view answer) {
  std::string text = plain_text(answer);
  constexpr std::string_view kBoxed = "\\boxed{";
  if (const auto at = text.rfind(kBoxed); at != std::string::npos) {
    const auto close = closing_brace(text, at + kBoxed.size() - 1);
    if (close != std::string::npos && base::trim(text).starts_with(kBoxed) && base::trim(text).ends_with('}'))
      text = text.substr(at + kBoxed.size(), close - at - kBoxed.size());
  }
  const std::string spaced = with_single_spaces(without_thousands(text));
  return std::string(without_wrapping(spaced));
}

std::string normalise(std::string_view answer) { return base::lower_ascii(normalise_keeping_case(answer)); }

std::string answer_hash(std::string_view normalised) { return fmt::format("{:016x}", base::hash64(normalised)); }

}  // namespace thalamus::check
