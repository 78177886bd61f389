/// Strong types for quantities that must not be mixed.
#pragma once

#include <cmath>
#include <compare>
#include <cstdint>
#include <limits>

namespace thalamus::base {

/// Money as an integer count of 1e-9 USD, so that sums are exact. Saturates instead of overflowing.
struct NanoDollars {
  std::int64_t value = 0;

  [[nodiscard]] static NanoDollars from_usd(double usd) noexcept {
    const double scaled = std::round(usd * 1e9);
    if (!(scaled < 9.2e18)) return {std::numeric_limits<std::int64_t>::max()};
    if (scaled < -9.2e18) return {std::numeric_limits<std::int64_t>::min()};
    return {static_cast<std::int64_t>(scaled)};
  }
  [[nodiscard]] double usd() const noexcept { return static_cast<double>(value) * 1e-9; }
  friend NanoDollars operator+(NanoDollars a, NanoDollars b) noexcept {
    std::int64_t sum = 0;
    if (__builtin_add_overflow(a.value, b.value, &sum))
      return {a.value > 0 ? std::numeric_limits<std::int64_t>::max() : std::numeric_limits<std::int64_t>::min()};
    return {sum};
  }
  auto operator<=>(const NanoDollars&) const = default;
};

/// A monotonic instant or a span, in nanoseconds. Which clock is said where it is stored.
struct Nanoseconds {
  std::int64_t value = 0;

  [[nodiscard]] static constexpr Nanoseconds from_ms(std::int64_t ms) noexcept { return {ms * 1'000'000}; }
  /// Saturates; NaN is the longest span.
  [[nodiscard]] static Nanoseconds from_seconds(double seconds) noexcept {
    const double scaled = seconds * 1e9;
    if (!(scaled < 9.2e18)) return {std::numeric_limits<std::int64_t>::max()};
    if (scaled < -9.2e18) return {std::numeric_limits<std::int64_t>::min()};
    return {static_cast<std::int64_t>(scaled)};
  }
  [[nodiscard]] constexpr double seconds() const noexcept { return static_cast<double>(value) * 1e-9; }
  [[nodiscard]] constexpr double ms() const noexcept { return static_cast<double>(value) * 1e-6; }
  friend constexpr Nanoseconds operator+(Nanoseconds a, Nanoseconds b) noexcept { return {a.value + b.value}; }
  friend constexpr Nanoseconds operator-(Nanoseconds a, Nanoseconds b) noexcept { return {a.value - b.value}; }
  constexpr auto operator<=>(const Nanoseconds&) const = default;
};

}  // namespace thalamus::base

namespace thalamus {
using base::NanoDollars;
using base::Nanoseconds;
}  // namespace thalamus
