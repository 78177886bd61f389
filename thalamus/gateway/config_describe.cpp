/// The configuration in force, for people. Credentials have no way in: only their presence is told.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "thalamus/base/hash.h"
#include "thalamus/gateway/config.h"
#include "thalamus/wire/json_take.h"

namespace thalamus::gateway {
namespace {

std::string seconds(Nanoseconds span) { return fmt::format("{:.9g}s", span.seconds()); }

std::string describe(const dispatch::TargetLimits& limits) {
  return fmt::format("limits: {{ concurrency: {}, queue: {}, connect: {}, first_byte: {}, idle: {}, total: {} }}",
                     limits.concurrency_max, limits.queue_length_max, seconds(limits.connect_timeout),
                     seconds(limits.first_byte_timeout), seconds(limits.idle_timeout), seconds(limits.total_timeout));
}

void append_limit(std::string& out, std::string_view name, const std::optional<double>& value) {
  if (value) out += fmt::format(" {}: {},", name, *value);
}

/// " contract: {...}," or nothing where it demands nothing.
std::string describe(const core::ContractPatch& contract) {
  std::string out;
  append_limit(out, "max_cost_usd", contract.max_cost_usd);
  append_limit(out, "max_latency_ms", contract.max_latency_ms);
  append_limit(out, "max_ttft_ms", contract.max_ttft_ms);
  append_limit(out, "min_quality", contract.min_quality);
  if (!contract.allow.empty()) out += fmt::format(" allow: [{}],", fmt::join(contract.allow, ", "));
  if (!contract.deny.empty()) out += fmt::format(" deny: [{}],", fmt::join(contract.deny, ", "));
  if (contract.worth)
    out += fmt::format(" worth: {{ answer_usd: {}, second_usd: {} }},", contract.worth->answer_usd,
                       contract.worth->second_usd);
  if (contract.explore) out += fmt::format(" explore: {},", *contract.explore == core::Explore::kAllowed);
  if (contract.on_infeasible)
    out += fmt::format(" on_infeasible: {},",
                       *contract.on_infeasible == core::OnInfeasible::kNearest ? "nearest" : "fail");
  if (contract.explain) out += fmt::format(" explain: {},", *contract.explain);
  if (out.empty()) return out;
  out.pop_back();
  return fmt::format(", contract: {{{} }}", out);
}

/// Behind what stands before them: ", budget: 0.1".
std::string describe(const base::OptionMap& options) {
  std::string out;
  for (const auto& [name, value] : options) out += fmt::format(", {}: {}", name, value);
  return out;
}

std::string describe(const GatewayLimits& limits) {
  return fmt::format(
      "limits: {{ body_bytes: {}, depth: {}, headers: {}, head_bytes: {}, connections: {}, "
      "connections_per_address: {}, streams: {}, head_timeout: {}, idle_timeout: {}, body_timeout: {}, "
      "write_timeout: {}, shutdown_timeout: {} }}\n",
      limits.body_bytes_max, limits.depth_max, limits.headers_max, limits.head_bytes_max, limits.connections_max,
      limits.connections_per_address_max, limits.streams_max, seconds(limits.head_timeout),
      seconds(limits.idle_timeout), seconds(limits.body_timeout), seconds(limits.write_timeout),
      seconds(limits.shutdown_timeout));
}

/// Some providers take their credential as a parameter.
std::string without_query(const std::string& path) {
  const auto query = path.find('?');
  return query == std::string::npos ? path : path.substr(0, query) + "?[value]";
}

/// The members that are added to requests. Their values may come from the environment: of each there are 16 bits of its
/// hash, which tell another one.
std::string describe_members(const std::string& members) {
  std::string out;
  const std::string object = "{" + members + "}";
  wire::JsonCursor cursor(object);
  static_cast<void>(wire::each_member(cursor, [&](std::string_view name) {
    out += fmt::format("{}{}: ", out.empty() ? "" : ", ", name);
    std::string_view value;
    if (!cursor.skip(value)) return false;
    out += fmt::format("\"[value {:04x}]\"", base::hash64(value) & 0xFFFFU);
    return true;
  }));
  return out;
}

void describe_provider(std::string& out, const Provider& provider) {
  out += fmt::format("  {}: {{ format: {}", provider.name, provider.format);
  if (!provider.base_url.empty()) out += fmt::format(", base_url: \"{}\"", provider.base_url);
  if (provider.keys.size() == 1) out += ", key: \"[secret]\"";
  if (provider.keys.size() > 1) out += fmt::format(", keys: {} of them", provider.keys.size());
  if (!provider.replicas.empty()) out += fmt::format(", replicas: [{}]", fmt::join(provider.replicas, ", "));
  if (!provider.auth.empty()) out += ", auth: " + provider.auth;
  if (!provider.path.empty()) out += fmt::format(", path: \"{}\"", without_query(provider.path));
  if (!provider.extra_body.empty()) out += fmt::format(", extra_body: {{ {} }}", describe_members(provider.extra_body));
  for (const auto& [name, options] :
       {std::pair{"retries", &provider.retries}, {"endpoints", &provider.endpoints}, {"hedge", &provider.hedge}})
    if (!options->empty()) out += fmt::format(", {}: {{ {} }}", name, describe(*options).substr(2));
  for (const auto& header : provider.headers) out += fmt::format(", header {}: \"[secret]\"", header.first);
  if (provider.model_file)
    out += fmt::format(", model_file: \"{}\", context: {}, slots: {}, threads: {}, priority: {}",
                       provider.model_file->file.string(), provider.model_file->context_tokens,
                       provider.model_file->slots, provider.model_file->threads, provider.model_file->priority);
  if (provider.spawn) out += fmt::format(", spawn: {} arguments", provider.spawn->command.size());
  out += " }\n";
}

void describe_model(std::string& out, const Config& config, const ModelEntry& model) {
  out += fmt::format("  - {{ name: {}", model.target.name);
  if (!model.tool.empty()) {
    out += fmt::format(", tool: {} }}\n", model.tool);
    return;
  }
  const auto& prices = model.target.prices;
  if (model.provider) out += fmt::format(", provider: {}", config.providers[*model.provider].name);
  out += fmt::format(", id: {}, price: {{ input: {}, cached_input: {}, cache_write: {}, output: {} }}", model.id,
                     prices.input, prices.cached_input, prices.cache_write, prices.output);
  if (!model.target.tags.empty()) out += fmt::format(", tags: [{}]", fmt::join(model.target.tags, ", "));
  out += fmt::format(", context: {}, {} }}\n", model.target.context_tokens, describe(model.limits));
}

}  // namespace

std::string describe(const Config& config) {
  std::string out = fmt::format("version: {}\nlisten: {}\nadmin: {}\nthreads: {}\n", config.version,
                                config.listen.text(), config.admin.text(), config.threads);
  if (config.tls)
    out += fmt::format("tls: {{ certificate: \"{}\", client_ca: \"{}\" }}\n", config.tls->certificate.string(),
                       config.tls->client_ca.string());
  out += describe(config.limits);
  out += fmt::format("log: {{ access: {} }}\n", config.access_log);
  if (config.response_store.entries_max > 0)
    out +=
        fmt::format("response_store: {{ entries: {}, bytes: {}, lifetime: {}s }}\n", config.response_store.entries_max,
                    config.response_store.bytes_max, config.response_store.lifetime.seconds());
  out += "providers:\n";
  for (const Provider& provider : config.providers) describe_provider(out, provider);
  out += "models:\n";
  for (const ModelEntry& model : config.models) describe_model(out, config, model);
  out += "routes:\n";
  for (const Route& route : config.routes) {
    out += fmt::format("  - {{ name: {}, strategy: {}{}, policy: {}{}", route.name, route.strategy,
                       describe(route.strategy_options), route.policy, describe(route.policy_options));
    out += describe(route.contract);
    if (route.strict) out += ", strict: true";
    if (route.explore_rate > 0) out += fmt::format(", explore_rate: {}", route.explore_rate);
    if (!route.snapshot.empty())
      out += fmt::format(", snapshot: \"{}\"", std::filesystem::absolute(route.snapshot).lexically_normal().string());
    out += ", targets: [";
    for (std::size_t i = 0; i < route.targets.size(); ++i)
      out += fmt::format("{}{}", i == 0 ? "" : ", ", config.models[route.targets[i]].target.name);
    out += "] }\n";
  }
  if (!config.keys.empty()) out += "keys:\n";
  for (const VirtualKey& key : config.keys) {
    out += fmt::format("  - {{ name: \"{}\", key: \"[secret]\"", key.name);
    if (key.expires_unix_s != 0) out += fmt::format(", expires_unix_s: {}", key.expires_unix_s);
    out += ", routes: [";
    for (std::size_t i = 0; i < key.routes.size(); ++i)
      out += fmt::format("{}{}", i == 0 ? "" : ", ", config.routes[key.routes[i]].name);
    out += fmt::format("]{} }}\n", describe(key.contract));
  }
  return out;
}

}  // namespace thalamus::gateway
