/// What methods with trained nets share: rows to train on with the models in a fixed order, starting values from base
/// rates, and deviations from residuals.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "thalamus/base/bytes.h"
#include "thalamus/base/result.h"
#include "thalamus/base/rng.h"
#include "thalamus/math/dense_net.h"
#include "thalamus/route/router.h"
#include "thalamus/route/training_set.h"

namespace thalamus::route {

/// A sample of rows whose models stand in the order of their names: a fit on it does not depend on the order of the
/// table's columns. Sparse rows and tokens are left out.
struct OrderedSet {
  TrainingSet set;
  std::vector<std::uint32_t> rows;  ///< where each row lies in the table
  std::vector<std::size_t> place;   ///< of each model of the table, in `set`
};
[[nodiscard]] OrderedSet order_models(const TrainingSet& data, std::size_t rows_max, base::Rng& rng);

/// log(p / (1 - p)) of a probability kept within [.005, .995].
[[nodiscard]] double safe_logit(double probability) noexcept;

/// Fills one estimate per model of the set for a row of it.
using RowEstimate = std::function<void(std::size_t row, std::span<float> quality)>;

/// Deviation of each model's estimate: that of the residuals times sqrt(degrees / recorded rows), and no less than what
/// the number of outcomes alone leaves open. `rows` says which rows to look at; held-out ones, where there are any.
[[nodiscard]] std::vector<float> residual_deviations(const TrainingSet& data, std::span<const std::uint32_t> rows,
                                                     double degrees, const RowEstimate& estimate);

/// Rows to a step: few where there are few, so that an epoch has some twenty steps, and at most 64.
[[nodiscard]] inline std::size_t batch_of(std::size_t rows) noexcept {
  return std::clamp<std::size_t>(rows / 20, 8, 64);
}

/// The held-out rows of a training, or all rows where it held none out.
[[nodiscard]] std::vector<std::uint32_t> rows_to_judge(const math::DenseReport& report, std::size_t rows);

/// Deviations as they were saved: one per model, none negative.
[[nodiscard]] Result<std::vector<float>> load_deviations(base::ByteReader& in, std::size_t models,
                                                         std::string_view what);

/// values[place[i]] for each i.
template <class T>
[[nodiscard]] std::vector<T> placed(const std::vector<T>& values, std::span<const std::size_t> place) {
  std::vector<T> result;
  result.reserve(place.size());
  for (const std::size_t at : place) result.push_back(values[at]);
  return result;
}
/// The same for rows of `size` values.
template <class T>
[[nodiscard]] std::vector<T> placed_rows(const std::vector<T>& values, std::size_t size,
                                         std::span<const std::size_t> place) {
  std::vector<T> result;
  result.reserve(place.size() * size);
  for (const std::size_t at : place) {
    const auto begin = values.begin() + static_cast<std::ptrdiff_t>(at * size);
    result.insert(result.end(), begin, begin + static_cast<std::ptrdiff_t>(size));
  }
  return result;
}

/// Makes room for at least `size` floats.
inline void grow_work(Scratch& scratch, std::size_t size) {
  if (scratch.work.size() < size) scratch.work.resize(size);
}

}  // namespace thalamus::route
