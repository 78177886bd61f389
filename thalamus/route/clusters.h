/// Clusters of requests by the direction of their dense features: what the cluster methods share. Rows are brought to
/// unit length before K-means, so that a cluster follows what a request is about and not how long its vector is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "thalamus/base/bytes.h"
#include "thalamus/base/result.h"
#include "thalamus/base/rng.h"
#include "thalamus/route/router.h"

namespace thalamus::route {

inline constexpr std::size_t kClustersMax = 1024;

class Clusters {
 public:
  struct Options {
    std::size_t clusters = 16;
    std::size_t restarts = 4;
    std::size_t iterations_max = 30;
    std::size_t rows_max = 10'000;  ///< more rows are sampled for the centroids
  };
  Clusters() = default;
  Clusters(std::size_t size, std::vector<float> centroids);
  /// `dense` is row-major, `size` columns, at least one row. Fewer clusters where rows repeat or are too few. Starts
  /// beyond the first are left out where they would take more than kDistanceTermsMax.
  [[nodiscard]] static Clusters fit(std::span<const float> dense, std::size_t size, const Options& options,
                                    base::Rng& rng);
  /// kCorrupt on sizes or numbers that cannot be.
  [[nodiscard]] static Result<Clusters> load(base::ByteReader& in, std::size_t size, std::string_view what);
  void save(base::ByteWriter& out) const;

  [[nodiscard]] std::size_t count() const noexcept { return lengths_.size(); }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::span<const float> centroid(std::size_t k) const noexcept {
    return {centroids_.data() + k * size_, size_};
  }
  /// The cluster of the nearest centroid to the row scaled to unit length, the lower one on ties.
  [[nodiscard]] std::uint32_t nearest(std::span<const float> row) const noexcept;
  /// Cosine of the row and a centroid; 0 where one of them is zero.
  [[nodiscard]] double cosine(std::span<const float> row, std::size_t k) const noexcept;
  /// The `top` clusters of highest cosine, in scratch.indices, with weights softmax(beta * cosine) in scratch.sums.
  /// Returns how many. Allocates nothing once scratch.indices can hold count().
  [[nodiscard]] std::size_t soft_nearest(std::span<const float> row, std::size_t top, double beta,
                                         Scratch& scratch) const noexcept;

 private:
  std::size_t size_ = 0;
  std::vector<float> centroids_;  ///< count x size
  std::vector<float> lengths_;
};

/// Products of one coordinate that a clustering may compute: a few seconds on one core.
inline constexpr double kDistanceTermsMax = 2e10;

}  // namespace thalamus::route
