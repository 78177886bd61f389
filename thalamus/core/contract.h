/// What the caller demands. Hard limits come first, then the utility a worth states.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace thalamus::core {

enum class Explore : std::uint8_t { kNever, kAllowed };
enum class OnInfeasible : std::uint8_t { kFail, kNearest };

/// The objective in a unit a person can state: utility = answer_usd * P(good) - E[cost] - second_usd * E[seconds].
struct Worth {
  double answer_usd = 0;
  double second_usd = 0;
};

/// One layer of demands (key, route, header or body). Unset members demand nothing.
struct ContractPatch {
  std::optional<double> max_cost_usd;
  std::optional<double> max_latency_ms;
  std::optional<double> max_ttft_ms;
  std::optional<double> min_quality;
  std::vector<std::string> allow;  ///< target names or tags; empty allows all
  std::vector<std::string> deny;
  std::optional<Worth> worth;
  std::optional<std::string> session;
  std::optional<Explore> explore;
  std::optional<OnInfeasible> on_infeasible;
  std::optional<bool> explain;
};

/// The demands in force for one request. `allow` has one list per layer that gave one: a target must be in each.
struct Contract {
  std::optional<double> max_cost_usd;
  std::optional<double> max_latency_ms;
  std::optional<double> max_ttft_ms;
  std::optional<double> min_quality;
  std::vector<std::vector<std::string>> allow;
  std::vector<std::string> deny;
  std::optional<Worth> worth;  ///< none: quality, then cost, then order
  std::string session;
  Explore explore = Explore::kNever;
  OnInfeasible on_infeasible = OnInfeasible::kFail;
  bool explain = false;

  /// Adds a layer, from defaults to the request: the stricter limit wins, a later preference overrides.
  void add(const ContractPatch& layer);
};

}  // namespace thalamus::core
