// Sinha and Zoltners: The multiple-choice knapsack problem, Operations Research 1979. Each item's options are cut down
// to their upper concave hull; its steps are taken by gain per cost, which solves the linear relaxation but for the one
// step that no longer fits: its ratio is the dual price. Later steps that still fit are then taken too.
#include "thalamus/solve/budgeted_choice.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace thalamus::solve {
namespace {

struct Step {
  std::uint32_t item;
  std::uint32_t rank;  // among the steps of its item
  std::uint32_t option;
  double gain;
  double cost;
  [[nodiscard]] double ratio() const noexcept { return cost > 0 ? gain / cost : INFINITY; }
};

Status check_problem(const ChoiceProblem& problem) {
  const auto finite = [](double value) { return std::isfinite(value); };
  if (problem.options == 0 || problem.gain.empty() || problem.gain.size() % problem.options != 0 ||
      problem.cost.size() != problem.gain.size())
    return fail(ErrorKind::kInvalidInput, "choice: {} gains and {} costs are no items of {} options",
                problem.gain.size(), problem.cost.size(), problem.options);
  if (!std::all_of(problem.gain.begin(), problem.gain.end(), finite) ||
      !std::all_of(problem.cost.begin(), problem.cost.end(), [](double c) { return std::isfinite(c) && c >= 0; }) ||
      !std::isfinite(problem.budget))
    return fail(ErrorKind::kInvalidInput, "choice: a gain is not finite, or a cost or the budget is out of bounds");
  return {};
}

/// The item's options on the upper concave hull, by cost, each better than the one before; the first is the cheapest.
std::vector<std::uint32_t> hull_of(const ChoiceProblem& problem, std::size_t item) {
  const double* gain = problem.gain.data() + item * problem.options;
  const double* cost = problem.cost.data() + item * problem.options;
  std::vector<std::uint32_t> order(problem.options);
  std::iota(order.begin(), order.end(), 0U);
  std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    if (cost[a] != cost[b]) return cost[a] < cost[b];
    return gain[a] != gain[b] ? gain[a] > gain[b] : a < b;
  });
  std::vector<std::uint32_t> hull;
  for (const std::uint32_t k : order) {
    if (!hull.empty() && gain[k] <= gain[hull.back()]) continue;
    while (hull.size() >= 2) {
      const std::uint32_t a = hull[hull.size() - 2];
      const std::uint32_t b = hull.back();
      if ((gain[b] - gain[a]) * (cost[k] - cost[b]) > (gain[k] - gain[b]) * (cost[b] - cost[a])) break;
      hull.pop_back();
    }
    hull.push_back(k);
  }
  return hull;
}

double lagrangian(const ChoiceProblem& problem, double price) noexcept {
  double sum = price * problem.budget;
  for (std::size_t at = 0; at < problem.gain.size(); at += problem.options) {
    double best = -INFINITY;
    for (std::size_t k = at; k < at + problem.options; ++k)
      best = std::max(best, problem.gain[k] - price * problem.cost[k]);
    sum += best;
  }
  return sum;
}

}  // namespace

Result<BudgetedChoice> solve_budgeted_choice(const ChoiceProblem& problem) {
  CHECK_OK(check_problem(problem));
  BudgetedChoice result;
  std::vector<Step> steps;
  for (std::uint32_t item = 0; item < problem.items(); ++item) {
    const auto hull = hull_of(problem, item);
    const std::size_t at = item * problem.options;
    result.option.push_back(hull.front());
    result.gain += problem.gain[at + hull.front()];
    result.cost += problem.cost[at + hull.front()];
    for (std::uint32_t r = 1; r < hull.size(); ++r)
      steps.push_back({item, r, hull[r], problem.gain[at + hull[r]] - problem.gain[at + hull[r - 1]],
                       problem.cost[at + hull[r]] - problem.cost[at + hull[r - 1]]});
  }
  const double slack = 1e-12 * std::max(1.0, std::abs(problem.budget));
  if (result.cost > problem.budget + slack)
    return fail(ErrorKind::kNotFound, "choice: the cheapest options cost {}, the budget is {}", result.cost,
                problem.budget);
  std::sort(steps.begin(), steps.end(), [](const Step& a, const Step& b) {
    if (a.ratio() != b.ratio()) return a.ratio() > b.ratio();
    return a.item != b.item ? a.item < b.item : a.rank < b.rank;
  });
  std::vector<std::uint32_t> taken(problem.items(), 0);
  bool full = false;
  for (const Step& step : steps) {
    if (taken[step.item] + 1 != step.rank) continue;  // an earlier step of the item did not fit
    if (result.cost + step.cost > problem.budget + slack) {
      if (!full) result.price = step.ratio();
      full = true;
      continue;
    }
    taken[step.item] = step.rank;
    result.option[step.item] = step.option;
    result.gain += step.gain;
    result.cost += step.cost;
  }
  result.bound = lagrangian(problem, result.price);
  return result;
}

Status check_certificate(const ChoiceProblem& problem, const BudgetedChoice& choice, double tolerance) {
  CHECK_OK(check_problem(problem));
  if (choice.option.size() != problem.items())
    return fail(ErrorKind::kInvalidInput, "certificate: {} options for {} items", choice.option.size(),
                problem.items());
  double gain = 0;
  double cost = 0;
  double scale = 1 + std::abs(problem.budget) * (1 + std::abs(choice.price));
  for (std::size_t item = 0; item < problem.items(); ++item) {
    if (choice.option[item] >= problem.options)
      return fail(ErrorKind::kInvalidInput, "certificate: item {} has option {}", item, choice.option[item]);
    const std::size_t at = item * problem.options + choice.option[item];
    gain += problem.gain[at];
    cost += problem.cost[at];
    scale += std::abs(problem.gain[at]) + std::abs(problem.cost[at]);
  }
  const double slack = tolerance * scale;
  if (!(std::abs(gain - choice.gain) <= slack) || !(std::abs(cost - choice.cost) <= slack))
    return fail(ErrorKind::kInvalidInput, "certificate: the choice gains {} for {}, claimed are {} for {}", gain, cost,
                choice.gain, choice.cost);
  if (!(cost <= problem.budget + slack))
    return fail(ErrorKind::kInvalidInput, "certificate: it costs {}, the budget is {}", cost, problem.budget);
  if (!(choice.price >= 0) || !std::isfinite(choice.price))
    return fail(ErrorKind::kInvalidInput, "certificate: a price of {} proves nothing", choice.price);
  const double proven = lagrangian(problem, choice.price);
  if (!(choice.bound >= proven - slack) || !(choice.bound >= gain - slack))
    return fail(ErrorKind::kInvalidInput, "certificate: a bound of {} is claimed, {} is proven, {} is gained",
                choice.bound, proven, gain);
  return {};
}

}  // namespace thalamus::solve
