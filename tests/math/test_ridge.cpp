/// Ridge regression with missing targets: many patterns of them give what each target alone gives.
#include "thalamus/math/ridge.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "thalamus/base/rng.h"

namespace thalamus::math {
namespace {

constexpr std::size_t kRows = 160;
constexpr std::size_t kSize = 24;
constexpr std::size_t kTargets = 30;  // each with rows of its own, so more patterns than are decomposed wholly

struct Table {
  std::vector<float> x;
  std::vector<float> y;
};

/// Correlated features, one of them constant; linear outcomes with noise, a share of them missing.
Table make_table(base::Rng& rng, double missing) {
  Table table;
  for (std::size_t i = 0; i < kRows; ++i) {
    const double common = rng.normal();
    for (std::size_t c = 0; c < kSize; ++c)
      table.x.push_back(c == 3 ? 1.0F : static_cast<float>(5 + 0.7 * common + rng.normal()));
  }
  for (std::size_t i = 0; i < kRows; ++i) {
    for (std::size_t m = 0; m < kTargets; ++m) {
      const auto a = static_cast<double>(table.x[i * kSize + m % kSize]);
      const auto b = static_cast<double>(table.x[i * kSize + (m + 5) % kSize]);
      const double value = 0.3 * a - 0.2 * b + static_cast<double>(m) + 0.1 * static_cast<double>(m) * rng.normal();
      const bool absent = rng.uniform() < missing;
      table.y.push_back(absent ? std::numeric_limits<float>::quiet_NaN() : static_cast<float>(value));
    }
  }
  return table;
}

std::vector<float> column(const Table& table, std::size_t target) {
  std::vector<float> out;
  for (std::size_t i = 0; i < kRows; ++i) out.push_back(table.y[i * kTargets + target]);
  return out;
}

void expect_as_alone(const Table& table, double penalty) {
  const auto all = fit_ridge(table.x, kSize, table.y, kTargets, {.penalty = penalty});
  ASSERT_TRUE(all) << all.error().text();
  for (std::size_t m = 0; m < kTargets; ++m) {
    const auto alone = fit_ridge(table.x, kSize, column(table, m), 1, {.penalty = penalty});
    ASSERT_TRUE(alone) << alone.error().text();
    EXPECT_DOUBLE_EQ(all->penalty[m], alone->penalty[0]) << m;
    EXPECT_NEAR(all->bias[m], alone->bias[0], 1e-3) << m;
    EXPECT_NEAR(all->residual_sd[m], alone->residual_sd[0], 1e-6 * (1 + alone->residual_sd[0])) << m;
    EXPECT_NEAR(all->prediction_sd[m], alone->prediction_sd[0], 1e-6 * (1 + alone->prediction_sd[0])) << m;
    for (std::size_t c = 0; c < kSize; ++c)
      EXPECT_NEAR(all->weights[m * kSize + c], alone->weights[c], 1e-4) << m << ' ' << c;
  }
}

TEST(Ridge, ManyPatternsOfMissingCellsGiveWhatEachTargetAloneGives) {
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    base::Rng rng(seed);
    for (const double missing : {0.05, 0.3, 0.7, 0.95}) expect_as_alone(make_table(rng, missing), 0);
    expect_as_alone(make_table(rng, 0.3), 2.5);
  }
}

TEST(Ridge, ATargetWithoutOutcomesAmongManyPatternsGetsNothing) {
  base::Rng rng(9);
  Table table = make_table(rng, 0.3);
  for (std::size_t i = 0; i < kRows; ++i) table.y[i * kTargets + 4] = std::numeric_limits<float>::quiet_NaN();
  const auto ridge = fit_ridge(table.x, kSize, table.y, kTargets, {});
  ASSERT_TRUE(ridge);
  EXPECT_EQ(ridge->bias[4], 0);
  for (std::size_t c = 0; c < kSize; ++c) EXPECT_EQ(ridge->weights[4 * kSize + c], 0);
  EXPECT_TRUE(std::isfinite(ridge->weights[5 * kSize]));
}

}  // namespace
}  // namespace thalamus::math
