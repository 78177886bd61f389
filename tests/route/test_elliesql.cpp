// Tiers of growing cost: monotone chances, the rules that choose a tier, and the card's checks of the cascade.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "thalamus/math/elasticity.h"
#include "thalamus/route/tiers.h"
#include "toy.h"

namespace thalamus::route {
namespace {

const MethodRecord& method() { return *find_method("elliesql"); }

std::size_t chosen(const Router& router, const Toy& toy, const std::string& text) {
  const auto out = estimate_text(router, toy.features, text, 3);
  return static_cast<std::size_t>(std::max_element(out.quality.begin(), out.quality.end()) - out.quality.begin());
}

TEST(Tiers, StandInTheOrderOfRecordedCostOrAsNamed) {
  TrainingSet set;
  set.models = {"dear", "cheap", "middle"};
  set.rows = 2;
  set.quality = {1, 0, 1, 1, 0, 0};
  set.cost_usd = {4, 1, 2, 4, 1, 2};
  const auto tiers = make_tiers(set, "").value();
  EXPECT_EQ(tiers.order, (std::vector<std::size_t>{1, 2, 0}));
  EXPECT_EQ(tiers.cost, (std::vector<double>{0.25, 0.5, 1}));
  EXPECT_EQ(make_tiers(set, "dear;cheap;middle")->order, (std::vector<std::size_t>{0, 1, 2}));
  EXPECT_FALSE(make_tiers(set, "dear;cheap").has_value());
  EXPECT_FALSE(make_tiers(set, "dear;cheap;cheap").has_value());
  EXPECT_FALSE(make_tiers(set, "dear;cheap;other").has_value());
  set.cost_usd.assign(6, NAN);  // by quality, costs by place
  const auto unpriced = make_tiers(set, "").value();
  EXPECT_EQ(unpriced.order, (std::vector<std::size_t>{1, 2, 0}));
  EXPECT_NEAR(unpriced.cost[0], 1.0 / 3, 1e-12);
}

TEST(Tiers, MonotoneChancesAreTheNearestThatNeverFall) {
  base::Rng rng(91);
  std::array<double, 6> workspace{};
  for (int round = 0; round < 200; ++round) {
    std::array<double, 6> p{};
    for (double& value : p) value = rng.uniform();
    auto raised = p;
    make_monotone(raised, workspace);
    EXPECT_TRUE(std::is_sorted(raised.begin(), raised.end()));
    double before = 0, after = 0, distance = 0;
    for (std::size_t k = 0; k < 6; ++k) {
      before += p[k];
      after += raised[k];
      distance += (p[k] - raised[k]) * (p[k] - raised[k]);
    }
    EXPECT_NEAR(before, after, 1e-12);
    // No other sorted sequence is nearer.
    for (int other = 0; other < 20; ++other) {
      auto sorted = raised;
      for (double& value : sorted) value += 0.1 * rng.normal();
      std::sort(sorted.begin(), sorted.end());
      double off = 0;
      for (std::size_t k = 0; k < 6; ++k) off += (p[k] - sorted[k]) * (p[k] - sorted[k]);
      EXPECT_GE(off, distance - 1e-12) << "seed 91, round " << round;
    }
  }
  std::array<double, 3> hand{0.9, 0.2, 0.7};
  make_monotone(hand, workspace);
  EXPECT_NEAR(hand[0], 0.55, 1e-12);
  EXPECT_NEAR(hand[1], 0.55, 1e-12);
  EXPECT_NEAR(hand[2], 0.7, 1e-12);
}

TEST(Tiers, UtilityTakesTheCheaperOnTiesAndADearPriceTheCheapest) {
  const std::array p{0.5, 0.6, 0.6};
  const std::array cost{0.1, 0.3, 1.0};
  EXPECT_EQ(tier_by_utility(p, cost, 0), 1U);
  EXPECT_EQ(tier_by_utility(p, cost, 10), 0U);
  EXPECT_EQ(tier_by_threshold(p, 0), 0U);
  EXPECT_EQ(tier_by_threshold(p, 0.55), 1U);
  EXPECT_EQ(tier_by_threshold(p, 1), 2U);
}

TEST(Elliesql, ThresholdsZeroAndOneAreAlwaysTheCheapestAndAlwaysTheDearest) {
  const Toy toy = make_toy(150, 92);
  for (const char* form : {"cascade", "cumulative"}) {
    const auto always = [&](const char* threshold) {
      return fit_toy(method(), toy, {{"form", form}, {"decision", "threshold"}, {"threshold", threshold}});
    };
    const auto cheapest = always("0");
    const auto dearest = always("1");
    for (std::size_t i = 0; i < 20; ++i) {
      EXPECT_EQ(chosen(*cheapest, toy, toy.texts[i]), 0U) << form;
      EXPECT_EQ(chosen(*dearest, toy, toy.texts[i]), 2U) << form;
    }
  }
}

TEST(Elliesql, AHigherPriceNeverTakesADearerTier) {
  const Toy toy = make_toy(200, 93);
  std::vector<std::size_t> before(40, 3);
  for (const char* price : {"0", "0.05", "0.2", "0.5", "2", "100"}) {
    const auto router = fit_toy(method(), toy, {{"form", "cumulative"}, {"price", price}});
    for (std::size_t i = 0; i < before.size(); ++i) {
      const std::size_t tier = chosen(*router, toy, toy.texts[i]);
      EXPECT_LE(tier, before[i]) << price;
      before[i] = tier;
    }
  }
  EXPECT_EQ(*std::max_element(before.begin(), before.end()), 0U);
}

TEST(Elliesql, HopelessRequestsGoToACheapTier) {
  Toy toy = make_toy(300, 94);
  for (std::size_t row = 0; row < toy.set.rows; ++row)
    for (std::size_t m = 0; m < 3; ++m)
      toy.set.quality[row * 3 + m] = toy.kind[row] == 1 ? 0.0F : (m == 0 ? 0.0F : 1.0F);
  const auto router = fit_toy(method(), toy, {{"form", "cumulative"}, {"price", "0.1"}});
  for (std::size_t i = 0; i < 40; ++i) EXPECT_EQ(chosen(*router, toy, toy.texts[i]), toy.kind[i] == 1 ? 0U : 1U);
}

TEST(Elasticity, FollowsItsDefinitionAndItsSign) {
  // 10 % more quality for 50 % more tokens.
  const auto dearer = math::elasticity(0.5, 100, 0.55, 150);
  ASSERT_TRUE(dearer.value.has_value());
  EXPECT_NEAR(*dearer.value, 0.2, 1e-12);
  EXPECT_FALSE(dearer.better_for_less);
  const auto worse = math::elasticity(0.5, 100, 0.45, 150);
  EXPECT_LT(*worse.value, 0);
  EXPECT_FALSE(worse.better_for_less);
  const auto better = math::elasticity(0.5, 100, 0.55, 80);
  EXPECT_LT(*better.value, 0);
  EXPECT_TRUE(better.better_for_less);
  EXPECT_NEAR(better.quality_change, 0.05, 1e-12);
  EXPECT_NEAR(better.cost_change, -20, 1e-12);
  EXPECT_FALSE(math::elasticity(0.5, 100, 0.6, 100).value.has_value());
  EXPECT_FALSE(math::elasticity(0, 100, 0.6, 200).value.has_value());
}

}  // namespace
}  // namespace thalamus::route
