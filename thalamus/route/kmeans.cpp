// Cluster tables: K-means on the dense features; per cluster and model the mean quality, shrunk to the model's global
// mean. quality(x) = sum over the `top` nearest clusters of softmax(-beta * (1 - cosine)) * table. top = 1 is
// UniRoute's K-means form (arXiv 2502.08773), top = 3 with beta = 9 the soft assignment of Avengers-Pro (arXiv
// 2508.12631). With one cluster every request gets the global means. O(clusters * dimensions + top * models).
// Simplified: clusters come from the labelled rows and from features of any length; `uniroute` and `avengers` are the
// published forms.
#include "thalamus/math/kmeans.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "thalamus/math/kernels.h"
#include "thalamus/route/clusters.h"
#include "thalamus/route/pool.h"

namespace thalamus::route {
namespace {

struct KmeansOptions {
  std::int64_t clusters = 16;
  std::int64_t top = 1;
  double beta = 9;
  double shrinkage = 5;
  std::int64_t restarts = 4;
  template <class Visitor>
  void fields(Visitor& visit) {
    using Whole = base::Range<std::int64_t>;
    visit("clusters", clusters, Whole{1, static_cast<std::int64_t>(kClustersMax)}, "clusters");
    visit("top", top, Whole{1, 64}, "nearest clusters that count");
    visit("beta", beta, base::Range<double>{0, 1000}, "sharpness of their weights");
    visit("shrinkage", shrinkage, base::Range<double>{0, 1e6}, "rows that the global mean counts for in each cluster");
    visit("restarts", restarts, Whole{1, 100}, "starts of the clustering; the best is kept");
  }
};

class KmeansRouter final : public PoolRouter {
 public:
  KmeansRouter(std::size_t size, std::size_t top, float beta, std::vector<float> centroids, ShrunkTable table)
      : size_(size), top_(top), beta_(beta), centroids_(std::move(centroids)), table_(std::move(table)) {
    for (std::size_t k = 0; k < table_.cells(); ++k) lengths_.push_back(std::sqrt(math::dot(centroid(k), centroid(k))));
  }

  void estimate(const FeatureView& request, Scratch& scratch, std::span<float> quality,
                std::span<float> sd) const noexcept override {
    const std::size_t clusters = table_.cells();
    const std::size_t top = std::min(top_, clusters);
    if (top == 1) {
      const std::uint32_t nearest = math::nearest_centroid(centroids_, size_, request.dense);
      std::copy_n(table_.mean_row(nearest).begin(), quality.size(), quality.begin());
      std::copy_n(table_.sd_row(nearest).begin(), sd.size(), sd.begin());
      return;
    }
    const float length = std::sqrt(math::dot(request.dense, request.dense));
    scratch.indices.resize(clusters);
    std::iota(scratch.indices.begin(), scratch.indices.end(), 0U);
    const std::span<double> cosine(scratch.sums.data(), clusters);
    for (std::size_t k = 0; k < clusters; ++k) {
      const float scale = length * lengths_[k];
      cosine[k] = scale > 0 ? static_cast<double>(math::dot(request.dense, centroid(k)) / scale) : 0.0;
    }
    const auto middle = scratch.indices.begin() + static_cast<std::ptrdiff_t>(top);
    std::partial_sort(scratch.indices.begin(), middle, scratch.indices.end(), [&](std::uint32_t a, std::uint32_t b) {
      return cosine[a] != cosine[b] ? cosine[a] > cosine[b] : a < b;
    });
    const double best = cosine[scratch.indices[0]];
    double total = 0;
    for (std::size_t i = 0; i < top; ++i)
      total += std::exp(static_cast<double>(beta_) * (cosine[scratch.indices[i]] - best));
    std::fill(quality.begin(), quality.end(), 0.0F);
    std::fill(sd.begin(), sd.end(), 0.0F);
    for (std::size_t i = 0; i < top; ++i) {
      const std::uint32_t k = scratch.indices[i];
      const auto weight = static_cast<float>(std::exp(static_cast<double>(beta_) * (cosine[k] - best)) / total);
      math::add_scaled(quality, weight, table_.mean_row(k));
      math::add_scaled(sd, weight, table_.sd_row(k));
    }
  }

  void prepare(Scratch& scratch) const override { scratch.indices.reserve(table_.cells()); }

  void save(base::ByteWriter& out) const override {
    out.put(static_cast<std::uint32_t>(table_.cells()));
    out.put(static_cast<std::uint32_t>(top_));
    out.put(beta_);
    out.put_array(centroids_);
    table_.save(out);
  }

  Result<std::unique_ptr<Router>> with_model(const TrainingSet& data, const base::OptionMap& values) const override {
    TRY(const auto options, base::parse_options<KmeansOptions>(values));
    CHECK_OK(check_new_model(data, size_));
    const auto column = ShrunkTable::fit(data, table_.cells(), options.shrinkage, [&](std::size_t row) {
      return std::size_t{math::nearest_centroid(centroids_, size_, data.dense_row(row))};
    });
    return std::make_unique<KmeansRouter>(size_, top_, beta_, centroids_, with_column(table_, column));
  }

  Result<std::unique_ptr<Router>> without_model(std::size_t model) const override {
    CHECK_OK(check_removal(table_.models, model));
    return std::make_unique<KmeansRouter>(size_, top_, beta_, centroids_, without_column(table_, model));
  }

 private:
  [[nodiscard]] std::span<const float> centroid(std::size_t k) const noexcept {
    return {centroids_.data() + k * size_, size_};
  }
  std::size_t size_;
  std::size_t top_;
  float beta_;
  std::vector<float> centroids_;
  ShrunkTable table_;
  std::vector<float> lengths_;
};

Result<std::unique_ptr<Router>> fit_kmeans(const TrainingSet& data, const base::OptionMap& values, base::Rng& rng) {
  TRY(const auto options, base::parse_options<KmeansOptions>(values));
  const math::KmeansOptions clustering{.clusters = static_cast<std::size_t>(options.clusters),
                                       .restarts = static_cast<std::size_t>(options.restarts)};
  math::Kmeans clusters = math::kmeans(data.dense, data.dense_size, clustering, rng);
  auto table = ShrunkTable::fit(data, clusters.clusters(), options.shrinkage,
                                [&](std::size_t row) { return std::size_t{clusters.cluster[row]}; });
  return std::make_unique<KmeansRouter>(data.dense_size, static_cast<std::size_t>(options.top),
                                        static_cast<float>(options.beta), std::move(clusters.centroids),
                                        std::move(table));
}

Result<std::unique_ptr<Router>> load_kmeans(base::ByteReader& in, const Shape& shape) {
  TRY(const auto clusters, in.get<std::uint32_t>());
  TRY(const auto top, in.get<std::uint32_t>());
  TRY(const auto beta, in.get<float>());
  if (clusters < 1 || clusters > kClustersMax || top < 1 || top > 64 || !(beta >= 0) || !(beta <= 1000))
    return fail(ErrorKind::kCorrupt, "kmeans: {} clusters, top {} and beta {} are out of bounds", clusters, top, beta);
  TRY(auto centroids, load_finite(in, clusters * shape.dense_size, "kmeans"));
  TRY(auto table, load_table(in, clusters, shape.models, "kmeans"));
  return std::make_unique<KmeansRouter>(shape.dense_size, top, beta, std::move(centroids), std::move(table));
}

}  // namespace

MethodRecord kmeans_method() {
  return {.name = "kmeans",
          .help = "mean quality per cluster of requests, hard or soft assignment",
          .source = "arXiv:2502.08773, arXiv:2508.12631",
          .latency_class_us = 10,
          .needs = {.dense = true, .either = false, .tokens = false},
          .options = &base::list_options<KmeansOptions>,
          .fit = &fit_kmeans,
          .load = &load_kmeans,
          .add_model = &add_model_to_pool,
          .remove_model = &remove_model_from_pool};
}

}  // namespace thalamus::route
