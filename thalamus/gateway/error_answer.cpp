#include "thalamus/gateway/error_answer.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "thalamus/net/asio.h"

namespace thalamus::gateway {
namespace {

/// Official clients ask these before their own rules, so that they retry exactly what may come out otherwise.
void add_retry_advice(ErrorKind kind, const RetryAdvice& advice, net::Headers& headers) {
  const bool busy = kind == ErrorKind::kLimitExceeded || kind == ErrorKind::kUnavailable;
  const bool passing = busy || kind == ErrorKind::kTimeout || kind == ErrorKind::kUpstream;
  headers.add("x-should-retry", passing && advice.useful ? "true" : "false");
  if (!busy) return;
  const std::int64_t ms =
      std::max<std::int64_t>(1, advice.after.value_or(Nanoseconds::from_ms(1'000)).value / 1'000'000);
  headers.add("retry-after", fmt::format("{}", (ms + 999) / 1'000));
  headers.add("retry-after-ms", fmt::format("{}", ms));
}

}  // namespace

Error stopping_error() { return {ErrorKind::kUnavailable, "the gateway is stopping; send the request again", {}}; }

void add_request_id(const std::string& id, net::Headers& headers) {
  headers.add("x-thalamus-decision", id);
  headers.add("x-request-id", id);
  headers.add("request-id", id);
}

void ServerTiming::add(std::string_view what, Nanoseconds duration) {
  const std::int64_t us = std::max<std::int64_t>(0, duration.value / 1'000);
  fmt::format_to(std::back_inserter(text_), "{}{};dur={}.{:03}", text_.empty() ? "" : ", ", what, us / 1'000,
                 us % 1'000);
}

net::Awaitable<void> answer_error(net::Responder& responder, const wire::Format& format, Error error, std::string id,
                                  RetryAdvice advice, net::Headers headers) {
  headers.add("content-type", "application/json");
  if (!id.empty()) add_request_id(id, headers);
  add_retry_advice(error.kind, advice, headers);
  const std::string body = format.encode_error(error, id);
  Status sent = co_await responder.send(base::http_status(error.kind), headers, body);
  static_cast<void>(sent);
}

}  // namespace thalamus::gateway
