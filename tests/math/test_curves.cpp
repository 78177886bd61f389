#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "thalamus/base/rng.h"
#include "thalamus/math/curves.h"

namespace thalamus::math {
namespace {

TEST(Hull, DropsWhatIsDearerAndNoBetterAndWhatLiesUnderAChord) {
  const auto hull = non_decreasing_hull({{3, 0.9, 3}, {1, 0.5, 1}, {2, 0.6, 2}, {2.5, 0.55, 4}, {4, 0.8, 5}});
  ASSERT_EQ(hull.size(), 2U);
  EXPECT_EQ(hull[0].label, 1U);
  EXPECT_EQ(hull[1].label, 3U);
  EXPECT_NEAR(hull_quality(hull, 2), 0.7, 1e-12);
  EXPECT_EQ(hull_quality(hull, 10), 0.9);
  EXPECT_EQ(hull_quality(hull, 0), 0.5);
  EXPECT_NEAR(*cost_at_quality(hull, 0.8), 2.5, 1e-12);
  EXPECT_FALSE(cost_at_quality(hull, 0.95).has_value());
}

TEST(Hull, LiesOnOrAboveEveryPointAndIsConcave) {
  constexpr std::uint64_t kSeed = 5;
  SCOPED_TRACE(testing::Message() << "seed " << kSeed);
  base::Rng rng(kSeed);
  for (int round = 0; round < 200; ++round) {
    std::vector<CurvePoint> points;
    for (std::size_t i = 0; i < 1 + rng.below(12); ++i) points.push_back({rng.uniform(), rng.uniform(), i});
    const auto hull = non_decreasing_hull(points);
    for (const auto& point : points)
      if (point.cost >= hull.front().cost) {
        EXPECT_GE(hull_quality(hull, point.cost), point.quality - 1e-12);
      }
    for (std::size_t i = 2; i < hull.size(); ++i) {
      const double left = (hull[i - 1].quality - hull[i - 2].quality) / (hull[i - 1].cost - hull[i - 2].cost);
      const double right = (hull[i].quality - hull[i - 1].quality) / (hull[i].cost - hull[i - 1].cost);
      EXPECT_GE(left, right);
    }
  }
}

TEST(AverageQuality, IsExactForATriangleAndExtendsFlat) {
  const std::vector<CurvePoint> hull{{0, 0, 0}, {1, 1, 1}};
  EXPECT_NEAR(average_quality(hull, 0, 1), 0.5, 1e-12);
  EXPECT_NEAR(average_quality(hull, 0, 2), 0.75, 1e-12);
  EXPECT_EQ(average_quality(hull, 1, 1), 0);
}

TEST(Envelope, TheWinnerOnEachIntervalIsTheArgmaxThere) {
  constexpr std::uint64_t kSeed = 6;
  SCOPED_TRACE(testing::Message() << "seed " << kSeed);
  base::Rng rng(kSeed);
  std::vector<double> breakpoints;
  std::vector<std::size_t> winners;
  for (int round = 0; round < 500; ++round) {
    std::vector<double> quality;
    std::vector<double> cost;
    for (std::size_t m = 0; m < 1 + rng.below(8); ++m) {
      quality.push_back(static_cast<double>(rng.below(6)) / 5);
      cost.push_back(static_cast<double>(rng.below(6)) / 5);
    }
    envelope(quality, cost, breakpoints, winners);
    ASSERT_EQ(winners.size(), breakpoints.size() + 1);
    EXPECT_TRUE(std::is_sorted(breakpoints.begin(), breakpoints.end()));
    for (int probe = 0; probe < 10; ++probe) {
      const double lambda = rng.uniform() * 8;
      const auto at = std::upper_bound(breakpoints.begin(), breakpoints.end(), lambda) - breakpoints.begin();
      const std::size_t winner = winners[static_cast<std::size_t>(at)];
      double best = -INFINITY;
      for (std::size_t m = 0; m < quality.size(); ++m) best = std::max(best, quality[m] - lambda * cost[m]);
      EXPECT_NEAR(quality[winner] - lambda * cost[winner], best, 1e-9);
    }
  }
}

TEST(PairMetrics, AnOracleScoreBeatsChanceAndAConstantScoreIsHalf) {
  base::Rng rng(9);
  std::vector<double> strong;
  std::vector<double> weak;
  std::vector<double> oracle;
  std::vector<double> chance;
  for (int i = 0; i < 4000; ++i) {
    strong.push_back(rng.uniform() < 0.8 ? 1 : 0);
    weak.push_back(rng.uniform() < 0.5 ? 1 : 0);
    oracle.push_back(strong.back() - weak.back() + 1e-6 * rng.uniform());
    chance.push_back(rng.uniform());
  }
  EXPECT_GT(pair_metrics(strong, weak, oracle).apgr, 0.9);
  const auto random = pair_metrics(strong, weak, chance);
  EXPECT_NEAR(random.apgr, 0.5, 0.05);
  EXPECT_NEAR(random.cpt50, 0.5, 0.08);
  EXPECT_EQ(random.points.size(), 11U);
}

}  // namespace
}  // namespace thalamus::math
