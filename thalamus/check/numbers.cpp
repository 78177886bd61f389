#include "thalamus/check/numbers.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <optional>
#include <utility>

#include "thalamus/base/text.h"

namespace thalamus::check {
namespace {

constexpr std::size_t kNumbersMax = 4096;
constexpr std::size_t kDigitsMax = 400;

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
bool is_letter(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/// Reads one unsigned decimal with optional thousands separators; moves `at` behind it.
std::string read_decimal(std::string_view text, std::size_t& at) {
  std::string out;
  const std::size_t begin = at;
  while (at < text.size() && is_digit(text[at])) out.push_back(text[at++]);
  const auto group = [&] {
    if (at + 3 >= text.size() || text[at] != ',') return false;
    for (std::size_t i = 1; i <= 3; ++i)
      if (!is_digit(text[at + i])) return false;
    return at + 4 >= text.size() || !is_digit(text[at + 4]);
  };
  if (at - begin >= 1 && at - begin <= 3)
    while (group()) {
      out.append(text.substr(at + 1, 3));
      at += 4;
    }
  if (at + 1 < text.size() && text[at] == '.' && is_digit(text[at + 1])) {
    out.push_back('.');
    ++at;
    while (at < text.size() && is_digit(text[at])) out.push_back(text[at++]);
  }
  return out;
}

/// "e5", "E-3", "*10^5", " * 10^{-3}": the exponent and the place behind it, if one stands at `at`.
std::optional<std::pair<int, std::size_t>> read_exponent(std::string_view text, std::size_t at) noexcept {
  std::size_t place = at;
  if (place < text.size() && (text[place] == 'e' || text[place] == 'E')) {
    ++place;
  } else {
    const auto skip = [&] {
      while (place < text.size() && text[place] == ' ') ++place;
    };
    skip();
    if (place >= text.size() || (text[place] != '*' && text[place] != 'x')) return std::nullopt;
    ++place;
    skip();
    if (!text.substr(place).starts_with("10^")) return std::nullopt;
    place += 3;
  }
  const bool braced = place < text.size() && text[place] == '{';
  if (braced) ++place;
  bool negative = false;
  if (place < text.size() && (text[place] == '-' || text[place] == '+')) negative = text[place++] == '-';
  int exponent = 0;
  const auto [end, error] = std::from_chars(text.data() + place, text.data() + text.size(), exponent);
  if (error != std::errc{} || exponent > 400) return std::nullopt;
  place = static_cast<std::size_t>(end - text.data());
  if (braced) {
    if (place >= text.size() || text[place] != '}') return std::nullopt;
    ++place;
  }
  return std::pair{negative ? -exponent : exponent, place};
}

double to_double(const std::string& digits) noexcept {
  return base::parse_number<double>(digits.starts_with('.') ? "0" + digits : digits).value_or(0);
}

/// "/4" behind an integer, but not a date such as 3/4/2021.
std::optional<double> read_denominator(std::string_view text, std::size_t& at) {
  std::size_t place = at;
  if (place + 1 >= text.size() || text[place] != '/' || !is_digit(text[place + 1])) return std::nullopt;
  ++place;
  const double value = to_double(read_decimal(text, place));
  if (value == 0 || (place + 1 < text.size() && text[place] == '/' && is_digit(text[place + 1]))) return std::nullopt;
  at = place;
  return value;
}

/// "1 3/4": a fraction below one behind a whole number and one space.
void add_mixed_fraction(std::string_view text, std::size_t& at, Number& number) {
  std::size_t place = at;
  if (place + 3 >= text.size() || text[place] != ' ' || !is_digit(text[place + 1])) return;
  ++place;
  const double numerator = to_double(read_decimal(text, place));
  const auto denominator = read_denominator(text, place);
  if (!denominator || numerator >= *denominator) return;
  number.value += numerator / *denominator;
  number.digits.clear();
  at = place;
}

std::string canonical_integer(std::string_view digits, bool negative) {
  const auto first = digits.find_first_not_of('0');
  if (first == std::string_view::npos) return "0";
  return (negative ? "-" : "") + std::string(digits.substr(first));
}

/// Where the sign of the number at `begin` stands: a '-' that no operand precedes, or "minus " and "negative " that no
/// number precedes; npos without one.
std::size_t sign_place(std::string_view text, std::size_t begin) noexcept {
  if (begin > 0 && text[begin - 1] == '-') {
    const char before = begin > 1 ? text[begin - 2] : ' ';
    const bool operand = is_digit(before) || is_letter(before) || before == ')' || before == '-';
    return operand ? std::string_view::npos : begin - 1;
  }
  for (const std::string_view word : {"minus ", "Minus ", "negative ", "Negative "}) {
    if (!text.substr(0, begin).ends_with(word)) continue;
    const std::string_view before = base::trim(text.substr(0, begin - word.size()));
    const bool operand = !before.empty() && (is_digit(before.back()) || before.back() == ')');
    return operand ? std::string_view::npos : begin - word.size();
  }
  return std::string_view::npos;
}

bool is_percent(std::string_view text, std::size_t& at) {
  std::size_t place = at;
  if (place < text.size() && text[place] == ' ') ++place;
  if (place < text.size() && text[place] == '%') {
    at = place + 1;
    return true;
  }
  const std::string word = base::lower_ascii(text.substr(std::min(place, text.size()), 8));
  if (word.starts_with("percent") || word == "per cent") {
    at = place + (word == "per cent" ? 8 : 7);
    return true;
  }
  return false;
}

Number read_number(std::string_view text, std::size_t begin) {
  Number number;
  const std::size_t sign = sign_place(text, begin);
  const bool negative = sign != std::string_view::npos;
  number.begin = negative ? sign : begin;
  std::size_t at = begin;
  const std::string decimal = read_decimal(text, at);
  number.value = decimal.size() > kDigitsMax ? 0 : to_double(decimal);
  const bool integer = decimal.find('.') == std::string::npos;
  if (integer) number.digits = canonical_integer(decimal, negative);
  if (const auto exponent = read_exponent(text, at)) {
    number.value *= std::pow(10.0, exponent->first);
    number.digits.clear();
    at = exponent->second;
  } else if (integer) {
    if (const auto denominator = read_denominator(text, at)) {
      number.value /= *denominator;
      number.digits.clear();
    } else {
      add_mixed_fraction(text, at, number);
    }
  }
  if (negative) number.value = -number.value;
  number.percent = is_percent(text, at);
  number.end = at;
  return number;
}

constexpr std::array<std::string_view, 20> kUnits = {
    "zero", "one",    "two",    "three",    "four",     "five",    "six",     "seven",     "eight",    "nine",
    "ten",  "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"};
constexpr std::array<std::string_view, 8> kTens = {"twenty", "thirty",  "forty",  "fifty",
                                                   "sixty",  "seventy", "eighty", "ninety"};

std::optional<int> word_value(std::string_view word) noexcept {
  for (std::size_t i = 0; i < kUnits.size(); ++i)
    if (word == kUnits[i]) return static_cast<int>(i);
  for (std::size_t i = 0; i < kTens.size(); ++i)
    if (word == kTens[i]) return static_cast<int>(i + 2) * 10;
  return std::nullopt;
}

struct Word {
  std::string text;
  std::size_t begin = 0;
  std::size_t end = 0;
};

std::vector<Word> words_of(std::string_view text) {
  std::vector<Word> words;
  for (std::size_t i = 0; i < text.size() && words.size() < kNumbersMax;) {
    if (!is_letter(text[i])) {
      ++i;
      continue;
    }
    const std::size_t begin = i;
    while (i < text.size() && is_letter(text[i])) ++i;
    words.push_back({base::lower_ascii(text.substr(begin, i - begin)), begin, i});
  }
  return words;
}

}  // namespace

std::vector<Number> find_numbers(std::string_view text) {
  std::vector<Number> numbers;
  for (std::size_t i = 0; i < text.size() && numbers.size() < kNumbersMax;) {
    const bool starts = is_digit(text[i]) || (text[i] == '.' && i + 1 < text.size() && is_digit(text[i + 1]));
    const bool in_word = i > 0 && (is_letter(text[i - 1]) || text[i - 1] == '_' ||
                                   (static_cast<unsigned char>(text[i - 1]) & 0x80U) != 0);
    if (!starts) {
      ++i;
      continue;
    }
    if (in_word) {
      ++i;
      while (i < text.size() && (is_digit(text[i]) || is_letter(text[i]))) ++i;
      continue;
    }
    numbers.push_back(read_number(text, i));
    i = std::max(i + 1, numbers.back().end);
  }
  return numbers;
}

std::vector<Number> find_number_words(std::string_view text) {
  std::vector<Number> numbers;
  const auto words = words_of(text);
  for (std::size_t i = 0; i < words.size();) {
    auto value = word_value(words[i].text);
    if (!value) {
      ++i;
      continue;
    }
    Number number;
    number.begin = words[i].begin;
    std::size_t last = i++;
    const auto next_is = [&](std::string_view word) { return i < words.size() && words[i].text == word; };
    if (*value >= 1 && *value <= 9 && next_is("hundred")) {
      *value *= 100;
      last = i++;
      if (next_is("and")) ++i;
      if (const auto rest = i < words.size() ? word_value(words[i].text) : std::nullopt) {
        *value += *rest;
        last = i++;
      }
    }
    if (*value % 100 >= 20 && *value % 10 == 0 && i < words.size()) {
      const auto unit = word_value(words[i].text);
      if (unit && *unit >= 1 && *unit <= 9) {
        *value += *unit;
        last = i++;
      }
    }
    const bool negative = number.begin >= 6 && base::lower_ascii(text.substr(number.begin - 6, 6)) == "minus ";
    number.value = negative ? -*value : *value;
    number.digits = std::to_string(negative ? -*value : *value);
    number.end = words[last].end;
    numbers.push_back(std::move(number));
  }
  return numbers;
}

bool equal_numbers(const Number& answer, const Number& expected, double tolerance) noexcept {
  if (tolerance == 0 && !answer.digits.empty() && !expected.digits.empty() && answer.percent == expected.percent)
    return answer.digits == expected.digits;
  const auto near = [&](double a, double b) {
    return std::abs(a - b) <= tolerance * std::abs(b) + 1e-9 * std::max(1e-3, std::abs(b));
  };
  if (near(answer.value, expected.value)) return true;
  // "45%" answers a question whose expected value is written 0.45, and the other way round.
  if (answer.percent && !expected.percent) return near(answer.value / 100, expected.value);
  if (!answer.percent && expected.percent) return near(answer.value, expected.value / 100);
  return false;
}

}  // namespace thalamus::check
