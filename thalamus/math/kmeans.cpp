#include "thalamus/math/kmeans.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

#include "thalamus/math/kernels.h"

namespace thalamus::math {
namespace {

// Row indices to fit on: all, or a sample without replacement.
std::vector<std::uint32_t> sample_rows(std::size_t rows, std::size_t rows_max, base::Rng& rng) {
  std::vector<std::uint32_t> chosen(rows);
  std::iota(chosen.begin(), chosen.end(), 0U);
  if (rows <= rows_max) return chosen;
  for (std::size_t i = 0; i < rows_max; ++i) std::swap(chosen[i], chosen[i + rng.below(rows - i)]);
  chosen.resize(rows_max);
  std::sort(chosen.begin(), chosen.end());
  return chosen;
}

struct Data {
  std::span<const float> rows;
  std::size_t size;
  const std::vector<std::uint32_t>& chosen;
  [[nodiscard]] std::size_t count() const noexcept { return chosen.size(); }
  [[nodiscard]] std::span<const float> row(std::size_t i) const noexcept {
    return rows.subspan(chosen[i] * size, size);
  }
};

// k-means++: each next centroid is drawn with probability proportional to the squared distance to the nearest so far.
std::vector<float> seed_centroids(const Data& data, std::size_t clusters, base::Rng& rng) {
  std::vector<float> centroids;
  std::vector<double> distance(data.count(), std::numeric_limits<double>::infinity());
  auto pick = data.row(rng.below(data.count()));
  centroids.insert(centroids.end(), pick.begin(), pick.end());
  while (centroids.size() / data.size < clusters) {
    double total = 0;
    for (std::size_t i = 0; i < data.count(); ++i) {
      distance[i] = std::min(distance[i], static_cast<double>(squared_distance(data.row(i), pick)));
      total += distance[i];
    }
    if (!(total > 0)) break;  // every row is a centroid already
    double threshold = rng.uniform() * total;
    std::size_t chosen = data.count() - 1;
    for (std::size_t i = 0; i < data.count(); ++i) {
      threshold -= distance[i];
      if (threshold < 0) {
        chosen = i;
        break;
      }
    }
    pick = data.row(chosen);
    centroids.insert(centroids.end(), pick.begin(), pick.end());
  }
  return centroids;
}

// One Lloyd step; returns the inertia before the move and whether an assignment changed.
std::pair<double, bool> lloyd_step(const Data& data, std::vector<float>& centroids,
                                   std::vector<std::uint32_t>& assigned) {
  const std::size_t clusters = centroids.size() / data.size;
  std::vector<double> sums(centroids.size(), 0.0);
  std::vector<double> counts(clusters, 0.0);
  double inertia = 0;
  bool changed = false;
  for (std::size_t i = 0; i < data.count(); ++i) {
    const auto row = data.row(i);
    const std::uint32_t cluster = nearest_centroid(centroids, data.size, row);
    changed |= assigned[i] != cluster;
    assigned[i] = cluster;
    inertia += static_cast<double>(squared_distance(row, std::span(centroids).subspan(cluster * data.size, data.size)));
    counts[cluster] += 1;
    for (std::size_t c = 0; c < data.size; ++c) sums[cluster * data.size + c] += static_cast<double>(row[c]);
  }
  for (std::size_t k = 0; k < clusters; ++k) {
    if (counts[k] == 0) continue;  // keeps its place
    for (std::size_t c = 0; c < data.size; ++c)
      centroids[k * data.size + c] = static_cast<float>(sums[k * data.size + c] / counts[k]);
  }
  return {inertia, changed};
}

}  // namespace

std::uint32_t nearest_centroid(std::span<const float> centroids, std::size_t size,
                               std::span<const float> row) noexcept {
  std::uint32_t best = 0;
  if (size == 0) return best;
  float best_distance = std::numeric_limits<float>::infinity();
  for (std::size_t k = 0; (k + 1) * size <= centroids.size(); ++k) {
    const float distance = squared_distance(row, centroids.subspan(k * size, size));
    if (distance < best_distance) {
      best_distance = distance;
      best = static_cast<std::uint32_t>(k);
    }
  }
  return best;
}

Kmeans kmeans(std::span<const float> rows, std::size_t size, const KmeansOptions& options, base::Rng rng) {
  Kmeans best;
  best.size = size;
  best.inertia = std::numeric_limits<double>::infinity();
  const std::size_t count = size == 0 ? 0 : rows.size() / size;
  if (count == 0) return best;
  const auto chosen = sample_rows(count, options.rows_max, rng);
  const Data data{rows, size, chosen};
  for (std::size_t restart = 0; restart < std::max<std::size_t>(options.restarts, 1); ++restart) {
    auto centroids = seed_centroids(data, std::max<std::size_t>(options.clusters, 1), rng);
    std::vector<std::uint32_t> assigned(data.count(), std::numeric_limits<std::uint32_t>::max());
    double inertia = 0;
    for (std::size_t step = 0; step < options.iterations_max; ++step) {
      const auto [value, changed] = lloyd_step(data, centroids, assigned);
      inertia = value;
      if (!changed) break;
    }
    if (inertia < best.inertia) {
      best.inertia = inertia;
      best.centroids = std::move(centroids);
    }
  }
  best.cluster.resize(count);
  for (std::size_t i = 0; i < count; ++i)
    best.cluster[i] = nearest_centroid(best.centroids, size, rows.subspan(i * size, size));
  return best;
}

}  // namespace thalamus::math
