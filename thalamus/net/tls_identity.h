/// A server's certificate and key, shared by all cores and exchanged while they serve.
#pragma once

#include <memory>
#include <string>

#include "thalamus/base/result.h"

namespace thalamus::net {

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
  /// kEnvironment names the file and says what is wrong with it: unreadable, not a pair, expired.
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
