/// Finds which one option of a multiple-choice question the answer picks: by letter, or by the option's own text.
#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "thalamus/base/text.h"
#include "thalamus/check/checker.h"
#include "thalamus/check/normalise.h"
#include "thalamus/check/reading.h"

namespace thalamus::check {
namespace {

constexpr std::size_t kOptionsMax = 10;  // A to J
using Letters = std::set<char>;

bool is_word(char c) noexcept {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (static_cast<unsigned char>(c) & 0x80U) != 0;
}

char upper(char c) noexcept { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

struct Options {
  std::vector<std::string> texts;  ///< normalised, may be empty
  std::size_t count = kOptionsMax;

  [[nodiscard]] bool has(char letter) const noexcept {
    return letter >= 'A' && static_cast<std::size_t>(letter - 'A') < count;
  }
};

/// The letter that a line opens with: "B", "(B)", "B) text", "B. text", "B: text", "B - text".
std::optional<char> leading_letter(std::string_view line, const Options& options) noexcept {
  bool bullet = false;
  line = without_bullet(line, bullet);
  const bool bracket = line.starts_with('(') || line.starts_with('[');
  if (bracket) line.remove_prefix(1);
  if (line.empty() || !options.has(upper(line[0]))) return std::nullopt;
  const std::string_view rest = line.substr(1);
  const bool lower = line[0] != upper(line[0]);
  if (bracket) return rest.starts_with(')') || rest.starts_with(']') ? std::optional(upper(line[0])) : std::nullopt;
  if (rest.empty() || rest == "." || rest.starts_with(')')) return upper(line[0]);
  if (lower) return std::nullopt;
  if (rest.starts_with(". ") || rest.starts_with(':') || rest.starts_with(" - ")) return line[0];
  return std::nullopt;
}

/// Capital letters that stand alone. A lone "A" or "I" before a word is the article or the pronoun.
Letters standing_letters(std::string_view text, const Options& options) {
  Letters letters;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (!options.has(c) || (i > 0 && (is_word(text[i - 1]) || text[i - 1] == '\''))) continue;
    const std::string_view rest = text.substr(i + 1);
    if (!rest.empty() && (is_word(rest[0]) || rest[0] == '\'')) continue;
    const bool initial = rest.starts_with(". ") && i > 0 && text[i - 1] == ' ' && rest.size() > 2 && is_word(rest[2]) &&
                         i + 1 < text.size() && i >= 2 && is_word(text[i - 2]);
    if (initial) continue;
    const bool word_follows = rest.size() > 1 && rest[0] == ' ' && is_word(rest[1]);
    if ((c == 'A' || c == 'I') && word_follows && !rest.starts_with(" or ") && !rest.starts_with(" and ") &&
        !rest.starts_with(" is ")) {
      continue;
    }
    letters.insert(c);
  }
  return letters;
}

/// Options whose text occurs; one that only occurs inside a longer occurring option does not count.
Letters named_options(std::string_view text, const Options& options) {
  const std::string read = normalise(text);
  Letters letters;
  for (std::size_t i = 0; i < options.texts.size(); ++i) {
    if (!contains_word(read, options.texts[i])) continue;
    const bool inside_longer = std::ranges::any_of(options.texts, [&](const std::string& other) {
      return other.size() > options.texts[i].size() && contains_word(read, other) &&
             contains_word(other, options.texts[i]);
    });
    if (!inside_longer) letters.insert(static_cast<char>('A' + i));
  }
  return letters;
}

/// All options that a stretch of text picks: a leading letter with its text, letters that stand alone, option texts.
Letters picked_in(std::string_view text, const Options& options) {
  text = base::trim(text);
  if (const auto letter = leading_letter(text, options)) {
    const std::size_t skip = text.find(*letter) == std::string_view::npos ? 1 : text.find(*letter) + 1;
    Letters letters = standing_letters(text.substr(std::min(skip, text.size())), options);
    letters.insert(*letter);
    return letters;
  }
  const Letters letters = standing_letters(text, options);
  return letters.empty() ? named_options(text, options) : letters;
}

/// Without a marker: lines that open with a letter; else the last line; else option texts anywhere.
Letters picked_unmarked(const Reading& reading, const Options& options) {
  Letters opening;
  for (const auto& line : reading.lines)
    if (const auto letter = leading_letter(line, options)) opening.insert(*letter);
  if (reading.lines.empty()) return {};
  if (opening.size() > 1) return opening;
  if (opening.size() == 1) {
    const bool first = leading_letter(reading.lines.front(), options).has_value();
    const Letters in_line = picked_in(first ? reading.lines.front() : reading.lines.back(), options);
    return in_line.size() > 1 ? in_line : opening;
  }
  if (Letters last = picked_in(reading.lines.back(), options); !last.empty()) return last;
  return picked_in(reading.text, options);
}

class ChoiceChecker final : public Checker {
 public:
  Result<Grade> grade(std::string_view answer, const Expectation& expected) const override {
    Options options;
    if (expected.values.size() > kOptionsMax)
      return fail(ErrorKind::kInvalidInput, "options: {} are given, checker 'choice' takes at most {}",
                  expected.values.size(), kOptionsMax);
    for (const auto& text : expected.values) options.texts.push_back(normalise(text));
    if (!options.texts.empty()) options.count = options.texts.size();
    const std::string wanted_text = normalise_keeping_case(expected.value);
    const char wanted = wanted_text.size() == 1 ? upper(wanted_text[0]) : '?';
    if (!options.has(wanted))
      return fail(ErrorKind::kInvalidInput, "expected: checker 'choice' got {}, which is not a letter from A to {}",
                  excerpt(expected.value), static_cast<char>('A' + options.count - 1));
    const Reading reading = read_answer(answer);
    Letters letters;
    for (const auto& result : reading.marked) letters.merge(picked_in(result, options));
    if (letters.empty()) letters = picked_unmarked(reading, options);
    Grade grade;
    if (letters.size() != 1) {
      grade.normalised = letters.empty() ? normalise(answer) : std::string(letters.begin(), letters.end());
      grade.reason = letters.empty() ? "the answer picks no option" : "the answer picks several options";
      return grade;
    }
    grade.normalised = std::string(1, *letters.begin());
    grade.quality = *letters.begin() == wanted ? 1 : 0;
    grade.reason = grade.quality > 0 ? fmt::format("the answer picks {}", wanted)
                                     : fmt::format("the answer picks {}, expected {}", *letters.begin(), wanted);
    return grade;
  }
};

const Checker& instance() {
  static const ChoiceChecker kChecker;
  return kChecker;
}

}  // namespace

CheckerRecord choice_checker();
CheckerRecord choice_checker() {
  return {"choice", "the answer picks the expected option, by its letter or by its text, and no other", &instance};
}

}  // namespace thalamus::check
