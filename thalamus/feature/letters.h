/// The letters of a text for n-grams: lower-cased code points, white space runs as one space, none at the beginning.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "thalamus/feature/byte_block.h"

namespace thalamus::feature {

/// A byte that is no UTF-8 reads as U+FFFD, three bytes; beyond that, whole blocks are written.
inline constexpr std::size_t letters_bytes_max(std::size_t text_bytes) noexcept {
  return 3 * text_bytes + 2 * kBlockBytes;
}

/// Replaces `out`, in UTF-8. `masks` are the text's blocks. Allocates nothing if `out` holds letters_bytes_max.
void read_letters(std::string_view text, std::span<const BlockMasks> masks, std::string& out);

}  // namespace thalamus::feature
