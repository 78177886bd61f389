#include "thalamus/net/http2_server_session.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "thalamus/base/assert.h"
#include "thalamus/net/deadline.h"
#include "thalamus/net/http2_fields.h"
#include "thalamus/net/token_bucket.h"

namespace thalamus::net {
namespace {

constexpr std::uint32_t kStreamWindow = 1U << 20;
constexpr std::int32_t kConnectionWindow = 4 << 20;
// Bodies under way on one connection, together, in multiples of one body's limit.
constexpr std::size_t kBodiesMax = 2;
// Frames that cost work and bring none forward: SETTINGS, PING, PRIORITY, empty DATA, small WINDOW_UPDATE, unknown
// ones.
constexpr double kIdleFramesBurst = 500;
constexpr double kIdleFramesPerSecond = 50;
// Streams given up by the client, or by us for its mistakes (CVE-2023-44487, CVE-2025-8671).
constexpr double kResetsBurst = 200;
constexpr double kResetsPerSecond = 50;
constexpr std::size_t kContinuationsMax = 16;
constexpr std::int32_t kSmallWindowUpdate = 256;
// A header list so many times longer than allowed ends the connection and not only the request.
constexpr std::size_t kHeadTolerance = 4;
constexpr std::size_t kBodyBytesPerSecond = 64U << 10;
constexpr std::size_t kBodyReserveMax = 256U << 10;
// Many clients look at an answer only when they have sent everything, and drop it if their stream is reset before. So
// an upload that was answered is read on: for this long, and for as many bytes as kBodiesMax allows.
constexpr auto kReadOn = Nanoseconds::from_ms(2'000);
constexpr auto kReadOnAtStop = Nanoseconds::from_ms(200);
constexpr std::array<std::uint8_t, 8> kDrainPing{'d', 'r', 'a', 'i', 'n', 'i', 'n', 'g'};

Nghttp2Option make_options() {
  nghttp2_option* raw = nullptr;
  THALAMUS_ASSERT(nghttp2_option_new(&raw) == 0);
  Nghttp2Option option(raw);
  nghttp2_option_set_no_closed_streams(raw, 1);
  nghttp2_option_set_max_outbound_ack(raw, 256);
  nghttp2_option_set_max_settings(raw, 32);
  return option;
}

}  // namespace

struct Http2ServerSession::Impl {
  Impl(const ServerLimits& given, std::string peer_given, bool loopback, Nanoseconds at)
      : limits(given), peer(std::move(peer_given)), peer_is_loopback(loopback), now(at), idle_since(at) {}

  // Called by nghttp2 while it reads or writes: they note, and never read or write themselves.
  static int on_begin_frame(nghttp2_session*, const nghttp2_frame_hd* head, void* user);
  static int on_begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* user);
  static int on_header(nghttp2_session*, const nghttp2_frame* frame, nghttp2_rcbuf* name, nghttp2_rcbuf* value,
                       std::uint8_t, void* user);
  static int on_invalid_header(nghttp2_session*, const nghttp2_frame*, nghttp2_rcbuf*, nghttp2_rcbuf*, std::uint8_t,
                               void*) {
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }
  static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* user);
  static int on_data(nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* data, std::size_t size,
                     void* user);
  static int on_frame_sent(nghttp2_session*, const nghttp2_frame* frame, void* user);
  static int on_stream_closed(nghttp2_session*, std::int32_t id, std::uint32_t, void* user);
  static ssize_t read_answer(nghttp2_session*, std::int32_t, std::uint8_t* buffer, std::size_t size,
                             std::uint32_t* flags, nghttp2_data_source* source, void* user);

  [[nodiscard]] StreamPointer find(std::int32_t id) const {
    const auto found = streams.find(id);
    return found == streams.end() ? nullptr : found->second;
  }
  void open_stream(std::int32_t id);
  void take_field(Http2Stream& stream, std::string_view name, std::string_view value);
  void finish_head(const StreamPointer& stream, bool ends);
  std::optional<Refusal> check_head(Http2Stream& stream);
  std::optional<Refusal> split_target(HttpRequest& request) const;
  void hand_over(const StreamPointer& stream);
  void refuse(const StreamPointer& stream, Refusal refusal);
  void discard(Http2Stream& stream, std::size_t size);
  void read_on(Http2Stream& stream);
  void stop_reading(Http2Stream& stream) {
    if (stream.reads_on_until != kNever) --reading_on;
    stream.reads_on_until = kNever;
    nghttp2_submit_rst_stream(session.get(), NGHTTP2_FLAG_NONE, stream.id, NGHTTP2_NO_ERROR);
  }
  void terminate(std::uint32_t code) {
    if (terminated) return;
    terminated = true;
    nghttp2_session_terminate_session(session.get(), code);
  }
  void count(TokenBucket& bucket) {
    if (!bucket.take(now)) terminate(NGHTTP2_ENHANCE_YOUR_CALM);
  }
  void go_away() {
    if (gone_away) return;
    gone_away = true;
    nghttp2_submit_goaway(session.get(), NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(session.get()),
                          NGHTTP2_NO_ERROR, nullptr, 0);
  }
  [[nodiscard]] Nanoseconds body_deadline(const Http2Stream& stream) const noexcept {
    const auto seconds = static_cast<std::int64_t>(stream.body_bytes / kBodyBytesPerSecond);
    return later(later(stream.phase_began, limits.body_timeout), Nanoseconds::from_ms(seconds * 1'000));
  }
  [[nodiscard]] bool discards_too_much() const noexcept { return bytes_discarded > kBodiesMax * limits.body_bytes_max; }
  [[nodiscard]] Nanoseconds idle_deadline() const noexcept {
    if (!streams.empty() || running > 0 || gone_away || terminated) return kNever;
    return later(idle_since, any_request ? limits.idle_timeout : limits.head_timeout);
  }

  const ServerLimits& limits;
  std::string peer;
  bool peer_is_loopback;
  Nanoseconds now;
  Nghttp2Session session;
  std::map<std::int32_t, StreamPointer> streams;
  Events events;
  TokenBucket idle_frames{kIdleFramesBurst, kIdleFramesPerSecond};
  TokenBucket resets{kResetsBurst, kResetsPerSecond};
  std::size_t running = 0;
  std::size_t receiving = 0;        ///< streams whose body is under way
  std::size_t body_bytes_held = 0;  ///< of open streams
  std::size_t reading_on = 0;       ///< streams that are answered and not at their end
  std::size_t bytes_discarded = 0;  ///< of open streams
  std::size_t continuations = 0;
  Nanoseconds idle_since;
  Nanoseconds block_began = kNever;  ///< of the header block under way
  Nanoseconds drain_ends = kNever;
  bool any_request = false;
  bool gone_away = false;
  bool terminated = false;
};

// ---- receiving
// -------------------------------------------------------------------------------------------------------

int Http2ServerSession::Impl::on_begin_frame(nghttp2_session*, const nghttp2_frame_hd* head, void* user) {
  Impl& self = *static_cast<Impl*>(user);
  switch (head->type) {
    case NGHTTP2_HEADERS: self.continuations = 0; break;
    case NGHTTP2_CONTINUATION:
      if (++self.continuations > kContinuationsMax) self.terminate(NGHTTP2_ENHANCE_YOUR_CALM);
      break;
    case NGHTTP2_DATA:
      if (head->length == 0 && (head->flags & NGHTTP2_FLAG_END_STREAM) == 0) self.count(self.idle_frames);
      break;
    case NGHTTP2_RST_STREAM: self.count(self.resets); break;
    case NGHTTP2_WINDOW_UPDATE: break;  // counted by its size
    case NGHTTP2_PING:
      // The answers to pings of ours are bounded by those.
      if ((head->flags & NGHTTP2_FLAG_ACK) == 0 || self.drain_ends == kNever) self.count(self.idle_frames);
      break;
    default: self.count(self.idle_frames);
  }
  return 0;
}

int Http2ServerSession::Impl::on_begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* user) {
  Impl& self = *static_cast<Impl*>(user);
  self.block_began = self.now;
  if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) self.open_stream(frame->hd.stream_id);
  return 0;
}

void Http2ServerSession::Impl::open_stream(std::int32_t id) {
  any_request = true;
  // A client that cancels and asks again must not have more handlers at work than one that waits.
  if (running >= 2 * limits.streams_max) {
    nghttp2_submit_rst_stream(session.get(), NGHTTP2_FLAG_NONE, id, NGHTTP2_REFUSED_STREAM);
    return;
  }
  auto stream = std::make_shared<Http2Stream>();
  stream->id = id;
  stream->phase_began = now;
  stream->request.peer = peer;
  stream->request.peer_is_loopback = peer_is_loopback;
  stream->request.http2 = true;
  streams.emplace(id, std::move(stream));
}

int Http2ServerSession::Impl::on_header(nghttp2_session*, const nghttp2_frame* frame, nghttp2_rcbuf* name,
                                        nghttp2_rcbuf* value, std::uint8_t, void* user) {
  Impl& self = *static_cast<Impl*>(user);
  const auto stream = self.find(frame->hd.stream_id);
  if (stream == nullptr) return 0;
  stream->head_bytes += to_view(name).size() + to_view(value).size() + 32;
  if (stream->head_bytes > kHeadTolerance * self.limits.head_bytes_max) self.terminate(NGHTTP2_ENHANCE_YOUR_CALM);
  // Trailers mean nothing here; they count all the same.
  if (stream->phase == Http2Stream::Phase::kHead) self.take_field(*stream, to_view(name), to_view(value));
  return 0;
}

void Http2ServerSession::Impl::take_field(Http2Stream& stream, std::string_view name, std::string_view value) {
  HttpRequest& request = stream.request;
  if (stream.refusal) return;
  if (stream.head_bytes > limits.head_bytes_max) {
    stream.refusal = Refusal{431, fmt::format("the head is longer than {} bytes", limits.head_bytes_max)};
  } else if (name == ":method") {
    request.method.assign(value);
  } else if (name == ":path") {
    request.path.assign(value);
  } else if (name == ":authority" || name == "host") {
    const auto known = request.headers.get("Host");
    if (known && *known != value) stream.refusal = Refusal{400, "Host and :authority differ"};
    if (!known) request.headers.add("Host", value);
  } else if (!name.starts_with(':')) {
    if (request.headers.size() >= limits.headers_max)
      stream.refusal = Refusal{431, fmt::format("more than {} header fields", limits.headers_max)};
    else
      request.headers.add(name, value);
  }
}

std::optional<Refusal> Http2ServerSession::Impl::split_target(HttpRequest& request) const {
  if (request.path.size() > kTargetBytesMax) return Refusal{414, "the request target is too long"};
  const auto question = request.path.find('?');
  if (question != std::string::npos) {
    request.query.assign(request.path, question + 1);
    request.path.resize(question);
  }
  if (!request.path.starts_with('/') && request.path != "*")
    return Refusal{400, "the request target must begin with '/'"};
  return std::nullopt;
}

std::optional<Refusal> Http2ServerSession::Impl::check_head(Http2Stream& stream) {
  HttpRequest& request = stream.request;
  if (stream.refusal) return stream.refusal;
  if (request.method == "CONNECT") return Refusal{501, "CONNECT is not supported"};
  if (!is_token(request.method)) return Refusal{400, "the method is not a token"};
  if (!request.headers.get("Host")) return Refusal{400, "the Host field is missing"};
  if (auto refusal = split_target(request)) return refusal;
  if (const auto length = request.headers.get("content-length")) {
    std::uint64_t bytes = 0;
    const auto [end, error] = std::from_chars(length->data(), length->data() + length->size(), bytes);
    if (error != std::errc{} || end != length->data() + length->size() || bytes > limits.body_bytes_max)
      return Refusal{413, fmt::format("the body is longer than {} bytes; shorten the request", limits.body_bytes_max)};
    request.body.reserve(static_cast<std::size_t>(std::min<std::uint64_t>(bytes, kBodyReserveMax)));
  }
  const auto expect = request.headers.get("expect");
  if (expect && !equal_ignoring_case(*expect, "100-continue"))
    return Refusal{417, "the only expectation known here is 100-continue"};
  return std::nullopt;
}

void Http2ServerSession::Impl::finish_head(const StreamPointer& stream, bool ends) {
  if (stream->phase != Http2Stream::Phase::kHead) return;
  stream->request.arrived = now;
  stream->phase = Http2Stream::Phase::kBody;
  stream->phase_began = now;
  ++receiving;
  if (auto refusal = check_head(*stream)) return refuse(stream, std::move(*refusal));
  if (ends) return;
  if (stream->request.headers.get("expect")) {
    Http2Fields fields;
    fields.add(":status", "100");
    const auto& block = fields.block();
    nghttp2_submit_headers(session.get(), NGHTTP2_FLAG_NONE, stream->id, nullptr, block.data(), block.size(), nullptr);
  }
}

/// The request is complete, or will never be.
void Http2ServerSession::Impl::hand_over(const StreamPointer& stream) {
  if (stream->phase == Http2Stream::Phase::kBody) --receiving;
  stream->phase = Http2Stream::Phase::kHandler;
  events.ready.push_back(stream);
}

void Http2ServerSession::Impl::refuse(const StreamPointer& stream, Refusal refusal) {
  body_bytes_held -= stream->body_bytes;
  stream->body_bytes = 0;
  stream->request.body = {};
  stream->refusal = std::move(refusal);
  hand_over(stream);
}

int Http2ServerSession::Impl::on_frame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
  Impl& self = *static_cast<Impl*>(user);
  const bool ends = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
      self.block_began = kNever;
      if (const auto stream = self.find(frame->hd.stream_id)) self.finish_head(stream, ends);
      break;
    case NGHTTP2_DATA: break;
    case NGHTTP2_WINDOW_UPDATE:
      if (frame->window_update.window_size_increment < kSmallWindowUpdate) self.count(self.idle_frames);
      return 0;
    case NGHTTP2_PING:
      if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0 && self.drain_ends != kNever) self.go_away();
      return 0;
    default: return 0;
  }
  const auto stream = self.find(frame->hd.stream_id);
  if (ends && stream != nullptr && stream->phase == Http2Stream::Phase::kBody) self.hand_over(stream);
  return 0;
}

int Http2ServerSession::Impl::on_data(nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* data,
                                      std::size_t size, void* user) {
  Impl& self = *static_cast<Impl*>(user);
  const auto stream = self.find(id);
  if (stream == nullptr) return 0;
  if (stream->phase != Http2Stream::Phase::kBody) {
    self.discard(*stream, size);
    return 0;
  }
  if (size > self.limits.body_bytes_max - stream->body_bytes) {
    self.refuse(stream, {413, fmt::format("the body is longer than {} bytes; shorten the request",
                                          self.limits.body_bytes_max)});
    return 0;
  }
  if (self.body_bytes_held + size > kBodiesMax * self.limits.body_bytes_max) {
    // Nothing was done for it yet: the client may ask again when others are through.
    nghttp2_submit_rst_stream(self.session.get(), NGHTTP2_FLAG_NONE, id, NGHTTP2_REFUSED_STREAM);
    return 0;
  }
  self.body_bytes_held += size;
  stream->body_bytes += size;
  stream->request.body.append(reinterpret_cast<const char*>(data), size);
  return 0;
}

/// Of a request that is refused. Its windows are given back all the same.
void Http2ServerSession::Impl::discard(Http2Stream& stream, std::size_t size) {
  stream.bytes_discarded += size;
  bytes_discarded += size;
  if (stream.ended && discards_too_much()) stop_reading(stream);
}

/// The answer is out, and its request is not at its end.
void Http2ServerSession::Impl::read_on(Http2Stream& stream) {
  if (discards_too_much()) return stop_reading(stream);
  stream.reads_on_until = later(now, drain_ends == kNever ? kReadOn : kReadOnAtStop);
  ++reading_on;
}

int Http2ServerSession::Impl::on_stream_closed(nghttp2_session*, std::int32_t id, std::uint32_t, void* user) {
  Impl& self = *static_cast<Impl*>(user);
  const auto stream = self.find(id);
  if (stream == nullptr) return 0;
  if (stream->phase == Http2Stream::Phase::kBody) --self.receiving;
  if (stream->reads_on_until != kNever) --self.reading_on;
  self.body_bytes_held -= stream->body_bytes;
  self.bytes_discarded -= stream->bytes_discarded;
  stream->closed = true;
  stream->out = {};
  self.streams.erase(id);
  if (self.streams.empty()) self.idle_since = self.now;
  self.events.closed.push_back(stream);
  return 0;
}

// ---- answering
// -------------------------------------------------------------------------------------------------------

ssize_t Http2ServerSession::Impl::read_answer(nghttp2_session*, std::int32_t, std::uint8_t* buffer, std::size_t size,
                                              std::uint32_t* flags, nghttp2_data_source* source, void* user) {
  Impl& self = *static_cast<Impl*>(user);
  Http2Stream& stream = *static_cast<Http2Stream*>(source->ptr);
  if (stream.out.empty() && !stream.out_ended) return NGHTTP2_ERR_DEFERRED;
  const std::size_t taken = std::min(size, stream.out.size());
  std::memcpy(buffer, stream.out.data(), taken);
  stream.out.remove_prefix(taken);
  if (stream.out.empty() && stream.out_ended) *flags |= NGHTTP2_DATA_FLAG_EOF;
  if (stream.out.empty() && !stream.out_ended)
    if (auto held = self.find(stream.id)) self.events.progressed.push_back(std::move(held));
  return static_cast<ssize_t>(taken);
}

int Http2ServerSession::Impl::on_frame_sent(nghttp2_session*, const nghttp2_frame* frame, void* user) {
  Impl& self = *static_cast<Impl*>(user);
  if (frame->hd.type == NGHTTP2_RST_STREAM) {
    const std::uint32_t code = frame->rst_stream.error_code;
    if (code != NGHTTP2_NO_ERROR && code != NGHTTP2_CANCEL) self.count(self.resets);
    return 0;
  }
  const bool message = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
  if (!message || (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return 0;
  auto stream = self.find(frame->hd.stream_id);
  if (stream == nullptr) return 0;
  stream->ended = true;
  if (nghttp2_session_get_stream_remote_close(self.session.get(), stream->id) == 0) self.read_on(*stream);
  self.events.progressed.push_back(std::move(stream));
  return 0;
}

Http2ServerSession::Http2ServerSession(const ServerLimits& limits, std::string peer, bool peer_is_loopback,
                                       Nanoseconds now)
    : impl_(std::make_unique<Impl>(limits, std::move(peer), peer_is_loopback, now)) {
  nghttp2_session_callbacks* raw = nullptr;
  THALAMUS_ASSERT(nghttp2_session_callbacks_new(&raw) == 0);
  const Nghttp2Callbacks callbacks(raw);
  nghttp2_session_callbacks_set_on_begin_frame_callback(raw, &Impl::on_begin_frame);
  nghttp2_session_callbacks_set_on_begin_headers_callback(raw, &Impl::on_begin_headers);
  nghttp2_session_callbacks_set_on_header_callback2(raw, &Impl::on_header);
  nghttp2_session_callbacks_set_on_invalid_header_callback2(raw, &Impl::on_invalid_header);
  nghttp2_session_callbacks_set_on_frame_recv_callback(raw, &Impl::on_frame);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(raw, &Impl::on_data);
  nghttp2_session_callbacks_set_on_frame_send_callback(raw, &Impl::on_frame_sent);
  nghttp2_session_callbacks_set_on_stream_close_callback(raw, &Impl::on_stream_closed);
  const auto option = make_options();
  nghttp2_session* session = nullptr;
  THALAMUS_ASSERT(nghttp2_session_server_new2(&session, raw, impl_.get(), option.get()) == 0);
  impl_->session.reset(session);
  const std::array<nghttp2_settings_entry, 4> settings{{
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, static_cast<std::uint32_t>(limits.streams_max)},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kStreamWindow},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<std::uint32_t>(limits.head_bytes_max)},
      {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
  }};
  THALAMUS_ASSERT(nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings.data(), settings.size()) == 0);
  THALAMUS_ASSERT(nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, kConnectionWindow) == 0);
}

Http2ServerSession::~Http2ServerSession() = default;

bool Http2ServerSession::receive(std::string_view bytes, Nanoseconds now) {
  impl_->now = now;
  const auto used =
      nghttp2_session_mem_recv(impl_->session.get(), reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  // What is fatal to the session, a flood say, or no preface at all, leaves it able to say goodbye.
  if (used < 0) impl_->terminate(used == NGHTTP2_ERR_FLOODED ? NGHTTP2_ENHANCE_YOUR_CALM : NGHTTP2_PROTOCOL_ERROR);
  return !impl_->terminated && nghttp2_session_want_read(impl_->session.get()) != 0;
}

Http2ServerSession::Events Http2ServerSession::take_events() { return std::exchange(impl_->events, {}); }

Status Http2ServerSession::answer(Http2Stream& stream, int status, const Headers& headers, std::string_view date,
                                  std::optional<std::size_t> content_length, AnswerBody body) {
  if (status < 200 || status > 999) return fail(ErrorKind::kInternal, "{} is not a final HTTP status", status);
  Http2Fields fields;
  fields.add_number(":status", static_cast<std::uint64_t>(status));
  CHECK_OK(fields.append(headers, "Date"));
  fields.add("date", date);
  if (content_length) fields.add_number("content-length", *content_length);
  if (stream.closed) return fail(ErrorKind::kCancelled, "the client is gone");
  nghttp2_data_provider provider{};
  provider.source.ptr = &stream;
  provider.read_callback = &Impl::read_answer;
  const auto& block = fields.block();
  const int failed = nghttp2_submit_response(impl_->session.get(), stream.id, block.data(), block.size(),
                                             body == AnswerBody::kFollows ? &provider : nullptr);
  if (failed != 0) return fail(ErrorKind::kInternal, "HTTP/2: {}", nghttp2_strerror(failed));
  return {};
}

void Http2ServerSession::resume(Http2Stream& stream) {
  if (!stream.closed) nghttp2_session_resume_data(impl_->session.get(), stream.id);
}

void Http2ServerSession::reset(Http2Stream& stream, Reset reason) {
  stream.out = {};
  if (stream.closed) return;
  // A cut answer must not look like a short one.
  stream.out_ended = false;
  const std::uint32_t code = reason == Reset::kCancel ? NGHTTP2_CANCEL : NGHTTP2_INTERNAL_ERROR;
  nghttp2_submit_rst_stream(impl_->session.get(), NGHTTP2_FLAG_NONE, stream.id, code);
}

void Http2ServerSession::set_running(std::size_t count, Nanoseconds now) {
  impl_->running = count;
  if (count == 0) impl_->idle_since = now;
}

void Http2ServerSession::produce(std::string& out, std::size_t bytes_max) {
  while (out.size() < bytes_max) {
    const std::uint8_t* bytes = nullptr;
    const auto size = nghttp2_session_mem_send(impl_->session.get(), &bytes);
    if (size < 0) impl_->terminated = true;
    if (size <= 0) return;
    out.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
  }
}

// ---- time and ending
// -------------------------------------------------------------------------------------------------

void Http2ServerSession::begin_drain(Nanoseconds now, Nanoseconds patience) {
  if (impl_->drain_ends != kNever) return;
  impl_->drain_ends = later(now, patience);
  for (const auto& [id, stream] : impl_->streams)
    if (stream->reads_on_until != kNever)
      stream->reads_on_until = std::min(stream->reads_on_until, later(now, kReadOnAtStop));
  // What the client sends before it hears of this is served; its answer to the ping says that it has heard.
  nghttp2_submit_shutdown_notice(impl_->session.get());
  nghttp2_submit_ping(impl_->session.get(), NGHTTP2_FLAG_NONE, kDrainPing.data());
}

Nanoseconds Http2ServerSession::deadline() const noexcept {
  if (impl_->terminated) return kNever;
  Nanoseconds nearest = impl_->idle_deadline();
  if (impl_->block_began != kNever) nearest = std::min(nearest, later(impl_->block_began, impl_->limits.head_timeout));
  if (!impl_->gone_away) nearest = std::min(nearest, impl_->drain_ends);
  if (impl_->receiving + impl_->reading_on == 0) return nearest;
  for (const auto& [id, stream] : impl_->streams) {
    nearest = std::min(nearest, stream->reads_on_until);
    if (stream->phase == Http2Stream::Phase::kBody) nearest = std::min(nearest, impl_->body_deadline(*stream));
  }
  return nearest;
}

void Http2ServerSession::expire(Nanoseconds now) {
  impl_->now = now;
  if (now >= impl_->idle_deadline()) impl_->go_away();
  if (impl_->block_began != kNever && now >= later(impl_->block_began, impl_->limits.head_timeout))
    impl_->terminate(NGHTTP2_ENHANCE_YOUR_CALM);
  if (now >= impl_->drain_ends) impl_->go_away();
  if (impl_->receiving + impl_->reading_on == 0) return;
  for (const auto& [id, stream] : impl_->streams) {
    if (now >= stream->reads_on_until) impl_->stop_reading(*stream);
    if (stream->phase == Http2Stream::Phase::kBody && now >= impl_->body_deadline(*stream))
      impl_->refuse(stream, {408, "the request's body took too long"});
  }
}

bool Http2ServerSession::finished() const noexcept {
  nghttp2_session* session = impl_->session.get();
  if (nghttp2_session_want_write(session) != 0) return false;
  if (impl_->terminated || nghttp2_session_want_read(session) == 0) return true;
  return impl_->gone_away && impl_->streams.empty() && impl_->running == 0;
}

std::size_t Http2ServerSession::streams() const noexcept { return impl_->streams.size(); }

bool Http2ServerSession::rests() const noexcept {
  return impl_->any_request && impl_->streams.empty() && impl_->running == 0;
}

}  // namespace thalamus::net
