/// A discrete-event simulator: the decision layer, a strategy and a policy as they serve, under a virtual clock, with a
/// workload and faults drawn from one seed. The same scenario and seed give the same report, bit for bit.
#pragma once

#include <cstdint>

#include "thalamus/core/estimate.h"
#include "thalamus/sim/report.h"
#include "thalamus/sim/scenario.h"

namespace thalamus::sim {

/// What an estimator may know of a simulated request.
struct SimRequest {
  std::uint64_t index = 0;
  std::uint32_t input_tokens = 0;
};

/// Where a request's estimates come from: a snapshot over recorded requests, or numbers of the caller's own.
class Estimator {
 public:
  virtual ~Estimator() = default;
  /// Fills a row for every target of the scenario, in its order.
  virtual void estimate(const SimRequest& request, core::Estimates& out) const noexcept = 0;
};

/// The scenario's own means: what a perfectly calibrated estimator without features would say.
class FixedEstimator final : public Estimator {
 public:
  explicit FixedEstimator(const std::vector<SimTarget>& targets) : targets_(targets) {}
  void estimate(const SimRequest& request, core::Estimates& out) const noexcept override;

 private:
  std::vector<SimTarget> targets_;
};

/// `scenario` must pass `validate`. Every invariant is checked after every event; what broke is in the report.
[[nodiscard]] SimReport simulate(const SimScenario& scenario, std::uint64_t seed);
[[nodiscard]] SimReport simulate(const SimScenario& scenario, std::uint64_t seed, const Estimator& estimator);

}  // namespace thalamus::sim
