#include "thalamus/math/nnls.h"

#include <algorithm>
#include <cmath>

namespace thalamus::math {
namespace {

constexpr std::size_t kSweepsMax = 20'000;
constexpr double kSettled = 1e-10;

}  // namespace

void NormalEquations::add(std::span<const double> regressors, double outcome, double weight) noexcept {
  for (std::size_t i = 0; i < size_; ++i) {
    const double scaled = weight * regressors[i];
    moment_[i] += scaled * outcome;
    for (std::size_t j = 0; j < size_; ++j) gram_[i * size_ + j] += scaled * regressors[j];
  }
}

void NormalEquations::subtract(const NormalEquations& other) noexcept {
  for (std::size_t i = 0; i < gram_.size(); ++i) gram_[i] -= other.gram_[i];
  for (std::size_t i = 0; i < size_; ++i) moment_[i] -= other.moment_[i];
}

void NormalEquations::add(const NormalEquations& other) noexcept {
  for (std::size_t i = 0; i < gram_.size(); ++i) gram_[i] += other.gram_[i];
  for (std::size_t i = 0; i < size_; ++i) moment_[i] += other.moment_[i];
}

std::vector<double> nonnegative_least_squares(const NormalEquations& equations, double penalty) {
  const std::size_t size = equations.size();
  double diagonal = 0;
  for (std::size_t i = 0; i < size; ++i) diagonal += equations.gram(i, i);
  const double ridge = size == 0 ? 0 : penalty * diagonal / static_cast<double>(size);
  std::vector<double> weights(size, 0.0);
  for (std::size_t sweep = 0; sweep < kSweepsMax; ++sweep) {
    double moved = 0;
    for (std::size_t i = 0; i < size; ++i) {
      const double curvature = equations.gram(i, i) + ridge;
      if (!(curvature > 0)) continue;
      double slope = equations.moment(i) - ridge * weights[i];
      for (std::size_t j = 0; j < size; ++j) slope -= equations.gram(i, j) * weights[j];
      const double next = std::max(0.0, weights[i] + slope / curvature);
      moved = std::max(moved, std::abs(next - weights[i]));
      weights[i] = next;
    }
    if (moved < kSettled) break;
  }
  return weights;
}

}  // namespace thalamus::math
