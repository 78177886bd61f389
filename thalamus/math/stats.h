/// Statistics that training and evaluation share: means, quantiles, paired intervals, calibration measures.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "thalamus/base/rng.h"

namespace thalamus::math {

[[nodiscard]] double mean(std::span<const double> values) noexcept;
/// With n - 1; 0 for fewer than two values.
[[nodiscard]] double standard_deviation(std::span<const double> values) noexcept;
[[nodiscard]] double standard_error(std::span<const double> values) noexcept;
/// Linear interpolation between order statistics, q in [0,1]. Empty input gives 0.
[[nodiscard]] double quantile(std::vector<double> values, double q);

struct Interval {
  double low = 0;
  double mean = 0;
  double high = 0;
};
/// Percentile bootstrap of the mean of a - b over the same rows; of a alone where b is empty.
[[nodiscard]] Interval paired_bootstrap(std::span<const double> a, std::span<const double> b, std::size_t resamples,
                                        base::Rng rng, double level = 0.95);
/// Wilson score interval of a share.
[[nodiscard]] Interval wilson_interval(double successes, double trials, double z = 1.959963984540054) noexcept;
/// Adjusted p-values in the given order (Holm 1979).
[[nodiscard]] std::vector<double> holm(std::span<const double> p_values);

/// Mean squared error of probabilities against outcomes in [0,1].
[[nodiscard]] double brier(std::span<const double> probability, std::span<const double> outcome) noexcept;
[[nodiscard]] double log_loss(std::span<const double> probability, std::span<const double> outcome) noexcept;
/// Expected calibration error over bins of equal mass.
[[nodiscard]] double calibration_error(std::span<const double> probability, std::span<const double> outcome,
                                       std::size_t bins = 15);

}  // namespace thalamus::math
