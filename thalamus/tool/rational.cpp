#include "thalamus/tool/rational.h"

#include <algorithm>
#include <utility>

#include "thalamus/base/assert.h"
#include "thalamus/base/text.h"

namespace thalamus::tool {
namespace {

constexpr int kExponentMax = 300;
constexpr std::size_t kDigitsMax = 2200;

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

std::optional<Rational> parse_decimal(std::string_view text) {
  bool negative = false;
  if (!text.empty() && (text.front() == '-' || text.front() == '+')) {
    negative = text.front() == '-';
    text.remove_prefix(1);
  }
  int exponent = 0;
  if (const auto e = text.find_first_of("eE"); e != std::string_view::npos) {
    std::string_view tail = text.substr(e + 1);
    if (!tail.empty() && tail.front() == '+') tail.remove_prefix(1);
    const auto value = base::parse_number<int>(tail);
    if (!value.has_value() || *value > kExponentMax || *value < -kExponentMax) return std::nullopt;
    exponent = *value;
    text = text.substr(0, e);
  }
  const auto point = text.find('.');
  const std::string_view whole = text.substr(0, point);
  const std::string_view part = point == std::string_view::npos ? std::string_view{} : text.substr(point + 1);
  if (whole.size() + part.size() > kDigitsMax || (whole.empty() && part.empty())) return std::nullopt;
  if (whole.find(',') != std::string_view::npos && !is_grouped_integer(whole)) return std::nullopt;
  if (!std::all_of(part.begin(), part.end(), is_digit)) return std::nullopt;
  std::string digits;
  for (const char c : whole) {
    if (c != ',') digits.push_back(c);
  }
  digits += part;
  auto number = BigInt::parse(digits);
  if (!number.has_value()) return std::nullopt;
  exponent -= static_cast<int>(part.size());
  Rational value = exponent >= 0 ? Rational(*number * power(BigInt(10), static_cast<std::uint32_t>(exponent)))
                                 : Rational(*number, power(BigInt(10), static_cast<std::uint32_t>(-exponent)));
  return negative ? -value : value;
}

}  // namespace

bool is_grouped_integer(std::string_view text) noexcept {
  const auto first = text.find(',');
  if (first == std::string_view::npos || first == 0 || first > 3 || text.front() == '0') return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool comma_place = i >= first && (i - first) % 4 == 0;
    if (comma_place ? text[i] != ',' : !is_digit(text[i])) return false;
  }
  return (text.size() - first) % 4 == 0;
}

Rational::Rational(BigInt numerator, BigInt denominator)
    : numerator_(std::move(numerator)), denominator_(std::move(denominator)) {
  THALAMUS_ASSERT(!denominator_.is_zero());
  if (denominator_.is_negative()) {
    numerator_ = -numerator_;
    denominator_ = -denominator_;
  }
  if (denominator_.is_one()) return;
  const BigInt common = gcd(numerator_, denominator_);
  if (common.is_one()) return;
  numerator_ = numerator_ / common;
  denominator_ = denominator_ / common;
}

std::optional<Rational> Rational::parse(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return parse_decimal(text);
  const auto above = parse_decimal(text.substr(0, slash));
  const auto below = parse_decimal(text.substr(slash + 1));
  if (!above.has_value() || !below.has_value() || below->is_zero()) return std::nullopt;
  return *above / *below;
}

std::optional<std::int64_t> Rational::to_int64() const noexcept {
  return is_integer() ? numerator_.to_int64() : std::nullopt;
}

Rational Rational::operator-() const {
  Rational value = *this;
  value.numerator_ = -numerator_;
  return value;
}

BigInt Rational::floor() const {
  const Division division = divide(numerator_, denominator_);
  return division.remainder.is_negative() ? division.quotient - 1 : division.quotient;
}

BigInt Rational::ceiling() const { return -(-*this).floor(); }

BigInt Rational::nearest() const {
  if (is_integer()) return numerator_;
  const BigInt rounded = (numerator_.magnitude() * 2 + denominator_) / (denominator_ * 2);
  return is_negative() ? -rounded : rounded;
}

Rational operator+(const Rational& a, const Rational& b) {
  if (a.is_integer() && b.is_integer()) return a.numerator_ + b.numerator_;
  return {a.numerator_ * b.denominator_ + b.numerator_ * a.denominator_, a.denominator_ * b.denominator_};
}

Rational operator-(const Rational& a, const Rational& b) { return a + (-b); }

Rational operator*(const Rational& a, const Rational& b) {
  if (a.is_integer() && b.is_integer()) return a.numerator_ * b.numerator_;
  return {a.numerator_ * b.numerator_, a.denominator_ * b.denominator_};
}

Rational operator/(const Rational& a, const Rational& b) {
  return {a.numerator_ * b.denominator_, a.denominator_ * b.numerator_};
}

std::strong_ordering operator<=>(const Rational& a, const Rational& b) {
  return a.numerator_ * b.denominator_ <=> b.numerator_ * a.denominator_;
}

std::string Rational::fraction_text() const {
  return is_integer() ? numerator_.text() : numerator_.text() + "/" + denominator_.text();
}

std::optional<std::uint32_t> Rational::decimals_exact(std::uint32_t digits_max) const {
  if (is_integer()) return 0;
  if (denominator_.bit_length() > std::size_t{digits_max} * 4) return std::nullopt;
  BigInt scaled = 1;
  for (std::uint32_t digits = 1; digits <= digits_max; ++digits) {
    scaled = scaled * 10;
    if ((scaled % denominator_).is_zero()) return digits;
  }
  return std::nullopt;
}

std::string Rational::fixed_text(std::uint32_t decimals) const {
  const BigInt scaled = (*this * Rational(power(BigInt(10), decimals))).nearest();
  std::string digits = scaled.magnitude().text();
  if (decimals > 0) {
    if (digits.size() <= decimals) digits.insert(0, decimals + 1 - digits.size(), '0');
    digits.insert(digits.size() - decimals, ".");
  }
  return scaled.is_negative() ? "-" + digits : digits;
}

std::int64_t Rational::decimals_of(std::uint32_t digits) const {
  if (is_zero()) return 0;
  // The place of the leading digit, found from an estimate that is at most one off.
  const auto bits =
      static_cast<std::int64_t>(numerator_.bit_length()) - static_cast<std::int64_t>(denominator_.bit_length());
  std::int64_t leading = (bits * 30103) / 100000 - 2;
  const Rational size = magnitude();
  while (size >= power(Rational(10), static_cast<std::int32_t>(leading + 1))) ++leading;
  return static_cast<std::int64_t>(digits) - 1 - leading;
}

std::string Rational::significant_text(std::uint32_t digits) const {
  const std::int64_t decimals = decimals_of(digits);
  if (decimals > 0) return rounded_text(digits, 0);
  const Rational unit = power(Rational(10), static_cast<std::int32_t>(-decimals));
  return ((*this / unit).nearest() * unit.numerator()).text();
}

std::string Rational::rounded_text(std::uint32_t digits, std::uint32_t decimals) const {
  const auto shown = static_cast<std::uint32_t>(std::max<std::int64_t>(decimals_of(digits), decimals));
  std::string text = fixed_text(shown);
  if (shown == 0) return text;
  while (text.back() == '0') text.pop_back();
  if (text.back() == '.') text.pop_back();
  return text;
}

std::optional<std::string> Rational::short_text(std::uint32_t digits) const {
  if (is_integer()) return numerator_.text();
  const auto decimals = decimals_exact(digits + 12);
  if (!decimals.has_value()) return std::nullopt;
  std::string text = fixed_text(*decimals);
  const auto first = text.find_first_not_of("-0.");
  std::size_t significant = 0;
  for (std::size_t i = first; i < text.size(); ++i) significant += text[i] != '.' ? 1 : 0;
  if (significant > digits) return std::nullopt;
  return text;
}

Rational rational(std::string_view text) {
  auto value = Rational::parse(text);
  THALAMUS_ASSERT(value.has_value());
  return *std::move(value);
}

Rational power(const Rational& base, std::int32_t exponent) {
  const auto size = static_cast<std::uint32_t>(exponent < 0 ? -exponent : exponent);
  BigInt above = power(base.numerator(), size);
  BigInt below = power(base.denominator(), size);
  if (exponent < 0) return {std::move(below), std::move(above)};
  return {std::move(above), std::move(below)};
}

}  // namespace thalamus::tool
