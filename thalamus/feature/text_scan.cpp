#include "thalamus/feature/text_scan.h"

#include <algorithm>
#include <array>

namespace thalamus::feature {
namespace {

enum ByteClass : std::uint16_t {
  kDigit = 1U << 0,
  kUpper = 1U << 1,
  kLower = 1U << 2,
  kSpace = 1U << 3,
  kPunctuation = 1U << 4,
  kBracket = 1U << 5,
  kQuote = 1U << 6,
  kMath = 1U << 7,
};

constexpr std::array<std::uint16_t, 128> make_classes() {
  std::array<std::uint16_t, 128> table{};
  for (std::size_t c = 0; c < 128; ++c) {
    std::uint16_t bits = 0;
    if (c >= '0' && c <= '9') bits = kDigit;
    if (c >= 'A' && c <= 'Z') bits = kUpper;
    if (c >= 'a' && c <= 'z') bits = kLower;
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n') bits = kSpace;
    if (bits == 0 && c > 32 && c < 127) bits = kPunctuation;
    table[c] = bits;
  }
  for (const char c : {'(', ')', '[', ']', '{', '}', '<', '>'})
    table[static_cast<std::size_t>(c)] |= static_cast<std::uint16_t>(kBracket);
  for (const char c : {'"', '\'', '`'}) table[static_cast<std::size_t>(c)] |= static_cast<std::uint16_t>(kQuote);
  for (const char c : {'+', '-', '*', '/', '=', '<', '>', '^', '%'})
    table[static_cast<std::size_t>(c)] |= static_cast<std::uint16_t>(kMath);
  return table;
}

constexpr auto kClasses = make_classes();

bool is_alphanumeric(char c) noexcept {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 128 && (kClasses[byte] & (kDigit | kUpper | kLower)) != 0;
}

}  // namespace

void TextCounts::end_run() noexcept {
  if (run_ == 0) return;
  ++words;
  word_bytes += run_;
  if (run_digits_ == run_) {
    ++numbers;
    if (number_before_point_) ++decimals;
    longest_number = std::max(longest_number, run_);
    tokens += 0.5 + 0.5 * static_cast<double>(run_);
  } else {
    tokens += 1.0 + static_cast<double>((run_ - 1) / 7);
  }
  number_before_point_ = false;
  run_ = 0;
  run_digits_ = 0;
}

// Scripts by the first byte of the UTF-8 sequence: blocks are split finely enough for a rate.
void TextCounts::lead_byte(unsigned char c) noexcept {
  ++characters;
  if ((c >= 0xe3 && c <= 0xe9) || (c >= 0xea && c <= 0xed) || c == 0xf0) {
    ++cjk;
    tokens += 0.8;
  } else if (c >= 0xd0 && c <= 0xd3) {
    ++cyrillic;
    tokens += 0.5;
  } else if (c >= 0xc3 && c <= 0xc9) {
    ++latin_extended;
    tokens += 0.5;
  } else {
    ++other_script;
    tokens += 1.0;
  }
}

void TextCounts::feed(std::string_view piece) noexcept {
  bytes += piece.size();
  for (const char character : piece) {
    const auto c = static_cast<unsigned char>(character);
    hash = (hash ^ c) * 0x100000001b3ULL;
    if (c >= 128) {
      end_run();
      ++line_bytes_;
      if ((c & 0xc0U) == 0x80U) {
        // U+2200..U+22FF are mathematical operators; U+00D7 and U+00F7 the signs of multiplication and division.
        if (previous_ == 0xe2 && c >= 0x88 && c <= 0x8b) ++math_symbols;
        if (previous_ == 0xc3 && (c == 0x97 || c == 0xb7)) ++math_symbols;
      } else {
        lead_byte(c);
      }
      previous_ = c;
      continue;
    }
    ++characters;
    const std::uint16_t bits = kClasses[c];
    if ((bits & (kDigit | kUpper | kLower)) != 0) {
      if (run_ == 0) number_before_point_ = previous_ == '.' && number_before_point_;
      ++run_;
      digits += (bits & kDigit) != 0 ? 1 : 0;
      run_digits_ += (bits & kDigit) != 0 ? 1 : 0;
      uppers += (bits & kUpper) != 0 ? 1 : 0;
      letters += (bits & (kUpper | kLower)) != 0 ? 1 : 0;
      ++line_bytes_;
      previous_ = c;
      continue;
    }
    const bool was_number = run_ > 0 && run_digits_ == run_;
    end_run();
    number_before_point_ = c == '.' && was_number;
    if (c == '\n') {
      ++newlines;
      tokens += previous_ == '\n' ? 0.0 : 1.0;
      if (line_bytes_ > 0) {
        ++lines;
        last_line_bytes = line_bytes_;
      }
      line_bytes_ = 0;
    } else {
      ++line_bytes_;
    }
    spaces += (bits & kSpace) != 0 ? 1 : 0;
    if ((bits & kPunctuation) != 0) {
      ++punctuation;
      tokens += c == previous_ ? 0.3 : 0.9;
      brackets += (bits & kBracket) != 0 ? 1 : 0;
      quotes += (bits & kQuote) != 0 ? 1 : 0;
      math_symbols += (bits & kMath) != 0 ? 1 : 0;
      commas += c == ',' ? 1 : 0;
      question_marks += c == '?' ? 1 : 0;
      latex += c == '\\' || c == '$' ? 1 : 0;
    }
    previous_ = c;
  }
}

void TextCounts::finish() noexcept {
  end_run();
  if (line_bytes_ > 0) {
    ++lines;
    last_line_bytes = line_bytes_;
  }
  line_bytes_ = 0;
}

namespace {

bool starts(std::string_view text, std::size_t position, std::string_view mark) noexcept {
  return text.substr(position, mark.size()) == mark;
}

// "(A)" anywhere; "A)", "A." and "A:" after a space or line end.
bool is_option(std::string_view text, std::size_t i) noexcept {
  if (text[i] < 'A' || text[i] > 'J' || i + 1 >= text.size()) return false;
  const char after = text[i + 1];
  if (after != ')' && after != '.' && after != ':') return false;
  if (i == 0) return true;
  const char before = text[i - 1];
  if (before == '(') return after == ')';
  return before == '\n' || before == ' ';
}

void line_start(std::string_view text, std::size_t i, TextMarks& marks) noexcept {
  while (i < text.size() && text[i] == ' ') ++i;
  if (i + 1 >= text.size()) return;
  if ((text[i] == '-' || text[i] == '*') && text[i + 1] == ' ') ++marks.list;
  if (text[i] >= '0' && text[i] <= '9' && (text[i + 1] == '.' || text[i + 1] == ')')) ++marks.list;
  for (const std::string_view word : {"def ", "class ", "import ", "from ", "for ", "while ", "return ", "if (",
                                      "#include", "int ", "const ", "let ", "var ", "SELECT ", "print(", "function "})
    if (starts(text, i, word)) ++marks.code;
}

}  // namespace

TextMarks find_marks(std::string_view text) noexcept {
  TextMarks marks;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (i == 0 || text[i - 1] == '\n') line_start(text, i, marks);
    if (c >= 'A' && c <= 'J') {
      if (is_option(text, i)) ++marks.options;
      continue;
    }
    if (c >= 'a' && c <= 'z') {
      if (c == 'h' && (starts(text, i, "http://") || starts(text, i, "https://"))) ++marks.urls;
      continue;
    }
    switch (c) {
      case '`':
        if (starts(text, i, "```")) {
          ++marks.code_fences;
          i += 2;
        }
        break;
      case ';':
        if (i + 1 >= text.size() || text[i + 1] == '\n') ++marks.code;
        break;
      case '{':
        if (i + 1 < text.size() && (text[i + 1] == '"' || text[i + 1] == '\n')) ++marks.json;
        break;
      case '"':
        if (i + 1 < text.size() && text[i + 1] == ':') ++marks.json;
        break;
      case '=':
        if (starts(text, i, "==") || starts(text, i, "=>") || starts(text, i, "= [") || starts(text, i, "= {"))
          ++marks.code;
        break;
      case '-':
        if (starts(text, i, "->")) ++marks.code;
        break;
      case '(':
        if (i > 0 && is_alphanumeric(text[i - 1])) ++marks.code;  // a call
        break;
      case '|': ++marks.table; break;
      case '\t': ++marks.table; break;
      default: break;
    }
  }
  return marks;
}

}  // namespace thalamus::feature
