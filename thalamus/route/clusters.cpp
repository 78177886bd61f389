#include "thalamus/route/clusters.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "thalamus/math/kernels.h"
#include "thalamus/math/kmeans.h"
#include "thalamus/route/table.h"

namespace thalamus::route {

Clusters::Clusters(std::size_t size, std::vector<float> centroids) : size_(size), centroids_(std::move(centroids)) {
  const std::size_t count = size_ == 0 ? 0 : centroids_.size() / size_;
  lengths_.resize(count);
  for (std::size_t k = 0; k < count; ++k) lengths_[k] = std::sqrt(math::dot(centroid(k), centroid(k)));
}

Clusters Clusters::fit(std::span<const float> dense, std::size_t size, const Options& options, base::Rng& rng) {
  std::vector<float> rows(dense.begin(), dense.end());
  const std::size_t count = rows.size() / size;
  for (std::size_t row = 0; row < count; ++row) math::normalize(std::span(rows).subspan(row * size, size));
  const std::size_t clusters = std::clamp<std::size_t>(options.clusters, 1, std::min(kClustersMax, count));
  const double terms = static_cast<double>(std::min(count, options.rows_max)) * static_cast<double>(size * clusters) *
                       static_cast<double>(options.iterations_max);
  const auto affordable = static_cast<std::size_t>(std::max(1.0, kDistanceTermsMax / terms));
  math::Kmeans fitted = math::kmeans(rows, size,
                                     {.clusters = clusters,
                                      .iterations_max = options.iterations_max,
                                      .restarts = std::min(options.restarts, affordable),
                                      .rows_max = options.rows_max},
                                     rng);
  return {size, std::move(fitted.centroids)};
}

Result<Clusters> Clusters::load(base::ByteReader& in, std::size_t size, std::string_view what) {
  TRY(const auto count, in.get<std::uint32_t>());
  if (count < 1 || count > kClustersMax || size == 0)
    return fail(ErrorKind::kCorrupt, "{}: {} clusters are out of bounds", what, count);
  TRY(auto centroids, load_finite(in, count * size, what));
  return Clusters(size, std::move(centroids));
}

void Clusters::save(base::ByteWriter& out) const {
  out.put(static_cast<std::uint32_t>(count()));
  out.put_array(centroids_);
}

std::uint32_t Clusters::nearest(std::span<const float> row) const noexcept {
  const float length = std::sqrt(math::dot(row, row));
  const float scale = length > 0 ? 2 / length : 0.0F;
  std::uint32_t best = 0;
  float best_distance = INFINITY;
  for (std::uint32_t k = 0; k < count(); ++k) {
    // |x/|x| - c|^2 less the constant 1.
    const float distance = lengths_[k] * lengths_[k] - scale * math::dot(row, centroid(k));
    if (distance < best_distance) {
      best_distance = distance;
      best = k;
    }
  }
  return best;
}

double Clusters::cosine(std::span<const float> row, std::size_t k) const noexcept {
  const float scale = std::sqrt(math::dot(row, row)) * lengths_[k];
  const auto value = scale > 0 ? static_cast<double>(math::dot(row, centroid(k)) / scale) : 0.0;
  return std::isfinite(value) ? value : 0.0;
}

std::size_t Clusters::soft_nearest(std::span<const float> row, std::size_t top, double beta,
                                   Scratch& scratch) const noexcept {
  top = std::min(top, count());
  auto& order = scratch.indices;
  order.resize(count());
  std::iota(order.begin(), order.end(), 0U);
  const std::span<double> near(scratch.sums.data(), count());
  for (std::size_t k = 0; k < count(); ++k) near[k] = cosine(row, k);
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(top), order.end(),
                    [&](std::uint32_t a, std::uint32_t b) { return near[a] != near[b] ? near[a] > near[b] : a < b; });
  // Behind the cosines there is room: kScratchSums is several times kClustersMax.
  const std::span<double> weights(scratch.sums.data() + count(), top);
  const double best = near[order[0]];
  double total = 0;
  for (std::size_t i = 0; i < top; ++i) total += weights[i] = std::exp(beta * (near[order[i]] - best));
  for (std::size_t i = 0; i < top; ++i) scratch.sums[i] = weights[i] / total;
  return top;
}

}  // namespace thalamus::route
