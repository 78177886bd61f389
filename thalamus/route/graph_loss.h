/// The loss that graphrouter.cpp trains its request map and its layers with.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "thalamus/base/rng.h"
#include "thalamus/math/dense_net.h"
#include "thalamus/math/kernels.h"
#include "thalamus/route/graph_layers.h"
#include "thalamus/route/training_set.h"

namespace thalamus::route {

/// Logit of a good answer: a request's vector against a model's.
[[nodiscard]] inline float score_logit(std::span<const float> z, std::span<const float> vector) noexcept {
  return math::dot(z, vector) / std::sqrt(static_cast<float>(z.size()));
}

/// Cross-entropy of recorded qualities. In training, a part of each batch sends messages and the rest is predicted;
/// held-out rows are judged as requests are served, against one vector per model from the edges of all rows trained on;
/// where models may join, half of that loss is the one without descriptions, as newcomers have none.
/// The net's outputs are z; the extra parameters are those of the layers, then models x width of descriptions.
class GraphLoss {
 public:
  /// `layers` get the trainer's parameters at each call. Both are borrowed for the training.
  GraphLoss(const TrainingSet& set, GraphLayers& layers, CostScale scale, std::size_t virtual_models, base::Rng rng);

  double operator()(const math::DenseBatch& batch);

 private:
  double train(const math::DenseBatch& batch);
  double judge(const math::DenseBatch& batch);
  /// Keeps z of the rows that are trained on: they send messages when held-out rows are judged.
  void remember(const math::DenseBatch& batch);
  void make_judged_vectors(std::span<const float> descriptions);

  /// Outcomes of one model in the rows of the batch.
  void read_column(const math::DenseBatch& batch, std::size_t model);
  /// Outcomes of a model that does not exist: one model's on one side of a random plane, another's on the other, each
  /// as it is or mirrored.
  void mix_column(const math::DenseBatch& batch);
  /// `weight` times the loss of the column read last.
  double model_loss(const math::DenseBatch& batch, double weight, std::span<const float> description);

  [[nodiscard]] EdgeAttributes edge_of(std::size_t row, std::size_t model) const noexcept;
  [[nodiscard]] std::span<const float> z(const math::DenseBatch& batch, std::size_t i) const noexcept {
    return batch.outputs.subspan(i * w_, w_);
  }
  [[nodiscard]] std::span<float> part(std::vector<float>& rows, std::size_t i) const noexcept {
    return std::span(rows).subspan(i * w_, w_);
  }

  const TrainingSet& set_;
  GraphLayers& layers_;
  CostScale scale_;
  base::Rng rng_;
  ModelPass pass_;
  std::size_t w_;
  std::size_t virtual_models_;
  std::size_t senders_ = 0;     ///< the first rows of a batch
  std::size_t predicted_ = 0;   ///< where the predicted rows of a batch begin
  std::vector<float> quality_;  ///< of one model in the rows of a batch
  std::vector<float> cost_;
  std::vector<float> states_;
  std::vector<float> state_gradients_;
  std::vector<float> state_deltas_;
  std::vector<float> down_;
  std::vector<float> vector_;
  std::vector<float> vector_gradient_;
  std::vector<std::span<float>> gradients_;  ///< one per net of the layers
  std::vector<float> memory_;                ///< rows x width
  std::vector<bool> remembered_;
  std::vector<float> judged_vectors_;  ///< models x width; empty until held-out rows ask for them
  std::vector<float> heard_vectors_;   ///< the same without descriptions
};

}  // namespace thalamus::route
