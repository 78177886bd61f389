/// The message passing of graphrouter.cpp: the layers that turn a model's edges into its vector, forward and backward.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "thalamus/base/bytes.h"
#include "thalamus/base/result.h"
#include "thalamus/base/rng.h"
#include "thalamus/math/dense_net.h"

namespace thalamus::route {

inline constexpr std::size_t kGraphWidthMax = 1024;
inline constexpr std::size_t kEdgeAttributes = 3;  // utility, cost, effect
inline constexpr std::size_t kGateHidden = 3;

/// What a model hears: which requests it answers well, or only the mean of its edges' attributes.
enum class GraphMessages : std::uint8_t { kGated, kPooled };

/// Costs as edges carry them: 0 for the cheapest recorded cell, 1 for the dearest.
struct CostScale {
  float low = 0;
  float high = 0;
  [[nodiscard]] float of(float cost) const noexcept {
    return std::isfinite(cost) && high > low ? std::clamp((cost - low) / (high - low), 0.0F, 1.0F) : 0.0F;
  }
};

using EdgeAttributes = std::array<float, kEdgeAttributes>;
[[nodiscard]] inline EdgeAttributes attributes_of(float quality, float cost) noexcept {
  return {0.5F * quality - 0.5F * cost, cost, quality};
}

/// The layers that turn edges into the vector of a model.
class GraphLayers {
 public:
  GraphLayers() = default;
  GraphLayers(std::size_t width, GraphMessages messages, base::Rng& rng) : width_(width), messages_(messages) {
    using enum math::Activation;
    const auto make = [&](std::size_t inputs, std::vector<math::LayerPlan> plan) {
      nets_.push_back(math::DenseNet::make(inputs, plan, rng));
    };
    make(kEdgeAttributes, {{kGateHidden, kRelu}, {2 * width, kIdentity}});  // gates
    make(width, {{width, kRelu}});                                          // states of the second layer
    make(width, {{width, kRelu}});                                          // first layer
    make(2 * width, {{width, kIdentity}});                                  // second layer
    // A dead ReLU of three units would close every gate.
    std::fill(gates().bias(0).begin(), gates().bias(0).end(), 0.5F);
  }

  [[nodiscard]] std::size_t width() const noexcept { return width_; }
  [[nodiscard]] GraphMessages messages() const noexcept { return messages_; }
  [[nodiscard]] math::DenseNet& gates() noexcept { return nets_[0]; }
  [[nodiscard]] std::vector<math::DenseNet>& nets() noexcept { return nets_; }
  [[nodiscard]] const math::DenseNet& gates() const noexcept { return nets_[0]; }
  [[nodiscard]] const math::DenseNet& state() const noexcept { return nets_[1]; }
  [[nodiscard]] const math::DenseNet& first() const noexcept { return nets_[2]; }
  [[nodiscard]] const math::DenseNet& second() const noexcept { return nets_[3]; }

  [[nodiscard]] std::vector<float> parameters() const {
    std::vector<float> all;
    for (const math::DenseNet& net : nets_) all.insert(all.end(), net.parameters().begin(), net.parameters().end());
    return all;
  }
  void set_parameters(std::span<const float> all) noexcept {
    for (math::DenseNet& net : nets_) {
      std::copy_n(all.begin(), net.parameters().size(), net.parameters().begin());
      all = all.subspan(net.parameters().size());
    }
  }
  void save(base::ByteWriter& out) const {
    out.put(static_cast<std::uint32_t>(width_));
    out.put(messages_);
    for (const math::DenseNet& net : nets_) net.save(out);
  }
  [[nodiscard]] static Result<GraphLayers> load(base::ByteReader& in) {
    GraphLayers layers;
    TRY(layers.width_, in.get<std::uint32_t>());
    TRY(const auto messages, in.get<std::uint8_t>());
    if (layers.width_ < 2 || layers.width_ > kGraphWidthMax ||
        messages > static_cast<std::uint8_t>(GraphMessages::kPooled))
      return fail(ErrorKind::kCorrupt, "graphrouter: width {} is out of bounds", layers.width_);
    layers.messages_ = static_cast<GraphMessages>(messages);
    const std::size_t w = layers.width_;
    for (const auto& [inputs, outputs] : {std::pair{kEdgeAttributes, 2 * w}, {w, w}, {w, w}, {2 * w, w}}) {
      TRY(auto net, math::DenseNet::load(in, inputs, outputs));
      layers.nets_.push_back(std::move(net));
    }
    return layers;
  }

 private:
  std::size_t width_ = 0;
  GraphMessages messages_ = GraphMessages::kGated;
  std::vector<math::DenseNet> nets_;
};

/// Messages to one model and the passes through the layers, forward and backward.
class ModelPass {
 public:
  explicit ModelPass(const GraphLayers& layers)
      : layers_(layers), w_(layers.width()), sums_(2 * w_, 0.0F), joined_(2 * w_), message_(2 * w_) {
    gate_work_.resize(layers.gates().workspace_size());
    gate_deltas_.resize(gate_work_.size());
    first_work_.resize(w_);
    second_work_.resize(w_);
    deltas_.resize(w_);
    down_.resize(2 * w_);
    sums_gradient_.resize(2 * w_);
  }

  void begin() noexcept {
    std::fill(sums_.begin(), sums_.end(), 0.0F);
    edges_ = 0;
  }
  /// `z` of the request and its state for the second layer.
  void add_edge(std::span<const float> z, std::span<const float> state, const EdgeAttributes& attributes) noexcept {
    const auto gate = layers_.gates().forward(attributes, gate_work_);
    const bool gated = layers_.messages() == GraphMessages::kGated;
    for (std::size_t i = 0; i < w_; ++i) sums_[i] += gated ? z[i] * gate[i] : gate[i];
    for (std::size_t i = 0; i < w_; ++i) sums_[w_ + i] += gated ? state[i] * gate[w_ + i] : gate[w_ + i];
    ++edges_;
  }
  /// The model's vector.
  std::span<const float> finish() noexcept {
    const float share = edges_ > 0 ? 1.0F / static_cast<float>(edges_) : 0.0F;
    for (float& value : sums_) value *= share;
    const auto first = layers_.first().forward(std::span(sums_).first(w_), first_work_);
    std::copy(first.begin(), first.end(), joined_.begin());
    std::copy_n(sums_.begin() + static_cast<std::ptrdiff_t>(w_), w_, joined_.begin() + static_cast<std::ptrdiff_t>(w_));
    return layers_.second().forward(joined_, second_work_);
  }
  /// From the gradient by the vector of the last `finish` to that by the mean messages, adding to `gradients` (one span
  /// per net of the layers).
  void backward(std::span<const float> vector_gradient, std::span<const std::span<float>> gradients) noexcept {
    layers_.second().backward(joined_, second_work_, vector_gradient, deltas_, gradients[3], down_);
    layers_.first().backward(std::span(sums_).first(w_), first_work_, std::span(down_).first(w_), deltas_, gradients[2],
                             std::span(sums_gradient_).first(w_));
    std::copy_n(down_.begin() + static_cast<std::ptrdiff_t>(w_), w_,
                sums_gradient_.begin() + static_cast<std::ptrdiff_t>(w_));
    const float share = edges_ > 0 ? 1.0F / static_cast<float>(edges_) : 0.0F;
    for (float& value : sums_gradient_) value *= share;
  }
  /// After `backward`: passes the gradient on along one edge.
  void edge_backward(std::span<const float> z, std::span<const float> state, const EdgeAttributes& attributes,
                     std::span<float> gate_gradient, std::span<float> z_gradient,
                     std::span<float> state_gradient) noexcept {
    const auto gate = layers_.gates().forward(attributes, gate_work_);
    if (layers_.messages() == GraphMessages::kGated) {
      for (std::size_t i = 0; i < w_; ++i) {
        z_gradient[i] += sums_gradient_[i] * gate[i];
        state_gradient[i] += sums_gradient_[w_ + i] * gate[w_ + i];
        message_[i] = sums_gradient_[i] * z[i];
        message_[w_ + i] = sums_gradient_[w_ + i] * state[i];
      }
    } else {
      std::copy(sums_gradient_.begin(), sums_gradient_.end(), message_.begin());
    }
    layers_.gates().backward(attributes, gate_work_, message_, gate_deltas_, gate_gradient);
  }

 private:
  const GraphLayers& layers_;
  std::size_t w_;
  std::size_t edges_ = 0;
  std::vector<float> sums_;  ///< messages of both layers
  std::vector<float> joined_;
  std::vector<float> message_;
  std::vector<float> gate_work_;
  std::vector<float> gate_deltas_;
  std::vector<float> first_work_;
  std::vector<float> second_work_;
  std::vector<float> deltas_;
  std::vector<float> down_;
  std::vector<float> sums_gradient_;
};

}  // namespace thalamus::route
