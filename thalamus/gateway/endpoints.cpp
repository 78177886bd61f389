#include "thalamus/gateway/endpoints.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "thalamus/base/json_writer.h"
#include "thalamus/feature/description.h"
#include "thalamus/gateway/decision.h"
#include "thalamus/gateway/endpoint_report.h"
#include "thalamus/gateway/error_answer.h"
#include "thalamus/gateway/list_models.h"
#include "thalamus/gateway/plain_request.h"
#include "thalamus/gateway/response_store.h"
#include "thalamus/gateway/turn.h"
#include "thalamus/wire/anthropic.h"

namespace thalamus::gateway {
namespace {

net::Headers json_headers() {
  net::Headers headers;
  headers.add("content-type", "application/json");
  return headers;
}

net::Awaitable<void> send_text(net::Responder& responder, int status, net::Headers headers, std::string body) {
  Status sent = co_await responder.send(status, headers, body);
  static_cast<void>(sent);
}

net::Awaitable<void> send_failure(net::Responder& responder, Error error) {
  co_await answer_error(responder, *wire::find_format("openai"), std::move(error));
}

net::Awaitable<void> wrong_method(PlainRequest& responder, std::string path, std::string allowed) {
  net::Headers headers = json_headers();
  headers.add("allow", allowed);
  const std::string message = fmt::format("{} takes {} only", path, allowed);
  std::string body = named_error_body(405, message, path, responder.id());
  co_await send_text(responder, 405, std::move(headers), std::move(body));
}

/// The request whose tokens are to be counted: of a model that the caller may use.
Result<core::Request> read_count_tokens(const CoreState& core, const net::HttpRequest& http) {
  const Runtime& runtime = *core.runtime;
  TRY(const VirtualKey* key, check_key(runtime.config(), http.headers, core.shared.clock));
  wire::DecodeLimits limits;
  limits.body_bytes_max = runtime.config().limits.body_bytes_max;
  limits.depth_max = runtime.config().limits.depth_max;
  TRY(core::Request request, wire::decode_count_tokens(http.body, limits));
  TRY(const RouteRuntime* route, route_for(runtime, key, request.model));
  static_cast<void>(route);
  return request;
}

/// How long a request is, told without asking anybody: an estimate that works for any upstream.
net::Awaitable<void> count_tokens(CoreState& core, const net::HttpRequest& request, net::Responder& responder,
                                  std::string id) {
  const wire::Format& format = *wire::find_format("anthropic");
  Result<core::Request> decoded = read_count_tokens(core, request);
  if (!decoded) {
    co_await answer_error(responder, format, decoded.error(), std::move(id));
    co_return;
  }
  feature::describe(*decoded, core.description, feature::Reads{});
  std::string body = wire::encode_count_tokens(core.description.input_tokens);
  co_await send_text(responder, 200, json_headers(), std::move(body));
}

std::string_view word(ChildState state) {
  switch (state) {
    case ChildState::kStarting: return "starting";
    case ChildState::kHealthy: return "healthy";
    case ChildState::kFailed: return "failed";
    case ChildState::kStopped: return "stopped";
    case ChildState::kLeaving: return "leaving";
  }
  return "unknown";
}

/// Who asks: the operator sees everything, whoever reaches the main listener no process ids and no paths.
enum class Asker : std::uint8_t { kClient, kOperator };

void write_children(base::JsonWriter& out, const Facts& facts, Asker asker) {
  out.key("children").begin_array();
  for (const ChildStatus& child : facts.children()) {
    out.begin_object().field("name", child.name).field("state", word(child.state));
    if (asker == Asker::kOperator) out.field("process", child.process_id);
    out.field("restarts", child.restarts);
    if (asker == Asker::kOperator && !child.last_error.empty()) out.field("error", child.last_error);
    out.end_object();
  }
  out.end_array();
}

std::size_t models_up(const RouteRuntime& route) {
  std::size_t up = 0;
  for (std::size_t i = 0; i < route.model_count; ++i)
    up += route.policy->state(route.policy_index[i], Nanoseconds{}).healthy ? 1 : 0;
  return up;
}

/// Not stopping, and every route has a target that is up.
bool is_ready(const Facts& facts, const Runtime& runtime) {
  const auto serves = [](const auto& route) {
    return !route->listed || route->model_count == 0 || models_up(*route) > 0;
  };
  return !facts.stopping() && std::all_of(runtime.routes().begin(), runtime.routes().end(), serves);
}

void write_targets(base::JsonWriter& out, const Facts& facts, const Runtime& runtime, Asker asker) {
  out.key("routes").begin_object();
  for (const auto& route : runtime.routes()) {
    if (!route->listed) continue;
    out.key(route->name).begin_object().field("targets", static_cast<std::uint64_t>(route->targets.size()));
    out.field("up", static_cast<std::uint64_t>(models_up(*route) + route->tools.size())).end_object();
  }
  out.end_object();
  write_children(out, facts, asker);
}

/// Where keys are configured, the names of routes and servers are for those who hold one: here they are not told.
net::Awaitable<void> get_ready(const Facts& facts, net::Responder& responder) {
  const auto runtime = facts.runtime();
  const bool stopping = facts.stopping();
  const bool ready = is_ready(facts, *runtime);
  const std::string_view not_ready = stopping ? "stopping" : "not ready";
  base::JsonWriter out;
  out.begin_object().field("status", ready ? "ready" : not_ready);
  if (runtime->config().keys.empty()) write_targets(out, facts, *runtime, Asker::kClient);
  out.field("ready", ready).end_object();
  const int status = ready ? 200 : 503;
  std::string body = out.take();
  co_await send_text(responder, status, json_headers(), std::move(body));
}

std::string status_text(const Facts& facts, Nanoseconds now) {
  const auto runtime = facts.runtime();
  base::JsonWriter out;
  out.begin_object().field("stopping", facts.stopping());
  write_targets(out, facts, *runtime, Asker::kOperator);
  write_endpoints(out, *runtime, now);
  out.field("ready", is_ready(facts, *runtime)).end_object();
  return out.take();
}

net::Awaitable<void> not_found(PlainRequest& responder, std::string method, std::string path) {
  const std::string message = fmt::format(
      "no such path: {} {}; this listener has POST /v1/chat/completions, POST /v1/messages, "
      "POST /v1/messages/count_tokens, POST /v1/responses, POST /v1/embeddings, POST /v1/decision, GET /v1/models, "
      "GET /healthz, GET /readyz",
      method, path);
  std::string body = named_error_body(404, message, path, responder.id());
  co_await send_text(responder, 404, json_headers(), std::move(body));
}

constexpr std::string_view kResponses = "/v1/responses/";

/// What OpenAI offers below `/v1/responses` beside the stored responses, and nothing here does.
bool is_other_operation(const net::HttpRequest& request) noexcept {
  if (request.method != "POST" || !request.path.starts_with(kResponses)) return false;
  const std::string_view name = std::string_view(request.path).substr(kResponses.size());
  return name == "input_tokens" || name == "compact";
}

net::Awaitable<void> no_such_operation(PlainRequest& responder, std::string path) {
  const std::string message = fmt::format(
      "POST {} is not offered; of responses this listener has POST /v1/responses, and GET and DELETE "
      "/v1/responses/{{id}} of those that are stored",
      path);
  std::string body = named_error_body(404, message, path, responder.id());
  co_await send_text(responder, 404, json_headers(), std::move(body));
}

Endpoint endpoint_of(std::string_view path) noexcept {
  if (path == "/v1/models" || path.starts_with("/v1/models/")) return Endpoint::kModels;
  if (path == "/v1/messages/count_tokens") return Endpoint::kCountTokens;
  if (path == "/v1/decision") return Endpoint::kDecision;
  if (path.size() > kResponses.size() && path.starts_with(kResponses)) return Endpoint::kResponses;
  if (path == "/healthz" || path == "/readyz") return Endpoint::kHealth;
  return Endpoint::kOther;
}

/// The methods that the main listener takes at a path, as `Allow` lists them (HEAD goes with GET); empty: there is no
/// such path.
std::string_view allowed_methods(const std::string& path) {
  switch (endpoint_of(path)) {
    case Endpoint::kCountTokens:
    case Endpoint::kDecision: return "POST";
    case Endpoint::kResponses: return "GET, DELETE";
    case Endpoint::kModels:
    case Endpoint::kHealth: return "GET";
    default: return wire::find_format_at(path) != nullptr ? "POST" : "";
  }
}

/// `/v1/responses/{id}/NAME`: whatever the method, `run_stored_response` says that there is none.
bool is_below_a_response(const std::string& path) noexcept {
  return path.starts_with(kResponses) && path.find('/', kResponses.size()) != std::string::npos;
}

bool allows(std::string_view methods, std::string_view method) {
  if (method == "HEAD") method = "GET";
  while (!methods.empty()) {
    const std::size_t end = std::min(methods.find(", "), methods.size());
    if (methods.substr(0, end) == method) return true;
    methods.remove_prefix(std::min(end + 2, methods.size()));
  }
  return false;
}

net::Awaitable<void> serve_plain(CoreState& core, const Facts& facts, net::HttpRequest& request,
                                 PlainRequest& responder) {
  const std::string_view allowed = allowed_methods(request.path);
  if (allowed.empty()) {
    co_await not_found(responder, request.method, request.path);
    co_return;
  }
  if (is_other_operation(request)) {
    co_await no_such_operation(responder, request.path);
    co_return;
  }
  if (!allows(allowed, request.method) && !is_below_a_response(request.path)) {
    co_await wrong_method(responder, request.path, std::string(allowed));
    co_return;
  }
  const auto runtime = core.runtime;
  switch (endpoint_of(request.path)) {
    case Endpoint::kModels: co_await run_models(*runtime, core.shared.clock, request, responder, responder.id()); break;
    case Endpoint::kCountTokens: co_await count_tokens(core, request, responder, responder.id()); break;
    case Endpoint::kDecision: co_await run_decision(core, runtime, request, responder, responder.id()); break;
    case Endpoint::kResponses: co_await run_stored_response(core, request, responder); break;
    default:
      if (request.path == "/readyz") {
        co_await get_ready(facts, responder);
      } else {
        co_await send_text(responder, 200, json_headers(), "{\"ok\":true}");
      }
  }
}

net::Awaitable<void> serve_main(CoreState& core, const Facts& facts, net::HttpRequest& request,
                                net::Responder& responder) {
  const wire::Format* format = wire::find_format_at(request.path);
  if (format != nullptr && request.method == "POST") {
    co_await run_chat(core, core.runtime, *format, request, responder);
    co_return;
  }
  PlainRequest plain(core, request, responder, endpoint_of(request.path));
  co_await serve_plain(core, facts, request, plain);
  plain.tell();
}

/// The admin token, where one is configured. A page in a browser of this machine sends its origin: it is refused.
Status check_admin(const Config& config, const net::HttpRequest& request) {
  if (config.admin_token.empty()) {
    if (request.method == "POST" && request.headers.get("origin"))
      return fail(ErrorKind::kForbidden, "a web page cannot change this gateway; configure `admin_token` to allow it");
    return {};
  }
  constexpr std::string_view kBearer = "Bearer ";
  const std::string_view given = request.headers.get("authorization").value_or("");
  if (given.starts_with(kBearer) && equal_in_constant_time(given.substr(kBearer.size()), config.admin_token.reveal()))
    return {};
  return fail(ErrorKind::kUnauthorized, "the admin listener asks for `Authorization: Bearer ADMIN_TOKEN`");
}

bool is_of_a_file(ErrorKind kind) noexcept {
  return kind == ErrorKind::kNotFound || kind == ErrorKind::kCorrupt || kind == ErrorKind::kEnvironment;
}

net::Awaitable<void> post_reload(Facts& facts, net::Responder& responder) {
  auto report = co_await facts.reload();
  if (report) {
    co_await send_text(responder, 200, json_headers(), to_json(*report));
  } else {
    // The place is the operator's own file: one that is missing, broken or unreadable is what was given to read.
    Error error{report.error().kind, report.error().text(), {}};
    if (is_of_a_file(error.kind)) error.kind = ErrorKind::kInvalidInput;
    co_await send_failure(responder, std::move(error));
  }
}

net::Awaitable<void> answer_admin(Shared& shared, Facts& facts, net::HttpRequest& request, PlainRequest& responder) {
  const auto runtime = facts.runtime();
  const Status allowed = request.path == "/healthz" ? Status{} : check_admin(runtime->config(), request);
  if (!allowed) {
    co_await send_failure(responder, allowed.error());
  } else if (request.path == "/admin/reload") {
    if (request.method == "POST") {
      co_await post_reload(facts, responder);
    } else {
      co_await wrong_method(responder, request.path, "POST");
    }
  } else if (request.method != "GET" && request.method != "HEAD") {
    co_await wrong_method(responder, request.path, "GET");
  } else if (request.path == "/metrics") {
    net::Headers headers;
    headers.add("content-type", "text/plain; version=0.0.4; charset=utf-8");
    std::string text = shared.telemetry.exposition() + endpoint_metrics(*runtime, shared.clock.now());
    co_await send_text(responder, 200, std::move(headers), std::move(text));
  } else if (request.path == "/healthz") {
    co_await send_text(responder, 200, json_headers(), "{\"ok\":true}");
  } else if (request.path == "/admin/status") {
    std::string body = status_text(facts, shared.clock.now());
    co_await send_text(responder, 200, json_headers(), std::move(body));
  } else if (request.path == "/admin/config") {
    net::Headers headers;
    headers.add("content-type", "text/plain; charset=utf-8");
    co_await send_text(responder, 200, std::move(headers), describe(runtime->config()));
  } else {
    const std::string message = fmt::format(
        "no such path: {}; this listener has /metrics, /healthz, /admin/status, /admin/config, /admin/reload",
        request.path);
    std::string body = named_error_body(404, message, request.path, responder.id());
    co_await send_text(responder, 404, json_headers(), std::move(body));
  }
}

net::Awaitable<void> serve_admin(CoreState& core, Facts& facts, net::HttpRequest& request, net::Responder& responder) {
  PlainRequest plain(core, request, responder, Endpoint::kAdmin);
  co_await answer_admin(core.shared, facts, request, plain);
  plain.tell();
}

}  // namespace

net::Handler main_handler(CoreState& core, const Facts& facts) {
  return [&core, &facts](net::HttpRequest& request, net::Responder& responder) {
    return serve_main(core, facts, request, responder);
  };
}

net::Handler admin_handler(CoreState& core, Facts& facts) {
  return [&core, &facts](net::HttpRequest& request, net::Responder& responder) {
    return serve_admin(core, facts, request, responder);
  };
}

std::string named_error_body(int status, std::string_view message, std::string_view path, std::string_view id) {
  const bool anthropic = path.starts_with("/v1/messages");
  std::optional<ErrorKind> kind;
  if (status == 404) kind = ErrorKind::kNotFound;
  if (status == 413) kind = ErrorKind::kTooLarge;
  if (status == 503) kind = ErrorKind::kUnavailable;
  if (anthropic && !kind) kind = status >= 500 ? ErrorKind::kInternal : ErrorKind::kInvalidInput;
  if (kind)
    return wire::find_format(anthropic ? "anthropic" : "openai")->encode_error({*kind, std::string(message), {}}, id);
  base::JsonWriter out;
  out.begin_object().key("error").begin_object().field("message", message);
  out.field("type", status >= 500 ? "server_error" : "invalid_request_error");
  out.key("param").null().key("code").null().end_object().end_object();
  return out.take();
}

}  // namespace thalamus::gateway
