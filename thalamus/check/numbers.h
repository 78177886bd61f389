/// Numbers as people and models write them, found in plain text.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace thalamus::check {

struct Number {
  double value = 0;
  std::string digits;     ///< canonical digits of a plain integer ("-12"), compared exactly; else ""
  bool percent = false;   ///< followed by % or "percent"
  std::size_t begin = 0;  ///< place in the text
  std::size_t end = 0;
};

/// Signed, decimal, grouped by thousands, scientific ("1.2e5", "1.2 * 10^5"), fractions ("3/4", "1 3/4"), percent.
/// Digits inside a word ("B12") are no number. `text` is plain text (see normalise.h).
[[nodiscard]] std::vector<Number> find_numbers(std::string_view text);

/// Number words from zero to nine hundred ninety-nine, if `text` has no digits.
[[nodiscard]] std::vector<Number> find_number_words(std::string_view text);

/// Equal by digits for integers without tolerance; else |a - b| <= tolerance * |b| plus rounding noise.
[[nodiscard]] bool equal_numbers(const Number& answer, const Number& expected, double tolerance) noexcept;

}  // namespace thalamus::check
