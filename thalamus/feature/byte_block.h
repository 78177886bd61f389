/// Sixty-four bytes of text as bit masks, one bit a byte, the lowest bit for the first byte. Two implementations with
/// the same results: SSE2, and eight bytes at a time in plain integers; all other code works on the masks alone.
#pragma once

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace thalamus::feature {

static_assert(std::endian::native == std::endian::little, "masks and word hashes read bytes in memory order");

inline constexpr std::size_t kBlockBytes = 64;

/// Eight bytes; the first is the lowest.
inline std::uint64_t load_word(const char* from) noexcept {
  std::uint64_t word = 0;
  std::memcpy(&word, from, sizeof(word));
  return word;
}

/// Set bits. std::popcount is a call into a table where the instruction is not part of the baseline.
inline std::uint64_t count_bits(std::uint64_t x) noexcept {
#if defined(__SSE2__) && !defined(__POPCNT__)
  x -= (x >> 1) & 0x5555555555555555ULL;
  x = (x & 0x3333333333333333ULL) + ((x >> 2) & 0x3333333333333333ULL);
  return (((x + (x >> 4)) & 0x0f0f0f0f0f0f0f0fULL) * 0x0101010101010101ULL) >> 56;
#else
  return static_cast<std::uint64_t>(std::popcount(x));
#endif
}

/// The position of the lowest set bit of a mask that has one.
inline std::size_t first_bit(std::uint64_t mask) noexcept { return static_cast<unsigned>(std::countr_zero(mask)); }

/// The portable implementation.
class WordBlock {
 public:
  explicit WordBlock(const char* bytes) noexcept {
    for (std::size_t i = 0; i < words_.size(); ++i) words_[i] = load_word(bytes + 8 * i);
  }
  /// Bytes of 128 and above.
  [[nodiscard]] std::uint64_t non_ascii() const noexcept {
    return mask([](std::uint64_t word) { return word; });
  }
  [[nodiscard]] std::uint64_t equal(char c) const noexcept { return between(c, c); }
  /// ASCII bytes from `low` to `high`, both included; `high` is below 127.
  [[nodiscard]] std::uint64_t between(char low, char high) const noexcept {
    return mask([=](std::uint64_t word) { return flags(word, low, high); });
  }
  [[nodiscard]] std::uint64_t alphanumeric() const noexcept {
    return mask([](std::uint64_t word) { return flags(word, '0', '9') | flags(word | 0x20 * kOnes, 'a', 'z'); });
  }
  /// Stores the bytes with ASCII capitals in lower case and tab, line feed and carriage return as blanks.
  void store_lower(char* to) const noexcept {
    for (std::size_t i = 0; i < words_.size(); ++i) {
      std::uint64_t word = words_[i];
      word |= flags(word, 'A', 'Z') >> 2;
      const std::uint64_t space = flags(word, '\t', '\n') | flags(word, '\r', '\r');
      const std::uint64_t bytes = (space >> 7) * 0xff;
      word = (word & ~bytes) | (space >> 2);
      std::memcpy(to + 8 * i, &word, sizeof(word));
    }
  }

 private:
  static constexpr std::uint64_t kOnes = 0x0101010101010101ULL;

  // The top bit of each ASCII byte within the bounds. No sum carries into the next byte.
  static std::uint64_t flags(std::uint64_t word, char low, char high) noexcept {
    const std::uint64_t seven = word & 0x7f * kOnes;
    const std::uint64_t reached = seven + (0x80U - static_cast<unsigned char>(low)) * kOnes;
    const std::uint64_t passed = seven + (0x7fU - static_cast<unsigned char>(high)) * kOnes;
    return reached & ~passed & ~word & 0x80 * kOnes;
  }
  template <class Flags>
  [[nodiscard]] std::uint64_t mask(Flags&& flags_of) const noexcept {
    std::uint64_t result = 0;
    for (std::size_t i = 0; i < words_.size(); ++i) {
      const std::uint64_t flag = (flags_of(words_[i]) & 0x80 * kOnes) >> 7;
      result |= ((flag * 0x0102040810204080ULL) >> 56) << (8 * i);
    }
    return result;
  }
  std::array<std::uint64_t, 8> words_;
};

#if defined(__SSE2__)
/// As WordBlock, 16 bytes at a time.
class SseBlock {
 public:
  explicit SseBlock(const char* bytes) noexcept {
    for (std::size_t i = 0; i < parts_.size(); ++i)
      parts_[i].bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes + 16 * i));
  }
  [[nodiscard]] std::uint64_t non_ascii() const noexcept {
    return mask([](__m128i x) { return x; });
  }
  [[nodiscard]] std::uint64_t equal(char c) const noexcept {
    return mask([=](__m128i x) { return _mm_cmpeq_epi8(x, _mm_set1_epi8(c)); });
  }
  [[nodiscard]] std::uint64_t between(char low, char high) const noexcept {
    return mask([=](__m128i x) { return flags(x, low, high); });
  }
  [[nodiscard]] std::uint64_t alphanumeric() const noexcept {
    return mask([](__m128i x) {
      return _mm_or_si128(flags(x, '0', '9'), flags(_mm_or_si128(x, _mm_set1_epi8(0x20)), 'a', 'z'));
    });
  }
  void store_lower(char* to) const noexcept {
    const __m128i blank = _mm_set1_epi8(0x20);
    for (std::size_t i = 0; i < parts_.size(); ++i) {
      const __m128i x = parts_[i].bytes;
      const __m128i lower = _mm_or_si128(x, _mm_and_si128(flags(x, 'A', 'Z'), blank));
      const __m128i space = _mm_or_si128(flags(x, '\t', '\n'), _mm_cmpeq_epi8(x, _mm_set1_epi8('\r')));
      const __m128i out = _mm_or_si128(_mm_andnot_si128(space, lower), _mm_and_si128(space, blank));
      _mm_storeu_si128(reinterpret_cast<__m128i*>(to + 16 * i), out);
    }
  }

 private:
  struct Part {
    __m128i bytes;
  };
  // The distance from the lower bound, unsigned, is no more than that of the upper bound.
  static __m128i flags(__m128i x, char low, char high) noexcept {
    const __m128i distance = _mm_sub_epi8(x, _mm_set1_epi8(low));
    return _mm_cmpeq_epi8(distance, _mm_min_epu8(distance, _mm_set1_epi8(static_cast<char>(high - low))));
  }
  template <class Flags>
  [[nodiscard]] std::uint64_t mask(Flags&& flags_of) const noexcept {
    std::uint64_t result = 0;
    for (std::size_t i = 0; i < parts_.size(); ++i)
      result |= static_cast<std::uint64_t>(static_cast<std::uint32_t>(_mm_movemask_epi8(flags_of(parts_[i].bytes))))
                << (16 * i);
    return result;
  }
  std::array<Part, 4> parts_;
};
using ByteBlock = SseBlock;
#else
using ByteBlock = WordBlock;
#endif

/// What the passes over a text read of a block. Bits beyond the end of the text are 0. Not set when made: long arrays
/// of it are filled only as far as the text reaches.
struct BlockMasks {
  std::uint64_t alphanumeric;  ///< ASCII letters and digits
  std::uint64_t digit;
  std::uint64_t upper;        ///< ASCII capitals
  std::uint64_t punctuation;  ///< other printable ASCII but the blank
  std::uint64_t space;        ///< blank, tab, line feed, carriage return
  std::uint64_t newline;
  std::uint64_t tab;
  std::uint64_t non_ascii;
};

/// The masks of 64 readable bytes.
template <class Block>
BlockMasks masks_of(const Block& block) noexcept {
  BlockMasks masks;
  masks.alphanumeric = block.alphanumeric();
  masks.digit = block.between('0', '9');
  masks.upper = block.between('A', 'Z');
  masks.newline = block.equal('\n');
  masks.non_ascii = block.non_ascii();
  const std::uint64_t blank = block.equal(' ');
  const std::uint64_t visible = block.between(' ', '~');
  masks.punctuation = visible & ~(masks.alphanumeric | blank);
  masks.tab = 0;
  masks.space = blank | masks.newline;
  if (~(visible | masks.newline | masks.non_ascii) != 0) {  // most texts hold no other control bytes
    masks.tab = block.equal('\t');
    masks.space |= masks.tab | block.equal('\r');
  }
  return masks;
}

/// The masks of the block that starts at `position`; a last, shorter block is filled up with zero bytes.
[[nodiscard]] inline BlockMasks masks_at(std::string_view text, std::size_t position) noexcept {
  if (text.size() - position >= kBlockBytes) return masks_of(ByteBlock(text.data() + position));
  std::array<char, kBlockBytes> rest{};
  std::memcpy(rest.data(), text.data() + position, text.size() - position);
  return masks_of(ByteBlock(rest.data()));
}

}  // namespace thalamus::feature
