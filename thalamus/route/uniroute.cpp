// UniRoute (arXiv 2502.08773): a model is the vector of its mean errors per cluster of requests, a request a point in
// the simplex over clusters: error(x, h) = sum over k of Phi_k(x) Psi_k(h). `map=kmeans`: Phi is one at the nearest
// centroid. `map=learned`: Phi_k(x) is proportional to exp(theta_k . x), theta fitted by the log loss of error(x, h)
// over all training models with Psi fixed. Psi is shrunk to the model's mean error, (n Psi + kappa mean) / (n + kappa).
// One cluster is the zero router. The number of clusters, unless given, is the one whose tables err least on held-back
// rows about the differences between the training models. A new model needs its Psi only. Serving: O(clusters *
// dimensions). Simplified: one set of rows serves the clusters and the tables, since a table has no unlabelled rows
// beside them.
#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <numeric>

#include "thalamus/math/dense_net.h"
#include "thalamus/math/kernels.h"
#include "thalamus/route/clusters.h"
#include "thalamus/route/pool.h"

namespace thalamus::route {
namespace {

constexpr std::array<std::size_t, 5> kClusterGrid{5, 10, 25, 50, 100};  // the authors go on to 300
constexpr std::size_t kRowsPerCluster = 8;                              // fewer tell nothing about a cluster
constexpr std::size_t kChoiceRowsMax = 2'000;                           // rows of the centroids that are compared
constexpr std::size_t kRowsMax = 100'000;                               // more are sampled
constexpr std::size_t kMapRowsMax = 20'000;
constexpr double kMapTermsMax = 1e10;  // products of the map's fit
constexpr double kErrorMin = 1e-3;     // keeps the logarithms finite

struct UniRouteOptions {
  std::string map = "kmeans";
  std::int64_t clusters = 0;
  double shrinkage = 5;
  std::int64_t restarts = 4;
  std::int64_t epochs = 15;
  double rate = 0.02;
  double sharpness = 10;
  template <class Visitor>
  void fields(Visitor& visit) {
    using Whole = base::Range<std::int64_t>;
    visit("map", map, base::Choices{{"kmeans", "learned"}}, "nearest centroid, or a fitted softmax over clusters");
    visit("clusters", clusters, Whole{0, static_cast<std::int64_t>(kClustersMax)},
          "clusters; 0 chooses 5 to 100 on held-back rows");
    visit("shrinkage", shrinkage, base::Range<double>{0, 1e6}, "rows that a model's mean counts for in each cluster");
    visit("restarts", restarts, Whole{1, 100}, "starts of the clustering; the best is kept");
    visit("epochs", epochs, Whole{1, 1000}, "passes of the learned map; the best on held-back rows is kept");
    visit("rate", rate, base::Range<double>{1e-6, 1}, "step of the learned map");
    visit("sharpness", sharpness, base::Range<double>{0, 1000}, "softmax over the centroids that the map starts from");
  }
};

/// theta . (x / |x|) + bias for each cluster, turned into weights that sum to one.
struct SoftMap {
  std::vector<float> theta;  ///< clusters x size
  std::vector<float> bias;

  void weights(std::span<const float> row, std::span<double> out) const noexcept {
    const float length = std::sqrt(math::dot(row, row));
    double top = -INFINITY;
    for (std::size_t k = 0; k < bias.size(); ++k) {
      const float product = math::dot(std::span(theta).subspan(k * row.size(), row.size()), row);
      const float value = bias[k] + (length > 0 ? product / length : 0.0F);
      out[k] = std::isfinite(value) ? static_cast<double>(value) : 0.0;
      top = std::max(top, out[k]);
    }
    double total = 0;
    for (std::size_t k = 0; k < bias.size(); ++k) total += out[k] = std::exp(out[k] - top);
    for (std::size_t k = 0; k < bias.size(); ++k) out[k] /= total;
  }
};

class UniRoute final : public PoolRouter {
 public:
  UniRoute(Clusters clusters, SoftMap map, ShrunkTable table)
      : clusters_(std::move(clusters)), map_(std::move(map)), table_(std::move(table)) {}

  void estimate(const FeatureView& request, Scratch& scratch, std::span<float> quality,
                std::span<float> sd) const noexcept override {
    if (map_.bias.empty()) {
      const std::uint32_t nearest = clusters_.nearest(request.dense);
      std::copy_n(table_.mean_row(nearest).begin(), quality.size(), quality.begin());
      std::copy_n(table_.sd_row(nearest).begin(), sd.size(), sd.begin());
      return;
    }
    const std::span<double> weights(scratch.sums.data(), clusters_.count());
    map_.weights(request.dense, weights);
    std::fill(quality.begin(), quality.end(), 0.0F);
    std::fill(sd.begin(), sd.end(), 0.0F);
    for (std::size_t k = 0; k < weights.size(); ++k) {
      math::add_scaled(quality, static_cast<float>(weights[k]), table_.mean_row(k));
      math::add_scaled(sd, static_cast<float>(weights[k]), table_.sd_row(k));
    }
  }

  void save(base::ByteWriter& out) const override {
    clusters_.save(out);
    out.put_array(map_.theta);
    out.put_array(map_.bias);
    table_.save(out);
  }

  Result<std::unique_ptr<Router>> with_model(const TrainingSet& data, const base::OptionMap& values) const override {
    TRY(const auto options, base::parse_options<UniRouteOptions>(values));
    CHECK_OK(check_new_model(data, clusters_.size()));
    const auto column = ShrunkTable::fit(data, clusters_.count(), options.shrinkage, [&](std::size_t row) {
      return std::size_t{clusters_.nearest(data.dense_row(row))};
    });
    return std::make_unique<UniRoute>(clusters_, map_, with_column(table_, column));
  }

  Result<std::unique_ptr<Router>> without_model(std::size_t model) const override {
    CHECK_OK(check_removal(table_.models, model));
    return std::make_unique<UniRoute>(clusters_, map_, without_column(table_, model));
  }

 private:
  Clusters clusters_;
  SoftMap map_;  ///< empty: the nearest centroid
  ShrunkTable table_;
};

ShrunkTable fit_profiles(const TrainingSet& data, const Clusters& clusters, double shrinkage) {
  return ShrunkTable::fit(data, clusters.count(), shrinkage,
                          [&](std::size_t row) { return std::size_t{clusters.nearest(data.dense_row(row))}; });
}

std::size_t choose_clusters(const TrainingSet& data, double shrinkage, const base::Rng& rng) {
  const HeldBack parts = hold_back(data, 5);
  std::size_t best = kClusterGrid.front();
  double best_error = INFINITY;
  for (const std::size_t count : kClusterGrid) {
    if (count > kClusterGrid.front() && count * kRowsPerCluster > parts.fitted.rows) break;
    base::Rng stream = rng.fork("choose");
    const auto clusters =
        Clusters::fit(parts.fitted.dense, data.dense_size,
                      {.clusters = count, .restarts = 1, .iterations_max = 10, .rows_max = kChoiceRowsMax}, stream);
    const auto table = fit_profiles(parts.fitted, clusters, shrinkage);
    double error = 0;
    for (std::size_t row = 0; row < parts.held.rows; ++row)
      error += centered_squared_error(table.mean_row(clusters.nearest(parts.held.dense_row(row))), parts.held, row);
    if (error < best_error) {
      best_error = error;
      best = count;
    }
  }
  return best;
}

/// Log loss of the predicted error rates of one row, and its gradient by the logits of the clusters.
class MapLoss {
 public:
  MapLoss(const TrainingSet& data, const ShrunkTable& table)
      : data_(data), table_(table), phi_(table.cells()), slope_(table.cells()) {}

  double operator()(std::size_t row, std::span<const float> logits, std::span<float> gradient) {
    const auto top = static_cast<double>(*std::max_element(logits.begin(), logits.end()));
    double total = 0;
    for (std::size_t k = 0; k < phi_.size(); ++k) total += phi_[k] = std::exp(static_cast<double>(logits[k]) - top);
    for (double& weight : phi_) weight /= total;
    std::fill(slope_.begin(), slope_.end(), 0.0);  // of the loss by each weight
    const double each = 1.0 / static_cast<double>(table_.models);
    double loss = 0;
    for (std::size_t m = 0; m < table_.models; ++m) {
      if (!data_.recorded(row, m)) continue;
      const double right = std::clamp(mixed_quality(m), kErrorMin, 1 - kErrorMin);
      const auto quality = static_cast<double>(data_.quality_of(row, m));
      loss -= each * ((1 - quality) * std::log(1 - right) + quality * std::log(right));
      const double slope = each * (right - quality) / (right * (1 - right));
      for (std::size_t k = 0; k < phi_.size(); ++k) slope_[k] += slope * static_cast<double>(table_.mean_row(k)[m]);
    }
    const double mean = std::inner_product(phi_.begin(), phi_.end(), slope_.begin(), 0.0);
    for (std::size_t k = 0; k < phi_.size(); ++k) gradient[k] = static_cast<float>(phi_[k] * (slope_[k] - mean));
    return loss;
  }

 private:
  [[nodiscard]] double mixed_quality(std::size_t model) const noexcept {
    double quality = 0;
    for (std::size_t k = 0; k < phi_.size(); ++k) quality += phi_[k] * static_cast<double>(table_.mean_row(k)[model]);
    return quality;
  }

  const TrainingSet& data_;
  const ShrunkTable& table_;
  std::vector<double> phi_;
  std::vector<double> slope_;
};

Result<SoftMap> fit_map(const TrainingSet& all, const Clusters& clusters, const ShrunkTable& table,
                        const UniRouteOptions& options, base::Rng rng) {
  const std::size_t count = clusters.count();
  TrainingSet data = take_rows(all, math::sample_rows(all.rows, kMapRowsMax, rng));
  for (std::size_t row = 0; row < data.rows; ++row)
    math::normalize(std::span(data.dense).subspan(row * data.dense_size, data.dense_size));
  const std::array<math::LayerPlan, 1> plan{{{.outputs = count, .start = math::Start::kZero}}};
  math::DenseNet net = math::DenseNet::make(data.dense_size, plan, rng);
  // The softmax nearest to the hard assignment: -sharpness * |x - c|^2 / 2 less what all clusters share.
  const auto sharpness = static_cast<float>(options.sharpness);
  for (std::size_t k = 0; k < count; ++k) {
    math::add_scaled(net.weights(0).subspan(k * data.dense_size, data.dense_size), sharpness, clusters.centroid(k));
    net.bias(0)[k] = -sharpness * math::dot(clusters.centroid(k), clusters.centroid(k)) / 2;
  }
  const double terms = 6.0 * static_cast<double>(data.rows * count * data.dense_size);
  const auto affordable = static_cast<std::size_t>(std::max(1.0, kMapTermsMax / terms));
  const math::DenseTraining training{.rate = options.rate,
                                     .batch = 32,
                                     .epochs_max = std::min(static_cast<std::size_t>(options.epochs), affordable),
                                     .patience = 6,
                                     .rows_max = kMapRowsMax,
                                     .scaling = math::InputScaling::kNone};
  MapLoss loss(data, table);
  TRY([[maybe_unused]] const auto report, math::train_dense(net, data.dense, std::ref(loss), training, rng));
  return SoftMap{{net.weights(0).begin(), net.weights(0).end()}, {net.bias(0).begin(), net.bias(0).end()}};
}

Result<std::unique_ptr<Router>> fit_uniroute(const TrainingSet& all, const base::OptionMap& values, base::Rng& rng) {
  TRY(const auto options, base::parse_options<UniRouteOptions>(values));
  const TrainingSet data = take_rows(all, math::sample_rows(all.rows, kRowsMax, rng));
  const std::size_t wanted =
      options.clusters > 0 ? static_cast<std::size_t>(options.clusters) : choose_clusters(data, options.shrinkage, rng);
  Clusters clusters = Clusters::fit(data.dense, data.dense_size,
                                    {.clusters = wanted, .restarts = static_cast<std::size_t>(options.restarts)}, rng);
  auto table = fit_profiles(data, clusters, options.shrinkage);
  SoftMap map;
  if (options.map == "learned") {
    TRY(map, fit_map(data, clusters, table, options, rng.fork("map")));
  }
  return std::make_unique<UniRoute>(std::move(clusters), std::move(map), std::move(table));
}

Result<std::unique_ptr<Router>> load_uniroute(base::ByteReader& in, const Shape& shape) {
  TRY(auto clusters, Clusters::load(in, shape.dense_size, "uniroute"));
  SoftMap map;
  TRY(map.theta, in.get_array<float>());
  TRY(map.bias, in.get_array<float>());
  const bool sound = (map.bias.empty() || map.bias.size() == clusters.count()) &&
                     map.theta.size() == map.bias.size() * clusters.size();
  const auto finite = [](float value) { return std::isfinite(value); };
  if (!sound || !std::all_of(map.theta.begin(), map.theta.end(), finite) ||
      !std::all_of(map.bias.begin(), map.bias.end(), finite))
    return fail(ErrorKind::kCorrupt, "uniroute: the map does not fit {} clusters", clusters.count());
  TRY(auto table, load_table(in, clusters.count(), shape.models, "uniroute"));
  return std::make_unique<UniRoute>(std::move(clusters), std::move(map), std::move(table));
}

}  // namespace

MethodRecord uniroute_method() {
  return {.name = "uniroute",
          .help = "error profile of each model per cluster of requests; models join by their profile alone",
          .source = "arXiv:2502.08773",
          .latency_class_us = 10,
          .needs = {.dense = true, .either = false, .tokens = false},
          .options = &base::list_options<UniRouteOptions>,
          .fit = &fit_uniroute,
          .load = &load_uniroute,
          .add_model = &add_model_to_pool,
          .remove_model = &remove_model_from_pool};
}

}  // namespace thalamus::route
