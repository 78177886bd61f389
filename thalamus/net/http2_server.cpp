#include "thalamus/net/http2_server.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>

#include "thalamus/base/log.h"
#include "thalamus/net/deadline.h"
#include "thalamus/net/http1_writer.h"

namespace thalamus::net {
namespace {

constexpr auto kAsTuple = asio::as_tuple(asio::use_awaitable);
constexpr auto kLinger = Nanoseconds::from_ms(2'000);
constexpr auto kLingerAtStop = Nanoseconds::from_ms(200);
constexpr std::size_t kLingerBytesMax = 1U << 20;

std::chrono::nanoseconds until(Nanoseconds instant, Nanoseconds now) noexcept {
  return std::chrono::nanoseconds(std::max<std::int64_t>((instant - now).value, 0));
}

}  // namespace

bool is_loopback(std::string_view peer) noexcept {
  return peer.starts_with("127.") || peer.starts_with("[::1]") || peer.starts_with("[::ffff:127.") ||
         peer.starts_with("unix:");
}

// ---- one connection
// --------------------------------------------------------------------------------------------------

Http2ServerConnection::Http2ServerConnection(asio::any_io_executor executor, std::unique_ptr<Stream> stream,
                                             const ServerLimits& limits, const Handler& handler,
                                             const ErrorBody& error_body, const base::Clock& clock, Gate& gate)
    : Http2Transport(std::move(executor), std::move(stream), clock, limits.write_timeout),
      limits_(limits),
      handler_(handler),
      error_body_(error_body),
      gate_(gate),
      session_(limits, stream_->peer(), is_loopback(stream_->peer()), clock.now()),
      timer_(executor_),
      handlers_done_(executor_) {}

Awaitable<void> Http2ServerConnection::run(std::string begun) {
  try {
    co_await read_all(std::move(begun));
  } catch (const std::exception& error) {
    gate_.count_failure();
    base::log_error("connection from {} ended by an exception: {}", stream_->peer(), error.what());
  } catch (...) {
    gate_.count_failure();
    base::log_error("connection from {} ended by an unknown exception", stream_->peer());
  }
  leave();
  while (running_ > 0) {
    handlers_done_.expires_at(std::chrono::steady_clock::time_point::max());
    co_await handlers_done_.async_wait(kAsTuple);
  }
}

Awaitable<void> Http2ServerConnection::read_all(std::string begun) {
  if (gate_.closed()) begin_drain();
  take(begun);
  for (;;) {
    // Deadlines have a timer of their own: a late read would cut a write that is under way.
    const auto received = co_await stream_->read_some(asio::buffer(buffer_), kNever);
    if (!received || *received == 0) co_return;
    take(std::string_view(buffer_.data(), *received));
    if (!receiving_) discarded_ += *received;
    if (discarded_ > kLingerBytesMax) co_return;
  }
}

void Http2ServerConnection::take(std::string_view bytes) {
  if (receiving_) receiving_ = session_.receive(bytes, clock_.now());
  handle_events();
  arm_timer();
  kick();
}

void Http2ServerConnection::handle_events() {
  auto events = session_.take_events();
  for (const auto& stream : events.ready) {
    // Given up before anything was done for it.
    if (stream->closed || gone_) continue;
    session_.set_running(++running_, clock_.now());
    asio::co_spawn(executor_, handle(shared_self(), stream), asio::detached);
  }
  for (const auto* list : {&events.progressed, &events.closed}) {
    for (const auto& stream : *list)
      if (const auto found = responders_.find(stream->id); found != responders_.end()) found->second->wake();
  }
}

/// The client is gone, or is told to go: no handler shall work on for it.
void Http2ServerConnection::leave() {
  gone_ = true;
  receiving_ = false;
  timer_.cancel();
  stream_->close();
  // Cancelling runs code of others, which may end handlers.
  std::vector<std::int32_t> ids;
  ids.reserve(responders_.size());
  for (const auto& [id, responder] : responders_) ids.push_back(id);
  for (const std::int32_t id : ids)
    if (const auto found = responders_.find(id); found != responders_.end()) found->second->wake();
}

void Http2ServerConnection::produce(std::string& out) {
  session_.produce(out, kBatchBytes);
  handle_events();
}

void Http2ServerConnection::written() {
  if (write_failed_) return leave();
  end_if_finished();
}

/// Everything is said: the client reads it and closes, or is cut off a little later.
void Http2ServerConnection::end_if_finished() {
  if (gone_ || close_at_ != kNever || !session_.finished()) return;
  receiving_ = false;
  linger();
}

/// Closing with unread bytes in the socket would reset the connection and take the last frames from the client.
void Http2ServerConnection::linger() {
  close_at_ = clock_.now() + kLinger;
  if (gate_.closed()) close_at_ = clock_.now() + kLingerAtStop;
  stream_->finish_writing();
  arm_timer();
}

void Http2ServerConnection::arm_timer() {
  const Nanoseconds nearest = std::min(session_.deadline(), close_at_);
  if (gone_ || nearest >= armed_) return;
  armed_ = nearest;
  timer_.expires_after(until(nearest, clock_.now()));
  timer_.async_wait([self = shared_self()](const boost::system::error_code& error) {
    if (!error && !self->gone_) self->check_deadlines();
  });
}

void Http2ServerConnection::check_deadlines() {
  armed_ = kNever;
  const Nanoseconds now = clock_.now();
  if (now >= close_at_) return stream_->close();
  session_.expire(now);
  handle_events();
  arm_timer();
  kick();
}

void Http2ServerConnection::gate_closed() noexcept {
  if (gone_) return;
  if (close_at_ != kNever) return linger();
  begin_drain();
  arm_timer();
  kick();
}

void Http2ServerConnection::begin_drain() {
  Nanoseconds patience = gate_.patience_left(limits_.stop_patience);
  // A client that rests answers at once, or is not there.
  if (session_.rests()) patience = std::min(patience, kLingerAtStop);
  session_.begin_drain(clock_.now(), patience);
}

void Http2ServerConnection::gate_aborted() noexcept { stream_->close(); }

std::string_view Http2ServerConnection::date() {
  const std::int64_t second = clock_.unix_ns() / 1'000'000'000;
  if (second != date_second_) {
    date_second_ = second;
    date_ = http_date(second);
  }
  return date_;
}

// ---- one request
// -----------------------------------------------------------------------------------------------------

Awaitable<void> Http2ServerConnection::handle(std::shared_ptr<Http2ServerConnection> self,
                                              std::shared_ptr<Http2Stream> stream) {
  {
    Http2Responder responder(self, std::move(stream));
    try {
      co_await self->answer(responder);
    } catch (const std::exception& error) {
      self->gate_.count_failure();
      base::log_error("answering {} failed: {}", self->stream_->peer(), error.what());
    }
    responder.abandon();
  }
  self->session_.set_running(--self->running_, self->clock_.now());
  self->handlers_done_.cancel();
  self->arm_timer();
  if (!self->gone_) self->kick();
}

Awaitable<void> Http2ServerConnection::answer(Http2Responder& responder) {
  Http2Stream& stream = responder.stream();
  Refusal refusal{500, "the request was not answered"};
  if (stream.refusal) {
    refusal = *stream.refusal;
  } else {
    co_await call_handler(responder);
    if (responder.started() || stream.closed || gone_) co_return;
  }
  ErrorAnswer error = error_body_(refusal.status, refusal.message, stream.request.path);
  error.headers.add("Content-Type", "application/json");
  static_cast<void>(co_await responder.send(refusal.status, error.headers, error.body));
}

Awaitable<void> Http2ServerConnection::call_handler(Http2Responder& responder) {
  HttpRequest& request = responder.stream().request;
  try {
    co_await handler_(request, responder);
  } catch (const std::exception& error) {
    gate_.count_failure();
    base::log_error("the handler of {} {} threw: {}", request.method, request.path, error.what());
  } catch (...) {
    gate_.count_failure();
    base::log_error("the handler of {} {} threw something unknown", request.method, request.path);
  }
}

Http2Responder::Http2Responder(std::shared_ptr<Http2ServerConnection> connection, std::shared_ptr<Http2Stream> stream)
    : connection_(std::move(connection)), stream_(std::move(stream)), progress_(connection_->executor_) {
  connection_->responders_.emplace(stream_->id, this);
  // The stream may have ended between its request and this, when there was nobody to be told.
  if (stream_->closed || connection_->gone_) client_gone_.cancel();
}

Http2Responder::~Http2Responder() {
  // What the answer borrowed from the handler must not be looked at again.
  stream_->out = {};
  connection_->responders_.erase(stream_->id);
}

void Http2Responder::abandon() noexcept {
  if (answer_ != Answer::kComplete || !stream_->ended)
    connection_->session_.reset(*stream_, Http2ServerSession::Reset::kInternal);
}

void Http2Responder::wake() {
  if ((stream_->closed && !stream_->ended) || connection_->gone_) client_gone_.cancel();
  progress_.cancel();
}

bool Http2Responder::bodyless(int status) const noexcept {
  return stream_->request.method == "HEAD" || status == 204 || status == 304;
}

Status Http2Responder::begin(int status, const Headers& headers, std::optional<std::size_t> content_length,
                             Http2ServerSession::AnswerBody body) {
  if (answer_ != Answer::kNone) return fail(ErrorKind::kInternal, "the request is answered twice");
  if (connection_->gone_) return fail(ErrorKind::kCancelled, "the client is gone");
  const auto date = connection_->date();
  return connection_->session_.answer(*stream_, status, headers, date, content_length, body);
}

Awaitable<Status> Http2Responder::send(int status, const Headers& headers, std::string_view body) {
  mute_ = bodyless(status);
  std::optional<std::size_t> length;
  if (status != 204 && status != 304) length = body.size();
  const bool empty = mute_ || body.empty();
  const auto kind = empty ? Http2ServerSession::AnswerBody::kNone : Http2ServerSession::AnswerBody::kFollows;
  if (auto begun = begin(status, headers, length, kind); !begun) co_return begun;
  answer_ = Answer::kComplete;
  if (!empty) stream_->out = body;
  stream_->out_ended = true;
  co_return co_await settle();
}

Awaitable<Status> Http2Responder::start(int status, const Headers& headers, std::string_view first) {
  mute_ = bodyless(status);
  const auto kind = mute_ ? Http2ServerSession::AnswerBody::kNone : Http2ServerSession::AnswerBody::kFollows;
  if (auto begun = begin(status, headers, std::nullopt, kind); !begun) co_return begun;
  answer_ = Answer::kStreaming;
  if (!mute_) stream_->out = first;
  co_return co_await settle();
}

Awaitable<Status> Http2Responder::write(std::string_view bytes) {
  if (answer_ != Answer::kStreaming) co_return fail(ErrorKind::kInternal, "write outside of start and finish");
  if (mute_ || bytes.empty()) co_return Status{};
  if (stream_->closed || connection_->gone_) co_return fail(ErrorKind::kCancelled, "the client is gone");
  stream_->out = bytes;
  connection_->session_.resume(*stream_);
  co_return co_await settle();
}

Awaitable<Status> Http2Responder::finish() {
  if (answer_ != Answer::kStreaming) co_return fail(ErrorKind::kInternal, "finish without start");
  if (mute_) {
    answer_ = Answer::kComplete;
    co_return Status{};
  }
  if (stream_->closed || connection_->gone_) co_return fail(ErrorKind::kCancelled, "the client is gone");
  stream_->out_ended = true;
  connection_->session_.resume(*stream_);
  const Status told = co_await settle();
  if (told) answer_ = Answer::kComplete;
  co_return told;
}

/// Waits until what `out` held is in frames, and after the end of the answer until its last frame is.
Awaitable<Status> Http2Responder::settle() {
  const auto connection = connection_;
  const Nanoseconds deadline = later(connection->clock_.now(), connection->limits_.write_timeout);
  connection->kick();
  for (;;) {
    const bool done = stream_->out.empty() && (!stream_->out_ended || stream_->ended);
    if (done && (stream_->ended || !stream_->closed)) co_return Status{};
    if (stream_->closed || connection->gone_) {
      stream_->out = {};
      co_return fail(ErrorKind::kCancelled, "the client is gone");
    }
    const Nanoseconds now = connection->clock_.now();
    if (now >= deadline) {
      // The client's window stays shut, or the connection does not move.
      connection->session_.reset(*stream_, Http2ServerSession::Reset::kCancel);
      connection->kick();
      client_gone_.cancel();
      co_return fail(ErrorKind::kTimeout, "the time for this write is over");
    }
    if (deadline == kNever)
      progress_.expires_at(std::chrono::steady_clock::time_point::max());
    else
      progress_.expires_after(until(deadline, now));
    co_await progress_.async_wait(kAsTuple);
  }
}

}  // namespace thalamus::net
