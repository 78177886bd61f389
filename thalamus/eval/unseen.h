/// P-UNSEEN (UniRoute, arXiv 2502.08773): two thirds of the models train, the rest join by `add_model` from their own
/// scored rows, and requests are routed among those alone. Resampled over models; a sign test against the zero router.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "thalamus/base/result.h"
#include "thalamus/trace/outcome_table.h"

namespace thalamus::eval {

struct UnseenOptions {
  std::vector<std::string> methods;  ///< names or "all": those whose record has add_model
  std::uint64_t seed = 1;
  std::size_t resamples = 40;  ///< UniRoute: 400
  std::function<void(std::string_view method, std::size_t done, std::size_t all)> progress;
};

/// Means over resamples.
struct UnseenScore {
  double area = 0;
  double area_sd = 0;
  double area50 = 0;
  double qnc = 0;      ///< where the best unseen model's quality is never reached it counts as 1
  double quality = 0;  ///< of the decisions by quality alone
};
struct UnseenRow {
  std::string method;
  UnseenScore score;
  double over_zero_router = 0;  ///< mean difference in area (in quality where costs are unknown)
  std::size_t wins = 0;
  std::size_t losses = 0;
  double p = 1;  ///< sign test, two-sided
};

struct Unseen {
  std::string table;
  std::size_t n_train = 0;
  std::size_t n_calibration = 0;  ///< rows from which a new model is told
  std::size_t n_test = 0;
  std::size_t models = 0;
  std::size_t models_unseen = 0;
  std::size_t resamples = 0;
  bool has_costs = false;
  UnseenScore zero_router;
  UnseenScore oracle;
  std::vector<UnseenRow> rows;
  std::vector<std::string> notes;
};

/// Test rows without any recorded quality are left out and counted. Training rows are divided once more, 6 to 1: the
/// larger part fits the router, the smaller tells the new models. Costs in decisions are each model's mean on the
/// smaller part.
[[nodiscard]] Result<Unseen> evaluate_unseen(const trace::OutcomeTable& training, trace::OutcomeTable test,
                                             const UnseenOptions& options);
[[nodiscard]] std::string to_text(const Unseen& unseen);
[[nodiscard]] std::string to_json(const Unseen& unseen);

}  // namespace thalamus::eval
