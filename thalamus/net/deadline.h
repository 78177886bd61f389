/// Arithmetic of deadlines, which never wraps. Private to the sources of `net`.
#pragma once

#include <algorithm>

#include "thalamus/net/stream.h"

namespace thalamus::net {

/// `instant + span`; a span of kNever, or one beyond the clock's end, means never.
[[nodiscard]] inline Nanoseconds later(Nanoseconds instant, Nanoseconds span) noexcept {
  return span.value >= kNever.value - instant.value ? kNever : instant + span;
}
/// `instant`, or `span` after `now` if that is earlier.
[[nodiscard]] inline Nanoseconds earlier(Nanoseconds instant, Nanoseconds now, Nanoseconds span) noexcept {
  return std::min(instant, later(now, span));
}

}  // namespace thalamus::net
