#include "thalamus/route/graph_loss.h"

#include <algorithm>

namespace thalamus::route {
namespace {

constexpr double kMixedWeight = 0.5;

}  // namespace

GraphLoss::GraphLoss(const TrainingSet& set, GraphLayers& layers, CostScale scale, std::size_t virtual_models,
                     base::Rng rng)
    : set_(set),
      layers_(layers),
      scale_(scale),
      rng_(rng),
      pass_(layers),
      w_(layers.width()),
      virtual_models_(virtual_models),
      state_deltas_(layers.state().workspace_size()),
      down_(w_),
      vector_(w_),
      memory_(set.rows * w_, 0.0F),
      remembered_(set.rows, false) {}

double GraphLoss::operator()(const math::DenseBatch& batch) {
  layers_.set_parameters(batch.extra);
  if (!batch.training) return judge(batch);
  remember(batch);
  return train(batch);
}

double GraphLoss::train(const math::DenseBatch& batch) {
  predicted_ = batch.rows.size() / 2;
  if (predicted_ == 0) return 0;
  // Contexts of many sizes, so that a model of few edges is no surprise.
  const std::uint64_t halvings = rng_.below(2) == 1 ? 1 + rng_.below(4) : 0;
  senders_ = std::max<std::size_t>(1, predicted_ >> halvings);
  states_.assign(senders_ * w_, 0.0F);
  state_gradients_.assign(senders_ * w_, 0.0F);
  for (std::size_t i = 0; i < senders_; ++i) static_cast<void>(layers_.state().forward(z(batch, i), part(states_, i)));
  gradients_.clear();
  std::span<float> rest = batch.extra_gradient;
  for (const math::DenseNet& net : layers_.nets()) {
    gradients_.push_back(rest.first(net.parameters().size()));
    rest = rest.subspan(net.parameters().size());
  }
  double total = 0;
  const std::size_t described_size = set_.models.size() * w_;
  for (std::size_t m = 0; m < set_.models.size(); ++m) {
    read_column(batch, m);
    // Half of the time a model is known by its edges alone.
    const bool described = rng_.below(2) == 1;
    const auto description = batch.extra.last(described_size).subspan(m * w_, described ? w_ : 0);
    total += model_loss(batch, 1, description);
    math::add_scaled(batch.extra_gradient.last(described_size).subspan(m * w_, description.size()), 1,
                     std::span<const float>(vector_gradient_).first(description.size()));
  }
  for (std::size_t v = 0; v < virtual_models_; ++v) {
    mix_column(batch);
    total += model_loss(batch, kMixedWeight, {});
  }
  for (std::size_t i = 0; i < senders_; ++i) {
    layers_.state().backward(z(batch, i), part(states_, i), part(state_gradients_, i), state_deltas_, gradients_[1],
                             down_);
    math::add_scaled(batch.gradients.subspan(i * w_, w_), 1, down_);
  }
  return total;
}

void GraphLoss::remember(const math::DenseBatch& batch) {
  judged_vectors_.clear();
  for (std::size_t i = 0; i < batch.rows.size(); ++i) {
    const auto from = z(batch, i);
    std::copy(from.begin(), from.end(), part(memory_, batch.rows[i]).begin());
    remembered_[batch.rows[i]] = true;
  }
}

void GraphLoss::make_judged_vectors(std::span<const float> descriptions) {
  std::vector<float> states(memory_.size());
  for (std::size_t row = 0; row < set_.rows; ++row)
    static_cast<void>(layers_.state().forward(part(memory_, row), part(states, row)));
  for (std::size_t m = 0; m < set_.models.size(); ++m) {
    pass_.begin();
    for (std::size_t row = 0; row < set_.rows; ++row)
      if (remembered_[row] && set_.recorded(row, m))
        pass_.add_edge(part(memory_, row), part(states, row), edge_of(row, m));
    const auto heard = pass_.finish();
    judged_vectors_.insert(judged_vectors_.end(), heard.begin(), heard.end());
  }
  heard_vectors_ = judged_vectors_;
  math::add_scaled(judged_vectors_, 1, descriptions);
}

double GraphLoss::judge(const math::DenseBatch& batch) {
  if (judged_vectors_.empty()) make_judged_vectors(batch.extra.last(set_.models.size() * w_));
  double total = 0;
  for (std::size_t i = 0; i < batch.rows.size(); ++i) {
    for (std::size_t m = 0; m < set_.models.size(); ++m) {
      if (!set_.recorded(batch.rows[i], m)) continue;
      const auto quality = static_cast<double>(set_.quality_of(batch.rows[i], m));
      const auto loss = [&](std::vector<float>& vectors) {
        float slope = 0;
        return math::logistic_loss(static_cast<double>(score_logit(z(batch, i), part(vectors, m))), quality, slope);
      };
      total += virtual_models_ > 0 ? (loss(judged_vectors_) + loss(heard_vectors_)) / 2 : loss(judged_vectors_);
    }
  }
  return total;
}

EdgeAttributes GraphLoss::edge_of(std::size_t row, std::size_t model) const noexcept {
  const std::size_t at = row * set_.models.size() + model;
  return attributes_of(set_.quality[at], scale_.of(at < set_.cost_usd.size() ? set_.cost_usd[at] : NAN));
}

void GraphLoss::read_column(const math::DenseBatch& batch, std::size_t model) {
  quality_.clear();
  cost_.clear();
  for (const std::uint32_t row : batch.rows) {
    const std::size_t at = row * set_.models.size() + model;
    quality_.push_back(set_.quality[at]);
    cost_.push_back(scale_.of(at < set_.cost_usd.size() ? set_.cost_usd[at] : NAN));
  }
}

void GraphLoss::mix_column(const math::DenseBatch& batch) {
  std::vector<float> normal(w_);
  for (float& value : normal) value = static_cast<float>(rng_.normal());
  std::vector<float> side;
  for (std::size_t i = 0; i < batch.rows.size(); ++i) side.push_back(math::dot(normal, z(batch, i)));
  std::vector<float> sorted = side;
  std::nth_element(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2), sorted.end());
  const float middle = sorted[sorted.size() / 2];
  read_column(batch, rng_.below(set_.models.size()));
  const bool mirror_this = rng_.below(2) == 1;
  const std::vector<float> quality = quality_;
  const std::vector<float> cost = cost_;
  read_column(batch, rng_.below(set_.models.size()));
  const bool mirror_other = rng_.below(2) == 1;
  for (std::size_t i = 0; i < quality_.size(); ++i) {
    const bool here = side[i] > middle;
    if (here) {
      quality_[i] = quality[i];
      cost_[i] = cost[i];
    }
    if (here ? mirror_this : mirror_other) quality_[i] = 1 - quality_[i];
  }
}

double GraphLoss::model_loss(const math::DenseBatch& batch, double weight, std::span<const float> description) {
  pass_.begin();
  for (std::size_t i = 0; i < senders_; ++i)
    if (!std::isnan(quality_[i])) pass_.add_edge(z(batch, i), part(states_, i), attributes_of(quality_[i], cost_[i]));
  const auto heard = pass_.finish();
  vector_.assign(heard.begin(), heard.end());
  math::add_scaled(std::span(vector_).first(description.size()), 1, description);
  vector_gradient_.assign(w_, 0.0F);
  const float scale = static_cast<float>(weight) / std::sqrt(static_cast<float>(w_));
  double total = 0;
  for (std::size_t i = predicted_; i < batch.rows.size(); ++i) {
    if (std::isnan(quality_[i])) continue;
    float slope = 0;
    total += weight * math::logistic_loss(static_cast<double>(score_logit(z(batch, i), vector_)),
                                          static_cast<double>(quality_[i]), slope);
    math::add_scaled(batch.gradients.subspan(i * w_, w_), slope * scale, vector_);
    math::add_scaled(vector_gradient_, slope * scale, z(batch, i));
  }
  pass_.backward(vector_gradient_, gradients_);
  for (std::size_t i = 0; i < senders_; ++i) {
    if (std::isnan(quality_[i])) continue;
    pass_.edge_backward(z(batch, i), part(states_, i), attributes_of(quality_[i], cost_[i]), gradients_[0],
                        batch.gradients.subspan(i * w_, w_), part(state_gradients_, i));
  }
  return total;
}

}  // namespace thalamus::route
