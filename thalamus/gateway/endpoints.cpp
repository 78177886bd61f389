#include "thalamus/gateway/endpoints.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>

#include "thalamus/base/json_writer.h"
#include "thalamus/feature/description.h"
#include "thalamus/gateway/decision.h"
#include "thalamus/gateway/endpoint_report.h"
#include "thalamus/gateway/error_answer.h"
#include "thalamus/gateway/response_store.h"
#include "thalamus/gateway/turn.h"
#include "thalamus/wire/anthropic.h"

namespace thalamus::gateway {
namespace {

constexpr std::size_t kShownMax = 80;  // of a client's words

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

net::Awaitable<void> wrong_method(net::Responder& responder, std::string path, std::string allowed) {
  net::Headers headers = json_headers();
  headers.add("allow", allowed);
  const std::string message = fmt::format("{} takes {} only", path, allowed);
  std::string body = http_error_body(405, message, path);
  co_await send_text(responder, 405, std::move(headers), std::move(body));
}

void write_model(base::JsonWriter& out, const RouteRuntime& route) {
  out.begin_object().field("id", route.name).field("object", "model").field("created", std::int64_t{0});
  out.field("owned_by", route.listed ? "thalamus" : "thalamus-target").end_object();
}

/// Clients encode the slash of a name. What is no escape stays.
std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned byte = 0;
    const bool escape = text[i] == '%' && i + 2 < text.size() &&
                        std::from_chars(text.data() + i + 1, text.data() + i + 3, byte, 16).ptr == text.data() + i + 3;
    out.push_back(escape ? static_cast<char>(byte) : text[i]);
    if (escape) i += 2;
  }
  return out;
}

std::string models_body(const Runtime& runtime, const VirtualKey* key) {
  base::JsonWriter out;
  out.begin_object().field("object", "list").key("data").begin_array();
  for (const auto& route : runtime.routes())
    if (key_allows(runtime.config(), key, *route)) write_model(out, *route);
  out.end_array().end_object();
  return out.take();
}

/// How long a request is, told without asking anybody: an estimate that works for any upstream.
net::Awaitable<void> count_tokens(CoreState& core, const net::HttpRequest& request, net::Responder& responder) {
  const wire::Format& format = *wire::find_format("anthropic");
  const Config& config = core.runtime->config();
  const auto key = check_key(config, request.headers, core.shared.clock);
  wire::DecodeLimits limits;
  limits.body_bytes_max = config.limits.body_bytes_max;
  limits.depth_max = config.limits.depth_max;
  Result<core::Request> decoded = fail(ErrorKind::kInternal, "not read");
  if (key) {
    decoded = wire::decode_count_tokens(request.body, limits);
  } else {
    decoded = std::unexpected(key.error());
  }
  if (!decoded) {
    co_await answer_error(responder, format, decoded.error(), decision_name(core));
    co_return;
  }
  feature::describe(*decoded, core.description, feature::Reads{});
  std::string body = wire::encode_count_tokens(core.description.input_tokens);
  co_await send_text(responder, 200, json_headers(), std::move(body));
}

/// Anthropic's clients say which version of its API they speak, and read another shape.
std::string models_for_anthropic(const Runtime& runtime, const VirtualKey* key, std::string_view only) {
  std::vector<wire::ModelEntry> entries;
  for (const auto& route : runtime.routes())
    if (key_allows(runtime.config(), key, *route) && (only.empty() || route->name == only))
      entries.push_back({route->name, 0, "thalamus"});
  return only.empty() ? wire::encode_anthropic_models(entries) : wire::encode_anthropic_model(entries.front());
}

net::Awaitable<void> get_models(const Runtime& runtime, const base::Clock& clock, const net::HttpRequest& request,
                                net::Responder& responder) {
  constexpr std::string_view kOne = "/v1/models/";
  const auto key = check_key(runtime.config(), request.headers, clock);
  const bool anthropic = request.headers.get("anthropic-version").has_value();
  const wire::Format& format = *wire::find_format(anthropic ? "anthropic" : "openai");
  if (!key) {
    co_await answer_error(responder, format, key.error());
    co_return;
  }
  if (!request.path.starts_with(kOne)) {
    std::string list = anthropic ? models_for_anthropic(runtime, *key, {}) : models_body(runtime, *key);
    co_await send_text(responder, 200, json_headers(), std::move(list));
    co_return;
  }
  const std::string name = percent_decoded(std::string_view(request.path).substr(kOne.size()));
  const RouteRuntime* route = runtime.find_route(name);
  if (route == nullptr || !key_allows(runtime.config(), *key, *route)) {
    // What a key may not use is not named to it.
    const std::string near = *key == nullptr ? runtime.suggest(name) : std::string();
    Error error{
        ErrorKind::kNotFound,
        fmt::format("the model '{}' does not exist{}; GET /v1/models lists them", name.substr(0, kShownMax), near),
        "body.model"};
    co_await answer_error(responder, format, std::move(error));
    co_return;
  }
  if (anthropic) {
    co_await send_text(responder, 200, json_headers(), models_for_anthropic(runtime, *key, name));
    co_return;
  }
  base::JsonWriter out;
  write_model(out, *route);
  co_await send_text(responder, 200, json_headers(), out.take());
}

std::string_view word(ChildState state) {
  switch (state) {
    case ChildState::kStarting: return "starting";
    case ChildState::kHealthy: return "healthy";
    case ChildState::kFailed: return "failed";
    case ChildState::kStopped: return "stopped";
  }
  return "unknown";
}

void write_children(base::JsonWriter& out, const Facts& facts) {
  out.key("children").begin_array();
  for (const ChildStatus& child : facts.children()) {
    out.begin_object().field("name", child.name).field("state", word(child.state));
    out.field("process", child.process_id).field("restarts", child.restarts);
    if (!child.last_error.empty()) out.field("error", child.last_error);
    out.end_object();
  }
  out.end_array();
}

// Ready: not stopping, and every route has a target that is up.
std::string readiness(const Facts& facts, int& status, std::optional<Nanoseconds> endpoints_at = {}) {
  const auto runtime = facts.runtime();
  base::JsonWriter out;
  bool ready = !facts.stopping();
  out.begin_object().field("stopping", facts.stopping()).key("routes").begin_object();
  for (const auto& route : runtime->routes()) {
    if (!route->listed) continue;
    std::size_t up = route->tools.size();
    for (std::size_t i = 0; i < route->model_count; ++i)
      up += route->policy->state(route->policy_index[i], Nanoseconds{}).healthy ? 1 : 0;
    const bool models_up = route->model_count == 0 || up > route->tools.size();
    ready = ready && models_up;
    out.key(route->name).begin_object().field("targets", static_cast<std::uint64_t>(route->targets.size()));
    out.field("up", static_cast<std::uint64_t>(up)).end_object();
  }
  out.end_object();
  write_children(out, facts);
  if (endpoints_at) write_endpoints(out, *runtime, *endpoints_at);
  out.field("ready", ready).end_object();
  status = ready ? 200 : 503;
  return out.take();
}

net::Awaitable<void> get_ready(const Facts& facts, net::Responder& responder) {
  int status = 200;
  std::string body = readiness(facts, status);
  co_await send_text(responder, status, json_headers(), std::move(body));
}

net::Awaitable<void> not_found(net::Responder& responder, std::string method, std::string path) {
  const std::string message = fmt::format(
      "no such path: {} {}; this listener has POST /v1/chat/completions, POST /v1/messages, "
      "POST /v1/messages/count_tokens, POST /v1/responses, POST /v1/embeddings, POST /v1/decision, GET /v1/models, "
      "GET /healthz, GET /readyz",
      method, path);
  co_await send_text(responder, 404, json_headers(), http_error_body(404, message, path));
}

net::Awaitable<void> serve_main(CoreState& core, const Facts& facts, net::HttpRequest& request,
                                net::Responder& responder) {
  const std::string& path = request.path;
  const bool get = request.method == "GET" || request.method == "HEAD";
  const bool post = request.method == "POST";
  const wire::Format* format = wire::find_format_at(path);
  if (format != nullptr || path == "/v1/decision") {
    if (!post) {
      co_await wrong_method(responder, path, "POST");
    } else if (format == nullptr) {
      co_await run_decision(core, core.runtime, request, responder);
    } else {
      co_await run_chat(core, core.runtime, *format, request, responder);
    }
  } else if (path == "/v1/messages/count_tokens") {
    if (!post) {
      co_await wrong_method(responder, path, "POST");
    } else {
      co_await count_tokens(core, request, responder);
    }
  } else if (path.starts_with("/v1/responses/")) {
    if (!get && request.method != "DELETE") {
      co_await wrong_method(responder, path, "GET, DELETE");
    } else {
      co_await run_stored_response(core, request, responder);
    }
  } else if (path == "/v1/models" || path.starts_with("/v1/models/")) {
    if (!get) {
      co_await wrong_method(responder, path, "GET");
    } else {
      const auto runtime = core.runtime;
      co_await get_models(*runtime, core.shared.clock, request, responder);
    }
  } else if (path == "/healthz") {
    co_await send_text(responder, 200, json_headers(), "{\"ok\":true}");
  } else if (path == "/readyz") {
    co_await get_ready(facts, responder);
  } else {
    co_await not_found(responder, request.method, path);
  }
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

net::Awaitable<void> post_reload(Facts& facts, net::Responder& responder) {
  auto report = co_await facts.reload();
  if (report) {
    co_await send_text(responder, 200, json_headers(), to_json(*report));
  } else {
    // The place is the operator's own file; that it is missing is no missing path of this listener.
    Error error{report.error().kind, report.error().text(), {}};
    if (error.kind == ErrorKind::kNotFound) error.kind = ErrorKind::kInvalidInput;
    co_await send_failure(responder, std::move(error));
  }
}

net::Awaitable<void> serve_admin(Shared& shared, Facts& facts, net::HttpRequest& request, net::Responder& responder) {
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
    int status = 200;
    std::string body = readiness(facts, status, shared.clock.now());
    co_await send_text(responder, 200, json_headers(), std::move(body));
  } else if (request.path == "/admin/config") {
    net::Headers headers;
    headers.add("content-type", "text/plain; charset=utf-8");
    co_await send_text(responder, 200, std::move(headers), describe(runtime->config()));
  } else {
    const std::string message = fmt::format(
        "no such path: {}; this listener has /metrics, /healthz, /admin/status, /admin/config, /admin/reload",
        request.path);
    co_await send_text(responder, 404, json_headers(), http_error_body(404, message, request.path));
  }
}

}  // namespace

net::Handler main_handler(CoreState& core, const Facts& facts) {
  return [&core, &facts](net::HttpRequest& request, net::Responder& responder) {
    return serve_main(core, facts, request, responder);
  };
}

net::Handler admin_handler(Shared& shared, Facts& facts) {
  return [&shared, &facts](net::HttpRequest& request, net::Responder& responder) {
    return serve_admin(shared, facts, request, responder);
  };
}

std::string http_error_body(int status, std::string_view message, std::string_view path) {
  const bool anthropic = path.starts_with("/v1/messages");
  std::optional<ErrorKind> kind;
  if (status == 404) kind = ErrorKind::kNotFound;
  if (status == 413) kind = ErrorKind::kTooLarge;
  if (status == 503) kind = ErrorKind::kUnavailable;
  if (anthropic && !kind) kind = status >= 500 ? ErrorKind::kInternal : ErrorKind::kInvalidInput;
  if (kind)
    return wire::find_format(anthropic ? "anthropic" : "openai")->encode_error({*kind, std::string(message), {}});
  base::JsonWriter out;
  out.begin_object().key("error").begin_object().field("message", message);
  out.field("type", status >= 500 ? "server_error" : "invalid_request_error");
  out.key("param").null().key("code").null().end_object().end_object();
  return out.take();
}

}  // namespace thalamus::gateway
