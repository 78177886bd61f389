/// An error as an HTTP answer in a protocol's own shape, with the advice that official clients follow.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "thalamus/base/units.h"
#include "thalamus/net/http_server.h"
#include "thalamus/wire/format.h"

namespace thalamus::gateway {

/// What a turn is told that the stop of the gateway ends.
[[nodiscard]] Error stopping_error();

/// The request's name under the names that the official clients read.
void add_request_id(const std::string& id, net::Headers& headers);

/// The value of `Server-Timing` (W3C Server Timing): durations in milliseconds, in the order of the calls.
class ServerTiming {
 public:
  void add(std::string_view what, Nanoseconds duration);
  [[nodiscard]] const std::string& text() const noexcept { return text_; }

 private:
  std::string text_;
};

/// What is known of another try.
struct RetryAdvice {
  std::optional<Nanoseconds> after = {};  ///< as an upstream said
  bool useful = true;                     ///< false: whatever the error's kind, the same comes out
};

/// Status, body and headers of `error`: `x-should-retry` always, `retry-after(-ms)` where waiting may help (a second
/// where nobody said), the request's name where `id` is not empty. `headers` go with them. What is wrong with this
/// machine's files (kEnvironment, kCorrupt) is logged instead of told.
[[nodiscard]] net::Awaitable<void> answer_error(net::Responder& responder, const wire::Format& format, Error error,
                                                std::string id = {}, RetryAdvice advice = {},
                                                net::Headers headers = {});

}  // namespace thalamus::gateway
