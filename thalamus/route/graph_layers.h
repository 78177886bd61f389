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
#include "thalamus/math/kernels.h"

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

/// Messages to one model and the passes through the layers, forward and backward. A gate is linear in three hidden
/// units r, so the sum over edges of z * gate(r) needs only the sums of z and of r_c * z: an edge costs O(width).
class ModelPass {
 public:
  explicit ModelPass(const GraphLayers& layers)
      : layers_(layers),
        w_(layers.width()),
        gated_(layers.messages() == GraphMessages::kGated),
        ones_(gated_ ? 0 : w_, 1.0F),
        moments_(kMoments * 2 * w_),
        slopes_(kMoments * 2 * w_),
        sums_(2 * w_),
        joined_(2 * w_),
        first_work_(w_),
        second_work_(w_),
        vector_(w_),
        deltas_(w_),
        down_(2 * w_),
        sums_gradient_(2 * w_) {}

  void begin() noexcept {
    std::fill(moments_.begin(), moments_.end(), 0.0F);
    edges_ = 0;
    effect_ = 0;
  }
  /// `z` of the request and its state for the second layer.
  void add_edge(std::span<const float> z, std::span<const float> state, const EdgeAttributes& attributes) noexcept {
    const auto units = hidden_units(attributes);
    add_moments(units, sent(z), 0);
    add_moments(units, sent(state), w_);
    effect_ += attributes[2];
    ++edges_;
  }
  /// The model's vector: the second layer's output, and on top of it the logit of the mean effect against the first
  /// part of z, which starts at 1 for every request.
  std::span<const float> finish() noexcept {
    const std::span<const float> weights = layers_.gates().weights(1);
    const std::span<const float> bias = layers_.gates().bias(1);
    for (std::size_t k = 0; k < 2 * w_; ++k) {
      float sum = bias[k] * moment(kGateHidden)[k];
      for (std::size_t c = 0; c < kGateHidden; ++c) sum += weights[k * kGateHidden + c] * moment(c)[k];
      sums_[k] = sum * share();
    }
    const auto first = layers_.first().forward(std::span(sums_).first(w_), first_work_);
    std::copy(first.begin(), first.end(), joined_.begin());
    std::copy_n(sums_.begin() + static_cast<std::ptrdiff_t>(w_), w_, joined_.begin() + static_cast<std::ptrdiff_t>(w_));
    const auto second = layers_.second().forward(joined_, second_work_);
    std::copy(second.begin(), second.end(), vector_.begin());
    const float rate = (effect_ + 0.5F) / (static_cast<float>(edges_) + 1);
    vector_[0] += std::sqrt(static_cast<float>(w_)) * std::log(rate / (1 - rate));
    return vector_;
  }
  /// From the gradient by the vector of the last `finish` to that by what edges send, adding to `gradients` (one span
  /// per net of the layers).
  void backward(std::span<const float> vector_gradient, std::span<const std::span<float>> gradients) noexcept {
    layers_.second().backward(joined_, second_work_, vector_gradient, deltas_, gradients[3], down_);
    layers_.first().backward(std::span(sums_).first(w_), first_work_, std::span(down_).first(w_), deltas_, gradients[2],
                             std::span(sums_gradient_).first(w_));
    std::copy_n(down_.begin() + static_cast<std::ptrdiff_t>(w_), w_,
                sums_gradient_.begin() + static_cast<std::ptrdiff_t>(w_));
    const std::span<const float> weights = layers_.gates().weights(1);
    const std::span<const float> bias = layers_.gates().bias(1);
    const auto weight_gradient = gradients[0].subspan(kFirstGateParameters, weights.size());
    const auto bias_gradient = gradients[0].last(bias.size());
    for (std::size_t k = 0; k < 2 * w_; ++k) {
      const float slope = sums_gradient_[k] * share();
      for (std::size_t c = 0; c < kGateHidden; ++c) {
        weight_gradient[k * kGateHidden + c] += slope * moment(c)[k];
        slopes_[c * 2 * w_ + k] = slope * weights[k * kGateHidden + c];
      }
      bias_gradient[k] += slope * moment(kGateHidden)[k];
      slopes_[kGateHidden * 2 * w_ + k] = slope * bias[k];
    }
  }
  /// After `backward`: passes the gradient on along one edge.
  void edge_backward(std::span<const float> z, std::span<const float> state, const EdgeAttributes& attributes,
                     std::span<float> gate_gradient, std::span<float> z_gradient,
                     std::span<float> state_gradient) noexcept {
    const auto units = hidden_units(attributes);
    for (std::size_t c = 0; c < kGateHidden; ++c) {
      if (!(units[c] > 0)) continue;
      const std::span<const float> slope = std::span<const float>(slopes_).subspan(c * 2 * w_, 2 * w_);
      const float down = math::dot(slope.first(w_), sent(z)) + math::dot(slope.last(w_), sent(state));
      for (std::size_t a = 0; a < kEdgeAttributes; ++a) gate_gradient[c * kEdgeAttributes + a] += down * attributes[a];
      gate_gradient[kGateHidden * kEdgeAttributes + c] += down;
    }
    if (!gated_) return;
    add_slopes(units, 0, z_gradient);
    add_slopes(units, w_, state_gradient);
  }

 private:
  static constexpr std::size_t kMoments = kGateHidden + 1;  // of r_0, r_1, r_2 and 1
  static constexpr std::size_t kFirstGateParameters = kGateHidden * (kEdgeAttributes + 1);
  using Units = std::array<float, kGateHidden>;

  [[nodiscard]] float share() const noexcept { return edges_ > 0 ? 1.0F / static_cast<float>(edges_) : 0.0F; }
  [[nodiscard]] std::span<const float> moment(std::size_t c) const noexcept {
    return std::span(moments_).subspan(c * 2 * w_, 2 * w_);
  }
  /// Mean attributes alone: every request sends the same.
  [[nodiscard]] std::span<const float> sent(std::span<const float> own) const noexcept {
    return gated_ ? own : std::span<const float>(ones_);
  }
  [[nodiscard]] Units hidden_units(const EdgeAttributes& attributes) const noexcept {
    const std::span<const float> weights = layers_.gates().weights(0);
    const std::span<const float> bias = layers_.gates().bias(0);
    Units units{};
    for (std::size_t c = 0; c < kGateHidden; ++c) {
      float sum = bias[c];
      for (std::size_t a = 0; a < kEdgeAttributes; ++a) sum += weights[c * kEdgeAttributes + a] * attributes[a];
      units[c] = std::max(sum, 0.0F);
    }
    return units;
  }
  void add_moments(const Units& units, std::span<const float> x, std::size_t at) noexcept {
    float* const m = moments_.data() + at;
    for (std::size_t k = 0; k < w_; ++k) {
      m[k] += units[0] * x[k];
      m[2 * w_ + k] += units[1] * x[k];
      m[4 * w_ + k] += units[2] * x[k];
      m[6 * w_ + k] += x[k];
    }
  }
  void add_slopes(const Units& units, std::size_t at, std::span<float> gradient) const noexcept {
    const float* const s = slopes_.data() + at;
    for (std::size_t k = 0; k < w_; ++k)
      gradient[k] += units[0] * s[k] + units[1] * s[2 * w_ + k] + units[2] * s[4 * w_ + k] + s[6 * w_ + k];
  }

  const GraphLayers& layers_;
  std::size_t w_;
  bool gated_;
  std::size_t edges_ = 0;
  float effect_ = 0;  ///< sum over the edges
  std::vector<float> ones_;
  std::vector<float> moments_;  ///< kMoments x (z, state)
  std::vector<float> slopes_;   ///< the same, of the loss
  std::vector<float> sums_;     ///< mean messages of both layers
  std::vector<float> joined_;
  std::vector<float> first_work_;
  std::vector<float> second_work_;
  std::vector<float> vector_;
  std::vector<float> deltas_;
  std::vector<float> down_;
  std::vector<float> sums_gradient_;
};
static_assert(kGateHidden == 3, "add_moments and add_slopes are written for three units");

}  // namespace thalamus::route
