// The table solver against brute force over every assignment, and the properties that the card asks for.
#include "thalamus/route/expert_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "thalamus/base/rng.h"

namespace thalamus::route {
namespace {

ExpertTable random_table(base::Rng& rng, std::size_t categories, std::size_t experts) {
  ExpertTable table;
  table.experts = experts;
  double total = 0;
  for (std::size_t c = 0; c < categories; ++c) {
    table.share.push_back(rng.uniform());
    total += table.share.back();
  }
  for (double& share : table.share) share /= total;
  for (std::size_t i = 0; i < categories * experts; ++i) {
    table.value.push_back(rng.uniform());
    table.cost.push_back(rng.uniform() < 0.1 ? 0.0 : rng.uniform());
  }
  return table;
}

/// The largest value over all assignments that keep the limits; -1 where none does.
double brute_force(const ExpertTable& table) {
  const std::size_t categories = table.share.size();
  std::vector<std::size_t> choice(categories, 0);
  double best = -1;
  for (;;) {
    double value = 0;
    double cost = 0;
    std::set<std::size_t> used;
    for (std::size_t c = 0; c < categories; ++c) {
      const std::size_t at = c * table.experts + choice[c];
      value += table.share[c] * table.value[at];
      cost += table.cost.empty() ? 0.0 : table.share[c] * table.cost[at];
      used.insert(choice[c]);
    }
    if (cost <= table.budget + 1e-12 && (table.experts_max == 0 || used.size() <= table.experts_max))
      best = std::max(best, value);
    std::size_t c = 0;
    while (c < categories && ++choice[c] == table.experts) choice[c++] = 0;
    if (c == categories) return best;
  }
}

TEST(ExpertTable, AgreesWithBruteForceUpToSixBySix) {
  const std::uint64_t seed = 71;
  SCOPED_TRACE(seed);
  base::Rng rng(seed);
  std::size_t feasible = 0;
  for (int round = 0; round < 60; ++round) {
    ExpertTable table = random_table(rng, 1 + rng.below(5), 1 + rng.below(5));
    if (round % 15 == 0) table = random_table(rng, 6, 6);
    table.budget = round % 3 == 0 ? INFINITY : rng.uniform() * 0.7;
    table.experts_max = round % 2 == 0 ? 0 : 1 + rng.below(3);
    if (round % 7 == 0) table.cost.clear();
    const double expected = brute_force(table);
    const auto solved = solve_expert_table(table);
    ASSERT_EQ(solved.has_value(), expected >= 0) << "round " << round;
    if (!solved) continue;
    ++feasible;
    EXPECT_NEAR(solved->value, expected, 1e-9) << "round " << round;
    EXPECT_TRUE(solved->proven);
    EXPECT_LE(solved->cost, table.budget + 1e-9);
    EXPECT_GE(solved->bound, solved->value - 1e-9);
  }
  EXPECT_GT(feasible, 30U);
}

TEST(ExpertTable, WithoutLimitsEachCategoryGetsItsBest) {
  base::Rng rng(72);
  const ExpertTable table = random_table(rng, 20, 9);
  const auto solved = solve_expert_table(table).value();
  for (std::size_t c = 0; c < 20; ++c) {
    const auto row = table.value.begin() + static_cast<std::ptrdiff_t>(c * 9);
    EXPECT_EQ(solved.expert[c], static_cast<std::uint32_t>(std::max_element(row, row + 9) - row));
  }
  EXPECT_NEAR(solved.bound, solved.value, 1e-12);
}

TEST(ExpertTable, ThirtyByThirtyIsProvenWithinTheLagrangianBound) {
  base::Rng rng(73);
  for (const double budget : {0.08, 0.15, 0.3}) {
    ExpertTable table = random_table(rng, 30, 30);
    table.budget = budget;
    const auto solved = solve_expert_table(table).value();
    EXPECT_TRUE(solved.proven) << budget;
    EXPECT_LE(solved.cost, budget + 1e-9);
    EXPECT_LE(solved.value, solved.bound + 1e-9);
    EXPECT_GT(solved.value, solved.bound - 0.01) << "the integer optimum is near the relaxation";
  }
}

TEST(ExpertTable, GreedySetsAreNearTheBestOfSmallPools) {
  // The same table with copies of its experts takes the greedy way; the optimum is known from the small one.
  base::Rng rng(74);
  for (int round = 0; round < 5; ++round) {
    ExpertTable small = random_table(rng, 10, 7);
    small.experts_max = 3;
    small.budget = round == 0 ? INFINITY : 0.35;
    ExpertTable large = small;
    large.experts = 14;
    large.value.clear();
    large.cost.clear();
    for (std::size_t c = 0; c < 10; ++c) {
      for (std::size_t e = 0; e < 14; ++e) {
        large.value.push_back(small.value[c * 7 + e % 7]);
        large.cost.push_back(small.cost[c * 7 + e % 7]);
      }
    }
    const auto best = solve_expert_table(small);
    const auto greedy = solve_expert_table(large);
    ASSERT_TRUE(best.has_value() && greedy.has_value()) << round;
    EXPECT_FALSE(greedy->proven);
    EXPECT_GE(greedy->value, 0.97 * best->value) << round;
    EXPECT_LE(greedy->value, best->value + 1e-9) << round;
    EXPECT_LE(std::set(greedy->expert.begin(), greedy->expert.end()).size(), 3U);
    EXPECT_LE(greedy->cost, large.budget + 1e-9);
  }
}

TEST(ExpertTable, MoreBudgetNeverBuysLess) {
  base::Rng rng(75);
  ExpertTable table = random_table(rng, 12, 8);
  double last = -1;
  for (int step = 0; step <= 20; ++step) {
    table.budget = 0.06 + 0.03 * step;
    const auto solved = solve_expert_table(table);
    if (!solved) {
      EXPECT_EQ(last, -1);
      continue;
    }
    EXPECT_GE(solved->value, last - 1e-12);
    last = solved->value;
  }
  EXPECT_GT(last, 0.5);
}

TEST(ExpertTable, ACategoryWithoutTrafficStillGetsItsBestExpert) {
  ExpertTable table{.experts = 2, .value = {0.1, 0.9, 0.3, 0.2}, .cost = {1, 100, 1, 1}, .share = {0, 1}, .budget = 1};
  const auto solved = solve_expert_table(table).value();
  EXPECT_EQ(solved.expert, (std::vector<std::uint32_t>{1, 0}));
  EXPECT_DOUBLE_EQ(solved.value, 0.3);
  EXPECT_DOUBLE_EQ(solved.cost, 1);
  EXPECT_DOUBLE_EQ(solved.bound, 0.3);
}

TEST(ExpertTable, TiesGoToTheCheaperThenToTheLowerExpert) {
  ExpertTable table{.experts = 3, .value = {0.5, 0.5, 0.5}, .cost = {2, 1, 1}, .share = {1}};
  EXPECT_EQ(solve_expert_table(table).value().expert[0], 1U);
}

TEST(ExpertTable, WhatCannotBeIsRefused) {
  const ExpertTable sound{.experts = 2, .value = {0.1, 0.2}, .cost = {1, 2}, .share = {1}};
  ASSERT_TRUE(solve_expert_table(sound).has_value());
  ExpertTable poor = sound;
  poor.budget = 0.5;
  const auto refused = solve_expert_table(poor);
  ASSERT_FALSE(refused.has_value());
  EXPECT_NE(refused.error().message.find("cheapest"), std::string::npos);
  ExpertTable broken = sound;
  broken.value.pop_back();
  EXPECT_FALSE(solve_expert_table(broken).has_value());
  broken = sound;
  broken.cost[0] = -1;
  EXPECT_FALSE(solve_expert_table(broken).has_value());
  broken = sound;
  broken.value[0] = NAN;
  EXPECT_FALSE(solve_expert_table(broken).has_value());
  broken = sound;
  broken.budget = NAN;
  EXPECT_FALSE(solve_expert_table(broken).has_value());
  EXPECT_FALSE(solve_expert_table({}).has_value());
}

}  // namespace
}  // namespace thalamus::route
