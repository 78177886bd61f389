#include "thalamus/math/stats_ranking.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <numeric>

#include "thalamus/math/stats.h"

namespace thalamus::math {
namespace {

/// Positions by value descending, ties by position.
std::vector<std::size_t> descending(std::span<const double> values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t x, std::size_t y) { return values[x] != values[y] ? values[x] > values[y] : x < y; });
  return order;
}

/// Calls `visit(first, last)` for each run of equal values of an order.
template <class Visit>
void for_ties(std::span<const double> values, const std::vector<std::size_t>& order, Visit&& visit) {
  for (std::size_t first = 0; first < order.size();) {
    std::size_t last = first + 1;
    while (last < order.size() && values[order[last]] == values[order[first]]) ++last;
    visit(first, last);
    first = last;
  }
}

std::vector<double> mean_ranks(std::span<const double> values) {
  std::vector<double> ranks(values.size());
  const auto order = descending(values);
  for_ties(values, order, [&](std::size_t first, std::size_t last) {
    for (std::size_t i = first; i < last; ++i) ranks[order[i]] = static_cast<double>(first + last - 1) / 2;
  });
  return ranks;
}

}  // namespace

std::optional<double> auroc(std::span<const double> score, std::span<const double> outcome) {
  double right_before = 0;  // of strictly higher scores
  double wrong_total = 0;
  double area = 0;
  const auto order = descending(score);
  for_ties(score, order, [&](std::size_t first, std::size_t last) {
    double right = 0;
    double wrong = 0;
    for (std::size_t i = first; i < last; ++i) {
      right += outcome[order[i]];
      wrong += 1 - outcome[order[i]];
    }
    area += wrong * (right_before + right / 2);
    right_before += right;
    wrong_total += wrong;
  });
  if (!(right_before > 0) || !(wrong_total > 0)) return std::nullopt;
  return area / (right_before * wrong_total);
}

std::optional<double> auprc(std::span<const double> score, std::span<const double> outcome) {
  const double total = std::accumulate(outcome.begin(), outcome.end(), 0.0);
  if (!(total > 0)) return std::nullopt;
  double right = 0;
  double area = 0;
  const auto order = descending(score);
  for_ties(score, order, [&](std::size_t first, std::size_t last) {
    double gained = 0;
    for (std::size_t i = first; i < last; ++i) gained += outcome[order[i]];
    right += gained;
    area += gained / total * right / static_cast<double>(last);
  });
  return area;
}

std::optional<double> pearson(std::span<const double> a, std::span<const double> b) {
  const std::size_t n = std::min(a.size(), b.size());
  if (n < 2) return std::nullopt;
  const double mean_a = mean(a.first(n));
  const double mean_b = mean(b.first(n));
  double aa = 0;
  double bb = 0;
  double ab = 0;
  for (std::size_t i = 0; i < n; ++i) {
    aa += (a[i] - mean_a) * (a[i] - mean_a);
    bb += (b[i] - mean_b) * (b[i] - mean_b);
    ab += (a[i] - mean_a) * (b[i] - mean_b);
  }
  if (!(aa > 0) || !(bb > 0)) return std::nullopt;
  return std::clamp(ab / std::sqrt(aa * bb), -1.0, 1.0);
}

std::optional<double> spearman(std::span<const double> a, std::span<const double> b) {
  const std::size_t n = std::min(a.size(), b.size());
  return pearson(mean_ranks(a.first(n)), mean_ranks(b.first(n)));
}

std::optional<AmountErrors> amount_errors(std::span<const double> estimate, std::span<const double> actual) noexcept {
  double relative = 0;
  double error = 0;
  double sum = 0;
  std::size_t positive = 0;
  for (std::size_t i = 0; i < std::min(estimate.size(), actual.size()); ++i) {
    error += estimate[i] - actual[i];
    sum += actual[i];
    if (!(actual[i] > 0)) continue;
    relative += std::abs(estimate[i] - actual[i]) / actual[i];
    ++positive;
  }
  if (positive == 0) return std::nullopt;
  return AmountErrors{relative / static_cast<double>(positive), error / sum};
}

std::optional<double> r_squared(std::span<const double> estimate, std::span<const double> actual) noexcept {
  const double center = mean(actual);
  double residual = 0;
  double total = 0;
  for (std::size_t i = 0; i < std::min(estimate.size(), actual.size()); ++i) {
    residual += (estimate[i] - actual[i]) * (estimate[i] - actual[i]);
    total += (actual[i] - center) * (actual[i] - center);
  }
  if (!(total > 0)) return std::nullopt;
  return 1 - residual / total;
}

std::vector<RiskPoint> risk_coverage(std::span<const double> confidence, std::span<const double> outcome) {
  std::vector<RiskPoint> points;
  double right = 0;
  const auto order = descending(confidence);
  for_ties(confidence, order, [&](std::size_t first, std::size_t last) {
    for (std::size_t i = first; i < last; ++i) right += outcome[order[i]];
    points.push_back(
        {static_cast<double>(last) / static_cast<double>(order.size()), right / static_cast<double>(last)});
  });
  return points;
}

double aurc(std::span<const double> confidence, std::span<const double> outcome) {
  if (confidence.empty()) return 0;
  double wrong = 0;
  double sum = 0;
  const auto order = descending(confidence);
  for_ties(confidence, order, [&](std::size_t first, std::size_t last) {
    double wrong_here = 0;
    for (std::size_t i = first; i < last; ++i) wrong_here += 1 - outcome[order[i]];
    const double each = wrong_here / static_cast<double>(last - first);
    for (std::size_t i = first; i < last; ++i)
      sum += (wrong + each * static_cast<double>(i + 1 - first)) / static_cast<double>(i + 1);
    wrong += wrong_here;
  });
  return sum / static_cast<double>(confidence.size());
}

double mutual_information(std::span<const std::int32_t> a, std::span<const std::int32_t> b) {
  const std::size_t n = std::min(a.size(), b.size());
  std::map<std::pair<std::int32_t, std::int32_t>, double> both;
  std::map<std::int32_t, double> of_a;
  std::map<std::int32_t, double> of_b;
  for (std::size_t i = 0; i < n; ++i) {
    both[{a[i], b[i]}] += 1;
    of_a[a[i]] += 1;
    of_b[b[i]] += 1;
  }
  const auto count = static_cast<double>(n);
  double bits = 0;
  for (const auto& [labels, seen] : both)
    bits += seen / count * std::log2(seen * count / (of_a[labels.first] * of_b[labels.second]));
  return std::max(0.0, bits);
}

std::vector<CalibrationBin> calibration_bins(std::span<const double> probability, std::span<const double> outcome,
                                             std::size_t bins) {
  std::vector<CalibrationBin> result;
  std::vector<std::size_t> order = descending(probability);
  std::reverse(order.begin(), order.end());
  for (std::size_t bin = 0; bin < bins; ++bin) {
    const std::size_t begin = order.size() * bin / bins;
    const std::size_t end = order.size() * (bin + 1) / bins;
    if (begin == end) continue;
    CalibrationBin sums;
    for (std::size_t i = begin; i < end; ++i) {
      sums.forecast += probability[order[i]];
      sums.outcome += outcome[order[i]];
    }
    sums.count = end - begin;
    sums.forecast /= static_cast<double>(sums.count);
    sums.outcome /= static_cast<double>(sums.count);
    result.push_back(sums);
  }
  return result;
}

}  // namespace thalamus::math
