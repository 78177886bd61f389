#include "thalamus/net/http_server.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <optional>
#include <vector>

#include "thalamus/base/log.h"
#include "thalamus/net/deadline.h"
#include "thalamus/net/http1_writer.h"
#include "thalamus/net/http2_server.h"
#include "thalamus/net/server_connection.h"

namespace thalamus::net {
namespace {

constexpr auto kAsTuple = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kBufferBytes = 8U << 10;
constexpr std::size_t kBodyBufferBytes = 64U << 10;
// Memory of a large request is given back before the connection idles.
constexpr std::size_t kKeptBytesMax = 256U << 10;
constexpr std::size_t kBodyReserveMax = 256U << 10;
// A body may take the body timeout and one second more for each of these many bytes.
constexpr std::size_t kBodyBytesPerSecond = 64U << 10;
constexpr std::size_t kLingerBytesMax = 1U << 20;
constexpr auto kLinger = Nanoseconds::from_ms(2'000);

asio::const_buffer to_buffer(std::string_view bytes) noexcept { return {bytes.data(), bytes.size()}; }

}  // namespace

// ---- gate
// ------------------------------------------------------------------------------------------------------------

void Gate::close() noexcept {
  if (!closed()) state_->closed_at = std::chrono::steady_clock::now();
  state_->closed.store(true, std::memory_order_relaxed);
  for_each_member(&Member::gate_closed);
}
void Gate::abort() noexcept {
  if (!closed()) state_->closed_at = std::chrono::steady_clock::now();
  state_->closed.store(true, std::memory_order_relaxed);
  for_each_member(&Member::gate_aborted);
}
// What a member does may bring further ones, which find the gate closed, or end others.
void Gate::for_each_member(void (Member::*tell)()) const {
  const std::vector<Member*> members(state_->members.begin(), state_->members.end());
  for (Member* member : members)
    if (state_->members.contains(member)) (member->*tell)();
}
Nanoseconds Gate::patience_left(Nanoseconds patience) const noexcept {
  const auto gone = std::chrono::steady_clock::now() - state_->closed_at;
  const Nanoseconds left = patience - Nanoseconds{std::chrono::duration_cast<std::chrono::nanoseconds>(gone).count()};
  return std::max(left, Nanoseconds{patience.value / 10});
}

Gate::Pass::Pass(Gate& gate, Member* member) : state_(gate.state_), member_(member) {
  if (member_ != nullptr) state_->members.insert(member_);
  state_->inside.fetch_add(1, std::memory_order_relaxed);
}
Gate::Pass::~Pass() {
  if (member_ != nullptr) state_->members.erase(member_);
  state_->inside.fetch_sub(1, std::memory_order_relaxed);
}

Gate::Notice::Notice(Gate& gate, Member& member) : state_(gate.state_), member_(&member) {
  state_->members.insert(member_);
}
Gate::Notice::~Notice() { state_->members.erase(member_); }

Awaitable<bool> wait_until_empty(const Gate& gate, Nanoseconds patience) {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  const auto began = std::chrono::steady_clock::now();
  while (gate.inside() > 0) {
    if (std::chrono::steady_clock::now() - began >= std::chrono::nanoseconds(patience.value)) co_return false;
    timer.expires_after(std::chrono::milliseconds(2));
    co_await timer.async_wait(kAsTuple);
  }
  co_return true;
}

// ---- one connection
// --------------------------------------------------------------------------------------------------

ServerConnection::ServerConnection(asio::any_io_executor executor, std::unique_ptr<Stream> stream,
                                   const ServerLimits& limits, const Handler& handler, const ErrorBody& error_body,
                                   const base::Clock& clock, Gate& gate)
    : executor_(std::move(executor)),
      stream_(std::move(stream)),
      limits_(limits),
      handler_(handler),
      error_body_(error_body),
      clock_(clock),
      gate_(gate),
      parser_({limits.head_bytes_max, limits.headers_max, limits.body_bytes_max}),
      buffer_(kBufferBytes),
      watch_done_(executor_) {
  request_.peer = stream_->peer();
  request_.peer_is_loopback = is_loopback(request_.peer);
}

Awaitable<void> ServerConnection::run() {
  bool refused = false;
  try {
    refused = co_await serve_requests();
    if (http2_) {
      phase_ = Phase::kClosing;
      silence_.reset();
      co_return;
    }
    if (refused) co_await refuse();
    phase_ = Phase::kClosing;
    if (refused || (end_ > begin_ && answer_ == Answer::kComplete && !peer_ended_)) co_await linger();
  } catch (const std::exception& error) {
    gate_.count_failure();
    base::log_error("connection from {} ended by an exception: {}", request_.peer, error.what());
  } catch (...) {
    gate_.count_failure();
    base::log_error("connection from {} ended by an unknown exception", request_.peer);
  }
  phase_ = Phase::kClosing;
  handling_ = false;
  silence_.reset();
  // An answer that ends with the connection ends in order, which TLS says apart.
  if (answer_ == Answer::kComplete && !write_failed_) stream_->finish_writing();
  stream_->close();
}

/// True if the connection ends with a refusal that the client shall read.
Awaitable<bool> ServerConnection::serve_requests() {
  for (;;) {
    if (gate_.closed()) bound_silence();
    const ReadEnd end = co_await read_request();
    if (end == ReadEnd::kClosed) co_return false;
    if (end == ReadEnd::kRefused) co_return true;
    if (end == ReadEnd::kHttp2) {
      http2_ = true;
      co_return false;
    }
    co_await answer();
    if (closing_ || write_failed_ || answer_ != Answer::kComplete) co_return false;
    first_ = false;
  }
}

void ServerConnection::begin_request() {
  if (request_.body.capacity() > kKeptBytesMax) request_.body = {};
  if (head_.capacity() > kKeptBytesMax) head_ = {};
  if (begin_ == end_ && !watching_) {
    begin_ = end_ = 0;
    if (buffer_.size() > kBufferBytes) {
      buffer_.resize(kBufferBytes);
      buffer_.shrink_to_fit();
    }
  }
  parser_.begin(request_);
  client_gone_.reset();
  answer_ = Answer::kNone;
  wants_continue_ = false;
  phase_ = Phase::kIdle;
  phase_began_ = clock_.now();
  fresh_ = end_ > begin_;
}

Nanoseconds ServerConnection::read_deadline() const noexcept {
  switch (phase_) {
    case Phase::kIdle: return later(phase_began_, first_ ? limits_.head_timeout : limits_.idle_timeout);
    case Phase::kHead: return later(phase_began_, limits_.head_timeout);
    default: break;
  }
  const auto seconds = static_cast<std::int64_t>(request_.body.size() / kBodyBytesPerSecond);
  return later(later(phase_began_, limits_.body_timeout), Nanoseconds::from_ms(seconds * 1'000));
}

Awaitable<ServerConnection::ReadEnd> ServerConnection::read_request() {
  begin_request();
  for (;;) {
    if (fresh_) {
      fresh_ = false;
      if (const auto end = parse_received()) co_return *end;
      if (wants_continue_) {
        wants_continue_ = false;
        const std::array<asio::const_buffer, 1> interim{to_buffer("HTTP/1.1 100 Continue\r\n\r\n")};
        const Status told = co_await put(interim);
        if (!told) co_return ReadEnd::kClosed;
      }
      continue;
    }
    const auto received = co_await receive();
    if (received && *received > 0) {
      fresh_ = true;
      continue;
    }
    const bool late = !received && received.error().kind == ErrorKind::kTimeout;
    if (!late || phase_ == Phase::kIdle) co_return ReadEnd::kClosed;
    refusal_ = {408, phase_ == Phase::kHead ? "the request's head took too long" : "the request's body took too long"};
    co_return ReadEnd::kRefused;
  }
}

/// True while what the connection began with is HTTP/2's preface or a part of it.
bool ServerConnection::may_be_http2() const noexcept {
  return first_ && limits_.streams_max > 0 && kHttp2Preface.starts_with(received().substr(0, kHttp2Preface.size()));
}

/// What the received bytes amount to; nothing if more are needed.
std::optional<ServerConnection::ReadEnd> ServerConnection::parse_received() {
  if (phase_ <= Phase::kHead && may_be_http2()) {
    if (end_ - begin_ >= kHttp2Preface.size()) return ReadEnd::kHttp2;
    if (phase_ == Phase::kIdle) phase_began_ = clock_.now();
    phase_ = Phase::kHead;
    return std::nullopt;
  }
  for (;;) {
    const auto progress = parser_.parse(std::string_view(buffer_.data() + begin_, end_ - begin_));
    if (!progress) {
      refusal_ = progress.error();
      return ReadEnd::kRefused;
    }
    begin_ += progress->consumed;
    switch (progress->event) {
      case ParseEvent::kDone: return ReadEnd::kRequest;
      case ParseEvent::kHead:
        request_.arrived = clock_.now();
        phase_ = Phase::kBody;
        phase_began_ = request_.arrived;
        wants_continue_ = parser_.expects_continue() && parser_.has_body() && end_ == begin_;
        request_.body.reserve(std::min(parser_.body_bytes_left(), kBodyReserveMax));
        continue;
      case ParseEvent::kBody:
      case ParseEvent::kNeedMore: break;
    }
    if (phase_ == Phase::kIdle && parser_.began()) {
      phase_ = Phase::kHead;
      phase_began_ = clock_.now();
    }
    return std::nullopt;
  }
}

void ServerConnection::make_room() {
  if (begin_ == end_) begin_ = end_ = 0;
  std::size_t wanted = std::max(buffer_.size(), kBufferBytes);
  if (parser_.head_done() && parser_.body_bytes_left() > kBufferBytes) wanted = std::max(wanted, kBodyBufferBytes);
  if (begin_ > 0 && buffer_.size() - end_ < kBufferBytes / 2) {
    std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(begin_),
              buffer_.begin() + static_cast<std::ptrdiff_t>(end_), buffer_.begin());
    end_ -= begin_;
    begin_ = 0;
  }
  // The parser refuses what does not fit its limits, so doubling ends there.
  if (end_ == buffer_.size()) wanted = std::max(wanted, buffer_.size() * 2);
  if (wanted > buffer_.size()) buffer_.resize(wanted);
}

/// At least one more byte, or 0 at the end.
Awaitable<Result<std::size_t>> ServerConnection::receive() {
  if (watching_) {
    if (idles_at_stop()) stream_->interrupt_read();
    Status joined = co_await join_watch(read_deadline());
    if (!joined) co_return std::unexpected(std::move(joined).error());
    if (fresh_) co_return std::size_t{1};
  }
  for (;;) {
    // A request that has arrived is served; none is waited for.
    if (peer_ended_ || (idles_at_stop() && !stream_->interrupt_read())) co_return std::size_t{0};
    make_room();
    const auto room = asio::buffer(buffer_.data() + end_, buffer_.size() - end_);
    auto received = co_await stream_->read_some(room, read_deadline());
    if (received) end_ += *received;
    const bool interrupted = !received && received.error().kind == ErrorKind::kTimeout && idles_at_stop();
    if (!interrupted) co_return received;
  }
}

// ---- noticing that the client went
// -----------------------------------------------------------------------------------

/// Runs once the event loop is reached again: a handler that answers without waiting never pays for the watch.
struct ServerConnection::StartWatch {
  std::shared_ptr<ServerConnection> self;
  std::uint64_t serial;
  void operator()() {
    if (!self->handling_ || self->serial_ != serial || self->watching_ || self->peer_ended_) return;
    self->watching_ = true;
    const auto executor = self->executor_;
    asio::co_spawn(executor, watch(std::move(self)), asio::detached);
  }
};

Awaitable<void> ServerConnection::watch(std::shared_ptr<ServerConnection> self) {
  // A full buffer ends the watch: the next requests wait in the socket.
  while (self->handling_ && self->end_ < self->buffer_.size()) {
    const auto room = asio::buffer(self->buffer_.data() + self->end_, self->buffer_.size() - self->end_);
    const auto received = co_await self->stream_->read_some(room, kNever);
    if (!received || *received == 0) {
      self->peer_ended_ = received || received.error().kind != ErrorKind::kTimeout;
      break;
    }
    self->end_ += *received;
    self->fresh_ = true;
  }
  self->watching_ = false;
  self->watch_done_.cancel();
  if (self->peer_ended_ && self->handling_ && self->answer_ != Answer::kComplete) self->client_gone_->cancel();
}

Awaitable<Status> ServerConnection::join_watch(Nanoseconds deadline) {
  const auto left = std::chrono::nanoseconds(std::max<std::int64_t>((deadline - clock_.now()).value, 0));
  watch_done_.expires_after(left);
  co_await watch_done_.async_wait(kAsTuple);
  if (watching_) co_return fail(ErrorKind::kTimeout, "the time for this read is over");
  co_return Status{};
}

// ---- answering
// -------------------------------------------------------------------------------------------------------

Awaitable<void> ServerConnection::answer() {
  client_gone_.emplace();
  phase_ = Phase::kHandler;
  closing_ = !parser_.keep_alive();
  mute_ = request_.method == "HEAD";
  handling_ = true;
  ++serial_;
  if (!watching_) {
    make_room();
    asio::post(executor_, StartWatch{shared_from_this(), serial_});
  }
  co_await call_handler();
  if (answer_ == Answer::kNone && !write_failed_) {
    ErrorAnswer error = error_body_(500, "the request was not answered", request_.path);
    error.headers.add("Content-Type", "application/json");
    static_cast<void>(co_await send(500, error.headers, error.body));
  }
  handling_ = false;
}

Awaitable<void> ServerConnection::call_handler() {
  try {
    co_await handler_(request_, *this);
  } catch (const std::exception& error) {
    gate_.count_failure();
    closing_ = true;
    base::log_error("the handler of {} {} threw: {}", request_.method, request_.path, error.what());
  } catch (...) {
    gate_.count_failure();
    closing_ = true;
    base::log_error("the handler of {} {} threw something unknown", request_.method, request_.path);
  }
}

bool ServerConnection::bodyless(int status) const noexcept {
  return request_.method == "HEAD" || status == 204 || status == 304;
}

/// Everything but the framing fields and the empty line.
Status ServerConnection::begin_head(int status, const Headers& headers) {
  if (answer_ != Answer::kNone) return fail(ErrorKind::kInternal, "the request is answered twice");
  if (status < 200 || status > 999) return fail(ErrorKind::kInternal, "{} is not a final HTTP status", status);
  head_.clear();
  append_status_line(head_, status);
  CHECK_OK(append_fields(head_, headers, "Date"));
  if (const auto connection = headers.get("Connection"); connection && equal_ignoring_case(*connection, "close"))
    closing_ = true;
  closing_ = closing_ || gate_.closed();
  if (closing_) head_.append("Connection: close\r\n");
  const std::int64_t second = clock_.unix_ns() / 1'000'000'000;
  if (second != date_second_) {
    date_second_ = second;
    date_ = "Date: " + http_date(second) + "\r\n";
  }
  head_.append(date_);
  mute_ = bodyless(status);
  return {};
}

Awaitable<Status> ServerConnection::send(int status, const Headers& headers, std::string_view body) {
  if (auto begun = begin_head(status, headers); !begun) co_return begun;
  if (status != 204 && status != 304) {
    head_.append("Content-Length: ");
    append_number(head_, body.size());
    head_.append("\r\n");
  }
  head_.append("\r\n");
  answer_ = Answer::kComplete;
  const std::array<asio::const_buffer, 2> buffers{to_buffer(head_), to_buffer(body)};
  const std::size_t used = mute_ || body.empty() ? 1 : 2;
  co_return co_await put(std::span(buffers).first(used));
}

Awaitable<Status> ServerConnection::start(int status, const Headers& headers, std::string_view first) {
  if (auto begun = begin_head(status, headers); !begun) co_return begun;
  // HTTP/1.0 knows no chunks: the end of the connection ends the body.
  chunked_ = !parser_.is_http_1_0() && !mute_;
  if (chunked_) head_.append("Transfer-Encoding: chunked\r\n");
  head_.append("\r\n");
  answer_ = Answer::kStreaming;
  const bool with_body = !mute_ && !first.empty();
  const bool framed = with_body && chunked_;
  if (framed) append_chunk_head(head_, first.size());
  const std::array<asio::const_buffer, 3> buffers{to_buffer(head_), to_buffer(first), to_buffer("\r\n")};
  std::size_t count = 1;
  if (with_body) count = 2;
  if (framed) count = 3;
  co_return co_await put(std::span(buffers).first(count));
}

Awaitable<Status> ServerConnection::write(std::string_view bytes) {
  if (answer_ != Answer::kStreaming) co_return fail(ErrorKind::kInternal, "write outside of start and finish");
  // An empty chunk would end the body.
  if (mute_ || bytes.empty()) co_return Status{};
  head_.clear();
  if (!chunked_) {
    const std::array<asio::const_buffer, 1> plain{to_buffer(bytes)};
    co_return co_await put(plain);
  }
  append_chunk_head(head_, bytes.size());
  const std::array<asio::const_buffer, 3> buffers{to_buffer(head_), to_buffer(bytes), to_buffer("\r\n")};
  co_return co_await put(buffers);
}

Awaitable<Status> ServerConnection::finish() {
  if (answer_ != Answer::kStreaming) co_return fail(ErrorKind::kInternal, "finish without start");
  if (chunked_) {
    const std::array<asio::const_buffer, 1> last{to_buffer("0\r\n\r\n")};
    Status told = co_await put(last);
    if (!told) co_return told;
  }
  answer_ = Answer::kComplete;
  co_return Status{};
}

Awaitable<Status> ServerConnection::put(std::span<const asio::const_buffer> buffers) {
  if (write_failed_) co_return fail(ErrorKind::kCancelled, "the client is gone");
  Status status = co_await stream_->write(buffers, later(clock_.now(), limits_.write_timeout));
  if (!status) {
    write_failed_ = true;
    if (handling_) client_gone_->cancel();
  }
  co_return status;
}

// ---- ending
// ----------------------------------------------------------------------------------------------------------

Awaitable<void> ServerConnection::refuse() {
  closing_ = true;
  ErrorAnswer error = error_body_(refusal_.status, refusal_.message, request_.path);
  error.headers.add("Content-Type", "application/json");
  static_cast<void>(co_await send(refusal_.status, error.headers, error.body));
}

/// Closing with unread bytes in the socket would reset the connection and take the answer from the client.
Awaitable<void> ServerConnection::linger() {
  if (write_failed_) co_return;
  stream_->finish_writing();
  if (watching_) co_return;
  const Nanoseconds deadline = clock_.now() + kLinger;
  std::size_t discarded = 0;
  begin_ = end_ = 0;
  while (discarded < kLingerBytesMax) {
    const auto received = co_await stream_->read_some(asio::buffer(buffer_), deadline);
    if (!received || *received == 0) co_return;
    discarded += *received;
  }
}

/// The next request is not there, and the server is stopping.
bool ServerConnection::idles_at_stop() const noexcept {
  return phase_ == Phase::kIdle && !first_ && !fresh_ && gate_.closed();
}

/// What is not a whole request when the stop's patience is over will not become one.
void ServerConnection::bound_silence() {
  const std::chrono::nanoseconds left(gate_.patience_left(limits_.stop_patience).value);
  silence_ = std::make_unique<asio::steady_timer>(executor_, left);
  silence_->async_wait([self = shared_from_this(), serial = serial_](const boost::system::error_code& error) {
    if (error || self->silence_ == nullptr || self->serial_ != serial || self->phase_ == Phase::kBody ||
        self->phase_ == Phase::kHandler)
      return;
    self->stream_->finish_writing();
    self->stream_->close();
  });
}

void ServerConnection::gate_closed() noexcept {
  if (phase_ == Phase::kBody || phase_ == Phase::kHandler) return;
  bound_silence();
  if (idles_at_stop()) stream_->interrupt_read();
}

void ServerConnection::gate_aborted() noexcept { stream_->close(); }

Awaitable<void> serve_connection(std::unique_ptr<Stream> stream, const ServerLimits& limits, const Handler& handler,
                                 const ErrorBody& error_body, const base::Clock& clock, Gate& gate) {
  const auto executor = co_await asio::this_coro::executor;
  std::shared_ptr<ServerConnection> first;
  std::optional<Gate::Pass> first_pass;
  std::string begun;
  if (stream->negotiated() != HttpVersion::kHttp2) {
    first = std::make_shared<ServerConnection>(executor, std::move(stream), limits, handler, error_body, clock, gate);
    first_pass.emplace(gate, first.get());
    co_await first->run();
    if (!first->is_http2()) co_return;
    begun = first->received();
    stream = first->take_stream();
  }
  const auto connection =
      std::make_shared<Http2ServerConnection>(executor, std::move(stream), limits, handler, error_body, clock, gate);
  const Gate::Pass pass(gate, connection.get());
  // Not before: somebody may wait for an empty gate.
  first_pass.reset();
  first.reset();
  co_await connection->run(std::move(begun));
}

}  // namespace thalamus::net
