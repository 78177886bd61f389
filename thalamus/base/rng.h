/// Seeded pseudo-random numbers, the same on every machine. Generator: xoshiro256** (Blackman and Vigna, 2018),
/// seeded through SplitMix64.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

namespace thalamus::base {

/// One step of SplitMix64; also a good 64-bit mixer.
[[nodiscard]] constexpr std::uint64_t mix64(std::uint64_t x) noexcept {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

class Rng {
 public:
  explicit Rng(std::uint64_t seed) noexcept;

  [[nodiscard]] std::uint64_t next() noexcept;
  /// Uniform in [0, 1), 53 bits.
  [[nodiscard]] double uniform() noexcept;
  /// Uniform in [0, bound) without modulo bias; bound > 0.
  [[nodiscard]] std::uint64_t below(std::uint64_t bound) noexcept;
  /// Uniform integer in [low, high], both ends included.
  [[nodiscard]] std::int64_t between(std::int64_t low, std::int64_t high) noexcept;
  /// Standard normal (Box-Muller, one value a call).
  [[nodiscard]] double normal() noexcept;
  /// An independent stream named by a label: the same label always gives the same stream.
  [[nodiscard]] Rng fork(std::string_view stream) const noexcept;

  template <class Container>
  void shuffle(Container& items) noexcept {
    for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[below(i)]);
  }
  template <class Container>
  [[nodiscard]] const auto& pick(const Container& items) noexcept {
    return items[below(items.size())];
  }

 private:
  std::array<std::uint64_t, 4> state_{};
};

}  // namespace thalamus::base
