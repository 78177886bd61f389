// GraphRouter (arXiv 2410.03834), the fixed version: quality(x, m) = sigmoid(z(x) . h_m / sqrt(width)), where z is a
// linear map of the request's features and of its predicted task, and h_m comes from two layers of messages along the
// edges from training requests to model m. An edge carries (utility, cost, effect), mapped by ReLU(3 -> 3) to gates:
// the first layer sends z * gate, the second ReLU(Q z) * gate, each averaged over m's visible edges. Training masks
// the edges of the requests that are predicted. Requests receive no message, so serving is one dot product per model
// with frozen h_m, and a new model needs nothing but some edges of its own. O(width * (dimensions + models)).
// Fixed against the published code: labels are the recorded qualities (multi-hot) instead of the one-hot argmax of a
// utility, which most requests tie on; rows, not edges, are held out; the epoch is chosen on held-out rows, judged as
// they are served: by the edges of all rows trained on; masks follow the seed; gates multiply what a request sends,
// where the published sum, averaged over a complete table, would tell every model the same; the logit of a model's mean
// effect is part of h_m from the start, as a base rate learned by a few hundred steps through messages is too rough to
// tell the best of many models. A pool of a few models can be told apart by their mean attributes, and then nothing
// makes the layers listen; so each step also predicts a few virtual models, mixed from the pool. `messages=pooled` is
// the ablation: models are told by their mean attributes alone.
// Simplified: a table holds no text about its models, so a learned vector takes the place of a model's embedded
// description; it is left out half of the time in training, and a newcomer has none. Dropped inputs instead of batch
// norm; one net for every trade-off of quality against cost, which the decision makes.
#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <numeric>

#include "thalamus/math/dense_net.h"
#include "thalamus/math/kernels.h"
#include "thalamus/math/kmeans.h"
#include "thalamus/route/graph_layers.h"
#include "thalamus/route/graph_loss.h"
#include "thalamus/route/net_parts.h"
#include "thalamus/route/pool.h"
#include "thalamus/route/router.h"
#include "thalamus/route/table.h"

namespace thalamus::route {
namespace {

constexpr std::size_t kRowsMax = 20'000;
constexpr std::size_t kBatchMin = 64;  // half of it sends messages
constexpr std::size_t kBatchMax = 128;
constexpr std::size_t kTasksMax = 64;
constexpr float kTaskScale = 0.25F;  // of a task's indicator, beside features of about unit length

struct GraphrouterOptions {
  std::int64_t width = 32;
  std::string messages = "gated";
  std::string task = "predicted";
  std::int64_t virtual_models = 8;
  double rate = 1e-3;
  double weight_decay = 0.01;
  double input_noise = 0.2;
  std::int64_t epochs = 100;
  std::int64_t patience = 10;
  template <class Visitor>
  void fields(Visitor& visit) {
    using Whole = base::Range<std::int64_t>;
    visit("width", width, Whole{2, static_cast<std::int64_t>(kGraphWidthMax)}, "dimensions of requests and models");
    visit("messages", messages, base::Choices{{"gated", "pooled"}},
          "what a model hears: which requests it answers well, or only its mean attributes");
    visit("task", task, base::Choices{{"predicted", "none"}}, "whether the predicted task is an input");
    visit("virtual_models", virtual_models, Whole{0, 64},
          "models mixed from others in each step, so that a new one is placed by its edges; 0 if none will join");
    visit("rate", rate, base::Range<double>{1e-6, 0.1}, "step size of Adam");
    visit("weight_decay", weight_decay, base::Range<double>{0, 10}, "decoupled, of the request's map");
    visit("input_noise", input_noise, base::Range<double>{0, 0.9}, "share of features dropped at each visit of a row");
    visit("epochs", epochs, Whole{1, 1000}, "passes over the rows at most");
    visit("patience", patience, Whole{1, 1000}, "passes without a better held-out loss before training stops");
  }
};

/// Features and predicted task -> z.
struct RequestMap {
  math::DenseNet net;  ///< (features, task indicators) -> width
  std::size_t dense_size = 0;
  std::vector<float> centroids;  ///< tasks x dense_size: the mean features of each task

  [[nodiscard]] std::size_t tasks() const noexcept { return dense_size == 0 ? 0 : centroids.size() / dense_size; }
  [[nodiscard]] std::size_t inputs() const noexcept { return dense_size + tasks(); }
  void write_input(std::span<const float> dense, std::span<float> input) const noexcept {
    std::copy(dense.begin(), dense.end(), input.begin());
    std::fill(input.begin() + static_cast<std::ptrdiff_t>(dense_size), input.end(), 0.0F);
    if (tasks() > 0) input[dense_size + math::nearest_centroid(centroids, dense_size, dense)] = kTaskScale;
  }
  /// z of a request; `work` holds inputs() + width floats.
  [[nodiscard]] std::span<const float> apply(std::span<const float> dense, std::span<float> work) const noexcept {
    const std::span<float> input = work.first(inputs());
    write_input(dense, input);
    return net.forward(input, work.subspan(inputs(), net.workspace_size()));
  }
  [[nodiscard]] std::size_t work_size() const noexcept { return inputs() + net.workspace_size(); }
};

/// The vector of one model from its edges in `data`.
std::vector<float> vector_from_edges(const GraphLayers& layers, const RequestMap& map, const CostScale& scale,
                                     const TrainingSet& data, std::size_t model) {
  ModelPass pass(layers);
  pass.begin();
  std::vector<float> work(map.work_size());
  std::vector<float> state(layers.width());
  const bool has_cost = data.cost_usd.size() == data.quality.size();
  for (std::size_t row = 0; row < data.rows; ++row) {
    if (!data.recorded(row, model)) continue;
    const auto z = map.apply(data.dense_row(row), work);
    static_cast<void>(layers.state().forward(z, state));
    const float cost = has_cost ? data.cost_usd[row * data.models.size() + model] : NAN;
    pass.add_edge(z, state, attributes_of(data.quality_of(row, model), scale.of(cost)));
  }
  const auto vector = pass.finish();
  return {vector.begin(), vector.end()};
}

class GraphrouterRouter final : public PoolRouter {
 public:
  GraphrouterRouter(GraphLayers layers, RequestMap map, CostScale scale, std::vector<float> vectors,
                    std::vector<float> sd)
      : layers_(std::move(layers)),
        map_(std::move(map)),
        scale_(scale),
        vectors_(std::move(vectors)),
        sd_(std::move(sd)) {}

  void estimate(const FeatureView& request, Scratch& scratch, std::span<float> quality,
                std::span<float> sd) const noexcept override {
    const auto z = map_.apply(request.dense, scratch.work);
    for (std::size_t m = 0; m < quality.size(); ++m)
      quality[m] = static_cast<float>(math::sigmoid(static_cast<double>(score_logit(z, vector(m)))));
    std::copy(sd_.begin(), sd_.end(), sd.begin());
  }
  void prepare(Scratch& scratch) const override { grow_work(scratch, map_.work_size()); }
  void save(base::ByteWriter& out) const override {
    layers_.save(out);
    out.put_array(map_.centroids);
    map_.net.save(out);
    out.put(scale_.low);
    out.put(scale_.high);
    out.put_array(vectors_);
    out.put_array(sd_);
  }

  [[nodiscard]] Result<std::unique_ptr<Router>> with_model(const TrainingSet& data,
                                                           const base::OptionMap& values) const override {
    TRY(const auto options, base::parse_options<GraphrouterOptions>(values));
    static_cast<void>(options);
    CHECK_OK(check_new_model(data, map_.dense_size));
    const auto added = vector_from_edges(layers_, map_, scale_, data, 0);
    std::vector<std::uint32_t> rows(data.rows);
    std::iota(rows.begin(), rows.end(), 0U);
    std::vector<float> work(map_.work_size());
    const auto sd = residual_deviations(data, rows, static_cast<double>(layers_.width() + 1),
                                        [&](std::size_t row, std::span<float> quality) {
                                          const float logit = score_logit(map_.apply(data.dense_row(row), work), added);
                                          quality[0] = static_cast<float>(math::sigmoid(static_cast<double>(logit)));
                                        });
    auto vectors = vectors_;
    vectors.insert(vectors.end(), added.begin(), added.end());
    auto deviations = sd_;
    deviations.push_back(sd.front());
    return std::make_unique<GraphrouterRouter>(layers_, map_, scale_, std::move(vectors), std::move(deviations));
  }
  [[nodiscard]] Result<std::unique_ptr<Router>> without_model(std::size_t model) const override {
    CHECK_OK(check_removal(sd_.size(), model));
    return std::make_unique<GraphrouterRouter>(layers_, map_, scale_, without_row(vectors_, layers_.width(), model),
                                               without_row(sd_, 1, model));
  }

 private:
  [[nodiscard]] std::span<const float> vector(std::size_t m) const noexcept {
    return {vectors_.data() + m * layers_.width(), layers_.width()};
  }
  GraphLayers layers_;
  RequestMap map_;
  CostScale scale_;
  std::vector<float> vectors_;  ///< models x width
  std::vector<float> sd_;
};

/// Mean features of the most frequent tasks; none where there is one task only.
std::vector<float> task_centroids(const TrainingSet& set) {
  std::map<std::uint32_t, std::size_t> counts;
  for (const std::uint32_t task : set.task) ++counts[task];
  if (counts.size() < 2) return {};
  std::vector<std::pair<std::size_t, std::uint32_t>> frequent;
  for (const auto& [task, count] : counts) frequent.emplace_back(count, task);
  std::sort(frequent.begin(), frequent.end(),
            [](const auto& a, const auto& b) { return a.first != b.first ? a.first > b.first : a.second < b.second; });
  frequent.resize(std::min(frequent.size(), kTasksMax));
  std::vector<float> centroids;
  for (const auto& [count, task] : frequent) {
    std::vector<double> sum(set.dense_size, 0.0);
    for (std::size_t row = 0; row < set.rows; ++row)
      if (set.task[row] == task)
        for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += static_cast<double>(set.dense_row(row)[i]);
    for (const double value : sum) centroids.push_back(static_cast<float>(value / static_cast<double>(count)));
  }
  return centroids;
}

CostScale cost_scale(const TrainingSet& set) {
  CostScale scale{INFINITY, -INFINITY};
  for (const float cost : set.cost_usd) {
    if (!std::isfinite(cost)) continue;
    scale.low = std::min(scale.low, cost);
    scale.high = std::max(scale.high, cost);
  }
  return scale.low <= scale.high ? scale : CostScale{};
}

/// One vector per model of the set, from its edges and its description; a model without any edge gets the mean of the
/// others.
std::vector<float> all_vectors(const GraphLayers& layers, const RequestMap& map, const CostScale& scale,
                               const TrainingSet& set, std::span<const float> descriptions) {
  const std::size_t w = layers.width();
  const ModelMeans means = model_means(set);
  std::vector<float> vectors;
  std::vector<float> mean(w, 0.0F);
  float known = 0;
  for (std::size_t m = 0; m < set.models.size(); ++m) {
    auto vector = vector_from_edges(layers, map, scale, set, m);
    math::add_scaled(vector, 1, descriptions.subspan(m * w, w));
    vectors.insert(vectors.end(), vector.begin(), vector.end());
    if (means.count[m] == 0) continue;
    math::add_scaled(mean, 1, vector);
    known += 1;
  }
  for (std::size_t m = 0; m < set.models.size() && known > 0; ++m)
    if (means.count[m] == 0)
      for (std::size_t i = 0; i < w; ++i) vectors[m * w + i] = mean[i] / known;
  return vectors;
}

Result<std::unique_ptr<Router>> fit_graphrouter(const TrainingSet& data, const base::OptionMap& values,
                                                base::Rng& rng) {
  TRY(const auto options, base::parse_options<GraphrouterOptions>(values));
  const OrderedSet ordered = order_models(data, kRowsMax, rng);
  const TrainingSet& set = ordered.set;
  const auto w = static_cast<std::size_t>(options.width);
  const CostScale scale = cost_scale(set);
  RequestMap map;
  map.dense_size = set.dense_size;
  if (options.task == "predicted") map.centroids = task_centroids(set);
  std::vector<float> inputs(set.rows * map.inputs());
  for (std::size_t row = 0; row < set.rows; ++row)
    map.write_input(set.dense_row(row), std::span(inputs).subspan(row * map.inputs(), map.inputs()));
  const std::vector<math::LayerPlan> plan{{w}};
  map.net = math::DenseNet::make(map.inputs(), plan, rng);
  // A part of z that is 1 for every request, until training finds better, carries a model's base rate.
  map.net.bias(0)[0] = 1;
  std::fill_n(map.net.weights(0).begin(), map.inputs(), 0.0F);
  GraphLayers layers(w, options.messages == "gated" ? GraphMessages::kGated : GraphMessages::kPooled, rng);
  std::vector<float> extra = layers.parameters();
  extra.resize(extra.size() + set.models.size() * w, 0.0F);
  GraphLoss graph(set, layers, scale, static_cast<std::size_t>(options.virtual_models), rng.fork("contexts"));
  const math::BatchLoss loss = [&](const math::DenseBatch& batch) { return graph(batch); };
  const math::DenseTraining training{.rate = options.rate,
                                     .weight_decay = options.weight_decay,
                                     .input_noise = options.input_noise,
                                     .batch = std::clamp(set.rows / 16, kBatchMin, kBatchMax),
                                     .epochs_max = static_cast<std::size_t>(options.epochs),
                                     .patience = static_cast<std::size_t>(options.patience),
                                     .rows_max = kRowsMax};
  TRY(const auto report, math::train_dense(map.net, inputs, extra, loss, training, rng));
  layers.set_parameters(extra);
  const auto vectors = all_vectors(layers, map, scale, set, std::span(extra).last(set.models.size() * w));
  std::vector<float> work(map.work_size());
  const auto sd = residual_deviations(
      set, rows_to_judge(report, set.rows), static_cast<double>(w + 1), [&](std::size_t row, std::span<float> quality) {
        const auto z = map.apply(set.dense_row(row), work);
        for (std::size_t m = 0; m < quality.size(); ++m)
          quality[m] = static_cast<float>(
              math::sigmoid(static_cast<double>(score_logit(z, std::span(vectors).subspan(m * w, w)))));
      });
  return std::make_unique<GraphrouterRouter>(std::move(layers), std::move(map), scale,
                                             placed_rows(vectors, w, ordered.place), placed(sd, ordered.place));
}

Result<std::unique_ptr<Router>> load_graphrouter(base::ByteReader& in, const Shape& shape) {
  TRY(auto layers, GraphLayers::load(in));
  RequestMap map;
  map.dense_size = shape.dense_size;
  TRY(map.centroids, in.get_array<float>());
  if (shape.dense_size == 0 || map.centroids.size() % shape.dense_size != 0 || map.tasks() > kTasksMax ||
      !std::all_of(map.centroids.begin(), map.centroids.end(), [](float v) { return std::isfinite(v); }))
    return fail(ErrorKind::kCorrupt, "graphrouter: the tasks do not fit the features");
  TRY(map.net, math::DenseNet::load(in, map.inputs(), layers.width()));
  CostScale scale;
  TRY(scale.low, in.get<float>());
  TRY(scale.high, in.get<float>());
  if (!std::isfinite(scale.low) || !std::isfinite(scale.high))
    return fail(ErrorKind::kCorrupt, "graphrouter: the costs have no bounds");
  TRY(auto vectors, load_finite(in, shape.models * layers.width(), "graphrouter"));
  if (!std::all_of(vectors.begin(), vectors.end(), [](float v) { return std::abs(v) < 1e12F; }))
    return fail(ErrorKind::kCorrupt, "graphrouter: a model vector is out of bounds");
  TRY(auto sd, load_deviations(in, shape.models, "graphrouter"));
  return std::make_unique<GraphrouterRouter>(std::move(layers), std::move(map), scale, std::move(vectors),
                                             std::move(sd));
}

}  // namespace

MethodRecord graphrouter_method() {
  return {.name = "graphrouter",
          .help = "edge prediction on a graph of requests and models; a new model needs a few scored requests",
          .source = "arXiv:2410.03834",
          .latency_class_us = 10,
          .needs = {.dense = true, .either = false, .tokens = false},
          .options = &base::list_options<GraphrouterOptions>,
          .fit = &fit_graphrouter,
          .load = &load_graphrouter,
          .add_model = &add_model_to_pool,
          .remove_model = &remove_model_from_pool};
}

}  // namespace thalamus::route
