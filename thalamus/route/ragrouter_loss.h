/// What ragrouter.cpp trains its two heads with: cross-entropy, and the contrast between models and between a question
/// with and without documents.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "thalamus/math/dense_net.h"
#include "thalamus/route/contrastive.h"
#include "thalamus/route/documents.h"
#include "thalamus/route/training_set.h"

namespace thalamus::route {

inline constexpr std::size_t kQuestionRowsMax = 8;  // rows of one question that are set against each other

/// Document features of some rows.
struct DocumentRows {
  std::vector<float> features;  ///< rows x kDocumentFeatures, of use where present
  std::vector<bool> present;
  std::size_t count = 0;

  [[nodiscard]] static DocumentRows read(const TrainingSet& data, std::span<const std::uint32_t> rows,
                                         const DocumentFeatures& documents);
  [[nodiscard]] std::span<const float> of(std::size_t row) const noexcept {
    return {features.data() + row * kDocumentFeatures, kDocumentFeatures};
  }
};

/// Positions of `rows` that ask the same question, each in one group: with other documents, or without any.
struct QuestionGroups {
  std::vector<std::uint32_t> group;                 ///< of each position
  std::vector<std::vector<std::uint32_t>> members;  ///< ascending
  std::size_t compared = 0;                         ///< groups with a row that has documents and one that has none

  [[nodiscard]] static QuestionGroups find(const TrainingSet& data, std::span<const std::uint32_t> rows,
                                           const std::vector<bool>& has_documents);
};

struct ContrastOptions {
  double weight = 0.5;       ///< against cross-entropy; 0 leaves the contrast out
  double temperature = 0.2;  ///< similarities, from -1 to 1, are divided by this
};

/// Loss of both heads together. The net's outputs are the base head's logits; the extra parameters are the shift
/// head's. Per row, with similarity 2 sigmoid(logit) - 1 for each recorded cell of its question, in whatever setting:
/// sum of cross-entropies + weight * models / positives * sum of info_nce(positive | all wrong cells). Cells of the
/// question's other rows count as they were when those rows were last trained on; rows never trained on do not count.
/// Held-out rows are judged by cross-entropy, which is what is served.
class RagrouterLoss {
 public:
  /// `shift` gets the trainer's parameters at each call. All references are borrowed for the training.
  RagrouterLoss(const TrainingSet& set, math::DenseNet& shift, const DocumentRows& documents, QuestionGroups questions,
                ContrastOptions options);

  double operator()(const math::DenseBatch& batch);

 private:
  double cross_entropy(std::uint32_t row, std::span<float> gradient) const;
  double contrast(std::uint32_t row, std::span<float> gradient);

  const TrainingSet& set_;
  math::DenseNet& shift_;
  const DocumentRows& documents_;
  QuestionGroups questions_;
  ContrastOptions options_;
  std::vector<float> work_;
  std::vector<float> deltas_;
  std::vector<float> logits_;       ///< of one row, both heads together
  std::vector<double> remembered_;  ///< rows x models: similarities; NaN before a row is trained on
  // Of the cells of one question.
  std::vector<double> similarity_;
  std::vector<double> similarity_gradient_;
  std::vector<float> quality_;
  Contrast sides_;
};

}  // namespace thalamus::route
