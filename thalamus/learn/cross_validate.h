/// Held-out estimates of several candidates under the same folds.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
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
  int tier = 1;                                ///< of a blend: candidates of tier 1 are tried first; 0: never blended
};

/// The prompts that a fit has seen: Dataset::prompt_key of its rows, ascending.
using SeenPrompts = std::vector<std::uint64_t>;

/// positions x models.
struct HeldOut {
  std::vector<double> quality;  ///< raw; a preference where `preference` says so; 0 for rows that are not used
  bool preference = false;
  std::vector<std::shared_ptr<const SeenPrompts>> seen;  ///< of each fold: what its estimates were fitted on
};

/// Fold of rows that take no part: neither fitted on nor held back.
inline constexpr std::uint32_t kNotUsed = UINT32_MAX;

struct CrossValidation {
  std::vector<HeldOut> candidates;
  std::vector<double> cost_usd;  ///< predicted, positions x models; 0 where no cost is recorded
  std::vector<double> seconds;
  std::vector<std::int32_t> best_single;  ///< per position: the best mean model of the other folds
};

/// Called with a stage and the share done in [0,1], never from two threads at once; returning false stops the work.
using Progress = std::function<bool(std::string_view stage, double done)>;

/// The features that some candidate reads, each once, so that each candidate's dense ones lie side by side: signals
/// last.
[[nodiscard]] std::vector<feature::FeatureSpec> union_of_features(const std::vector<Candidate>& candidates);

/// Where a candidate's dense features lie among all, and whether it reads the sparse ones.
struct FeatureRange {
  std::size_t begin = 0;
  std::size_t size = 0;
  bool sparse = false;
};
[[nodiscard]] FeatureRange feature_range(const feature::FeatureSet& all, const Candidate& candidate);
/// The training set as the candidate sees it.
[[nodiscard]] route::TrainingSet restrict_features(const route::TrainingSet& all, const FeatureRange& range);

/// Folds run side by side on all cores; the result does not depend on how many there are. kCancelled where the
/// progress callback says so.
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
