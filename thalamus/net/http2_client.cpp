#include "thalamus/net/http2_client.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <cstring>
#include <utility>

#include "thalamus/base/assert.h"

namespace thalamus::net {
namespace {

// One answer that nobody reads holds so much, and the others go on: what arrives is given back to the connection's
// window at once, to a stream's own when it is read.
constexpr std::uint32_t kStreamWindow = 256U << 10;
constexpr std::int32_t kConnectionWindow = 16 << 20;
constexpr std::size_t kHeadersMax = 256;
constexpr std::size_t kInterimAnswersMax = 16;
constexpr Nanoseconds kWriteTimeout = Nanoseconds::from_ms(60'000);

Error upstream(std::string message) { return {ErrorKind::kUpstream, std::move(message), {}}; }

Nghttp2Callbacks make_callbacks() {
  nghttp2_session_callbacks* raw = nullptr;
  THALAMUS_ASSERT(nghttp2_session_callbacks_new(&raw) == 0);
  return Nghttp2Callbacks(raw);
}

Nghttp2Option make_options() {
  nghttp2_option* raw = nullptr;
  THALAMUS_ASSERT(nghttp2_option_new(&raw) == 0);
  Nghttp2Option option(raw);
  nghttp2_option_set_no_auto_window_update(raw, 1);
  nghttp2_option_set_no_closed_streams(raw, 1);
  nghttp2_option_set_max_outbound_ack(raw, 256);
  nghttp2_option_set_max_settings(raw, 32);
  nghttp2_option_set_peer_max_concurrent_streams(raw, Http2ClientConnection::kStreamsAssumed);
  return option;
}

}  // namespace

std::shared_ptr<Http2ClientConnection> Http2ClientConnection::start(const asio::any_io_executor& executor,
                                                                    std::unique_ptr<Stream> stream,
                                                                    const base::Clock& clock) {
  auto connection = std::make_shared<Http2ClientConnection>(executor, std::move(stream), clock);
  asio::co_spawn(executor, read_all(connection), asio::detached);
  connection->kick();
  return connection;
}

Http2ClientConnection::Http2ClientConnection(asio::any_io_executor executor, std::unique_ptr<Stream> stream,
                                             const base::Clock& clock)
    : Http2Transport(std::move(executor), std::move(stream), clock, kWriteTimeout), idle_since_(clock.now()) {
  make_session();
}

Http2ClientConnection::~Http2ClientConnection() = default;

void Http2ClientConnection::make_session() {
  const auto callbacks = make_callbacks();
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks.get(), &on_begin_headers);
  nghttp2_session_callbacks_set_on_header_callback2(callbacks.get(), &on_header);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks.get(), &on_frame);
  nghttp2_session_callbacks_set_on_frame_send_callback(callbacks.get(), &on_frame_sent);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks.get(), &on_data);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks.get(), &on_stream_closed);
  const auto option = make_options();
  nghttp2_session* session = nullptr;
  THALAMUS_ASSERT(nghttp2_session_client_new2(&session, callbacks.get(), this, option.get()) == 0);
  session_.reset(session);
  const std::array<nghttp2_settings_entry, 3> settings{{
      {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kStreamWindow},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, 64U << 10},
  }};
  THALAMUS_ASSERT(nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings.data(), settings.size()) == 0);
  THALAMUS_ASSERT(nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, kConnectionWindow) == 0);
}

std::shared_ptr<Http2Call> Http2ClientConnection::find(std::int32_t id) const {
  const auto found = calls_.find(id);
  return found == calls_.end() ? nullptr : found->second;
}

// ---- what exchanges ask for
// ------------------------------------------------------------------------------------------

bool Http2ClientConnection::can_open() const noexcept {
  if (retired_ || suspected_ || over_ || write_failed_ || nghttp2_session_check_request_allowed(session_.get()) == 0)
    return false;
  return calls_.size() < nghttp2_session_get_remote_settings(session_.get(), NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

Result<std::shared_ptr<Http2Call>> Http2ClientConnection::open(Http2Fields& fields, std::string_view body,
                                                               const CallLimits& limits, bool bodyless) {
  if (!can_open()) return fail(ErrorKind::kUnavailable, "the connection takes no more requests");
  auto call = std::make_shared<Http2Call>(executor_);
  call->out = body;
  call->bodyless = bodyless;
  call->head_bytes_max = limits.head_bytes_max;
  call->body_bytes_max = limits.body_bytes_max;
  call->heard_at = heard_;
  nghttp2_data_provider provider{};
  provider.source.ptr = call.get();
  provider.read_callback = &read_body;
  const auto& block = fields.block();
  const std::int32_t id = nghttp2_submit_request(session_.get(), nullptr, block.data(), block.size(),
                                                 body.empty() ? nullptr : &provider, nullptr);
  if (id < 0) {
    retire();
    return fail(ErrorKind::kUnavailable, "the connection takes no more requests: {}", nghttp2_strerror(id));
  }
  call->id = id;
  calls_.emplace(id, call);
  kick();
  return call;
}

void Http2ClientConnection::consumed(const Http2Call& call, std::size_t bytes) {
  if (over_ || call.closed) return;
  nghttp2_session_consume_stream(session_.get(), call.id, bytes);
  if (nghttp2_session_want_write(session_.get()) != 0) kick();
}

void Http2ClientConnection::drop(Http2Call& call) {
  call.dropped = true;
  call.out = {};
  if (call.closed || over_) return;
  idle_since_ = clock_.now();
  if (write_failed_) return close_if_useless();
  nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, call.id, NGHTTP2_CANCEL);
  kick();
}

bool Http2ClientConnection::idle() const noexcept {
  return std::all_of(calls_.begin(), calls_.end(), [](const auto& entry) { return entry.second->dropped; });
}

void Http2ClientConnection::suspect() {
  if (suspected_ || over_) return;
  suspected_ = true;
  nghttp2_submit_ping(session_.get(), NGHTTP2_FLAG_NONE, nullptr);
  kick();
}

void Http2ClientConnection::retire() {
  retired_ = true;
  if (over_ || saying_goodbye_ || !idle()) return;
  if (write_failed_) return close_if_useless();
  saying_goodbye_ = true;
  // Behind the resets that are on their way.
  nghttp2_submit_goaway(session_.get(), NGHTTP2_FLAG_NONE, 0, NGHTTP2_NO_ERROR, nullptr, 0);
  kick();
}

void Http2ClientConnection::close() {
  retired_ = true;
  stream_->close();
}

// ---- what the session tells
// ------------------------------------------------------------------------------------------

int Http2ClientConnection::on_begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* user) {
  const auto call = static_cast<Http2ClientConnection*>(user)->find(frame->hd.stream_id);
  if (call == nullptr || call->head_done) return 0;
  call->headers.clear();
  call->status = 0;
  return 0;
}

int Http2ClientConnection::on_header(nghttp2_session*, const nghttp2_frame* frame, nghttp2_rcbuf* name_buffer,
                                     nghttp2_rcbuf* value_buffer, std::uint8_t, void* user) {
  auto& self = *static_cast<Http2ClientConnection*>(user);
  const auto call = self.find(frame->hd.stream_id);
  if (call == nullptr || call->error) return 0;
  const auto name = to_view(name_buffer);
  const auto value = to_view(value_buffer);
  call->head_bytes += name.size() + value.size() + 32;
  if (call->head_bytes > call->head_bytes_max || call->headers.size() >= kHeadersMax) {
    self.fail_call(*call, {ErrorKind::kTooLarge, "the answer's head is too long", {}}, NGHTTP2_CANCEL);
    return 0;
  }
  // Behind the body come trailers, which nothing of ours reads.
  if (call->head_done) return 0;
  if (name == ":status") {
    for (const char c : value) call->status = call->status * 10 + (c - '0');
  } else {
    call->headers.add(name, value);
  }
  return 0;
}

int Http2ClientConnection::on_frame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
  auto& self = *static_cast<Http2ClientConnection*>(user);
  if (frame->hd.type == NGHTTP2_GOAWAY) {
    // Streams that the server did not begin are closed by the session with REFUSED_STREAM.
    self.retired_ = true;
    return 0;
  }
  const auto call = self.find(frame->hd.stream_id);
  if (call == nullptr) return 0;
  if (frame->hd.type == NGHTTP2_HEADERS && !call->head_done) {
    call->head_done = call->status >= 200;
    if (!call->head_done && ++call->interim > kInterimAnswersMax)
      self.fail_call(*call, upstream("unexpected interim answers"), NGHTTP2_CANCEL);
  }
  const bool message = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
  if (message && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) call->ended = true;
  if (message) call->wake();
  return 0;
}

int Http2ClientConnection::on_frame_sent(nghttp2_session*, const nghttp2_frame* frame, void* user) {
  auto& self = *static_cast<Http2ClientConnection*>(user);
  const bool message = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
  if (!message || (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return 0;
  if (const auto call = self.find(frame->hd.stream_id)) {
    call->sent = true;
    call->wake();
  }
  return 0;
}

int Http2ClientConnection::on_data(nghttp2_session* session, std::uint8_t, std::int32_t id, const std::uint8_t* data,
                                   std::size_t size, void* user) {
  auto& self = *static_cast<Http2ClientConnection*>(user);
  nghttp2_session_consume_connection(session, size);
  const auto call = self.find(id);
  if (call == nullptr || call->error || call->dropped) return 0;
  call->in_total += size;
  if (call->in_total > call->body_bytes_max) {
    self.fail_call(
        *call,
        {ErrorKind::kTooLarge, fmt::format("the answer's body is longer than {} bytes", call->body_bytes_max), {}},
        NGHTTP2_CANCEL);
    return 0;
  }
  call->in.append(reinterpret_cast<const char*>(data), size);
  call->wake();
  return 0;
}

int Http2ClientConnection::on_stream_closed(nghttp2_session*, std::int32_t id, std::uint32_t code, void* user) {
  auto& self = *static_cast<Http2ClientConnection*>(user);
  const auto call = self.find(id);
  if (call == nullptr) return 0;
  self.calls_.erase(id);
  if (self.calls_.empty()) self.idle_since_ = self.clock_.now();
  call->closed = true;
  call->out = {};
  call->unprocessed = code == NGHTTP2_REFUSED_STREAM && !call->head_done;
  if (!call->ended && !call->error)
    call->error = upstream(fmt::format("the server ended the answer: {}", nghttp2_http2_strerror(code)));
  call->wake();
  return 0;
}

ssize_t Http2ClientConnection::read_body(nghttp2_session*, std::int32_t, std::uint8_t* buffer, std::size_t size,
                                         std::uint32_t* flags, nghttp2_data_source* source, void*) {
  Http2Call& call = *static_cast<Http2Call*>(source->ptr);
  if (call.dropped) return NGHTTP2_ERR_DEFERRED;
  const std::size_t taken = std::min(size, call.out.size());
  std::memcpy(buffer, call.out.data(), taken);
  call.out.remove_prefix(taken);
  if (call.out.empty()) *flags |= NGHTTP2_DATA_FLAG_EOF;
  return static_cast<ssize_t>(taken);
}

void Http2ClientConnection::fail_call(Http2Call& call, Error error, std::uint32_t code) {
  call.error = std::move(error);
  call.in.clear();
  nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, call.id, code);
  call.wake();
}

// ---- bytes
// -----------------------------------------------------------------------------------------------------------

void Http2ClientConnection::produce(std::string& out) {
  while (!over_ && out.size() < kBatchBytes) {
    const std::uint8_t* bytes = nullptr;
    const auto size = nghttp2_session_mem_send(session_.get(), &bytes);
    if (size <= 0) return;
    out.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
  }
}

void Http2ClientConnection::written() {
  if (over_) return;
  if (write_failed_) {
    // What the server said before it went still counts.
    retired_ = true;
    return close_if_useless();
  }
  nghttp2_session* session = session_.get();
  const bool through = nghttp2_session_want_read(session) == 0 && nghttp2_session_want_write(session) == 0;
  if (through || (idle() && saying_goodbye_)) {
    stream_->finish_writing();
    stream_->close();
  } else if (retired_) {
    retire();
  }
}

void Http2ClientConnection::close_if_useless() {
  if (write_timed_out_ || idle()) stream_->close();
}

Awaitable<void> Http2ClientConnection::read_all(std::shared_ptr<Http2ClientConnection> self) {
  Error reason = upstream("the server closed the connection");
  for (;;) {
    const auto received = co_await self->stream_->read_some(asio::buffer(self->buffer_), kNever);
    if (!received) reason = upstream("the connection was lost: " + received.error().message);
    if (!received || *received == 0) break;
    ++self->heard_;
    const auto used = nghttp2_session_mem_recv(self->session_.get(),
                                               reinterpret_cast<const std::uint8_t*>(self->buffer_.data()), *received);
    if (used < 0) {
      reason = upstream(fmt::format("malformed HTTP/2: {}", nghttp2_strerror(static_cast<int>(used))));
      break;
    }
    self->suspected_ = false;
    if (self->retired_ && self->idle()) self->retire();
    self->kick();
  }
  self->end(reason);
}

void Http2ClientConnection::end(const Error& error) {
  over_ = true;
  retired_ = true;
  stream_->close();
  const auto calls = std::exchange(calls_, {});
  for (const auto& [id, call] : calls) {
    call->closed = true;
    call->out = {};
    call->stale = !call->head_done && !call->error && call->heard_at == heard_;
    if (!call->ended && !call->error) call->error = error;
    call->wake();
  }
}

}  // namespace thalamus::net
