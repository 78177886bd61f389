#include "thalamus/route/pool.h"

#include <algorithm>
#include <cmath>

#include "thalamus/base/hash.h"

namespace thalamus::route {

Result<std::unique_ptr<Router>> add_model_to_pool(const Router& router, const TrainingSet& data,
                                                  const base::OptionMap& options) {
  return static_cast<const PoolRouter&>(router).with_model(data, options);
}

Result<std::unique_ptr<Router>> remove_model_from_pool(const Router& router, std::size_t model) {
  return static_cast<const PoolRouter&>(router).without_model(model);
}

Status check_new_model(const TrainingSet& data, std::size_t dense_size) {
  if (data.models.size() != 1 || data.quality.size() != data.rows)
    return fail(ErrorKind::kInvalidInput, "a model joins alone, not {} at once", data.models.size());
  if (data.dense_size != dense_size || data.dense.size() != data.rows * dense_size)
    return fail(ErrorKind::kInvalidInput, "the new rows have {} dense features, the router was fitted on {}",
                data.dense_size, dense_size);
  if (std::all_of(data.quality.begin(), data.quality.end(), [](float q) { return std::isnan(q); }))
    return fail(ErrorKind::kInvalidInput, "the new model has no recorded row");
  return {};
}

Status check_removal(std::size_t models, std::size_t model) {
  if (model >= models) return fail(ErrorKind::kInvalidInput, "there is no model {} of {}", model, models);
  if (models < 2) return fail(ErrorKind::kInvalidInput, "the last model cannot be removed");
  return {};
}

ShrunkTable with_column(const ShrunkTable& table, const ShrunkTable& column) {
  return {table.models + 1, with_column(table.mean, table.models, column.mean),
          with_column(table.sd, table.models, column.sd)};
}

ShrunkTable without_column(const ShrunkTable& table, std::size_t model) {
  return {table.models - 1, without_column(table.mean, table.models, model),
          without_column(table.sd, table.models, model)};
}

TrainingSet take_rows(const TrainingSet& data, std::span<const std::uint32_t> rows) {
  TrainingSet result;
  result.models = data.models;
  result.rows = rows.size();
  result.dense_size = data.dense_size;
  result.task_names = data.task_names;
  const auto take = [&](const auto& from, std::size_t width, auto& to) {
    if (from.size() < data.rows * width) return;  // not recorded at all
    to.reserve(rows.size() * width);
    for (const std::uint32_t row : rows) {
      const auto begin = from.begin() + static_cast<std::ptrdiff_t>(row * width);
      to.insert(to.end(), begin, begin + static_cast<std::ptrdiff_t>(width));
    }
  };
  take(data.dense, data.dense_size, result.dense);
  take(data.quality, data.models.size(), result.quality);
  take(data.cost_usd, data.models.size(), result.cost_usd);
  take(data.seconds, data.models.size(), result.seconds);
  take(data.task, 1, result.task);
  take(data.text_bytes, 1, result.text_bytes);
  return result;
}

std::vector<std::uint32_t> feature_folds(const TrainingSet& data, std::uint32_t folds) {
  std::vector<std::uint32_t> result(data.rows);
  for (std::size_t row = 0; row < data.rows; ++row) {
    const auto values = data.dense_row(row);
    const std::string_view bytes(reinterpret_cast<const char*>(values.data()), values.size_bytes());
    result[row] = static_cast<std::uint32_t>(base::hash64(bytes) % folds);
  }
  return result;
}

HeldBack hold_back(const TrainingSet& data, std::uint32_t folds) {
  const auto fold_of = feature_folds(data, folds);
  std::vector<std::uint32_t> fitted;
  std::vector<std::uint32_t> held;
  for (std::uint32_t row = 0; row < fold_of.size(); ++row) (fold_of[row] == 0 ? held : fitted).push_back(row);
  if (fitted.empty()) fitted.swap(held);
  return {take_rows(data, fitted), take_rows(data, held)};
}

double centered_squared_error(std::span<const float> estimates, const TrainingSet& data, std::size_t row) {
  double estimate_mean = 0;
  double quality_mean = 0;
  double count = 0;
  for (std::size_t m = 0; m < estimates.size(); ++m) {
    if (!data.recorded(row, m)) continue;
    estimate_mean += static_cast<double>(estimates[m]);
    quality_mean += static_cast<double>(data.quality_of(row, m));
    count += 1;
  }
  if (count == 0) return 0;
  double error = 0;
  for (std::size_t m = 0; m < estimates.size(); ++m) {
    if (!data.recorded(row, m)) continue;
    const double off = static_cast<double>(estimates[m]) - estimate_mean / count -
                       (static_cast<double>(data.quality_of(row, m)) - quality_mean / count);
    error += off * off;
  }
  return error;
}

}  // namespace thalamus::route
