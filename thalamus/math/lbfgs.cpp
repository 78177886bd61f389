// Nocedal: Updating quasi-Newton matrices with limited storage, Mathematics of Computation 1980 (two-loop recursion).
#include "thalamus/math/lbfgs.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <vector>

namespace thalamus::math {
namespace {

constexpr double kArmijo = 1e-4;
constexpr int kHalvingsMax = 40;

double inner(std::span<const double> a, std::span<const double> b) noexcept {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

double largest(std::span<const double> a) noexcept {
  double result = 0;
  for (const double value : a) result = std::max(result, std::abs(value));
  return result;
}

struct Pair {
  std::vector<double> step;
  std::vector<double> change;  // of the gradient
  double scale = 0;            // 1 / (step . change)
};

// -H * gradient from the pairs kept.
std::vector<double> direction(std::span<const double> gradient, const std::deque<Pair>& pairs) {
  std::vector<double> d(gradient.begin(), gradient.end());
  std::vector<double> alpha(pairs.size());
  for (std::size_t k = pairs.size(); k-- > 0;) {
    alpha[k] = pairs[k].scale * inner(pairs[k].step, d);
    for (std::size_t i = 0; i < d.size(); ++i) d[i] -= alpha[k] * pairs[k].change[i];
  }
  if (!pairs.empty()) {
    const Pair& last = pairs.back();
    const double scale = 1 / (last.scale * inner(last.change, last.change));
    for (double& value : d) value *= scale;
  }
  for (std::size_t k = 0; k < pairs.size(); ++k) {
    const double beta = pairs[k].scale * inner(pairs[k].change, d);
    for (std::size_t i = 0; i < d.size(); ++i) d[i] += (alpha[k] - beta) * pairs[k].step[i];
  }
  for (double& value : d) value = -value;
  return d;
}

}  // namespace

LbfgsReport minimize(const Objective& objective, std::span<double> x, const LbfgsOptions& options) {
  std::vector<double> gradient(x.size());
  std::vector<double> next(x.size());
  std::vector<double> next_gradient(x.size());
  std::deque<Pair> pairs;
  LbfgsReport report;
  report.value = objective(x, gradient);
  report.gradient_max = largest(gradient);
  while (report.iterations < options.iterations_max && report.gradient_max > options.tolerance) {
    std::vector<double> d = direction(gradient, pairs);
    double slope = inner(gradient, d);
    if (!(slope < 0)) {  // rounding has spoilt the pairs
      pairs.clear();
      d = direction(gradient, pairs);
      slope = -inner(gradient, gradient);
    }
    double length = pairs.empty() ? 1 / std::max(1.0, std::sqrt(-slope)) : 1;
    double value = report.value;
    int halvings = 0;
    for (; halvings < kHalvingsMax; ++halvings, length /= 2) {
      for (std::size_t i = 0; i < x.size(); ++i) next[i] = x[i] + length * d[i];
      value = objective(next, next_gradient);
      if (value <= report.value + kArmijo * length * slope) break;
    }
    if (halvings == kHalvingsMax) {
      if (pairs.empty()) break;
      pairs.clear();  // once more along the gradient
      continue;
    }
    Pair pair{std::vector<double>(x.size()), std::vector<double>(x.size()), 0};
    for (std::size_t i = 0; i < x.size(); ++i) {
      pair.step[i] = next[i] - x[i];
      pair.change[i] = next_gradient[i] - gradient[i];
      x[i] = next[i];
    }
    const double curvature = inner(pair.step, pair.change);
    if (curvature > 1e-12 * inner(pair.step, pair.step)) {
      pair.scale = 1 / curvature;
      pairs.push_back(std::move(pair));
      if (pairs.size() > options.memory) pairs.pop_front();
    }
    gradient.swap(next_gradient);
    report.value = value;
    report.gradient_max = largest(gradient);
    ++report.iterations;
  }
  return report;
}

}  // namespace thalamus::math
