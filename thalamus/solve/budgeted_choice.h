/// One option for each item under one budget (the multiple-choice knapsack): the most total gain whose total cost stays
/// within it. Lagrangian solution with a dual price and a bound on what any choice can gain.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "thalamus/base/result.h"

namespace thalamus::solve {

/// items x options. Costs are not negative; all numbers are finite.
struct ChoiceProblem {
  std::size_t options = 0;
  std::vector<double> gain;
  std::vector<double> cost;
  double budget = 0;
  [[nodiscard]] std::size_t items() const noexcept { return options == 0 ? 0 : gain.size() / options; }
};

struct BudgetedChoice {
  std::vector<std::uint32_t> option;  ///< of each item
  double gain = 0;
  double cost = 0;
  double price = 0;  ///< of a unit of budget, >= 0
  double bound = 0;  ///< sum over items of max_k (gain - price * cost) + price * budget: no choice gains more
  /// At most so far from the best choice; 0 proves that it is the best.
  [[nodiscard]] double gap() const noexcept { return bound > gain ? bound - gain : 0; }
};

/// O(items * options log(items * options)). Exact (gap 0) where all steps from one option to the next better one cost
/// alike and the budget is a multiple of them, so for "at most b items get the second option" it is the top b by gain.
/// kInvalidInput on sizes or numbers out of bounds, kNotFound where not even the cheapest options fit.
[[nodiscard]] Result<BudgetedChoice> solve_budgeted_choice(const ChoiceProblem& problem);

/// Verifies from the problem alone: one option an item, cost within the budget, gain and cost as claimed, and the bound
/// no less than the Lagrangian at the claimed price and than the gain. `tolerance` is relative to the sums.
[[nodiscard]] Status check_certificate(const ChoiceProblem& problem, const BudgetedChoice& choice,
                                       double tolerance = 1e-9);

}  // namespace thalamus::solve
