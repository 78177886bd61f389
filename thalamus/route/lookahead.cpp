// Lookahead routing (arXiv 2510.19506), its CPU form "response-aware head": predict what each model's response would be
// like, then its quality. z = relu(A x + a), r_m = B_m z + b_m, quality_m = sigmoid(u_m . [z; r_m] + c_m); loss
// BCE(quality) + auxiliary_weight * MSE(r), over the recorded cells. r and the logit are linear in z, so the fitted
// head folds into one net of one output per model: O(hidden * (dimensions + models)).
// Simplified (CPU form): an outcome table holds no response text, so the response features are what it does record: the
// logarithm of a cell's cost, which stands for the length of the response, standardised per model; and its quality
// relative to the mean of the row. Frozen features take the place of a fine-tuned encoder, and with them the curriculum
// of masked response tokens falls away. `auxiliary_weight=0` is the ablation that tests the paper's claim.
// `labels=relative` are the paper's: scores min-max scaled within a row, right from .8 on; rows where all models score
// alike teach nothing then, and the output is an order, not a probability.
#include <algorithm>
#include <cmath>

#include "thalamus/math/dense_net.h"
#include "thalamus/math/kernels.h"
#include "thalamus/route/net_parts.h"
#include "thalamus/route/router.h"

namespace thalamus::route {
namespace {

constexpr std::size_t kRowsMax = 20'000;
constexpr std::size_t kResponseFeatures = 2;  // length, relative quality
constexpr float kRelativeRight = 0.8F;

struct LookaheadOptions {
  std::int64_t hidden = 64;
  double auxiliary_weight = 0.2;
  std::string labels = "quality";
  double rate = 1e-3;
  double weight_decay = 0.01;
  double input_noise = 0.2;
  std::int64_t epochs = 60;
  std::int64_t patience = 6;
  template <class Visitor>
  void fields(Visitor& visit) {
    using Whole = base::Range<std::int64_t>;
    visit("hidden", hidden, Whole{1, 1024}, "width of what responses and qualities are predicted from");
    visit("auxiliary_weight", auxiliary_weight, base::Range<double>{0, 100}, "of the loss of the response features");
    visit("labels", labels, base::Choices{{"quality", "relative"}}, "the recorded quality, or near the row's best");
    visit("rate", rate, base::Range<double>{1e-6, 0.1}, "step size of Adam");
    visit("weight_decay", weight_decay, base::Range<double>{0, 10}, "decoupled, of weights");
    visit("input_noise", input_noise, base::Range<double>{0, 0.9}, "share of features dropped at each visit of a row");
    visit("epochs", epochs, Whole{1, 1000}, "passes over the rows at most");
    visit("patience", patience, Whole{1, 1000}, "passes without a better held-out loss before training stops");
  }
};

/// rows x models x kResponseFeatures; NaN where the table does not say.
std::vector<float> response_features(const TrainingSet& set) {
  const std::size_t models = set.models.size();
  std::vector<float> features(set.rows * models * kResponseFeatures, NAN);
  const auto length = [&](std::size_t row, std::size_t m) {
    const std::size_t at = row * models + m;
    return at < set.cost_usd.size() && set.cost_usd[at] > 0 ? std::log(static_cast<double>(set.cost_usd[at])) : NAN;
  };
  for (std::size_t m = 0; m < models; ++m) {
    double sum = 0;
    double square = 0;
    double count = 0;
    for (std::size_t row = 0; row < set.rows; ++row) {
      const double value = length(row, m);
      if (!std::isfinite(value)) continue;
      sum += value;
      square += value * value;
      count += 1;
    }
    const double variance = count > 1 ? square / count - (sum / count) * (sum / count) : 0.0;
    if (variance < 1e-9) continue;
    for (std::size_t row = 0; row < set.rows; ++row)
      if (const double value = length(row, m); std::isfinite(value))
        features[(row * models + m) * kResponseFeatures] =
            static_cast<float>(std::clamp((value - sum / count) / std::sqrt(variance), -4.0, 4.0));
  }
  for (std::size_t row = 0; row < set.rows; ++row) {
    double sum = 0;
    double count = 0;
    for (std::size_t m = 0; m < models; ++m) {
      if (!set.recorded(row, m)) continue;
      sum += static_cast<double>(set.quality_of(row, m));
      count += 1;
    }
    for (std::size_t m = 0; m < models && count > 1; ++m)
      if (set.recorded(row, m))
        features[(row * models + m) * kResponseFeatures + 1] = set.quality_of(row, m) - static_cast<float>(sum / count);
  }
  return features;
}

/// Qualities become 1 from .8 of the row's range on, else 0; NaN in rows without a range.
void make_relative(std::vector<float>& quality, std::size_t models) {
  for (std::size_t at = 0; at + models <= quality.size(); at += models) {
    const std::span<float> row(quality.data() + at, models);
    float low = INFINITY;
    float high = -INFINITY;
    for (const float q : row) {
      if (std::isnan(q)) continue;
      low = std::min(low, q);
      high = std::max(high, q);
    }
    for (float& q : row)
      if (!std::isnan(q)) q = high > low ? ((q - low) / (high - low) >= kRelativeRight ? 1.0F : 0.0F) : NAN;
  }
}

void forward_probabilities(const math::DenseNet& net, std::span<const float> input, std::span<float> workspace,
                           std::span<float> quality) noexcept {
  const auto logits = net.forward(input, workspace);
  for (std::size_t m = 0; m < quality.size(); ++m)
    quality[m] = static_cast<float>(math::sigmoid(static_cast<double>(logits[m])));
}

class LookaheadRouter final : public Router {
 public:
  LookaheadRouter(math::DenseNet net, Output kind, std::vector<float> sd)
      : net_(std::move(net)), kind_(kind), sd_(std::move(sd)) {}

  void estimate(const FeatureView& request, Scratch& scratch, std::span<float> quality,
                std::span<float> sd) const noexcept override {
    forward_probabilities(net_, request.dense, std::span(scratch.work).first(net_.workspace_size()), quality);
    std::copy(sd_.begin(), sd_.end(), sd.begin());
  }
  void prepare(Scratch& scratch) const override { grow_work(scratch, net_.workspace_size()); }
  void save(base::ByteWriter& out) const override {
    out.put(kind_);
    net_.save(out);
    out.put_array(sd_);
  }
  [[nodiscard]] Output output() const noexcept override { return kind_; }

 private:
  math::DenseNet net_;
  Output kind_;
  std::vector<float> sd_;
};

/// The loss of a row. Outputs: one logit per model, then the response features of each. Extra parameters: the weight of
/// each response feature in its model's logit.
class ResponseLoss {
 public:
  ResponseLoss(const TrainingSet& labels, std::vector<float> responses, double weight)
      : labels_(labels), responses_(std::move(responses)), weight_(weight) {}

  double operator()(const math::DenseBatch& batch) const {
    const std::size_t models = labels_.models.size();
    const std::size_t outputs = models * (1 + kResponseFeatures);
    double total = 0;
    for (std::size_t i = 0; i < batch.rows.size(); ++i)
      for (std::size_t m = 0; m < models; ++m)
        total += cell(batch, batch.rows[i], m, batch.outputs.subspan(i * outputs, outputs),
                      batch.gradients.subspan(i * outputs, outputs));
    return total;
  }

 private:
  double cell(const math::DenseBatch& batch, std::uint32_t row, std::size_t m, std::span<const float> output,
              std::span<float> gradient) const {
    const std::size_t models = labels_.models.size();
    const auto response = output.subspan(models + m * kResponseFeatures, kResponseFeatures);
    const auto response_gradient = gradient.subspan(models + m * kResponseFeatures, kResponseFeatures);
    const auto mix = batch.extra.subspan(m * kResponseFeatures, kResponseFeatures);
    double loss = 0;
    if (labels_.recorded(row, m)) {
      float slope = 0;
      const auto logit = static_cast<double>(output[m] + math::dot(mix, response));
      loss += math::logistic_loss(logit, static_cast<double>(labels_.quality_of(row, m)), slope);
      gradient[m] += slope;
      math::add_scaled(response_gradient, slope, mix);
      math::add_scaled(batch.extra_gradient.subspan(m * kResponseFeatures, kResponseFeatures), slope, response);
    }
    // The held-out loss is that of the qualities.
    if (!batch.training || weight_ == 0) return loss;
    const float* target = responses_.data() + (row * models + m) * kResponseFeatures;
    for (std::size_t f = 0; f < kResponseFeatures; ++f) {
      if (std::isnan(target[f])) continue;
      const float off = response[f] - target[f];
      loss += weight_ * static_cast<double>(off) * static_cast<double>(off);
      response_gradient[f] += static_cast<float>(2 * weight_) * off;
    }
    return loss;
  }

  const TrainingSet& labels_;
  std::vector<float> responses_;
  double weight_;
};

/// One output per model: logit_m + mix_m . r_m, where all are linear in the hidden layer.
math::DenseNet fold(math::DenseNet net, std::span<const float> mix, std::span<const std::size_t> place) {
  const std::size_t models = place.size();
  const std::size_t hidden = net.outputs(0);
  const std::span<float> weights = net.weights(1);
  const std::span<float> bias = net.bias(1);
  for (std::size_t m = 0; m < models; ++m) {
    for (std::size_t f = 0; f < kResponseFeatures; ++f) {
      const std::size_t source = models + m * kResponseFeatures + f;
      const float scale = mix[m * kResponseFeatures + f];
      math::add_scaled(weights.subspan(m * hidden, hidden), scale, weights.subspan(source * hidden, hidden));
      bias[m] += scale * bias[source];
    }
  }
  net.rearrange_outputs(place);
  return net;
}

Result<std::unique_ptr<Router>> fit_lookahead(const TrainingSet& data, const base::OptionMap& values, base::Rng& rng) {
  TRY(const auto options, base::parse_options<LookaheadOptions>(values));
  OrderedSet ordered = order_models(data, kRowsMax, rng);
  TrainingSet& set = ordered.set;
  const std::size_t models = set.models.size();
  std::vector<float> responses = response_features(set);
  const bool relative = options.labels == "relative";
  if (relative) make_relative(set.quality, models);
  using math::Activation;
  const std::vector<math::LayerPlan> plan{
      {static_cast<std::size_t>(options.hidden), Activation::kRelu},
      {models * (1 + kResponseFeatures), Activation::kIdentity, math::Start::kZero}};
  math::DenseNet net = math::DenseNet::make(set.dense_size, plan, rng);
  const ModelMeans means = model_means(set);
  for (std::size_t m = 0; m < models; ++m) net.bias(1)[m] = static_cast<float>(safe_logit(means.mean[m]));
  std::vector<float> mix(models * kResponseFeatures, 0.0F);
  const ResponseLoss responses_loss(set, std::move(responses), options.auxiliary_weight);
  const math::BatchLoss loss = [&](const math::DenseBatch& batch) { return responses_loss(batch); };
  const math::DenseTraining training{.rate = options.rate,
                                     .weight_decay = options.weight_decay,
                                     .input_noise = options.input_noise,
                                     .batch = batch_of(set.rows),
                                     .epochs_max = static_cast<std::size_t>(options.epochs),
                                     .patience = static_cast<std::size_t>(options.patience),
                                     .rows_max = kRowsMax};
  TRY(const auto report, math::train_dense(net, set.dense, mix, loss, training, rng));
  // A model without any label keeps the mean of the others, whatever its costs say.
  for (std::size_t m = 0; m < models; ++m)
    if (means.count[m] == 0)
      std::fill_n(mix.begin() + static_cast<std::ptrdiff_t>(m * kResponseFeatures), kResponseFeatures, 0.0F);
  std::vector<std::size_t> in_order(models);
  for (std::size_t m = 0; m < models; ++m) in_order[m] = m;
  net = fold(std::move(net), mix, in_order);
  std::vector<float> workspace(net.workspace_size());
  const auto sd = residual_deviations(
      set, rows_to_judge(report, set.rows), static_cast<double>(options.hidden + 1),
      [&](std::size_t row, std::span<float> out) { forward_probabilities(net, set.dense_row(row), workspace, out); });
  net.rearrange_outputs(ordered.place);
  return std::make_unique<LookaheadRouter>(std::move(net), relative ? Output::kPreference : Output::kQuality,
                                           placed(sd, ordered.place));
}

Result<std::unique_ptr<Router>> load_lookahead(base::ByteReader& in, const Shape& shape) {
  TRY(const auto kind, in.get<std::uint8_t>());
  if (kind > static_cast<std::uint8_t>(Output::kPreference))
    return fail(ErrorKind::kCorrupt, "lookahead: an unknown kind of output, {}", kind);
  TRY(auto net, math::DenseNet::load(in, shape.dense_size, shape.models));
  TRY(auto sd, load_deviations(in, shape.models, "lookahead"));
  return std::make_unique<LookaheadRouter>(std::move(net), static_cast<Output>(kind), std::move(sd));
}

}  // namespace

MethodRecord lookahead_method() {
  return {.name = "lookahead",
          .help = "a net that also learns to predict what the responses are like (response-aware head)",
          .source = "arXiv:2510.19506",
          .latency_class_us = 10,
          .needs = {.dense = true, .either = false, .tokens = false},
          .options = &base::list_options<LookaheadOptions>,
          .fit = &fit_lookahead,
          .load = &load_lookahead};
}

}  // namespace thalamus::route
