/// Small parts that several methods share: shrunk means in a table of cells x models, and their deviations.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "thalamus/base/bytes.h"
#include "thalamus/base/result.h"
#include "thalamus/route/training_set.h"

namespace thalamus::route {

/// Deviation of an estimated probability that rests on `count` outcomes.
[[nodiscard]] inline double probability_sd(double mean, double count) noexcept {
  const double p = std::clamp(mean, 0.0, 1.0);
  return std::sqrt((p * (1 - p) + 0.01) / (count + 1));
}

/// cells x models: (count * mean + shrinkage * prior) / (count + shrinkage), with deviations.
struct ShrunkTable {
  std::size_t models = 0;
  std::vector<float> mean;
  std::vector<float> sd;

  [[nodiscard]] std::size_t cells() const noexcept { return models == 0 ? 0 : mean.size() / models; }
  [[nodiscard]] std::span<const float> mean_row(std::size_t cell) const noexcept {
    return {mean.data() + cell * models, models};
  }
  [[nodiscard]] std::span<const float> sd_row(std::size_t cell) const noexcept {
    return {sd.data() + cell * models, models};
  }
  /// `cell_of(row)` says where a row counts.
  template <class CellOf>
  [[nodiscard]] static ShrunkTable fit(const TrainingSet& data, std::size_t cells, double shrinkage, CellOf&& cell_of) {
    const std::size_t models = data.models.size();
    const ModelMeans prior = model_means(data);
    std::vector<double> sum(cells * models, 0.0);
    std::vector<double> count(cells * models, 0.0);
    for (std::size_t row = 0; row < data.rows; ++row) {
      const std::size_t cell = cell_of(row);
      for (std::size_t m = 0; m < models; ++m) {
        if (!data.recorded(row, m)) continue;
        sum[cell * models + m] += static_cast<double>(data.quality_of(row, m));
        count[cell * models + m] += 1;
      }
    }
    ShrunkTable table{models, std::vector<float>(cells * models), std::vector<float>(cells * models)};
    for (std::size_t i = 0; i < sum.size(); ++i) {
      const double weight = count[i] + shrinkage;
      const double mean = weight > 0 ? (sum[i] + shrinkage * prior.mean[i % models]) / weight : prior.mean[i % models];
      table.mean[i] = static_cast<float>(mean);
      table.sd[i] = static_cast<float>(probability_sd(mean, weight));
    }
    return table;
  }
  void save(base::ByteWriter& out) const {
    out.put_array(mean);
    out.put_array(sd);
  }
};

/// Means of cells x models shrunk by empirical Bayes towards mean of the model + difficulty of the cell: each by
/// chance / (chance + spread), where the spread is what the cells of a model vary beyond chance.
[[nodiscard]] ShrunkTable fit_bayes_table(const TrainingSet& data, std::size_t cells,
                                          std::span<const std::uint32_t> cell_of_row);

/// kCorrupt unless there are exactly `size` finite numbers.
[[nodiscard]] Result<std::vector<float>> load_finite(base::ByteReader& in, std::size_t size, std::string_view what);
/// A table of `cells` cells.
[[nodiscard]] Result<ShrunkTable> load_table(base::ByteReader& in, std::size_t cells, std::size_t models,
                                             std::string_view what);

}  // namespace thalamus::route
