/// The listener's PEM files as the TLS layer takes them, and what a reload finds changed in them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "thalamus/gateway/config.h"
#include "thalamus/net/tls_identity.h"

namespace thalamus::gateway {

[[nodiscard]] net::TlsFiles tls_files(const TlsSettings& settings);

/// Digests of what the listener's files hold; 0 for one that is not named or cannot be read.
struct TlsContents {
  std::uint64_t certificate = 0;
  std::uint64_t key = 0;
  std::uint64_t client_ca = 0;
};
[[nodiscard]] TlsContents read_tls_contents(const TlsSettings& settings);

/// "+ tls.certificate: ..." for each file whose contents differ: the configuration's text does not show them.
[[nodiscard]] std::vector<std::string> tls_changes(const TlsContents& before, const TlsContents& now);

}  // namespace thalamus::gateway
