// Logistic regression against finite differences, cases solved by hand, and the minimiser against known minima.
#include "thalamus/math/logistic.h"

#include <gtest/gtest.h>

#include <cmath>

#include "thalamus/base/rng.h"
#include "thalamus/math/lbfgs.h"

namespace thalamus::math {
namespace {

TEST(Lbfgs, FindsTheMinimumOfRosenbrocksValley) {
  std::vector<double> x{-1.2, 1};
  int calls = 0;
  minimize(
      [&](std::span<const double> p, std::span<double> g) {
        ++calls;
        const double a = 1 - p[0];
        const double b = p[1] - p[0] * p[0];
        g[0] = -2 * a - 400 * p[0] * b;
        g[1] = 200 * b;
        return a * a + 100 * b * b;
      },
      x, {.tolerance = 1e-9});
  EXPECT_NEAR(x[0], 1, 1e-6);
  EXPECT_NEAR(x[1], 1, 1e-6);
  EXPECT_LT(calls, 200);
}

TEST(Lbfgs, EveryStepLowersTheValue) {
  std::vector<double> x(5, 3);
  double start = 0;
  const auto objective = [](std::span<const double> p, std::span<double> g) {
    double value = 0;
    for (std::size_t i = 0; i < p.size(); ++i) {
      const double scale = std::pow(10.0, static_cast<double>(i));
      value += scale * p[i] * p[i];
      g[i] = 2 * scale * p[i];
    }
    return value;
  };
  std::vector<double> g(5);
  start = objective(x, g);
  for (int round = 0; round < 5; ++round) {
    minimize(objective, x, {.iterations_max = 1, .tolerance = 1e-12});
    const double value = objective(x, g);
    EXPECT_LT(value, start) << "round " << round;
    start = value;
  }
}

template <class Objective>
void expect_gradient(const Objective& objective, std::vector<double> at) {
  std::vector<double> gradient(at.size());
  std::vector<double> ignored(at.size());
  static_cast<void>(objective(at, gradient));
  for (std::size_t i = 0; i < at.size(); ++i) {
    const double kept = at[i];
    at[i] = kept + 1e-5;
    const double up = objective(at, ignored);
    at[i] = kept - 1e-5;
    const double down = objective(at, ignored);
    at[i] = kept;
    EXPECT_NEAR(gradient[i], (up - down) / 2e-5, 1e-7) << "parameter " << i;
  }
}

TEST(Logistic, ItsGradientMatchesFiniteDifferences) {
  base::Rng rng(11);
  for (const std::size_t classes : {std::size_t{2}, std::size_t{3}, std::size_t{5}}) {
    std::vector<double> x;
    std::vector<double> targets;
    for (int i = 0; i < 30; ++i) {
      for (int c = 0; c < 4; ++c) x.push_back(rng.normal());
      for (std::size_t k = 0; k < classes; ++k) targets.push_back(i % 7 == 0 ? 0.0 : rng.uniform());
    }
    std::vector<double> at((classes == 2 ? 1 : classes) * 5);
    for (double& value : at) value = rng.normal();
    expect_gradient([&](std::span<const double> p,
                        std::span<double> g) { return logistic_objective(x, 4, targets, classes, 0.03, p, g); },
                    at);
  }
}

TEST(Logistic, TheOrdinalFormsGradientMatchesFiniteDifferences) {
  base::Rng rng(12);
  std::vector<double> x;
  std::vector<std::int32_t> label;
  for (int i = 0; i < 40; ++i) {
    for (int c = 0; c < 3; ++c) x.push_back(rng.normal());
    label.push_back(static_cast<std::int32_t>(rng.below(5)) - 1);  // -1 is not read
  }
  expect_gradient(
      [&](std::span<const double> p, std::span<double> g) { return ordinal_objective(x, 3, label, 4, 0.02, p, g); },
      {0.3, -0.7, 0.2, -0.5, 0.1, -0.4});
}

TEST(Logistic, TwoCellsGiveTheirLogOddsByHand) {
  // x = 0: 1 of 4 right; x = 1: 3 of 4. Without a penalty the fit passes through both: p = .25 and .75.
  const std::vector<float> x{0, 0, 0, 0, 1, 1, 1, 1};
  std::vector<double> targets;
  for (const int y : {1, 0, 0, 0, 1, 1, 1, 0}) {
    targets.push_back(1 - y);
    targets.push_back(y);
  }
  const auto model = Logistic::fit(x, 1, targets, 2, {.penalty = 0, .tolerance = 1e-10}).value();
  EXPECT_NEAR(model.probability(std::vector<float>{0}), 0.25, 1e-4);
  EXPECT_NEAR(model.probability(std::vector<float>{1}), 0.75, 1e-4);
  // A weight of 2 counts as a row that is there twice.
  auto weighted = targets;
  for (std::size_t i = 8; i < 16; ++i) weighted[i] *= 2;
  std::vector<float> twice(x.begin(), x.end());
  auto doubled = targets;
  twice.insert(twice.end(), x.begin() + 4, x.end());
  doubled.insert(doubled.end(), targets.begin() + 8, targets.end());
  const auto a = Logistic::fit(x, 1, weighted, 2, {.penalty = 0, .tolerance = 1e-10}).value();
  const auto b = Logistic::fit(twice, 1, doubled, 2, {.penalty = 0, .tolerance = 1e-10}).value();
  EXPECT_NEAR(a.probability(std::vector<float>{0.5F}), b.probability(std::vector<float>{0.5F}), 1e-5);
}

TEST(Logistic, ThreeClassesRecoverTheLawTheyWereDrawnFrom) {
  base::Rng rng(13);
  std::vector<float> x;
  std::vector<double> targets;
  const auto law = [](double u, std::array<double, 3>& p) {
    p = {1, std::exp(2 * u), std::exp(-2 * u)};
    const double sum = p[0] + p[1] + p[2];
    for (double& value : p) value /= sum;
  };
  std::array<double, 3> p{};
  for (int i = 0; i < 3000; ++i) {
    const double u = rng.normal();
    x.push_back(static_cast<float>(u));
    x.push_back(static_cast<float>(100 + 5 * rng.normal()));
    law(u, p);
    const double draw = rng.uniform();
    const int k = draw < p[0] ? 0 : (draw < p[0] + p[1] ? 1 : 2);
    for (int j = 0; j < 3; ++j) targets.push_back(j == k ? 1 : 0);
  }
  const auto model = Logistic::fit(x, 2, targets, 3, {.penalty = 1e-6}).value();
  for (const double u : {-1.0, 0.0, 1.5}) {
    std::array<double, 3> out{};
    model.probabilities(std::vector<float>{static_cast<float>(u), 100}, out);
    law(u, p);
    for (std::size_t k = 0; k < 3; ++k) EXPECT_NEAR(out[k], p[k], 0.05) << u;
    EXPECT_NEAR(out[0] + out[1] + out[2], 1, 1e-12);
  }
}

TEST(Logistic, OneClassAloneAndNoRowsStayFinite) {
  const std::vector<float> x{1, 2, 3};
  const auto only = Logistic::fit(x, 1, std::vector<double>{0, 1, 0, 1, 0, 1}, 2, {}).value();
  EXPECT_GT(only.probability(std::vector<float>{2}), 0.8);
  const auto none = Logistic::fit(x, 1, std::vector<double>(6, 0.0), 2, {}).value();
  EXPECT_NEAR(none.probability(std::vector<float>{2}), 0.5, 1e-6);
  EXPECT_FALSE(Logistic::fit(x, 2, std::vector<double>(6, 0.0), 2, {}).has_value());
  EXPECT_FALSE(Logistic::fit(std::vector<float>{1, NAN, 3}, 1, std::vector<double>(6, 1.0), 2, {}).has_value());
}

TEST(Logistic, HeldOutProbabilitiesComeFromFitsThatDidNotReadTheRow) {
  // A column names the row: a fit that has read it knows the label, one that has not cannot.
  base::Rng rng(14);
  constexpr std::size_t kRows = 60;
  std::vector<float> x(kRows * kRows, 0.0F);
  std::vector<double> targets;
  std::vector<std::uint32_t> folds;
  std::vector<double> own;
  for (std::size_t i = 0; i < kRows; ++i) {
    x[i * kRows + i] = 1;
    const double y = static_cast<double>(rng.below(2));
    own.push_back(y);
    targets.push_back(1 - y);
    targets.push_back(y);
    folds.push_back(static_cast<std::uint32_t>(i % 3));
  }
  const auto held = hold_out_logistic(x, kRows, targets, 2, folds, 3, {.penalty = 1e-6}).value();
  const auto all = Logistic::fit(x, kRows, targets, 2, {.penalty = 1e-6}).value();
  for (std::size_t i = 0; i < kRows; ++i) {
    EXPECT_NEAR(held.probability[i * 2 + 1], held.probability[(i % 3) * 2 + 1], 1e-9);  // its fold knows no row apart
    EXPECT_NEAR(all.probability(std::span(x).subspan(i * kRows, kRows)), own[i], 0.1);
  }
  EXPECT_GT(held.loss, 0.6);
  EXPECT_GT(choose_logistic_penalty(x, kRows, targets, 2, folds, {}).value(), 1e-5);
}

TEST(Logistic, TheOrdinalFormRecoversSlopeAndThresholds) {
  base::Rng rng(15);
  std::vector<float> x;
  std::vector<std::int32_t> label;
  for (int i = 0; i < 4000; ++i) {
    const double u = rng.normal();
    x.push_back(static_cast<float>(u));
    const double noise = rng.uniform();
    const double latent = 1.5 * u + std::log(noise / (1 - noise));
    label.push_back(latent <= -1 ? 0 : (latent <= 0.5 ? 1 : 2));
  }
  const auto model = OrdinalLogistic::fit(x, 1, label, 3, {.penalty = 1e-7}).value();
  for (const double u : {-1.0, 0.0, 1.0}) {
    std::array<double, 2> p{};
    model.cumulative(std::vector<float>{static_cast<float>(u)}, p);
    EXPECT_NEAR(p[0], 1 / (1 + std::exp(1 + 1.5 * u)), 0.03);
    EXPECT_NEAR(p[1], 1 / (1 + std::exp(-0.5 + 1.5 * u)), 0.03);
    EXPECT_LE(p[0], p[1]);
  }
}

}  // namespace
}  // namespace thalamus::math
