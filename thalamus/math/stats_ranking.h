/// How well scores order and predict: areas under curves, rank correlation, errors of estimated numbers, selective
/// risk, and information between labels.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace thalamus::math {

/// Area under the receiver operating characteristic; outcomes in [0,1] count as so much right and the rest wrong, ties
/// half. Nothing where only one kind of outcome is there.
[[nodiscard]] std::optional<double> auroc(std::span<const double> score, std::span<const double> outcome);
/// Average precision: the step-wise area under precision against recall, tied scores entering together. Nothing
/// without any right outcome.
[[nodiscard]] std::optional<double> auprc(std::span<const double> score, std::span<const double> outcome);
/// Rank correlation with mean ranks for ties. Nothing where either side is constant or has fewer than two values.
[[nodiscard]] std::optional<double> spearman(std::span<const double> a, std::span<const double> b);
[[nodiscard]] std::optional<double> pearson(std::span<const double> a, std::span<const double> b);

/// Errors of estimated amounts.
struct AmountErrors {
  double mape = 0;  ///< mean of |estimate - actual| / actual where actual > 0
  double bias = 0;  ///< mean of estimate - actual, divided by the mean actual
};
/// Nothing where no actual amount is positive.
[[nodiscard]] std::optional<AmountErrors> amount_errors(std::span<const double> estimate,
                                                        std::span<const double> actual) noexcept;
/// Share of variance explained, 1 - SSE / SST; nothing where the actual values are constant.
[[nodiscard]] std::optional<double> r_squared(std::span<const double> estimate,
                                              std::span<const double> actual) noexcept;

/// Accuracy of the most confident share, and that share.
struct RiskPoint {
  double coverage = 0;
  double accuracy = 0;
};
/// By confidence descending, a point where the confidence changes.
[[nodiscard]] std::vector<RiskPoint> risk_coverage(std::span<const double> confidence, std::span<const double> outcome);
/// Mean over k of 1 - accuracy of the k most confident; ties in expectation, so the order of rows does not matter.
[[nodiscard]] double aurc(std::span<const double> confidence, std::span<const double> outcome);

/// Mutual information of two labels in bits, plug-in estimate.
[[nodiscard]] double mutual_information(std::span<const std::int32_t> a, std::span<const std::int32_t> b);

/// One bin of a calibration plot: equal mass.
struct CalibrationBin {
  double forecast = 0;
  double outcome = 0;
  std::size_t count = 0;
};
[[nodiscard]] std::vector<CalibrationBin> calibration_bins(std::span<const double> probability,
                                                           std::span<const double> outcome, std::size_t bins = 15);

}  // namespace thalamus::math
