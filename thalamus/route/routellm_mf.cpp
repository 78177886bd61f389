// RouteLLM's matrix factorisation (arXiv 2406.18665): delta(m, x) = w . (v_m * W e(x)) with v_m = P_m / |P_m|;
// P(a beats b | x) = sigmoid(delta(a, x) - delta(b, x)), trained on battles by Adam with noise added to a copy of the
// features. A battle is a pair of models with different quality in a row, its weight the difference. delta is linear in
// x, so one row of weights per model is kept: O(models * dimensions). CPU form: e(x) is the frozen feature vector,
// centred and scaled to mean squared length 1. At most kRowsMax rows are read and kVisitsMax visited.
#include <algorithm>
#include <array>
#include <cmath>

#include "thalamus/math/kernels.h"
#include "thalamus/math/logistic.h"
#include "thalamus/route/net_parts.h"
#include "thalamus/route/pair.h"
#include "thalamus/route/pool.h"
#include "thalamus/route/table.h"

namespace thalamus::route {
namespace {

constexpr std::size_t kRowsMax = 20'000;
constexpr std::size_t kVisitsMax = 400'000;  // rows x epochs
constexpr std::size_t kNoiseRows = 256;      // vectors of noise drawn once and reused with random signs
constexpr std::size_t kPatience = 8;         // epochs without a better held-out loss
constexpr double kHeldShare = 0.05;
constexpr std::size_t kHeldMin = 10;  // rows; with fewer held out all epochs run

struct RoutellmMfOptions {
  PairOptions pair;
  std::int64_t dims = 128;
  double rate = 3e-4;
  double decay = 1e-5;
  double noise = 0.1;
  std::int64_t batch = 64;
  std::int64_t epochs = 100;
  template <class Visitor>
  void fields(Visitor& visit) {
    using Whole = base::Range<std::int64_t>;
    using Number = base::Range<double>;
    pair.fields(visit);
    visit("dims", dims, Whole{1, 1024}, "length of a model's vector");
    visit("rate", rate, Number{1e-6, 1}, "step of Adam");
    visit("decay", decay, Number{0, 1}, "of weights, each step");
    visit("noise", noise, Number{0, 10}, "standard deviation of what is added to each feature in training");
    visit("batch", batch, Whole{1, 100'000}, "battles a step");
    visit("epochs", epochs, Whole{1, 10'000}, "passes over the rows at most");
  }
};

struct Battle {
  std::uint32_t winner;
  std::uint32_t loser;
  float weight;
};

/// Parameters in one array, so that Adam and copies see one: W (dims x size), P (models x dims), w (dims).
class Factorisation {
 public:
  Factorisation(const std::vector<std::string>& models, std::size_t size, std::size_t dims, const base::Rng& rng)
      : size_(size), dims_(dims), models_(models.size()), parameters_(dims * size + models_ * dims + dims) {
    base::Rng start = rng.fork("start");
    const double edge = 1 / std::sqrt(static_cast<double>(size));
    for (float& value : part(0, dims * size)) value = static_cast<float>(edge * (2 * start.uniform() - 1));
    for (std::size_t m = 0; m < models_; ++m) {
      base::Rng own = rng.fork(models[m]);
      for (float& value : model(m)) value = static_cast<float>(own.normal());
    }
    const double head_edge = 1 / std::sqrt(static_cast<double>(dims));
    for (float& value : head()) value = static_cast<float>(head_edge * (2 * start.uniform() - 1));
    refresh();
  }

  /// Brings the products w * v_m up to date with the parameters.
  void refresh() {
    product_.resize(models_ * dims_);
    length_.resize(models_);
    for (std::size_t m = 0; m < models_; ++m) {
      length_[m] = std::max(std::sqrt(math::dot(model(m), model(m))), 1e-6F);
      for (std::size_t k = 0; k < dims_; ++k) product_[m * dims_ + k] = head()[k] * model(m)[k] / length_[m];
    }
  }

  /// Fills hidden = W e and delta of each model.
  void forward(std::span<const float> e, std::span<float> hidden, std::span<float> delta) const noexcept {
    for (std::size_t k = 0; k < dims_; ++k) hidden[k] = math::dot({parameters_.data() + k * size_, size_}, e);
    for (std::size_t m = 0; m < models_; ++m) delta[m] = math::dot({product_.data() + m * dims_, dims_}, hidden);
  }

  /// Adds one row's gradient, given that of each delta.
  void backward(std::span<const float> e, std::span<const float> hidden, std::span<const float> by_delta) {
    by_hidden_.assign(dims_, 0.0F);
    by_product_.resize(models_ * dims_);
    gradient_.resize(parameters_.size());
    for (std::size_t m = 0; m < models_; ++m) {
      if (by_delta[m] == 0) continue;
      math::add_scaled(by_hidden_, by_delta[m], {product_.data() + m * dims_, dims_});
      math::add_scaled(std::span(by_product_).subspan(m * dims_, dims_), by_delta[m], hidden);
    }
    for (std::size_t k = 0; k < dims_; ++k)
      math::add_scaled(std::span(gradient_).subspan(k * size_, size_), by_hidden_[k], e);
  }

  /// One step of Adam on what `backward` added since the last, divided by `weight`.
  void step(math::Adam& adam, double weight, double rate, double decay) {
    const std::size_t models_at = dims_ * size_;
    const std::size_t head_at = models_at + models_ * dims_;
    for (std::size_t m = 0; m < models_; ++m) {
      const float* by = by_product_.data() + m * dims_;
      float along = 0;  // of the gradient, on the unit vector: normalising takes it out
      for (std::size_t k = 0; k < dims_; ++k) along += by[k] * head()[k] * model(m)[k] / length_[m];
      for (std::size_t k = 0; k < dims_; ++k) {
        const float unit = model(m)[k] / length_[m];
        gradient_[models_at + m * dims_ + k] = (by[k] * head()[k] - along * unit) / length_[m];
        gradient_[head_at + k] += by[k] * unit;
      }
    }
    const auto scale = static_cast<float>(1 / weight);
    for (float& value : gradient_) value *= scale;
    adam.advance();
    adam.apply(parameters_, gradient_, 0, rate, decay);
    std::fill(gradient_.begin(), gradient_.end(), 0.0F);
    std::fill(by_product_.begin(), by_product_.end(), 0.0F);
    refresh();
  }

  /// Row m: the weights with delta(m, e) = weights . e.
  [[nodiscard]] std::vector<double> linear(std::size_t m) const {
    std::vector<double> result(size_, 0.0);
    for (std::size_t k = 0; k < dims_; ++k)
      for (std::size_t c = 0; c < size_; ++c)
        result[c] += static_cast<double>(product_[m * dims_ + k]) * static_cast<double>(parameters_[k * size_ + c]);
    return result;
  }
  [[nodiscard]] std::vector<float>& parameters() noexcept { return parameters_; }

 private:
  [[nodiscard]] std::span<float> part(std::size_t at, std::size_t count) noexcept {
    return std::span(parameters_).subspan(at, count);
  }
  [[nodiscard]] std::span<float> model(std::size_t m) noexcept { return part(dims_ * size_ + m * dims_, dims_); }
  [[nodiscard]] std::span<float> head() noexcept { return part(dims_ * size_ + models_ * dims_, dims_); }

  std::size_t size_;
  std::size_t dims_;
  std::size_t models_;
  std::vector<float> parameters_;
  std::vector<float> product_;  // w * v_m
  std::vector<float> length_;   // |P_m|
  std::vector<float> gradient_;
  std::vector<float> by_hidden_;
  std::vector<float> by_product_;
};

std::vector<std::vector<Battle>> make_battles(const TrainingSet& set) {
  std::vector<std::vector<Battle>> result(set.rows);
  for (std::size_t row = 0; row < set.rows; ++row) {
    for (std::uint32_t a = 0; a < set.models.size(); ++a) {
      for (std::uint32_t b = 0; b < set.models.size(); ++b) {
        if (!set.recorded(row, a) || !set.recorded(row, b)) continue;
        const float difference = set.quality_of(row, a) - set.quality_of(row, b);
        if (difference > 0) result[row].push_back({a, b, difference});
      }
    }
  }
  return result;
}

class Trainer {
 public:
  Trainer(const TrainingSet& set, std::span<const double> scaled, const RoutellmMfOptions& options, base::Rng& rng)
      : size_(set.dense_size),
        options_(options),
        rng_(rng),
        battles_(make_battles(set)),
        e_(scaled.begin(), scaled.end()),
        noise_(kNoiseRows * size_),
        noisy_(size_),
        hidden_(static_cast<std::size_t>(options.dims)),
        delta_(set.models.size()),
        by_delta_(set.models.size()) {
    for (float& value : noise_) value = static_cast<float>(options.noise * rng.normal());
    for (std::uint32_t row = 0; row < set.rows; ++row)
      if (!battles_[row].empty()) rows_.push_back(row);
    rng.shuffle(rows_);
    const auto held = static_cast<std::size_t>(kHeldShare * static_cast<double>(rows_.size()));
    if (held >= kHeldMin) {
      held_.assign(rows_.end() - static_cast<std::ptrdiff_t>(held), rows_.end());
      rows_.resize(rows_.size() - held);
    }
  }

  void run(Factorisation& model) {
    if (rows_.empty()) return;
    math::Adam adam(model.parameters().size());
    std::vector<float> best = model.parameters();
    double best_loss = held_loss(model);
    std::size_t waited = 0;
    const std::size_t epochs =
        std::min(static_cast<std::size_t>(options_.epochs), std::max<std::size_t>(1, kVisitsMax / rows_.size()));
    for (std::size_t epoch = 0; epoch < epochs && waited < kPatience; ++epoch) {
      rng_.shuffle(rows_);
      pass(model, adam);
      if (held_.empty()) continue;
      const double loss = held_loss(model);
      ++waited;
      if (loss < best_loss) {
        best_loss = loss;
        best = model.parameters();
        waited = 0;
      }
    }
    if (held_.empty()) return;
    model.parameters() = best;
    model.refresh();
  }

 private:
  /// Loss of one row's battles; fills by_delta_. Returns their weight in `weight`.
  double row_loss(std::uint32_t row, double& weight) {
    std::fill(by_delta_.begin(), by_delta_.end(), 0.0F);
    double loss = 0;
    for (const Battle& battle : battles_[row]) {
      float slope = 0;
      loss += static_cast<double>(battle.weight) *
              math::logistic_loss(static_cast<double>(delta_[battle.winner] - delta_[battle.loser]), 1.0, slope);
      by_delta_[battle.winner] += battle.weight * slope;
      by_delta_[battle.loser] -= battle.weight * slope;
      weight += static_cast<double>(battle.weight);
    }
    return loss;
  }

  double held_loss(const Factorisation& model) {
    double loss = 0;
    double weight = 0;
    for (const std::uint32_t row : held_) {
      model.forward(std::span(e_).subspan(row * size_, size_), hidden_, delta_);
      loss += row_loss(row, weight);
    }
    return loss;
  }

  void pass(Factorisation& model, math::Adam& adam) {
    double weight = 0;
    std::size_t count = 0;
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      const std::uint32_t row = rows_[i];
      std::copy_n(e_.begin() + static_cast<std::ptrdiff_t>(row * size_), size_, noisy_.begin());
      const std::uint64_t draw = rng_.next();
      const std::size_t at = static_cast<std::size_t>(draw % kNoiseRows) * size_;
      if (options_.noise > 0)
        math::add_scaled(noisy_, (draw >> 40 & 1) != 0 ? 1.0F : -1.0F, std::span(noise_).subspan(at, size_));
      model.forward(noisy_, hidden_, delta_);
      static_cast<void>(row_loss(row, weight));
      model.backward(noisy_, hidden_, by_delta_);
      count += battles_[row].size();
      if (count < static_cast<std::size_t>(options_.batch) && i + 1 < rows_.size()) continue;
      model.step(adam, weight, options_.rate, options_.decay);
      weight = 0;
      count = 0;
    }
  }

  std::size_t size_;
  const RoutellmMfOptions& options_;
  base::Rng& rng_;
  std::vector<std::vector<Battle>> battles_;
  std::vector<float> e_;
  std::vector<float> noise_;
  std::vector<float> noisy_;
  std::vector<float> hidden_;
  std::vector<float> delta_;
  std::vector<float> by_delta_;
  std::vector<std::uint32_t> rows_;
  std::vector<std::uint32_t> held_;
};

class RoutellmMf final : public Router {
 public:
  RoutellmMf(std::size_t size, std::vector<float> weights, std::vector<float> bias, std::vector<float> sd)
      : size_(size), weights_(std::move(weights)), bias_(std::move(bias)), sd_(std::move(sd)) {}

  void score(std::span<const float> dense, std::span<float> out) const noexcept {
    for (std::size_t m = 0; m < out.size(); ++m)
      out[m] = bias_[m] + math::dot({weights_.data() + m * size_, size_}, dense);
  }
  void estimate(const FeatureView& request, Scratch&, std::span<float> quality,
                std::span<float> sd) const noexcept override {
    score(request.dense, quality);
    policy_.apply(quality);
    std::copy_n(sd_.begin(), sd.size(), sd.begin());
  }
  void save(base::ByteWriter& out) const override {
    out.put_array(weights_);
    out.put_array(bias_);
    out.put_array(sd_);
    policy_.save(out);
  }
  [[nodiscard]] Output output() const noexcept override { return Output::kPreference; }
  void set_policy(RankPolicy policy) { policy_ = std::move(policy); }
  [[nodiscard]] Result<std::unique_ptr<Router>> without_model(std::size_t model) const {
    CHECK_OK(check_removal(bias_.size(), model));
    auto router = std::make_unique<RoutellmMf>(size_, without_row(weights_, size_, model), without_row(bias_, 1, model),
                                               without_row(sd_, 1, model));
    router->set_policy(policy_.without(model));
    return router;
  }

 private:
  std::size_t size_;
  std::vector<float> weights_;  ///< models x size
  std::vector<float> bias_;
  std::vector<float> sd_;
  RankPolicy policy_;
};

Result<std::unique_ptr<Router>> fit_routellm_mf(const TrainingSet& data, const base::OptionMap& values,
                                                base::Rng& rng) {
  TRY(const auto options, base::parse_options<RoutellmMfOptions>(values));
  TRY(const Pair pair, choose_pair(data, options.pair.strong, options.pair.weak));
  static_cast<void>(pair);
  const OrderedSet ordered = order_models(data, kRowsMax, rng);
  const TrainingSet& set = ordered.set;
  const auto scaling = math::RowScaling::fit(set.dense, set.dense_size);
  Factorisation model(set.models, set.dense_size, static_cast<std::size_t>(options.dims), rng);
  Trainer(set, scaling.apply(set.dense), options, rng).run(model);

  std::vector<float> weights;
  std::vector<float> bias;
  for (std::size_t m = 0; m < set.models.size(); ++m) {
    const auto linear = model.linear(m);
    double shift = 0;
    for (std::size_t c = 0; c < set.dense_size; ++c) {
      weights.push_back(static_cast<float>(linear[c] * scaling.factor[c]));
      shift += static_cast<double>(weights.back()) * scaling.center[c];
    }
    bias.push_back(static_cast<float>(-shift));
  }
  const ModelMeans means = model_means(data);
  std::vector<float> sd;
  for (std::size_t m = 0; m < data.models.size(); ++m)
    sd.push_back(static_cast<float>(probability_sd(means.mean[m], means.count[m])));
  auto router = std::make_unique<RoutellmMf>(set.dense_size, placed_rows(weights, set.dense_size, ordered.place),
                                             placed(bias, ordered.place), std::move(sd));
  std::vector<double> scores;
  std::vector<float> score(data.models.size());
  for (const std::uint32_t row : ordered.rows) {
    router->score(data.dense_row(row), score);
    for (const float value : score) scores.push_back(static_cast<double>(value));
  }
  TRY(auto policy, RankPolicy::fit(data, ordered.rows, scores, options.pair));
  router->set_policy(std::move(policy));
  return router;
}

Result<std::unique_ptr<Router>> load_routellm_mf(base::ByteReader& in, const Shape& shape) {
  TRY(auto weights, load_finite(in, shape.models * shape.dense_size, "routellm_mf"));
  TRY(auto bias, load_finite(in, shape.models, "routellm_mf"));
  TRY(auto sd, load_deviations(in, shape.models, "routellm_mf"));
  TRY(auto policy, RankPolicy::load(in, shape.models, "routellm_mf"));
  auto router = std::make_unique<RoutellmMf>(shape.dense_size, std::move(weights), std::move(bias), std::move(sd));
  router->set_policy(std::move(policy));
  return router;
}

Result<std::unique_ptr<Router>> remove_routellm_mf(const Router& router, std::size_t model) {
  return static_cast<const RoutellmMf&>(router).without_model(model);
}

}  // namespace

MethodRecord routellm_mf_method() {
  return {.name = "routellm_mf",
          .help = "matrix factorisation of models and requests, trained on which model wins",
          .source = "arXiv:2406.18665",
          .latency_class_us = 10,
          .needs = {.dense = true, .either = false, .tokens = false},
          .options = &base::list_options<RoutellmMfOptions>,
          .fit = &fit_routellm_mf,
          .load = &load_routellm_mf,
          .remove_model = &remove_routellm_mf};
}

}  // namespace thalamus::route
