/// Which expert serves which category of requests: a table with one expert a row, under a budget for the mean cost of a
/// request and a limit on how many different experts serve. The second step of Composition of Experts (arXiv
/// 2412.01868): maximise sum over c of share_c * value_c,x(c) subject to sum over c of share_c * cost_c,x(c) <= budget.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "thalamus/base/result.h"

namespace thalamus::route {

struct ExpertTable {
  std::size_t experts = 0;
  std::vector<double> value;    ///< categories x experts
  std::vector<double> cost;     ///< the same shape; empty: all are free
  std::vector<double> share;    ///< of each category in the traffic, at least 0
  double budget = INFINITY;     ///< of sum of share * cost
  std::size_t experts_max = 0;  ///< different experts; 0: as many as there are
};

struct ExpertAssignment {
  std::vector<std::uint32_t> expert;  ///< of each category
  double value = 0;                   ///< sum of share * value
  double cost = 0;                    ///< sum of share * cost
  double bound = 0;                   ///< no assignment is worth more: the Lagrangian bound of the budget alone
  bool proven = false;                ///< nothing allowed is worth more
};

/// Without limits the best expert of each category. A budget makes it a multiple-choice knapsack, solved exactly by
/// branch and bound on the Lagrangian bound, up to kExpertNodesMax nodes. A limit on experts tries every set of up to
/// kExpertsTriedMax experts, and beyond adds and swaps greedily. Equal values go to the lower cost, then to the lower
/// expert. kInvalidInput on sizes or numbers that do not fit, and where nothing found keeps the limits.
[[nodiscard]] Result<ExpertAssignment> solve_expert_table(const ExpertTable& table);

inline constexpr std::size_t kExpertNodesMax = 200'000;
inline constexpr std::size_t kExpertsTriedMax = 12;

}  // namespace thalamus::route
