#include "thalamus/gateway/runtime.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <system_error>

#include "thalamus/base/hash.h"
#include "thalamus/base/text.h"

namespace thalamus::gateway {
namespace {

/// Flags of the processor that `thalamus-host` was built for; checked before it is started.
std::string missing_processor_flags() {
  std::string missing;
  const auto need = [&](bool present, const char* name) {
    if (!present) missing += missing.empty() ? name : std::string(", ") + name;
  };
  need(__builtin_cpu_supports("avx2") != 0, "avx2");
  need(__builtin_cpu_supports("fma") != 0, "fma");
  need(__builtin_cpu_supports("bmi2") != 0, "bmi2");
  return missing;
}

std::string why_unavailable(const ManagedModel& model, const std::filesystem::path& host) {
  const std::string flags = missing_processor_flags();
  if (!flags.empty())
    return fmt::format(
        "this processor lacks what thalamus-host was built for ({}); use `base_url` with a server built for it", flags);
  std::error_code error;
  if (!std::filesystem::exists(host, error))
    return fmt::format("thalamus-host is not beside this program ({}); build it with `make release`", host.string());
  const Status file = check_model_file(model, VerifyDigest::kYes);
  return file ? std::string() : file.error().text();
}

std::filesystem::path executable_folder() {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  return error ? std::filesystem::path() : self.parent_path();
}

// A shorter value of a header ("2", "eu") is a setting, not a credential, and would maim every message.
constexpr std::size_t kSecretMin = 6;

wire::AuthStyle auth_style(const Provider& provider, const wire::Format& format) {
  if (provider.auth == "bearer") return wire::AuthStyle::kBearer;
  if (provider.auth == "x-api-key") return wire::AuthStyle::kXApiKey;
  return provider.auth == "api-key" ? wire::AuthStyle::kApiKey : format.auth_style();
}

void add_credential(wire::AuthStyle style, const Secret& key, net::Headers& headers) {
  switch (style) {
    case wire::AuthStyle::kBearer: headers.add("authorization", "Bearer " + key.reveal()); break;
    case wire::AuthStyle::kXApiKey: headers.add("x-api-key", key.reveal()); break;
    case wire::AuthStyle::kApiKey: headers.add("api-key", key.reveal()); break;
  }
}

/// The provider's own path, or the format's.
std::string upstream_path(const Provider& provider, const wire::Format& format, const std::string& model_id) {
  std::string path = provider.path.empty() ? std::string(format.endpoints().upstream) : provider.path;
  constexpr std::string_view kModel = "{model}";
  if (const auto at = path.find(kModel); at != std::string::npos) path.replace(at, kModel.size(), model_id);
  return path;
}

net::Headers headers_with(const Provider& provider, const wire::Format& format, const Secret* key) {
  net::Headers headers;
  headers.add("content-type", "application/json");
  headers.add("accept", "application/json, text/event-stream");
  for (const auto& [name, value] : format.request_headers()) headers.set(name, value);
  if (key != nullptr) add_credential(auth_style(provider, format), *key, headers);
  for (const auto& [name, value] : provider.headers) headers.set(name, value.reveal());
  return headers;
}

/// What all calls of one model share: its keys, its replicas, and how it is tried again.
Result<std::shared_ptr<dispatch::TargetControls>> make_controls(const Provider& provider,
                                                                const dispatch::TargetLimits& limits,
                                                                const std::vector<std::string>& urls) {
  dispatch::EndpointNames names;
  names.replicas = urls;
  for (std::size_t i = 0; i < std::max<std::size_t>(1, provider.keys.size()); ++i)
    names.keys.push_back(fmt::format("{}-{}", provider.name, i + 1));
  TRY(const auto endpoints, base::parse_options<dispatch::EndpointOptions>(provider.endpoints));
  TRY(const auto retries, base::parse_options<dispatch::RetryOptions>(provider.retries));
  TRY(const auto hedge, base::parse_options<dispatch::HedgeOptions>(provider.hedge));
  TRY(auto set, dispatch::EndpointSet::make(std::move(names), endpoints));
  const dispatch::TimeLimits times{limits.connect_timeout, limits.first_byte_timeout, limits.idle_timeout,
                                   limits.total_timeout};
  return std::make_shared<dispatch::TargetControls>(std::move(set), times, retries, hedge);
}

/// Of a provider, all that `make_controls` reads or that its counts are about.
bool same_servers(const Provider& a, const Provider& b) {
  const auto same_key = [](const Secret& x, const Secret& y) { return x.reveal() == y.reveal(); };
  return a.name == b.name && a.base_url == b.base_url && a.replicas == b.replicas && a.retries == b.retries &&
         a.endpoints == b.endpoints && a.hedge == b.hedge &&
         std::equal(a.keys.begin(), a.keys.end(), b.keys.begin(), b.keys.end(), same_key);
}

/// Where the child of a model file listens: another one for other contents, so that it can start while the one before
/// still answers.
std::filesystem::path socket_for(const ChildSpec& spec, const std::filesystem::path& folder) {
  std::uint64_t hash = base::hash64(spec.content, static_cast<std::uint64_t>(spec.nice));
  for (const std::string& word : spec.command) hash = base::hash64(word, hash);
  return folder / fmt::format("{}-{:08x}.sock", spec.name, hash & 0xFFFFFFFFU);
}

/// Seconds since 1970; 0 where there is no such file.
std::int64_t written_at(const std::filesystem::path& file) {
  struct stat found{};
  return ::stat(file.c_str(), &found) == 0 ? static_cast<std::int64_t>(found.st_mtime) : 0;
}

}  // namespace

std::filesystem::path host_executable() {
  if (const char* given = std::getenv("THALAMUS_HOST_EXECUTABLE"); given != nullptr && given[0] != '\0') return given;
  return executable_folder() / "thalamus-host";
}

Result<std::shared_ptr<const Runtime>> Runtime::make(Config config, std::uint64_t generation,
                                                     const std::filesystem::path& socket_folder,
                                                     const Runtime* running) {
  std::shared_ptr<Runtime> runtime(new Runtime());
  runtime->config_ = std::move(config);
  runtime->generation_ = generation;
  CHECK_OK(runtime->add_upstreams(socket_folder, running));
  if (running != nullptr) runtime->keep_policies(*running);
  for (const Route& route : runtime->config_.routes) CHECK_OK(runtime->add_route(route));
  runtime->add_single_targets();
  runtime->date_routes(running);
  return std::shared_ptr<const Runtime>(std::move(runtime));
}

Result<std::string> Runtime::child_for(const Provider& provider, const std::filesystem::path& socket_folder,
                                       const Runtime* running) {
  ChildSpec spec;
  spec.name = provider.name;
  spec.log_file = socket_folder / (provider.name + ".log");
  spec.start_timeout = provider.start_timeout;
  std::string url = provider.base_url;
  std::filesystem::path host;
  if (provider.spawn) {
    spec.command = provider.spawn->command;
    spec.health_path = provider.spawn->health_path;
  } else {
    const ManagedModel& model = *provider.model_file;
    host = host_executable();
    spec.nice = model.priority;
    spec.content = model.sha256;
    spec.command = {host.string(),
                    "--model",
                    model.file.string(),
                    "--context",
                    fmt::format("{}", model.context_tokens),
                    "--slots",
                    fmt::format("{}", model.slots)};
    if (model.threads > 0) {
      spec.command.emplace_back("--threads");
      spec.command.push_back(fmt::format("{}", model.threads));
    }
    const std::filesystem::path socket = socket_for(spec, socket_folder);
    spec.command.emplace_back("--unix");
    spec.command.push_back(socket.string());
    url = "unix:" + socket.string() + ":/v1";
  }
  TRY(spec.endpoint, net::parse_base_url(url));
  spec.endpoint.base_path.clear();
  // Of one that runs nothing needs to be looked up again, least of all the digest of its file.
  const ChildSpec* runs = running == nullptr ? nullptr : running->find_child(provider.name);
  const bool stays = runs != nullptr && runs->unavailable.empty() && same_process(*runs, spec);
  if (provider.model_file && !stays) spec.unavailable = why_unavailable(*provider.model_file, host);
  children_.push_back(std::make_shared<const ChildSpec>(std::move(spec)));
  return url;
}

const ChildSpec* Runtime::find_child(std::string_view provider) const noexcept {
  const auto found =
      std::find_if(children_.begin(), children_.end(), [&](const auto& child) { return child->name == provider; });
  return found == children_.end() ? nullptr : found->get();
}

/// Whether one process answers for both models, or none of ours does.
bool Runtime::same_child(const Runtime& running, const ModelEntry& before, const ModelEntry& now) const noexcept {
  const auto child_of = [](const Runtime& runtime, const ModelEntry& model) -> const ChildSpec* {
    return model.provider ? runtime.find_child(runtime.config_.providers[*model.provider].name) : nullptr;
  };
  const ChildSpec* const old = child_of(running, before);
  const ChildSpec* const next = child_of(*this, now);
  return old == nullptr || next == nullptr ? old == next : same_process(*old, *next);
}

/// The controls that `running` has of a model that stays as it is; null for another one.
std::shared_ptr<dispatch::TargetControls> Runtime::kept_controls(const Runtime& running,
                                                                 const ModelEntry& model) const {
  const Config& old = running.config_;
  for (std::size_t i = 0; i < old.models.size(); ++i) {
    const ModelEntry& before = old.models[i];
    if (before.target.name != model.target.name || !before.provider || !model.provider) continue;
    const bool same = before.id == model.id && before.limits == model.limits && same_child(running, before, model) &&
                      same_servers(old.providers[*before.provider], config_.providers[*model.provider]);
    if (same) return running.upstreams_[i]->controls;
  }
  return nullptr;
}

Status Runtime::add_upstreams(const std::filesystem::path& socket_folder, const Runtime* running) {
  std::vector<std::string> urls;
  for (const Provider& provider : config_.providers) {
    if (provider.model_file || provider.spawn) {
      TRY(auto url, child_for(provider, socket_folder, running));
      urls.push_back(std::move(url));
    } else {
      urls.push_back(provider.base_url);
    }
  }
  for (const ModelEntry& model : config_.models) {
    if (!model.provider) {
      upstreams_.push_back(nullptr);
      continue;
    }
    const Provider& provider = config_.providers[*model.provider];
    auto upstream = std::make_unique<UpstreamTarget>();
    upstream->name = model.target.name;
    upstream->model_id = model.id;
    std::vector<std::string> replicas{urls[*model.provider]};
    replicas.insert(replicas.end(), provider.replicas.begin(), provider.replicas.end());
    for (const std::string& url : replicas) {
      TRY(auto endpoint, net::parse_base_url(url));
      endpoint.ca_file = provider.ca_file.string();
      endpoint.version = provider.http;
      upstream->replicas.push_back(std::move(endpoint));
    }
    if (running != nullptr) upstream->controls = kept_controls(*running, model);
    if (upstream->controls == nullptr) {
      TRY(upstream->controls, make_controls(provider, model.limits, replicas));
    }
    upstream->slow_stream = provider.slow_stream;
    upstream->format = wire::find_format(provider.format);
    if (upstream->format == nullptr)
      return fail(ErrorKind::kInvalidInput, "provider '{}': unknown format '{}'", provider.name, provider.format);
    upstream->path = upstream_path(provider, *upstream->format, model.id);
    upstream->extra_body = provider.extra_body;
    upstream->takes_reasoning = model.target.abilities.reasoning_effort;
    for (const Secret& key : provider.keys) upstream->secrets.push_back(key.reveal());
    for (const auto& header : provider.headers)
      if (header.second.reveal().size() >= kSecretMin) upstream->secrets.push_back(header.second.reveal());
    for (const Secret& key : provider.keys)
      upstream->headers.push_back(headers_with(provider, *upstream->format, &key));
    if (provider.keys.empty()) upstream->headers.push_back(headers_with(provider, *upstream->format, nullptr));
    upstreams_.push_back(std::move(upstream));
  }
  return {};
}

// Policies know targets by their index, so they are kept only where all models stand where they stood. Of a child that
// changes two are known for a while: one that turns in flight still use, and the next.
void Runtime::keep_policies(const Runtime& running) {
  const auto same = [&](const ModelEntry& a, const ModelEntry& b) {
    return a.target.name == b.target.name && a.limits == b.limits && same_child(running, a, b);
  };
  const std::vector<ModelEntry>& before = running.config_.models;
  if (!std::equal(before.begin(), before.end(), config_.models.begin(), config_.models.end(), same)) return;
  policies_ = running.policies_;
  policy_keys_ = running.policy_keys_;
}

void Runtime::append_target(RouteRuntime& route, std::size_t model) const {
  const ModelEntry& entry = config_.models[model];
  route.targets.push_back(entry.target);
  route.policy_index.push_back(static_cast<std::uint16_t>(model));
  route.limits.push_back(&entry.limits);
  if (entry.provider) {
    route.upstream.push_back(upstreams_[model].get());
    ++route.model_count;
  } else {
    route.tools.push_back(&tool::find_tool(entry.tool)->instance());
  }
}

Result<dispatch::Policy*> Runtime::policy_for(const std::string& name, const base::OptionMap& options) {
  std::string key = name;
  for (const auto& [option, value] : options) key.append(",").append(option).append("=").append(value);
  for (std::size_t i = 0; i < policies_.size(); ++i)
    if (policy_keys_[i] == key) return policies_[i].get();
  const dispatch::PolicyRecord* record = dispatch::find_policy(name);
  if (record == nullptr) return fail(ErrorKind::kInvalidInput, "unknown policy '{}'", name);
  std::vector<dispatch::TargetLimits> limits;
  limits.reserve(config_.models.size());
  for (const ModelEntry& model : config_.models) limits.push_back(model.limits);
  TRY(auto policy, record->make(limits, options));
  policies_.push_back(std::move(policy));
  policy_keys_.push_back(std::move(key));
  return policies_.back().get();
}

Status Runtime::add_route(const Route& route) {
  auto ready = std::make_unique<RouteRuntime>();
  ready->name = route.name;
  for (const std::size_t model : route.targets)
    if (config_.models[model].provider) append_target(*ready, model);
  for (const std::size_t model : route.targets)
    if (!config_.models[model].provider) append_target(*ready, model);
  ready->contract = route.contract;
  ready->strict = route.strict;
  ready->decide.explore_rate = route.explore_rate;
  ready->strategy = compose::find_strategy(route.strategy);
  if (ready->strategy == nullptr)
    return fail(ErrorKind::kInvalidInput, "route '{}': unknown strategy '{}'", route.name, route.strategy);
  ready->strategy_options = route.strategy_options;
  TRY(ready->policy, policy_for(route.policy, route.policy_options));
  if (!route.snapshot.empty()) {
    auto snapshot = route::Snapshot::load_file(route.snapshot);
    if (!snapshot) {
      Error error = std::move(snapshot).error();
      error.message = fmt::format(
          "route '{}': {} (learn one with `thalamus train`, or remove `router:` to try the "
          "targets in their order)",
          route.name, error.message);
      return std::unexpected(std::move(error));
    }
    ready->snapshot = std::move(*snapshot);
    ready->target_map = ready->snapshot->map_targets(ready->targets);
    for (const auto& name : ready->target_map.unseen)
      warnings_.push_back(
          fmt::format("route '{}': the snapshot has not seen target '{}'; it gets the prior with a wide deviation",
                      route.name, name));
  }
  routes_.push_back(std::move(ready));
  return {};
}

// A target can be asked for by its own name, as a route of one.
void Runtime::add_single_targets() {
  for (std::size_t i = 0; i < config_.models.size(); ++i) {
    const std::string& name = config_.models[i].target.name;
    if (find_route(name) != nullptr) continue;
    auto ready = std::make_unique<RouteRuntime>();
    ready->name = name;
    append_target(*ready, i);
    ready->strategy = compose::find_strategy("in_order");
    ready->listed = false;
    if (auto policy = policy_for("in_flight", {})) ready->policy = *policy;
    routes_.push_back(std::move(ready));
  }
}

void Runtime::date_routes(const Runtime* running) {
  const std::int64_t written = written_at(config_.path);
  const auto same = [](const core::Target& a, const core::Target& b) { return a.name == b.name; };
  for (const auto& route : routes_) {
    route->created_unix_s = written;
    const RouteRuntime* before = running == nullptr ? nullptr : running->find_route(route->name);
    if (before != nullptr &&
        std::equal(before->targets.begin(), before->targets.end(), route->targets.begin(), route->targets.end(), same))
      route->created_unix_s = before->created_unix_s;
  }
}

const RouteRuntime* Runtime::find_route(std::string_view name) const noexcept {
  const auto found =
      std::find_if(routes_.begin(), routes_.end(), [&](const auto& route) { return route->name == name; });
  return found == routes_.end() ? nullptr : found->get();
}

std::string Runtime::suggest(std::string_view name) const {
  std::vector<std::string> names;
  names.reserve(routes_.size());
  for (const auto& route : routes_) names.push_back(route->name);
  return base::did_you_mean(name, names);
}

void Runtime::set_provider_healthy(const std::string& provider, bool healthy) const {
  for (std::size_t i = 0; i < config_.models.size(); ++i) {
    const auto& index = config_.models[i].provider;
    if (!index || config_.providers[*index].name != provider) continue;
    for (const auto& policy : policies_) policy->set_healthy(static_cast<std::uint16_t>(i), healthy);
  }
}

}  // namespace thalamus::gateway
