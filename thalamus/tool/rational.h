/// Exact fractions and their decimal forms.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "thalamus/tool/bigint.h"

namespace thalamus::tool {

/// Always in lowest terms with a positive denominator.
class Rational {
 public:
  Rational() = default;
  Rational(std::int64_t value) : numerator_(value) {}       // NOLINT(google-explicit-constructor)
  Rational(BigInt value) : numerator_(std::move(value)) {}  // NOLINT(google-explicit-constructor)
  /// The denominator must not be zero.
  Rational(BigInt numerator, BigInt denominator);
  /// "12", "1,234,567.5", "-2.50", "1.5e-3", "22/7"; exponents up to 300. Commas only as thousands separators.
  [[nodiscard]] static std::optional<Rational> parse(std::string_view text);

  [[nodiscard]] const BigInt& numerator() const noexcept { return numerator_; }
  [[nodiscard]] const BigInt& denominator() const noexcept { return denominator_; }
  [[nodiscard]] bool is_integer() const noexcept { return denominator_.is_one(); }
  [[nodiscard]] bool is_zero() const noexcept { return numerator_.is_zero(); }
  [[nodiscard]] bool is_negative() const noexcept { return numerator_.is_negative(); }
  [[nodiscard]] std::optional<std::int64_t> to_int64() const noexcept;

  [[nodiscard]] Rational operator-() const;
  [[nodiscard]] Rational magnitude() const { return is_negative() ? -*this : *this; }
  /// Rounds to an integer: down, up, or to the nearest with halves away from zero.
  [[nodiscard]] BigInt floor() const;
  [[nodiscard]] BigInt ceiling() const;
  [[nodiscard]] BigInt nearest() const;

  friend Rational operator+(const Rational& a, const Rational& b);
  friend Rational operator-(const Rational& a, const Rational& b);
  friend Rational operator*(const Rational& a, const Rational& b);
  /// The divisor must not be zero.
  friend Rational operator/(const Rational& a, const Rational& b);
  friend bool operator==(const Rational& a, const Rational& b) noexcept = default;
  friend std::strong_ordering operator<=>(const Rational& a, const Rational& b);

  /// "3" or "22/7".
  [[nodiscard]] std::string fraction_text() const;
  /// Digits after the point of the exact decimal, if it ends within `digits_max`.
  [[nodiscard]] std::optional<std::uint32_t> decimals_exact(std::uint32_t digits_max) const;
  /// Rounded to `decimals` digits after the point, halves away from zero; trailing zeros stay.
  [[nodiscard]] std::string fixed_text(std::uint32_t decimals) const;
  /// Rounded to `digits` significant digits; trailing zeros after the point go.
  [[nodiscard]] std::string significant_text(std::uint32_t digits) const;
  /// Digits after the point that `digits` significant digits need; negative if they end before the point.
  [[nodiscard]] std::int64_t decimals_of(std::uint32_t digits) const;
  /// Rounded to `digits` significant digits or to `decimals` after the point, whichever shows more: no digit before the
  /// point is ever rounded away. Trailing zeros after the point go.
  [[nodiscard]] std::string rounded_text(std::uint32_t digits, std::uint32_t decimals) const;
  /// The exact decimal if it has at most `digits` significant digits (integers always), else nothing.
  [[nodiscard]] std::optional<std::string> short_text(std::uint32_t digits) const;

 private:
  BigInt numerator_;
  BigInt denominator_ = 1;
};

/// For table literals: the text must parse.
[[nodiscard]] Rational rational(std::string_view text);
/// base^exponent; the base must not be zero if the exponent is negative.
[[nodiscard]] Rational power(const Rational& base, std::int32_t exponent);
/// Is `text` digits grouped in threes by commas, as in 1,234,567?
[[nodiscard]] bool is_grouped_integer(std::string_view text) noexcept;

}  // namespace thalamus::tool
