// Simple lower-case mapping of the letters that occur in practice; others keep their code point. Part of the token
// definition, so it never changes.
#include "thalamus/feature/description.h"

namespace thalamus::feature {

char32_t lower_code_point(char32_t c) noexcept {
  if (c < 0x80) return c >= 'A' && c <= 'Z' ? c + 32 : c;
  if (c < 0xc0) return c;
  if (c <= 0xde) return c == 0xd7 ? c : c + 32;  // Latin-1
  if (c < 0x100) return c;
  if (c <= 0x17f) {  // Latin Extended-A
    if (c == 0x130) return 'i';
    if (c == 0x178) return 0xff;
    const bool odd_is_upper = (c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17e);
    if (c == 0x138 || c == 0x149 || c == 0x17f) return c;
    return ((c & 1U) != 0) == odd_is_upper ? c + 1 : c;
  }
  if (c >= 0x1e00 && c <= 0x1eff) return (c & 1U) == 0 && (c < 0x1e96 || c > 0x1e9f) ? c + 1 : c;
  if (c >= 0x391 && c <= 0x3ab) return c == 0x3a2 ? c : c + 32;  // Greek
  if (c == 0x386) return 0x3ac;
  if (c >= 0x388 && c <= 0x38a) return c + 37;
  if (c == 0x38c) return 0x3cc;
  if (c == 0x38e || c == 0x38f) return c + 63;
  if (c >= 0x400 && c <= 0x40f) return c + 80;  // Cyrillic
  if (c >= 0x410 && c <= 0x42f) return c + 32;
  if (c >= 0x460 && c <= 0x481) return (c & 1U) == 0 ? c + 1 : c;
  if (c >= 0x48a && c <= 0x4bf) return (c & 1U) == 0 ? c + 1 : c;
  if (c >= 0x531 && c <= 0x556) return c + 48;  // Armenian
  if (c == 0x2126) return 0x3c9;                // ohm, kelvin, angstrom signs
  if (c == 0x212a) return 'k';
  if (c == 0x212b) return 0xe5;
  if (c >= 0x2160 && c <= 0x216f) return c + 16;  // Roman numerals
  if (c >= 0x24b6 && c <= 0x24cf) return c + 26;  // circled letters
  if (c >= 0xff21 && c <= 0xff3a) return c + 32;  // full-width letters
  return c;
}

}  // namespace thalamus::feature
