// Published definitions on tables small enough to work out by hand.
#include <gtest/gtest.h>

#include <cmath>

#include "thalamus/eval/metrics.h"
#include "thalamus/math/stats.h"

namespace thalamus::eval {
namespace {

using Choices = std::vector<std::int32_t>;

/// Three models of cost 1, 2, 4; rows: only the dear one right, all right, none right, the middle one unrecorded.
OutcomeMatrix small() { return {4, 3, {0, 0, 1, 1, 1, 1, 0, 0, 0, 0, NAN, 1}, {1, 2, 4, 1, 2, 4, 1, 2, 4, 1, NAN, 4}}; }

TEST(Gains, OfTheReferencesThemselvesAreZero) {
  EXPECT_EQ(gains(0.5, 0.5, 0.6, 0.9).over_random, 0);
  EXPECT_EQ(gains(0.6, 0.5, 0.6, 0.9).over_best, 0);
  EXPECT_EQ(gains(0.9, 0.5, 0.6, 0.9).to_oracle, 0);
  // LLMRouterBench's row of Avengers: 71.94 against a dataset-level oracle row of Gap@O 22.0.
  EXPECT_NEAR(gains(0.75, 0.5, 0.6, 1.0).over_best, 0.25, 1e-12);
  EXPECT_EQ(gains(0.5, 0, 0, 0).over_best, 0);
}

TEST(Gains, PerformanceAndCostOfConfigurations) {
  const std::vector<math::CurvePoint> points{{1, 0.5, 0}, {3, 0.8, 1}, {6, 0.9, 2}};
  EXPECT_NEAR(perf_gain(points, 0.75), 0.2, 1e-12);
  EXPECT_NEAR(*cost_save(points, 0.75, 10), 0.7, 1e-12);
  EXPECT_FALSE(cost_save(points, 0.95, 10).has_value());
  EXPECT_FALSE(cost_save(points, 0.75, 0).has_value());
}

TEST(ParetoDistance, IsZeroOnTheFrontierAndPositiveBehindIt) {
  const std::vector<math::CurvePoint> all{{1, 0.5, 0}, {2, 0.4, 1}, {3, 0.8, 2}, {4, 0.8, 3}};
  const auto frontier = pareto_frontier(all);
  ASSERT_EQ(frontier.size(), 2U);
  EXPECT_EQ(pareto_distance(frontier, frontier, 3, 0.4), 0);
  EXPECT_EQ(pareto_distance(math::non_decreasing_hull(all), frontier, 3, 0.4), 0);
  const std::vector<math::CurvePoint> behind{{2, 0.4, 0}};
  EXPECT_NEAR(pareto_distance(behind, frontier, 3, 0.4), std::hypot(1.0 / 3, 0.25), 1e-12);
}

TEST(RecallAtRare, CountsRowsWithOneOrTwoSolversOnly) {
  EXPECT_DOUBLE_EQ(*recall_at_rare(small(), Choices{2, 0, 0, 0}), 0.5);
  EXPECT_DOUBLE_EQ(*recall_at_rare(small(), Choices{2, 0, 0, 2}), 1);
  const OutcomeMatrix easy{1, 3, {1, 1, 1}, {1, 1, 1}};
  EXPECT_FALSE(recall_at_rare(easy, Choices{0}).has_value());
}

TEST(ArenaScore, IsBoundedByItsCostRangeAndMatchesThePublishedFormula) {
  EXPECT_NEAR(arena_score(0.8, 0.0044), 1.1 * 0.8 / 1.08, 1e-12);
  EXPECT_EQ(arena_score(0.8, 200), 0);
  EXPECT_EQ(arena_score(0.8, 0), arena_score(0.8, 0.001));  // a free model counts as the floor
  const double c = (std::log2(200.0) - std::log2(1.0)) / (std::log2(200.0) - std::log2(0.0044));
  EXPECT_NEAR(arena_score(0.7, 1), 1.1 * 0.7 * c / (0.07 + c), 1e-12);
  EXPECT_EQ(arena_latency(3), 1);
  EXPECT_NEAR(arena_latency(110), 0.01, 1e-12);
}

TEST(Optimality, RewardsTheCheapestRightModelAndNothingOnUnsolvableRows) {
  const auto best = optimality(small(), Choices{2, 0, 0, 2});
  EXPECT_EQ(best.solvable, 3U);
  EXPECT_DOUBLE_EQ(best.selection, 1);
  EXPECT_DOUBLE_EQ(best.cost, 1);
  EXPECT_DOUBLE_EQ(best.accuracy, 1);
  const auto dear = optimality(small(), Choices{2, 2, 2, 2});
  EXPECT_NEAR(dear.selection, 2.0 / 3, 1e-12);
  EXPECT_NEAR(dear.cost, (1 + 0.25 + 1) / 3, 1e-12);
  EXPECT_DOUBLE_EQ(dear.accuracy, 1);
  const auto cheap = optimality(small(), Choices{0, 0, 0, 1});  // the last choice is not recorded
  EXPECT_NEAR(cheap.selection, 1.0 / 3, 1e-12);
  EXPECT_NEAR(cheap.accuracy, 1.0 / 3, 1e-12);
}

TEST(Regret, IsZeroForTheOracleAtItsOwnLambda) {
  EXPECT_EQ(mean_regret(small(), Choices{2, 0, 0, 2}, 0), 0);
  EXPECT_NEAR(mean_regret(small(), Choices{0, 0, 0, 0}, 0), 0.5, 1e-12);
  // At lambda 1 the cheapest wins everywhere: -1 on unsolved rows, 0 where it is right.
  EXPECT_EQ(mean_regret(small(), Choices{0, 0, 0, 0}, 1), 0);
  EXPECT_NEAR(mean_regret(small(), Choices{2, 0, 0, 0}, 1), (-1 + 3) / 4.0, 1e-12);
}

TEST(Selection, CountsTiesAndRanksEstimates) {
  EXPECT_DOUBLE_EQ(selection_accuracy(small(), Choices{0, 1, 1, 2}), 0.75);
  const std::vector<double> estimate{3, 2, 1, 3, 2, 1, 3, 2, 1, 3, 2, 1};
  EXPECT_DOUBLE_EQ(hit_at(small(), estimate, 1), 0.25);
  EXPECT_DOUBLE_EQ(hit_at(small(), estimate, 3), 0.75);
}

TEST(OracleGap, IsZeroOnTheZeroRouterAndOneOnTheOracle) {
  const std::vector<math::CurvePoint> zero{{1, 0.4, 0}, {3, 0.6, 1}};
  const std::vector<math::CurvePoint> oracle{{1, 0.8, 0}};
  EXPECT_NEAR(*oracle_gap_closed(0.5, 2, zero, oracle), 0, 1e-12);
  EXPECT_NEAR(*oracle_gap_closed(0.8, 2, zero, oracle), 1, 1e-12);
  EXPECT_FALSE(oracle_gap_closed(0.5, 2, zero, zero).has_value());
}

TEST(Energy, RatiosOfMeansAndThePublishedEightyPercentRouter) {
  const std::vector<double> quality{1, 0, 1, 1};
  const std::vector<double> watts{20, 40, 30, 30};
  EXPECT_NEAR(*intelligence_per_watt(quality, watts), 0.75 / 30, 1e-12);
  EXPECT_NEAR(*accuracy_per_joule(quality, watts), 0.75 / 30, 1e-12);
  EXPECT_FALSE(intelligence_per_watt(quality, {}).has_value());
  EXPECT_NEAR(*cost_of_pass(0.003, 0.75), 0.004, 1e-15);
  EXPECT_FALSE(cost_of_pass(0.003, 0).has_value());
  // A router right on 80 % of the locally answerable requests keeps 64.3, 61.8 and 59.0 of 80.4, 77.3 and 73.8 %.
  const auto share = [](double oracle) {
    return std::round(local_routing(0.8, 0.887, oracle, Mistakes::kOneSided).saving * 1000) / 10;
  };
  EXPECT_DOUBLE_EQ(share(0.804), 64.3);
  EXPECT_DOUBLE_EQ(share(0.773), 61.8);
  EXPECT_DOUBLE_EQ(share(0.738), 59.0);
  const auto both = local_routing(0.8, 0.75, 0.6, Mistakes::kTwoSided);
  EXPECT_NEAR(both.wrong_locals, 0.05, 1e-12);
  EXPECT_NEAR(both.saving, 0.48 + 0.04, 1e-12);
}

TEST(Coverage, CountsWinsAndTiesOfTheBestLocalModel) {
  const std::vector<std::size_t> local{0, 1};
  EXPECT_DOUBLE_EQ(coverage(small(), local), 0.5);
  const std::vector<std::size_t> all{0, 1, 2};
  EXPECT_DOUBLE_EQ(coverage(small(), all), 1);
}

}  // namespace
}  // namespace thalamus::eval
