/// Cutting text without breaking a character.
#pragma once

#include <cstddef>
#include <string_view>

namespace thalamus::wire {

/// The longest prefix of at most `bytes_max` bytes that ends between two UTF-8 characters.
[[nodiscard]] constexpr std::string_view cut_utf8(std::string_view text, std::size_t bytes_max) noexcept {
  if (text.size() <= bytes_max) return text;
  std::size_t end = bytes_max;
  // A continuation byte at the cut belongs to a character that began before it; no character is longer than four.
  for (int i = 0; i < 3 && end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80; ++i) --end;
  return text.substr(0, end);
}

}  // namespace thalamus::wire
