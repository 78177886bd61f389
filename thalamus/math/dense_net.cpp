// Layers and passes of dense nets, Adam, and the trainer. One pass costs 2 x parameters operations forward and 4 x
// backward for each row. Sums run in the fixed lanes of kernels.h or in the order of the rows.
#include "thalamus/math/dense_net.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

#include "thalamus/base/assert.h"
#include "thalamus/math/kernels.h"

namespace thalamus::math {
namespace {

constexpr double kFirstDecay = 0.9;
constexpr double kSecondDecay = 0.999;
constexpr float kAdamFloor = 1e-8F;
constexpr double kBetterBy = 1e-6;  // of the held-out loss, relative
// A larger weight could make the output of a deep net infinite.
constexpr float kParameterMax = 1e6F;

void activate(Activation activation, std::span<float> values) noexcept {
  switch (activation) {
    case Activation::kIdentity: return;
    case Activation::kRelu:
      for (float& value : values) value = value > 0 ? value : 0.0F;
      return;
    case Activation::kTanh:
      for (float& value : values) value = std::tanh(value);
      return;
  }
}

/// Turns the gradient by a layer's outputs into the gradient before its activation.
void undo_activation(Activation activation, std::span<const float> outputs, std::span<float> gradient) noexcept {
  switch (activation) {
    case Activation::kIdentity: return;
    case Activation::kRelu:
      for (std::size_t i = 0; i < gradient.size(); ++i) gradient[i] = outputs[i] > 0 ? gradient[i] : 0.0F;
      return;
    case Activation::kTanh:
      for (std::size_t i = 0; i < gradient.size(); ++i) gradient[i] *= 1.0F - outputs[i] * outputs[i];
      return;
  }
}

bool all_finite(std::span<const float> values) noexcept {
  return std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); });
}

bool all_sound(std::span<const float> parameters) noexcept {
  return std::all_of(parameters.begin(), parameters.end(), [](float p) { return std::abs(p) < kParameterMax; });
}

}  // namespace

void DenseNet::add_layer(std::size_t inputs, std::size_t outputs, Activation activation) {
  layers_.push_back({inputs, outputs, activation, parameters_.size(), workspace_size_});
  parameters_.resize(parameters_.size() + outputs * inputs + outputs, 0.0F);
  workspace_size_ += outputs;
}

DenseNet DenseNet::make(std::size_t inputs, std::span<const LayerPlan> plan, base::Rng& rng) {
  THALAMUS_ASSERT(inputs > 0 && inputs <= kLayerWidthMax && !plan.empty() && plan.size() <= kLayersMax);
  DenseNet net;
  for (const LayerPlan& layer : plan) {
    THALAMUS_ASSERT(layer.outputs > 0 && layer.outputs <= kLayerWidthMax);
    THALAMUS_ASSERT(layer.outputs * (inputs + 1) + net.parameters_.size() <= kParametersMax);
    net.add_layer(inputs, layer.outputs, layer.activation);
    if (layer.start == Start::kRandom) {
      const auto fan_in = static_cast<double>(inputs);
      const auto fan_out = static_cast<double>(layer.outputs);
      const double limit = std::sqrt(layer.activation == Activation::kRelu ? 6 / fan_in : 6 / (fan_in + fan_out));
      for (float& weight : net.weights(net.layers() - 1)) weight = static_cast<float>((2 * rng.uniform() - 1) * limit);
    }
    inputs = layer.outputs;
  }
  return net;
}

std::span<const float> DenseNet::weights(std::size_t layer) const noexcept {
  return {parameters_.data() + layers_[layer].offset, layers_[layer].outputs * layers_[layer].inputs};
}
std::span<float> DenseNet::weights(std::size_t layer) noexcept {
  return {parameters_.data() + layers_[layer].offset, layers_[layer].outputs * layers_[layer].inputs};
}
std::span<const float> DenseNet::bias(std::size_t layer) const noexcept {
  return {weights(layer).data() + weights(layer).size(), layers_[layer].outputs};
}
std::span<float> DenseNet::bias(std::size_t layer) noexcept {
  return {weights(layer).data() + weights(layer).size(), layers_[layer].outputs};
}

std::span<const float> DenseNet::forward(std::span<const float> input, std::span<float> workspace) const noexcept {
  std::span<const float> x = input.first(inputs());
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    const std::span<float> y = workspace.subspan(layers_[l].result, layers_[l].outputs);
    multiply(weights(l), x, y);
    const std::span<const float> shift = bias(l);
    for (std::size_t i = 0; i < y.size(); ++i) y[i] += shift[i];
    activate(layers_[l].activation, y);
    x = y;
  }
  return x;
}

void DenseNet::backward(std::span<const float> input, std::span<const float> workspace,
                        std::span<const float> output_gradient, std::span<float> deltas,
                        std::span<float> parameter_gradient, std::span<float> input_gradient) const noexcept {
  std::copy_n(output_gradient.begin(), outputs(), deltas.subspan(layers_.back().result).begin());
  for (std::size_t l = layers_.size(); l-- > 0;) {
    const Layer& layer = layers_[l];
    const std::span<float> delta = deltas.subspan(layer.result, layer.outputs);
    undo_activation(layer.activation, workspace.subspan(layer.result, layer.outputs), delta);
    const std::span<const float> x =
        l == 0 ? input.first(layer.inputs) : workspace.subspan(layers_[l - 1].result, layer.inputs);
    const std::span<float> below = l == 0 ? input_gradient : deltas.subspan(layers_[l - 1].result, layer.inputs);
    std::fill(below.begin(), below.end(), 0.0F);
    const std::span<float> weight_gradient = parameter_gradient.subspan(layer.offset, layer.outputs * layer.inputs);
    const std::span<float> bias_gradient = parameter_gradient.subspan(layer.offset + weight_gradient.size());
    for (std::size_t o = 0; o < layer.outputs; ++o) {
      if (delta[o] == 0) continue;
      bias_gradient[o] += delta[o];
      add_scaled(weight_gradient.subspan(o * layer.inputs, layer.inputs), delta[o], x);
      if (!below.empty()) add_scaled(below, delta[o], weights(l).subspan(o * layer.inputs, layer.inputs));
    }
  }
}

void DenseNet::absorb_scaling(std::span<const float> center, std::span<const float> factor) noexcept {
  const std::size_t n = inputs();
  const std::span<float> w = weights(0);
  const std::span<float> b = bias(0);
  for (std::size_t o = 0; o < b.size(); ++o) {
    double shift = 0;
    for (std::size_t i = 0; i < n; ++i) {
      w[o * n + i] *= factor[i];
      shift += static_cast<double>(w[o * n + i]) * static_cast<double>(center[i]);
    }
    b[o] = static_cast<float>(static_cast<double>(b[o]) - shift);
  }
}

void DenseNet::rearrange_outputs(std::span<const std::size_t> from) {
  THALAMUS_ASSERT(!layers_.empty() && !from.empty());
  Layer& last = layers_.back();
  const std::size_t n = last.inputs;
  std::vector<float> changed;
  changed.reserve(from.size() * (n + 1));
  for (const std::size_t source : from) {
    THALAMUS_ASSERT(source < last.outputs);
    const auto row = weights(layers() - 1).subspan(source * n, n);
    changed.insert(changed.end(), row.begin(), row.end());
  }
  for (const std::size_t source : from) changed.push_back(bias(layers() - 1)[source]);
  parameters_.resize(last.offset);
  parameters_.insert(parameters_.end(), changed.begin(), changed.end());
  workspace_size_ = workspace_size_ - last.outputs + from.size();
  last.outputs = from.size();
}

void DenseNet::save(base::ByteWriter& out) const {
  out.put(static_cast<std::uint32_t>(layers_.size()));
  for (const Layer& layer : layers_) {
    out.put(static_cast<std::uint32_t>(layer.inputs));
    out.put(static_cast<std::uint32_t>(layer.outputs));
    out.put(layer.activation);
  }
  out.put_array(parameters_);
}

Result<DenseNet> DenseNet::load(base::ByteReader& in, std::size_t inputs, std::size_t outputs) {
  DenseNet net;
  TRY(const auto layers, in.get<std::uint32_t>());
  if (layers < 1 || layers > kLayersMax) return fail(ErrorKind::kCorrupt, "net: {} layers", layers);
  struct Size {
    std::uint32_t inputs;
    std::uint32_t outputs;
    std::uint8_t activation;
  };
  std::vector<Size> sizes;
  std::size_t expected = inputs;
  std::size_t total = 0;
  for (std::uint32_t l = 0; l < layers; ++l) {
    Size size{};
    TRY(size.inputs, in.get<std::uint32_t>());
    TRY(size.outputs, in.get<std::uint32_t>());
    TRY(size.activation, in.get<std::uint8_t>());
    if (size.inputs != expected || size.outputs < 1 || size.outputs > kLayerWidthMax || size.inputs < 1 ||
        size.inputs > kLayerWidthMax || size.activation > static_cast<std::uint8_t>(Activation::kTanh))
      return fail(ErrorKind::kCorrupt, "net: layer {} is {} x {}, where {} inputs were expected", l, size.outputs,
                  size.inputs, expected);
    total += std::size_t{size.outputs} * (std::size_t{size.inputs} + 1);
    expected = size.outputs;
    sizes.push_back(size);
  }
  if (expected != outputs)
    return fail(ErrorKind::kCorrupt, "net: {} outputs where {} were expected", expected, outputs);
  TRY(auto parameters, in.get_array<float>());
  if (parameters.size() != total)
    return fail(ErrorKind::kCorrupt, "net: {} parameters where {} were expected", parameters.size(), total);
  if (!all_sound(parameters)) return fail(ErrorKind::kCorrupt, "net: a parameter is not finite or out of bounds");
  for (const Size& size : sizes) net.add_layer(size.inputs, size.outputs, static_cast<Activation>(size.activation));
  net.parameters_ = std::move(parameters);
  return net;
}

void Adam::advance() noexcept {
  first_power_ *= kFirstDecay;
  second_power_ *= kSecondDecay;
}

void Adam::apply(std::span<float> parameters, std::span<const float> gradient, std::size_t offset, double rate,
                 double weight_decay) noexcept {
  const auto step = static_cast<float>(rate / (1 - first_power_));
  const auto unbias = static_cast<float>(1 / (1 - second_power_));
  const auto keep = static_cast<float>(1 - rate * weight_decay);
  constexpr auto kFirst = static_cast<float>(kFirstDecay);
  constexpr auto kSecond = static_cast<float>(kSecondDecay);
  float* m = first_.data() + offset;
  float* v = second_.data() + offset;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const float g = gradient[i];
    m[i] = kFirst * m[i] + (1 - kFirst) * g;
    v[i] = kSecond * v[i] + (1 - kSecond) * g * g;
    parameters[i] = keep * parameters[i] - step * m[i] / (std::sqrt(v[i] * unbias) + kAdamFloor);
  }
}

double sigmoid(double logit) noexcept {
  if (logit >= 0) return 1 / (1 + std::exp(-logit));
  const double e = std::exp(logit);
  return e / (1 + e);
}

double logistic_loss(double logit, double target, float& gradient) noexcept {
  gradient = static_cast<float>(sigmoid(logit) - target);
  return std::max(logit, 0.0) - logit * target + std::log1p(std::exp(-std::abs(logit)));
}

double softmax_loss(std::span<const float> logits, std::span<const float> targets, std::span<float> gradient) noexcept {
  if (logits.empty()) return 0;
  const auto highest = static_cast<double>(*std::max_element(logits.begin(), logits.end()));
  double total = 0;
  double mass = 0;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    total += std::exp(static_cast<double>(logits[i]) - highest);
    mass += static_cast<double>(targets[i]);
  }
  const double normalizer = highest + std::log(total);
  double loss = 0;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    const double log_share = static_cast<double>(logits[i]) - normalizer;
    loss -= static_cast<double>(targets[i]) * log_share;
    gradient[i] = static_cast<float>(mass * std::exp(log_share) - static_cast<double>(targets[i]));
  }
  return loss;
}

std::vector<std::uint32_t> sample_rows(std::size_t rows, std::size_t rows_max, base::Rng& rng) {
  std::vector<std::uint32_t> chosen(rows);
  std::iota(chosen.begin(), chosen.end(), 0U);
  if (rows <= rows_max) return chosen;
  for (std::size_t i = 0; i < rows_max; ++i) std::swap(chosen[i], chosen[i + rng.below(rows - i)]);
  chosen.resize(rows_max);
  std::sort(chosen.begin(), chosen.end());
  return chosen;
}

namespace {

/// The rows that take part, scaled, and the state of one training.
class Trainer {
 public:
  Trainer(DenseNet& net, std::span<float> extra, const BatchLoss& loss, const DenseTraining& training, base::Rng& rng)
      : net_(net), extra_(extra), loss_(loss), training_(training), rng_(rng) {}

  Result<DenseReport> run(std::span<const float> x) {
    take_rows(x);
    if (!all_finite(inputs_)) return fail(ErrorKind::kInvalidInput, "training: an input is not finite");
    reserve();
    Adam adam(net_.parameters().size() + extra_.size());
    DenseReport report;
    double best = INFINITY;
    for (std::size_t epoch = 1; epoch <= training_.epochs_max; ++epoch) {
      const double trained = train_epoch(adam);
      const double held_out = held_out_.empty() ? 0.0 : score_held_out();
      if (!std::isfinite(trained) || !std::isfinite(held_out) || !all_finite(net_.parameters()))
        return fail(ErrorKind::kInvalidInput, "training: the loss diverges in epoch {}; lower the rate", epoch);
      report.epochs = epoch;
      if (held_out_.empty() || held_out < best - kBetterBy * std::abs(best) || epoch == 1) {
        best = held_out;
        report.best_epoch = epoch;
        report.training_loss = trained;
        report.held_out_loss = held_out;
        if (!held_out_.empty()) keep_parameters();
      } else if (epoch - report.best_epoch >= training_.patience) {
        break;
      }
    }
    if (!held_out_.empty() && report.best_epoch > 0) restore_parameters();
    net_.absorb_scaling(center_, factor_);
    if (!all_sound(net_.parameters()))
      return fail(ErrorKind::kInvalidInput, "training: a weight is out of bounds; lower the rate");
    for (const std::uint32_t position : held_out_) report.held_out_rows.push_back(rows_[position]);
    std::sort(report.held_out_rows.begin(), report.held_out_rows.end());
    return report;
  }

 private:
  void take_rows(std::span<const float> x) {
    const std::size_t n = net_.inputs();
    rows_ = sample_rows(x.size() / n, training_.rows_max, rng_);
    std::vector<std::uint32_t> positions(rows_.size());
    std::iota(positions.begin(), positions.end(), 0U);
    rng_.shuffle(positions);
    auto held = static_cast<std::size_t>(training_.held_out * static_cast<double>(rows_.size()));
    if (rows_.size() < 2) held = 0;
    held_out_.assign(positions.begin(), positions.begin() + static_cast<std::ptrdiff_t>(held));
    trained_.assign(positions.begin() + static_cast<std::ptrdiff_t>(held), positions.end());
    find_scaling(x);
    inputs_.resize(rows_.size() * n);
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      const float* source = x.data() + std::size_t{rows_[i]} * n;
      for (std::size_t c = 0; c < n; ++c) inputs_[i * n + c] = (source[c] - center_[c]) * factor_[c];
    }
  }

  /// From the rows that are trained on, not from the held-out ones.
  void find_scaling(std::span<const float> x) {
    const std::size_t n = net_.inputs();
    center_.assign(n, 0.0F);
    factor_.assign(n, 1.0F);
    if (training_.scaling == InputScaling::kNone) return;
    std::vector<double> sum(n, 0.0);
    std::vector<double> square(n, 0.0);
    const auto count = static_cast<double>(trained_.size());
    for (const std::uint32_t position : trained_) {
      const float* row = x.data() + std::size_t{rows_[position]} * n;
      for (std::size_t c = 0; c < n; ++c) sum[c] += static_cast<double>(row[c]);
    }
    for (double& value : sum) value /= count;
    for (const std::uint32_t position : trained_) {
      const float* row = x.data() + std::size_t{rows_[position]} * n;
      for (std::size_t c = 0; c < n; ++c) {
        const double difference = static_cast<double>(row[c]) - sum[c];
        square[c] += difference * difference;
      }
    }
    const double all = std::accumulate(square.begin(), square.end(), 0.0) / (count * static_cast<double>(n));
    const double shared = all > 1e-9 ? 1 / std::sqrt(all) : 1.0;
    for (std::size_t c = 0; c < n; ++c) {
      const double variance = square[c] / count;
      center_[c] = static_cast<float>(sum[c]);
      if (training_.scaling == InputScaling::kShared) factor_[c] = static_cast<float>(shared);
      // A column that hardly varied must not rule a request in which it does.
      else
        factor_[c] = variance > 1e-9 ? static_cast<float>(1 / std::sqrt(std::max(variance, 1e-3 * all))) : 0.0F;
    }
  }

  void reserve() {
    const std::size_t batch = std::max<std::size_t>(1, training_.batch);
    workspaces_.resize(batch * net_.workspace_size());
    noisy_.resize(training_.input_noise > 0 ? batch * net_.inputs() : 0);
    outputs_.resize(batch * net_.outputs());
    gradients_.resize(batch * net_.outputs());
    deltas_.resize(net_.workspace_size());
    gradient_.resize(net_.parameters().size());
    extra_gradient_.resize(extra_.size());
  }

  [[nodiscard]] std::span<const float> input(std::uint32_t position) const noexcept {
    return {inputs_.data() + std::size_t{position} * net_.inputs(), net_.inputs()};
  }

  /// The input of one place in the batch, with noise if any.
  [[nodiscard]] std::span<const float> trained_input(std::size_t place, std::uint32_t position) {
    if (noisy_.empty()) return input(position);
    const std::span<float> noisy(noisy_.data() + place * net_.inputs(), net_.inputs());
    const auto scale = static_cast<float>(1 / (1 - training_.input_noise));
    const std::span<const float> clean = input(position);
    for (std::size_t c = 0; c < noisy.size(); ++c)
      noisy[c] = rng_.uniform() < training_.input_noise ? 0.0F : clean[c] * scale;
    return noisy;
  }

  /// Loss of some positions; the gradients of the rows are left in gradients_.
  double score(std::span<const std::uint32_t> positions, bool training) {
    batch_rows_.clear();
    const std::size_t size = net_.outputs();
    for (std::size_t i = 0; i < positions.size(); ++i) {
      batch_rows_.push_back(rows_[positions[i]]);
      const std::span<float> workspace(workspaces_.data() + i * net_.workspace_size(), net_.workspace_size());
      const auto output = net_.forward(training ? trained_input(i, positions[i]) : input(positions[i]), workspace);
      std::copy(output.begin(), output.end(), outputs_.begin() + static_cast<std::ptrdiff_t>(i * size));
    }
    std::fill(gradients_.begin(), gradients_.end(), 0.0F);
    std::fill(extra_gradient_.begin(), extra_gradient_.end(), 0.0F);
    return loss_({batch_rows_, std::span(outputs_).first(positions.size() * size),
                  std::span(gradients_).first(positions.size() * size), extra_, extra_gradient_, training});
  }

  double train_epoch(Adam& adam) {
    rng_.shuffle(trained_);
    double total = 0;
    const std::size_t batch = std::max<std::size_t>(1, training_.batch);
    for (std::size_t start = 0; start < trained_.size(); start += batch) {
      const auto positions = std::span(trained_).subspan(start, std::min(batch, trained_.size() - start));
      total += score(positions, true);
      const float share = 1.0F / static_cast<float>(positions.size());
      for (float& value : gradients_) value *= share;
      for (float& value : extra_gradient_) value *= share;
      std::fill(gradient_.begin(), gradient_.end(), 0.0F);
      for (std::size_t i = 0; i < positions.size(); ++i) {
        const auto x = noisy_.empty() ? input(positions[i])
                                      : std::span<const float>(noisy_).subspan(i * net_.inputs(), net_.inputs());
        net_.backward(x, std::span(workspaces_).subspan(i * net_.workspace_size(), net_.workspace_size()),
                      std::span(gradients_).subspan(i * net_.outputs(), net_.outputs()), deltas_, gradient_);
      }
      step(adam);
    }
    return total / static_cast<double>(std::max<std::size_t>(1, trained_.size()));
  }

  void step(Adam& adam) {
    adam.advance();
    std::size_t offset = 0;
    const std::span<const float> gradient(gradient_);
    for (std::size_t l = 0; l < net_.layers(); ++l) {
      const std::span<float> w = net_.weights(l);
      const std::span<float> b = net_.bias(l);
      adam.apply(w, gradient.subspan(offset, w.size()), offset, training_.rate, training_.weight_decay);
      offset += w.size();
      adam.apply(b, gradient.subspan(offset, b.size()), offset, training_.rate, 0);
      offset += b.size();
    }
    adam.apply(extra_, extra_gradient_, offset, training_.rate, 0);
  }

  double score_held_out() {
    double total = 0;
    const std::size_t batch = std::max<std::size_t>(1, training_.batch);
    for (std::size_t start = 0; start < held_out_.size(); start += batch)
      total += score(std::span(held_out_).subspan(start, std::min(batch, held_out_.size() - start)), false);
    return total / static_cast<double>(held_out_.size());
  }

  void keep_parameters() {
    kept_.assign(net_.parameters().begin(), net_.parameters().end());
    kept_.insert(kept_.end(), extra_.begin(), extra_.end());
  }
  void restore_parameters() {
    const auto middle = kept_.begin() + static_cast<std::ptrdiff_t>(net_.parameters().size());
    std::copy(kept_.begin(), middle, net_.parameters().begin());
    std::copy(middle, kept_.end(), extra_.begin());
  }

  DenseNet& net_;
  std::span<float> extra_;
  const BatchLoss& loss_;
  const DenseTraining& training_;
  base::Rng& rng_;
  std::vector<std::uint32_t> rows_;      // of the caller, by position
  std::vector<std::uint32_t> trained_;   // positions
  std::vector<std::uint32_t> held_out_;  // positions
  std::vector<float> inputs_;
  std::vector<float> center_;
  std::vector<float> factor_;
  std::vector<std::uint32_t> batch_rows_;
  std::vector<float> workspaces_;
  std::vector<float> noisy_;
  std::vector<float> outputs_;
  std::vector<float> gradients_;
  std::vector<float> deltas_;
  std::vector<float> gradient_;
  std::vector<float> extra_gradient_;
  std::vector<float> kept_;
};

}  // namespace

Result<DenseReport> train_dense(DenseNet& net, std::span<const float> x, std::span<float> extra, const BatchLoss& loss,
                                const DenseTraining& training, base::Rng& rng) {
  if (net.inputs() == 0 || x.empty() || x.size() % net.inputs() != 0)
    return fail(ErrorKind::kInvalidInput, "training: {} inputs are no rows of {}", x.size(), net.inputs());
  if (x.size() / net.inputs() > UINT32_MAX) return fail(ErrorKind::kInvalidInput, "training: too many rows");
  if (!(training.rate > 0) || !(training.weight_decay >= 0) || !(training.held_out >= 0) || !(training.held_out < 1) ||
      !(training.input_noise >= 0) || !(training.input_noise < 1) || training.rows_max == 0)
    return fail(ErrorKind::kInvalidInput, "training: an option is out of bounds");
  return Trainer(net, extra, loss, training, rng).run(x);
}

Result<DenseReport> train_dense(DenseNet& net, std::span<const float> x, const RowLoss& loss,
                                const DenseTraining& training, base::Rng& rng) {
  const BatchLoss rows = [&](const DenseBatch& batch) {
    const std::size_t size = net.outputs();
    double total = 0;
    for (std::size_t i = 0; i < batch.rows.size(); ++i)
      total += loss(batch.rows[i], batch.outputs.subspan(i * size, size), batch.gradients.subspan(i * size, size));
    return total;
  };
  return train_dense(net, x, {}, rows, training, rng);
}

}  // namespace thalamus::math
