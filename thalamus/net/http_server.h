/// HTTP server side of one connection, HTTP/1.1 or HTTP/2, and the listener that accepts them. One io_context and one
/// thread per core; a connection lives and dies on its core.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "thalamus/base/clock.h"
#include "thalamus/net/cancellation.h"
#include "thalamus/net/http.h"
#include "thalamus/net/stream.h"

namespace thalamus::net {

class TlsIdentity;
enum class HandshakeFailure : std::uint8_t;

struct ServerLimits {
  std::size_t head_bytes_max = 32U << 10;
  std::size_t headers_max = 128;
  std::size_t body_bytes_max = 32U << 20;
  std::size_t connections_max = 10'000;                     ///< per core
  Nanoseconds head_timeout = Nanoseconds::from_ms(10'000);  ///< from the first byte of a head to its end
  Nanoseconds idle_timeout = Nanoseconds::from_ms(75'000);  ///< between requests
  Nanoseconds body_timeout = Nanoseconds::from_ms(30'000);
  Nanoseconds write_timeout = Nanoseconds::from_ms(60'000);  ///< of one write
  /// Per core and client address (an IPv6 address counts by its /64); 0: no limit. Behind a proxy all clients share
  /// one.
  std::size_t connections_per_address_max = 1'000;
  /// At a stop: how long connections whose request is not there as a whole may still send it.
  Nanoseconds stop_patience = Nanoseconds::from_ms(1'000);
  /// Requests at once on one HTTP/2 connection; 0: HTTP/2 is not spoken.
  std::size_t streams_max = 100;
};

/// The answer to one request. Exactly one of `send` or `start`..`finish`.
class Responder {
 public:
  virtual ~Responder() = default;
  /// A whole answer with Content-Length, one gathered write.
  [[nodiscard]] virtual Awaitable<Status> send(int status, const Headers& headers, std::string_view body) = 0;
  /// Head of a chunked answer. `first` is the first chunk, written in the same gathered write; may be empty.
  [[nodiscard]] virtual Awaitable<Status> start(int status, const Headers& headers, std::string_view first) = 0;
  [[nodiscard]] virtual Awaitable<Status> write(std::string_view bytes) = 0;
  [[nodiscard]] virtual Awaitable<Status> finish() = 0;
  /// True once `send` or `start` was called.
  [[nodiscard]] virtual bool started() const noexcept = 0;
  /// Cancelled when the client closes its connection before the answer is complete.
  [[nodiscard]] virtual Cancellation& client_gone() noexcept = 0;
};

/// A handler that returns without answering makes the server answer 500.
using Handler = std::function<Awaitable<void>(HttpRequest&, Responder&)>;
/// What an error of the server's own is answered with: a JSON body, and headers beyond those of any JSON answer.
struct ErrorAnswer {
  ErrorAnswer(std::string body_given, Headers headers_given = {})  // a body alone is an answer, too
      : body(std::move(body_given)), headers(std::move(headers_given)) {}
  std::string body;
  Headers headers;
};
/// Answers the server's own errors (malformed HTTP, limits): status, message and, where the head was read, the
/// request's path.
using ErrorBody = std::function<ErrorAnswer(int status, std::string_view message, std::string_view path)>;

/// Everything in flight on one core, so that a stop can tell idle connections to go and wait for zero. All but the
/// queries belong to the core's thread.
class Gate {
 public:
  /// What wants to hear of the stop.
  class Member {
   public:
    virtual ~Member() = default;
    /// Finish what is begun, begin nothing.
    virtual void gate_closed() noexcept = 0;
    /// End now.
    virtual void gate_aborted() noexcept = 0;
  };
  Gate() : state_(std::make_shared<State>()) {}
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  /// The accept loops take what the kernel has accepted and close their acceptors. Connections that idle between
  /// requests are closed; busy ones finish their answer and say `Connection: close`; those whose request is not there
  /// yet have the limits' patience.
  void close() noexcept;
  /// Closes and cuts every connection: the end of the patience.
  void abort() noexcept;
  /// `told` hears of every connection that failed before TLS was agreed on. Set before connections are accepted.
  void tell_handshake_failures(std::function<void(HandshakeFailure)> told) { handshake_failed_ = std::move(told); }
  void handshake_failed(HandshakeFailure reason) const {
    if (handshake_failed_) handshake_failed_(reason);
  }
  void count_failure() noexcept { state_->failures.fetch_add(1, std::memory_order_relaxed); }

  [[nodiscard]] std::size_t inside() const noexcept { return state_->inside.load(std::memory_order_relaxed); }
  [[nodiscard]] bool closed() const noexcept { return state_->closed.load(std::memory_order_relaxed); }
  /// What is left of a patience that began with the close; a tenth of it at least.
  [[nodiscard]] Nanoseconds patience_left(Nanoseconds patience) const noexcept;
  /// Handlers and connections that ended in an exception.
  [[nodiscard]] std::uint64_t failures() const noexcept { return state_->failures.load(std::memory_order_relaxed); }

 private:
  struct State {
    std::atomic<std::size_t> inside{0};
    std::atomic<std::uint64_t> failures{0};
    std::atomic<bool> closed{false};
    std::chrono::steady_clock::time_point closed_at;
    std::unordered_set<Member*> members;
  };
  void for_each_member(void (Member::*tell)()) const;

 public:
  /// Being inside, for as long as this lives; it may outlive the gate. `member` may be null.
  class Pass {
   public:
    explicit Pass(Gate& gate, Member* member = nullptr);
    ~Pass();
    Pass(const Pass&) = delete;
    Pass& operator=(const Pass&) = delete;

   private:
    std::shared_ptr<State> state_;
    Member* member_;
  };
  /// Hearing of the stop, for as long as this lives, without being inside.
  class Notice {
   public:
    Notice(Gate& gate, Member& member);
    ~Notice();
    Notice(const Notice&) = delete;
    Notice& operator=(const Notice&) = delete;

   private:
    std::shared_ptr<State> state_;
    Member* member_;
  };

 private:
  std::shared_ptr<State> state_;
  std::function<void(HandshakeFailure)> handshake_failed_;
};
/// Waits until nothing is inside; false if that lasts longer than `patience`.
[[nodiscard]] Awaitable<bool> wait_until_empty(const Gate& gate, Nanoseconds patience);

/// Serves one connection until it ends: HTTP/2 if ALPN agreed on it or the client begins with its preface, otherwise
/// HTTP/1.1 with keep-alive, pipelining in order, Expect: 100-continue, HEAD. Refuses request smuggling shapes (two
/// lengths, length with chunked, obs-fold, bare LF in the head) with 400 and closes. What is given by reference
/// outlives the connection's stay in the gate.
[[nodiscard]] Awaitable<void> serve_connection(std::unique_ptr<Stream> stream, const ServerLimits& limits,
                                               const Handler& handler, const ErrorBody& error_body,
                                               const base::Clock& clock, Gate& gate);

/// Binds `address:port` exclusively, so that a port in use is an error naming the address, and listens from then on;
/// then hands out one SO_REUSEPORT acceptor per core. Port 0 picks a free one; `port()` tells which.
class Listener {
 public:
  [[nodiscard]] static Result<Listener> bind(const std::string& address, std::uint16_t port);
  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  [[nodiscard]] const std::string& address() const noexcept { return address_; }
  /// One per core. The first call gives the bound socket itself, so no connection made since `bind` is lost.
  [[nodiscard]] Result<asio::ip::tcp::acceptor> acceptor(asio::io_context& context) const;

 private:
  struct Held;
  std::string address_;
  std::uint16_t port_ = 0;
  std::shared_ptr<Held> held_;
};
/// "127.0.0.1:8080", "[::1]:8080", ":8080".
[[nodiscard]] Result<std::pair<std::string, std::uint16_t>> parse_address(std::string_view text);

/// Accepts until the gate closes: then what waits in the kernel's accept queue is taken and served, and the acceptor is
/// closed. TCP_NODELAY on every socket; spawns serve_connection on the same context. Past
/// `connections_max` or `connections_per_address_max` a connection gets 503 with Retry-After and is closed (over TLS:
/// closed without a word). With `identity` every connection begins with a TLS handshake within `head_timeout`.
[[nodiscard]] Awaitable<void> accept_loop(asio::ip::tcp::acceptor& acceptor, const ServerLimits& limits,
                                          const Handler& handler, const ErrorBody& error_body, const base::Clock& clock,
                                          Gate& gate, std::shared_ptr<TlsIdentity> identity = nullptr);
/// The same for a Unix socket, where no client has an address.
[[nodiscard]] Awaitable<void> accept_loop(asio::local::stream_protocol::acceptor& acceptor, const ServerLimits& limits,
                                          const Handler& handler, const ErrorBody& error_body, const base::Clock& clock,
                                          Gate& gate);

}  // namespace thalamus::net
