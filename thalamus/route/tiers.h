/// Models as tiers of growing cost, and the choice of a tier from the chance that each one solves the request.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "thalamus/base/result.h"
#include "thalamus/route/training_set.h"

namespace thalamus::route {

struct Tiers {
  std::vector<std::size_t> order;  ///< model of each tier, cheap to dear
  std::vector<double> cost;        ///< of each tier relative to the dearest, in (0, 1], never falling
};

/// By mean recorded cost; models without one, and all models of a table without costs, by mean quality behind them.
/// `named` is "A;B;C", cheap to dear, and must name every model once; empty: as recorded.
[[nodiscard]] Result<Tiers> make_tiers(const TrainingSet& data, std::string_view named);

/// The never-falling sequence nearest to `p` in squares (pool adjacent violators). `workspace` as long as `p`.
void make_monotone(std::span<double> p, std::span<double> workspace) noexcept;

/// argmax of p - price * cost; the cheaper tier on ties.
[[nodiscard]] std::size_t tier_by_utility(std::span<const double> p, std::span<const double> cost,
                                          double price) noexcept;
/// The first tier with p >= threshold; the last where there is none.
[[nodiscard]] std::size_t tier_by_threshold(std::span<const double> p, double threshold) noexcept;

}  // namespace thalamus::route
