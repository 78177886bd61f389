/// Ridge regression of several targets on the same features, with missing targets.
/// For each target m: min over (w, b) of sum_i (y_im - w.x_i - b)^2 + penalty |w|^2.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "thalamus/base/result.h"

namespace thalamus::math {

struct RidgeOptions {
  double penalty = 0;  ///< 0 chooses each target's own by generalised cross-validation
};

struct Ridge {
  std::size_t size = 0;  ///< features
  std::size_t targets = 0;
  std::vector<float> weights;         ///< targets x size
  std::vector<float> bias;            ///< one per target; the mean where a target has too few rows
  std::vector<double> penalty;        ///< used, per target
  std::vector<double> residual_sd;    ///< of an outcome around the prediction
  std::vector<double> prediction_sd;  ///< of the prediction itself: residual_sd * sqrt(degrees of freedom / rows)
};

/// `x` is rows x size, `y` rows x targets with NaN for missing. kInvalidInput on sizes that do not fit or features that
/// are not finite. A target without any value gets weight and bias 0.
[[nodiscard]] Result<Ridge> fit_ridge(std::span<const float> x, std::size_t size, std::span<const float> y,
                                      std::size_t targets, const RidgeOptions& options);

}  // namespace thalamus::math
