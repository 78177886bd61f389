/// Linear models on sparse rows: a softmax over classes, or several regressions with missing outcomes. Both are the
/// minimiser of mean loss + penalty / (2 rows) * |weights|^2, found by L-BFGS; biases are not penalised.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "thalamus/base/bytes.h"
#include "thalamus/base/result.h"

namespace thalamus::math {

/// Rows of ids with their values, one after the other. Borrowed.
struct SparseMatrix {
  std::span<const std::uint64_t> offsets;  ///< rows + 1
  std::span<const std::uint32_t> ids;      ///< below `columns`
  std::span<const float> values;
  std::size_t columns = 0;

  [[nodiscard]] std::size_t rows() const noexcept { return offsets.empty() ? 0 : offsets.size() - 1; }
};

struct SparseLinear {
  std::size_t outputs = 0;
  std::vector<float> weights;  ///< columns x outputs
  std::vector<float> bias;

  [[nodiscard]] std::size_t columns() const noexcept { return outputs == 0 ? 0 : weights.size() / outputs; }
  /// Adds bias and weights of one row into `out` (outputs long), overwriting it.
  void apply(std::span<const std::uint32_t> ids, std::span<const float> values, std::span<double> out) const noexcept;
  void save(base::ByteWriter& out) const;
  /// kCorrupt unless the sizes fit and all numbers are finite.
  [[nodiscard]] static Result<SparseLinear> load(base::ByteReader& in, std::size_t columns, std::size_t outputs);
};

struct SparseLinearOptions {
  double penalty = 1;
  std::size_t iterations_max = 60;
};

/// Cross-entropy of a softmax over `classes` against `label`.
[[nodiscard]] SparseLinear fit_softmax(const SparseMatrix& rows, std::span<const std::uint32_t> label,
                                       std::size_t classes, const SparseLinearOptions& options);
/// Squared loss of each output against `y` (rows x outputs, NaN where missing). An output without a value is zero.
[[nodiscard]] SparseLinear fit_regression(const SparseMatrix& rows, std::span<const float> y, std::size_t outputs,
                                          const SparseLinearOptions& options);

/// exp(scale * score) / sum, in place; finite for any finite scores.
void softmax(std::span<double> scores, double scale = 1) noexcept;

}  // namespace thalamus::math
