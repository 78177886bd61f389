/// Signed integers of any size for exact arithmetic. Schoolbook algorithms (Knuth, The Art of Computer Programming,
/// volume 2, section 4.3.1): the tools never hold more than a few thousand digits. Callers bound sizes before they
/// multiply or raise to a power; `bit_length` says what they need to know.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace thalamus::tool {

struct Division;

class BigInt {
 public:
  BigInt() = default;
  BigInt(std::int64_t value);  // NOLINT(google-explicit-constructor): integers are integers
  [[nodiscard]] static BigInt from_unsigned(std::uint64_t value);
  /// Only digits of `base` (2 to 36, either case), at least one; no sign.
  [[nodiscard]] static std::optional<BigInt> parse(std::string_view digits, unsigned base = 10);

  [[nodiscard]] std::string text(unsigned base = 10) const;
  [[nodiscard]] bool is_zero() const noexcept { return limbs_.empty(); }
  [[nodiscard]] bool is_negative() const noexcept { return negative_; }
  [[nodiscard]] bool is_one() const noexcept { return !negative_ && limbs_.size() == 1 && limbs_[0] == 1; }
  [[nodiscard]] bool is_odd() const noexcept { return !limbs_.empty() && (limbs_[0] & 1U) != 0; }
  /// Bits of the magnitude; 0 for zero.
  [[nodiscard]] std::size_t bit_length() const noexcept;
  [[nodiscard]] std::size_t limbs() const noexcept { return limbs_.size(); }
  [[nodiscard]] std::optional<std::int64_t> to_int64() const noexcept;
  [[nodiscard]] std::optional<std::uint64_t> to_uint64() const noexcept;

  [[nodiscard]] BigInt operator-() const;
  [[nodiscard]] BigInt magnitude() const;
  friend BigInt operator+(const BigInt& a, const BigInt& b);
  friend BigInt operator-(const BigInt& a, const BigInt& b);
  friend BigInt operator*(const BigInt& a, const BigInt& b);
  /// Quotient rounded towards zero; the remainder has the sign of the dividend. The divisor must not be zero.
  friend Division divide(const BigInt& dividend, const BigInt& divisor);
  friend BigInt operator/(const BigInt& a, const BigInt& b);
  friend BigInt operator%(const BigInt& a, const BigInt& b);
  friend bool operator==(const BigInt& a, const BigInt& b) noexcept = default;
  friend std::strong_ordering operator<=>(const BigInt& a, const BigInt& b) noexcept;

 private:
  void trim() noexcept;
  std::vector<std::uint32_t> limbs_;  ///< least significant first, no leading zeros
  bool negative_ = false;             ///< never for zero
};

struct Division {
  BigInt quotient;
  BigInt remainder;
};

[[nodiscard]] BigInt power(const BigInt& base, std::uint32_t exponent);
/// Greatest common divisor of the magnitudes; gcd(0, 0) is 0.
[[nodiscard]] BigInt gcd(BigInt a, BigInt b);
/// Floor of the `degree`-th root of a number that is not negative; degree >= 1.
[[nodiscard]] BigInt root_floor(const BigInt& value, std::uint32_t degree);

}  // namespace thalamus::tool
