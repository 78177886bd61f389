/// Routers whose pool of models can grow and shrink without training, and the columns of tables that this moves.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "thalamus/route/router.h"
#include "thalamus/route/table.h"

namespace thalamus::route {

/// A router with a pool. Its method's record names `add_model_to_pool` and `remove_model_from_pool`.
class PoolRouter : public Router {
 public:
  /// See MethodRecord::add_model. kInvalidInput where `data` does not fit.
  [[nodiscard]] virtual Result<std::unique_ptr<Router>> with_model(const TrainingSet& data,
                                                                   const base::OptionMap& options) const = 0;
  /// See MethodRecord::remove_model. kInvalidInput for a model that is not there, and for the last one.
  [[nodiscard]] virtual Result<std::unique_ptr<Router>> without_model(std::size_t model) const = 0;
};

/// `router` is a PoolRouter: a router of the method whose record holds these.
[[nodiscard]] Result<std::unique_ptr<Router>> add_model_to_pool(const Router& router, const TrainingSet& data,
                                                                const base::OptionMap& options);
[[nodiscard]] Result<std::unique_ptr<Router>> remove_model_from_pool(const Router& router, std::size_t model);

/// kInvalidInput unless `data` holds one model with at least one recorded row and `dense_size` dense features.
[[nodiscard]] Status check_new_model(const TrainingSet& data, std::size_t dense_size);
/// kInvalidInput unless `model` is one of two or more.
[[nodiscard]] Status check_removal(std::size_t models, std::size_t model);

/// rows x models -> rows x (models + 1); the new column is the last.
template <class T>
[[nodiscard]] std::vector<T> with_column(const std::vector<T>& table, std::size_t models,
                                         const std::vector<T>& column) {
  std::vector<T> result;
  result.reserve(table.size() + column.size());
  for (std::size_t row = 0; row < column.size(); ++row) {
    const auto begin = table.begin() + static_cast<std::ptrdiff_t>(row * models);
    result.insert(result.end(), begin, begin + static_cast<std::ptrdiff_t>(models));
    result.push_back(column[row]);
  }
  return result;
}

/// rows x models -> rows x (models - 1).
template <class T>
[[nodiscard]] std::vector<T> without_column(const std::vector<T>& table, std::size_t models, std::size_t model) {
  std::vector<T> result;
  result.reserve(table.size());
  for (std::size_t i = 0; i < table.size(); ++i)
    if (i % models != model) result.push_back(table[i]);
  return result;
}

/// models x size -> (models - 1) x size.
template <class T>
[[nodiscard]] std::vector<T> without_row(std::vector<T> table, std::size_t size, std::size_t row) {
  const auto begin = table.begin() + static_cast<std::ptrdiff_t>(row * size);
  table.erase(begin, begin + static_cast<std::ptrdiff_t>(size));
  return table;
}

[[nodiscard]] ShrunkTable with_column(const ShrunkTable& table, const ShrunkTable& column);
[[nodiscard]] ShrunkTable without_column(const ShrunkTable& table, std::size_t model);

/// Dense features, outcomes, costs, tasks and lengths of some rows; sparse rows and tokens are left out.
[[nodiscard]] TrainingSet take_rows(const TrainingSet& data, std::span<const std::uint32_t> rows);
/// One of `folds` for each row. Rows with the same dense features, as repeated prompts have, share theirs.
[[nodiscard]] std::vector<std::uint32_t> feature_folds(const TrainingSet& data, std::uint32_t folds);

/// Rows that are fitted on and rows that are held back: one fold of `folds`. Both parts have rows unless all rows are
/// alike; then `held` is empty.
struct HeldBack {
  TrainingSet fitted;
  TrainingSet held;
};
[[nodiscard]] HeldBack hold_back(const TrainingSet& data, std::uint32_t folds);

/// Sum of squares, over the recorded cells of a row, of what the estimates err about the differences between models:
/// both are taken relative to their mean over these cells.
[[nodiscard]] double centered_squared_error(std::span<const float> estimates, const TrainingSet& data, std::size_t row);

}  // namespace thalamus::route
