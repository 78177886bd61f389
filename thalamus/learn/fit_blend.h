/// A plan made into a router: members fitted on all rows given, slow ones distilled into fast ones.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "thalamus/learn/blend_plan.h"

namespace thalamus::learn {

struct FittedBlend {
  feature::FeatureSet features;  ///< the members' first, signals last
  std::unique_ptr<route::Router> router;
  std::vector<std::string> distilled;  ///< methods whose place a linear student took
};

/// `cross` is what the plan was made from: a slow member's student learns its held-out estimates. kInvalidInput and
/// errors of the methods.
[[nodiscard]] Result<FittedBlend> fit_blend(const Dataset& data, std::span<const std::uint32_t> positions,
                                            std::span<const std::uint32_t> fold_of,
                                            const std::vector<Candidate>& candidates, const CrossValidation& cross,
                                            const BlendPlan& plan, const base::Rng& rng);

/// What the finished form gives on rows that nothing of it has seen, and what it was compared with.
struct NestedScore {
  std::vector<double> quality;      ///< per row: the choice by quality alone
  std::vector<double> best_single;  ///< the best mean model of the rows learned from
  std::vector<std::string> notes;
};

/// Nested cross-validation: in each outer fold everything (candidates, weights, pool, margin, students) is chosen anew
/// on the other folds. Rows of fold kNotUsed take no part.
[[nodiscard]] Result<NestedScore> nested_score(const Dataset& data, std::span<const std::uint32_t> outer_fold_of,
                                               std::size_t outer_folds, std::size_t inner_folds,
                                               const std::vector<Candidate>& candidates, std::span<const double> rates,
                                               const base::Rng& rng, const Progress& progress);

}  // namespace thalamus::learn
