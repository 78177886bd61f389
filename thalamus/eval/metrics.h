/// Metrics of routing benchmarks as pure functions over recorded outcomes and choices: LLMRouterBench
/// (arXiv 2601.07206), RouterArena (arXiv 2510.00202), regret, and intelligence per watt (arXiv 2511.07885). Curves and
/// their areas are in math/curves.h, calibration and ranking in math/stats*.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "thalamus/math/curves.h"
#include "thalamus/trace/outcome_table.h"

namespace thalamus::eval {

/// Recorded outcomes, rows x models; NaN where nothing is recorded.
struct OutcomeMatrix {
  std::size_t rows = 0;
  std::size_t models = 0;
  std::vector<double> quality;
  std::vector<double> cost_usd;

  [[nodiscard]] double quality_of(std::size_t row, std::size_t model) const noexcept {
    return quality[row * models + model];
  }
  [[nodiscard]] double cost_of(std::size_t row, std::size_t model) const noexcept {
    return cost_usd[row * models + model];
  }
};
[[nodiscard]] OutcomeMatrix outcome_matrix(const trace::OutcomeTable& table);

/// A recorded answer counts as right from here on, for the metrics that know right and wrong only.
inline constexpr double kRightQuality = 0.5;

// ---- LLMRouterBench ------------------------------------------------------------------------------------------------

/// Relative gains of a mean quality; 0 where the reference is 0.
struct Gains {
  double over_random = 0;  ///< Gain@R = (A - A_random) / A_random
  double over_best = 0;    ///< Gain@B = (A - A_best) / A_best
  double to_oracle = 0;    ///< Gap@O = (A_oracle - A) / A_oracle
};
[[nodiscard]] Gains gains(double quality, double random, double best_single, double oracle) noexcept;
/// PerfGain: (the best configuration's quality - A_best) / A_best. 0 where there is no configuration.
[[nodiscard]] double perf_gain(std::span<const math::CurvePoint> configurations, double best_single) noexcept;
/// CostSave: 1 - the least cost of a configuration that reaches A_best / C_best; nothing if none does.
[[nodiscard]] std::optional<double> cost_save(std::span<const math::CurvePoint> configurations, double best_single,
                                              double best_single_cost) noexcept;
/// The points that no other point beats in both cost and quality, by cost ascending.
[[nodiscard]] std::vector<math::CurvePoint> pareto_frontier(std::vector<math::CurvePoint> points);
/// ParetoDist: mean Euclidean distance of configurations to the nearest frontier point, both axes divided by the
/// ranges given. (The paper's own normalisation is not published in formulas.)
[[nodiscard]] double pareto_distance(std::span<const math::CurvePoint> configurations,
                                     std::span<const math::CurvePoint> frontier, double cost_range,
                                     double quality_range) noexcept;
/// Among rows with one or two right models, the share routed to one of them; nothing without such rows.
[[nodiscard]] std::optional<double> recall_at_rare(const OutcomeMatrix& outcomes,
                                                   std::span<const std::int32_t> choices) noexcept;

// ---- RouterArena ---------------------------------------------------------------------------------------------------

/// S = (1 + b) A C / (b A + C), C = log2-scaled cost between 0.0044 and 200 USD per 1,000 requests (clamped: a free
/// model counts as the floor), b = 0.1. In [0,1].
[[nodiscard]] double arena_score(double quality, double usd_per_1k) noexcept;
/// 1 / (L - 10 ms), at most 1; 1 up to 10 ms, where the formula has no value.
[[nodiscard]] double arena_latency(double milliseconds) noexcept;

struct Optimality {
  double selection = 0;  ///< OptSel: share of solvable rows routed to the cheapest right model (any of equal cost)
  double cost = 0;       ///< OptCost: mean of cheapest right cost / actual cost, at most 1, on the same rows
  double accuracy = 0;   ///< OptAcc: mean quality / mean quality of the pool's oracle, all rows
  std::size_t solvable = 0;
};
[[nodiscard]] Optimality optimality(const OutcomeMatrix& outcomes, std::span<const std::int32_t> choices) noexcept;

// ---- Regret and selection ------------------------------------------------------------------------------------------

/// Mean over rows of the largest recorded utility less the chosen one's, utility = quality - lambda * cost. A choice
/// without a recorded outcome has utility 0.
[[nodiscard]] double mean_regret(const OutcomeMatrix& outcomes, std::span<const std::int32_t> choices,
                                 double lambda) noexcept;
/// Share of rows whose choice has the best recorded quality (ties count).
[[nodiscard]] double selection_accuracy(const OutcomeMatrix& outcomes, std::span<const std::int32_t> choices) noexcept;
/// Share of rows where one of the K models of the highest estimate is right.
[[nodiscard]] double hit_at(const OutcomeMatrix& outcomes, std::span<const double> estimate, std::size_t k);
/// (Q - Q_zero(C)) / (Q_oracle(C) - Q_zero(C)) at the policy's own cost; nothing where the two curves meet.
[[nodiscard]] std::optional<double> oracle_gap_closed(double quality, double cost,
                                                      std::span<const math::CurvePoint> zero_router,
                                                      std::span<const math::CurvePoint> oracle) noexcept;

// ---- Energy and cost -----------------------------------------------------------------------------------------------

/// Mean cost / mean quality; nothing where nothing is right.
[[nodiscard]] std::optional<double> cost_of_pass(double mean_cost, double mean_quality) noexcept;
/// Mean accuracy / mean power in watts; nothing without power.
[[nodiscard]] std::optional<double> intelligence_per_watt(std::span<const double> quality,
                                                          std::span<const double> watts) noexcept;
/// Mean accuracy / mean energy of a request in joules; nothing without energy.
[[nodiscard]] std::optional<double> accuracy_per_joule(std::span<const double> quality,
                                                       std::span<const double> joules) noexcept;
/// Share of rows where the best of the local models is at least as good as the best of the others.
[[nodiscard]] double coverage(const OutcomeMatrix& outcomes, std::span<const std::size_t> local) noexcept;

/// What a local-or-remote router of a given accuracy keeps of the oracle's saving. One-sided: mistakes go to the remote
/// model only. Two-sided: it also keeps requests local that needed the remote model.
struct LocalRouting {
  double saving = 0;        ///< share of the all-remote amount
  double wrong_locals = 0;  ///< share of all requests answered locally that needed the remote model
};
enum class Mistakes : std::uint8_t { kOneSided, kTwoSided };
[[nodiscard]] LocalRouting local_routing(double accuracy, double coverage, double oracle_saving,
                                         Mistakes mistakes) noexcept;

}  // namespace thalamus::eval
