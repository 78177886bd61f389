/// The HTTP paths of the main and the admin listener.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "thalamus/gateway/core_state.h"
#include "thalamus/gateway/reload.h"
#include "thalamus/gateway/runtime.h"
#include "thalamus/net/http_server.h"

namespace thalamus::gateway {

/// What the endpoints ask of the gateway.
class Facts {
 public:
  virtual ~Facts() = default;
  [[nodiscard]] virtual std::shared_ptr<const Runtime> runtime() const = 0;
  [[nodiscard]] virtual std::vector<ChildStatus> children() const = 0;
  [[nodiscard]] virtual bool stopping() const noexcept = 0;
  /// Reads the configuration's file again and puts it in force, off the serving cores. What is wrong changes nothing.
  [[nodiscard]] virtual net::Awaitable<Result<ReloadReport>> reload() = 0;
};

/// Turns (`POST` at a format's path), and what is no turn: counts, decisions, stored responses, models, health. Each
/// request is counted and, where the configuration says so, has one access line.
[[nodiscard]] net::Handler main_handler(CoreState& core, const Facts& facts);
/// GET /metrics, GET /healthz, GET /admin/status, GET /admin/config, POST /admin/reload.
[[nodiscard]] net::Handler admin_handler(CoreState& core, Facts& facts);
/// The body of an error that no format has made, in the shape of the protocol that is spoken at `path`, else in
/// OpenAI's. `id` is the request's name.
[[nodiscard]] std::string named_error_body(int status, std::string_view message, std::string_view path,
                                           std::string_view id);

}  // namespace thalamus::gateway
