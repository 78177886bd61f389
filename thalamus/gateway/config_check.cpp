/// What no single field shows: references that lead nowhere, settings that contradict each other, doors left open.
#include <fmt/format.h>

#include <algorithm>

#include "thalamus/gateway/config_sections.h"

namespace thalamus::gateway {
namespace {

void check_doors(Reader& reader, const Config& config, const ConfigMarks& marks) {
  const bool open = config.keys.empty() && !config.listen.loopback;
  if (open && !config.allow_any_key)
    reader.error(marks.listen,
                 fmt::format("listen: {} can be reached from other machines, but no `keys` are configured; add keys, "
                             "listen on 127.0.0.1, or say `allow_any_key: true`",
                             config.listen.text()));
  if (config.allow_any_key && !config.keys.empty())
    reader.warn(marks.listen, "allow_any_key has no effect, because `keys` are configured");
  if (!config.admin.loopback && config.admin_token.empty())
    reader.error(
        marks.admin,
        fmt::format("admin: {} can be reached from other machines, but no `admin_token` is configured; set one, "
                    "or listen on 127.0.0.1",
                    config.admin.text()));
  const bool same_host = config.listen.host == config.admin.host;
  if (config.listen.port != 0 && config.listen.port == config.admin.port && same_host)
    reader.error(marks.admin, fmt::format("admin: {} is the address of `listen`", config.admin.text()));
}

void check_names(Reader& reader, const Config& config, const ConfigMarks& marks) {
  for (std::size_t i = 0; i < config.routes.size(); ++i) {
    const std::string& name = config.routes[i].name;
    if (!name.empty() && config.find_model(name) != nullptr)
      reader.error(
          marks.routes[i],
          fmt::format("routes[{}].name: '{}' is also the name of a target; a client could mean either", i, name));
  }
}

void check_providers(Reader& reader, const Config& config, const ConfigMarks& marks) {
  for (std::size_t i = 0; i < config.providers.size(); ++i) {
    const Provider& provider = config.providers[i];
    const bool used = std::any_of(config.models.begin(), config.models.end(),
                                  [i](const ModelEntry& model) { return model.provider == i; });
    if (!used) reader.warn(marks.providers[i], fmt::format("providers.{}: no target uses it", provider.name));
    if (!provider.model_file) continue;
    if (const Status file = check_model_file(*provider.model_file); !file)
      reader.warn(marks.providers[i], fmt::format("providers.{}.model_file: {}", provider.name, file.error().text()));
  }
}

void check_models(Reader& reader, const Config& config, const ConfigMarks& marks) {
  for (std::size_t i = 0; i < config.models.size(); ++i) {
    const ModelEntry& model = config.models[i];
    const bool routed = std::any_of(config.routes.begin(), config.routes.end(), [i](const Route& route) {
      return std::find(route.targets.begin(), route.targets.end(), i) != route.targets.end();
    });
    if (!routed)
      reader.warn(marks.models[i], fmt::format("models[{}]: '{}' is a target of no route", i, model.target.name));
    if (model.provider && config.providers[*model.provider].remote && !model.price_stated)
      reader.warn(marks.models[i], fmt::format("models[{}]: '{}' is remote and has no `price`; its calls count as free",
                                               i, model.target.name));
  }
}

bool names_target(const std::vector<std::string>& names, const core::Target& target) {
  return std::any_of(names.begin(), names.end(), [&target](const std::string& name) {
    return name == target.name || std::find(target.tags.begin(), target.tags.end(), name) != target.tags.end();
  });
}

/// A fallback that cannot take what the first model could.
void check_fallbacks(Reader& reader, const Config& config, const Route& route, std::size_t index, YamlMark mark) {
  if (!route.snapshot.empty()) return;  // no fixed order
  const ModelEntry* first = nullptr;
  for (const std::size_t target : route.targets) {
    const ModelEntry& model = config.models[target];
    if (!model.provider || model.target.context_tokens == 0) continue;
    if (first == nullptr) {
      first = &model;
    } else if (model.target.context_tokens < first->target.context_tokens) {
      reader.warn(
          mark, fmt::format("routes[{}]: the fallback '{}' has a context of {} tokens, less than the {} of '{}'", index,
                            model.target.name, model.target.context_tokens, first->target.context_tokens,
                            first->target.name));
    }
  }
}

void check_routes(Reader& reader, const Config& config, const ConfigMarks& marks) {
  for (std::size_t i = 0; i < config.routes.size(); ++i) {
    const Route& route = config.routes[i];
    const auto& contract = route.contract;
    const bool some = std::any_of(route.targets.begin(), route.targets.end(), [&](std::size_t index) {
      const core::Target& target = config.models[index].target;
      const bool allowed = contract.allow.empty() || names_target(contract.allow, target);
      return allowed && !names_target(contract.deny, target);
    });
    if (!some && !route.targets.empty())
      reader.warn(marks.routes[i], fmt::format("routes[{}]: the contract's `allow` and `deny` leave no target", i));
    const bool only_tools = std::none_of(route.targets.begin(), route.targets.end(),
                                         [&](std::size_t index) { return config.models[index].tool.empty(); });
    if (only_tools && !route.targets.empty())
      reader.warn(marks.routes[i], fmt::format("routes[{}]: only tools; what none of them claims gets no answer", i));
    if (route.explore_rate > 0 && contract.explore == core::Explore::kNever)
      reader.warn(marks.routes[i], fmt::format("routes[{}]: explore_rate has no effect, because the contract says "
                                               "`explore: never`",
                                               i));
    const bool limited = contract.max_cost_usd || contract.max_latency_ms || contract.min_quality;
    if (limited && route.snapshot.empty() && !only_tools)
      reader.warn(marks.routes[i],
                  fmt::format("routes[{}]: the contract's limits on cost, time and quality have no effect without a "
                              "`router`: nothing is estimated",
                              i));
    check_fallbacks(reader, config, route, i, marks.routes[i]);
  }
}

}  // namespace

void check_whole(Reader& reader, Config& config, const ConfigMarks& marks) {
  check_doors(reader, config, marks);
  check_names(reader, config, marks);
  check_providers(reader, config, marks);
  check_models(reader, config, marks);
  check_routes(reader, config, marks);
}

}  // namespace thalamus::gateway
