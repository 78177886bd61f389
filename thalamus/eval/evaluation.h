/// Methods x one test table -> metrics with intervals, beside the mandatory baselines (evaluation protocol of
/// RouterBench, arXiv 2403.12031, and LLMRouterBench; paired bootstrap over prompts, Holm over families).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "thalamus/base/result.h"
#include "thalamus/core/contract.h"
#include "thalamus/eval/metrics.h"
#include "thalamus/eval/robustness.h"
#include "thalamus/learn/evaluate.h"
#include "thalamus/math/stats_paired.h"
#include "thalamus/math/stats_ranking.h"
#include "thalamus/trace/outcome_table.h"

namespace thalamus::eval {

struct EvaluationOptions {
  std::vector<std::string> methods;  ///< names, "all", "auto", or "snapshot:FILE"
  std::optional<core::Worth> worth;  ///< none: quality decides, cost breaks ties
  std::uint64_t seed = 1;
  std::size_t resamples = 10'000;
  std::string reference = "auto";  ///< the method that all others are compared with as one family
  bool robustness = false;
  std::map<std::string, double> watts;  ///< mean power of a model while it answers; may be empty
  std::function<void(std::string_view)> progress;
};

/// What the quality-cost curve of a method says. Absent where the table has no costs that differ.
struct CurveScores {
  double aiq = 0;  ///< over [cheapest, dearest] single model, by the formula
  math::Interval aiq_ci;
  double aiq_over_zero_router = 0;
  math::Deferral deferral;
  double perf_gain = 0;
  std::optional<double> cost_save;
  double pareto_distance = 0;
  std::optional<double> cost_ratio_at_best_single;  ///< nothing: the quality is never reached
  std::optional<double> oracle_gap_closed;          ///< of the decisions, at their own cost
  std::vector<math::CurvePoint> hull;
  std::vector<math::CurvePoint> points;  ///< thinned, for drawing
};

/// How good the estimates are. Absent for direct policies, which estimate none.
struct EstimateScores {
  double brier = 0;
  double ece = 0;
  double log_loss = 0;
  std::optional<double> auroc;      ///< mean over models
  std::optional<double> auprc;      ///< mean over models
  std::optional<double> spearman;   ///< mean over rows of the correlation over models
  std::optional<double> r_squared;  ///< of quality
  std::optional<math::AmountErrors> cost;
  double aurc = 0;  ///< by the estimated quality of the chosen model
  std::vector<math::CalibrationBin> bins;
};

/// Two-model tables: RouteLLM's metrics with estimated strong - weak as the score.
struct PairScores {
  std::string strong;
  double apgr = 0;
  double cpt50 = 0;
  double cpt80 = 0;
  double optimal_apgr = 0;
  double length_apgr = 0;  ///< of the length of the prompt, which needs no router
};

/// Quality bought for more cost, against the cheapest single model (TEP of EllieSQL, arXiv 2503.22402).
struct ElasticityScore {
  double quality_gain = 0;    ///< relative
  double cost_gain = 0;       ///< relative
  std::optional<double> tep;  ///< quality_gain / cost_gain; nothing where cost does not change or more comes for less
};

/// Where the power of every model that was chosen is known (arXiv 2511.07885).
struct EnergyScores {
  double intelligence_per_watt = 0;
  std::optional<double> accuracy_per_joule;  ///< nothing where seconds are not recorded
};

struct MethodScore {
  std::string name;
  double quality = 0;
  math::Interval quality_ci;
  double quality_macro = 0;
  double cost_usd_per_1k = 0;
  double seconds = 0;
  math::Interval delta_task_lookup;
  math::Interval delta_best_single;
  Gains gains;
  Optimality optimality;
  double arena = 0;
  std::optional<double> recall_at_rare;
  double regret = 0;
  double selection_accuracy = 0;
  double hit2 = 0, hit3 = 0;
  std::optional<double> cost_of_pass;  ///< USD a good answer
  std::optional<CurveScores> curve;
  std::optional<EstimateScores> estimates;
  std::optional<PairScores> pair;
  std::optional<ElasticityScore> elasticity;  ///< nothing without costs
  std::optional<EnergyScores> energy;
  double route_us_p50 = 0;
  double route_us_p99 = 0;
  double train_seconds = 0;
  std::uint64_t unrecorded = 0;       ///< decisions for a model without a recorded cell; they score 0
  std::vector<double> task_quality;   ///< in the order of Evaluation::tasks
  std::vector<std::uint64_t> chosen;  ///< decisions for each model
};

struct BaselineScore {
  std::string name;
  double quality = 0;
  double quality_macro = 0;
  double cost_usd_per_1k = 0;
  double seconds = 0;
  std::vector<double> task_quality;
};

/// One member of the family "method - reference", simultaneous by Holm.
struct FamilyRow {
  std::string name;
  std::string metric;  ///< "quality" or "aiq"
  math::FamilyDifference difference;
};

struct TaskGroup {
  std::string name;
  std::size_t rows = 0;
};

struct Evaluation {
  std::string table;
  std::string protocol = "given";
  std::size_t n_train = 0;  ///< of the first split
  std::size_t n_test = 0;
  std::size_t n_test_unrecorded = 0;  ///< test rows left out: no model has a recorded quality
  std::size_t splits = 1;
  bool costs_recorded = false;  ///< by any cell of the test rows; where not, costs are unknown rather than 0
  bool seconds_recorded = false;
  std::vector<std::string> models;
  std::vector<TaskGroup> tasks;
  std::vector<BaselineScore> baselines;
  std::vector<MethodScore> methods;
  std::string reference;
  std::vector<FamilyRow> family;
  double cost_low_usd = 0, cost_high_usd = 0;  ///< means of the cheapest and the dearest single model
  std::vector<math::CurvePoint> zero_router;   ///< hull; labels are models
  std::vector<math::CurvePoint> oracle_curve;  ///< hull of the lambda-oracle
  double zero_router_aiq = 0, oracle_aiq = 0;  ///< 0: costs unknown
  std::vector<RobustnessRow> robustness;
  std::vector<std::string> notes;
  [[nodiscard]] bool has_costs() const noexcept { return cost_high_usd > cost_low_usd; }
};

/// A training and a test table with the same models in the same order.
struct Fold {
  trace::OutcomeTable training;
  trace::OutcomeTable test;
};

/// Learns each method on `training` and scores it on `test`; both have the same models in the same order. Test rows
/// without any recorded quality are left out and counted. An error before any work: an unknown method, or a snapshot
/// that cannot be read or knows no model of the tables. A method that fails later is named in the notes.
[[nodiscard]] Result<Evaluation> evaluate(trace::OutcomeTable training, trace::OutcomeTable test,
                                          const EvaluationOptions& options);
/// The same over several folds: each method is learned on each, and all test rows are scored together.
[[nodiscard]] Result<Evaluation> evaluate(std::vector<Fold> folds, const EvaluationOptions& options);

/// kNotFound names the first that is no method, nor "auto", "all" or "snapshot:FILE", and the nearest that is.
[[nodiscard]] Status check_method_names(const std::vector<std::string>& methods);

/// "all" becomes every registered method but `single`, and auto.
[[nodiscard]] std::vector<std::string> expand_methods(const std::vector<std::string>& methods);

[[nodiscard]] std::string to_text(const Evaluation& evaluation);
[[nodiscard]] std::string to_json(const Evaluation& evaluation);

}  // namespace thalamus::eval
