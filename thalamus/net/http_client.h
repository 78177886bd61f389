/// HTTP client with pools of connections, one per core: HTTP/1.1 with keep-alive, HTTP/2 with many calls on one.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "thalamus/base/clock.h"
#include "thalamus/net/cancellation.h"
#include "thalamus/net/http.h"
#include "thalamus/net/stream.h"

namespace thalamus::net {

struct HttpCall {
  std::string method = "POST";
  std::string path;       ///< appended to the endpoint's base path
  Headers headers;        ///< Host, Content-Length and what else belongs to a connection are the client's own
  std::string_view body;  ///< outlives `send`
};

struct CallLimits {
  Nanoseconds connect_timeout = Nanoseconds::from_ms(5'000);
  Nanoseconds first_byte_timeout = Nanoseconds::from_ms(120'000);  ///< from the sent request to the answer's head
  Nanoseconds idle_timeout = Nanoseconds::from_ms(60'000);         ///< between pieces of the body
  Nanoseconds deadline = kNever;                                   ///< instant; bounds all of it
  std::size_t head_bytes_max = 64U << 10;
  std::size_t body_bytes_max = 256U << 20;
};

/// An answer being received. Destroying it before the end closes the connection, or over HTTP/2 resets its stream;
/// after the end the connection goes back to its pool.
class Exchange {
 public:
  virtual ~Exchange() = default;
  [[nodiscard]] virtual int status() const noexcept = 0;
  [[nodiscard]] virtual const Headers& headers() const noexcept = 0;
  /// The next piece of the body, decoded from its transfer coding; empty at the end. Valid until the next call.
  [[nodiscard]] virtual Awaitable<Result<std::string_view>> read() = 0;
  /// The rest of the body, at most `size_max` bytes (kTooLarge past it).
  [[nodiscard]] virtual Awaitable<Result<std::string>> read_all(std::size_t size_max) = 0;
  /// Reads that begin later fail with kTimeout at this instant; kNever: only the call's own limits hold.
  void read_until(Nanoseconds instant) noexcept { read_until_ = instant; }

 protected:
  Nanoseconds read_until_ = kNever;
};

/// Follows no redirect. A pooled connection that the server closed before any byte of the answer is replaced once by a
/// fresh one; a request that an HTTP/2 server says it did not touch (GOAWAY, REFUSED_STREAM) is sent again. Error
/// kinds: kUnavailable (cannot connect), kTimeout, kUpstream (malformed or cut answer), kTooLarge, kCancelled,
/// kInvalidInput (a method, path or header field that cannot be sent).
class HttpClient {
 public:
  /// Idle connections kept to one endpoint, and to all.
  static constexpr std::size_t kIdlePerEndpointMax = 64;
  static constexpr std::size_t kIdleMax = 1024;
  static constexpr Nanoseconds kIdleTime = Nanoseconds::from_ms(30'000);

  /// Both outlive the client and the calls it began.
  HttpClient(Connector& connector, const base::Clock& clock);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;
  /// `cancellation` may be null; when it fires, the connection is closed (over HTTP/2: the stream
  /// is reset) and pending operations give kCancelled. It
  /// outlives the exchange, as `call.body` outlives the call of `send`.
  [[nodiscard]] Awaitable<Result<std::unique_ptr<Exchange>>> send(const Endpoint& endpoint, const HttpCall& call,
                                                                  const CallLimits& limits, Cancellation* cancellation);
  /// Closes idle connections.
  void clear() noexcept;
  /// Closes those idle for longer than kIdleTime. Every `send` does it too; for quiet times call it now and then.
  void sweep() noexcept;
  [[nodiscard]] std::size_t idle_connections() const noexcept;

 private:
  class Pool;
  struct Sending;
  [[nodiscard]] Awaitable<Result<std::unique_ptr<Exchange>>> over_http1(Sending& sending,
                                                                        std::unique_ptr<Stream> stream);
  [[nodiscard]] Awaitable<Result<std::unique_ptr<Exchange>>> over_http2(Sending& sending);
  [[nodiscard]] Awaitable<Result<std::unique_ptr<Stream>>> open(Sending& sending);
  [[nodiscard]] Awaitable<Status> wait_for_opening(Sending& sending);
  Connector& connector_;
  const base::Clock& clock_;
  std::shared_ptr<Pool> pool_;
};

}  // namespace thalamus::net
