/// What a method is fitted on: features and outcomes of the training rows, without any text. Built by `learn`.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace thalamus::route {

/// Rows of a compressed sparse matrix.
struct SparseRows {
  std::vector<std::uint64_t> offsets{0};  ///< rows + 1
  std::vector<std::uint32_t> ids;         ///< ascending within a row
  std::vector<double> values;
  std::size_t columns = 0;
};

struct TrainingSet {
  std::vector<std::string> models;
  std::size_t rows = 0;

  std::size_t dense_size = 0;
  std::vector<float> dense;                     ///< rows x dense_size
  SparseRows sparse;                            ///< empty columns: no sparse feature
  std::vector<std::uint64_t> token_offsets{0};  ///< rows + 1
  std::vector<std::uint64_t> tokens;            ///< distinct token hashes of each row, ascending

  // Only for methods that need documents: 32 bits of each token's hash, in order, at most kDocumentTokensMax a row, of
  // the question (its end) and of what precedes it (its beginning). No offsets: not read.
  std::vector<std::uint64_t> question_offsets;  ///< rows + 1
  std::vector<std::uint32_t> question_tokens;
  std::vector<std::uint64_t> context_offsets;  ///< rows + 1
  std::vector<std::uint32_t> context_tokens;

  std::vector<float> quality;           ///< rows x models; NaN where not recorded
  std::vector<float> cost_usd;          ///< rows x models; NaN where not recorded
  std::vector<float> seconds;           ///< rows x models; NaN where not recorded; empty where none is
  std::vector<std::uint32_t> task;      ///< index in task_names
  std::vector<std::string> task_names;  ///< by first appearance; "" for rows without a task
  std::vector<float> text_bytes;

  [[nodiscard]] std::span<const float> dense_row(std::size_t row) const noexcept {
    return {dense.data() + row * dense_size, dense_size};
  }
  [[nodiscard]] std::span<const std::uint64_t> token_row(std::size_t row) const noexcept {
    return {tokens.data() + token_offsets[row], token_offsets[row + 1] - token_offsets[row]};
  }
  [[nodiscard]] float quality_of(std::size_t row, std::size_t model) const noexcept {
    return quality[row * models.size() + model];
  }
  [[nodiscard]] bool recorded(std::size_t row, std::size_t model) const noexcept {
    return !std::isnan(quality_of(row, model));
  }
};

/// Mean recorded quality and number of recorded cells of each model. A model without any gets the mean of the others.
struct ModelMeans {
  std::vector<double> mean;
  std::vector<double> count;
};
[[nodiscard]] ModelMeans model_means(const TrainingSet& data);

}  // namespace thalamus::route
