/// GET /v1/models and /v1/models/{name}: the routes and targets a caller may name, in OpenAI's shape or, for a client
/// that sends `anthropic-version`, in Anthropic's, with its paging (`limit`, `after_id`, `before_id`).
#pragma once

#include <string>

#include "thalamus/gateway/core_state.h"
#include "thalamus/gateway/runtime.h"
#include "thalamus/net/http_server.h"

namespace thalamus::gateway {

/// `id` is the request's name, for the body of an error.
[[nodiscard]] net::Awaitable<void> run_models(const Runtime& runtime, const base::Clock& clock,
                                              const net::HttpRequest& request, net::Responder& responder,
                                              std::string id);

}  // namespace thalamus::gateway
