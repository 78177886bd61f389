/// The configuration in force, for people. Credentials have no way in: only their presence is told.
#include <fmt/format.h>

#include "thalamus/gateway/config.h"

namespace thalamus::gateway {
namespace {

void describe_provider(std::string& out, const Provider& provider) {
  out += fmt::format("  {}: {{ format: {}", provider.name, provider.format);
  if (!provider.base_url.empty()) out += fmt::format(", base_url: \"{}\"", provider.base_url);
  if (!provider.key.empty()) out += ", key: \"[secret]\"";
  for (const auto& header : provider.headers) out += fmt::format(", header {}: \"[secret]\"", header.first);
  if (provider.model_file)
    out += fmt::format(", model_file: \"{}\", context: {}, slots: {}", provider.model_file->file.string(),
                       provider.model_file->context_tokens, provider.model_file->slots);
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
  out += fmt::format(", context: {} }}\n", model.target.context_tokens);
}

}  // namespace

std::string describe(const Config& config) {
  std::string out = fmt::format("version: {}\nlisten: {}\nadmin: {}\nthreads: {}\n", config.version,
                                config.listen.text(), config.admin.text(), config.threads);
  out += "providers:\n";
  for (const Provider& provider : config.providers) describe_provider(out, provider);
  out += "models:\n";
  for (const ModelEntry& model : config.models) describe_model(out, config, model);
  out += "routes:\n";
  for (const Route& route : config.routes) {
    out += fmt::format("  - {{ name: {}, strategy: {}, policy: {}", route.name, route.strategy, route.policy);
    if (!route.snapshot.empty()) out += fmt::format(", snapshot: \"{}\"", route.snapshot.string());
    out += ", targets: [";
    for (std::size_t i = 0; i < route.targets.size(); ++i)
      out += fmt::format("{}{}", i == 0 ? "" : ", ", config.models[route.targets[i]].target.name);
    out += "] }\n";
  }
  if (!config.keys.empty()) out += "keys:\n";
  for (const VirtualKey& key : config.keys) out += fmt::format("  - {{ name: \"{}\", key: \"[secret]\" }}\n", key.name);
  return out;
}

}  // namespace thalamus::gateway
