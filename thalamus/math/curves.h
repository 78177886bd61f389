/// Quality-cost curves and their scalar summaries (RouterBench arXiv 2403.12031: NDCH, AIQ; RouteLLM arXiv 2406.18665:
/// PGR, APGR, CPT).
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace thalamus::math {

struct CurvePoint {
  double cost = 0;
  double quality = 0;
  std::size_t label = 0;  ///< of the caller: model, or position in a sweep
};

/// Non-decreasing convex hull: by cost ascending, only points that improve quality, upper concave chain.
[[nodiscard]] std::vector<CurvePoint> non_decreasing_hull(std::vector<CurvePoint> points);

/// Quality of a hull at a cost: linear between vertices, flat on the right, the first vertex's quality on the left.
[[nodiscard]] double hull_quality(std::span<const CurvePoint> hull, double cost) noexcept;

/// Average quality of the hull over [cost_low, cost_high], exact. 0 where the range is empty.
[[nodiscard]] double average_quality(std::span<const CurvePoint> hull, double cost_low, double cost_high) noexcept;

/// The least cost at which the hull reaches a quality, or nothing.
[[nodiscard]] std::optional<double> cost_at_quality(std::span<const CurvePoint> hull, double quality) noexcept;

/// Values of lambda at which argmax_m quality_m - lambda * cost_m changes, ascending, lambda >= 0: the upper envelope
/// of the lines. `winners` gets one model more than there are breakpoints: the winner on each interval. Ties go to
/// the cheaper, then to the lower index.
void envelope(std::span<const double> quality, std::span<const double> cost, std::vector<double>& breakpoints,
              std::vector<std::size_t>& winners);

/// Two-model metrics (RouteLLM), by the decile procedure of its code: 11 thresholds at the deciles of the score.
struct PairMetrics {
  double apgr = 0;
  double cpt50 = 0;  ///< share of strong calls, [0,1]
  double cpt80 = 0;
  double strong_mean = 0;
  double weak_mean = 0;
  std::vector<CurvePoint> points;  ///< cost = share of strong calls, quality = mean outcome
};
[[nodiscard]] PairMetrics pair_metrics(std::span<const double> strong, std::span<const double> weak,
                                       std::span<const double> score);

}  // namespace thalamus::math
