/// Elasticity of performance with respect to tokens or cost (TEP of EllieSQL, arXiv 2503.22402).
#pragma once

#include <cmath>
#include <optional>

namespace thalamus::math {

struct Elasticity {
  double quality_change = 0;     ///< quality - base quality
  double cost_change = 0;        ///< cost - base cost
  double quality_gain = 0;       ///< quality_change / base quality
  double cost_gain = 0;          ///< cost_change / base cost
  std::optional<double> value;   ///< quality_gain / cost_gain; nothing where the cost does not change
  bool better_for_less = false;  ///< more quality for less cost: `value` is negative and says nothing; give the changes
};

/// Against the cheapest pipeline as base. Base quality and base cost must be positive; otherwise only the changes are
/// filled.
[[nodiscard]] inline Elasticity elasticity(double base_quality, double base_cost, double quality,
                                           double cost) noexcept {
  Elasticity result;
  result.quality_change = quality - base_quality;
  result.cost_change = cost - base_cost;
  result.better_for_less = result.quality_change > 0 && result.cost_change < 0;
  if (!(base_quality > 0) || !(base_cost > 0)) return result;
  result.quality_gain = result.quality_change / base_quality;
  result.cost_gain = result.cost_change / base_cost;
  if (result.cost_gain != 0) result.value = result.quality_gain / result.cost_gain;
  return result;
}

}  // namespace thalamus::math
