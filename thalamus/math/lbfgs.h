/// Minimising a smooth function by limited-memory BFGS: no randomness, no threads, sums in a fixed order.
#pragma once

#include <cstddef>
#include <functional>
#include <span>

namespace thalamus::math {

/// Value at `x`; fills `gradient`.
using Objective = std::function<double(std::span<const double> x, std::span<double> gradient)>;

struct LbfgsOptions {
  std::size_t memory = 8;  ///< pairs of steps and gradient changes that are kept
  std::size_t iterations_max = 200;
  double tolerance = 1e-6;  ///< stops where no entry of the gradient is larger
};

struct LbfgsReport {
  std::size_t iterations = 0;
  double value = 0;
  double gradient_max = 0;  ///< largest entry of the gradient, without its sign
};

/// Moves `x` to where the gradient vanishes; a step is taken only where it lowers the value (Armijo's rule), so the
/// value never rises. Ends early where no step lowers it any more.
LbfgsReport minimize(const Objective& objective, std::span<double> x, const LbfgsOptions& options);

}  // namespace thalamus::math
