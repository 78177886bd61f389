/// Numbers of the arithmetic tool: exact fractions, or for irrational roots an interval that holds the true value, so
/// that a rounded answer is given only where both ends round to it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "thalamus/tool/question.h"
#include "thalamus/tool/rational.h"

namespace thalamus::tool {

struct Value {
  Rational low;
  Rational high;
  Value() = default;
  Value(Rational exact) : low(exact), high(std::move(exact)) {}  // NOLINT(google-explicit-constructor)
  Value(std::int64_t exact) : Value(Rational(exact)) {}          // NOLINT(google-explicit-constructor)
  Value(Rational low_end, Rational high_end) : low(std::move(low_end)), high(std::move(high_end)) {}
  [[nodiscard]] bool is_exact() const noexcept { return low == high; }
};

/// Evaluates within a budget of limb operations and a size limit; past them every verb gives nothing, as for what has
/// no value (division by zero, even root of a negative number).
class Evaluator {
 public:
  [[nodiscard]] std::optional<Value> add(const Value& a, const Value& b);
  [[nodiscard]] std::optional<Value> subtract(const Value& a, const Value& b);
  [[nodiscard]] std::optional<Value> multiply(const Value& a, const Value& b);
  [[nodiscard]] std::optional<Value> divide(const Value& a, const Value& b);
  /// Exponents are integers, or fractions with a denominator up to 12 over a base that is not negative.
  [[nodiscard]] std::optional<Value> raise(const Value& base, const Value& exponent);
  [[nodiscard]] std::optional<Value> root(const Value& value, std::uint32_t degree);
  [[nodiscard]] std::optional<Value> factorial(const Value& value);
  /// Exact integers that are not negative only: what the sign of a remainder is, languages disagree.
  [[nodiscard]] std::optional<Value> modulo(const Value& a, const Value& b);

 private:
  [[nodiscard]] bool afford(const Rational& a, const Rational& b);
  [[nodiscard]] std::optional<Value> checked(Value value) const;
  [[nodiscard]] std::optional<Rational> root_down(const Rational& value, std::uint32_t degree);
  std::int64_t budget_ = 400'000;
};

/// A number as text by the user's style, and a remark ("rounded to 2 decimal places") that is empty if it is exact.
struct Rendered {
  std::string text;
  std::string remark;
};
enum class Preference : std::uint8_t { kDecimal, kFraction };
[[nodiscard]] std::optional<Rendered> render(const Value& value, const Style& style, Preference preference);

/// The solution "working = text", declined where the style asks for what the value is not.
[[nodiscard]] std::optional<Solution> number_solution(const Style& style, const Value& value, std::string_view left,
                                                      Preference preference = Preference::kDecimal,
                                                      std::string_view unit = {});

}  // namespace thalamus::tool
