/// The latency rule of RAGRouter (arXiv 2505.23052): among targets sorted from the fastest, the first whose score is
/// within theta of the best. It serves any method that scores.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace thalamus::route {

/// Columns from the least to the most mean amount (seconds, USD) per recorded cell; columns without any come last, ties
/// by index. `amounts` is rows x columns with NaN where not recorded.
[[nodiscard]] inline std::vector<std::uint32_t> order_by_mean(std::span<const float> amounts, std::size_t columns) {
  std::vector<double> sum(columns, 0.0);
  std::vector<double> count(columns, 0.0);
  for (std::size_t i = 0; i < amounts.size(); ++i) {
    if (!std::isfinite(amounts[i])) continue;
    sum[i % columns] += static_cast<double>(amounts[i]);
    count[i % columns] += 1;
  }
  std::vector<double> mean(columns, INFINITY);
  std::vector<std::uint32_t> order(columns);
  for (std::uint32_t c = 0; c < columns; ++c) {
    order[c] = c;
    if (count[c] > 0) mean[c] = sum[c] / count[c];
  }
  std::sort(order.begin(), order.end(),
            [&](std::uint32_t a, std::uint32_t b) { return mean[a] != mean[b] ? mean[a] < mean[b] : a < b; });
  return order;
}

/// Turns scores within [0,1] into preferences, in place: targets within `theta` of the best score come first, from the
/// fastest, then the others by score. `fastest_first` names every column once.
inline void prefer_within(double theta, std::span<const std::uint32_t> fastest_first,
                          std::span<float> scores) noexcept {
  if (scores.empty()) return;
  const auto best = static_cast<double>(*std::max_element(scores.begin(), scores.end()));
  const auto size = static_cast<float>(scores.size());
  for (std::size_t place = 0; place < fastest_first.size(); ++place) {
    float& score = scores[fastest_first[place]];
    if (best - static_cast<double>(score) <= theta) score = 2 + (size - static_cast<float>(place)) / size;
  }
}

}  // namespace thalamus::route
