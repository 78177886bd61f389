#include <gtest/gtest.h>

#include <cmath>

#include "thalamus/math/kernels.h"
#include "thalamus/math/stats.h"

namespace thalamus::math {
namespace {

TEST(Stats, MeansDeviationsAndQuantilesOfAKnownSample) {
  const std::vector<double> values{1, 2, 3, 4};
  EXPECT_DOUBLE_EQ(mean(values), 2.5);
  EXPECT_NEAR(standard_deviation(values), std::sqrt(5.0 / 3), 1e-12);
  EXPECT_DOUBLE_EQ(quantile(values, 0.5), 2.5);
  EXPECT_DOUBLE_EQ(quantile(values, 0.1), 1.3);
  EXPECT_DOUBLE_EQ(quantile(values, 1), 4);
  EXPECT_EQ(mean({}), 0);
  EXPECT_EQ(quantile({}, 0.5), 0);
  EXPECT_EQ(standard_deviation(std::vector<double>{7}), 0);
}

TEST(Stats, ThePairedBootstrapCoversTheTrueDifferenceAboutAsOftenAsItSays) {
  constexpr std::uint64_t kSeed = 11;
  SCOPED_TRACE(testing::Message() << "seed " << kSeed);
  base::Rng rng(kSeed);
  int covered = 0;
  for (int round = 0; round < 200; ++round) {
    std::vector<double> a;
    std::vector<double> b;
    for (int i = 0; i < 60; ++i) {
      const double shared = rng.normal();
      a.push_back(shared + 0.3 + 0.5 * rng.normal());
      b.push_back(shared + 0.5 * rng.normal());
    }
    const auto interval = paired_bootstrap(a, b, 200, rng.fork("b"));
    covered += interval.low <= 0.3 && 0.3 <= interval.high ? 1 : 0;
  }
  EXPECT_GT(covered, 178);
  EXPECT_LT(covered, 199);
}

TEST(Stats, TheBootstrapOfEqualPoliciesIsExactlyZero) {
  const std::vector<double> a{0, 1, 1, 0, 0.5};
  const auto interval = paired_bootstrap(a, a, 100, base::Rng(1));
  EXPECT_EQ(interval.low, 0);
  EXPECT_EQ(interval.high, 0);
}

TEST(Stats, WilsonStaysInsideZeroAndOne) {
  EXPECT_NEAR(wilson_interval(8, 10).low, 0.4902, 1e-4);
  EXPECT_NEAR(wilson_interval(8, 10).high, 0.9433, 1e-4);
  EXPECT_GT(wilson_interval(0, 5).high, 0);
  EXPECT_EQ(wilson_interval(0, 5).low, 0);
  EXPECT_EQ(wilson_interval(0, 0).high, 1);
}

TEST(Stats, HolmAdjustsInOrderAndIsMonotone) {
  const auto adjusted = holm(std::vector<double>{0.01, 0.04, 0.03});
  EXPECT_NEAR(adjusted[0], 0.03, 1e-12);
  EXPECT_NEAR(adjusted[2], 0.06, 1e-12);
  EXPECT_NEAR(adjusted[1], 0.06, 1e-12);
}

TEST(Stats, CalibrationErrorIsZeroWhereShareAndForecastAgree) {
  std::vector<double> probability;
  std::vector<double> outcome;
  for (int i = 0; i < 100; ++i) {
    probability.push_back(0.25);
    outcome.push_back(i % 4 == 0 ? 1 : 0);
  }
  EXPECT_NEAR(calibration_error(probability, outcome, 5), 0, 1e-12);
  EXPECT_NEAR(brier(probability, outcome), 0.1875, 1e-12);
  for (double& p : probability) p = 0.75;
  EXPECT_NEAR(calibration_error(probability, outcome, 5), 0.5, 1e-12);
  EXPECT_GT(log_loss(probability, outcome), log_loss(outcome, outcome));
}

TEST(Kernels, AgreeWithThePlainSumForEveryLength) {
  constexpr std::uint64_t kSeed = 3;
  SCOPED_TRACE(testing::Message() << "seed " << kSeed);
  base::Rng rng(kSeed);
  for (std::size_t n = 0; n < 40; ++n) {
    std::vector<float> a(n);
    std::vector<float> b(n);
    double product = 0;
    double distance = 0;
    for (std::size_t i = 0; i < n; ++i) {
      a[i] = static_cast<float>(rng.normal());
      b[i] = static_cast<float>(rng.normal());
      product += static_cast<double>(a[i]) * static_cast<double>(b[i]);
      distance += std::pow(static_cast<double>(a[i]) - static_cast<double>(b[i]), 2);
    }
    EXPECT_NEAR(static_cast<double>(dot(a, b)), product, 1e-4);
    EXPECT_NEAR(static_cast<double>(squared_distance(a, b)), distance, 1e-4);
    if (n == 0) continue;
    normalize(a);
    EXPECT_NEAR(static_cast<double>(dot(a, a)), 1, 1e-5);
  }
  std::vector<float> zero(5, 0.0F);
  EXPECT_EQ(normalize(zero), 0);
}

}  // namespace
}  // namespace thalamus::math
