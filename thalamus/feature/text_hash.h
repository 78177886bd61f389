/// Hashes of words and of whole texts: multiplications of 64 by 64 bits folded together, eight bytes at a time. Their
/// values are part of the schema of whatever keeps them. For tables, not against an adversary.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>

#include "thalamus/base/rng.h"
#include "thalamus/feature/byte_block.h"

namespace thalamus::feature {

__extension__ using Wide = unsigned __int128;

/// The two halves of a product, one upon the other.
[[nodiscard]] constexpr std::uint64_t fold(std::uint64_t a, std::uint64_t b) noexcept {
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

/// Raised when tokens or their hashes change.
inline constexpr std::uint64_t kTokenSchema = 2;

inline constexpr std::uint64_t kWordSeedLow = 0x9e6c63d0a3d1b5c7ULL;
inline constexpr std::uint64_t kWordSeedHigh = 0xd1b54a32d192ed03ULL;

/// One step of `token_hash`: up to 16 bytes, the rest zero.
[[nodiscard]] constexpr std::uint64_t token_hash_step(std::uint64_t hash, std::uint64_t low,
                                                      std::uint64_t high) noexcept {
  return fold(low ^ kWordSeedLow ^ hash, high ^ kWordSeedHigh);
}

/// The first `count` bytes (at most 8) of a string as a word, the rest zero.
[[nodiscard]] constexpr std::uint64_t load_part(const char* from, std::size_t count) noexcept {
  std::uint64_t word = 0;
  if (std::is_constant_evaluated()) {
    for (std::size_t i = 0; i < count; ++i)
      word |= static_cast<std::uint64_t>(static_cast<unsigned char>(from[i])) << (8 * i);
  } else {
    std::memcpy(&word, from, count);
  }
  return word;
}

/// The hash of a token, all 64 bits of good quality. Tokens hold no zero byte, so their length needs no part in it.
[[nodiscard]] constexpr std::uint64_t token_hash(std::string_view token) noexcept {
  std::uint64_t hash = 0;
  while (true) {
    const std::size_t low = std::min<std::size_t>(token.size(), 8);
    const std::size_t high = std::min<std::size_t>(token.size() - low, 8);
    hash = token_hash_step(hash, load_part(token.data(), low), load_part(token.data() + low, high));
    if (token.size() <= 16) return hash;
    token.remove_prefix(16);
  }
}

/// Hash of a text that comes in pieces, all but the last a multiple of kBlockBytes long: four lanes, so that no product
/// waits for the one before.
class TextHash {
 public:
  void feed(std::string_view piece) noexcept {
    bytes_ += piece.size();
    std::size_t position = 0;
    for (; position + kBlockBytes <= piece.size(); position += kBlockBytes) block(piece.data() + position);
    if (position == piece.size()) return;
    std::array<char, kBlockBytes> rest{};
    std::memcpy(rest.data(), piece.data() + position, piece.size() - position);
    block(rest.data());
  }
  [[nodiscard]] std::uint64_t value() const noexcept {
    std::uint64_t hash = bytes_;
    for (const std::uint64_t lane : lanes_) hash = base::mix64(hash ^ lane);
    return hash;
  }

 private:
  void block(const char* bytes) noexcept {
    for (std::size_t i = 0; i < lanes_.size(); ++i) {
      // The sum keeps a lane's past where a factor happens to be zero.
      const std::uint64_t low = load_word(bytes + 16 * i) ^ lanes_[i];
      lanes_[i] = low + fold(low ^ kWordSeedLow, load_word(bytes + 16 * i + 8) ^ kWordSeedHigh);
    }
  }
  std::array<std::uint64_t, 4> lanes_{0x243f6a8885a308d3ULL, 0x13198a2e03707344ULL, 0xa4093822299f31d0ULL,
                                      0x082efa98ec4e6c89ULL};
  std::uint64_t bytes_ = 0;
};

}  // namespace thalamus::feature
