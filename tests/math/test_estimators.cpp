// Ridge against its normal equations, K-means against planted clusters, calibration against its promises.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "thalamus/base/rng.h"
#include "thalamus/math/calibration.h"
#include "thalamus/math/kmeans.h"
#include "thalamus/math/ridge.h"
#include "thalamus/math/stats.h"

namespace thalamus::math {
namespace {

struct Linear {
  std::vector<float> x;
  std::vector<float> y;
};

Linear linear_data(std::size_t rows, double noise, std::uint64_t seed) {
  base::Rng rng(seed);
  Linear data;
  for (std::size_t i = 0; i < rows; ++i) {
    const double a = rng.normal();
    const double b = rng.normal();
    for (const double value : {a, b, rng.normal()}) data.x.push_back(static_cast<float>(value));
    data.y.push_back(static_cast<float>(2 * a - b + 3 + noise * rng.normal()));
    data.y.push_back(static_cast<float>(i % 3 == 0 ? NAN : -a + 1));
  }
  return data;
}

TEST(Ridge, RecoversALinearLawAndIgnoresMissingTargets) {
  const auto data = linear_data(200, 0.1, 1);
  const auto fit = fit_ridge(data.x, 3, data.y, 2, {}).value();
  EXPECT_NEAR(fit.weights[0], 2, 0.05);
  EXPECT_NEAR(fit.weights[1], -1, 0.05);
  EXPECT_NEAR(fit.weights[2], 0, 0.05);
  EXPECT_NEAR(fit.bias[0], 3, 0.05);
  EXPECT_NEAR(fit.weights[3], -1, 0.01);
  EXPECT_NEAR(fit.bias[1], 1, 0.01);
  EXPECT_NEAR(fit.residual_sd[0], 0.1, 0.02);
}

TEST(Ridge, SatisfiesItsNormalEquations) {
  const auto data = linear_data(60, 1, 2);
  const double penalty = 7;
  const auto fit = fit_ridge(data.x, 3, data.y, 2, {.penalty = penalty}).value();
  std::array<double, 3> gradient{};
  double bias_gradient = 0;
  for (std::size_t i = 0; i < 60; ++i) {
    double residual = static_cast<double>(fit.bias[0]) - static_cast<double>(data.y[i * 2]);
    for (std::size_t c = 0; c < 3; ++c)
      residual += static_cast<double>(fit.weights[c]) * static_cast<double>(data.x[i * 3 + c]);
    for (std::size_t c = 0; c < 3; ++c) gradient[c] += residual * static_cast<double>(data.x[i * 3 + c]);
    bias_gradient += residual;
  }
  for (std::size_t c = 0; c < 3; ++c) EXPECT_NEAR(gradient[c] + penalty * static_cast<double>(fit.weights[c]), 0, 1e-3);
  EXPECT_NEAR(bias_gradient, 0, 1e-3);
}

TEST(Ridge, FewerRowsThanColumnsSatisfyTheSameNormalEquations) {
  constexpr std::size_t kRows = 15;
  constexpr std::size_t kColumns = 40;
  const double penalty = 2;
  base::Rng rng(6);
  std::vector<float> x;
  std::vector<float> y;
  for (std::size_t i = 0; i < kRows; ++i) {
    for (std::size_t c = 0; c < kColumns; ++c) x.push_back(static_cast<float>(rng.normal()));
    y.push_back(static_cast<float>(rng.normal()));
  }
  const auto fit = fit_ridge(x, kColumns, y, 1, {.penalty = penalty}).value();
  std::vector<double> gradient(kColumns, 0.0);
  for (std::size_t i = 0; i < kRows; ++i) {
    double residual = static_cast<double>(fit.bias[0]) - static_cast<double>(y[i]);
    for (std::size_t c = 0; c < kColumns; ++c)
      residual += static_cast<double>(fit.weights[c]) * static_cast<double>(x[i * kColumns + c]);
    for (std::size_t c = 0; c < kColumns; ++c) gradient[c] += residual * static_cast<double>(x[i * kColumns + c]);
  }
  for (std::size_t c = 0; c < kColumns; ++c)
    EXPECT_NEAR(gradient[c] + penalty * static_cast<double>(fit.weights[c]), 0, 1e-4);
}

TEST(Ridge, PureNoiseGetsALargePenaltyAndSmallWeights) {
  base::Rng rng(4);
  std::vector<float> x;
  std::vector<float> y;
  for (int i = 0; i < 60; ++i) {
    for (int c = 0; c < 40; ++c) x.push_back(static_cast<float>(rng.normal()));
    y.push_back(static_cast<float>(rng.normal()));
  }
  const auto fit = fit_ridge(x, 40, y, 1, {}).value();
  EXPECT_GE(fit.penalty[0], 100);
}

TEST(Ridge, RefusesWhatIsNotFiniteAndSizesThatDoNotFit) {
  std::vector<float> x{1, 2, NAN, 4};
  const std::vector<float> y{1, 2};
  EXPECT_FALSE(fit_ridge(x, 2, y, 1, {}).has_value());
  x[2] = 3;
  EXPECT_TRUE(fit_ridge(x, 2, y, 1, {}).has_value());
  EXPECT_FALSE(fit_ridge(x, 3, y, 1, {}).has_value());
}

TEST(Ridge, ATargetWithoutAnyRowGetsZeros) {
  const std::vector<float> x{1, 2, 3};
  const std::vector<float> y{NAN, NAN, NAN};
  const auto fit = fit_ridge(x, 1, y, 1, {}).value();
  EXPECT_EQ(fit.weights[0], 0);
  EXPECT_EQ(fit.bias[0], 0);
}

TEST(Kmeans, FindsPlantedClustersAndRepeatsForItsSeed) {
  base::Rng rng(8);
  std::vector<float> rows;
  for (int i = 0; i < 300; ++i) {
    const double center = 10.0 * (i % 3);
    for (int c = 0; c < 4; ++c) rows.push_back(static_cast<float>(center + 0.3 * rng.normal()));
  }
  const auto a = kmeans(rows, 4, {.clusters = 3}, base::Rng(1));
  ASSERT_EQ(a.clusters(), 3U);
  for (std::size_t i = 3; i < 300; ++i) EXPECT_EQ(a.cluster[i], a.cluster[i % 3]);
  EXPECT_NE(a.cluster[0], a.cluster[1]);
  const auto b = kmeans(rows, 4, {.clusters = 3}, base::Rng(1));
  EXPECT_EQ(a.centroids, b.centroids);
}

TEST(Kmeans, EqualRowsMakeOneCluster) {
  const std::vector<float> rows(30, 1.0F);
  const auto result = kmeans(rows, 3, {.clusters = 5}, base::Rng(2));
  EXPECT_EQ(result.clusters(), 1U);
  EXPECT_EQ(result.inertia, 0);
}

class CalibrationKinds : public testing::TestWithParam<CalibrationKind> {};

TEST_P(CalibrationKinds, KeepsTheOrderAndStaysInsideZeroAndOne) {
  base::Rng rng(12);
  std::vector<double> score;
  std::vector<double> outcome;
  for (int i = 0; i < 2000; ++i) {
    score.push_back(rng.uniform() * 1.2 - 0.1);
    outcome.push_back(rng.uniform() < std::clamp(score.back(), 0.0, 1.0) * 0.5 ? 1 : 0);
  }
  const auto calibration = Calibration::fit(GetParam(), score, outcome);
  double previous = -1;
  for (double s = -3; s < 4; s += 0.01) {
    const double p = calibration.apply(s);
    EXPECT_GE(p, 0);
    EXPECT_LE(p, 1);
    EXPECT_GE(p, previous);
    if (GetParam() != CalibrationKind::kNone && s > -0.5 && s < 1.5) {
      EXPECT_GT(p, previous);
    }
    previous = p;
    EXPECT_GT(calibration.map(s).slope, 0);
  }
  base::ByteWriter out;
  calibration.save(out);
  base::ByteReader in(out.bytes());
  const auto loaded = Calibration::load(in);
  ASSERT_TRUE(loaded.has_value());
  for (double s = -1; s < 2; s += 0.1) EXPECT_EQ(loaded->apply(s), calibration.apply(s));
  if (GetParam() == CalibrationKind::kNone) return;
  std::vector<double> calibrated;
  for (const double s : score) calibrated.push_back(calibration.apply(s));
  // The planted law is piecewise linear: the logistic form bends a little away from it.
  const double bound = GetParam() == CalibrationKind::kIsotonic ? 0.03 : 0.1;
  EXPECT_LT(calibration_error(calibrated, outcome, 10), bound);
}

INSTANTIATE_TEST_SUITE_P(All, CalibrationKinds,
                         testing::Values(CalibrationKind::kNone, CalibrationKind::kLogistic,
                                         CalibrationKind::kIsotonic));

TEST(Calibration, FewPairsStayNearTheIdentity) {
  const auto calibration = Calibration::logistic(std::vector<double>{0.5}, std::vector<double>{1.0});
  EXPECT_NEAR(calibration.apply(0.5), 0.5, 0.1);
  EXPECT_EQ(Calibration::fit(CalibrationKind::kIsotonic, {}, {}).apply(0.4), 0.4);
}

TEST(Calibration, DamagedKnotsAreRefused) {
  base::ByteWriter out;
  out.put(CalibrationKind::kIsotonic);
  out.put(1.0);
  out.put(0.0);
  out.put_array(std::vector<double>{0.5, 0.4});
  out.put_array(std::vector<double>{0.1, 0.2});
  base::ByteReader in(out.bytes());
  EXPECT_FALSE(Calibration::load(in).has_value());
}

}  // namespace
}  // namespace thalamus::math
