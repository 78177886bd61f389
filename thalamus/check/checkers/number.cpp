/// Compares the one number that the answer gives as its result with the expected one.
#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "thalamus/base/text.h"
#include "thalamus/check/checker.h"
#include "thalamus/check/normalise.h"
#include "thalamus/check/numbers.h"
#include "thalamus/check/reading.h"

namespace thalamus::check {
namespace {

/// What a stretch of text says as a number, or why it does not say one.
struct Found {
  std::optional<Number> number;
  std::string problem;
};

enum class Preference : std::uint8_t { kFirst, kLast };

bool same(const Number& a, const Number& b) noexcept { return equal_numbers(a, b, 0) && equal_numbers(b, a, 0); }

bool all_same(const std::vector<Number>& numbers) noexcept {
  return std::ranges::all_of(numbers, [&](const Number& other) { return same(other, numbers.front()); });
}

/// Two numbers with only this between them are offered as alternatives, or as an expression that was not worked out.
bool joins_alternatives(std::string_view between) {
  const std::string text = base::lower_ascii(base::trim(between));
  constexpr std::array<std::string_view, 14> kJoins = {",",     ";", "|",  "/", "or", "and", ", or",
                                                       ", and", "&", "to", "+", "*",  "-",   "^"};
  if (std::ranges::find(kJoins, text) != kJoins.end() || text.empty()) return true;
  for (const std::string_view hedge :
       {"or", "either", "maybe", "perhaps", "possibly", "alternatively", "could", "might"})
    if (contains_word(text, hedge)) return true;
  return false;
}

/// After the last '=' that a number follows; a remark in brackets behind a number is dropped.
std::string_view result_side(std::string_view text) {
  const auto equals = text.rfind('=');
  if (equals != std::string_view::npos && !find_numbers(text.substr(equals + 1)).empty())
    text.remove_prefix(equals + 1);
  const auto bracket = text.find(" (");
  if (bracket != std::string_view::npos && !find_numbers(text.substr(0, bracket)).empty())
    text = text.substr(0, bracket);
  return text;
}

Found number_of(std::string_view text, Preference preference) {
  text = result_side(text);
  auto numbers = find_numbers(text);
  if (numbers.empty()) numbers = find_number_words(text);
  if (numbers.empty()) return {std::nullopt, "no number"};
  if (all_same(numbers)) return {numbers.front(), {}};
  for (std::size_t i = 1; i < numbers.size(); ++i) {
    if (same(numbers[i - 1], numbers[i])) continue;
    if (joins_alternatives(text.substr(numbers[i - 1].end, numbers[i].begin - numbers[i - 1].end)))
      return {std::nullopt, "several numbers without a choice between them"};
  }
  return {preference == Preference::kFirst ? numbers.front() : numbers.back(), {}};
}

bool is_bare_number(std::string_view line, std::vector<Number>& numbers) {
  bool bullet = false;
  line = without_bullet(line, bullet);
  numbers = find_numbers(line);
  return numbers.size() == 1 && numbers[0].begin == 0 && line.size() - numbers[0].end <= 1;
}

/// Three or more lines of nothing but different numbers: a list of guesses.
bool lists_numbers(const Reading& reading) {
  std::vector<Number> different;
  for (const auto& line : reading.lines) {
    std::vector<Number> numbers;
    if (!is_bare_number(line, numbers)) continue;
    if (std::ranges::none_of(different, [&](const Number& n) { return same(n, numbers[0]); }))
      different.push_back(numbers[0]);
    if (different.size() >= 3) return true;
  }
  return false;
}

Found marked_number(const Reading& reading) {
  std::optional<Number> found;
  for (const auto& result : reading.marked) {
    const Found one = number_of(result, Preference::kFirst);
    if (!one.number) return {std::nullopt, "the marked answer has " + one.problem};
    if (found && !same(*found, *one.number)) return {std::nullopt, "different final answers are given"};
    found = one.number;
  }
  return {found, {}};
}

Found unmarked_number(const Reading& reading) {
  if (lists_numbers(reading)) return {std::nullopt, "a list of numbers, not one"};
  for (auto line = reading.lines.rbegin(); line != reading.lines.rend(); ++line) {
    const bool is_last = line == reading.lines.rbegin();
    if (is_last) {
      std::optional<Number> bold;
      for (const auto& span : bold_spans(reading.last_line_emphasised)) {
        const Found one = number_of(span, Preference::kLast);
        if (!one.number) continue;
        if (bold && !same(*bold, *one.number)) return {std::nullopt, "several numbers in bold"};
        bold = one.number;
      }
      if (bold) return {bold, {}};
    }
    if (find_numbers(*line).empty() && find_number_words(*line).empty()) continue;
    bool bullet = false;
    return number_of(without_bullet(*line, bullet), Preference::kLast);
  }
  return {std::nullopt, "no number"};
}

std::string show(const Number& number) {
  return (number.digits.empty() ? fmt::format("{}", number.value) : number.digits) + (number.percent ? "%" : "");
}

class NumberChecker final : public Checker {
 public:
  Result<Grade> grade(std::string_view answer, const Expectation& expected) const override {
    const auto wanted = find_numbers(plain_text(expected.value));
    if (wanted.size() != 1)
      return fail(ErrorKind::kInvalidInput, "expected: checker 'number' got {}, which is not one number",
                  excerpt(expected.value));
    if (!(expected.tolerance >= 0 && expected.tolerance < 1))
      return fail(ErrorKind::kInvalidInput, "tolerance: {} is outside 0..1 (relative)", expected.tolerance);
    const Reading reading = read_answer(answer);
    const Found found = reading.marked.empty() ? unmarked_number(reading) : marked_number(reading);
    Grade grade;
    if (!found.number) {
      grade.normalised = normalise(reading.marked.empty() ? std::string_view(answer) : reading.marked.back());
      grade.reason = "the answer gives " + found.problem;
      return grade;
    }
    grade.normalised = show(*found.number);
    grade.quality = equal_numbers(*found.number, wanted.front(), expected.tolerance) ? 1 : 0;
    grade.reason = grade.quality > 0
                       ? fmt::format("the answer is {}", grade.normalised)
                       : fmt::format("the answer is {}, expected {}", grade.normalised, show(wanted.front()));
    return grade;
  }
};

const Checker& instance() {
  static const NumberChecker kChecker;
  return kChecker;
}

}  // namespace

CheckerRecord number_checker();
CheckerRecord number_checker() {
  return {"number", "the answer's one resulting number equals the expected one, within a relative tolerance",
          &instance};
}

}  // namespace thalamus::check
