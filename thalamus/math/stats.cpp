#include "thalamus/math/stats.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace thalamus::math {

double mean(std::span<const double> values) noexcept {
  if (values.empty()) return 0;
  double sum = 0;
  for (const double v : values) sum += v;
  return sum / static_cast<double>(values.size());
}

double standard_deviation(std::span<const double> values) noexcept {
  if (values.size() < 2) return 0;
  const double center = mean(values);
  double sum = 0;
  for (const double v : values) sum += (v - center) * (v - center);
  return std::sqrt(sum / static_cast<double>(values.size() - 1));
}

double standard_error(std::span<const double> values) noexcept {
  if (values.size() < 2) return 0;
  return standard_deviation(values) / std::sqrt(static_cast<double>(values.size()));
}

double quantile(std::vector<double> values, double q) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const double position = std::clamp(q, 0.0, 1.0) * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(position);
  const std::size_t above = std::min(below + 1, values.size() - 1);
  const double share = position - static_cast<double>(below);
  return values[below] + share * (values[above] - values[below]);
}

Interval paired_bootstrap(std::span<const double> a, std::span<const double> b, std::size_t resamples, base::Rng rng,
                          double level) {
  const std::size_t n = b.empty() ? a.size() : std::min(a.size(), b.size());
  if (n == 0) return {};
  std::vector<double> difference(n);
  for (std::size_t i = 0; i < n; ++i) difference[i] = a[i] - (b.empty() ? 0.0 : b[i]);
  std::vector<double> means(std::max<std::size_t>(resamples, 1));
  for (double& value : means) {
    double sum = 0;
    for (std::size_t i = 0; i < n; ++i) sum += difference[rng.below(n)];
    value = sum / static_cast<double>(n);
  }
  const double tail = (1 - level) / 2;
  return {quantile(means, tail), mean(difference), quantile(means, 1 - tail)};
}

Interval wilson_interval(double successes, double trials, double z) noexcept {
  if (!(trials > 0)) return {0, 0, 1};
  const double p = successes / trials;
  const double z2 = z * z;
  const double center = (p + z2 / (2 * trials)) / (1 + z2 / trials);
  const double half = z / (1 + z2 / trials) * std::sqrt(p * (1 - p) / trials + z2 / (4 * trials * trials));
  return {std::max(0.0, center - half), p, std::min(1.0, center + half)};
}

std::vector<double> holm(std::span<const double> p_values) {
  std::vector<std::size_t> order(p_values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t x, std::size_t y) {
    return p_values[x] != p_values[y] ? p_values[x] < p_values[y] : x < y;
  });
  std::vector<double> adjusted(p_values.size());
  double largest = 0;
  for (std::size_t rank = 0; rank < order.size(); ++rank) {
    const auto factor = static_cast<double>(order.size() - rank);
    largest = std::max(largest, std::min(1.0, factor * p_values[order[rank]]));
    adjusted[order[rank]] = largest;
  }
  return adjusted;
}

double brier(std::span<const double> probability, std::span<const double> outcome) noexcept {
  if (probability.empty()) return 0;
  double sum = 0;
  for (std::size_t i = 0; i < probability.size(); ++i)
    sum += (probability[i] - outcome[i]) * (probability[i] - outcome[i]);
  return sum / static_cast<double>(probability.size());
}

double log_loss(std::span<const double> probability, std::span<const double> outcome) noexcept {
  if (probability.empty()) return 0;
  double sum = 0;
  for (std::size_t i = 0; i < probability.size(); ++i) {
    const double p = std::clamp(probability[i], 1e-12, 1 - 1e-12);
    sum -= outcome[i] * std::log(p) + (1 - outcome[i]) * std::log(1 - p);
  }
  return sum / static_cast<double>(probability.size());
}

double calibration_error(std::span<const double> probability, std::span<const double> outcome, std::size_t bins) {
  const std::size_t n = probability.size();
  if (n == 0 || bins == 0) return 0;
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t x, std::size_t y) {
    return probability[x] != probability[y] ? probability[x] < probability[y] : x < y;
  });
  double error = 0;
  for (std::size_t bin = 0; bin < bins; ++bin) {
    const std::size_t begin = n * bin / bins;
    const std::size_t end = n * (bin + 1) / bins;
    double difference = 0;
    for (std::size_t i = begin; i < end; ++i) difference += probability[order[i]] - outcome[order[i]];
    error += std::abs(difference);
  }
  return error / static_cast<double>(n);
}

}  // namespace thalamus::math
