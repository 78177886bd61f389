/// Strictly increasing maps from a raw score to a probability, fitted on held-out pairs. Increasing, so that
/// calibrating never changes the order of targets.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "thalamus/base/bytes.h"
#include "thalamus/base/result.h"

namespace thalamus::math {

enum class CalibrationKind : std::uint8_t { kNone, kLogistic, kIsotonic };

class Calibration {
 public:
  /// The identity, clamped to [0,1].
  Calibration() = default;
  /// Platt's scaling: sigmoid(slope * stretch(score) + offset), slope > 0.
  [[nodiscard]] static Calibration logistic(std::span<const double> score, std::span<const double> outcome);
  /// Pool-adjacent-violators in at most 32 knots, linear between them with a tiny slope where flat.
  [[nodiscard]] static Calibration isotonic(std::span<const double> score, std::span<const double> outcome);
  [[nodiscard]] static Calibration fit(CalibrationKind kind, std::span<const double> score,
                                       std::span<const double> outcome);

  /// In [0,1] for any finite score.
  [[nodiscard]] double apply(double score) const noexcept;
  /// The value and the derivative there, which carries deviations over.
  struct Mapped {
    double value = 0;
    double slope = 0;
  };
  [[nodiscard]] Mapped map(double score) const noexcept;
  [[nodiscard]] CalibrationKind kind() const noexcept { return kind_; }

  void save(base::ByteWriter& out) const;
  [[nodiscard]] static Result<Calibration> load(base::ByteReader& in);

 private:
  CalibrationKind kind_ = CalibrationKind::kNone;
  double slope_ = 1;
  double offset_ = 0;
  std::vector<double> knots_x_;
  std::vector<double> knots_y_;
};

}  // namespace thalamus::math
