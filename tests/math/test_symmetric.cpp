// Eigenvectors of symmetric matrices: they rebuild the matrix, are orthonormal and ordered.
#include "thalamus/math/symmetric.h"

#include <gtest/gtest.h>

#include <cmath>

#include "thalamus/base/rng.h"

namespace thalamus::math {
namespace {

TEST(Symmetric, TwoByTwoByHand) {
  const auto result = decompose_symmetric(std::vector<double>{2, 1, 1, 2}, 2);
  EXPECT_NEAR(result.values[0], 3, 1e-12);
  EXPECT_NEAR(result.values[1], 1, 1e-12);
  EXPECT_NEAR(result.vectors[0], std::sqrt(0.5), 1e-12);
  EXPECT_NEAR(result.vectors[1], std::sqrt(0.5), 1e-12);
}

TEST(Symmetric, VectorsAreOrthonormalAndRebuildTheMatrix) {
  const std::uint64_t seed = 5;
  SCOPED_TRACE(seed);
  base::Rng rng(seed);
  for (const std::size_t n : {1UL, 2UL, 5UL, 20UL, 71UL}) {
    std::vector<double> matrix(n * n);
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = i; j < n; ++j) matrix[i * n + j] = matrix[j * n + i] = rng.normal();
    const auto result = decompose_symmetric(matrix, n);
    double worst = 0;
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < n; ++j) {
        double rebuilt = 0;
        double product = 0;
        for (std::size_t k = 0; k < n; ++k) {
          rebuilt += result.values[k] * result.vectors[k * n + i] * result.vectors[k * n + j];
          product += result.vectors[i * n + k] * result.vectors[j * n + k];
        }
        worst = std::max({worst, std::abs(rebuilt - matrix[i * n + j]), std::abs(product - (i == j ? 1 : 0))});
      }
      if (i > 0) {
        EXPECT_GE(result.values[i - 1], result.values[i]);
      }
    }
    EXPECT_LT(worst, 1e-10) << n;
  }
}

TEST(Symmetric, DiagonalAndZeroMatricesAreTheirOwnAnswer) {
  const auto diagonal = decompose_symmetric(std::vector<double>{1, 0, 0, 0, 7, 0, 0, 0, -2}, 3);
  EXPECT_EQ(diagonal.values, (std::vector<double>{7, 1, -2}));
  EXPECT_EQ(diagonal.vectors, (std::vector<double>{0, 1, 0, 1, 0, 0, 0, 0, 1}));
  EXPECT_EQ(decompose_symmetric(std::vector<double>(4, 0.0), 2).values, (std::vector<double>{0, 0}));
}

}  // namespace
}  // namespace thalamus::math
