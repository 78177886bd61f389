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

/// Random estimates and outcomes with ties, on a coarse grid.
struct RandomSweep {
  std::vector<double> estimated_quality, estimated_cost, quality, cost;
  Sweep sweep;
  RandomSweep(std::size_t rows, std::size_t models, base::Rng& rng) {
    for (std::size_t i = 0; i < rows * models; ++i) {
      estimated_quality.push_back(static_cast<double>(rng.below(6)) / 5);
      estimated_cost.push_back(static_cast<double>(rng.below(6)) / 5);
      quality.push_back(rng.below(5) == 0 ? NAN : static_cast<double>(rng.below(2)));
      cost.push_back(rng.uniform());
    }
    sweep = {rows, models, estimated_quality, estimated_cost, quality, cost};
  }
};

TEST(SweptCurve, EachPointIsWhatTheChoicesAtItsLambdaCollect) {
  constexpr std::uint64_t kSeed = 21;
  SCOPED_TRACE(testing::Message() << "seed " << kSeed);
  base::Rng rng(kSeed);
  for (int round = 0; round < 50; ++round) {
    const RandomSweep random(1 + rng.below(20), 1 + rng.below(5), rng);
    const auto points = swept_curve(random.sweep);
    for (const SweptPoint& point : points) {
      const auto choices = swept_choices(random.sweep, point.lambda);
      double quality = 0;
      double cost = 0;
      for (std::size_t r = 0; r < choices.size(); ++r) {
        const std::size_t at = r * random.sweep.models + static_cast<std::size_t>(choices[r]);
        quality += std::isnan(random.quality[at]) ? 0 : random.quality[at];
        cost += random.cost[at];
      }
      const auto n = static_cast<double>(random.sweep.rows);
      if (point.lambda > 0) {
        EXPECT_NEAR(point.quality, quality / n, 1e-12);
        EXPECT_NEAR(point.cost, cost / n, 1e-12);
      }
    }
  }
}

TEST(SweptCurve, TheOraclesCurveIsConcaveAndAboveEveryOther) {
  constexpr std::uint64_t kSeed = 22;
  SCOPED_TRACE(testing::Message() << "seed " << kSeed);
  base::Rng rng(kSeed);
  for (int round = 0; round < 30; ++round) {
    RandomSweep random(12, 4, rng);
    for (double& q : random.quality) q = std::isnan(q) ? 0 : q;
    Sweep oracle = random.sweep;
    oracle.estimated_quality = oracle.quality;
    oracle.estimated_cost = oracle.cost;
    const auto best = non_decreasing_hull(as_curve(swept_curve(oracle)));
    for (const SweptPoint& point : swept_curve(random.sweep))
      if (point.cost >= best.front().cost) {
        EXPECT_GE(hull_quality(best, point.cost), point.quality - 1e-12);
      }
  }
}

TEST(SweptCurve, AModelWithoutAnEstimateIsNeverChosen) {
  const std::vector<double> estimate{NAN, 0.2, NAN, NAN};
  const std::vector<double> cost{0, 1, 0, 0};
  const std::vector<double> quality{1, 0.5, 1, 1};
  const Sweep sweep{2, 2, estimate, cost, quality, cost};
  EXPECT_EQ(swept_choices(sweep, 100), (std::vector<std::int32_t>{1, -1}));
  ASSERT_EQ(swept_curve(sweep).size(), 1U);
  EXPECT_DOUBLE_EQ(swept_curve(sweep)[0].quality, 0.25);
}

TEST(Deferral, AreaAndNeutralCostOfAStraightCurve) {
  const std::vector<CurvePoint> hull{{0, 0.4, 0}, {1, 0.8, 1}, {2, 0.8, 2}};
  const auto result = deferral(hull, 2, 0.7);
  EXPECT_NEAR(result.area, (0.6 + 0.8) / 2, 1e-12);
  EXPECT_NEAR(result.area50, 0.6, 1e-12);
  EXPECT_NEAR(*result.qnc, 0.375, 1e-12);
  EXPECT_FALSE(deferral(hull, 2, 0.9).qnc.has_value());
  EXPECT_EQ(deferral(hull, 0, 0.5).area, 0);
}

TEST(AverageQuality, ItsGradientIsTheDifferenceQuotient) {
  constexpr std::uint64_t kSeed = 23;
  SCOPED_TRACE(testing::Message() << "seed " << kSeed);
  base::Rng rng(kSeed);
  for (int round = 0; round < 50; ++round) {
    std::vector<CurvePoint> points;
    for (std::size_t i = 0; i < 3 + rng.below(8); ++i) points.push_back({rng.uniform(), rng.uniform(), i});
    auto hull = non_decreasing_hull(points);
    const double low = rng.uniform() / 2;
    const double high = low + 0.1 + rng.uniform() / 2;
    const auto weights = average_quality_gradient(hull, low, high);
    constexpr double kStep = 1e-7;
    for (std::size_t i = 0; i < hull.size(); ++i) {
      for (double CurvePoint::* member : {&CurvePoint::quality, &CurvePoint::cost}) {
        const double before = hull[i].*member;
        hull[i].*member = before + kStep;
        const double above = average_quality(hull, low, high);
        hull[i].*member = before - kStep;
        const double below = average_quality(hull, low, high);
        hull[i].*member = before;
        EXPECT_NEAR((above - below) / (2 * kStep),
                    member == &CurvePoint::quality ? weights[i].by_quality : weights[i].by_cost, 1e-5);
      }
    }
  }
}

TEST(OptimalApgr, IsOneForAPairWithoutWeakOnlyRowsAtFullCallsAndMoreWithThem) {
  // Strong gains on every row: the optimal curve is the straight line of a random one.
  EXPECT_NEAR(optimal_apgr(std::vector<double>{1, 1, 1, 1}, std::vector<double>{0, 0, 0, 0}), 0.5, 1e-12);
  // Half of ten rows gain, none loses: full recovery from half of the calls on.
  const std::vector<double> strong{1, 1, 1, 1, 1, 0, 0, 0, 0, 0};
  EXPECT_NEAR(optimal_apgr(strong, std::vector<double>(10, 0.0)), 0.75, 1e-12);
  // One row only the weak model solves: recovery above 1.
  std::vector<double> weak(10, 0.0);
  weak[9] = 1;
  EXPECT_GT(optimal_apgr(strong, weak), 0.75);
  EXPECT_EQ(optimal_apgr(strong, strong), 0);
}

}  // namespace
}  // namespace thalamus::math
