// The graph's loss and message passing: gradients against finite differences, sums over edges against the plain mean,
// and held-out rows judged as requests are served.
#include "thalamus/route/graph_loss.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "small_set.h"

namespace thalamus::route {
namespace {

constexpr std::size_t kWidth = 4;
constexpr std::size_t kRows = 12;
constexpr std::size_t kPool = 3;

/// A batch of all rows with z and parameters drawn by a seed.
struct Batch {
  TrainingSet set;
  GraphLayers layers;
  std::vector<std::uint32_t> rows;
  std::vector<float> z;
  std::vector<float> extra;
  std::vector<float> z_gradient;
  std::vector<float> extra_gradient;
};

Batch make_batch(std::uint64_t seed, GraphMessages messages = GraphMessages::kGated) {
  base::Rng rng(seed);
  std::vector<SmallRow> table;
  for (std::size_t i = 0; i < kRows; ++i) {
    SmallRow row{{0}, {}, {}, {}};
    for (std::size_t m = 0; m < kPool; ++m) {
      row.quality.push_back(rng.uniform() < 0.1 ? NAN : static_cast<float>(rng.below(3)) / 2);
      row.cost_usd.push_back(static_cast<float>(rng.uniform()));
    }
    table.push_back(std::move(row));
  }
  Batch batch{small_set(table), GraphLayers(kWidth, messages, rng), std::vector<std::uint32_t>(kRows), {}, {}, {}, {}};
  std::iota(batch.rows.begin(), batch.rows.end(), 0U);
  for (std::size_t i = 0; i < kRows * kWidth; ++i) batch.z.push_back(static_cast<float>(rng.normal()));
  batch.extra.resize(batch.layers.parameters().size() + kPool * kWidth);
  for (float& value : batch.extra) value = static_cast<float>(0.5 * rng.normal());
  return batch;
}

double evaluate(Batch& batch, GraphLoss& loss, bool training = true) {
  batch.z_gradient.assign(batch.z.size(), 0.0F);
  batch.extra_gradient.assign(batch.extra.size(), 0.0F);
  return loss({batch.rows, batch.z, batch.z_gradient, batch.extra, batch.extra_gradient, training});
}

/// A fresh loss makes the same draws.
double evaluate(Batch& batch, std::size_t virtual_models) {
  GraphLoss loss(batch.set, batch.layers, {0, 1}, virtual_models, base::Rng(5));
  return evaluate(batch, loss);
}

void check_gradient(Batch& batch, std::size_t virtual_models, std::vector<float>& values,
                    const std::vector<float>& gradient, const char* what) {
  constexpr float kStep = 2e-3F;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const float value = values[i];
    values[i] = value + kStep;
    const double above = evaluate(batch, virtual_models);
    values[i] = value - kStep;
    const double below = evaluate(batch, virtual_models);
    values[i] = value;
    const double middle = evaluate(batch, virtual_models);
    // Where a ReLU bends within the step, one side tells.
    double error = INFINITY;
    for (const double numeric : {(above - below) / 2, above - middle, middle - below}) {
      const double slope = numeric / static_cast<double>(kStep);
      error = std::min(error, std::abs(static_cast<double>(gradient[i]) - slope) / (1 + std::abs(slope)));
    }
    EXPECT_LT(error, 0.02) << what << " " << i << ": " << gradient[i];
  }
}

TEST(GraphLoss, TheGradientAgreesWithFiniteDifferences) {
  for (const auto messages : {GraphMessages::kGated, GraphMessages::kPooled}) {
    for (const std::uint64_t seed : {11U, 12U, 13U}) {
      SCOPED_TRACE(seed);
      Batch batch = make_batch(seed, messages);
      static_cast<void>(evaluate(batch, 0));
      const auto z_gradient = batch.z_gradient;
      check_gradient(batch, 0, batch.z, z_gradient, "z");
      // Models are mixed by where z lies, a step in z; the parameters do not move it.
      static_cast<void>(evaluate(batch, 2));
      const auto extra_gradient = batch.extra_gradient;
      check_gradient(batch, 2, batch.extra, extra_gradient, "parameter");
    }
  }
}

TEST(GraphLoss, HeldOutRowsAreJudgedAgainstTheEdgesOfAllRowsTrainedOn) {
  Batch batch = make_batch(15);
  GraphLoss loss(batch.set, batch.layers, {0, 1}, 1, base::Rng(5));
  const std::vector<std::uint32_t> all = batch.rows;
  const std::vector<float> z = batch.z;
  batch.rows.resize(8);
  batch.z.resize(8 * kWidth);
  static_cast<void>(evaluate(batch, loss));  // rows 0 to 7 are trained on
  batch.rows.assign(all.begin() + 8, all.end());
  batch.z.assign(z.begin() + 8 * kWidth, z.end());
  const double judged = evaluate(batch, loss, false);
  EXPECT_EQ(judged, evaluate(batch, loss, false)) << "no draw takes part";

  double expected = 0;
  const auto row_z = [&](std::size_t row) { return std::span(z).subspan(row * kWidth, kWidth); };
  std::vector<float> state(kWidth);
  for (std::size_t m = 0; m < kPool; ++m) {
    ModelPass pass(batch.layers);
    pass.begin();
    for (std::size_t row = 0; row < 8; ++row) {
      if (!batch.set.recorded(row, m)) continue;
      static_cast<void>(batch.layers.state().forward(row_z(row), state));
      pass.add_edge(row_z(row), state,
                    attributes_of(batch.set.quality_of(row, m), batch.set.cost_usd[row * kPool + m]));
    }
    const auto heard = pass.finish();
    std::vector<float> vector(heard.begin(), heard.end());
    for (const bool described : {false, true}) {
      for (std::size_t i = 0; described && i < kWidth; ++i)
        vector[i] += batch.extra[batch.extra.size() - (kPool - m) * kWidth + i];
      for (std::size_t row = 8; row < kRows; ++row) {
        if (!batch.set.recorded(row, m)) continue;
        const double p = math::sigmoid(static_cast<double>(score_logit(row_z(row), vector)));
        const auto q = static_cast<double>(batch.set.quality_of(row, m));
        expected -= (q * std::log(p) + (1 - q) * std::log(1 - p)) / 2;  // half as known models, half as newcomers
      }
    }
  }
  EXPECT_NEAR(judged, expected, 1e-4);
}

TEST(ModelPass, SumsByHiddenUnitAreTheMeanOfGatedMessages) {
  base::Rng rng(16);
  GraphLayers layers(kWidth, GraphMessages::kGated, rng);
  auto parameters = layers.parameters();
  for (float& value : parameters) value = static_cast<float>(0.5 * rng.normal());
  layers.set_parameters(parameters);
  ModelPass pass(layers);
  pass.begin();
  std::vector<float> mean(2 * kWidth, 0.0F);
  std::vector<float> gate_work(layers.gates().workspace_size());
  double effect = 0;
  constexpr int kEdges = 9;
  for (int edge = 0; edge < kEdges; ++edge) {
    std::vector<float> z(kWidth);
    std::vector<float> state(kWidth);
    for (float& value : z) value = static_cast<float>(rng.normal());
    for (float& value : state) value = static_cast<float>(rng.uniform());
    const auto attributes = attributes_of(static_cast<float>(rng.below(2)), static_cast<float>(rng.uniform()));
    effect += static_cast<double>(attributes[2]);
    pass.add_edge(z, state, attributes);
    const auto gate = layers.gates().forward(attributes, gate_work);
    for (std::size_t k = 0; k < kWidth; ++k) {
      mean[k] += z[k] * gate[k] / kEdges;
      mean[kWidth + k] += state[k] * gate[kWidth + k] / kEdges;
    }
  }
  std::vector<float> first(kWidth);
  std::vector<float> second(kWidth);
  const auto hidden = layers.first().forward(std::span<const float>(mean).first(kWidth), first);
  std::copy(hidden.begin(), hidden.end(), mean.begin());
  const auto expected = layers.second().forward(mean, second);
  const auto heard = pass.finish();
  const double rate = (effect + 0.5) / (kEdges + 1);
  for (std::size_t k = 0; k < kWidth; ++k) {
    const double base_rate = k == 0 ? std::sqrt(double{kWidth}) * std::log(rate / (1 - rate)) : 0;
    EXPECT_NEAR(static_cast<double>(heard[k]), static_cast<double>(expected[k]) + base_rate, 1e-4) << k;
  }
}

}  // namespace
}  // namespace thalamus::route
