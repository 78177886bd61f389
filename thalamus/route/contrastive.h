/// Contrastive training of vectors on the unit sphere: which models a row sets against each other, the InfoNCE loss
/// over similarities, and the gradient through a normalisation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace thalamus::route {

/// Models of one row that are pulled towards it and pushed away. A row where all fail has no positives, one where all
/// succeed no negatives.
struct Contrast {
  std::vector<std::uint32_t> positives;  ///< the best of score > 0
  std::vector<std::uint32_t> negatives;  ///< the worst of score <= .5
};

/// Takes at most `count` of each from the scores that are not NaN. Models of the same score stand in an order drawn
/// from `tie_seed`: right-or-wrong outcomes leave most of them tied, and a fixed order would favour some.
void choose_contrast(std::span<const float> scores, std::size_t count, std::uint64_t tie_seed, Contrast& out);

/// -log(e^p / (e^p + sum of e^n)); adds `weight` times its derivatives. Zero without negatives.
[[nodiscard]] double info_nce(double positive, std::span<const double> negatives, double weight,
                              double& positive_gradient, std::span<double> negative_gradients) noexcept;

/// Sum of info_nce over the positives of a row, against its negatives of lower score. `similarity` has one number per
/// model, already divided by the temperature; `gradient` is added to.
[[nodiscard]] double contrast_loss(std::span<const double> similarity, std::span<const float> scores,
                                   const Contrast& contrast, std::span<double> gradient);

/// Copies `x` to `unit` at unit length (a zero vector stays) and returns the length it had.
float to_unit(std::span<const float> x, std::span<float> unit) noexcept;
/// Turns the gradient by unit = x / length into the gradient by x, in place.
void through_unit(std::span<const float> unit, float length, std::span<float> gradient) noexcept;

}  // namespace thalamus::route
