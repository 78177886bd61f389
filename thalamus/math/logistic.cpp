// loss = sum_i sum_k t_ik (log sum_j exp z_ij - z_ik) / sum t + penalty/2 |w|^2 by L-BFGS; O(rows * size * logits) an
// evaluation. Sums run in fixed lanes.
#include "thalamus/math/logistic.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "thalamus/math/dense_net.h"
#include "thalamus/math/kernels.h"
#include "thalamus/math/lbfgs.h"

namespace thalamus::math {
namespace {

constexpr double kBiasPenalty = 1e-6;
constexpr std::array kPenalties{1e-5, 1e-4, 1e-3, 1e-2, 1e-1};

double inner(const double* a, const double* b, std::size_t n) noexcept {
  std::array<double, 4> lanes{};
  std::size_t i = 0;
  for (; i + 4 <= n; i += 4)
    for (std::size_t lane = 0; lane < 4; ++lane) lanes[lane] += a[i + lane] * b[i + lane];
  for (std::size_t lane = 0; i < n; ++i, ++lane) lanes[lane] += a[i] * b[i];
  return (lanes[0] + lanes[2]) + (lanes[1] + lanes[3]);
}

void add_scaled(double* y, double scale, const double* x, std::size_t n) noexcept {
  for (std::size_t i = 0; i < n; ++i) y[i] += scale * x[i];
}

Status check_rows(std::span<const float> x, std::size_t size, std::size_t rows, std::size_t classes) {
  if (size == 0 || classes < 2 || x.size() != rows * size)
    return fail(ErrorKind::kInvalidInput, "logistic: {} features do not fit {} rows of {} columns and {} classes",
                x.size(), rows, size, classes);
  if (!std::all_of(x.begin(), x.end(), [](float value) { return std::isfinite(value); }))
    return fail(ErrorKind::kInvalidInput, "logistic: a feature is not a finite number");
  return {};
}

double sum_of(std::span<const double> values) noexcept {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum;
}

/// Weights and bias for features as they came, from those for scaled ones.
double unscale(const RowScaling& scaling, const double* scaled, float* weights) noexcept {
  double shift = 0;
  for (std::size_t c = 0; c < scaling.center.size(); ++c) {
    weights[c] = static_cast<float>(scaled[c] * scaling.factor[c]);
    shift += static_cast<double>(weights[c]) * scaling.center[c];
  }
  return shift;
}

std::vector<double> class_totals(std::span<const double> targets, std::size_t classes) {
  std::vector<double> totals(classes, 0.0);
  for (std::size_t i = 0; i < targets.size(); ++i) totals[i % classes] += targets[i];
  return totals;
}

}  // namespace

RowScaling RowScaling::fit(std::span<const float> x, std::size_t size) {
  RowScaling result{std::vector<double>(size, 0.0), std::vector<double>(size, 0.0)};
  const std::size_t rows = size == 0 ? 0 : x.size() / size;
  if (rows == 0) return result;
  for (std::size_t i = 0; i < x.size(); ++i) result.center[i % size] += static_cast<double>(x[i]);
  for (double& value : result.center) value /= static_cast<double>(rows);
  std::vector<double> square(size, 0.0);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double d = static_cast<double>(x[i]) - result.center[i % size];
    square[i % size] += d * d;
  }
  std::size_t varying = 0;
  for (const double value : square) varying += value > 1e-12 * static_cast<double>(rows) ? 1 : 0;
  for (std::size_t c = 0; c < size; ++c) {
    const double variance = square[c] / static_cast<double>(rows);
    if (variance > 1e-12) result.factor[c] = 1 / std::sqrt(variance * static_cast<double>(varying));
  }
  return result;
}

std::vector<double> RowScaling::apply(std::span<const float> x) const {
  std::vector<double> result(x.size());
  const std::size_t size = center.size();
  for (std::size_t begin = 0; begin < x.size(); begin += size)
    for (std::size_t c = 0; c < size; ++c)
      result[begin + c] = (static_cast<double>(x[begin + c]) - center[c]) * factor[c];
  return result;
}

double logistic_objective(std::span<const double> x, std::size_t size, std::span<const double> targets,
                          std::size_t classes, double penalty, std::span<const double> parameters,
                          std::span<double> gradient) {
  const std::size_t logits = classes == 2 ? 1 : classes;
  const std::size_t stride = size + 1;
  const double total = std::max(sum_of(targets), 1e-300);
  std::fill(gradient.begin(), gradient.end(), 0.0);
  std::vector<double> z(classes);
  double loss = 0;
  for (std::size_t row = 0; row * size < x.size(); ++row) {
    const double* features = x.data() + row * size;
    const double* target = targets.data() + row * classes;
    double weight = 0;
    for (std::size_t k = 0; k < classes; ++k) weight += target[k];
    if (!(weight > 0)) continue;
    z[0] = 0;
    for (std::size_t k = 0; k < logits; ++k)
      z[classes == 2 ? 1 : k] = inner(parameters.data() + k * stride, features, size) + parameters[k * stride + size];
    const double top = *std::max_element(z.begin(), z.end());
    double sum = 0;
    for (std::size_t k = 0; k < classes; ++k) {
      loss -= target[k] * (z[k] - top);
      sum += z[k] = std::exp(z[k] - top);
    }
    loss += weight * std::log(sum);
    for (std::size_t k = 0; k < logits; ++k) {
      const std::size_t of = classes == 2 ? 1 : k;
      const double error = (weight * z[of] / sum - target[of]) / total;
      add_scaled(gradient.data() + k * stride, error, features, size);
      gradient[k * stride + size] += error;
    }
  }
  loss /= total;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const double p = i % stride == size ? kBiasPenalty : penalty;
    loss += p / 2 * parameters[i] * parameters[i];
    gradient[i] += p * parameters[i];
  }
  return loss;
}

Result<Logistic> Logistic::fit(std::span<const float> x, std::size_t size, std::span<const double> targets,
                               std::size_t classes, const LogisticOptions& options) {
  CHECK_OK(check_rows(x, size, classes == 0 ? 0 : targets.size() / classes, classes));
  if (!std::all_of(targets.begin(), targets.end(), [](double t) { return t >= 0 && std::isfinite(t); }))
    return fail(ErrorKind::kInvalidInput, "logistic: a target's weight is negative or not finite");
  Logistic result;
  result.size_ = size;
  result.classes_ = classes;
  const std::size_t logits = result.logits();
  const RowScaling scaling = RowScaling::fit(x, size);
  const std::vector<double> scaled = scaling.apply(x);
  std::vector<double> parameters(logits * (size + 1), 0.0);
  const auto totals = class_totals(targets, classes);
  const double all = sum_of(totals);
  // Starts at the base rates.
  const auto rate = [&](std::size_t k) {
    return std::log((totals[k] + 0.5) / (all + 0.5 * static_cast<double>(classes)));
  };
  for (std::size_t k = 0; k < logits; ++k)
    parameters[k * (size + 1) + size] = classes == 2 ? rate(1) - rate(0) : rate(k);
  if (all > 0)
    minimize(
        [&](std::span<const double> at, std::span<double> gradient) {
          return logistic_objective(scaled, size, targets, classes, options.penalty, at, gradient);
        },
        parameters, {.iterations_max = options.iterations_max, .tolerance = options.tolerance});
  result.weights_.resize(logits * size);
  for (std::size_t k = 0; k < logits; ++k) {
    const double* of = parameters.data() + k * (size + 1);
    result.bias_.push_back(of[size] - unscale(scaling, of, result.weights_.data() + k * size));
  }
  return result;
}

double Logistic::logit(std::size_t k, std::span<const float> x) const noexcept {
  const std::span<const float> weights(weights_.data() + k * size_, size_);
  return std::clamp(static_cast<double>(dot(weights, x)) + bias_[k], -700.0, 700.0);
}

double Logistic::probability(std::span<const float> x) const noexcept { return sigmoid(logit(0, x)); }

void Logistic::probabilities(std::span<const float> x, std::span<double> out) const noexcept {
  if (classes_ == 2) {
    out[1] = probability(x);
    out[0] = 1 - out[1];
    return;
  }
  double top = -INFINITY;
  for (std::size_t k = 0; k < classes_; ++k) top = std::max(top, out[k] = logit(k, x));
  double sum = 0;
  for (std::size_t k = 0; k < classes_; ++k) sum += out[k] = std::exp(out[k] - top);
  for (std::size_t k = 0; k < classes_; ++k) out[k] /= sum;
}

void Logistic::save(base::ByteWriter& out) const {
  out.put_array(weights_);
  out.put_array(bias_);
}

Result<Logistic> Logistic::load(base::ByteReader& in, std::size_t size, std::size_t classes, std::string_view what) {
  Logistic result;
  result.size_ = size;
  result.classes_ = classes;
  TRY(result.weights_, in.get_array<float>());
  TRY(result.bias_, in.get_array<double>());
  const auto finite = [](auto value) { return std::isfinite(value); };
  if (classes < 2 || result.weights_.size() != result.logits() * size || result.bias_.size() != result.logits())
    return fail(ErrorKind::kCorrupt, "{}: {} weights for {} classes of {} features", what, result.weights_.size(),
                classes, size);
  if (!std::all_of(result.weights_.begin(), result.weights_.end(), finite) ||
      !std::all_of(result.bias_.begin(), result.bias_.end(), finite))
    return fail(ErrorKind::kCorrupt, "{}: a weight is not finite", what);
  return result;
}

namespace {

/// Rows inside and outside of one fold.
struct Split {
  std::vector<float> x;
  std::vector<double> targets;
  std::vector<std::size_t> held;
};

Split split_off(std::span<const float> x, std::size_t size, std::span<const double> targets, std::size_t classes,
                std::span<const std::uint32_t> fold_of, std::uint32_t fold) {
  Split result;
  for (std::size_t row = 0; row < fold_of.size(); ++row) {
    if (fold_of[row] == fold) {
      result.held.push_back(row);
      continue;
    }
    const auto features = x.subspan(row * size, size);
    const auto target = targets.subspan(row * classes, classes);
    result.x.insert(result.x.end(), features.begin(), features.end());
    result.targets.insert(result.targets.end(), target.begin(), target.end());
  }
  return result;
}

}  // namespace

Result<HeldOutLogistic> hold_out_logistic(std::span<const float> x, std::size_t size, std::span<const double> targets,
                                          std::size_t classes, std::span<const std::uint32_t> fold_of,
                                          std::uint32_t folds, const LogisticOptions& options) {
  CHECK_OK(check_rows(x, size, fold_of.size(), classes));
  HeldOutLogistic result{std::vector<double>(targets.size()), 0};
  double weight = 0;
  for (std::uint32_t fold = 0; fold < folds; ++fold) {
    const Split split = split_off(x, size, targets, classes, fold_of, fold);
    TRY(const auto model, Logistic::fit(split.x, size, split.targets, classes, options));
    for (const std::size_t row : split.held) {
      const auto p = std::span(result.probability).subspan(row * classes, classes);
      model.probabilities(x.subspan(row * size, size), p);
      for (std::size_t k = 0; k < classes; ++k) {
        result.loss -= targets[row * classes + k] * std::log(std::max(p[k], 1e-12));
        weight += targets[row * classes + k];
      }
    }
  }
  if (weight > 0) result.loss /= weight;
  return result;
}

Result<double> choose_logistic_penalty(std::span<const float> x, std::size_t size, std::span<const double> targets,
                                       std::size_t classes, std::span<const std::uint32_t> fold_of,
                                       const LogisticOptions& options) {
  double best = kPenalties.back();
  double best_loss = INFINITY;
  for (const double penalty : kPenalties) {
    LogisticOptions tried = options;
    tried.penalty = penalty;
    TRY(const auto held, hold_out_logistic(x, size, targets, classes, fold_of, 1, tried));
    if (held.loss <= best_loss) {
      best_loss = held.loss;
      best = penalty;
    }
  }
  return best;
}

}  // namespace thalamus::math
