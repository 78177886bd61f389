/// Opens TCP, TLS and Unix-socket connections.
#pragma once

#include <boost/asio/io_context.hpp>
#include <map>
#include <memory>
#include <string>

#include "thalamus/net/stream.h"

namespace thalamus::net {

class TlsTrust;

struct ConnectorOptions {
  /// PEM file of authorities trusted besides the system's and an endpoint's own; may be empty.
  std::string extra_ca_file;
};

/// For one core. Certificates are loaded at the first TLS connection that
/// needs them, and anew where their file has changed. Name resolution runs on a thread of its own and is
/// abandoned at the deadline.
class TcpConnector final : public Connector {
 public:
  explicit TcpConnector(asio::io_context& context, ConnectorOptions options = {});
  ~TcpConnector() override;
  /// kUnavailable says why the address does not answer; kTimeout, kEnvironment (certificates cannot be loaded).
  [[nodiscard]] Awaitable<Result<std::unique_ptr<Stream>>> connect(const Endpoint& endpoint,
                                                                   Nanoseconds deadline) override;

 private:
  /// The authorities of a file, as they stood when it was read, and what said then whether it is still the same.
  struct Trusted {
    std::string stamp;
    std::shared_ptr<TlsTrust> trust;
  };
  [[nodiscard]] Result<std::shared_ptr<TlsTrust>> trust_for(const std::string& ca_file);
  asio::io_context& context_;
  ConnectorOptions options_;
  std::map<std::string, Trusted> trusts_;
};

}  // namespace thalamus::net
