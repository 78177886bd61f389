// Cumulative logit (McCullagh: Regression models for ordinal data, JRSS B 1980). P(k) = sigmoid(t_k - z) -
// sigmoid(t_{k-1} - z); thresholds grow by exp(step), so that they stay in order.
#include <algorithm>
#include <cmath>

#include "thalamus/math/dense_net.h"
#include "thalamus/math/kernels.h"
#include "thalamus/math/lbfgs.h"
#include "thalamus/math/logistic.h"

namespace thalamus::math {
namespace {

constexpr double kStepPenalty = 1e-4;  // keeps thresholds of classes that nobody has finite
constexpr double kProbabilityMin = 1e-12;

std::vector<double> thresholds_of(std::span<const double> parameters, std::size_t size) {
  std::vector<double> result{parameters[size]};
  for (std::size_t k = size + 1; k < parameters.size(); ++k)
    result.push_back(result.back() + std::exp(std::clamp(parameters[k], -20.0, 20.0)));
  return result;
}

/// Adds one row's loss; returns its derivative by z and adds those by the thresholds.
double row_loss(std::span<const double> thresholds, std::size_t label, double z, double& loss,
                std::span<double> by_threshold) {
  const bool has_upper = label < thresholds.size();
  const double upper = has_upper ? sigmoid(thresholds[label] - z) : 1;
  const double lower = label > 0 ? sigmoid(thresholds[label - 1] - z) : 0;
  const double p = std::max(upper - lower, kProbabilityMin);
  loss -= std::log(p);
  const double upper_slope = upper * (1 - upper);
  const double lower_slope = lower * (1 - lower);
  if (has_upper) by_threshold[label] -= upper_slope / p;
  if (label > 0) by_threshold[label - 1] += lower_slope / p;
  return (upper_slope - lower_slope) / p;
}

}  // namespace

double ordinal_objective(std::span<const double> x, std::size_t size, std::span<const std::int32_t> label,
                         std::size_t classes, double penalty, std::span<const double> parameters,
                         std::span<double> gradient) {
  const std::vector<double> thresholds = thresholds_of(parameters, size);
  std::vector<double> by_threshold(thresholds.size(), 0.0);
  std::fill(gradient.begin(), gradient.end(), 0.0);
  double loss = 0;
  double rows = 0;
  for (std::size_t row = 0; row < label.size(); ++row) {
    if (label[row] < 0 || static_cast<std::size_t>(label[row]) >= classes) continue;
    double z = 0;
    for (std::size_t c = 0; c < size; ++c) z += parameters[c] * x[row * size + c];
    const double by_z = row_loss(thresholds, static_cast<std::size_t>(label[row]), z, loss, by_threshold);
    for (std::size_t c = 0; c < size; ++c) gradient[c] += by_z * x[row * size + c];
    rows += 1;
  }
  rows = std::max(rows, 1.0);
  loss /= rows;
  for (std::size_t c = 0; c < size; ++c) {
    gradient[c] = gradient[c] / rows + penalty * parameters[c];
    loss += penalty / 2 * parameters[c] * parameters[c];
  }
  // A step moves its own threshold and all above.
  double above = 0;
  for (std::size_t k = thresholds.size(); k-- > 0;) {
    above += by_threshold[k] / rows;
    const double parameter = parameters[size + k];
    const bool inside = k == 0 || std::abs(parameter) < 20;
    const double factor = k == 0 ? 1 : (inside ? std::exp(parameter) : 0);
    gradient[size + k] = above * factor + kStepPenalty * parameter;
    loss += kStepPenalty / 2 * parameter * parameter;
  }
  return loss;
}

Result<OrdinalLogistic> OrdinalLogistic::fit(std::span<const float> x, std::size_t size,
                                             std::span<const std::int32_t> label, std::size_t classes,
                                             const LogisticOptions& options) {
  if (size == 0 || classes < 2 || x.size() != label.size() * size)
    return fail(ErrorKind::kInvalidInput, "ordinal: {} features do not fit {} rows of {} columns", x.size(),
                label.size(), size);
  if (!std::all_of(x.begin(), x.end(), [](float value) { return std::isfinite(value); }))
    return fail(ErrorKind::kInvalidInput, "ordinal: a feature is not a finite number");
  const RowScaling scaling = RowScaling::fit(x, size);
  const std::vector<double> scaled = scaling.apply(x);
  std::vector<double> parameters(size + classes - 1, 0.0);
  parameters[size] = -1;
  minimize(
      [&](std::span<const double> at, std::span<double> gradient) {
        return ordinal_objective(scaled, size, label, classes, options.penalty, at, gradient);
      },
      parameters, {.iterations_max = options.iterations_max, .tolerance = options.tolerance});
  OrdinalLogistic result;
  double shift = 0;
  for (std::size_t c = 0; c < size; ++c) {
    result.weights_.push_back(static_cast<float>(parameters[c] * scaling.factor[c]));
    shift += static_cast<double>(result.weights_.back()) * scaling.center[c];
  }
  result.thresholds_ = thresholds_of(parameters, size);
  for (double& threshold : result.thresholds_) threshold += shift;
  return result;
}

void OrdinalLogistic::cumulative(std::span<const float> x, std::span<double> out) const noexcept {
  const auto z = static_cast<double>(dot(weights_, x));
  for (std::size_t k = 0; k < thresholds_.size(); ++k) out[k] = sigmoid(std::clamp(thresholds_[k] - z, -700.0, 700.0));
}

void OrdinalLogistic::save(base::ByteWriter& out) const {
  out.put_array(weights_);
  out.put_array(thresholds_);
}

Result<OrdinalLogistic> OrdinalLogistic::load(base::ByteReader& in, std::size_t size, std::size_t classes,
                                              std::string_view what) {
  OrdinalLogistic result;
  TRY(result.weights_, in.get_array<float>());
  TRY(result.thresholds_, in.get_array<double>());
  const auto finite = [](auto value) { return std::isfinite(value); };
  if (result.weights_.size() != size || result.thresholds_.size() + 1 != classes ||
      !std::all_of(result.weights_.begin(), result.weights_.end(), finite) ||
      !std::all_of(result.thresholds_.begin(), result.thresholds_.end(), finite) ||
      !std::is_sorted(result.thresholds_.begin(), result.thresholds_.end()))
    return fail(ErrorKind::kCorrupt, "{}: weights or thresholds of the ordinal form are out of bounds", what);
  return result;
}

}  // namespace thalamus::math
