/// What a policy gives on an outcome table, beside the mandatory baselines.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "thalamus/base/result.h"
#include "thalamus/base/rng.h"
#include "thalamus/core/contract.h"
#include "thalamus/math/curves.h"
#include "thalamus/math/stats.h"
#include "thalamus/route/snapshot.h"
#include "thalamus/trace/outcome_table.h"

namespace thalamus::learn {

/// What was collected by a policy, row by row.
struct PolicyResult {
  std::string name;
  std::vector<double> quality;   ///< of each row; 0 where the chosen model has no recorded cell
  std::vector<double> cost_usd;  ///< of each row; 0 where unknown
  std::vector<double> seconds;
  std::uint64_t unrecorded = 0;  ///< decisions for a model without a recorded cell
  double quality_mean = 0;
  double quality_macro = 0;  ///< mean over tasks of the task means
  double cost_usd_mean = 0;
  double seconds_mean = 0;
};

/// Scores one choice per row (index in table.models; -1 is a refusal and scores 0).
[[nodiscard]] PolicyResult score_choices(const trace::OutcomeTable& table, std::span<const std::int32_t> choices,
                                         std::string name);

/// Estimates of a snapshot for each row of a table (rows x table models).
struct EstimateMatrix {
  std::size_t rows = 0;
  std::size_t models = 0;
  std::vector<double> quality;
  std::vector<double> quality_sd;
  std::vector<double> cost_usd;
  std::vector<double> seconds;
  std::vector<double> preference;
  bool has_preference = false;
};
/// Reads id, prompt, messages and tools of a row and nothing else. Table models that the snapshot has not seen get the
/// prior. `targets` gives live prices; empty: costs as recorded at training.
[[nodiscard]] EstimateMatrix estimate_table(const route::Snapshot& snapshot, const trace::OutcomeTable& table,
                                            std::span<const core::Target> targets = {});

/// The decisions of route::decide under a contract.
[[nodiscard]] std::vector<std::int32_t> choose(const EstimateMatrix& estimates, const core::Contract& contract,
                                               std::span<const core::Target> targets);

/// Recorded outcomes beside the estimates that a curve is swept with; of a direct policy its preference stands for
/// quality.
struct SweepInput {
  std::vector<double> quality;  ///< rows x models, NaN where not recorded
  std::vector<double> cost_usd;
  [[nodiscard]] static SweepInput of(const trace::OutcomeTable& table);
  [[nodiscard]] math::Sweep sweep(const EstimateMatrix& estimates) const noexcept;
  /// The outcomes as their own estimates: the lambda-oracle.
  [[nodiscard]] math::Sweep oracle(std::size_t models) const noexcept;
};

/// The exact quality-cost curve of argmax quality - lambda * cost: recorded outcomes at every critical lambda, from
/// quality first to the cheapest.
[[nodiscard]] std::vector<math::CurvePoint> realised_curve(const EstimateMatrix& estimates,
                                                           const trace::OutcomeTable& table);

/// One row of the baselines' table.
struct Baseline {
  std::string name;
  PolicyResult result;
};
/// random (expected), best_single (of the training table), task_lookup (told the task; best_single where the task is
/// new), dataset_oracle (the lookup with the test's own labels), oracle (the cheapest of the best), oracle_free (the
/// same with unsolved requests for nothing), zero_router (the mixture of two single models that costs what best_single
/// costs; without costs the best single model in hindsight), and each single model.
[[nodiscard]] std::vector<Baseline> baselines(const trace::OutcomeTable& training, const trace::OutcomeTable& test);
/// One training and test table of a protocol with several. Borrowed.
struct Split {
  const trace::OutcomeTable* training = nullptr;
  const trace::OutcomeTable* test = nullptr;
};
/// The same over several splits: `joined` holds the rows of all tests in order. What needs training (best_single,
/// task_lookup) comes from each split's own; the rest is of the joined table.
[[nodiscard]] std::vector<Baseline> baselines(std::span<const Split> splits, const trace::OutcomeTable& joined);

/// Hull of the single models' points: what randomising between them gives.
[[nodiscard]] std::vector<math::CurvePoint> zero_router_hull(const trace::OutcomeTable& table);

/// Two-model metrics of a score (higher: strong).
[[nodiscard]] Result<math::PairMetrics> pair_metrics(const trace::OutcomeTable& table, std::size_t strong,
                                                     std::size_t weak, std::span<const double> score);

}  // namespace thalamus::learn
