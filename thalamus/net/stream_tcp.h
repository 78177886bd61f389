/// Streams over operating-system sockets: TCP, Unix and TLS, verified on the client's side.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <memory>
#include <string>
#include <vector>

#include "thalamus/net/cancellation.h"
#include "thalamus/net/stream.h"

namespace thalamus::net {

class TlsIdentity;

/// A connected socket becomes a stream; TCP_NODELAY is set. Deadlines are instants of the steady clock, as
/// base::SystemClock tells them.
[[nodiscard]] std::unique_ptr<Stream> make_tcp_stream(asio::ip::tcp::socket socket);
[[nodiscard]] std::unique_ptr<Stream> make_unix_stream(asio::local::stream_protocol::socket socket, std::string path);

/// Trusted authorities for outgoing TLS, loaded once and shared by the connections of a core.
class TlsTrust {
 public:
  ~TlsTrust();
  TlsTrust(const TlsTrust&) = delete;
  TlsTrust& operator=(const TlsTrust&) = delete;
  /// The system's authorities (SSL_CERT_FILE and SSL_CERT_DIR are honoured) and those of the PEM files `ca_files`.
  /// kEnvironment names the file that cannot be read.
  [[nodiscard]] static Result<std::shared_ptr<TlsTrust>> load(const std::vector<std::string>& ca_files);

  struct Impl;
  [[nodiscard]] Impl& impl() noexcept { return *impl_; }

 private:
  explicit TlsTrust(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// TLS handshake as a client over a connected socket: TLS 1.2 or newer, SNI, certificate chain and host name verified;
/// ALPN offers `version` (kAuto: h2 and http/1.1), and the stream says what was agreed. kUnavailable says what the
/// certificate lacks.
[[nodiscard]] Awaitable<Result<std::unique_ptr<Stream>>> start_tls(asio::ip::tcp::socket socket,
                                                                   std::shared_ptr<TlsTrust> trust, std::string host,
                                                                   HttpVersion version, Nanoseconds deadline);

/// TLS handshake as a server over an accepted socket. `offers` is what ALPN may agree on: kAuto for HTTP/2 and
/// HTTP/1.1. Errors: kTimeout; kForbidden for a certificate of either side; kInvalidInput where no TLS is spoken (plain
/// HTTP is told so) or nothing is in common; kUnavailable and kCancelled where the connection ended. `cancellation`
/// outlives the handshake.
[[nodiscard]] Awaitable<Result<std::unique_ptr<Stream>>> accept_tls(asio::ip::tcp::socket socket,
                                                                    std::shared_ptr<TlsIdentity> identity,
                                                                    HttpVersion offers, Nanoseconds deadline,
                                                                    Cancellation& cancellation);

}  // namespace thalamus::net
