#include "thalamus/math/sparse_linear.h"

#include <algorithm>
#include <cmath>

#include "thalamus/math/lbfgs.h"

namespace thalamus::math {
namespace {

/// scores = bias + weights of one row; parameters are columns x outputs, then the biases.
void score_row(const SparseMatrix& rows, std::size_t row, std::span<const double> parameters, std::size_t outputs,
               std::span<double> scores) noexcept {
  const double* bias = parameters.data() + rows.columns * outputs;
  std::copy_n(bias, outputs, scores.begin());
  for (std::uint64_t i = rows.offsets[row]; i < rows.offsets[row + 1]; ++i) {
    const double value = static_cast<double>(rows.values[i]);
    const double* weights = parameters.data() + rows.ids[i] * outputs;
    for (std::size_t k = 0; k < outputs; ++k) scores[k] += value * weights[k];
  }
}

void add_gradient(const SparseMatrix& rows, std::size_t row, std::span<const double> error,
                  std::span<double> gradient) noexcept {
  const std::size_t outputs = error.size();
  double* bias = gradient.data() + rows.columns * outputs;
  for (std::size_t k = 0; k < outputs; ++k) bias[k] += error[k];
  for (std::uint64_t i = rows.offsets[row]; i < rows.offsets[row + 1]; ++i) {
    const double value = static_cast<double>(rows.values[i]);
    double* slot = gradient.data() + rows.ids[i] * outputs;
    for (std::size_t k = 0; k < outputs; ++k) slot[k] += value * error[k];
  }
}

/// `error(row, scores)` turns scores into the derivative of the row's loss and gives the loss.
template <class Error>
SparseLinear fit(const SparseMatrix& rows, std::size_t outputs, std::vector<double> start,
                 const SparseLinearOptions& options, Error&& error) {
  const std::size_t weights = rows.columns * outputs;
  const double share = 1.0 / static_cast<double>(std::max<std::size_t>(1, rows.rows()));
  std::vector<double> scores(outputs);
  const auto loss = [&](std::span<const double> x, std::span<double> gradient) {
    std::fill(gradient.begin(), gradient.end(), 0.0);
    double total = 0;
    for (std::size_t row = 0; row < rows.rows(); ++row) {
      score_row(rows, row, x, outputs, scores);
      total += error(row, std::span<double>(scores));
      add_gradient(rows, row, scores, gradient);
    }
    double square = 0;
    for (std::size_t i = 0; i < weights; ++i) {
      square += x[i] * x[i];
      gradient[i] += options.penalty * x[i];
    }
    for (double& value : gradient) value *= share;
    return (total + 0.5 * options.penalty * square) * share;
  };
  minimize(loss, start, {.memory = 8, .iterations_max = options.iterations_max, .tolerance = 1e-5});
  SparseLinear model;
  model.outputs = outputs;
  model.weights.reserve(weights);
  for (std::size_t i = 0; i < weights; ++i) model.weights.push_back(static_cast<float>(start[i]));
  for (std::size_t k = 0; k < outputs; ++k) model.bias.push_back(static_cast<float>(start[weights + k]));
  return model;
}

bool all_finite(std::span<const float> values) noexcept {
  return std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); });
}

}  // namespace

void SparseLinear::apply(std::span<const std::uint32_t> ids, std::span<const float> values,
                         std::span<double> out) const noexcept {
  for (std::size_t k = 0; k < outputs; ++k) out[k] = static_cast<double>(bias[k]);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const double value = static_cast<double>(values[i]);
    const float* slot = weights.data() + static_cast<std::size_t>(ids[i]) * outputs;
    for (std::size_t k = 0; k < outputs; ++k) out[k] += value * static_cast<double>(slot[k]);
  }
}

void SparseLinear::save(base::ByteWriter& out) const {
  out.put_array(weights);
  out.put_array(bias);
}

Result<SparseLinear> SparseLinear::load(base::ByteReader& in, std::size_t columns, std::size_t outputs) {
  SparseLinear model;
  model.outputs = outputs;
  TRY(model.weights, in.get_array<float>());
  TRY(model.bias, in.get_array<float>());
  if (outputs == 0 || model.bias.size() != outputs || model.weights.size() / outputs != columns ||
      model.weights.size() % outputs != 0)
    return fail(ErrorKind::kCorrupt, "linear model: {} weights and {} biases where {} x {} were expected",
                model.weights.size(), model.bias.size(), columns, outputs);
  if (!all_finite(model.weights) || !all_finite(model.bias))
    return fail(ErrorKind::kCorrupt, "linear model: a number is not finite");
  return model;
}

SparseLinear fit_softmax(const SparseMatrix& rows, std::span<const std::uint32_t> label, std::size_t classes,
                         const SparseLinearOptions& options) {
  std::vector<double> start((rows.columns + 1) * classes, 0.0);
  std::vector<double> count(classes, 1.0);
  for (const std::uint32_t k : label) count[k] += 1;
  for (std::size_t k = 0; k < classes; ++k) start[rows.columns * classes + k] = std::log(count[k]);
  return fit(rows, classes, std::move(start), options, [&](std::size_t row, std::span<double> scores) {
    softmax(scores);
    const double loss = -std::log(std::max(scores[label[row]], 1e-300));
    scores[label[row]] -= 1;
    return loss;
  });
}

SparseLinear fit_regression(const SparseMatrix& rows, std::span<const float> y, std::size_t outputs,
                            const SparseLinearOptions& options) {
  std::vector<double> start((rows.columns + 1) * outputs, 0.0);
  std::vector<double> count(outputs, 0.0);
  double* mean = start.data() + rows.columns * outputs;
  for (std::size_t i = 0; i < y.size(); ++i) {
    if (std::isnan(y[i])) continue;
    mean[i % outputs] += static_cast<double>(y[i]);
    count[i % outputs] += 1;
  }
  for (std::size_t k = 0; k < outputs; ++k) mean[k] = count[k] > 0 ? mean[k] / count[k] : 0;
  return fit(rows, outputs, std::move(start), options, [&](std::size_t row, std::span<double> scores) {
    double loss = 0;
    for (std::size_t k = 0; k < outputs; ++k) {
      const float outcome = y[row * outputs + k];
      scores[k] = std::isnan(outcome) ? 0.0 : scores[k] - static_cast<double>(outcome);
      loss += 0.5 * scores[k] * scores[k];
    }
    return loss;
  });
}

void softmax(std::span<double> scores, double scale) noexcept {
  double top = -INFINITY;
  for (const double score : scores) top = std::max(top, scale * score);
  double total = 0;
  for (double& score : scores) total += score = std::exp(scale * score - top);
  for (double& score : scores) score /= total;
}

}  // namespace thalamus::math
