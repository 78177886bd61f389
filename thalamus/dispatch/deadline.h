/// How long one attempt may take: the target's own limits (connect, first token, idle, total) and what the client says
/// it will wait for, whichever is shorter, with what it was that is shorter, so that an error can name it.
///
/// The client's word comes in three headers. `x-thalamus-deadline-ms` is a deadline for the whole answer, in
/// milliseconds from the request's arrival. The official SDKs say in `x-stainless-read-timeout` (Python, seconds with a
/// fraction) after how much silence they give up, and in `x-stainless-timeout` (JavaScript, whole seconds, cut off) how
/// long they wait for the response's head. On a stream both bound the first token, the former also every pause; on a
/// buffered answer, where nothing comes before everything, both bound the whole.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "thalamus/base/result.h"
#include "thalamus/base/units.h"

namespace thalamus::dispatch {

inline constexpr std::string_view kDeadlineHeader = "x-thalamus-deadline-ms";
inline constexpr std::string_view kReadTimeoutHeader = "x-stainless-read-timeout";
inline constexpr std::string_view kTimeoutHeader = "x-stainless-timeout";

/// Longer waits than a day are taken as a day.
inline constexpr Nanoseconds kClientWaitMax = Nanoseconds::from_ms(86'400'000);

/// The headers' values as they came; nothing where a header did not.
struct ClientWaitHeaders {
  std::optional<std::string_view> deadline_ms{};
  std::optional<std::string_view> read_timeout_s{};
  std::optional<std::string_view> timeout_s{};
};

/// What the client waits for; spans, nothing where it did not say.
struct ClientWait {
  std::optional<Nanoseconds> whole{};    ///< of the answer, from the request's arrival
  std::optional<Nanoseconds> silence{};  ///< between two pieces, and before the first
  std::optional<Nanoseconds> head{};     ///< before the first
};

/// kInvalidInput for zero, negative values and what is no number; the message names header, value and remedy. The
/// SDKs' own "None" stands for no limit.
[[nodiscard]] Result<ClientWait> parse_client_wait(const ClientWaitHeaders& headers);

/// The limits of a target; all positive.
struct TimeLimits {
  Nanoseconds connect;
  Nanoseconds first_token;
  Nanoseconds idle;
  Nanoseconds total;
};

enum class AnswerShape : std::uint8_t { kBuffered, kStream };

enum class BoundBy : std::uint8_t {
  kTarget,          ///< the target's own limit
  kClientDeadline,  ///< x-thalamus-deadline-ms
  kClientTimeout,   ///< x-stainless-read-timeout or x-stainless-timeout
};
/// "the target's limit", "x-thalamus-deadline-ms", "the client's own time-out".
[[nodiscard]] std::string_view describe(BoundBy bound) noexcept;

/// When the parts of one attempt must have happened. Instants of the clock of `now`, but `idle`, a span.
struct AttemptLimits {
  Nanoseconds connect_by;
  Nanoseconds first_token_by;  ///< of a buffered answer: its first byte
  Nanoseconds idle;
  Nanoseconds end_by;
  BoundBy first_token_bound = BoundBy::kTarget;
  BoundBy idle_bound = BoundBy::kTarget;
  BoundBy end_bound = BoundBy::kTarget;
};

struct AttemptTimes {
  Nanoseconds arrived;  ///< of the request
  Nanoseconds now;      ///< the attempt starts
  /// Kept back from the client's time, so that another target can still be tried: of a stream until its first token,
  /// of a buffered answer altogether. Zero for the last attempt; at most half of what is left.
  Nanoseconds reserve{};
};

/// The part of the client's time that is left for telling it how things ended: a hundredth, at most kTellMax.
inline constexpr Nanoseconds kTellMax = Nanoseconds::from_ms(250);

/// kTimeout where the client's time has passed already; the message names the header.
[[nodiscard]] Result<AttemptLimits> attempt_limits(const TimeLimits& target, const ClientWait& client,
                                                   AnswerShape shape, const AttemptTimes& times);

}  // namespace thalamus::dispatch
