#include "thalamus/sim/simulator.h"

#include <cmath>

#include "thalamus/base/assert.h"
#include "thalamus/sim/simulation.h"

namespace thalamus::sim {

void FixedEstimator::estimate(const SimRequest& request, core::Estimates& out) const noexcept {
  out.input_tokens = request.input_tokens;
  for (std::size_t t = 0; t < targets_.size() && t < out.size(); ++t) {
    const SimTarget& target = targets_[t];
    // Mean and deviation of a lognormal variable from its median.
    const double square = target.service_sigma * target.service_sigma;
    const double mean_factor = std::exp(square / 2);
    const double sd_factor = mean_factor * std::sqrt(std::expm1(square));
    core::Estimate& row = out[t];
    row.quality = target.quality;
    row.seconds = target.service_ms * 1e-3 * mean_factor;
    row.seconds_sd = target.service_ms * 1e-3 * sd_factor;
    row.output_tokens = target.output_tokens * mean_factor;
    const auto& prices = target.target.prices;
    row.cost_usd = (prices.input * request.input_tokens + prices.output * row.output_tokens) * 1e-6;
    row.cost_usd_sd = prices.output * target.output_tokens * sd_factor * 1e-6;
  }
}

SimReport simulate(const SimScenario& scenario, std::uint64_t seed, const Estimator& estimator) {
  THALAMUS_ASSERT(validate(scenario).has_value());
  return Simulation(scenario, seed, estimator).run();
}

SimReport simulate(const SimScenario& scenario, std::uint64_t seed) {
  return simulate(scenario, seed, FixedEstimator(scenario.targets));
}

}  // namespace thalamus::sim
