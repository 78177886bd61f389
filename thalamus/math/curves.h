/// Quality-cost curves and their scalar summaries (RouterBench arXiv 2403.12031: NDCH, AIQ; RouteLLM arXiv 2406.18665:
/// PGR, APGR, CPT; UniRoute arXiv 2502.08773: deferral area, QNC).
#pragma once

#include <cstddef>
#include <cstdint>
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

/// Average quality of the hull over [cost_low, cost_high], exact: AIQ by the formula, 1 / (c_max - c_min) times the
/// integral of the hull over mean costs, both bounds shared by what is compared. (The code of RouterBench divides by
/// the largest total cost instead.) 0 where the range is empty.
[[nodiscard]] double average_quality(std::span<const CurvePoint> hull, double cost_low, double cost_high) noexcept;

/// The least cost at which the hull reaches a quality, or nothing.
[[nodiscard]] std::optional<double> cost_at_quality(std::span<const CurvePoint> hull, double quality) noexcept;

/// Values of lambda at which argmax_m quality_m - lambda * cost_m changes, ascending, lambda >= 0: the upper envelope
/// of the lines. `winners` gets one model more than there are breakpoints: the winner on each interval. Ties go to
/// the cheaper, then to the lower index.
void envelope(std::span<const double> quality, std::span<const double> cost, std::vector<double>& breakpoints,
              std::vector<std::size_t>& winners);

/// What a rule argmax estimated quality - lambda * estimated cost reads and what it collects: rows x models each. A NaN
/// estimate leaves the model out of that row; a NaN outcome or cost counts as 0.
struct Sweep {
  std::size_t rows = 0;
  std::size_t models = 0;
  std::span<const double> estimated_quality;
  std::span<const double> estimated_cost;
  std::span<const double> quality;
  std::span<const double> cost;
};
struct SweptPoint {
  double lambda = 0;  ///< the point holds from this lambda to the next point's
  double cost = 0;
  double quality = 0;
};
/// The exact curve over all lambda >= 0, a point for each lambda at which some row changes its choice, in O(rows models
/// (models + log)). With the outcomes as their own estimates it is the curve of the lambda-oracle.
[[nodiscard]] std::vector<SweptPoint> swept_curve(const Sweep& sweep);
/// The model of each row at one lambda: the winner just above it, so that the points of `swept_curve` are met; -1 where
/// every estimate is missing.
[[nodiscard]] std::vector<std::int32_t> swept_choices(const Sweep& sweep, double lambda);
/// The points as a curve; labels are positions.
[[nodiscard]] std::vector<CurvePoint> as_curve(std::span<const SweptPoint> points);

/// Deferral curve of UniRoute: quality against cost relative to the dearest model, x in [0, 1]; the hull, flat on both
/// sides of its ends.
struct Deferral {
  double area = 0;            ///< over x in [0, 1]
  double area50 = 0;          ///< over x in [0, 1/2], divided by 1/2
  std::optional<double> qnc;  ///< least x that reaches the quality asked for; nothing if it is never reached
};
[[nodiscard]] Deferral deferral(std::span<const CurvePoint> hull, double dearest_cost, double quality) noexcept;

/// How the average quality over [cost_low, cost_high] moves with each vertex (its gradient), for first-order intervals.
struct VertexWeight {
  double by_quality = 0;
  double by_cost = 0;
};
[[nodiscard]] std::vector<VertexWeight> average_quality_gradient(std::span<const CurvePoint> hull, double cost_low,
                                                                 double cost_high);

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

/// APGR of RouteLLM's "optimal" curve, which spends a share of strong calls on the rows where they gain most; 11
/// points. It exceeds 1 where the weak model beats the strong one on some rows.
[[nodiscard]] double optimal_apgr(std::span<const double> strong, std::span<const double> weak);

}  // namespace thalamus::math
