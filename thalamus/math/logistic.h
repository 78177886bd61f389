/// Logistic regression: two or more classes, soft or weighted targets, squared penalty; and its ordinal form with one
/// slope and growing thresholds. Features are centred and scaled to a mean squared row length of 1 inside, so that a
/// penalty means the same for every feature set; the fitted weights apply to the features as they came.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "thalamus/base/bytes.h"
#include "thalamus/base/result.h"

namespace thalamus::math {

struct LogisticOptions {
  double penalty = 1e-4;  ///< half of it times the squared weights is added to the mean loss
  std::size_t iterations_max = 200;
  double tolerance = 1e-5;  ///< of the mean loss's gradient
};

/// (x - center) * factor has columns of equal variance and rows of mean squared length 1. Constant columns count 0.
struct RowScaling {
  std::vector<double> center;
  std::vector<double> factor;
  [[nodiscard]] static RowScaling fit(std::span<const float> x, std::size_t size);
  [[nodiscard]] std::vector<double> apply(std::span<const float> x) const;
};

class Logistic {
 public:
  Logistic() = default;
  /// `x` is rows x size; `targets` rows x classes with weights >= 0, several in a row for a soft target, all zero for a
  /// row that is not read. kInvalidInput on sizes that do not fit or numbers that are not finite. Classes that nobody
  /// has stay at probability zero as far as the penalty of the bias allows.
  [[nodiscard]] static Result<Logistic> fit(std::span<const float> x, std::size_t size, std::span<const double> targets,
                                            std::size_t classes, const LogisticOptions& options);
  [[nodiscard]] std::size_t classes() const noexcept { return classes_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  /// Fills one probability per class; they sum to 1.
  void probabilities(std::span<const float> x, std::span<double> out) const noexcept;
  /// Of class 1 of two.
  [[nodiscard]] double probability(std::span<const float> x) const noexcept;

  void save(base::ByteWriter& out) const;
  [[nodiscard]] static Result<Logistic> load(base::ByteReader& in, std::size_t size, std::size_t classes,
                                             std::string_view what);

 private:
  [[nodiscard]] std::size_t logits() const noexcept { return classes_ == 2 ? 1 : classes_; }
  [[nodiscard]] double logit(std::size_t k, std::span<const float> x) const noexcept;
  std::size_t size_ = 0;
  std::size_t classes_ = 0;
  std::vector<float> weights_;  ///< logits x size; two classes share one logit, that of class 1
  std::vector<double> bias_;
};

/// Mean weighted cross-entropy plus penalty, and its gradient. `parameters` is logits x (size + 1), each bias behind
/// its weights; biases carry a tiny penalty that keeps them finite.
[[nodiscard]] double logistic_objective(std::span<const double> x, std::size_t size, std::span<const double> targets,
                                        std::size_t classes, double penalty, std::span<const double> parameters,
                                        std::span<double> gradient);

/// Probabilities of rows by fits that did not read them.
struct HeldOutLogistic {
  std::vector<double> probability;  ///< rows x classes
  double loss = 0;                  ///< mean weighted cross-entropy
};
/// `fold_of` names one of `folds` folds per row; each fold is predicted by a fit on the others.
[[nodiscard]] Result<HeldOutLogistic> hold_out_logistic(std::span<const float> x, std::size_t size,
                                                        std::span<const double> targets, std::size_t classes,
                                                        std::span<const std::uint32_t> fold_of, std::uint32_t folds,
                                                        const LogisticOptions& options);
/// The penalty of the least loss on the rows of fold 0 by fits on the others; the larger one on ties.
[[nodiscard]] Result<double> choose_logistic_penalty(std::span<const float> x, std::size_t size,
                                                     std::span<const double> targets, std::size_t classes,
                                                     std::span<const std::uint32_t> fold_of,
                                                     const LogisticOptions& options);

/// Cumulative logit (proportional odds): P(class <= k) = sigmoid(threshold_k - w . x), thresholds ascending.
class OrdinalLogistic {
 public:
  OrdinalLogistic() = default;
  /// `label` in 0..classes - 1; other values are not read. classes >= 2.
  [[nodiscard]] static Result<OrdinalLogistic> fit(std::span<const float> x, std::size_t size,
                                                   std::span<const std::int32_t> label, std::size_t classes,
                                                   const LogisticOptions& options);
  /// Fills P(class <= k) for k = 0..classes - 2; never falling in k.
  void cumulative(std::span<const float> x, std::span<double> out) const noexcept;

  void save(base::ByteWriter& out) const;
  [[nodiscard]] static Result<OrdinalLogistic> load(base::ByteReader& in, std::size_t size, std::size_t classes,
                                                    std::string_view what);

 private:
  std::vector<float> weights_;
  std::vector<double> thresholds_;  ///< classes - 1
};

/// Mean loss of the ordinal form plus penalty, and its gradient. `parameters`: size weights, the first threshold, then
/// the logarithms of the steps to the next ones.
[[nodiscard]] double ordinal_objective(std::span<const double> x, std::size_t size, std::span<const std::int32_t> label,
                                       std::size_t classes, double penalty, std::span<const double> parameters,
                                       std::span<double> gradient);

}  // namespace thalamus::math
