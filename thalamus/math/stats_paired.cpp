#include "thalamus/math/stats_paired.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace thalamus::math {

ResampledMeans ResampledMeans::draw(const std::vector<std::vector<double>>& columns, std::size_t resamples,
                                    base::Rng rng) {
  ResampledMeans result;
  result.resamples_ = std::max<std::size_t>(1, resamples);
  const std::size_t k = columns.size();
  const std::size_t n = k == 0 ? 0 : columns.front().size();
  for (const auto& column : columns) result.observed_.push_back(math::mean(column));
  std::vector<double> rows(n * k);
  for (std::size_t c = 0; c < k; ++c)
    for (std::size_t i = 0; i < n; ++i) rows[i * k + c] = columns[c][i];
  result.means_.assign(result.resamples_ * k, 0.0);
  if (n == 0) return result;
  for (std::size_t b = 0; b < result.resamples_; ++b) {
    double* const sums = result.means_.data() + b * k;
    for (std::size_t i = 0; i < n; ++i) {
      const double* const row = rows.data() + rng.below(n) * k;
      for (std::size_t c = 0; c < k; ++c) sums[c] += row[c];
    }
    for (std::size_t c = 0; c < k; ++c) sums[c] /= static_cast<double>(n);
  }
  return result;
}

Interval ResampledMeans::interval_of(std::vector<double> values, double observed, double level) const {
  std::sort(values.begin(), values.end());
  const auto at = [&](double q) {
    const double position = std::clamp(q, 0.0, 1.0) * static_cast<double>(values.size() - 1);
    const auto below = static_cast<std::size_t>(position);
    const std::size_t above = std::min(below + 1, values.size() - 1);
    return values[below] + (position - static_cast<double>(below)) * (values[above] - values[below]);
  };
  const double tail = (1 - level) / 2;
  return {at(tail), observed, at(1 - tail)};
}

Interval ResampledMeans::mean(std::size_t column, double level) const {
  std::vector<double> values(resamples_);
  for (std::size_t b = 0; b < resamples_; ++b) values[b] = means_[b * columns() + column];
  return interval_of(std::move(values), observed_[column], level);
}

Interval ResampledMeans::difference(std::size_t a, std::size_t b, double level) const {
  std::vector<double> values(resamples_);
  for (std::size_t r = 0; r < resamples_; ++r) values[r] = means_[r * columns() + a] - means_[r * columns() + b];
  return interval_of(std::move(values), observed_[a] - observed_[b], level);
}

double ResampledMeans::p_value(std::size_t a, std::size_t b) const noexcept {
  std::size_t not_above = 0;
  std::size_t not_below = 0;
  for (std::size_t r = 0; r < resamples_; ++r) {
    const double difference = means_[r * columns() + a] - means_[r * columns() + b];
    not_above += difference <= 0 ? 1 : 0;
    not_below += difference >= 0 ? 1 : 0;
  }
  const auto smaller = static_cast<double>(std::min(not_above, not_below) + 1);
  return std::min(1.0, 2 * smaller / static_cast<double>(resamples_ + 1));
}

std::vector<FamilyDifference> holm_family(const ResampledMeans& means, std::span<const std::size_t> columns,
                                          std::size_t reference, double alpha) {
  const std::size_t k = columns.size();
  std::vector<double> p(k);
  for (std::size_t i = 0; i < k; ++i) p[i] = means.p_value(columns[i], reference);
  const std::vector<double> adjusted = holm(p);
  std::vector<std::size_t> order(k);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t x, std::size_t y) { return p[x] != p[y] ? p[x] < p[y] : x < y; });
  std::vector<FamilyDifference> family(k);
  std::size_t step = 0;  // Holm's procedure stops at the first that is not rejected
  for (std::size_t rank = 0; rank < k; ++rank) {
    const std::size_t i = order[rank];
    const double level = 1 - alpha / static_cast<double>(k - step);
    family[i] = {means.difference(columns[i], reference, level), level, p[i], adjusted[i]};
    if (adjusted[i] <= alpha) step = rank + 1;
  }
  return family;
}

double sign_test(std::size_t wins, std::size_t losses) noexcept {
  const std::size_t n = wins + losses;
  if (n == 0) return 1;
  const std::size_t fewer = std::min(wins, losses);
  double tail = 0;
  for (std::size_t i = 0; i <= fewer; ++i) {
    const auto x = static_cast<double>(i);
    const auto m = static_cast<double>(n);
    tail += std::exp(std::lgamma(m + 1) - std::lgamma(x + 1) - std::lgamma(m - x + 1) - m * std::log(2.0));
  }
  return std::min(1.0, 2 * tail);
}

}  // namespace thalamus::math
