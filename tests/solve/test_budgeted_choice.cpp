// The solver against brute force, the linear count case against sorting, and the checker against planted lies.
#include "thalamus/solve/budgeted_choice.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "thalamus/base/rng.h"

namespace thalamus::solve {
namespace {

/// The best gain within the budget by trying every choice; -infinity where none fits.
double brute_force(const ChoiceProblem& problem) {
  double best = -INFINITY;
  const std::function<void(std::size_t, double, double)> visit = [&](std::size_t item, double gain, double cost) {
    if (cost > problem.budget + 1e-9) return;
    if (item == problem.items()) {
      best = std::max(best, gain);
      return;
    }
    for (std::size_t k = 0; k < problem.options; ++k)
      visit(item + 1, gain + problem.gain[item * problem.options + k], cost + problem.cost[item * problem.options + k]);
  };
  visit(0, 0, 0);
  return best;
}

ChoiceProblem random_problem(base::Rng& rng, std::size_t items, std::size_t options) {
  ChoiceProblem problem{options, {}, {}, 0};
  double dearest = 0;
  for (std::size_t i = 0; i < items * options; ++i) {
    problem.gain.push_back(rng.normal());
    problem.cost.push_back(rng.uniform());
    dearest += problem.cost.back() / static_cast<double>(options);
  }
  problem.budget = dearest * rng.uniform() * 1.5;
  return problem;
}

TEST(BudgetedChoice, StaysWithinTheBudgetAndItsBoundHoldsAgainstBruteForce) {
  base::Rng rng(41);
  int solved = 0;
  for (int round = 0; round < 200; ++round) {
    const auto problem = random_problem(rng, 2 + rng.below(5), 2 + rng.below(3));
    const double best = brute_force(problem);
    const auto choice = solve_budgeted_choice(problem);
    if (std::isinf(best)) {
      EXPECT_FALSE(choice.has_value()) << "round " << round;
      continue;
    }
    ASSERT_TRUE(choice.has_value()) << "round " << round;
    ++solved;
    EXPECT_LE(choice->gain, best + 1e-9);
    EXPECT_GE(choice->bound, best - 1e-9);
    EXPECT_TRUE(check_certificate(problem, *choice).has_value()) << "round " << round;
  }
  EXPECT_GT(solved, 100);
}

TEST(BudgetedChoice, TheCountCaseIsTheTopItemsByGainAndProvesIt) {
  base::Rng rng(42);
  for (int round = 0; round < 50; ++round) {
    const std::size_t items = 1 + rng.below(40);
    const std::size_t count = rng.below(items + 1);
    ChoiceProblem problem{2, {}, {}, static_cast<double>(count)};
    std::vector<double> gains;
    for (std::size_t i = 0; i < items; ++i) {
      gains.push_back(rng.normal());
      problem.gain.insert(problem.gain.end(), {0, gains.back()});
      problem.cost.insert(problem.cost.end(), {0, 1});
    }
    const auto choice = solve_budgeted_choice(problem).value();
    std::sort(gains.rbegin(), gains.rend());
    double best = 0;
    for (std::size_t i = 0; i < count; ++i) best += std::max(gains[i], 0.0);
    EXPECT_NEAR(choice.gain, best, 1e-9) << "round " << round;
    EXPECT_NEAR(choice.gap(), 0, 1e-9) << "round " << round;
  }
}

TEST(BudgetedChoice, AHandSolvedCaseGivesPriceAndBound) {
  // Steps by gain per cost: item 0 (3 for 1), item 1 (4 for 2), item 2 (1 for 1). Budget 2: item 0, then item 1 does
  // not fit, so the price is 2; item 2 fits. Gain 4; bound = (3-2) + (4-4) + max(0, 1-2) + 2*2 = 5.
  const ChoiceProblem problem{2, {0, 3, 0, 4, 0, 1}, {0, 1, 0, 2, 0, 1}, 2};
  const auto choice = solve_budgeted_choice(problem).value();
  EXPECT_EQ(choice.option, (std::vector<std::uint32_t>{1, 0, 1}));
  EXPECT_DOUBLE_EQ(choice.gain, 4);
  EXPECT_DOUBLE_EQ(choice.price, 2);
  EXPECT_DOUBLE_EQ(choice.bound, 5);
}

TEST(BudgetedChoice, NoBudgetTakesTheCheapestAndAmpleBudgetTheBest) {
  const ChoiceProblem none{2, {0, 5, 0, 7}, {0, 1, 0, 1}, 0};
  EXPECT_DOUBLE_EQ(solve_budgeted_choice(none)->gain, 0);
  const ChoiceProblem ample{2, {0, 5, 0, -7}, {0, 1, 0, 1}, 100};
  const auto choice = solve_budgeted_choice(ample).value();
  EXPECT_EQ(choice.option, (std::vector<std::uint32_t>{1, 0}));
  EXPECT_DOUBLE_EQ(choice.price, 0);
  EXPECT_DOUBLE_EQ(choice.gap(), 0);
}

TEST(BudgetedChoice, ProblemsOutOfBoundsAreRefused) {
  EXPECT_FALSE(solve_budgeted_choice({0, {}, {}, 1}).has_value());
  EXPECT_FALSE(solve_budgeted_choice({2, {0, 1, 2}, {0, 1, 2}, 1}).has_value());
  EXPECT_FALSE(solve_budgeted_choice({2, {0, 1}, {0, -1}, 1}).has_value());
  EXPECT_FALSE(solve_budgeted_choice({2, {0, NAN}, {0, 1}, 1}).has_value());
  const auto dear = solve_budgeted_choice({1, {1}, {5}, 4});
  ASSERT_FALSE(dear.has_value());
  EXPECT_EQ(dear.error().kind, base::ErrorKind::kNotFound);
}

TEST(Certificate, PlantedLiesAreSeen) {
  const ChoiceProblem problem{2, {0, 3, 0, 4, 0, 1}, {0, 1, 0, 2, 0, 1}, 2};
  const auto honest = solve_budgeted_choice(problem).value();
  EXPECT_TRUE(check_certificate(problem, honest).has_value());
  auto lie = honest;
  lie.gain += 0.5;
  EXPECT_FALSE(check_certificate(problem, lie).has_value());
  lie = honest;
  lie.bound = 4.5;  // less than what the price proves
  EXPECT_FALSE(check_certificate(problem, lie).has_value());
  lie = honest;
  lie.price = -1;
  EXPECT_FALSE(check_certificate(problem, lie).has_value());
  lie = honest;
  lie.option = {1, 1, 1};
  lie.gain = 8;
  lie.cost = 4;
  lie.bound = 9;
  EXPECT_FALSE(check_certificate(problem, lie).has_value());  // over the budget
  lie = honest;
  lie.option[0] = 2;
  EXPECT_FALSE(check_certificate(problem, lie).has_value());
  lie.option.pop_back();
  EXPECT_FALSE(check_certificate(problem, lie).has_value());
}

}  // namespace
}  // namespace thalamus::solve
