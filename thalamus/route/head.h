/// A head common to all snapshots: output tokens, seconds or cost of each model, predicted from the dense features.
/// log(value + offset) = w . x + b by ridge regression; back by Duan's smearing factor; kept within the range observed.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "thalamus/base/bytes.h"
#include "thalamus/base/result.h"

namespace thalamus::route {

class Head {
 public:
  struct Prediction {
    double mean = 0;
    double sd = 0;
  };

  Head() = default;
  /// `values` is rows x models with NaN for missing, `dense` rows x size. `offset` keeps the logarithm finite at 0.
  [[nodiscard]] static Result<Head> fit(std::span<const float> dense, std::size_t size, std::span<const float> values,
                                        std::size_t models, double offset);
  /// Whether anything was recorded for a model.
  [[nodiscard]] bool known(std::size_t model) const noexcept { return model < rows_.size() && rows_[model].count > 0; }
  [[nodiscard]] bool any() const noexcept;
  /// Of a known model; of an unknown one the mean over the known ones, with a deviation as large as itself.
  [[nodiscard]] Prediction predict(std::size_t model, std::span<const float> dense) const noexcept;
  /// Fills `logs`, one per model, with what `predict_from` takes: all models at once cost less than one by one.
  void predict_logs(std::span<const float> dense, std::span<float> logs) const noexcept;
  /// `predict` of a known model, of its product with the features.
  [[nodiscard]] Prediction predict_from(std::size_t model, float log) const noexcept;
  [[nodiscard]] std::size_t models() const noexcept { return rows_.size(); }
  /// For a target that the table does not have.
  [[nodiscard]] Prediction predict_unseen(std::span<const float> dense) const noexcept;

  void save(base::ByteWriter& out) const;
  [[nodiscard]] static Result<Head> load(base::ByteReader& in, std::size_t models, std::size_t size,
                                         std::string_view what);

 private:
  struct Row {
    double count = 0;
    double low = 0;  ///< observed
    double high = 0;
    double bias = 0;
    double smearing = 1;  ///< mean of exp(residual)
    double log_sd = 0;    ///< of the residual
    double spread = 0;    ///< deviation of exp(residual), from log_sd
  };
  void set_spreads() noexcept;
  [[nodiscard]] Prediction predict_known(std::size_t model, std::span<const float> dense) const noexcept;

  double offset_ = 1;
  std::size_t size_ = 0;
  std::vector<Row> rows_;       ///< one per model
  std::vector<float> weights_;  ///< models x size
};

}  // namespace thalamus::route
