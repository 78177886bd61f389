/// How long an upstream asks to be left alone: `Retry-After` (RFC 9110, 10.2.3: seconds, or a date in any of the three
/// forms of 5.6.7) and `retry-after-ms`, the finer header of the official SDKs.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "thalamus/base/units.h"

namespace thalamus::dispatch {

/// No wait is longer, whatever the other side says.
inline constexpr Nanoseconds kRetryAfterMax = Nanoseconds::from_ms(3'600'000);

/// Seconds since the Unix epoch of an HTTP-date (IMF-fixdate, RFC 850 or asctime; always UTC), or nothing. A
/// two-digit year is the one that lies no more than 50 years after `now_unix_s`, as RFC 9110 demands.
[[nodiscard]] std::optional<std::int64_t> parse_http_date(std::string_view text, std::int64_t now_unix_s) noexcept;

/// The wait that a `Retry-After` value asks for, within [0, kRetryAfterMax]; a date in the past is no wait. Seconds may
/// have a fraction, which some providers send against the RFC. Nothing for what is neither.
[[nodiscard]] std::optional<Nanoseconds> parse_retry_after(std::string_view text, std::int64_t now_unix_s) noexcept;

/// The same for `retry-after-ms`: milliseconds, with or without a fraction.
[[nodiscard]] std::optional<Nanoseconds> parse_retry_after_ms(std::string_view text) noexcept;

}  // namespace thalamus::dispatch
