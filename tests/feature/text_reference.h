/// The definitions of counts, marks, tokens and letters, a byte at a time: the oracle of the passes over blocks.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "thalamus/base/text.h"
#include "thalamus/feature/description.h"
#include "thalamus/feature/text_hash.h"
#include "thalamus/feature/text_scan.h"

namespace thalamus::feature::reference {

inline bool is_digit(char c) { return c >= '0' && c <= '9'; }
inline bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
inline bool is_alphanumeric(char c) { return is_digit(c) || is_upper(c) || (c >= 'a' && c <= 'z'); }
inline bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
inline bool is_any_of(char c, std::string_view set) { return set.find(c) != std::string_view::npos; }

struct Counts {
  std::uint64_t characters = 0, lines = 0, last_line_bytes = 0, digits = 0, uppers = 0, spaces = 0, newlines = 0,
                punctuation = 0, brackets = 0, quotes = 0, commas = 0, cjk = 0, cyrillic = 0, latin_extended = 0,
                other_script = 0, math_symbols = 0, latex = 0, question_marks = 0, numbers = 0, decimals = 0,
                longest_number = 0, words = 0, word_bytes = 0, token_tenths = 0;
};

class Counter {
 public:
  Counts read(std::string_view text) {
    for (const char c : text) {
      if (static_cast<unsigned char>(c) >= 0x80) {
        wide(static_cast<unsigned char>(c));
      } else if (++n_.characters; is_alphanumeric(c)) {
        if (run_ == 0) number_before_point_ = previous_ == '.' && number_before_point_;
        ++run_;
        run_digits_ += is_digit(c) ? 1 : 0;
        n_.digits += is_digit(c) ? 1 : 0;
        n_.uppers += is_upper(c) ? 1 : 0;
        ++line_bytes_;
      } else {
        mark(c);
      }
      previous_ = c;
    }
    end_run();
    end_line();
    return n_;
  }

 private:
  void end_run() {
    if (run_ == 0) return;
    ++n_.words;
    n_.word_bytes += run_;
    if (run_digits_ == run_) {
      ++n_.numbers;
      n_.decimals += number_before_point_ ? 1 : 0;
      n_.longest_number = std::max(n_.longest_number, run_);
      n_.token_tenths += 5 + 5 * run_;
    } else {
      n_.token_tenths += 10 + 10 * ((run_ - 1) / 7);
    }
    number_before_point_ = false;
    run_ = run_digits_ = 0;
  }
  void end_line() {
    if (line_bytes_ > 0) {
      ++n_.lines;
      n_.last_line_bytes = line_bytes_;
    }
    line_bytes_ = 0;
  }
  void wide(unsigned char c) {
    end_run();
    ++line_bytes_;
    const auto before = static_cast<unsigned char>(previous_);
    if (c < 0xc0) {
      n_.math_symbols += before == 0xe2 && c >= 0x88 && c <= 0x8b ? 1 : 0;
      n_.math_symbols += before == 0xc3 && (c == 0x97 || c == 0xb7) ? 1 : 0;
      return;
    }
    ++n_.characters;
    if ((c >= 0xe3 && c <= 0xed) || c == 0xf0) {
      ++n_.cjk;
      n_.token_tenths += 8;
    } else if (c >= 0xd0 && c <= 0xd3) {
      ++n_.cyrillic;
      n_.token_tenths += 5;
    } else if (c >= 0xc3 && c <= 0xc9) {
      ++n_.latin_extended;
      n_.token_tenths += 5;
    } else {
      ++n_.other_script;
      n_.token_tenths += 10;
    }
  }
  void mark(char c) {
    const bool was_number = run_ > 0 && run_digits_ == run_;
    end_run();
    number_before_point_ = c == '.' && was_number;
    if (c == '\n') {
      ++n_.newlines;
      n_.token_tenths += previous_ == '\n' ? 0 : 10;
      end_line();
    } else {
      ++line_bytes_;
    }
    n_.spaces += is_space(c) ? 1 : 0;
    if (c <= ' ' || c == 127) return;
    ++n_.punctuation;
    n_.token_tenths += c == previous_ ? 3 : 9;
    n_.brackets += is_any_of(c, "()[]{}<>") ? 1 : 0;
    n_.quotes += is_any_of(c, "\"'`") ? 1 : 0;
    n_.math_symbols += is_any_of(c, "+-*/=<>^%") ? 1 : 0;
    n_.commas += c == ',' ? 1 : 0;
    n_.question_marks += c == '?' ? 1 : 0;
    n_.latex += c == '\\' || c == '$' ? 1 : 0;
  }

  Counts n_;
  std::uint64_t run_ = 0, run_digits_ = 0, line_bytes_ = 0;
  char previous_ = 0;
  bool number_before_point_ = false;
};

inline bool starts(std::string_view text, std::size_t at, std::string_view mark) {
  return text.substr(at, mark.size()) == mark;
}

inline bool is_option(std::string_view text, std::size_t i) {
  if (text[i] < 'A' || text[i] > 'J' || i + 1 >= text.size() || !is_any_of(text[i + 1], ").:")) return false;
  if (i == 0) return true;
  return text[i - 1] == '(' ? text[i + 1] == ')' : text[i - 1] == '\n' || text[i - 1] == ' ';
}

inline void line_start(std::string_view text, std::size_t i, TextMarks& marks) {
  while (i < text.size() && text[i] == ' ') ++i;
  if (i + 1 >= text.size()) return;
  if ((text[i] == '-' || text[i] == '*') && text[i + 1] == ' ') ++marks.list;
  if (is_digit(text[i]) && (text[i + 1] == '.' || text[i + 1] == ')')) ++marks.list;
  for (const char* word : {"def ", "class ", "import ", "from ", "for ", "while ", "return ", "if (", "#include",
                           "int ", "const ", "let ", "var ", "SELECT ", "print(", "function "})
    marks.code += starts(text, i, word) ? 1 : 0;
}

inline TextMarks find_marks(std::string_view text) {
  TextMarks marks;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const char next = i + 1 < text.size() ? text[i + 1] : '\0';
    if (i == 0 || text[i - 1] == '\n') line_start(text, i, marks);
    marks.options += is_option(text, i) ? 1 : 0;
    marks.urls += starts(text, i, "http://") || starts(text, i, "https://") ? 1 : 0;
    if (c == ';') marks.code += i + 1 == text.size() || next == '\n' ? 1 : 0;
    if (c == '{') marks.json += next == '"' || next == '\n' ? 1 : 0;
    if (c == '"') marks.json += next == ':' ? 1 : 0;
    for (const char* mark : {"==", "=>", "= [", "= {", "->"}) marks.code += starts(text, i, mark) ? 1 : 0;
    if (c == '(' && i > 0) marks.code += is_alphanumeric(text[i - 1]) ? 1 : 0;
    marks.table += c == '|' || c == '\t' ? 1 : 0;
    if (starts(text, i, "```")) {
      ++marks.code_fences;
      i += 2;
    }
  }
  return marks;
}

struct Words {
  std::vector<std::uint64_t> tokens;
  std::string letters;
};

inline Words read_words(std::string_view text) {
  Words out;
  std::string word;
  bool after_space = true;
  const auto end_word = [&] {
    if (!word.empty()) out.tokens.push_back(token_hash(word));
    word.clear();
  };
  for (std::size_t at = 0; at < text.size();) {
    const char32_t c = lower_code_point(base::next_code_point(text, at));
    const bool space = c < 0x80 && is_space(static_cast<char>(c));
    if (!space) base::append_utf8(out.letters, c);
    if (space && !after_space) out.letters.push_back(' ');
    after_space = space;
    if (text[at - 1] >= 0 && is_alphanumeric(static_cast<char>(c))) {
      word.push_back(static_cast<char>(c));
      continue;
    }
    end_word();
    std::string encoded;
    base::append_utf8(encoded, c);
    if (text[at - 1] < 0) out.tokens.push_back(token_hash(encoded));
  }
  end_word();
  return out;
}

}  // namespace thalamus::feature::reference
