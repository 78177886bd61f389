/// A configuration made ready to serve: endpoints, formats, tools, snapshots and policies looked up once. Immutable but
/// for the policies' own counters; shared by all cores and swapped as a whole.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "thalamus/compose/strategy.h"
#include "thalamus/core/target.h"
#include "thalamus/dispatch/policy.h"
#include "thalamus/gateway/config.h"
#include "thalamus/gateway/supervisor.h"
#include "thalamus/gateway/upstream_target.h"
#include "thalamus/net/http.h"
#include "thalamus/net/stream.h"
#include "thalamus/route/decide.h"
#include "thalamus/route/snapshot.h"
#include "thalamus/tool/tool.h"
#include "thalamus/wire/format.h"

namespace thalamus::gateway {

/// A route's targets: models first, then exact tools, each in the order of the configuration.
struct RouteRuntime {
  std::string name;
  std::vector<core::Target> targets;
  std::size_t model_count = 0;                  ///< targets[0, model_count) are models
  std::vector<std::uint16_t> policy_index;      ///< of each target: its index in Config::models
  std::vector<const UpstreamTarget*> upstream;  ///< of each model
  std::vector<const dispatch::TargetLimits*> limits;
  std::vector<const tool::Tool*> tools;             ///< of targets[model_count + k]
  std::shared_ptr<const route::Snapshot> snapshot;  ///< null: the targets in their order
  route::TargetMap target_map;
  route::DecideOptions decide;
  core::ContractPatch contract;
  const compose::StrategyRecord* strategy = nullptr;
  base::OptionMap strategy_options;
  dispatch::Policy* policy = nullptr;
  bool strict = false;  ///< a translation that loses something of a request is refused
  bool listed = true;   ///< shown by GET /v1/models as a route of the operator's
  /// When it was last written: its configuration's file time, kept over reloads that leave its targets as they are.
  /// Seconds since 1970; 0 where the configuration is no file.
  std::int64_t created_unix_s = 0;
};

class Runtime {
 public:
  /// `generation` counts configurations of this process. Fails where a snapshot cannot be read, a strategy or policy is
  /// unknown or an option is wrong; a missing model file is no failure here: that target is down, the others go on.
  /// What `running` knows of targets that stay as they are is kept: calls in flight, dead keys, breakers, latencies.
  [[nodiscard]] static Result<std::shared_ptr<const Runtime>> make(Config config, std::uint64_t generation,
                                                                   const std::filesystem::path& socket_folder,
                                                                   const Runtime* running = nullptr);

  [[nodiscard]] const Config& config() const noexcept { return config_; }
  [[nodiscard]] std::uint64_t generation() const noexcept { return generation_; }
  /// A route, or a single target by its name; null for neither.
  [[nodiscard]] const RouteRuntime* find_route(std::string_view name) const noexcept;
  /// ", did you mean 'auto'?" or "".
  [[nodiscard]] std::string suggest(std::string_view name) const;
  [[nodiscard]] const std::vector<std::unique_ptr<RouteRuntime>>& routes() const noexcept { return routes_; }
  /// How each model is called, in the order of Config::models; null for tools.
  [[nodiscard]] const std::vector<std::unique_ptr<UpstreamTarget>>& upstreams() const noexcept { return upstreams_; }
  /// The children that the configuration manages. A turn may call them as long as it has its runtime.
  [[nodiscard]] const Supervisor::Wanted& children() const noexcept { return children_; }
  /// The child of a provider; null where the provider has none.
  [[nodiscard]] const ChildSpec* find_child(std::string_view provider) const noexcept;
  /// Tells the policies that a provider's server is up or down.
  void set_provider_healthy(const std::string& provider, bool healthy) const;
  /// What is worth a warning once: targets that a snapshot has not seen.
  [[nodiscard]] const std::vector<std::string>& warnings() const noexcept { return warnings_; }

 private:
  Runtime() = default;
  Status add_upstreams(const std::filesystem::path& socket_folder, const Runtime* running);
  void keep_policies(const Runtime& running);
  void date_routes(const Runtime* running);
  Result<dispatch::Policy*> policy_for(const std::string& name, const base::OptionMap& options);
  Status add_route(const Route& route);
  void add_single_targets();
  void append_target(RouteRuntime& route, std::size_t model) const;
  Result<std::string> child_for(const Provider& provider, const std::filesystem::path& socket_folder,
                                const Runtime* running);
  [[nodiscard]] bool same_child(const Runtime& running, const ModelEntry& before, const ModelEntry& now) const noexcept;
  [[nodiscard]] std::shared_ptr<dispatch::TargetControls> kept_controls(const Runtime& running,
                                                                        const ModelEntry& model) const;

  Config config_;
  std::uint64_t generation_ = 0;
  std::vector<std::unique_ptr<UpstreamTarget>> upstreams_;  ///< by model; null for tools
  std::vector<std::shared_ptr<dispatch::Policy>> policies_;
  std::vector<std::string> policy_keys_;  ///< name and options of each policy
  std::vector<std::unique_ptr<RouteRuntime>> routes_;
  Supervisor::Wanted children_;
  std::vector<std::string> warnings_;
};

/// Where `thalamus-host` is: beside this executable, or on the PATH.
[[nodiscard]] std::filesystem::path host_executable();

}  // namespace thalamus::gateway
