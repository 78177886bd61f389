/// `providers:` and `models:`: what can answer, and where it is.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "thalamus/dispatch/target_call.h"
#include "thalamus/gateway/config_sections.h"
#include "thalamus/net/stream.h"
#include "thalamus/tool/tool.h"
#include "thalamus/wire/format.h"
#include "thalamus/wire/json_splice.h"

namespace thalamus::gateway {
namespace {

constexpr Nanoseconds kHour = Nanoseconds::from_ms(3'600'000);
constexpr std::int64_t kContextMax = 100'000'000;
constexpr std::size_t kKeysMax = 16;      // of one provider
constexpr std::size_t kReplicasMax = 15;  // beside the first
constexpr const char* kManagedFields[] = {"sha256", "threads", "context", "slots", "priority"};
/// The client's own: a configured header of that name would be sent twice or break the message.
constexpr std::string_view kReservedHeaders[] = {"host", "content-length", "connection", "transfer-encoding"};

bool is_sha256(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

void read_managed(Fields& fields, const Config& config, Provider& provider) {
  if (!fields.has("model_file")) {
    for (const char* name : kManagedFields)
      if (fields.get(name) != nullptr) fields.error(name, "belongs to `model_file`, which is not given");
    return;
  }
  std::string file;
  fields.text("model_file", file);
  ManagedModel model;
  // An absolute path stays as it is.
  model.file = (config.models_folder / file).lexically_normal();
  fields.text("sha256", model.sha256);
  if (!model.sha256.empty() && !is_sha256(model.sha256))
    fields.error("sha256", fmt::format("expected 64 lower-case hexadecimal digits, got {}", shown_value(model.sha256)));
  fields.integer("threads", model.threads, 0, 1024);
  fields.integer("context", model.context_tokens, 128, 1'048'576);
  fields.integer("slots", model.slots, 1, 256);
  fields.integer("priority", model.priority, 0, 19);
  // The gateway's queue knows how long it is; the child's does not.
  provider.limits.concurrency_max = model.slots;
  provider.model_file = std::move(model);
}

void read_spawn(Fields& fields, Provider& provider) {
  const YamlNode* node = fields.get("spawn");
  if (node == nullptr) {
    if (fields.get("health") != nullptr) fields.error("health", "belongs to `spawn`, which is not given");
    return;
  }
  SpawnedServer server;
  fields.texts("spawn", server.command);
  if (node->kind == YamlKind::kList && (server.command.empty() || server.command.front().empty()))
    fields.error("spawn", "expected a command and its arguments, got an empty list");
  fields.text("health", server.health_path);
  if (!server.health_path.starts_with('/'))
    fields.error("health",
                 fmt::format("expected a path that begins with '/', got {}", shown_value(server.health_path)));
  provider.spawn = std::move(server);
}

void read_headers(Fields& fields, Provider& provider) {
  const YamlNode* node = fields.get("headers");
  if (node == nullptr) return;
  Fields headers(fields.reader(), *node, fields.name("headers"));
  for (const YamlField& field : node->fields) {
    (void)headers.get(field.name);
    const bool token = is_name(field.name, Slashes::kForbidden);
    std::string lower = field.name;
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    const bool reserved =
        std::find(std::begin(kReservedHeaders), std::end(kReservedHeaders), lower) != std::end(kReservedHeaders);
    if (!token || reserved) {
      fields.reader().error(field.mark, fmt::format("{}: {} cannot be set", headers.name(field.name),
                                                    reserved ? "this header" : "a header of this name"));
      continue;
    }
    // Values may be credentials, but "x-title: my app" needs no warning: only references are secret by intent.
    if (field.value.kind == YamlKind::kScalar && field.value.text.find("${") == std::string::npos) {
      if (auto value = fields.reader().expand(field.value, headers.name(field.name)))
        provider.headers.emplace_back(field.name, Secret(std::move(value->value)));
    } else if (auto value = fields.reader().expand_secret(field.value, headers.name(field.name))) {
      provider.headers.emplace_back(field.name, *std::move(value));
    }
  }
}

void read_base_url(Fields& fields, Provider& provider) {
  const YamlNode* node = fields.get("base_url");
  fields.text("base_url", provider.base_url);
  if (provider.base_url.empty()) return;
  const auto endpoint = net::parse_base_url(provider.base_url);
  if (!endpoint) {
    // What a reference stands for is not shown.
    const bool referenced = node->text.find("${") != std::string::npos;
    fields.error("base_url", referenced ? fmt::format("{} does not stand for a valid base URL", shown_value(node->text))
                                        : endpoint.error().message);
    return;
  }
  const std::string& host = endpoint->host;
  const bool local = endpoint->unix_socket || host == "localhost" || host == "::1" || host.starts_with("127.");
  provider.remote = !local;
  if (!local && !endpoint->tls && !provider.keys.empty())
    fields.reader().warn(fields.mark("base_url"),
                         fmt::format("{}: the key travels unencrypted over http; use https", fields.name("base_url")));
}

/// Exactly one of model_file and base_url; spawn needs base_url.
void check_kind(Fields& fields, const Provider& provider) {
  const bool url = fields.has("base_url");
  const bool file = fields.has("model_file");
  if (file && url) {
    fields.error("base_url", "is not for a provider with `model_file`: its child listens where the gateway says");
  } else if (file && provider.spawn) {
    fields.error("spawn", "cannot go with `model_file`: a model file is served by thalamus-host");
  } else if (!file && !url) {
    fields.error("", provider.spawn ? "`spawn` needs `base_url`: where the server will listen"
                                    : "one of `base_url` and `model_file` is needed");
  }
  if (provider.model_file && !provider.keys.empty())
    fields.error("key", "is not for a provider with `model_file`: its child needs none");
}

/// `key: ...` or `keys: [...]`.
void read_credentials(Fields& fields, Provider& provider) {
  if (fields.has("key") && fields.has("keys"))
    return fields.error("keys", "cannot stand beside `key`: put all in `keys`");
  Secret key;
  fields.secret("key", key);
  if (!key.empty()) provider.keys.push_back(std::move(key));
  const YamlNode* node = fields.get("keys");
  if (node == nullptr) return;
  if (node->kind != YamlKind::kList || node->items.empty() || node->items.size() > kKeysMax)
    return fields.error("keys", fmt::format("expected a list of 1 to {} keys", kKeysMax));
  for (std::size_t i = 0; i < node->items.size(); ++i)
    if (auto secret = fields.reader().expand_secret(node->items[i], fmt::format("{}[{}]", fields.name("keys"), i)))
      provider.keys.push_back(*std::move(secret));
}

/// Further servers of the same models, beside `base_url`.
void read_replicas(Fields& fields, Provider& provider) {
  fields.texts("replicas", provider.replicas);
  if (provider.replicas.empty()) return;
  if (provider.base_url.empty() || provider.spawn || provider.replicas.size() > kReplicasMax)
    return fields.error("replicas", fmt::format("stand beside `base_url`, not `spawn`; at most {}", kReplicasMax));
  for (const std::string& url : provider.replicas)
    if (const auto endpoint = net::parse_base_url(url); !endpoint) fields.error("replicas", endpoint.error().message);
}

/// A mapping of options of one of dispatch's parts, tried at once.
template <class Options>
void read_options(Fields& fields, std::string_view field, base::OptionMap& options) {
  const YamlNode* node = fields.get(field);
  if (node == nullptr) return;
  Fields inner(fields.reader(), *node, fields.name(field));
  for (const YamlField& option : node->fields)
    if (const auto value = read_scalar(fields.reader(), option.value, inner.name(option.name), "a single value")) {
      (void)inner.get(option.name);
      options.emplace(option.name, value->value);
    }
  if (const auto tried = base::parse_options<Options>(options); !tried) fields.error(field, tried.error().message);
}

void read_resilience(Fields& fields, Provider& provider) {
  read_options<dispatch::RetryOptions>(fields, "retries", provider.retries);
  read_options<dispatch::EndpointOptions>(fields, "endpoints", provider.endpoints);
  read_options<dispatch::HedgeOptions>(fields, "hedge", provider.hedge);
  const YamlNode* node = fields.get("slow_stream");
  if (node == nullptr) return;
  Fields slow(fields.reader(), *node, fields.name("slow_stream"));
  slow.number("bytes_per_second", provider.slow_stream.floor_per_second, 0, 1e9);
  slow.duration("window", provider.slow_stream.window, kHour);
  slow.finish();
}

/// How a server of a known protocol differs from its best known provider: `auth`, `path`, `extra_body`.
void read_dialect(Fields& fields, Provider& provider) {
  const std::vector<std::string> styles{"bearer", "x-api-key", "api-key"};
  if (const auto style = fields.choice("auth", styles)) provider.auth = styles[*style];
  static const std::vector<std::string> kVersions{"auto", "1.1", "2"};
  if (const auto version = fields.choice("http", kVersions)) provider.http = static_cast<net::HttpVersion>(*version);
  fields.text("path", provider.path);
  if (!provider.path.empty() &&
      (!provider.path.starts_with('/') || provider.path.find_first_of(" \t\r\n#") != std::string::npos))
    fields.error("path", fmt::format("expected a path that begins with '/' and has no spaces, got {}",
                                     shown_value(provider.path)));
  // The commonest slip: what other protocols' base URLs end in, this one's path begins with.
  std::string_view base = provider.base_url;
  if (base.ends_with('/')) base.remove_suffix(1);
  if (provider.format == "anthropic" && provider.path.empty() && base.ends_with("/v1"))
    fields.error("base_url", fmt::format("{} ends in /v1, and /v1/messages is added to it; leave /v1 out, or state "
                                         "`path: /messages`",
                                         shown_value(provider.base_url)));
  const YamlNode* node = fields.get("extra_body");
  if (node == nullptr) return;
  std::string json;
  fields.text("extra_body", json);
  auto members = wire::object_members(json);
  if (!members) {
    fields.error("extra_body", fmt::format("expected a JSON object in quotes, as '{{\"user\": \"x\"}}': {}",
                                           members.error().message));
    return;
  }
  provider.extra_body = *std::move(members);
}

Provider read_provider(Reader& reader, const Config& config, const YamlField& entry, ConfigMarks& marks) {
  Provider provider;
  provider.name = entry.name;
  Fields fields(reader, entry.value, "providers." + entry.name);
  if (!is_name(entry.name, Slashes::kForbidden))
    reader.error(entry.mark, fmt::format("providers: {} is no name; use letters, digits, '.', '_' and '-'",
                                         shown_value(entry.name)));
  if (const auto format = fields.choice("format", wire::format_names()))
    provider.format = wire::format_names()[*format];
  read_credentials(fields, provider);
  read_base_url(fields, provider);
  read_headers(fields, provider);
  read_dialect(fields, provider);
  read_resilience(fields, provider);
  fields.path("ca_file", provider.ca_file);
  marks.ca_files.push_back(fields.mark("ca_file"));
  read_managed(fields, config, provider);
  read_spawn(fields, provider);
  read_replicas(fields, provider);
  fields.duration("start_timeout", provider.start_timeout, kHour);
  read_target_limits(fields, provider.limits);
  if (entry.value.kind == YamlKind::kMap || entry.value.kind == YamlKind::kNothing) check_kind(fields, provider);
  if (provider.spawn) provider.remote = false;
  fields.finish();
  return provider;
}

void read_price(Fields& fields, ModelEntry& model) {
  const YamlNode* node = fields.get("price");
  if (node == nullptr) return;
  constexpr double kPriceMax = 1e6;
  Fields price(fields.reader(), *node, fields.name("price"));
  core::Prices& prices = model.target.prices;
  if (price.need("input", "USD per million input tokens") != nullptr) price.number("input", prices.input, 0, kPriceMax);
  // Vectors are no output tokens.
  const bool answers = !model.target.abilities.embeddings;
  if (!answers || price.need("output",
                             "USD per million output tokens (of all but a model whose `abilities` say `embeddings: "
                             "true`)") != nullptr)
    price.number("output", prices.output, 0, kPriceMax);
  prices.cached_input = prices.input;  // no discount is the cautious guess
  prices.cache_write = prices.input;
  price.number("cached_input", prices.cached_input, 0, kPriceMax);
  price.number("cache_write", prices.cache_write, 0, kPriceMax);
  price.finish();
  model.price_stated = true;
}

void read_abilities(Fields& fields, core::Abilities& abilities) {
  const YamlNode* node = fields.get("abilities");
  if (node == nullptr) return;
  Fields inner(fields.reader(), *node, fields.name("abilities"));
  inner.flag("tools", abilities.tools);
  inner.flag("images", abilities.images);
  inner.flag("json_schema", abilities.json_schema);
  inner.flag("reasoning_effort", abilities.reasoning_effort);
  inner.flag("embeddings", abilities.embeddings);
  inner.finish();
}

void read_tool_target(Fields& fields, ModelEntry& model) {
  model.target.kind = core::TargetKind::kTool;
  model.target.abilities = {
      .tools = false, .images = false, .json_schema = false, .reasoning_effort = false, .embeddings = false};
  model.price_stated = true;
  std::vector<std::string> known;
  for (const auto& record : tool::tools()) known.emplace_back(record.name);
  fields.text("tool", model.tool);
  if (!model.tool.empty() && tool::find_tool(model.tool) == nullptr)
    fields.error("tool", Reader::unknown("tool", model.tool, known));
  for (const char* name : {"provider", "id", "price", "context", "abilities", "timeouts", "concurrency", "queue"})
    if (fields.get(name) != nullptr) fields.error(name, "is not for a tool");
}

void read_model_target(Fields& fields, const Config& config, ModelEntry& model) {
  std::string provider;
  if (fields.need("provider", "the name of a provider (or `tool:` for an exact tool)") != nullptr)
    fields.text("provider", provider);
  const auto known = names_of(config.providers, [](const Provider& p) { return p.name; });
  const auto found = std::find(known.begin(), known.end(), provider);
  if (found != known.end()) {
    model.provider = static_cast<std::size_t>(found - known.begin());
    const Provider& owner = config.providers[*model.provider];
    model.limits = owner.limits;
    if (owner.model_file) model.target.context_tokens = owner.model_file->context_tokens;
  } else if (!provider.empty()) {
    fields.error("provider", Reader::unknown("provider", provider, known));
  }
  model.id = model.target.name;
  fields.text("id", model.id);
  read_abilities(fields, model.target.abilities);
  read_price(fields, model);
  fields.integer("context", model.target.context_tokens, 128, kContextMax);
  read_target_limits(fields, model.limits);
}

}  // namespace

void read_providers(Fields& top, Config& config, ConfigMarks& marks) {
  const YamlNode* node = top.get("providers");
  if (node == nullptr) return;
  if (node->kind != YamlKind::kMap)
    return top.error("providers", fmt::format("expected a mapping of names to providers, got {}",
                                              node->kind == YamlKind::kList ? "a list" : "a single value"));
  for (const YamlField& entry : node->fields) {
    config.providers.push_back(read_provider(top.reader(), config, entry, marks));
    marks.providers.push_back(entry.mark);
  }
}

void read_models(Fields& top, Config& config, ConfigMarks& marks) {
  const YamlNode* node = top.need("models", "a list of targets");
  if (node == nullptr) return;
  if (node->kind != YamlKind::kList)
    return top.error("models", fmt::format("expected a list of targets, got {}", got(*node)));
  if (node->items.size() > core::kTargetsMax)
    return top.error("models", fmt::format("{} targets; the limit is {}", node->items.size(), core::kTargetsMax));
  for (std::size_t i = 0; i < node->items.size(); ++i) {
    ModelEntry model;
    Fields fields(top.reader(), node->items[i], fmt::format("models[{}]", i));
    std::string& name = model.target.name;
    if (fields.need("name", "the target's name") != nullptr) fields.text("name", name);
    if (!name.empty() && !is_name(name, Slashes::kAllowed))
      fields.error("name", fmt::format("{} is no name; use letters, digits and . _ - / : @", shown_value(name)));
    if (!name.empty() && config.find_model(name) != nullptr)
      fields.error("name", fmt::format("'{}' is the name of an earlier target", name));
    fields.texts("tags", model.target.tags);
    if (fields.has("tool")) {
      read_tool_target(fields, model);
    } else {
      read_model_target(fields, config, model);
    }
    if (node->items[i].kind == YamlKind::kMap) fields.finish();
    config.models.push_back(std::move(model));
    marks.models.push_back(node->items[i].mark);
  }
}

}  // namespace thalamus::gateway
