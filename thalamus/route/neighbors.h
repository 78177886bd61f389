/// What the neighbour methods share: recorded outcomes, how neighbours answer together, and the exact scan over dense
/// rows.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "thalamus/route/pool.h"

namespace thalamus::route {

inline constexpr std::size_t kNeighborsMax = 1024;

enum class NeighborWeights : std::uint8_t {
  kUniform,   ///< mean outcome of each model
  kWeighted,  ///< by cosine^power
  kVoting,    ///< each neighbour has one vote for the model that did best there; models that tie share it
};

/// Options and outcomes of a neighbour method.
struct NeighborTable {
  std::uint32_t k = 50;
  NeighborWeights weights = NeighborWeights::kUniform;
  double power = 4;
  double shrinkage = 0;  ///< neighbours that the means count for
  std::size_t models = 0;
  std::vector<double> labels;  ///< rows x models; NaN where not recorded
  std::vector<float> means;

  [[nodiscard]] std::size_t rows() const noexcept { return models == 0 ? 0 : labels.size() / models; }
  [[nodiscard]] Output output() const noexcept {
    return weights == NeighborWeights::kVoting ? Output::kPreference : Output::kQuality;
  }
  /// Takes outcomes and means as they are stored. Decimal fractions get back the digits that a float lost, so that
  /// means which are equal on paper tie.
  void set_labels(std::span<const float> quality);

  /// `neighbors` are rows; `cosine(row)` their similarity.
  template <class Cosine>
  void answer(std::span<const std::uint32_t> neighbors, Cosine&& cosine, Scratch& scratch, std::span<float> out,
              std::span<float> sd) const noexcept {
    const std::span<double> sum(scratch.sums.data(), models);
    const std::span<double> weight(scratch.sums.data() + models, models);
    std::fill(sum.begin(), sum.end(), 0.0);
    std::fill(weight.begin(), weight.end(), 0.0);
    for (const std::uint32_t row : neighbors) {
      if (weights == NeighborWeights::kVoting) {
        vote(row, sum, weight);
        continue;
      }
      const double w = weights == NeighborWeights::kWeighted ? std::pow(std::max(cosine(row), 0.0), power) : 1.0;
      const double* row_labels = labels.data() + static_cast<std::size_t>(row) * models;
      for (std::size_t m = 0; m < models; ++m) {
        if (std::isnan(row_labels[m])) continue;
        sum[m] += w * row_labels[m];
        weight[m] += w;
      }
    }
    for (std::size_t m = 0; m < models; ++m) {
      const double total = weight[m] + shrinkage;
      const auto mean = static_cast<double>(means[m]);
      const double value = total > 0 ? (sum[m] + shrinkage * mean) / total : mean;
      out[m] = static_cast<float>(value);
      sd[m] = static_cast<float>(probability_sd(value, total));
    }
  }

  void save(base::ByteWriter& out) const;
  [[nodiscard]] static Result<NeighborTable> load(base::ByteReader& in, std::size_t models, std::string_view what);

  /// One more model. Its rows are told by their keys: a row of `data` fills the stored row of the same key, the second
  /// of two equal keys the second such row. kInvalidInput where none is a stored row; others are left out, because new
  /// rows would move the neighbourhoods of the other models.
  [[nodiscard]] Result<NeighborTable> with_model(const TrainingSet& data, std::span<const std::uint64_t> stored_keys,
                                                 std::span<const std::uint64_t> new_keys) const;
  [[nodiscard]] NeighborTable without_model(std::size_t model) const;

 private:
  void vote(std::uint32_t row, std::span<double> sum, std::span<double> weight) const noexcept;
};

/// Exact scan over rows of unit length.
class DenseNeighbors final : public PoolRouter {
 public:
  /// `rows` is table.rows() x size, each row of unit length or zero.
  DenseNeighbors(NeighborTable table, std::size_t size, std::vector<float> rows)
      : table_(std::move(table)), size_(size), rows_(std::move(rows)) {}

  void estimate(const FeatureView& request, Scratch& scratch, std::span<float> quality,
                std::span<float> sd) const noexcept override;
  void prepare(Scratch& scratch) const override;
  [[nodiscard]] Output output() const noexcept override { return table_.output(); }
  /// A byte 0, by which a method tells this form from its others, then what `load` reads.
  void save(base::ByteWriter& out) const override;
  [[nodiscard]] static Result<std::unique_ptr<Router>> load(base::ByteReader& in, const Shape& shape,
                                                            std::string_view what);
  Result<std::unique_ptr<Router>> with_model(const TrainingSet& data, const base::OptionMap& options) const override;
  Result<std::unique_ptr<Router>> without_model(std::size_t model) const override;

 private:
  NeighborTable table_;
  std::size_t size_;
  std::vector<float> rows_;
};

/// rows x size -> the same with each row of unit length.
[[nodiscard]] std::vector<float> unit_rows(std::vector<float> rows, std::size_t size);

}  // namespace thalamus::route
