#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <utility>

#include "thalamus/net/deadline.h"
#include "thalamus/net/http2_client.h"

namespace thalamus::net {
namespace {

constexpr auto kAsTuple = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kReserveMax = 1U << 20;

}  // namespace

Http2Exchange::Http2Exchange(std::shared_ptr<Http2ClientConnection> connection, std::string name,
                             const CallLimits& limits, const base::Clock& clock, Cancellation* cancellation)
    : connection_(std::move(connection)),
      name_(std::move(name)),
      limits_(limits),
      clock_(clock),
      cancellation_(cancellation) {
  if (cancellation_ != nullptr) cancel_id_ = cancellation_->add([this] { cut(); });
}

Http2Exchange::~Http2Exchange() {
  if (cancellation_ != nullptr) cancellation_->remove(cancel_id_);
  if (call_ != nullptr) connection_->drop(*call_);
}

void Http2Exchange::cut() {
  cancelled_ = true;
  if (call_ == nullptr) return;
  connection_->drop(*call_);
  call_->wake();
}

Error Http2Exchange::failed(Error error) {
  failed_ = true;
  if (call_ != nullptr) {
    // The connection may be dead, which would be the end of others as well.
    if (error.kind == ErrorKind::kTimeout) connection_->suspect();
    connection_->drop(*call_);
  }
  return named(std::move(error));
}

Awaitable<void> Http2Exchange::wait(Nanoseconds deadline) {
  const auto call = call_;
  if (deadline == kNever) {
    call->changed.expires_at(std::chrono::steady_clock::time_point::max());
  } else {
    const std::int64_t left = (deadline - clock_.now()).value;
    call->changed.expires_after(std::chrono::nanoseconds(std::max<std::int64_t>(left, 0)));
  }
  co_await call->changed.async_wait(kAsTuple);
}

Awaitable<Status> Http2Exchange::begin(Http2Fields& fields, const HttpCall& request) {
  if (cancelled_) co_return std::unexpected(named({ErrorKind::kCancelled, "the call was cancelled", {}}));
  auto opened = connection_->open(fields, request.body, limits_, request.method == "HEAD");
  if (!opened) co_return std::unexpected(named(std::move(opened).error()));
  call_ = std::move(*opened);
  Status received = co_await receive_head();
  if (!received) co_return received;
  // An answer may come before the request is taken; the rest of the body outlives its lender then.
  if (!call_->out.empty()) {
    call_->out_owned.assign(call_->out);
    call_->out = call_->out_owned;
  }
  co_return received;
}

Awaitable<Status> Http2Exchange::receive_head() {
  const Nanoseconds began = clock_.now();
  while (!call_->head_done || call_->error) {
    if (cancelled_) co_return std::unexpected(failed({ErrorKind::kCancelled, "the call was cancelled", {}}));
    if (call_->error) co_return std::unexpected(failed(*call_->error));
    const Nanoseconds now = clock_.now();
    if (call_->sent && sent_at_ == kNever) sent_at_ = now;
    const Nanoseconds since = sent_at_ == kNever ? began : sent_at_;
    const Nanoseconds deadline = earlier(limits_.deadline, since, limits_.first_byte_timeout);
    if (now >= deadline) co_return std::unexpected(failed({ErrorKind::kTimeout, "no answer in time", {}}));
    co_await wait(deadline);
  }
  co_return Status{};
}

Awaitable<Result<std::string_view>> Http2Exchange::read() {
  if (cancelled_) co_return std::unexpected(named({ErrorKind::kCancelled, "the call was cancelled", {}}));
  if (failed_) co_return std::unexpected(named({ErrorKind::kUpstream, "the answer failed before", {}}));
  const Nanoseconds deadline = earlier(std::min(limits_.deadline, read_until_), clock_.now(), limits_.idle_timeout);
  for (;;) {
    if (cancelled_) co_return std::unexpected(failed({ErrorKind::kCancelled, "the call was cancelled", {}}));
    if (!call_->in.empty()) {
      piece_.clear();
      piece_.swap(call_->in);
      connection_->consumed(*call_, piece_.size());
      co_return std::string_view(piece_);
    }
    if (call_->error) {
      Error error = *call_->error;
      if (error.kind == ErrorKind::kUpstream) error.message = "the answer was cut short: " + error.message;
      co_return std::unexpected(failed(std::move(error)));
    }
    if (call_->ended) co_return std::string_view{};
    if (clock_.now() >= deadline) co_return std::unexpected(failed({ErrorKind::kTimeout, "the answer stalled", {}}));
    co_await wait(deadline);
  }
}

Awaitable<Result<std::string>> Http2Exchange::read_all(std::size_t size_max) {
  std::string body;
  for (;;) {
    const auto piece = co_await read();
    if (!piece) co_return std::unexpected(piece.error());
    if (piece->empty()) co_return body;
    if (piece->size() > size_max - body.size())
      co_return std::unexpected(
          failed({ErrorKind::kTooLarge, fmt::format("the answer's body is longer than {} bytes", size_max), {}}));
    if (body.empty()) body.reserve(std::min(size_max, std::max(piece->size(), std::min(size_max, kReserveMax) / 64)));
    body.append(*piece);
  }
}

}  // namespace thalamus::net
