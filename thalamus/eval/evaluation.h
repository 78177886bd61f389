/// Methods x one test table -> metrics with intervals, beside the mandatory baselines (evaluation protocol of
/// RouterBench, arXiv 2403.12031, and LLMRouterBench; paired bootstrap over prompts).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "thalamus/base/result.h"
#include "thalamus/core/contract.h"
#include "thalamus/math/stats.h"
#include "thalamus/trace/outcome_table.h"

namespace thalamus::eval {

struct EvaluationOptions {
  std::vector<std::string> methods;  ///< names, "all", "auto", or "snapshot:FILE"
  std::optional<core::Worth> worth;  ///< none: quality decides, cost breaks ties
  std::uint64_t seed = 1;
  std::size_t resamples = 10'000;
  std::function<void(std::string_view)> progress;
};

struct MethodScore {
  std::string name;
  double quality = 0;
  math::Interval quality_ci;
  double cost_usd_per_1k = 0;
  double seconds = 0;
  math::Interval delta_task_lookup;
  math::Interval delta_best_single;
  double cost_ratio_at_best_single_quality = 0;  ///< 0: never reached or costs unknown
  double aiq = 0;                                ///< 0: costs unknown
  double brier = 0;
  double ece = 0;
  double route_us_p50 = 0;
  double route_us_p99 = 0;
  std::uint64_t unrecorded = 0;  ///< decisions for a model without a recorded cell; they score 0
};

struct BaselineScore {
  std::string name;
  double quality = 0;
  double cost_usd_per_1k = 0;
  double seconds = 0;
};

struct Evaluation {
  std::string table;
  std::size_t n_train = 0;
  std::size_t n_test = 0;
  std::vector<std::string> models;
  std::vector<BaselineScore> baselines;
  std::vector<MethodScore> methods;
  std::vector<std::string> notes;
};

/// Learns each method on `training` and scores it on `test`; both have the same models in the same order.
[[nodiscard]] Result<Evaluation> evaluate(const trace::OutcomeTable& training, const trace::OutcomeTable& test,
                                          const EvaluationOptions& options);
[[nodiscard]] std::string to_text(const Evaluation& evaluation);
[[nodiscard]] std::string to_json(const Evaluation& evaluation);

}  // namespace thalamus::eval
