#include "thalamus/feature/letters.h"

#include <array>
#include <cstring>

#include "thalamus/feature/tokenize.h"

namespace thalamus::feature {
namespace {

/// Writes block after block behind each other; there is always room for a whole block more.
class LetterWriter {
 public:
  LetterWriter(std::string_view text, char* out) noexcept : text_(text), out_(out) {}

  void block(std::size_t base, const BlockMasks& masks) noexcept {
    const std::size_t size = std::min(kBlockBytes, text_.size() - base);
    const std::uint64_t valid = ~std::uint64_t{0} >> (kBlockBytes - size);
    const std::uint64_t dropped = masks.space & ((masks.space << 1) | after_space_);
    const std::uint64_t wide = masks.non_ascii & (~std::uint64_t{0} << covered_);
    after_space_ = masks.space >> 63;
    covered_ = 0;
    std::uint64_t kept = valid & ~dropped & ~masks.non_ascii;
    if (kept == ~std::uint64_t{0}) {
      ByteBlock(text_.data() + base).store_lower(out_ + written_);
      written_ += kBlockBytes;
      return;
    }
    std::array<char, 2 * kBlockBytes> lower{};
    if (size == kBlockBytes) {
      ByteBlock(text_.data() + base).store_lower(lower.data());
    } else {
      std::array<char, kBlockBytes> rest{};
      std::memcpy(rest.data(), text_.data() + base, size);
      ByteBlock(rest.data()).store_lower(lower.data());
    }
    for (std::uint64_t events = kept | wide; events != 0;) {
      const std::size_t at = first_bit(events);
      const std::size_t end = ((wide >> at) & 1U) != 0 ? copy_wide(base, at) : copy_run(lower.data(), kept, at);
      events &= end < kBlockBytes ? ~std::uint64_t{0} << end : 0;
    }
  }
  [[nodiscard]] std::size_t written() const noexcept { return written_; }

 private:
  std::size_t copy_run(const char* lower, std::uint64_t kept, std::size_t at) noexcept {
    const auto size = static_cast<std::size_t>(std::countr_one(kept >> at));
    for (std::size_t done = 0; done < size; done += 16) std::memcpy(out_ + written_ + done, lower + at + done, 16);
    written_ += size;
    return at + size;
  }
  std::size_t copy_wide(std::size_t base, std::size_t at) noexcept {
    const WideLetter letter = read_wide_letter(text_, base + at);
    std::memcpy(out_ + written_, &letter.utf8, 4);
    written_ += letter.utf8_bytes;
    const std::size_t end = at + letter.source_bytes;
    covered_ = end > kBlockBytes ? end - kBlockBytes : 0;
    return end;
  }

  std::string_view text_;
  char* out_;
  std::size_t written_ = 0;
  std::size_t covered_ = 0;         // bytes of the next block that belong to a code point of this one
  std::uint64_t after_space_ = 1U;  // 1 if the byte before the block is white space, or none
};

}  // namespace

void read_letters(std::string_view text, std::span<const BlockMasks> masks, std::string& out) {
  out.resize_and_overwrite(letters_bytes_max(text.size()), [&](char* data, std::size_t) {
    LetterWriter writer(text, data);
    for (std::size_t base = 0; base < text.size(); base += kBlockBytes) writer.block(base, masks[base / kBlockBytes]);
    return writer.written();
  });
}

}  // namespace thalamus::feature
