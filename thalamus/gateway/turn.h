/// The life of one request: decode, describe, ask the tools, estimate, decide, call, answer, record.
#pragma once

#include <memory>
#include <string>

#include "thalamus/gateway/core_state.h"
#include "thalamus/gateway/runtime.h"
#include "thalamus/net/http_server.h"

namespace thalamus::gateway {

/// A chat request in the client's protocol (`POST` to the format's inbound path): answers through `responder` whatever
/// happens, and leaves one decision record.
[[nodiscard]] net::Awaitable<void> run_chat(CoreState& core, std::shared_ptr<const Runtime> runtime,
                                            const wire::Format& format, net::HttpRequest& http,
                                            net::Responder& responder);

/// POST /v1/decision: the same up to the plan; calls nothing and records nothing. The header `x-thalamus-format` names
/// the protocol of the body; without it: openai. `id` names the decision and outlives the call.
[[nodiscard]] net::Awaitable<void> run_decision(CoreState& core, std::shared_ptr<const Runtime> runtime,
                                                net::HttpRequest& http, net::Responder& responder,
                                                const std::string& id);

}  // namespace thalamus::gateway
