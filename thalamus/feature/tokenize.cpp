#include "thalamus/feature/tokenize.h"

#include <algorithm>

#include "thalamus/base/text.h"
#include "thalamus/feature/description.h"

namespace thalamus::feature {
namespace {

struct Utf8 {
  std::uint64_t bytes = 0;
  std::size_t count = 0;
};

Utf8 encode(char32_t c) noexcept {
  const auto tail = [](char32_t bits) { return std::uint64_t{0x80U | (bits & 0x3fU)}; };
  if (c < 0x80) return {c, 1};
  if (c < 0x800) return {(0xc0U | (c >> 6)) | (tail(c) << 8), 2};
  if (c < 0x10000) return {(0xe0U | (c >> 12)) | (tail(c >> 6) << 8) | (tail(c) << 16), 3};
  return {(0xf0U | (c >> 18)) | (tail(c >> 12) << 8) | (tail(c >> 6) << 16) | (tail(c) << 24), 4};
}

// Sequences of three bytes from here on, up to the full-width letters, have no case.
constexpr unsigned char kCaselessLow = 0xe3;
constexpr unsigned char kCaselessHigh = 0xec;

}  // namespace

WideLetter read_wide_letter(std::string_view text, std::size_t position) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[position + i]); };
  const unsigned char first = byte(0);
  if (first >= kCaselessLow && first <= kCaselessHigh && text.size() - position >= 3 && (byte(1) & 0xc0U) == 0x80U &&
      (byte(2) & 0xc0U) == 0x80U)
    return {first | (std::uint64_t{byte(1)} << 8) | (std::uint64_t{byte(2)} << 16), 3, 3};
  std::size_t end = position;
  const Utf8 letter = encode(lower_code_point(base::next_code_point(text, end)));
  return {letter.bytes, letter.count, end - position};
}

std::uint64_t long_word_hash(std::string_view text, std::size_t begin, std::size_t end) noexcept {
  std::uint64_t hash = 0;
  while (true) {
    const std::size_t low = std::min<std::size_t>(end - begin, 8);
    const std::size_t high = std::min<std::size_t>(end - begin - low, 8);
    const std::uint64_t lower_low = kLowerBits & detail::kPartMasks.low[low];
    const std::uint64_t lower_high = kLowerBits & detail::kPartMasks.low[high];
    hash = token_hash_step(hash, load_part(text.data() + begin, low) | lower_low,
                           load_part(text.data() + begin + low, high) | lower_high);
    if (end - begin <= 16) return hash;
    begin += 16;
  }
}

}  // namespace thalamus::feature
