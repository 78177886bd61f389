/// K-means (Lloyd's iteration, k-means++ seeding), deterministic for a seed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "thalamus/base/rng.h"

namespace thalamus::math {

struct KmeansOptions {
  std::size_t clusters = 16;
  std::size_t iterations_max = 50;
  std::size_t restarts = 4;
  std::size_t rows_max = 20'000;  ///< more rows are sampled for the centroids; all are assigned
};

struct Kmeans {
  std::size_t size = 0;                ///< columns
  std::vector<float> centroids;        ///< clusters x size; clusters may be fewer than asked where rows repeat
  std::vector<std::uint32_t> cluster;  ///< of each row
  double inertia = 0;                  ///< sum of squared distances over the rows used

  [[nodiscard]] std::size_t clusters() const noexcept { return size == 0 ? 0 : centroids.size() / size; }
};

/// `rows` is row-major, `size` columns; at least one row.
[[nodiscard]] Kmeans kmeans(std::span<const float> rows, std::size_t size, const KmeansOptions& options, base::Rng rng);

/// Index of the nearest centroid, the lower one on ties.
[[nodiscard]] std::uint32_t nearest_centroid(std::span<const float> centroids, std::size_t size,
                                             std::span<const float> row) noexcept;

}  // namespace thalamus::math
