#include "thalamus/tool/bigint.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <utility>

#include "thalamus/base/assert.h"

namespace thalamus::tool {
namespace {

using Limbs = std::vector<std::uint32_t>;

int compare_magnitude(const Limbs& a, const Limbs& b) noexcept {
  if (a.size() != b.size()) return a.size() < b.size() ? -1 : 1;
  for (std::size_t i = a.size(); i-- > 0;) {
    if (a[i] != b[i]) return a[i] < b[i] ? -1 : 1;
  }
  return 0;
}

void drop_zeros(Limbs& limbs) noexcept {
  while (!limbs.empty() && limbs.back() == 0) limbs.pop_back();
}

Limbs add_magnitude(const Limbs& a, const Limbs& b) {
  const Limbs& longer = a.size() >= b.size() ? a : b;
  const Limbs& shorter = a.size() >= b.size() ? b : a;
  Limbs sum(longer.size() + 1);
  std::uint64_t carry = 0;
  for (std::size_t i = 0; i < longer.size(); ++i) {
    carry += std::uint64_t{longer[i]} + (i < shorter.size() ? shorter[i] : 0U);
    sum[i] = static_cast<std::uint32_t>(carry);
    carry >>= 32;
  }
  sum[longer.size()] = static_cast<std::uint32_t>(carry);
  drop_zeros(sum);
  return sum;
}

/// a - b for a >= b.
Limbs subtract_magnitude(const Limbs& a, const Limbs& b) {
  Limbs difference(a.size());
  std::int64_t borrow = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::int64_t digit = std::int64_t{a[i]} - (i < b.size() ? std::int64_t{b[i]} : 0) - borrow;
    borrow = digit < 0 ? 1 : 0;
    if (digit < 0) digit += std::int64_t{1} << 32;
    difference[i] = static_cast<std::uint32_t>(digit);
  }
  drop_zeros(difference);
  return difference;
}

/// In place: limbs = limbs / divisor, the remainder is returned.
std::uint32_t divide_small(Limbs& limbs, std::uint32_t divisor) noexcept {
  std::uint64_t remainder = 0;
  for (std::size_t i = limbs.size(); i-- > 0;) {
    const std::uint64_t current = (remainder << 32) | limbs[i];
    limbs[i] = static_cast<std::uint32_t>(current / divisor);
    remainder = current % divisor;
  }
  drop_zeros(limbs);
  return static_cast<std::uint32_t>(remainder);
}

void multiply_add_small(Limbs& limbs, std::uint32_t factor, std::uint32_t addend) {
  std::uint64_t carry = addend;
  for (std::uint32_t& limb : limbs) {
    carry += std::uint64_t{limb} * factor;
    limb = static_cast<std::uint32_t>(carry);
    carry >>= 32;
  }
  if (carry != 0) limbs.push_back(static_cast<std::uint32_t>(carry));
}

Limbs shift_left(const Limbs& limbs, int bits) {
  Limbs shifted(limbs.size() + 1);
  std::uint64_t carry = 0;
  for (std::size_t i = 0; i < limbs.size(); ++i) {
    carry |= std::uint64_t{limbs[i]} << bits;
    shifted[i] = static_cast<std::uint32_t>(carry);
    carry >>= 32;
  }
  shifted[limbs.size()] = static_cast<std::uint32_t>(carry);
  return shifted;
}

/// Knuth's algorithm D. `a` has at least as many limbs as `b`, which has at least two; the remainder replaces `a`.
Limbs divide_long(Limbs& a, const Limbs& b) {
  const int shift = std::countl_zero(b.back());
  Limbs divisor = shift_left(b, shift);
  drop_zeros(divisor);
  Limbs rest = shift_left(a, shift);
  const std::size_t n = divisor.size();
  const std::size_t m = rest.size() - 1 - n;
  Limbs quotient(m + 1);
  for (std::size_t j = m + 1; j-- > 0;) {
    const std::uint64_t top = (std::uint64_t{rest[j + n]} << 32) | rest[j + n - 1];
    std::uint64_t guess = top / divisor[n - 1];
    std::uint64_t guess_rest = top % divisor[n - 1];
    while (guess > 0xffffffffULL || guess * divisor[n - 2] > ((guess_rest << 32) | rest[j + n - 2])) {
      --guess;
      guess_rest += divisor[n - 1];
      if (guess_rest > 0xffffffffULL) break;
    }
    std::int64_t borrow = 0;
    std::uint64_t carry = 0;
    for (std::size_t i = 0; i < n; ++i) {
      carry += guess * divisor[i];
      const std::int64_t digit = std::int64_t{rest[i + j]} - borrow - static_cast<std::int64_t>(carry & 0xffffffffULL);
      rest[i + j] = static_cast<std::uint32_t>(digit);
      borrow = digit < 0 ? 1 : 0;
      carry >>= 32;
    }
    const std::int64_t digit = std::int64_t{rest[j + n]} - borrow - static_cast<std::int64_t>(carry);
    rest[j + n] = static_cast<std::uint32_t>(digit);
    if (digit < 0) {
      --guess;
      std::uint64_t back = 0;
      for (std::size_t i = 0; i < n; ++i) {
        back += std::uint64_t{rest[i + j]} + divisor[i];
        rest[i + j] = static_cast<std::uint32_t>(back);
        back >>= 32;
      }
      rest[j + n] = static_cast<std::uint32_t>(rest[j + n] + back);
    }
    quotient[j] = static_cast<std::uint32_t>(guess);
  }
  drop_zeros(quotient);
  for (std::size_t i = 0; i < n; ++i) {
    const std::uint64_t pair = (std::uint64_t{rest[i + 1]} << 32) | rest[i];
    rest[i] = static_cast<std::uint32_t>(pair >> shift);
  }
  rest.resize(n);
  drop_zeros(rest);
  a = std::move(rest);
  return quotient;
}

int digit_value(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'z') return c - 'a' + 10;
  if (c >= 'A' && c <= 'Z') return c - 'A' + 10;
  return 99;
}

}  // namespace

BigInt::BigInt(std::int64_t value) {
  *this = from_unsigned(value < 0 ? 0ULL - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value));
  negative_ = value < 0;
}

BigInt BigInt::from_unsigned(std::uint64_t value) {
  BigInt number;
  number.limbs_ = {static_cast<std::uint32_t>(value), static_cast<std::uint32_t>(value >> 32)};
  number.trim();
  return number;
}

std::optional<BigInt> BigInt::parse(std::string_view digits, unsigned base) {
  if (digits.empty()) return std::nullopt;
  BigInt number;
  std::uint32_t chunk = 0;
  std::uint32_t scale = 1;
  for (const char c : digits) {
    const int digit = digit_value(c);
    if (digit >= static_cast<int>(base)) return std::nullopt;
    if (std::uint64_t{scale} * base > std::numeric_limits<std::uint32_t>::max()) {
      multiply_add_small(number.limbs_, scale, chunk);
      chunk = 0;
      scale = 1;
    }
    chunk = chunk * base + static_cast<std::uint32_t>(digit);
    scale *= base;
  }
  multiply_add_small(number.limbs_, scale, chunk);
  number.trim();
  return number;
}

std::string BigInt::text(unsigned base) const {
  if (limbs_.empty()) return "0";
  // As many digits at a time as fit one limb.
  std::uint32_t chunk = base;
  int chunk_digits = 1;
  while (std::uint64_t{chunk} * base <= std::numeric_limits<std::uint32_t>::max()) {
    chunk *= base;
    ++chunk_digits;
  }
  std::string digits;
  Limbs rest = limbs_;
  while (!rest.empty()) {
    std::uint32_t part = divide_small(rest, chunk);
    for (int i = 0; i < chunk_digits && (part != 0 || !rest.empty()); ++i) {
      digits.push_back("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[part % base]);
      part /= base;
    }
  }
  if (negative_) digits.push_back('-');
  std::reverse(digits.begin(), digits.end());
  return digits;
}

std::size_t BigInt::bit_length() const noexcept {
  return limbs_.empty() ? 0 : limbs_.size() * 32 - static_cast<std::size_t>(std::countl_zero(limbs_.back()));
}

std::optional<std::uint64_t> BigInt::to_uint64() const noexcept {
  if (negative_ || limbs_.size() > 2) return std::nullopt;
  std::uint64_t value = 0;
  for (std::size_t i = limbs_.size(); i-- > 0;) value = (value << 32) | limbs_[i];
  return value;
}

std::optional<std::int64_t> BigInt::to_int64() const noexcept {
  if (bit_length() > 63) return std::nullopt;
  std::uint64_t value = 0;
  for (std::size_t i = limbs_.size(); i-- > 0;) value = (value << 32) | limbs_[i];
  return negative_ ? -static_cast<std::int64_t>(value) : static_cast<std::int64_t>(value);
}

void BigInt::trim() noexcept {
  drop_zeros(limbs_);
  if (limbs_.empty()) negative_ = false;
}

BigInt BigInt::operator-() const {
  BigInt number = *this;
  number.negative_ = !negative_ && !limbs_.empty();
  return number;
}

BigInt BigInt::magnitude() const {
  BigInt number = *this;
  number.negative_ = false;
  return number;
}

BigInt operator+(const BigInt& a, const BigInt& b) {
  BigInt sum;
  if (a.negative_ == b.negative_) {
    sum.limbs_ = add_magnitude(a.limbs_, b.limbs_);
    sum.negative_ = a.negative_;
  } else {
    const bool a_larger = compare_magnitude(a.limbs_, b.limbs_) >= 0;
    sum.limbs_ = a_larger ? subtract_magnitude(a.limbs_, b.limbs_) : subtract_magnitude(b.limbs_, a.limbs_);
    sum.negative_ = a_larger ? a.negative_ : b.negative_;
  }
  sum.trim();
  return sum;
}

BigInt operator-(const BigInt& a, const BigInt& b) { return a + (-b); }

BigInt operator*(const BigInt& a, const BigInt& b) {
  BigInt product;
  product.limbs_.resize(a.limbs_.size() + b.limbs_.size());
  for (std::size_t i = 0; i < a.limbs_.size(); ++i) {
    std::uint64_t carry = 0;
    for (std::size_t j = 0; j < b.limbs_.size(); ++j) {
      carry += std::uint64_t{a.limbs_[i]} * b.limbs_[j] + product.limbs_[i + j];
      product.limbs_[i + j] = static_cast<std::uint32_t>(carry);
      carry >>= 32;
    }
    product.limbs_[i + b.limbs_.size()] = static_cast<std::uint32_t>(carry);
  }
  product.negative_ = a.negative_ != b.negative_;
  product.trim();
  return product;
}

Division divide(const BigInt& dividend, const BigInt& divisor) {
  THALAMUS_ASSERT(!divisor.is_zero());
  Division result;
  result.remainder = dividend;
  if (compare_magnitude(dividend.limbs_, divisor.limbs_) < 0) return result;
  if (divisor.limbs_.size() == 1) {
    result.quotient.limbs_ = dividend.limbs_;
    result.remainder.limbs_ = {divide_small(result.quotient.limbs_, divisor.limbs_[0])};
  } else {
    result.quotient.limbs_ = divide_long(result.remainder.limbs_, divisor.limbs_);
  }
  result.quotient.negative_ = dividend.negative_ != divisor.negative_;
  result.quotient.trim();
  result.remainder.trim();
  return result;
}

BigInt operator/(const BigInt& a, const BigInt& b) { return divide(a, b).quotient; }
BigInt operator%(const BigInt& a, const BigInt& b) { return divide(a, b).remainder; }

std::strong_ordering operator<=>(const BigInt& a, const BigInt& b) noexcept {
  if (a.negative_ != b.negative_) return a.negative_ ? std::strong_ordering::less : std::strong_ordering::greater;
  const int order = compare_magnitude(a.limbs_, b.limbs_) * (a.negative_ ? -1 : 1);
  return order <=> 0;
}

BigInt power(const BigInt& base, std::uint32_t exponent) {
  BigInt result = 1;
  BigInt square = base;
  while (exponent > 0) {
    if ((exponent & 1U) != 0) result = result * square;
    exponent >>= 1;
    if (exponent > 0) square = square * square;
  }
  return result;
}

BigInt gcd(BigInt a, BigInt b) {
  a = a.magnitude();
  b = b.magnitude();
  while (!b.is_zero()) {
    // Two machine words at most: finish without allocating.
    const auto x = a.to_uint64();
    const auto y = b.to_uint64();
    if (x.has_value() && y.has_value()) {
      std::uint64_t u = *x;
      std::uint64_t v = *y;
      while (v != 0) u = std::exchange(v, u % v);
      return BigInt::from_unsigned(u);
    }
    BigInt remainder = a % b;
    a = std::move(b);
    b = std::move(remainder);
  }
  return a;
}

BigInt root_floor(const BigInt& value, std::uint32_t degree) {
  THALAMUS_ASSERT(!value.is_negative() && degree >= 1);
  if (value.is_zero() || degree == 1) return value;
  if (value.bit_length() <= degree) return 1;
  // Newton's iteration from above decreases until it reaches the floor.
  BigInt guess = power(2, static_cast<std::uint32_t>(value.bit_length() / degree + 1));
  while (true) {
    const BigInt next = (guess * BigInt(degree - 1) + value / power(guess, degree - 1)) / BigInt(degree);
    if (next >= guess) return guess;
    guess = next;
  }
}

}  // namespace thalamus::tool
