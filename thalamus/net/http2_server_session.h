/// The server's half of the HTTP/2 protocol (RFC 9113) apart from any transport, clock or coroutine: bytes in, requests
/// out; answers in, bytes out. nghttp2 does framing, header compression, message rules and flow control; limits and the
/// defence against floods are here. Private to the sources of `net` and their tests.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "thalamus/base/result.h"
#include "thalamus/net/http.h"
#include "thalamus/net/http1_parser.h"
#include "thalamus/net/http_server.h"
#include "thalamus/net/stream.h"

namespace thalamus::net {

inline constexpr std::string_view kHttp2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// One request and its answer.
struct Http2Stream {
  enum class Phase : std::uint8_t { kHead, kBody, kHandler };

  std::int32_t id = 0;
  HttpRequest request;
  std::optional<Refusal> refusal;  ///< instead of calling the handler
  Phase phase = Phase::kHead;
  Nanoseconds phase_began{};
  std::size_t head_bytes = 0;           ///< as SETTINGS_MAX_HEADER_LIST_SIZE counts
  std::size_t body_bytes = 0;           ///< received and held here; the handler may have taken them
  std::size_t bytes_discarded = 0;      ///< received after the refusal
  Nanoseconds reads_on_until = kNever;  ///< answered before its end: the client may still send, unheard
  std::string_view out;                 ///< of the answer's body: not yet in frames; its owner keeps it alive
  bool out_ended = false;               ///< nothing follows `out`
  bool ended = false;                   ///< the answer's last frame is out
  bool closed = false;                  ///< nothing can be sent or received any more
};

class Http2ServerSession {
 public:
  using StreamPointer = std::shared_ptr<Http2Stream>;
  enum class AnswerBody : std::uint8_t { kNone, kFollows };
  enum class Reset : std::uint8_t { kCancel, kInternal };
  /// What happened since it was asked last.
  struct Events {
    std::vector<StreamPointer> ready;       ///< requests that are complete or refused, to be answered
    std::vector<StreamPointer> progressed;  ///< `out` or the answer's last frame has gone
    std::vector<StreamPointer> closed;
  };

  /// `limits` outlives the session.
  Http2ServerSession(const ServerLimits& limits, std::string peer, bool peer_is_loopback, Nanoseconds now);
  ~Http2ServerSession();
  Http2ServerSession(const Http2ServerSession&) = delete;
  Http2ServerSession& operator=(const Http2ServerSession&) = delete;

  /// False if nothing more shall be given: what `produce` still says ends the connection.
  [[nodiscard]] bool receive(std::string_view bytes, Nanoseconds now);
  [[nodiscard]] Events take_events();
  /// Head of the final answer; with kFollows the body is what `out` holds from then on.
  [[nodiscard]] Status answer(Http2Stream& stream, int status, const Headers& headers, std::string_view date,
                              std::optional<std::size_t> content_length, AnswerBody body);
  /// `out` or `out_ended` has changed.
  void resume(Http2Stream& stream);
  /// Ends one stream; what it held to send is dropped.
  void reset(Http2Stream& stream, Reset reason);
  /// Handlers that run, on streams open or closed.
  void set_running(std::size_t count, Nanoseconds now);
  /// Appends frames until about `bytes_max` of them are there.
  void produce(std::string& out, std::size_t bytes_max);

  /// Tells the client to open no stream; those begun, or begun before it hears this, are served. A client that does not
  /// say that it has heard is given `patience`.
  void begin_drain(Nanoseconds now, Nanoseconds patience = Nanoseconds::from_ms(1'000));
  /// Earliest instant at which `expire` has something to do.
  [[nodiscard]] Nanoseconds deadline() const noexcept;
  void expire(Nanoseconds now);
  /// Nothing will come of this connection any more.
  [[nodiscard]] bool finished() const noexcept;
  [[nodiscard]] std::size_t streams() const noexcept;
  /// There were requests, and none is under way.
  [[nodiscard]] bool rests() const noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace thalamus::net
