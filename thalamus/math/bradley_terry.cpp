// Bradley and Terry: Rank analysis of incomplete block designs, Biometrika 1952. The loss is convex; a step that does
// not lower it is halved. One step costs O(players^3).
#include "thalamus/math/bradley_terry.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "thalamus/math/dense_net.h"

namespace thalamus::math {
namespace {

constexpr std::size_t kStepsMax = 50;
constexpr double kStepMin = 1e-10;

double log1p_exp(double x) noexcept { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); }

double loss_of(std::span<const double> wins, double total, double ridge, std::span<const double> c) noexcept {
  double loss = 0;
  for (std::size_t a = 0; a < c.size(); ++a)
    for (std::size_t b = 0; b < c.size(); ++b)
      if (wins[a * c.size() + b] > 0) loss += wins[a * c.size() + b] * log1p_exp(c[b] - c[a]);
  loss /= total;
  for (const double value : c) loss += ridge / 2 * value * value;
  return loss;
}

/// Solves A x = b in place by Cholesky's decomposition; A is symmetric, positive definite and lost.
void solve_positive(std::span<double> a, std::span<double> b) noexcept {
  const std::size_t n = b.size();
  for (std::size_t j = 0; j < n; ++j) {
    for (std::size_t k = 0; k < j; ++k) a[j * n + j] -= a[j * n + k] * a[j * n + k];
    a[j * n + j] = std::sqrt(std::max(a[j * n + j], 1e-300));
    for (std::size_t i = j + 1; i < n; ++i) {
      for (std::size_t k = 0; k < j; ++k) a[i * n + j] -= a[i * n + k] * a[j * n + k];
      a[i * n + j] /= a[j * n + j];
    }
  }
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t k = 0; k < i; ++k) b[i] -= a[i * n + k] * b[k];
    b[i] /= a[i * n + i];
  }
  for (std::size_t i = n; i-- > 0;) {
    for (std::size_t k = i + 1; k < n; ++k) b[i] -= a[k * n + i] * b[k];
    b[i] /= a[i * n + i];
  }
}

}  // namespace

std::size_t fit_bradley_terry(std::span<const double> wins, double ridge, std::span<double> strengths,
                              std::span<double> workspace) noexcept {
  const std::size_t n = strengths.size();
  const double total = std::accumulate(wins.begin(), wins.end(), 0.0);
  if (!(total > 0)) {
    std::fill(strengths.begin(), strengths.end(), 0.0);
    return 0;
  }
  const auto hessian = workspace.first(n * n);
  const auto step = workspace.subspan(n * n, n);
  const auto tried = workspace.subspan(n * n + n, n);
  double loss = loss_of(wins, total, ridge, strengths);
  std::size_t steps = 0;
  for (; steps < kStepsMax; ++steps) {
    std::fill(hessian.begin(), hessian.end(), 0.0);
    for (std::size_t a = 0; a < n; ++a) {
      step[a] = ridge * strengths[a];
      hessian[a * n + a] = ridge;
    }
    for (std::size_t a = 0; a < n; ++a) {
      for (std::size_t b = 0; b < n; ++b) {
        const double weight = wins[a * n + b] / total;
        if (!(weight > 0) || a == b) continue;
        const double q = sigmoid(strengths[b] - strengths[a]);
        step[a] -= weight * q;
        step[b] += weight * q;
        const double curvature = weight * q * (1 - q);
        hessian[a * n + a] += curvature;
        hessian[b * n + b] += curvature;
        hessian[a * n + b] -= curvature;
        hessian[b * n + a] -= curvature;
      }
    }
    solve_positive(hessian, step);
    double size = 0;
    for (const double value : step) size = std::max(size, std::abs(value));
    if (!(size > kStepMin)) break;
    double length = 1;
    double next = loss;
    for (int halvings = 0; halvings < 30; ++halvings, length /= 2) {
      for (std::size_t a = 0; a < n; ++a) tried[a] = strengths[a] - length * step[a];
      next = loss_of(wins, total, ridge, tried);
      if (next <= loss) break;
    }
    if (!(next <= loss)) break;
    loss = next;
    std::copy(tried.begin(), tried.end(), strengths.begin());
  }
  const double mean = std::accumulate(strengths.begin(), strengths.end(), 0.0) / static_cast<double>(n);
  for (double& value : strengths) value -= mean;
  return steps;
}

double elo(double strength) noexcept { return 400 * strength / std::numbers::ln10 + 1000; }

std::vector<std::uint32_t> split_tiers(std::span<const double> values, std::size_t tiers) {
  const std::size_t n = values.size();
  tiers = std::clamp<std::size_t>(tiers, 1, std::max<std::size_t>(1, n));
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return values[a] != values[b] ? values[a] < values[b] : a < b; });
  std::vector<double> sum(n + 1, 0.0);
  std::vector<double> square(n + 1, 0.0);
  for (std::size_t i = 0; i < n; ++i) {
    // Relative to the lowest, so that large offsets cost no digits.
    const double value = values[order[i]] - values[order[0]];
    sum[i + 1] = sum[i] + value;
    square[i + 1] = square[i] + value * value;
  }
  const auto deviation = [&](std::size_t begin, std::size_t end) {
    const double total = sum[end] - sum[begin];
    return std::max(0.0, square[end] - square[begin] - total * total / static_cast<double>(end - begin));
  };
  // best[t * (n + 1) + i]: the first i values in t + 1 groups; from: where the last group begins.
  std::vector<double> best(tiers * (n + 1), INFINITY);
  std::vector<std::size_t> from(tiers * (n + 1), 0);
  for (std::size_t i = 1; i <= n; ++i) best[i] = deviation(0, i);
  for (std::size_t t = 1; t < tiers; ++t) {
    for (std::size_t i = t + 1; i <= n; ++i) {
      for (std::size_t begin = t; begin < i; ++begin) {
        const double cost = best[(t - 1) * (n + 1) + begin] + deviation(begin, i);
        if (cost < best[t * (n + 1) + i]) {
          best[t * (n + 1) + i] = cost;
          from[t * (n + 1) + i] = begin;
        }
      }
    }
  }
  std::vector<std::uint32_t> result(n, 0);
  std::size_t end = n;
  for (std::size_t t = tiers; t-- > 0 && end > 0;) {
    const std::size_t begin = t == 0 ? 0 : from[t * (n + 1) + end];
    for (std::size_t i = begin; i < end; ++i) result[order[i]] = static_cast<std::uint32_t>(t);
    end = begin;
  }
  return result;
}

}  // namespace thalamus::math
