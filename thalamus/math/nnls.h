/// Non-negative least squares on normal equations (Lawson and Hanson's problem, solved by cyclic coordinate descent,
/// Franc, Hlavac and Navara 2005): min over w >= 0 of w' G w / 2 - b' w.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace thalamus::math {

/// Sums of products of regressors, and of regressors with the outcome.
class NormalEquations {
 public:
  explicit NormalEquations(std::size_t size) : size_(size), gram_(size * size, 0.0), moment_(size, 0.0) {}
  void add(std::span<const double> regressors, double outcome, double weight = 1) noexcept;
  void subtract(const NormalEquations& other) noexcept;
  void add(const NormalEquations& other) noexcept;
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] double gram(std::size_t i, std::size_t j) const noexcept { return gram_[i * size_ + j]; }
  [[nodiscard]] double moment(std::size_t i) const noexcept { return moment_[i]; }

 private:
  std::size_t size_;
  std::vector<double> gram_;
  std::vector<double> moment_;
};

/// Weights >= 0, one per regressor; `penalty` (a share of the mean diagonal) keeps equal regressors from an arbitrary
/// split. A regressor that is zero everywhere gets 0.
[[nodiscard]] std::vector<double> nonnegative_least_squares(const NormalEquations& equations, double penalty = 1e-6);

}  // namespace thalamus::math
