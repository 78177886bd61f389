/// A connected byte stream: TCP, TLS or memory. Protocol code sees only this.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "thalamus/base/result.h"
#include "thalamus/base/units.h"

namespace thalamus::net {

namespace asio = boost::asio;
template <class T>
using Awaitable = asio::awaitable<T>;

/// Which HTTP is spoken to an endpoint. kAuto: what ALPN agrees on over TLS (h2 is preferred), HTTP/1.1 in the clear.
/// kHttp2 in the clear begins with HTTP/2 at once (prior knowledge).
enum class HttpVersion : std::uint8_t { kAuto, kHttp1, kHttp2 };

/// No deadline.
inline constexpr Nanoseconds kNever{INT64_MAX};

/// One reader and one writer at a time. `deadline` is an instant of the monotonic clock; past it the operation fails
/// with kTimeout. A late write leaves the stream useless; a late read loses nothing, and if no write was under way the
/// stream can go on. After `close` pending operations fail with kCancelled. The stream may be destroyed while
/// operations are pending.
class Stream {
 public:
  explicit Stream(std::string peer) : peer_(std::move(peer)) {}
  virtual ~Stream() = default;
  /// At least one byte, or 0 at the orderly end.
  [[nodiscard]] virtual Awaitable<Result<std::size_t>> read_some(asio::mutable_buffer buffer, Nanoseconds deadline) = 0;
  /// All of it, gathered.
  [[nodiscard]] virtual Awaitable<Status> write(std::span<const asio::const_buffer> buffers, Nanoseconds deadline) = 0;
  /// Says to the peer that nothing more will be written (FIN); reading goes on. Best effort.
  virtual void finish_writing() noexcept {}
  /// Ends a read under way as if its time were over; no write may be under way. True if bytes have arrived that no read
  /// has taken.
  virtual bool interrupt_read() noexcept = 0;
  virtual void close() noexcept = 0;
  /// The peer, for people: "127.0.0.1:4711".
  [[nodiscard]] const std::string& peer() const noexcept { return peer_; }
  /// What ALPN agreed on: kHttp1 or kHttp2; kAuto where nothing was negotiated.
  [[nodiscard]] HttpVersion negotiated() const noexcept { return negotiated_; }
  void set_negotiated(HttpVersion version) noexcept { negotiated_ = version; }

 private:
  std::string peer_;
  HttpVersion negotiated_ = HttpVersion::kAuto;
};

/// Where to connect to.
struct Endpoint {
  std::string host;  ///< name or address; the path of a Unix socket if `unix_socket`
  std::uint16_t port = 0;
  bool tls = false;
  bool unix_socket = false;
  std::string base_path;  ///< "/v1": prepended to request paths
  std::string ca_file;    ///< further certificates to trust; empty: the system's only
  HttpVersion version = HttpVersion::kAuto;
  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};
/// http(s)://host[:port][/path] or unix:/path[:/base]. Refuses anything else with the reason.
[[nodiscard]] Result<Endpoint> parse_base_url(std::string_view url);

/// Opens streams; TCP/TLS in production, memory in tests.
class Connector {
 public:
  virtual ~Connector() = default;
  [[nodiscard]] virtual Awaitable<Result<std::unique_ptr<Stream>>> connect(const Endpoint& endpoint,
                                                                           Nanoseconds deadline) = 0;
};

}  // namespace thalamus::net
