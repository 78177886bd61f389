#include "thalamus/math/sparse_linear.h"

#include <gtest/gtest.h>

#include <cmath>

#include "thalamus/math/nnls.h"

namespace thalamus::math {
namespace {

// Two columns, each row has one of them.
struct Rows {
  std::vector<std::uint64_t> offsets{0};
  std::vector<std::uint32_t> ids;
  std::vector<float> values;
  void add(std::uint32_t id) {
    ids.push_back(id);
    values.push_back(1);
    offsets.push_back(ids.size());
  }
  [[nodiscard]] SparseMatrix view() const { return {offsets, ids, values, 2}; }
};

TEST(SparseLinear, RegressionOfTwoGroupsGivesTheirMeans) {
  Rows rows;
  std::vector<float> y;
  for (int i = 0; i < 100; ++i) {
    rows.add(i % 2 == 0 ? 0 : 1);
    y.push_back(i % 2 == 0 ? 0.8F : 0.3F);
    y.push_back(i % 2 == 0 ? NAN : 0.6F);
  }
  const auto model = fit_regression(rows.view(), y, 2, {.penalty = 1e-4, .iterations_max = 200});
  std::vector<double> out(2);
  model.apply(std::vector<std::uint32_t>{0}, std::vector<float>{1}, out);
  EXPECT_NEAR(out[0], 0.8, 1e-3);
  model.apply(std::vector<std::uint32_t>{1}, std::vector<float>{1}, out);
  EXPECT_NEAR(out[0], 0.3, 1e-3);
  EXPECT_NEAR(out[1], 0.6, 1e-3);
}

// One output and one column of ones on half the rows: ridge by hand. With bias b and weight w the minimum of
// sum (y - b - w x)^2 / 2 + penalty w^2 / 2 for means 1 (x = 1) and 0 (x = 0), n each: w = n / (n + 2 penalty).
TEST(SparseLinear, ThePenaltyShrinksAsComputedByHand) {
  std::vector<std::uint64_t> offsets{0};
  std::vector<std::uint32_t> ids;
  std::vector<float> values;
  std::vector<float> y;
  for (int i = 0; i < 20; ++i) {
    if (i % 2 == 0) {
      ids.push_back(0);
      values.push_back(1);
    }
    offsets.push_back(ids.size());
    y.push_back(i % 2 == 0 ? 1.0F : 0.0F);
  }
  const SparseMatrix rows{offsets, ids, values, 1};
  const auto model = fit_regression(rows, y, 1, {.penalty = 5, .iterations_max = 500});
  EXPECT_NEAR(model.weights[0], 10.0 / (10 + 2 * 5), 2e-3);
}

TEST(SparseLinear, SoftmaxLearnsSharesOfClasses) {
  Rows rows;
  std::vector<std::uint32_t> label;
  for (int i = 0; i < 400; ++i) {
    rows.add(i % 2 == 0 ? 0 : 1);
    label.push_back(i % 2 == 0 ? (i % 8 == 0 ? 1U : 0U) : 1U);  // column 0: a quarter is of class 1
  }
  const auto model = fit_softmax(rows.view(), label, 2, {.penalty = 1e-3, .iterations_max = 300});
  std::vector<double> p(2);
  model.apply(std::vector<std::uint32_t>{0}, std::vector<float>{1}, p);
  softmax(p);
  EXPECT_NEAR(p[1], 0.25, 0.01);
  model.apply(std::vector<std::uint32_t>{1}, std::vector<float>{1}, p);
  softmax(p);
  EXPECT_GT(p[1], 0.99);
}

TEST(SparseLinear, SoftmaxIsFiniteForLargeScores) {
  std::vector<double> scores{1e308, -1e308, 0};
  softmax(scores);
  EXPECT_EQ(scores[0], 1);
  EXPECT_EQ(scores[1], 0);
}

TEST(SparseLinear, DamagedBytesAreRefused) {
  SparseLinear model;
  model.outputs = 2;
  model.weights = {1, 2, 3, 4};
  model.bias = {0, NAN};
  base::ByteWriter out;
  model.save(out);
  base::ByteReader not_finite(out.bytes());
  EXPECT_FALSE(SparseLinear::load(not_finite, 2, 2).has_value());
  base::ByteReader wrong_size(out.bytes());
  EXPECT_FALSE(SparseLinear::load(wrong_size, 3, 2).has_value());
}

TEST(Nnls, FindsTheWeightsOfANoiselessMixture) {
  NormalEquations equations(3);
  for (int i = 0; i < 50; ++i) {
    const std::vector<double> x{std::sin(i), std::cos(3 * i), std::sin(7 * i + 1)};
    equations.add(x, 0.7 * x[0] + 0.2 * x[2]);
  }
  const auto weights = nonnegative_least_squares(equations, 0);
  EXPECT_NEAR(weights[0], 0.7, 1e-6);
  EXPECT_NEAR(weights[1], 0, 1e-6);
  EXPECT_NEAR(weights[2], 0.2, 1e-6);
}

TEST(Nnls, AWeightThatWouldBeNegativeIsZero) {
  NormalEquations equations(2);
  for (int i = 0; i < 50; ++i) {
    const std::vector<double> x{std::sin(i), std::cos(2 * i)};
    equations.add(x, 0.5 * x[0] - 0.8 * x[1]);
  }
  const auto weights = nonnegative_least_squares(equations);
  EXPECT_EQ(weights[1], 0);
  EXPECT_NEAR(weights[0], 0.5, 0.1);
}

TEST(Nnls, EqualRegressorsShareTheWeightAndAnEmptyOneGetsNone) {
  NormalEquations equations(3);
  for (int i = 0; i < 50; ++i) {
    const double x = std::sin(i);
    equations.add(std::vector<double>{x, x, 0.0}, x);
  }
  const auto weights = nonnegative_least_squares(equations, 1e-3);
  EXPECT_NEAR(weights[0] + weights[1], 1, 1e-2);
  EXPECT_NEAR(weights[0], weights[1], 0.05);
  EXPECT_EQ(weights[2], 0);
}

}  // namespace
}  // namespace thalamus::math
