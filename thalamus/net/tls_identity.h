/// A server's certificate and key, shared by all cores and exchanged while they serve.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "thalamus/base/result.h"

namespace thalamus::net {

/// Why a connection to a TLS listener did not come to a request.
enum class HandshakeFailure : std::uint8_t {
  kTimeout,      ///< the handshake took too long
  kCertificate,  ///< of the client, missing or not accepted; or the client does not accept ours
  kProtocol,     ///< no TLS, or nothing that both sides speak
  kClosed,       ///< either side ended the connection
  kLimit         ///< one connection too many: there was no handshake
};
inline constexpr std::size_t kHandshakeFailures = 5;
/// As in metrics: "timeout".
[[nodiscard]] std::string_view label(HandshakeFailure reason) noexcept;

/// PEM files. They are read by `load` and `reload` and at no other time.
struct TlsFiles {
  std::string certificate_file;  ///< the server's certificate, then what leads to its authority
  std::string key_file;          ///< its private key, without a password
  std::string client_ca_file;    ///< empty: any client; otherwise only clients with a certificate of these authorities
};

/// TLS 1.2 with forward secrecy and authenticated encryption, or TLS 1.3. All functions may be called from any thread.
class TlsIdentity {
 public:
  ~TlsIdentity();
  TlsIdentity(const TlsIdentity&) = delete;
  TlsIdentity& operator=(const TlsIdentity&) = delete;
  /// kEnvironment names the file and says what is wrong with it: unreadable, under a password, not a pair,
  /// expired. Nobody is ever asked for a password.
  [[nodiscard]] static Result<std::shared_ptr<TlsIdentity>> load(TlsFiles files);
  /// Reads the files again: handshakes from now on use what they hold, connections that stand are not touched. On
  /// failure nothing changes.
  [[nodiscard]] Status reload();

  struct Impl;
  [[nodiscard]] Impl& impl() noexcept { return *impl_; }

 private:
  explicit TlsIdentity(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace thalamus::net
