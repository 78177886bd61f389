#include "thalamus/gateway/error_answer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "thalamus/base/log.h"
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

/// Of files and programs of this machine the operator reads in the log; their paths are not for clients.
Error for_client(Error error, const std::string& id) {
  if (error.kind != ErrorKind::kEnvironment && error.kind != ErrorKind::kCorrupt) return error;
  base::log_error("request {}: {}", id, error.text());
  error.message =
      fmt::format("this gateway cannot answer as it is set up; its operator finds the reason in its log{}{}",
                  id.empty() ? "" : ", under ", id);
  error.where.clear();
  return error;
}

}  // namespace

Error stopping_error() { return {ErrorKind::kUnavailable, "the gateway is stopping; send the request again", {}}; }

void add_request_id(const std::string& id, net::Headers& headers) {
  headers.add("x-thalamus-decision", id);
  headers.add("x-request-id", id);
  headers.add("request-id", id);
}

// By hand: it is on every answer's way.
void ServerTiming::add(std::string_view what, Nanoseconds duration) {
  const std::int64_t us = std::max<std::int64_t>(0, duration.value / 1'000);
  std::array<char, 24> digits;
  const auto whole = std::to_chars(digits.data(), digits.data() + digits.size(), us / 1'000);
  const std::int64_t rest = us % 1'000;
  if (text_.empty()) text_.reserve(80);
  if (!text_.empty()) text_ += ", ";
  text_.append(what).append(";dur=").append(digits.data(), whole.ptr);
  text_.push_back('.');
  for (const std::int64_t digit : {rest / 100, rest / 10 % 10, rest % 10})
    text_.push_back(static_cast<char>('0' + digit));
}

net::Awaitable<void> answer_error(net::Responder& responder, const wire::Format& format, Error error, std::string id,
                                  RetryAdvice advice, net::Headers headers) {
  error = for_client(std::move(error), id);
  headers.add("content-type", "application/json");
  if (!id.empty()) add_request_id(id, headers);
  add_retry_advice(error.kind, advice, headers);
  const std::string body = format.encode_error(error, id);
  Status sent = co_await responder.send(base::http_status(error.kind), headers, body);
  static_cast<void>(sent);
}

}  // namespace thalamus::gateway
