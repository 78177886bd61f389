/// A request that is no turn: a list of models, a count, a decision, health, administration, or what no endpoint takes.
/// It has a name, a timing and an access line like any other.
#pragma once

#include <string>
#include <string_view>

#include "thalamus/gateway/core_state.h"
#include "thalamus/net/http_server.h"

namespace thalamus::gateway {

/// Stands before the client's responder: adds `x-request-id`, `request-id` and `Server-Timing` to the answer where they
/// are not there, and knows the status that was sent. What is given by reference outlives it.
class PlainRequest final : public net::Responder {
 public:
  PlainRequest(CoreState& core, const net::HttpRequest& http, net::Responder& client, Endpoint endpoint);

  [[nodiscard]] const std::string& id() const noexcept { return id_; }
  /// Counts the request and writes its access line; once, when it is over.
  void tell();

  [[nodiscard]] net::Awaitable<Status> send(int status, const net::Headers& headers, std::string_view body) override;
  [[nodiscard]] net::Awaitable<Status> start(int status, const net::Headers& headers, std::string_view first) override;
  [[nodiscard]] net::Awaitable<Status> write(std::string_view bytes) override { return client_.write(bytes); }
  [[nodiscard]] net::Awaitable<Status> finish() override { return client_.finish(); }
  [[nodiscard]] bool started() const noexcept override { return client_.started(); }
  [[nodiscard]] net::Cancellation& client_gone() noexcept override { return client_.client_gone(); }

 private:
  [[nodiscard]] net::Headers with_name_and_timing(net::Headers headers) const;

  CoreState& core_;
  const net::HttpRequest& http_;
  net::Responder& client_;
  const Endpoint endpoint_;
  const std::string id_;
  int status_;
};

/// The HTTP layer's own errors on one core: each has a name as any other request, is counted and has its access line.
/// `core` outlives it.
[[nodiscard]] net::ErrorBody telling_error_body(CoreState& core);

}  // namespace thalamus::gateway
