// Avengers: scores of a cluster by hand, the knob of the Pro form, what happens without costs.
#include <gtest/gtest.h>

#include <cmath>

#include "small_set.h"

namespace thalamus::route {
namespace {

/// One direction, so one cluster of two rows: means 0.9, 0.5, 0.5; costs 4, 1 and 2.
TrainingSet one_cluster() {
  return small_set({{{1, 0}, {1, 0.5F, 0.4F}, {4, 1, 2}}, {{1, 0}, {0.8F, 0.5F, 0.6F}, {4, 1, 2}}});
}

TEST(Avengers, RanksCountTheModelsThatAreStrictlyBetter) {
  const TrainingSet set = small_set({{{1, 0}, {1, 0.5F, 0.5F, 0.25F}}, {{1, 0}, {1, 0.5F, 0.5F, 0.25F}}});
  const auto router = fit_small("avengers", set, {{"clusters", "1"}}).value();
  const auto out = estimate_dense(*router, {1, 0}, 4);
  EXPECT_EQ(router->output(), Output::kPreference);
  EXPECT_EQ(out.quality, (std::vector<float>{1.0F, 0.5F, 0.5F, 0.25F}));
}

TEST(Avengers, ProWeighsQualityAgainstMeanCost) {
  const TrainingSet set = one_cluster();
  for (const double alpha : {0.0, 0.3, 1.0}) {
    const auto router =
        fit_small("avengers", set, {{"clusters", "1"}, {"form", "pro"}, {"alpha", std::to_string(alpha)}}).value();
    const auto out = estimate_dense(*router, {1, 0}, 3);
    EXPECT_NEAR(out.quality[0], alpha, 1e-6);
    EXPECT_NEAR(out.quality[1], (1 - alpha) * 0.75, 1e-6);
    EXPECT_NEAR(out.quality[2], (1 - alpha) * 0.5, 1e-6);
  }
}

TEST(Avengers, TheKnobMovesFromTheCheapestToTheBest) {
  const Toy toy = make_toy(200, 41);
  double last_cost = -1;
  double last_quality = -1;
  for (const char* alpha : {"0", "0.4", "0.8", "1"}) {
    const auto router = fit_toy(*find_method("avengers"), toy, {{"form", "pro"}, {"alpha", alpha}, {"clusters", "4"}});
    double cost = 0;
    double quality = 0;
    Asker ask(*router, toy.features, 3);
    for (std::size_t row = 0; row < toy.texts.size(); ++row) {
      const std::size_t chosen = best_of(ask(toy.texts[row]));
      cost += static_cast<double>(chosen + 1);
      quality += static_cast<double>(toy.set.quality_of(row, chosen));
    }
    EXPECT_GE(cost, last_cost) << alpha;
    EXPECT_GE(quality, last_quality) << alpha;
    if (std::string(alpha) == "0") {
      EXPECT_EQ(cost, 200) << "always the first, the cheapest";
    }
    last_cost = cost;
    last_quality = quality;
  }
  EXPECT_GT(last_quality, 150);
}

TEST(Avengers, WithoutRecordedCostQualityIsAllThereIs) {
  TrainingSet set = one_cluster();
  set.cost_usd.assign(set.cost_usd.size(), NAN);
  const auto free = fit_small("avengers", set, {{"clusters", "1"}, {"form", "pro"}, {"alpha", "0.1"}}).value();
  EXPECT_EQ(estimate_dense(*free, {1, 0}, 3).quality, (std::vector<float>{1, 0, 0}));
  set.cost_usd.clear();
  EXPECT_EQ(saved(*fit_small("avengers", set, {{"clusters", "1"}, {"form", "pro"}, {"alpha", "0.1"}}).value()),
            saved(*free));
}

TEST(Avengers, AModelWithoutACostCountsAsTheDearest) {
  TrainingSet set = one_cluster();
  for (std::size_t row = 0; row < 2; ++row) set.cost_usd[row * 3 + 1] = NAN;
  const auto router = fit_small("avengers", set, {{"clusters", "1"}, {"form", "pro"}, {"alpha", "0"}}).value();
  EXPECT_EQ(estimate_dense(*router, {1, 0}, 3).quality, (std::vector<float>{0, 0, 0.5F}));
}

TEST(Avengers, WhereAllModelsAreAlikeCostDecidesAlone) {
  const TrainingSet set = small_set({{{1, 0}, {0.5F, 0.5F}, {2, 1}}, {{1, 0}, {0.5F, 0.5F}, {2, 1}}});
  const auto router = fit_small("avengers", set, {{"clusters", "1"}, {"form", "pro"}, {"alpha", "0.99"}}).value();
  const auto out = estimate_dense(*router, {1, 0}, 2);
  EXPECT_NEAR(out.quality[0], 0, 1e-6);
  EXPECT_NEAR(out.quality[1], 0.005, 1e-6);
}

TEST(Avengers, TheNearestClustersVoteBySoftmaxOfTheirCosines) {
  const TrainingSet set = small_set({{{1, 0}, {1, 0}}, {{0, 1}, {0, 1}}, {{-1, 0}, {0, 1}}});
  const auto router = fit_small("avengers", set, {{"clusters", "3"}, {"top", "2"}, {"beta", "2"}}).value();
  const double near = 1 / (1 + std::exp(2 * (0.6 - 0.8)));  // cosines .8 and .6
  const auto out = estimate_dense(*router, {0.8F, 0.6F}, 2);
  EXPECT_NEAR(out.quality[0], near + (1 - near) * 0.5, 1e-6);
  EXPECT_NEAR(out.quality[1], near * 0.5 + (1 - near), 1e-6);
}

TEST(Avengers, ANewcomerThatIsBestTakesTheFirstPlace) {
  const TrainingSet set = one_cluster();
  const auto router = fit_small("avengers", set, {{"clusters", "1"}}).value();
  const TrainingSet best = small_set({{{1, 0}, {1}}, {{1, 0}, {1}}});
  const auto added = find_method("avengers")->add_model(*router, best, {});
  ASSERT_TRUE(added.has_value()) << added.error().text();
  EXPECT_EQ(estimate_dense(**added, {1, 0}, 4).quality[3], 1.0F);
  EXPECT_EQ(estimate_dense(**added, {1, 0}, 4).quality[0], 0.5F);
}

}  // namespace
}  // namespace thalamus::route
