/// The innermost loops of this folder: how far may a JSON string or an SSE line be skipped without looking closer?
/// Sixteen bytes a step on x86-64, whose baseline has SSE2; a plain loop elsewhere and at the end of the text.
#pragma once

#include <cstddef>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace thalamus::wire {

/// The first byte of [at, end) that a JSON string cannot pass over in silence: a quote, a backslash, a control
/// character or the first byte of a multi-byte character; `end` if there is none.
[[nodiscard]] inline const char* find_string_break(const char* at, const char* end) noexcept {
#if defined(__SSE2__)
  const __m128i quote = _mm_set1_epi8('"');
  const __m128i backslash = _mm_set1_epi8('\\');
  const __m128i space = _mm_set1_epi8(' ');
  for (; end - at >= 16; at += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    // Signed: a byte of 0x80 and above is negative, so it is below the space as the control characters are.
    const __m128i low = _mm_cmplt_epi8(bytes, space);
    const __m128i marks = _mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, backslash));
    const auto mask = static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(low, marks)));
    if (mask != 0) return at + __builtin_ctz(mask);
  }
#endif
  for (; at != end; ++at) {
    const auto byte = static_cast<unsigned char>(*at);
    if (byte < 0x20 || byte >= 0x80 || byte == '"' || byte == '\\') return at;
  }
  return end;
}

/// The first line feed or carriage return of [at, end); `end` if there is none.
[[nodiscard]] inline const char* find_line_end(const char* at, const char* end) noexcept {
#if defined(__SSE2__)
  const __m128i line_feed = _mm_set1_epi8('\n');
  const __m128i carriage_return = _mm_set1_epi8('\r');
  for (; end - at >= 16; at += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const __m128i hits = _mm_or_si128(_mm_cmpeq_epi8(bytes, line_feed), _mm_cmpeq_epi8(bytes, carriage_return));
    const auto mask = static_cast<unsigned>(_mm_movemask_epi8(hits));
    if (mask != 0) return at + __builtin_ctz(mask);
  }
#endif
  for (; at != end; ++at)
    if (*at == '\n' || *at == '\r') return at;
  return end;
}

/// Copies [at, end) to `to` up to the first backslash, which it gives; `end` if there is none. `to` has room for all of
/// [at, end), so that whole blocks may be written.
[[nodiscard]] inline const char* copy_to_backslash(const char* at, const char* end, char* to) noexcept {
#if defined(__SSE2__)
  const __m128i backslash = _mm_set1_epi8('\\');
  for (; end - at >= 16; at += 16, to += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), bytes);
    const auto mask = static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, backslash)));
    if (mask != 0) return at + __builtin_ctz(mask);
  }
#endif
  for (; at != end && *at != '\\'; ++at) *to++ = *at;
  return at;
}

}  // namespace thalamus::wire
