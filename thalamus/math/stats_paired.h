/// Many policies scored on the same rows: means under shared resamples, and families of differences that hold together
/// (Holm 1979).
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "thalamus/base/rng.h"
#include "thalamus/math/stats.h"

namespace thalamus::math {

/// Means of several columns under the same resamples of their rows, so that every difference is paired.
class ResampledMeans {
 public:
  /// All columns have the same length. Memory: resamples x columns.
  [[nodiscard]] static ResampledMeans draw(const std::vector<std::vector<double>>& columns, std::size_t resamples,
                                           base::Rng rng);
  [[nodiscard]] std::size_t columns() const noexcept { return observed_.size(); }
  [[nodiscard]] double observed(std::size_t column) const noexcept { return observed_[column]; }
  /// Percentile interval of one mean.
  [[nodiscard]] Interval mean(std::size_t column, double level = 0.95) const;
  /// Percentile interval of the mean of a - b.
  [[nodiscard]] Interval difference(std::size_t a, std::size_t b, double level = 0.95) const;
  /// Two-sided: twice the smaller share of resampled differences on one side of zero, never below 2 / (resamples + 1).
  [[nodiscard]] double p_value(std::size_t a, std::size_t b) const noexcept;

 private:
  [[nodiscard]] Interval interval_of(std::vector<double> values, double observed, double level) const;
  std::size_t resamples_ = 0;
  std::vector<double> observed_;
  std::vector<double> means_;  ///< resamples x columns
};

/// One member of a family "each of `columns` minus the reference".
struct FamilyDifference {
  Interval interval;      ///< at `level`
  double level = 0;       ///< 1 - alpha / (k - rank); ranks after the first that is not rejected keep its level
  double p = 1;           ///< by the bootstrap
  double p_adjusted = 1;  ///< Holm
};
/// In the order of `columns`.
[[nodiscard]] std::vector<FamilyDifference> holm_family(const ResampledMeans& means,
                                                        std::span<const std::size_t> columns, std::size_t reference,
                                                        double alpha = 0.05);

/// Two-sided sign test: the chance of a split at least as uneven as `wins` against `losses` where both are equally
/// likely. Ties are left out by the caller. 1 without any.
[[nodiscard]] double sign_test(std::size_t wins, std::size_t losses) noexcept;

}  // namespace thalamus::math
