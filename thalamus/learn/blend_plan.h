/// How candidates are blended, which models are in the pool, and how much better than the safe model another must look:
/// all chosen on held-out estimates. Nothing is fitted here but weights.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "thalamus/base/result.h"
#include "thalamus/core/contract.h"
#include "thalamus/learn/cross_validate.h"
#include "thalamus/route/blend.h"

namespace thalamus::learn {

struct BlendPlan {
  std::vector<std::size_t> members;    ///< candidates, by their index
  route::BlendParts parts;             ///< all but the members' routers
  std::vector<double> value;           ///< held-out utility of each used row, mean over the exchange rates
  std::vector<double> value_of_means;  ///< the same for the mean qualities alone
  std::vector<double> estimate;        ///< held-out, positions x models: each fold by weights of the other folds
};

/// Exchange rates that the plan is judged under: quality a USD; 0 is quality alone. Where fewer than nine cells in ten
/// have a recorded cost, only 0.
[[nodiscard]] std::vector<double> exchange_rates(const Dataset& data, const std::optional<core::Worth>& worth);

/// `tiers` says of each candidate how late it is tried: 1 first, 0 never. kInvalidInput where a candidate has seen a
/// prompt that it is scored on, or where no candidate is a value estimator.
[[nodiscard]] Result<BlendPlan> plan_blend(const Dataset& data, std::span<const std::uint32_t> fold_of,
                                           std::size_t folds, const CrossValidation& cross, std::span<const int> tiers,
                                           std::span<const double> rates);

/// Refuses estimates of rows whose prompt the fit has seen.
[[nodiscard]] Status refuse_seen(const Dataset& data, std::span<const std::uint32_t> fold_of, const HeldOut& held,
                                 std::size_t candidate);

}  // namespace thalamus::learn
