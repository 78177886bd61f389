// Tryage (arXiv 2308.11601): a router predicts the loss of each model on a prompt and adds weighted static properties
// of the models, i* = argmin_i R(x)_i + sum over j of lambda_j C_j(i). Loss is 1 - quality, R is linear in the dense
// features (CPU form of the authors' BERT head). form=mse: ridge regression of losses standardised by one mean and one
// deviation over all models. form=kl: the deviations between the models are fitted by the divergence of softmax(-R / T)
// from softmax(-L / T) over the recorded cells; the part that all models share, which this loss cannot see, is the
// ridge of a row's mean loss. Properties, each scaled to [0,1] over the pool: mean recorded cost; mean cost per byte of
// request, which does not depend on lengths; deviation of the outcomes; share of rows without an outcome. Their weights
// are options, never text of a prompt. What it fills are preferences, -(R + sum). O(models * dimensions).
#include <algorithm>
#include <array>
#include <cmath>

#include "thalamus/math/dense_net.h"
#include "thalamus/math/kernels.h"
#include "thalamus/math/ridge.h"
#include "thalamus/route/pool.h"

namespace thalamus::route {
namespace {

constexpr std::size_t kRowsMax = 20'000;  // more are sampled
constexpr std::size_t kFlags = 4;
constexpr double kWeightMax = 1e6;
constexpr double kTermsMax = 1e10;  // products that the divergence may take

using Flags = std::array<double, kFlags>;

struct TryageOptions {
  std::string form = "mse";
  double penalty = 0;
  double temperature = 1;
  std::int64_t epochs = 30;
  double rate = 0.003;
  double flag_cost = 0;
  double flag_price = 0;
  double flag_variance = 0;
  double flag_unproven = 0;
  template <class Visitor>
  void fields(Visitor& visit) {
    const base::Range<double> weight{0, kWeightMax};
    visit("form", form, base::Choices{{"mse", "kl"}}, "squared error of losses, or divergence of their softmax");
    visit("penalty", penalty, base::Range<double>{0, 1e6}, "of squared weights; 0 chooses it per model");
    visit("temperature", temperature, base::Range<double>{0.01, 100}, "of the softmax over losses in the form kl");
    visit("epochs", epochs, base::Range<std::int64_t>{1, 1000}, "passes of the form kl; the best is kept");
    visit("rate", rate, base::Range<double>{1e-6, 1}, "step of the form kl");
    visit("flag_cost", flag_cost, weight, "weight of the mean recorded cost");
    visit("flag_price", flag_price, weight, "weight of the mean cost per byte of request");
    visit("flag_variance", flag_variance, weight, "weight of the deviation of a model's outcomes");
    visit("flag_unproven", flag_unproven, weight, "weight of the share of rows without an outcome");
  }
  [[nodiscard]] Flags weights() const { return {flag_cost, flag_price, flag_variance, flag_unproven}; }
};

/// One model's static properties as measured. What a table does not record counts 0: it is not held against a model.
Flags measure(const TrainingSet& data, std::size_t model) {
  const std::size_t models = data.models.size();
  double cost = 0;
  double price = 0;
  double priced = 0;
  double sum = 0;
  double square = 0;
  double count = 0;
  for (std::size_t row = 0; row < data.rows; ++row) {
    const std::size_t at = row * models + model;
    if (at < data.cost_usd.size() && std::isfinite(data.cost_usd[at])) {
      const auto usd = static_cast<double>(data.cost_usd[at]);
      const double bytes = row < data.text_bytes.size() ? static_cast<double>(data.text_bytes[row]) : 0.0;
      cost += usd;
      price += usd / std::max(1.0, bytes);
      priced += 1;
    }
    if (!data.recorded(row, model)) continue;
    const auto quality = static_cast<double>(data.quality_of(row, model));
    sum += quality;
    square += quality * quality;
    count += 1;
  }
  const double mean = count > 0 ? sum / count : 0.0;
  const double variance = count > 0 ? std::max(0.0, square / count - mean * mean) : 0.0;
  const double unproven = data.rows > 0 ? 1 - count / static_cast<double>(data.rows) : 0.0;
  return {priced > 0 ? cost / priced : 0.0, priced > 0 ? price / priced : 0.0, std::sqrt(variance), unproven};
}

/// Predicted losses: models x size and a bias each.
struct LossHeads {
  std::vector<float> weights;
  std::vector<float> bias;
};

/// Losses as quality-shaped targets: (1 - q - mean) / deviation, over all models at once so that their order stays.
struct Standard {
  double mean = 0.5;
  double deviation = 1;
};

Standard standardise(const TrainingSet& data) {
  double sum = 0;
  double square = 0;
  double count = 0;
  for (const float q : data.quality) {
    if (std::isnan(q)) continue;
    const double loss = 1 - static_cast<double>(q);
    sum += loss;
    square += loss * loss;
    count += 1;
  }
  if (count == 0) return {};
  const double mean = sum / count;
  const double deviation = std::sqrt(std::max(0.0, square / count - mean * mean));
  return {mean, deviation > 1e-9 ? deviation : 1.0};
}

/// Ridge on the losses; `targets` columns of `losses`.
Result<LossHeads> fit_losses(const TrainingSet& data, std::vector<float> losses, std::size_t targets,
                             const Standard& standard, double penalty) {
  for (float& loss : losses)
    loss = static_cast<float>((static_cast<double>(loss) - standard.mean) / standard.deviation);
  TRY(auto ridge, math::fit_ridge(data.dense, data.dense_size, losses, targets, {.penalty = penalty}));
  LossHeads heads{std::move(ridge.weights), std::move(ridge.bias)};
  for (float& weight : heads.weights) weight = static_cast<float>(static_cast<double>(weight) * standard.deviation);
  for (float& bias : heads.bias)
    bias = static_cast<float>(standard.mean + static_cast<double>(bias) * standard.deviation);
  return heads;
}

std::vector<float> losses_of(const TrainingSet& data) {
  std::vector<float> losses = data.quality;
  for (float& value : losses) value = 1 - value;  // NaN stays
  return losses;
}

/// Divergence of the predicted from the measured softmax over the recorded cells of one row.
class Divergence {
 public:
  Divergence(const TrainingSet& data, double temperature)
      : data_(data), temperature_(temperature), measured_(data.models.size()), predicted_(data.models.size()) {}

  double operator()(std::size_t row, std::span<const float> losses, std::span<float> gradient) {
    softmax(row, measured_, [&](std::size_t m) { return 1 - static_cast<double>(data_.quality_of(row, m)); });
    softmax(row, predicted_, [&](std::size_t m) { return static_cast<double>(losses[m]); });
    double divergence = 0;
    for (std::size_t m = 0; m < losses.size(); ++m) {
      if (!data_.recorded(row, m)) continue;
      divergence += measured_[m] * std::log(std::max(measured_[m], 1e-300) / std::max(predicted_[m], 1e-300));
      gradient[m] = static_cast<float>((measured_[m] - predicted_[m]) / temperature_);
    }
    return divergence;
  }

 private:
  template <class Loss>
  void softmax(std::size_t row, std::vector<double>& out, Loss&& loss) {
    double least = INFINITY;
    for (std::size_t m = 0; m < out.size(); ++m)
      if (data_.recorded(row, m)) least = std::min(least, loss(m));
    double total = 0;
    for (std::size_t m = 0; m < out.size(); ++m)
      if (data_.recorded(row, m)) total += out[m] = std::exp((least - loss(m)) / temperature_);
    for (double& share : out) share /= total > 0 ? total : 1.0;
  }

  const TrainingSet& data_;
  double temperature_;
  std::vector<double> measured_;
  std::vector<double> predicted_;
};

Result<LossHeads> fit_divergence(const TrainingSet& data, const TryageOptions& options, const Standard& standard,
                                 base::Rng& rng) {
  const std::size_t models = data.models.size();
  std::vector<float> shared(data.rows, NAN);  // mean loss of a row relative to what its models lose on the whole
  const ModelMeans means = model_means(data);
  for (std::size_t row = 0; row < data.rows; ++row) {
    double sum = 0;
    double count = 0;
    for (std::size_t m = 0; m < models; ++m) {
      if (!data.recorded(row, m)) continue;
      sum += means.mean[m] - static_cast<double>(data.quality_of(row, m));
      count += 1;
    }
    if (count > 0) shared[row] = static_cast<float>(sum / count);
  }
  TRY(const auto common, fit_losses(data, std::move(shared), 1, {0, standard.deviation}, options.penalty));
  const std::array<math::LayerPlan, 1> plan{{{.outputs = models, .start = math::Start::kZero}}};
  math::DenseNet net = math::DenseNet::make(data.dense_size, plan, rng);
  for (std::size_t m = 0; m < models; ++m) net.bias(0)[m] = static_cast<float>(1 - means.mean[m]);
  const double terms = 6.0 * static_cast<double>(data.rows * models * data.dense_size);
  const auto affordable = static_cast<std::size_t>(std::max(1.0, kTermsMax / terms));
  const math::DenseTraining training{.rate = options.rate,
                                     .epochs_max = std::min(static_cast<std::size_t>(options.epochs), affordable),
                                     .patience = 4,
                                     .rows_max = kRowsMax};
  Divergence loss(data, options.temperature);
  TRY([[maybe_unused]] const auto report, math::train_dense(net, data.dense, std::ref(loss), training, rng));
  LossHeads heads{{net.weights(0).begin(), net.weights(0).end()}, {net.bias(0).begin(), net.bias(0).end()}};
  for (std::size_t m = 0; m < models; ++m) {
    math::add_scaled(std::span(heads.weights).subspan(m * data.dense_size, data.dense_size), 1, common.weights);
    heads.bias[m] += common.bias[0];
  }
  return heads;
}

class Tryage final : public PoolRouter {
 public:
  /// `penalty` is sum over j of lambda_j C_j, one per model; `scale` what a measured property is divided by.
  Tryage(std::size_t size, LossHeads heads, std::vector<float> penalty, Flags scale, Flags weights)
      : size_(size), heads_(std::move(heads)), penalty_(std::move(penalty)), scale_(scale), weights_(weights) {}

  [[nodiscard]] Output output() const noexcept override { return Output::kPreference; }

  void estimate(const FeatureView& request, Scratch&, std::span<float> quality,
                std::span<float> sd) const noexcept override {
    for (std::size_t m = 0; m < quality.size(); ++m) {
      const float loss = heads_.bias[m] + math::dot({heads_.weights.data() + m * size_, size_}, request.dense);
      quality[m] = -(loss + penalty_[m]);
      sd[m] = 0;
    }
  }

  void save(base::ByteWriter& out) const override {
    out.put_array(heads_.weights);
    out.put_array(heads_.bias);
    out.put_array(penalty_);
    out.put_array(std::span<const double>(scale_));
    out.put_array(std::span<const double>(weights_));
  }

  /// The newcomer's row is a ridge regression of its losses, whatever the form; properties keep the scale of the pool.
  Result<std::unique_ptr<Router>> with_model(const TrainingSet& data, const base::OptionMap& values) const override {
    TRY(const auto options, base::parse_options<TryageOptions>(values));
    CHECK_OK(check_new_model(data, size_));
    TRY(auto added, fit_losses(data, losses_of(data), 1, standardise(data), options.penalty));
    LossHeads heads = heads_;
    heads.weights.insert(heads.weights.end(), added.weights.begin(), added.weights.end());
    heads.bias.push_back(added.bias[0]);
    std::vector<float> penalty = penalty_;
    penalty.push_back(weigh(measure(data, 0), scale_, weights_));
    return std::make_unique<Tryage>(size_, std::move(heads), std::move(penalty), scale_, weights_);
  }

  Result<std::unique_ptr<Router>> without_model(std::size_t model) const override {
    CHECK_OK(check_removal(penalty_.size(), model));
    return std::make_unique<Tryage>(
        size_, LossHeads{without_row(heads_.weights, size_, model), without_row(heads_.bias, 1, model)},
        without_row(penalty_, 1, model), scale_, weights_);
  }

  [[nodiscard]] static float weigh(const Flags& measured, const Flags& scale, const Flags& weights) {
    double sum = 0;
    for (std::size_t j = 0; j < kFlags; ++j)
      sum += weights[j] * (scale[j] > 0 ? std::min(1.0, measured[j] / scale[j]) : 0.0);
    return static_cast<float>(sum);
  }

 private:
  std::size_t size_;
  LossHeads heads_;
  std::vector<float> penalty_;
  Flags scale_;
  Flags weights_;
};

Result<std::unique_ptr<Router>> fit_tryage(const TrainingSet& all, const base::OptionMap& values, base::Rng& rng) {
  TRY(const auto options, base::parse_options<TryageOptions>(values));
  const TrainingSet data = take_rows(all, math::sample_rows(all.rows, kRowsMax, rng));
  const std::size_t models = data.models.size();
  const Standard standard = standardise(data);
  LossHeads heads;
  if (options.form == "kl") {
    TRY(heads, fit_divergence(data, options, standard, rng));
  } else {
    TRY(heads, fit_losses(data, losses_of(data), models, standard, options.penalty));
  }
  const ModelMeans means = model_means(data);
  std::vector<Flags> measured;
  Flags scale{};
  for (std::size_t m = 0; m < models; ++m) {
    if (means.count[m] == 0) heads.bias[m] = static_cast<float>(1 - means.mean[m]);
    measured.push_back(measure(data, m));
    for (std::size_t j = 0; j < kFlags; ++j) scale[j] = std::max(scale[j], measured.back()[j]);
  }
  std::vector<float> penalty;
  for (const Flags& flags : measured) penalty.push_back(Tryage::weigh(flags, scale, options.weights()));
  return std::make_unique<Tryage>(data.dense_size, std::move(heads), std::move(penalty), scale, options.weights());
}

Result<Flags> load_flags(base::ByteReader& in) {
  TRY(const auto values, in.get_array<double>());
  Flags flags{};
  if (values.size() != kFlags ||
      !std::all_of(values.begin(), values.end(), [](double value) { return value >= 0 && std::isfinite(value); }))
    return fail(ErrorKind::kCorrupt, "tryage: expected {} properties", kFlags);
  std::copy(values.begin(), values.end(), flags.begin());
  return flags;
}

Result<std::unique_ptr<Router>> load_tryage(base::ByteReader& in, const Shape& shape) {
  LossHeads heads;
  TRY(heads.weights, load_finite(in, shape.models * shape.dense_size, "tryage"));
  TRY(heads.bias, load_finite(in, shape.models, "tryage"));
  TRY(auto penalty, load_finite(in, shape.models, "tryage"));
  TRY(const auto scale, load_flags(in));
  TRY(const auto weights, load_flags(in));
  return std::make_unique<Tryage>(shape.dense_size, std::move(heads), std::move(penalty), scale, weights);
}

}  // namespace

MethodRecord tryage_method() {
  return {.name = "tryage",
          .help = "predicted loss of each model plus weighted properties of the models",
          .source = "arXiv:2308.11601",
          .latency_class_us = 10,
          .needs = {.dense = true, .either = false, .tokens = false},
          .options = &base::list_options<TryageOptions>,
          .fit = &fit_tryage,
          .load = &load_tryage,
          .add_model = &add_model_to_pool,
          .remove_model = &remove_model_from_pool};
}

}  // namespace thalamus::route
