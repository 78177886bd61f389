// Goal: every way to compute the kernels gives the same bits, which are those of the definition in fixed lanes.
#include "thalamus/math/kernels.h"

#include <gtest/gtest.h>

#include <vector>

#include "thalamus/base/rng.h"

namespace thalamus::math {
namespace {

std::vector<float> random_values(base::Rng& rng, std::size_t n) {
  std::vector<float> values(n);
  for (float& value : values) value = static_cast<float>(rng.normal());
  return values;
}

TEST(Kernels, EveryWayGivesTheSameBits) {
  base::Rng rng(11);
  const auto ways = kernel_ways();
  ASSERT_STREQ(ways.back().name, "baseline");
  for (const std::size_t n : {0U, 1U, 3U, 7U, 8U, 9U, 31U, 64U, 300U}) {
    const std::size_t rows = n % 11;
    const auto x = random_values(rng, n);
    const auto y = random_values(rng, n);
    const auto matrix = random_values(rng, rows * n);
    const KernelWay& reference = ways.back();
    std::vector<float> product(rows);
    reference.multiply(matrix.data(), x, product);
    std::vector<float> added = y;
    reference.add_scaled(added.data(), 0.37F, x.data(), n);
    for (const KernelWay& way : ways) {
      EXPECT_EQ(way.dot(x.data(), y.data(), n), reference.dot(x.data(), y.data(), n)) << way.name << " " << n;
      EXPECT_EQ(way.squared_distance(x.data(), y.data(), n), reference.squared_distance(x.data(), y.data(), n))
          << way.name << " " << n;
      std::vector<float> own(rows);
      way.multiply(matrix.data(), x, own);
      EXPECT_EQ(own, product) << way.name << " " << n;
      std::vector<float> own_added = y;
      way.add_scaled(own_added.data(), 0.37F, x.data(), n);
      EXPECT_EQ(own_added, added) << way.name << " " << n;
    }
  }
}

TEST(Kernels, MultiplyIsDotRowByRow) {
  base::Rng rng(12);
  const auto x = random_values(rng, 37);
  const auto matrix = random_values(rng, 37 * 10);
  std::vector<float> y(10);
  multiply(matrix, x, y);
  for (std::size_t row = 0; row < y.size(); ++row) EXPECT_EQ(y[row], dot(std::span(matrix).subspan(row * 37, 37), x));
}

}  // namespace
}  // namespace thalamus::math
