/// What a failed attempt means and what the driver may do about it. One table from everything an upstream can do wrong
/// (transport, HTTP status, an error inside a 200) to a closed set of classes, so that the gateway, the simulator and
/// the records agree. Sources: RFC 9110 (15.5, 15.6, 10.2.3), RFC 6585 (429), the error pages of the OpenAI and
/// Anthropic APIs (types, codes and 529), and the retry rules of their official SDKs (408, 409, 429, 5xx,
/// `x-should-retry`).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "thalamus/base/error.h"
#include "thalamus/base/units.h"

namespace thalamus::dispatch {

enum class FailureClass : std::uint8_t {
  kKeyDead,          ///< 401, 402, 403, spent quota: this key gives nothing until the configuration changes
  kRateLimited,      ///< 429: another key, or later
  kTransient,        ///< connect, TLS, reset, cut, time-outs, 408, 409, 425, 5xx, nonsense: trying again may help
  kOverloaded,       ///< 503, 529: the same, but the replica asks for rest
  kContextOverflow,  ///< the request is too long for this model: a target with more context
  kInvalid,          ///< the request is wrong everywhere: never retried
  kContentFiltered,  ///< refused for its content: this provider will not answer it, another may
  kNotThere,         ///< unknown model or path, a redirect: the target is configured wrongly
  kCancelled,        ///< given up by us or by the client
};
inline constexpr std::size_t kFailureClasses = 9;

/// Stable snake_case label for metrics and records.
[[nodiscard]] std::string_view label(FailureClass failure) noexcept;

/// How the attempt ended before any judgement of its content.
enum class TransportEnd : std::uint8_t {
  kAnswered,  ///< a status came; look at it and at the error's type and code
  kConnectFailed,
  kConnectTimeout,
  kTlsFailed,
  kReset,              ///< the connection broke before the answer's end
  kCut,                ///< the stream ended before its own end mark
  kFirstTokenTimeout,  ///< no content within the limit
  kIdleTimeout,        ///< silence between two pieces
  kTotalTimeout,       ///< the call's own limit, not the client's
  kSlowStream,         ///< below the floor of the slow-stream guard
  kMalformed,          ///< a frame or body that is not the protocol
  kEmpty,              ///< an answer without any content
  kCancelled,
};

/// What is known of a failed attempt. Views are borrowed for the call of `classify`; headers that did not come are
/// empty.
struct FailureFacts {
  TransportEnd transport = TransportEnd::kAnswered;
  int status = 0;            ///< of the upstream; 200 with an error inside; 0 where none came
  std::string_view type;     ///< the protocol's error type: `invalid_request_error`, `overloaded_error`
  std::string_view code;     ///< the protocol's error code: `context_length_exceeded`
  std::string_view message;  ///< read only where neither type nor code decides
  std::string_view retry_after;
  std::string_view retry_after_ms;
  std::string_view should_retry;  ///< `x-should-retry`
  std::int64_t now_unix_s = 0;    ///< for dates in `retry_after`
};

/// What is worth trying next; the driver takes the first of these that it can and its budgets allow.
struct MayTry {
  bool same_endpoint = false;   ///< after a backoff
  bool other_key = false;       ///< of the same provider
  bool other_replica = false;   ///< of the same provider
  bool next_target = false;     ///< of the plan
  bool larger_context = false;  ///< of the plan, but only targets with more context than this one
};

struct FailureVerdict {
  FailureClass failure = FailureClass::kTransient;
  MayTry may_try;
  bool against_replica = false;                        ///< counts in outlier ejection and circuit breaking
  bool client_fault = false;                           ///< the upstream says that the request itself is wrong
  std::optional<Nanoseconds> retry_after;              ///< as stated, bounded by kRetryAfterMax
  base::ErrorKind error = base::ErrorKind::kUpstream;  ///< what the client and the record are told
};

[[nodiscard]] FailureVerdict classify(const FailureFacts& facts) noexcept;

/// Whether an HTTP status of ours tells an official client to try again: what the SDKs do of their own accord, said
/// in `x-should-retry` so that others do the same.
[[nodiscard]] bool client_should_retry(int status) noexcept;

}  // namespace thalamus::dispatch
