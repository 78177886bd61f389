/// Splits text into tokens: ASCII alphanumeric runs and single code points beyond ASCII, lower-cased, each as its
/// `token_hash`.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "thalamus/feature/byte_block.h"
#include "thalamus/feature/text_hash.h"

namespace thalamus::feature {

/// One code point beyond ASCII of a text, lower-cased, in UTF-8 (the lower case of a few is ASCII).
struct WideLetter {
  std::uint64_t utf8 = 0;        ///< the first byte is the lowest, the rest zero
  std::size_t utf8_bytes = 1;    ///< of `utf8`
  std::size_t source_bytes = 1;  ///< what it takes of the text; a byte that is no UTF-8 reads as U+FFFD
};
[[nodiscard]] WideLetter read_wide_letter(std::string_view text, std::size_t position) noexcept;

/// The hash of the word (letters and digits of either case) from `begin` to `end`.
[[nodiscard]] std::uint64_t long_word_hash(std::string_view text, std::size_t begin, std::size_t end) noexcept;

inline constexpr std::uint64_t kLowerBits = 0x2020202020202020ULL;  // makes letters small and leaves digits alone

namespace detail {

struct PartMasks {
  std::array<std::uint64_t, 17> low{};
  std::array<std::uint64_t, 17> high{};
};
constexpr PartMasks make_part_masks() noexcept {
  PartMasks masks;
  for (std::size_t bytes = 1; bytes <= 16; ++bytes) {
    masks.low[bytes] = bytes >= 8 ? ~std::uint64_t{0} : ~std::uint64_t{0} >> (64 - 8 * bytes);
    masks.high[bytes] = bytes <= 8 ? 0 : ~std::uint64_t{0} >> (128 - 8 * bytes);
  }
  return masks;
}
inline constexpr PartMasks kPartMasks = make_part_masks();

inline std::uint64_t word_hash(std::string_view text, std::size_t begin, std::size_t end) noexcept {
  const std::size_t bytes = end - begin;
  if (bytes > 16 || begin + 16 > text.size()) [[unlikely]]
    return long_word_hash(text, begin, end);
  const std::uint64_t low = (load_word(text.data() + begin) | kLowerBits) & kPartMasks.low[bytes];
  const std::uint64_t high = (load_word(text.data() + begin + 8) | kLowerBits) & kPartMasks.high[bytes];
  return token_hash_step(0, low, high);
}

}  // namespace detail

/// `masks(i)` gives the BlockMasks of the block at 64 * i; `token(hash)` gets each token in order.
template <class Masks, class Token>
void tokenize(std::string_view text, Masks&& masks, Token&& token) {
  std::size_t begin = 0;    // of the word that is open
  std::uint64_t open = 0;   // 1 if the last block ended within a word
  std::size_t covered = 0;  // bytes of the block that belong to a code point of the last one
  for (std::size_t base = 0; base < text.size(); base += kBlockBytes) {
    const BlockMasks& block = masks(base / kBlockBytes);
    const std::uint64_t after = (block.alphanumeric << 1) | open;
    std::uint64_t starts = block.alphanumeric & ~after;
    std::uint64_t ends = ~block.alphanumeric & after;
    open = block.alphanumeric >> 63;
    if (block.non_ascii == 0) {
      // Without an open word the first end belongs to the first start; a start beyond the block is never used.
      const std::uint64_t rest = starts & (starts - 1);
      begin = (after & 1U) != 0 ? begin : base + first_bit(starts);
      starts = (after & 1U) != 0 ? starts : rest;
      for (; ends != 0; ends &= ends - 1) {
        token(detail::word_hash(text, begin, base + first_bit(ends)));
        begin = base + first_bit(starts);
        starts &= starts - 1;
      }
      continue;
    }
    const std::uint64_t wide = block.non_ascii & (~std::uint64_t{0} << covered);
    covered = 0;
    for (std::uint64_t events = starts | ends | wide; events != 0;) {
      const std::size_t at = first_bit(events);
      const std::uint64_t bit = events & -events;
      if ((ends & bit) != 0) token(detail::word_hash(text, begin, base + at));
      if ((starts & bit) != 0) begin = base + at;
      events ^= bit;
      if ((wide & bit) == 0) continue;
      const WideLetter letter = read_wide_letter(text, base + at);
      token(token_hash_step(0, letter.utf8, 0));
      const std::size_t next = at + letter.source_bytes;
      covered = next > kBlockBytes ? next - kBlockBytes : 0;
      events &= next < kBlockBytes ? ~std::uint64_t{0} << next : 0;
    }
  }
  if (open != 0) token(detail::word_hash(text, begin, text.size()));
}

/// The same of a text whose masks nobody else needs.
template <class Token>
void tokenize(std::string_view text, Token&& token) {
  tokenize(text, [&](std::size_t block) { return masks_at(text, block * kBlockBytes); }, token);
}

}  // namespace thalamus::feature
