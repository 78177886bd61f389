/// From the estimates and choices of one method to its scores.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "thalamus/eval/evaluation.h"

namespace thalamus::eval {

/// What every method of one evaluation is scored against.
struct Yardstick {
  const trace::OutcomeTable* test = nullptr;
  OutcomeMatrix outcomes;
  learn::SweepInput sweep;
  std::vector<learn::Baseline> baselines;
  std::vector<std::size_t> task_of;  ///< of each row, index in `tasks`
  std::vector<TaskGroup> tasks;
  double cost_low = 0;  ///< mean cost of the cheapest and the dearest single model
  double cost_high = 0;
  std::vector<math::CurvePoint> zero_router;  ///< hull
  std::vector<math::CurvePoint> oracle;       ///< hull of the lambda-oracle
  [[nodiscard]] const learn::PolicyResult& baseline(std::string_view name) const;
  [[nodiscard]] bool has_costs() const noexcept { return cost_high > cost_low; }
};
[[nodiscard]] Yardstick make_yardstick(std::span<const learn::Split> splits, const trace::OutcomeTable& joined);

/// A method's estimates and decisions on all test rows.
struct Decided {
  learn::EstimateMatrix estimates;
  std::vector<std::int32_t> choices;
  std::vector<double> quality;     ///< collected, row by row
  std::vector<double> aiq_pseudo;  ///< a value a row whose mean is the AIQ; empty without costs
};

/// Everything but what the bootstrap and the comparison with other methods add.
[[nodiscard]] MethodScore score_method(std::string name, Decided& decided, const Yardstick& yardstick, double lambda);

/// By the power of each model (NaN: unknown; empty: of none is known). Nothing where a chosen model's is unknown.
[[nodiscard]] std::optional<EnergyScores> score_energy(const Decided& decided, const trace::OutcomeTable& table,
                                                       std::span<const double> watts);

/// First-order expansion of the average quality of a curve over [low, high], row by row: its mean is the AIQ, its
/// spread gives the interval. `vertices` has the outcomes of each vertex of `hull`, row by row.
struct VertexOutcomes {
  std::vector<double> quality;
  std::vector<double> cost;
};
[[nodiscard]] std::vector<double> aiq_pseudo_values(std::span<const math::CurvePoint> hull,
                                                    std::span<const VertexOutcomes> vertices, double low, double high);
/// The same of the zero router.
[[nodiscard]] std::vector<double> zero_router_pseudo_values(const Yardstick& yardstick);

/// Distances to the frontier of all methods; fills `curve->pareto_distance`.
void score_pareto(std::vector<MethodScore>& methods, const Yardstick& yardstick);

}  // namespace thalamus::eval
