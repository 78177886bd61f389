#include "thalamus/gateway/decision.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "thalamus/base/json_writer.h"
#include "thalamus/base/text.h"
#include "thalamus/gateway/infeasible.h"
#include "thalamus/route/explain.h"
#include "thalamus/wire/contract.h"

namespace thalamus::gateway {
namespace {

constexpr std::size_t kShownMax = 80;  // of a client's words

std::string_view bearer(const net::Headers& headers) {
  if (const auto authorization = headers.get("authorization")) {
    constexpr std::string_view kBearer = "bearer ";
    if (authorization->size() > kBearer.size() &&
        base::lower_ascii(authorization->substr(0, kBearer.size())) == kBearer)
      return base::trim(authorization->substr(kBearer.size()));
  }
  return headers.get("x-api-key").value_or("");
}

enum class AskedIn : std::uint8_t { kHeaders, kBody };

/// A limit that cannot be kept is refused, not passed over: without a snapshot nothing is estimated.
Status check_limits(const RouteRuntime& route, const core::ContractPatch& asked, AskedIn asked_in) {
  if (route.snapshot || route.model_count == 0) return {};
  std::string limit;
  if (asked.max_cost_usd) limit = "max_cost_usd";
  if (asked.max_latency_ms) limit = "max_latency_ms";
  if (asked.min_quality) limit = "min_quality";
  if (limit.empty()) return {};
  std::string place = "body.thalamus." + limit;
  if (asked_in == AskedIn::kHeaders) {
    std::replace(limit.begin(), limit.end(), '_', '-');
    place = "header x-thalamus-" + limit;
  }
  return fail_at(std::move(place), ErrorKind::kInvalidInput,
                 "this limit cannot be kept: '{}' has no router to estimate by; leave it out, or ask a route that has "
                 "one",
                 route.name);
}

Status merge_contract(const RouteRuntime& route, const VirtualKey* key, const net::Headers& headers,
                      const core::Request& request, core::Contract& contract) {
  contract.add(route.contract);
  if (key != nullptr) contract.add(key->contract);
  core::ContractPatch from_headers;
  Status applied;
  headers.for_each([&](std::string_view name, std::string_view value) {
    if (applied && name.size() > 11 && base::lower_ascii(name.substr(0, 11)) == "x-thalamus-")
      applied = wire::apply_contract_header(from_headers, name, value);
  });
  CHECK_OK(applied);
  CHECK_OK(check_limits(route, from_headers, AskedIn::kHeaders));
  CHECK_OK(check_limits(route, request.contract, AskedIn::kBody));
  contract.add(from_headers);
  contract.add(request.contract);
  return {};
}

route::RequestNeeds needs_of(const core::Request& request, const feature::Description& description) {
  route::RequestNeeds needs;
  needs.input_tokens = description.input_tokens;
  needs.max_output = request.max_output_tokens.value_or(0);
  needs.images = description.has_images;
  needs.tools = !request.tools.empty();
  needs.json_schema = request.response_format == core::ResponseFormat::kJsonSchema;
  return needs;
}

/// The first permitted tool that is certain of the request.
void ask_tools(const RouteRuntime& route, const core::Request& request, std::int64_t unix_s, Decision& decision,
               route::RequestNeeds& needs) {
  if (needs.embeddings) return;  // a text to be embedded is no question
  const tool::Context context{.unix_s = unix_s};
  for (std::size_t k = 0; k < route.tools.size(); ++k) {
    const std::size_t target = route.model_count + k;
    if (!route::permitted(decision.contract, route.targets[target])) continue;
    if (auto solution = route.tools[k]->solve(request, context)) {
      decision.solution = std::move(*solution);
      needs.claimed_by = static_cast<std::int32_t>(target);
      return;
    }
  }
}

void choose(CoreState& core, const core::Request& request, Decision& decision, Nanoseconds now) {
  const RouteRuntime& route = *decision.route;
  // Where no snapshot decides, the record keeps the signals, to learn one from.
  constexpr feature::Reads kRecorded{.signals = true, .tokens = false, .letters = false};
  feature::describe(request, core.description, route.snapshot ? route.snapshot->reads() | kRecorded : kRecorded);
  decision.prompt_hash = core.description.text_hash;
  decision.input_tokens = core.description.input_tokens;
  route::RequestNeeds needs = needs_of(request, core.description);
  needs.embeddings = decision.embeddings;
  ask_tools(route, request, core.shared.clock.unix_ns() / 1'000'000'000, decision, needs);
  for (std::size_t i = 0; i < route.targets.size(); ++i)
    core.states[i] = i < route.model_count ? route.policy->state(route.policy_index[i], now) : core::TargetState{};
  const std::span<const core::TargetState> known(core.states.data(), route.targets.size());
  core.estimates.reset(route.targets.size());
  decision.stands_in = false;
  if (route.snapshot && needs.claimed_by < 0) {
    decision.stands_in = !route.snapshot->ready(core.description);
    route.snapshot->estimate(core.description, route.target_map, route.targets, core.scratch, core.estimates);
    route::decide(core.estimates, decision.contract, route.targets, known, needs, core.rng, decision.plan,
                  route.decide);
    const auto features = route.snapshot->features(core.scratch);
    decision.features.assign(features.begin(), features.end());
  } else {
    core.estimates.input_tokens = core.description.input_tokens;
    route::plan_in_order(decision.contract, route.targets, known, needs, decision.plan);
    decision.features.assign(core.description.signals.begin(), core.description.signals.end());
  }
  decision.estimates.assign(core.estimates.rows().begin(), core.estimates.rows().end());
}

}  // namespace

Result<const VirtualKey*> check_key(const Config& config, const net::Headers& headers, const base::Clock& clock) {
  if (config.keys.empty()) return nullptr;
  const std::string_view secret = bearer(headers);
  if (secret.empty())
    return fail(ErrorKind::kUnauthorized,
                "no API key given; send it as `Authorization: Bearer KEY` or `x-api-key: KEY`");
  const VirtualKey* key = config.find_key(secret);
  if (key == nullptr)
    return fail(ErrorKind::kUnauthorized,
                "the API key is not known to this gateway; check it, or ask the operator for one");
  if (key->expires_unix_s != 0 && clock.unix_ns() / 1'000'000'000 >= key->expires_unix_s)
    return fail(ErrorKind::kUnauthorized, "the API key '{}' has expired; ask the operator for a new one", key->name);
  return key;
}

bool key_allows(const Config& config, const VirtualKey* key, const RouteRuntime& route) {
  if (key == nullptr || key->routes.empty()) return true;
  for (const std::size_t allowed : key->routes)
    if (config.routes[allowed].name == route.name) return true;
  return false;
}

Result<const RouteRuntime*> route_for(const Runtime& runtime, const VirtualKey* key, const std::string& model) {
  const RouteRuntime* route = runtime.find_route(model);
  if (route != nullptr && key_allows(runtime.config(), key, *route)) return route;
  return fail_at("body.model", ErrorKind::kNotFound,
                 "the model '{}' is neither a route nor a target of this gateway{}; GET /v1/models lists them",
                 model.substr(0, kShownMax), key == nullptr ? runtime.suggest(model) : std::string());
}

std::string decision_name(CoreState& core) {
  std::string name;
  name.reserve(32);
  base::append_hex64(name, core.rng.next());
  base::append_hex64(name, core.rng.next());
  return name;
}

Status prepare(CoreState& core, const Runtime& runtime, const wire::Format& format, const net::HttpRequest& http,
               core::Request& request, Decision& decision) {
  const Nanoseconds begun = core.shared.clock.now();
  const Config& config = runtime.config();
  TRY(const VirtualKey* key, check_key(config, http.headers, core.shared.clock));
  if (key != nullptr) decision.key = key->name;
  TRY(decision.wait, dispatch::parse_client_wait({.deadline_ms = http.headers.get(dispatch::kDeadlineHeader),
                                                  .read_timeout_s = http.headers.get(dispatch::kReadTimeoutHeader),
                                                  .timeout_s = http.headers.get(dispatch::kTimeoutHeader)}));
  wire::DecodeLimits limits;
  limits.body_bytes_max = config.limits.body_bytes_max;
  limits.depth_max = config.limits.depth_max;
  TRY(request, format.decode(http.body, limits));
  TRY(const RouteRuntime* route, route_for(runtime, key, request.model));
  decision.route = route;
  decision.embeddings = format.embeddings();
  decision.decoding = core.shared.clock.now() - begun;
  CHECK_OK(merge_contract(*route, key, http.headers, request, decision.contract));
  choose(core, request, decision, begun);
  decision.duration = core.shared.clock.now() - begun;
  return {};
}

void decide_again(CoreState& core, const core::Request& request, Decision& decision) {
  choose(core, request, decision, core.shared.clock.now());
}

std::string Decision::reason_text(const core::Estimates& rows) const {
  std::string text = route::explain(plan, rows, contract, route->targets);
  if (stands_in) text += "; a slow feature was not ready in time, so its mean stood in for it";
  return text;
}

std::string Decision::to_json(const core::Estimates& rows) const {
  base::JsonWriter out;
  out.begin_object().field("decision_id", id).key("targets").begin_array();
  const auto write = [&](std::size_t target, bool planned) {
    const core::Estimate& row = rows[target];
    out.begin_object().field("name", route->targets[target].name);
    out.field("propensity", static_cast<double>(plan.propensity[target])).field("planned", planned);
    out.key("estimate").begin_object().field("quality", row.quality).field("quality_sd", row.quality_sd);
    out.field("cost_usd", row.cost_usd).field("cost_usd_sd", row.cost_usd_sd).field("seconds", row.seconds);
    out.field("seconds_sd", row.seconds_sd).field("output_tokens", row.output_tokens).end_object();
    if (!planned) out.field("excluded", route::words(plan.excluded[target]));
    out.end_object();
  };
  std::array<bool, core::kTargetsMax> planned{};
  for (const std::uint16_t target : plan.targets()) {
    planned[target] = true;
    write(target, true);
  }
  for (std::size_t target = 0; target < route->targets.size(); ++target)
    if (!planned[target]) write(target, false);
  out.end_array().field("route", route->name).field("rule", route::word(plan.reason));
  out.field("reason", reason_text(rows)).field("input_tokens", rows.input_tokens).end_object();
  return out.take();
}

core::Turn Decision::to_turn(std::uint64_t generation) const {
  core::Turn turn;
  turn.decision_id = id;
  turn.configuration_generation = generation;
  turn.snapshot_hash = route->snapshot ? route->snapshot->content_hash() : 0;
  turn.route = route->name;
  for (const core::Target& target : route->targets) turn.targets.push_back(target.name);
  turn.feature_schema = route->snapshot ? route->snapshot->header().feature_schema : feature::signal_schema_hash();
  turn.features = features;
  turn.estimates = estimates;
  turn.plan.assign(plan.targets().begin(), plan.targets().end());
  turn.propensity.assign(plan.propensity.begin(),
                         plan.propensity.begin() + static_cast<std::ptrdiff_t>(route->targets.size()));
  turn.binding = plan.binding;
  turn.reason = plan.reason;
  return turn;
}

Error Decision::infeasible_error() const {
  return gateway::infeasible_error(*route, plan, embeddings ? Asked::kVectors : Asked::kAnswer, input_tokens);
}

}  // namespace thalamus::gateway
