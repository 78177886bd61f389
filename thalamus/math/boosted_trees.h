/// Gradient-boosted trees on binned columns: squared or logistic loss, missing targets, early stopping on held-out
/// rows. A fitted ensemble is a flat array of complete trees, so that a prediction costs one comparison per level and
/// tree.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "thalamus/base/bytes.h"
#include "thalamus/base/result.h"
#include "thalamus/base/rng.h"

namespace thalamus::math {

inline constexpr std::size_t kTreeDepthMax = 6;
inline constexpr std::size_t kTreesMax = 2000;
inline constexpr std::size_t kBinsMax = 64;

enum class TreeLoss : std::uint8_t { kSquared, kLogistic };

struct BoostedTreesOptions {
  TreeLoss loss = TreeLoss::kLogistic;
  std::size_t trees_max = 300;
  std::size_t depth = 4;       ///< 1..kTreeDepthMax
  double shrinkage = 0.08;     ///< share of each tree's step that is taken
  double penalty = 5;          ///< of squared leaf values
  double leaf_weight_min = 5;  ///< sum of second derivatives in a leaf: rows, or rows * p * (1 - p)
  double column_share = 0.3;   ///< of the columns, drawn anew for each tree
  double row_share = 0.7;      ///< of the rows, drawn anew for each tree
  double held_share = 0.2;     ///< of the rows, never fitted: they say when to stop
  std::size_t patience = 20;   ///< trees without a better held-out loss before it stops
};

/// The columns of a matrix cut into at most kBinsMax bins of about equal mass.
class BinnedColumns {
 public:
  /// `x` is rows x size of finite numbers; `bins` 2..kBinsMax.
  [[nodiscard]] static BinnedColumns make(std::span<const float> x, std::size_t size, std::size_t bins);
  [[nodiscard]] std::size_t rows() const noexcept { return rows_; }
  [[nodiscard]] std::size_t columns() const noexcept { return edges_.size(); }
  /// Bin of each row: how many edges lie below its value.
  [[nodiscard]] std::span<const std::uint8_t> column(std::size_t c) const noexcept {
    return {bins_.data() + c * rows_, rows_};
  }
  /// Ascending; a value v is in bin b when exactly b edges e have v > e.
  [[nodiscard]] std::span<const float> edges(std::size_t c) const noexcept { return edges_[c]; }

 private:
  std::size_t rows_ = 0;
  std::vector<std::uint8_t> bins_;  ///< columns x rows
  std::vector<std::vector<float>> edges_;
};

class BoostedTrees {
 public:
  BoostedTrees() = default;
  /// `y` has one value per row, NaN where missing; in [0,1] for the logistic loss. Too few rows give a constant.
  [[nodiscard]] static BoostedTrees fit(const BinnedColumns& x, std::span<const float> y,
                                        const BoostedTreesOptions& options, base::Rng rng);
  /// The raw sum: log odds for the logistic loss.
  [[nodiscard]] double score(std::span<const float> x) const noexcept;
  /// A probability for the logistic loss, the sum itself for the squared one.
  [[nodiscard]] double predict(std::span<const float> x) const noexcept;
  [[nodiscard]] std::size_t trees() const noexcept { return depth_ == 0 ? 0 : leaves_.size() >> depth_; }
  /// Degrees of freedom per fitted row, in (0,1]: the variance of a prediction as a share of an outcome's.
  [[nodiscard]] double variance_share() const noexcept { return variance_share_; }

  void save(base::ByteWriter& out) const;
  /// kCorrupt unless every split reads one of `columns` columns and every number is finite.
  [[nodiscard]] static Result<BoostedTrees> load(base::ByteReader& in, std::size_t columns, std::string_view what);

 private:
  friend class Booster;
  struct Split {
    float threshold = 0;  ///< right where the value is above
    std::uint32_t column = 0;
  };
  TreeLoss loss_ = TreeLoss::kLogistic;
  std::uint32_t depth_ = 0;
  double bias_ = 0;
  double variance_share_ = 1;
  std::vector<Split> splits_;  ///< trees x (2^depth - 1), children of node i are 2i + 1 and 2i + 2
  std::vector<float> leaves_;  ///< trees x 2^depth
};

}  // namespace thalamus::math
