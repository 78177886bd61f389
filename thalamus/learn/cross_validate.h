/// Held-out estimates of several candidates under the same folds.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "thalamus/base/fields.h"
#include "thalamus/base/result.h"
#include "thalamus/base/rng.h"
#include "thalamus/learn/dataset.h"
#include "thalamus/route/head.h"
#include "thalamus/route/router.h"

namespace thalamus::learn {

struct Candidate {
  std::string method;
  base::OptionMap options;
  std::vector<feature::FeatureSpec> features;  ///< what the router reads, in order
};

/// positions x models.
struct HeldOut {
  std::vector<double> quality;  ///< raw; a preference where `preference` says so
  bool preference = false;
};

struct CrossValidation {
  std::vector<HeldOut> candidates;
  std::vector<double> cost_usd;  ///< predicted, positions x models; 0 where no cost is recorded
  std::vector<double> seconds;
  std::vector<std::int32_t> best_single;  ///< per position: the best mean model of the other folds
};

using Progress = std::function<bool(std::string_view stage, double done)>;

/// kCancelled where the progress callback says so.
[[nodiscard]] Result<CrossValidation> cross_validate(const Dataset& data, std::span<const std::uint32_t> fold_of,
                                                     std::size_t folds, const std::vector<Candidate>& candidates,
                                                     const base::Rng& rng, const Progress& progress);

/// Fits the heads of all models on the given dense features.
struct Heads {
  route::Head output_tokens;
  route::Head seconds;
  route::Head cost;
};
enum class HeadSet : std::uint8_t { kAll, kForDecisions };
[[nodiscard]] Result<Heads> fit_heads(const Dataset& data, std::span<const std::uint32_t> positions,
                                      const route::TrainingSet& set, HeadSet which);

/// The method's own defaults where the user named no features.
[[nodiscard]] std::vector<std::string> default_features(const route::MethodRecord& method);

}  // namespace thalamus::learn
