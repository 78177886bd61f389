// Boosted trees against a split found by hand, brute force over thresholds, and the promises of held-out stopping.
#include "thalamus/math/boosted_trees.h"

#include <gtest/gtest.h>

#include <cmath>

#include "thalamus/math/stats.h"

namespace thalamus::math {
namespace {

/// One tree, whole step, every row and column: what can be computed by hand.
BoostedTreesOptions plain(TreeLoss loss) {
  return {.loss = loss,
          .trees_max = 1,
          .depth = 1,
          .shrinkage = 1,
          .penalty = 0,
          .leaf_weight_min = 1,
          .column_share = 1,
          .row_share = 1,
          .held_share = 0,
          .patience = 1};
}

TEST(BinnedColumns, ValuesAndEdgesAgreeAndEqualValuesShareABin) {
  base::Rng rng(1);
  std::vector<float> x;
  for (int i = 0; i < 500; ++i) {
    x.push_back(static_cast<float>(rng.normal()));
    x.push_back(static_cast<float>(rng.below(5)));
    x.push_back(7);
  }
  const auto binned = BinnedColumns::make(x, 3, 16);
  EXPECT_EQ(binned.edges(0).size(), 15U);
  EXPECT_EQ(binned.edges(1).size(), 4U);
  EXPECT_TRUE(binned.edges(2).empty());
  for (std::size_t c = 0; c < 3; ++c) {
    EXPECT_TRUE(std::is_sorted(binned.edges(c).begin(), binned.edges(c).end()));
    for (std::size_t row = 0; row < 500; ++row) {
      std::size_t below = 0;
      for (const float edge : binned.edges(c)) below += x[row * 3 + c] > edge ? 1 : 0;
      EXPECT_EQ(binned.column(c)[row], below);
    }
  }
}

TEST(BoostedTrees, OneStumpIsTheBestSplitOfAllByHand) {
  // y is 1 above x = 24.5 and 0 below, in the second column; the first is noise.
  std::vector<float> x;
  std::vector<float> y;
  base::Rng rng(2);
  for (int i = 0; i < 50; ++i) {
    x.push_back(static_cast<float>(rng.normal()));
    x.push_back(static_cast<float>(i));
    y.push_back(i < 25 ? 0.0F : 1.0F);
  }
  const auto binned = BinnedColumns::make(x, 2, 64);
  const auto squared = BoostedTrees::fit(binned, y, plain(TreeLoss::kSquared), base::Rng(1));
  ASSERT_EQ(squared.trees(), 1U);
  const std::vector<float> low{0.0F, 24.0F};
  const std::vector<float> high{0.0F, 25.0F};
  EXPECT_NEAR(squared.predict(low), 0, 1e-6);
  EXPECT_NEAR(squared.predict(high), 1, 1e-6);
  // Logistic from p = .5: G = -+12.5, H = 6.25 on each side, so the step is -+2.
  const auto logistic = BoostedTrees::fit(binned, y, plain(TreeLoss::kLogistic), base::Rng(1));
  EXPECT_NEAR(logistic.score(low), -2, 1e-5);
  EXPECT_NEAR(logistic.predict(high), 1 / (1 + std::exp(-2.0)), 1e-5);
}

TEST(BoostedTrees, AStumpMatchesBruteForceOverEveryThreshold) {
  base::Rng rng(3);
  for (int round = 0; round < 20; ++round) {
    std::vector<float> x;
    std::vector<float> y;
    for (int i = 0; i < 60; ++i) {
      for (int c = 0; c < 3; ++c) x.push_back(static_cast<float>(rng.below(20)));
      y.push_back(static_cast<float>(rng.uniform()));
    }
    auto options = plain(TreeLoss::kSquared);
    options.penalty = 2;
    const auto tree = BoostedTrees::fit(BinnedColumns::make(x, 3, 64), y, options, base::Rng(1));
    double mean = 0;
    for (const float value : y) mean += static_cast<double>(value) / 60;
    double best = 0;
    for (std::size_t c = 0; c < 3; ++c) {
      for (int cut = 0; cut < 20; ++cut) {
        double left = 0, right = 0, left_n = 0, right_n = 0;
        for (std::size_t i = 0; i < 60; ++i) {
          const bool below = x[i * 3 + c] <= static_cast<float>(cut);
          (below ? left : right) += mean - static_cast<double>(y[i]);
          (below ? left_n : right_n) += 1;
        }
        if (left_n < 1 || right_n < 1) continue;
        best = std::max(best, left * left / (left_n + 2) + right * right / (right_n + 2));
      }
    }
    // The step's value: sum of (mean - y)^2 less that of the regularised fit, which is 2 gain - sum of n w^2.
    double reached = 0;
    for (std::size_t i = 0; i < 60; ++i) {
      const double w = tree.score(std::span(x).subspan(i * 3, 3)) - mean;
      reached += -2 * w * (mean - static_cast<double>(y[i])) - w * w;
    }
    double weights = 0;  // penalty * w^2 of the two leaves
    std::vector<double> seen;
    for (std::size_t i = 0; i < 60; ++i) {
      const double w = tree.score(std::span(x).subspan(i * 3, 3)) - mean;
      if (std::find(seen.begin(), seen.end(), w) != seen.end()) continue;
      seen.push_back(w);
      weights += 2 * w * w;
    }
    EXPECT_NEAR(reached - weights, best, 1e-4) << "round " << round;
  }
}

struct Interaction {
  std::vector<float> x;
  std::vector<float> y;
};

/// P(y = 1) is .9 where the signs of two columns agree and .1 where not: nothing linear to find.
Interaction interaction(std::size_t rows, std::uint64_t seed) {
  base::Rng rng(seed);
  Interaction data;
  for (std::size_t i = 0; i < rows; ++i) {
    std::array<double, 6> values{};
    for (double& value : values) value = rng.normal();
    for (const double value : values) data.x.push_back(static_cast<float>(value));
    data.y.push_back(rng.uniform() < (values[1] * values[4] > 0 ? 0.9 : 0.1) ? 1.0F : 0.0F);
  }
  return data;
}

double error_of(const BoostedTrees& trees, const Interaction& test) {
  std::vector<double> p;
  for (std::size_t i = 0; i < test.y.size(); ++i) p.push_back(trees.predict(std::span(test.x).subspan(i * 6, 6)));
  const std::vector<double> y(test.y.begin(), test.y.end());
  return brier(p, y);
}

TEST(BoostedTrees, FindAnInteractionThatNoLinearModelCan) {
  const auto train = interaction(1500, 4);
  const auto test = interaction(800, 5);
  const auto binned = BinnedColumns::make(train.x, 6, 64);
  BoostedTreesOptions options;
  options.column_share = 1;
  const auto trees = BoostedTrees::fit(binned, train.y, options, base::Rng(6));
  EXPECT_LT(error_of(trees, test), 0.13);  // .25 is knowing nothing, .09 the truth
}

TEST(BoostedTrees, PureNoiseStopsEarlyAtTheMean) {
  base::Rng rng(7);
  auto data = interaction(800, 8);
  for (float& y : data.y) y = rng.uniform() < 0.3 ? 1.0F : 0.0F;
  const auto trees = BoostedTrees::fit(BinnedColumns::make(data.x, 6, 64), data.y, {}, base::Rng(9));
  EXPECT_LT(trees.trees(), 20U);
  EXPECT_NEAR(trees.predict(std::vector<float>(6, 0.0F)), 0.3, 0.12);
  EXPECT_LT(trees.variance_share(), 0.2);
}

TEST(BoostedTrees, MissingTargetsAreNotReadAndFewGiveTheMean) {
  auto data = interaction(300, 10);
  const auto binned = BinnedColumns::make(data.x, 6, 32);
  auto holes = data.y;
  for (std::size_t i = 0; i < holes.size(); ++i)
    if (i >= 30) holes[i] = NAN;
  const auto few = BoostedTrees::fit(binned, holes, {}, base::Rng(1));
  double mean = 0;
  for (std::size_t i = 0; i < 30; ++i) mean += static_cast<double>(data.y[i]);
  EXPECT_EQ(few.trees(), 0U);
  EXPECT_NEAR(few.predict(std::span(data.x).first(6)), (mean + 0.5) / 31, 1e-9);
  const std::vector<float> none(300, NAN);
  EXPECT_NEAR(BoostedTrees::fit(binned, none, {}, base::Rng(1)).predict(std::span(data.x).first(6)), 0.5, 1e-9);
}

TEST(BoostedTrees, TheSameSeedGivesTheSameBytesAndLoadingKeepsThem) {
  const auto data = interaction(400, 11);
  const auto binned = BinnedColumns::make(data.x, 6, 64);
  base::ByteWriter a;
  base::ByteWriter b;
  BoostedTrees::fit(binned, data.y, {}, base::Rng(3)).save(a);
  BoostedTrees::fit(binned, data.y, {}, base::Rng(3)).save(b);
  EXPECT_EQ(a.bytes(), b.bytes());
  base::ByteReader in(a.bytes());
  const auto loaded = BoostedTrees::load(in, 6, "test").value();
  base::ByteWriter again;
  loaded.save(again);
  EXPECT_EQ(again.bytes(), a.bytes());
  base::ByteReader narrow(a.bytes());
  EXPECT_FALSE(BoostedTrees::load(narrow, 2, "test").has_value());  // splits read columns that are not there
}

}  // namespace
}  // namespace thalamus::math
