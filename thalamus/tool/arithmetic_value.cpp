#include "thalamus/tool/arithmetic_value.h"

#include <fmt/core.h>

#include <algorithm>

namespace thalamus::tool {
namespace {

constexpr std::size_t kBitsMax = 6650;  // about 2000 digits
constexpr std::uint32_t kRootDegreeMax = 12;
constexpr std::uint32_t kRootDecimals = 60;
constexpr std::uint32_t kDigitsShown = 10;
constexpr std::uint32_t kDecimalsShown = 6;
constexpr std::uint32_t kDigitsExactMax = 20;

std::size_t bits(const Rational& value) { return value.numerator().bit_length() + value.denominator().bit_length(); }

std::optional<std::uint32_t> places_of(const Rational& unit) {
  if (unit == rational("0.1")) return 1;
  if (unit == rational("0.01")) return 2;
  if (unit == rational("0.001")) return 3;
  return std::nullopt;
}

std::string plural(std::uint32_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

/// One exact number in the style's rounding.
Rendered round_as_asked(const Rational& value, const Style& style) {
  std::optional<std::uint32_t> decimals = style.decimals;
  if (style.nearest.has_value()) {
    decimals = places_of(*style.nearest);
    if (!decimals.has_value()) {
      const Rational rounded = Rational((value / *style.nearest).nearest()) * *style.nearest;
      const std::string unit = style.nearest->numerator().text();
      return {rounded.numerator().text(), "rounded to the nearest " + (unit == "1" ? "whole number" : unit)};
    }
  }
  if (decimals.has_value()) return {value.fixed_text(*decimals), "rounded to " + plural(*decimals, "decimal place")};
  if (style.significant.has_value()) {
    return {value.significant_text(*style.significant),
            "rounded to " + plural(*style.significant, "significant digit")};
  }
  const bool by_digits = value.decimals_of(kDigitsShown) >= kDecimalsShown;
  return {value.rounded_text(kDigitsShown, kDecimalsShown),
          "rounded to " +
              (by_digits ? plural(kDigitsShown, "significant digit") : plural(kDecimalsShown, "decimal place"))};
}

}  // namespace

bool Evaluator::afford(const Rational& a, const Rational& b) {
  const auto limbs = [](const Rational& value) {
    return static_cast<std::int64_t>(value.numerator().limbs() + value.denominator().limbs()) + 1;
  };
  const bool fractions = !a.is_integer() || !b.is_integer();
  const std::int64_t size = limbs(a) + limbs(b);
  budget_ -= fractions ? size * size * 16 + 60 : limbs(a) * limbs(b) + 20;
  return budget_ > 0 && (!fractions || bits(a) + bits(b) < 4000);
}

std::optional<Value> Evaluator::checked(Value value) const {
  if (bits(value.low) > kBitsMax || bits(value.high) > kBitsMax) return std::nullopt;
  return value;
}

std::optional<Value> Evaluator::add(const Value& a, const Value& b) {
  if (!afford(a.low, b.low)) return std::nullopt;
  if (a.is_exact() && b.is_exact()) return checked(a.low + b.low);
  return checked({a.low + b.low, a.high + b.high});
}

std::optional<Value> Evaluator::subtract(const Value& a, const Value& b) { return add(a, Value(-b.high, -b.low)); }

std::optional<Value> Evaluator::multiply(const Value& a, const Value& b) {
  if (!afford(a.low, b.low) || bits(a.low) + bits(b.low) > kBitsMax + 64) return std::nullopt;
  if (a.is_exact() && b.is_exact()) return checked(a.low * b.low);
  const auto [low, high] = std::minmax({a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high});
  return checked({low, high});
}

std::optional<Value> Evaluator::divide(const Value& a, const Value& b) {
  if (b.low.is_zero() || b.high.is_zero() || b.low.is_negative() != b.high.is_negative()) return std::nullopt;
  if (!afford(a.low, b.low)) return std::nullopt;
  budget_ -= static_cast<std::int64_t>(bits(a.low) + bits(b.low)) * 8;  // the greatest common divisor
  if (budget_ < 0 || (!b.low.is_integer() && bits(a.low) > 4000)) return std::nullopt;
  if (a.is_exact() && b.is_exact()) return checked(a.low / b.low);
  const Rational one(1);
  return multiply(a, Value(one / b.high, one / b.low));
}

std::optional<Value> Evaluator::raise(const Value& base, const Value& exponent) {
  if (!exponent.is_exact()) return std::nullopt;
  const Rational& power_exact = exponent.low;
  if (!power_exact.is_integer()) {
    const auto degree = power_exact.denominator().to_int64();
    if (!degree.has_value() || *degree > kRootDegreeMax || base.low.is_negative()) return std::nullopt;
    const auto raised = raise(base, Value(Rational(power_exact.numerator())));
    return raised.has_value() ? root(*raised, static_cast<std::uint32_t>(*degree)) : std::nullopt;
  }
  const auto count = power_exact.to_int64();
  if (!count.has_value() || !base.is_exact()) {
    if (!count.has_value() || *count < 1 || *count > 12) return std::nullopt;
    Value result = base;
    for (std::int64_t i = 1; i < *count; ++i) {
      const auto next = multiply(result, base);
      if (!next.has_value()) return std::nullopt;
      result = *next;
    }
    return result;
  }
  if (base.low.is_zero()) return *count > 0 ? std::optional<Value>(Value(0)) : std::nullopt;
  if (base.low.magnitude() == Rational(1)) return base.low.is_negative() && *count % 2 != 0 ? Value(-1) : Value(1);
  const std::int64_t size = *count < 0 ? -*count : *count;
  if (size > 7000 || static_cast<std::size_t>(size) * (bits(base.low) - 1) > kBitsMax + 64) return std::nullopt;
  const auto limbs = static_cast<std::int64_t>(static_cast<std::size_t>(size) * bits(base.low) / 32 + 1);
  budget_ -= limbs * limbs * (base.low.is_integer() ? 2 : 8) + 100;
  if (budget_ < 0) return std::nullopt;
  return checked(power(base.low, static_cast<std::int32_t>(*count)));
}

std::optional<Rational> Evaluator::root_down(const Rational& value, std::uint32_t degree) {
  const BigInt scale = power(BigInt(10), kRootDecimals * degree);
  budget_ -= static_cast<std::int64_t>(bits(value) + scale.bit_length()) * 16;
  if (budget_ < 0 || bits(value) > 2000) return std::nullopt;
  return Rational(root_floor(value.numerator() * scale / value.denominator(), degree),
                  power(BigInt(10), kRootDecimals));
}

std::optional<Value> Evaluator::root(const Value& value, std::uint32_t degree) {
  if (degree < 2 || degree > kRootDegreeMax) return std::nullopt;
  if (value.high.is_negative()) {
    if (degree % 2 == 0) return std::nullopt;
    const auto positive = root(Value(-value.high, -value.low), degree);
    return positive.has_value() ? std::optional<Value>(Value(-positive->high, -positive->low)) : std::nullopt;
  }
  if (value.low.is_negative()) return std::nullopt;
  if (value.is_exact() && bits(value.low) <= kBitsMax) {
    budget_ -= static_cast<std::int64_t>(bits(value.low)) * 20;
    if (budget_ < 0) return std::nullopt;
    const BigInt above = root_floor(value.low.numerator(), degree);
    const BigInt below = root_floor(value.low.denominator(), degree);
    if (power(above, degree) == value.low.numerator() && power(below, degree) == value.low.denominator()) {
      return Value(Rational(above, below));
    }
  }
  const auto low = root_down(value.low, degree);
  const auto high = root_down(value.high, degree);
  if (!low.has_value() || !high.has_value()) return std::nullopt;
  return Value(*low, *high + Rational(BigInt(1), power(BigInt(10), kRootDecimals)));
}

std::optional<Value> Evaluator::factorial(const Value& value) {
  constexpr std::int64_t kFactorialMax = 800;  // 1977 digits
  const auto n = value.is_exact() ? value.low.to_int64() : std::nullopt;
  if (!n.has_value() || *n < 0 || *n > kFactorialMax) return std::nullopt;
  budget_ -= *n * *n / 8 + 20;
  if (budget_ < 0) return std::nullopt;
  BigInt product = 1;
  for (std::int64_t i = 2; i <= *n; ++i) product = product * BigInt(i);
  return Value(Rational(std::move(product)));
}

std::optional<Value> Evaluator::modulo(const Value& a, const Value& b) {
  if (!a.is_exact() || !b.is_exact() || !a.low.is_integer() || !b.low.is_integer()) return std::nullopt;
  if (a.low.is_negative() || b.low.is_negative() || b.low.is_zero() || !afford(a.low, b.low)) return std::nullopt;
  return Value(Rational(a.low.numerator() % b.low.numerator()));
}

std::optional<Rendered> render(const Value& value, const Style& style, Preference preference) {
  if (style.form == Form::kPercent) {
    Style rest = style;
    rest.form = Form::kDecimal;
    const Rational hundred(100);
    auto rendered = render(Value(value.low * hundred, value.high * hundred), rest, Preference::kDecimal);
    if (rendered.has_value() && !style.number_only) rendered->text += "%";
    return rendered;
  }
  const bool rounding_asked = style.decimals.has_value() || style.significant.has_value() || style.nearest.has_value();
  if (!value.is_exact()) {
    if (style.form == Form::kFraction) return std::nullopt;
    Rendered low = round_as_asked(value.low, style);
    if (low.text != round_as_asked(value.high, style).text) return std::nullopt;
    return low;
  }
  if (rounding_asked && style.form == Form::kFraction) return std::nullopt;
  if (rounding_asked) {
    Rendered rendered = round_as_asked(value.low, style);
    if (Rational::parse(rendered.text) == value.low) rendered.remark.clear();
    return rendered;
  }
  const bool fraction =
      style.form == Form::kFraction || (style.form == Form::kDefault && preference == Preference::kFraction);
  if (fraction) return Rendered{value.low.fraction_text(), ""};
  if (auto exact = value.low.short_text(kDigitsExactMax); exact.has_value()) return Rendered{*std::move(exact), ""};
  Rendered rendered = round_as_asked(value.low, style);
  if (Rational::parse(rendered.text) == value.low) rendered.remark.clear();
  return rendered;
}

std::optional<Solution> number_solution(const Style& style, const Value& value, std::string_view left,
                                        Preference preference, std::string_view unit) {
  if (style.separator.has_value()) return std::nullopt;
  const auto rendered = render(value, style, preference);
  if (!rendered.has_value()) return std::nullopt;
  if (!style.allows({"number", "numbers", "numeric", "numerical", "integer", "integers", "whole", "digits", "sum",
                     "product", "total", "difference", "quotient", "remainder", "values", "amount", "percentage",
                     "expression"})) {
    return std::nullopt;
  }
  for (const std::string& noun : style.nouns) {
    const bool integer = noun == "integer" || noun == "integers" || noun == "whole";
    if (integer && rendered->text.find_first_of("./") != std::string::npos) return std::nullopt;
    if (noun == "percentage" && style.form != Form::kPercent && unit != "%") return std::nullopt;
  }
  std::string working = fmt::format("{} ", left);
  if (value.is_exact() && !value.low.is_integer() && !rendered->remark.empty() && bits(value.low) < 200) {
    working += fmt::format("= {} ", value.low.fraction_text());
  }
  working += fmt::format("{} {}{}", rendered->remark.empty() ? "=" : "≈", rendered->text, unit);
  if (!rendered->remark.empty()) working += fmt::format(" ({})", rendered->remark);
  std::string answer = rendered->text;
  if (!style.number_only) answer += unit;
  return solution(style, std::move(answer), std::move(working));
}

}  // namespace thalamus::tool
