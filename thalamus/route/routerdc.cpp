// RouterDC (arXiv 2409.19886), its CPU form `dc-head`: the request's features x are mapped to h = normalise(A x + b),
// the model of the highest cos(h, v_m) / temperature wins. A and the model vectors V are trained by two contrastive
// losses: sample-LLM, -log of e^sim(x,p) over e^sim(x,p) + sum of e^sim(x,n) for the best models p against the worst n
// of a row, and sample-sample, the same over rows of one cluster against rows of others. A direct policy: it gives an
// order, not a probability. O(width * (dimensions + models)).
// Simplified (CPU form): frozen features instead of a fine-tuned encoder; clusters by k-means on them, without t-SNE.
// Kept from the paper: temperature 1, three models on either side of seven (the number grows with the pool, as three
// of seventy would say little), five clusters, three negatives, both losses alike. Rows where every model fails have
// no positive and teach nothing; a row is never its own positive; the epoch is chosen on held-out rows.
#include <algorithm>
#include <cmath>

#include "thalamus/math/dense_net.h"
#include "thalamus/math/kernels.h"
#include "thalamus/math/kmeans.h"
#include "thalamus/route/contrastive.h"
#include "thalamus/route/net_parts.h"
#include "thalamus/route/pool.h"
#include "thalamus/route/router.h"
#include "thalamus/route/table.h"

namespace thalamus::route {
namespace {

constexpr std::size_t kRowsMax = 20'000;
constexpr double kModelVectorSd = 0.78;

struct RouterdcOptions {
  std::int64_t width = 128;
  std::int64_t contrast = 0;
  std::int64_t clusters = 5;
  std::int64_t negatives = 3;
  double temperature = 1;
  double sample_weight = 1;
  double cost_rate = 0;
  double rate = 1e-3;
  double weight_decay = 0.01;
  std::int64_t epochs = 30;
  std::int64_t patience = 4;
  template <class Visitor>
  void fields(Visitor& visit) {
    using Whole = base::Range<std::int64_t>;
    using Real = base::Range<double>;
    visit("width", width, Whole{2, 1024}, "dimensions of requests and models");
    visit("contrast", contrast, Whole{0, 1024}, "best and worst models of a row that count; 0: 3 of every 7 models");
    visit("clusters", clusters, Whole{1, 256}, "clusters of the sample-sample loss");
    visit("negatives", negatives, Whole{1, 32}, "rows of other clusters that a row is pushed from");
    visit("temperature", temperature, Real{0.01, 100}, "cosines are divided by this");
    visit("sample_weight", sample_weight, Real{0, 100}, "of the sample-sample loss");
    visit("cost_rate", cost_rate, Real{0, 1e6}, "quality that one dollar takes off a training score");
    visit("rate", rate, Real{1e-6, 0.1}, "step size of Adam");
    visit("weight_decay", weight_decay, Real{0, 10}, "decoupled, of weights");
    visit("epochs", epochs, Whole{1, 1000}, "passes over the rows at most");
    visit("patience", patience, Whole{1, 1000}, "passes without a better held-out loss before training stops");
  }
};

class RouterdcRouter final : public PoolRouter {
 public:
  RouterdcRouter(math::DenseNet net, float temperature, std::vector<float> vectors)
      : net_(std::move(net)), temperature_(temperature), vectors_(std::move(vectors)) {}

  void estimate(const FeatureView& request, Scratch& scratch, std::span<float> preference,
                std::span<float> sd) const noexcept override {
    const std::size_t width = net_.outputs();
    const std::span<float> workspace = std::span(scratch.work).first(net_.workspace_size() + width);
    const std::span<float> unit = workspace.last(width);
    static_cast<void>(to_unit(net_.forward(request.dense, workspace.first(net_.workspace_size())), unit));
    math::multiply(vectors_, unit, preference);
    for (float& value : preference) value /= temperature_;
    std::fill(sd.begin(), sd.end(), 0.0F);
  }
  void prepare(Scratch& scratch) const override { grow_work(scratch, net_.workspace_size() + net_.outputs()); }
  void save(base::ByteWriter& out) const override {
    out.put(static_cast<std::uint32_t>(net_.outputs()));
    out.put(temperature_);
    net_.save(out);
    out.put_array(vectors_);
  }
  [[nodiscard]] Output output() const noexcept override { return Output::kPreference; }

  [[nodiscard]] Result<std::unique_ptr<Router>> with_model(const TrainingSet&, const base::OptionMap&) const override {
    return fail(ErrorKind::kUnsupported, "routerdc: model vectors are learned together; train anew");
  }
  [[nodiscard]] Result<std::unique_ptr<Router>> without_model(std::size_t model) const override {
    CHECK_OK(check_removal(vectors_.size() / net_.outputs(), model));
    return std::make_unique<RouterdcRouter>(net_, temperature_, without_row(vectors_, net_.outputs(), model));
  }

 private:
  math::DenseNet net_;
  float temperature_;
  std::vector<float> vectors_;  ///< models x width, unit length
};

/// Both losses over a batch. The model vectors are the trainer's extra parameters.
class DualLoss {
 public:
  DualLoss(const TrainingSet& set, const RouterdcOptions& options, std::vector<std::uint32_t> clusters, base::Rng rng)
      : options_(options), clusters_(std::move(clusters)), rng_(rng) {
    const std::size_t models = set.models.size();
    contrast_ = static_cast<std::size_t>(options.contrast);
    if (contrast_ == 0) contrast_ = std::max<std::size_t>({1, std::min<std::size_t>(3, models - 1), (models * 3) / 7});
    similarity_.resize(models);
    model_gradient_.resize(models);
    model_units_.resize(models * static_cast<std::size_t>(options.width));
    model_lengths_.resize(models);
    scores_ = set.quality;
    for (std::size_t i = 0; i < scores_.size() && i < set.cost_usd.size(); ++i)
      if (options.cost_rate > 0 && std::isfinite(set.cost_usd[i]))
        scores_[i] -= static_cast<float>(options.cost_rate) * set.cost_usd[i];
  }

  double operator()(const math::DenseBatch& batch) {
    const std::size_t width = this->width();
    units_.resize(batch.outputs.size());
    lengths_.resize(batch.rows.size());
    for (std::size_t i = 0; i < batch.rows.size(); ++i)
      lengths_[i] = to_unit(batch.outputs.subspan(i * width, width), unit(i));
    for (std::size_t m = 0; m < model_lengths_.size(); ++m)
      model_lengths_[m] = to_unit(batch.extra.subspan(m * width, width), model_unit(m));
    double total = 0;
    for (std::size_t i = 0; i < batch.rows.size(); ++i) total += sample_model(batch, i);
    // The epoch is judged by how models are told apart.
    if (!batch.training) return total;
    ++visits_;
    if (options_.sample_weight > 0)
      for (std::size_t i = 0; i < batch.rows.size(); ++i) total += sample_sample(batch, i);
    for (std::size_t i = 0; i < batch.rows.size(); ++i)
      through_unit(unit(i), lengths_[i], batch.gradients.subspan(i * width, width));
    for (std::size_t m = 0; m < model_lengths_.size(); ++m)
      through_unit(model_unit(m), model_lengths_[m], batch.extra_gradient.subspan(m * width, width));
    return total;
  }

 private:
  [[nodiscard]] std::size_t width() const noexcept { return static_cast<std::size_t>(options_.width); }
  [[nodiscard]] std::span<float> unit(std::size_t i) noexcept { return {units_.data() + i * width(), width()}; }
  [[nodiscard]] std::span<float> model_unit(std::size_t m) noexcept {
    return {model_units_.data() + m * width(), width()};
  }

  double sample_model(const math::DenseBatch& batch, std::size_t i) {
    const std::size_t models = similarity_.size();
    const std::uint32_t row = batch.rows[i];
    const std::span<const float> scores(scores_.data() + row * models, models);
    choose_contrast(scores, contrast_, base::mix64(row) ^ (batch.training ? visits_ : 0), chosen_);
    if (chosen_.positives.empty() || chosen_.negatives.empty()) return 0;
    for (std::size_t m = 0; m < models; ++m)
      similarity_[m] = static_cast<double>(math::dot(unit(i), model_unit(m))) / options_.temperature;
    std::fill(model_gradient_.begin(), model_gradient_.end(), 0.0);
    const double loss = contrast_loss(similarity_, scores, chosen_, model_gradient_);
    for (std::size_t m = 0; m < models; ++m) {
      const auto slope = static_cast<float>(model_gradient_[m] / options_.temperature);
      if (slope == 0) continue;
      math::add_scaled(batch.gradients.subspan(i * width(), width()), slope, model_unit(m));
      math::add_scaled(batch.extra_gradient.subspan(m * width(), width()), slope, unit(i));
    }
    return loss;
  }

  /// One row of the same cluster against some of others, all from the batch.
  double sample_sample(const math::DenseBatch& batch, std::size_t i) {
    same_.clear();
    others_.clear();
    for (std::size_t j = 0; j < batch.rows.size(); ++j) {
      if (j == i) continue;
      (clusters_[batch.rows[j]] == clusters_[batch.rows[i]] ? same_ : others_).push_back(j);
    }
    if (same_.empty() || others_.empty()) return 0;
    const std::size_t positive = rng_.pick(same_);
    const std::size_t count = std::min(static_cast<std::size_t>(options_.negatives), others_.size());
    negatives_.clear();
    for (std::size_t n = 0; n < count; ++n) {
      std::swap(others_[n], others_[n + rng_.below(others_.size() - n)]);
      negatives_.push_back(static_cast<double>(math::dot(unit(i), unit(others_[n]))));
    }
    double positive_gradient = 0;
    negative_gradients_.assign(count, 0.0);
    const double loss = info_nce(static_cast<double>(math::dot(unit(i), unit(positive))), negatives_,
                                 options_.sample_weight, positive_gradient, negative_gradients_);
    pull(batch, i, positive, positive_gradient);
    for (std::size_t n = 0; n < count; ++n) pull(batch, i, others_[n], negative_gradients_[n]);
    return options_.sample_weight * loss;
  }

  /// The gradient of the cosine of two rows.
  void pull(const math::DenseBatch& batch, std::size_t i, std::size_t j, double slope) {
    math::add_scaled(batch.gradients.subspan(i * width(), width()), static_cast<float>(slope), unit(j));
    math::add_scaled(batch.gradients.subspan(j * width(), width()), static_cast<float>(slope), unit(i));
  }

  const RouterdcOptions& options_;
  std::vector<std::uint32_t> clusters_;
  base::Rng rng_;
  std::size_t contrast_ = 3;
  std::uint64_t visits_ = 0;
  std::vector<float> scores_;
  Contrast chosen_;
  std::vector<float> units_;
  std::vector<float> lengths_;
  std::vector<float> model_units_;
  std::vector<float> model_lengths_;
  std::vector<double> similarity_;
  std::vector<double> model_gradient_;
  std::vector<std::size_t> same_;
  std::vector<std::size_t> others_;
  std::vector<double> negatives_;
  std::vector<double> negative_gradients_;
};

/// Unit vectors to serve. A model without outcomes gets the mean of the others, and so the mean of their similarities.
std::vector<float> serving_vectors(const TrainingSet& set, std::span<const float> vectors, std::size_t width) {
  const std::size_t models = set.models.size();
  const ModelMeans means = model_means(set);
  std::vector<float> units(vectors.size());
  std::vector<float> mean(width, 0.0F);
  float known = 0;
  for (std::size_t m = 0; m < models; ++m) {
    static_cast<void>(to_unit(vectors.subspan(m * width, width), std::span(units).subspan(m * width, width)));
    if (means.count[m] == 0) continue;
    math::add_scaled(mean, 1, std::span(units).subspan(m * width, width));
    known += 1;
  }
  for (float& value : mean) value /= std::max(1.0F, known);
  for (std::size_t m = 0; m < models; ++m)
    if (means.count[m] == 0) std::copy(mean.begin(), mean.end(), std::span(units).subspan(m * width).begin());
  return units;
}

Result<std::unique_ptr<Router>> fit_routerdc(const TrainingSet& data, const base::OptionMap& values, base::Rng& rng) {
  TRY(const auto options, base::parse_options<RouterdcOptions>(values));
  const OrderedSet ordered = order_models(data, kRowsMax, rng);
  const TrainingSet& set = ordered.set;
  const auto width = static_cast<std::size_t>(options.width);
  const std::vector<math::LayerPlan> plan{{width}};
  math::DenseNet net = math::DenseNet::make(set.dense_size, plan, rng);
  std::vector<float> vectors(set.models.size() * width);
  for (float& value : vectors) value = static_cast<float>(kModelVectorSd * rng.normal());
  const math::KmeansOptions clustering{.clusters = static_cast<std::size_t>(options.clusters), .restarts = 1};
  math::Kmeans clusters = math::kmeans(set.dense, set.dense_size, clustering, rng.fork("clusters"));
  DualLoss dual(set, options, std::move(clusters.cluster), rng.fork("pairs"));
  const math::DenseTraining training{.rate = options.rate,
                                     .weight_decay = options.weight_decay,
                                     .batch = batch_of(set.rows),
                                     .epochs_max = static_cast<std::size_t>(options.epochs),
                                     .patience = static_cast<std::size_t>(options.patience),
                                     .rows_max = kRowsMax};
  const math::BatchLoss loss = [&](const math::DenseBatch& batch) { return dual(batch); };
  TRY(const auto report, math::train_dense(net, set.dense, vectors, loss, training, rng));
  static_cast<void>(report);
  const auto units = serving_vectors(set, vectors, width);
  return std::make_unique<RouterdcRouter>(std::move(net), static_cast<float>(options.temperature),
                                          placed_rows(units, width, ordered.place));
}

Result<std::unique_ptr<Router>> load_routerdc(base::ByteReader& in, const Shape& shape) {
  TRY(const auto width, in.get<std::uint32_t>());
  TRY(const auto temperature, in.get<float>());
  if (width < 2 || width > 1024 || !(temperature >= 0.01F) || !(temperature <= 100))
    return fail(ErrorKind::kCorrupt, "routerdc: width {} or temperature {} is out of bounds", width, temperature);
  TRY(auto net, math::DenseNet::load(in, shape.dense_size, width));
  TRY(auto vectors, load_finite(in, shape.models * width, "routerdc"));
  if (!std::all_of(vectors.begin(), vectors.end(), [](float value) { return std::abs(value) <= 1.001F; }))
    return fail(ErrorKind::kCorrupt, "routerdc: a model vector is longer than one");
  return std::make_unique<RouterdcRouter>(std::move(net), temperature, std::move(vectors));
}

}  // namespace

MethodRecord routerdc_method() {
  return {.name = "routerdc",
          .help = "similarity of the request to learned model vectors (dual contrastive, dc-head)",
          .source = "arXiv:2409.19886",
          .latency_class_us = 10,
          .needs = {.dense = true, .either = false, .tokens = false},
          .options = &base::list_options<RouterdcOptions>,
          .fit = &fit_routerdc,
          .load = &load_routerdc,
          .remove_model = &remove_model_from_pool};
}

}  // namespace thalamus::route
