#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "thalamus/math/dense_net.h"
#include "thalamus/math/kernels.h"

namespace thalamus::math {
namespace {

DenseNet small_net(base::Rng& rng) {
  const std::vector<LayerPlan> plan{{5, Activation::kTanh}, {4, Activation::kRelu}, {3, Activation::kIdentity}};
  DenseNet net = DenseNet::make(6, plan, rng);
  for (float& value : net.parameters()) value += static_cast<float>(0.1 * rng.normal());
  return net;
}

std::vector<float> normal_row(std::size_t size, base::Rng& rng) {
  std::vector<float> row(size);
  for (float& value : row) value = static_cast<float>(rng.normal());
  return row;
}

std::string bytes_of(const DenseNet& net) {
  base::ByteWriter out;
  net.save(out);
  return out.take();
}

/// The four points of exclusive or, `copies` times.
std::vector<float> xor_rows(std::size_t copies) {
  std::vector<float> x;
  for (std::size_t i = 0; i < copies; ++i) x.insert(x.end(), {0, 0, 0, 1, 1, 0, 1, 1});
  return x;
}
double xor_loss(std::size_t row, std::span<const float> output, std::span<float> gradient) {
  const double target = row % 4 == 1 || row % 4 == 2 ? 1 : 0;
  return logistic_loss(static_cast<double>(output[0]), target, gradient[0]);
}

TEST(Kernels, MultiplyingAMatrixIsTheDotProductOfEachRowBitForBit) {
  constexpr std::uint64_t kSeed = 1;
  SCOPED_TRACE(testing::Message() << "seed " << kSeed);
  base::Rng rng(kSeed);
  for (const std::size_t columns : {1U, 3U, 7U, 8U, 9U, 31U, 296U}) {
    for (const std::size_t rows : {1U, 2U, 4U, 5U, 11U}) {
      const auto matrix = normal_row(rows * columns, rng);
      const auto x = normal_row(columns, rng);
      std::vector<float> y(rows);
      multiply(matrix, x, y);
      for (std::size_t r = 0; r < rows; ++r)
        EXPECT_EQ(y[r], dot(std::span(matrix).subspan(r * columns, columns), x)) << rows << " x " << columns;
    }
  }
}

TEST(DenseNet, ForwardIsTheHandComputedNumber) {
  base::Rng rng(2);
  const std::vector<LayerPlan> plan{{2, Activation::kRelu}, {1, Activation::kTanh}};
  DenseNet net = DenseNet::make(2, plan, rng);
  const std::vector<float> parameters{1, 2, -1, 1, 0.5F, 0.25F, 3, -2, 0.125F};
  std::copy(parameters.begin(), parameters.end(), net.parameters().begin());
  std::vector<float> workspace(net.workspace_size());
  // Hidden: relu(1*.5 + 2*.25 + .5) = 1.5 and relu(-.5 + .25 + .25) = 0; output tanh(4.5 + .125).
  const auto output = net.forward(std::vector<float>{0.5F, 0.25F}, workspace);
  ASSERT_EQ(output.size(), 1U);
  EXPECT_FLOAT_EQ(output[0], std::tanh(4.625F));
}

TEST(DenseNet, TheGradientAgreesWithFiniteDifferences) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    base::Rng rng(seed);
    DenseNet net = small_net(rng);
    auto x = normal_row(net.inputs(), rng);
    const std::vector<float> targets{0.2F, 0.5F, 0.3F};
    std::vector<float> workspace(net.workspace_size());
    std::vector<float> deltas(net.workspace_size());
    std::vector<float> output_gradient(3);
    std::vector<float> ignored(3);
    const auto loss = [&] { return softmax_loss(net.forward(x, workspace), targets, ignored); };
    static_cast<void>(softmax_loss(net.forward(x, workspace), targets, output_gradient));
    std::vector<float> gradient(net.parameters().size(), 0.0F);
    std::vector<float> input_gradient(net.inputs(), 9.0F);
    net.backward(x, workspace, output_gradient, deltas, gradient, input_gradient);
    const auto slope = [&](float& value) {
      const float kept = value;
      constexpr float kStep = 2e-3F;
      value = kept + kStep;
      const double above = loss();
      value = kept - kStep;
      const double below = loss();
      value = kept;
      return (above - below) / (2 * static_cast<double>(kStep));
    };
    std::size_t off = 0;  // a kink of ReLU may lie within the step
    for (std::size_t i = 0; i < gradient.size(); ++i)
      off += std::abs(slope(net.parameters()[i]) - static_cast<double>(gradient[i])) > 2e-3 ? 1 : 0;
    EXPECT_LE(off, 1U);
    for (std::size_t i = 0; i < x.size(); ++i) EXPECT_NEAR(slope(x[i]), input_gradient[i], 5e-3);
  }
}

TEST(DenseNet, LossesHaveTheGradientOfTheirOwnFiniteDifference) {
  float gradient = 0;
  float ignored = 0;
  for (const double logit : {-30.0, -2.0, 0.0, 1.5, 40.0}) {
    for (const double target : {0.0, 0.3, 1.0}) {
      static_cast<void>(logistic_loss(logit, target, gradient));
      const double slope =
          (logistic_loss(logit + 1e-5, target, ignored) - logistic_loss(logit - 1e-5, target, ignored)) / 2e-5;
      EXPECT_NEAR(gradient, slope, 1e-5) << logit << ' ' << target;
    }
  }
  EXPECT_NEAR(logistic_loss(0, 1, gradient), std::log(2.0), 1e-12);
  EXPECT_TRUE(std::isfinite(logistic_loss(1e4, 0, gradient)));
  EXPECT_EQ(sigmoid(-1e5), 0);
}

TEST(DenseNet, LearnsExclusiveOr) {
  base::Rng rng(3);
  const std::vector<LayerPlan> plan{{8, Activation::kTanh}, {1, Activation::kIdentity}};
  DenseNet net = DenseNet::make(2, plan, rng);
  const auto x = xor_rows(8);
  const auto report = train_dense(net, x, xor_loss, {.rate = 0.02, .batch = 8, .epochs_max = 300, .held_out = 0}, rng);
  ASSERT_TRUE(report.has_value()) << report.error().text();
  EXPECT_LT(report->training_loss, 0.05);
  std::vector<float> workspace(net.workspace_size());
  for (std::size_t row = 0; row < 4; ++row) {
    const float logit = net.forward(std::span(x).subspan(row * 2, 2), workspace)[0];
    EXPECT_EQ(logit > 0, row == 1 || row == 2) << row << ": " << logit;
  }
}

TEST(DenseNet, TheSameSeedGivesTheSameBytesAndAnotherSeedOthers) {
  const auto x = xor_rows(10);
  const auto trained = [&](std::uint64_t seed) {
    base::Rng rng(seed);
    const std::vector<LayerPlan> plan{{4, Activation::kRelu}, {1}};
    DenseNet net = DenseNet::make(2, plan, rng);
    EXPECT_TRUE(train_dense(net, x, xor_loss, {.input_noise = 0.1, .batch = 8, .epochs_max = 5}, rng).has_value());
    return bytes_of(net);
  };
  EXPECT_EQ(trained(4), trained(4));
  EXPECT_NE(trained(4), trained(5));
}

TEST(DenseNet, StopsEarlyOnNoiseAndKeepsTheBestEpoch) {
  base::Rng rng(6);
  const auto x = normal_row(60 * 20, rng);
  std::vector<float> target(60);
  for (float& value : target) value = static_cast<float>(rng.normal());
  const std::vector<LayerPlan> plan{{16, Activation::kRelu}, {1}};
  DenseNet net = DenseNet::make(20, plan, rng);
  const RowLoss loss = [&](std::size_t row, std::span<const float> output, std::span<float> gradient) {
    gradient[0] = output[0] - target[row];
    return 0.5 * static_cast<double>(gradient[0]) * static_cast<double>(gradient[0]);
  };
  const DenseTraining training{.rate = 0.01, .batch = 8, .epochs_max = 200, .held_out = 0.3, .patience = 4};
  const auto report = train_dense(net, x, loss, training, rng);
  ASSERT_TRUE(report.has_value());
  EXPECT_LT(report->epochs, 60U);
  EXPECT_EQ(report->epochs, report->best_epoch + 4);
  ASSERT_EQ(report->held_out_rows.size(), 18U);
  // The kept parameters are those of the best epoch: they give its held-out loss.
  std::vector<float> workspace(net.workspace_size());
  std::vector<float> gradient(1);
  double total = 0;
  for (const std::uint32_t row : report->held_out_rows)
    total += loss(row, net.forward(std::span(x).subspan(row * 20, 20), workspace), gradient);
  EXPECT_NEAR(total / 18, report->held_out_loss, 1e-4);
}

TEST(DenseNet, ScalingIsAbsorbedSoThatRawInputsAreServed) {
  for (const auto scaling : {InputScaling::kNone, InputScaling::kShared, InputScaling::kColumns}) {
    base::Rng rng(7);
    std::vector<float> x(200 * 3);
    for (std::size_t row = 0; row < 200; ++row) {
      x[row * 3] = static_cast<float>(rng.normal());
      x[row * 3 + 1] = static_cast<float>(5 + 0.5 * rng.normal());
      x[row * 3 + 2] = 4;  // constant
    }
    const std::vector<LayerPlan> plan{{1}};
    DenseNet net = DenseNet::make(3, plan, rng);
    const RowLoss loss = [&](std::size_t row, std::span<const float> output, std::span<float> gradient) {
      gradient[0] = output[0] - (2 * x[row * 3] - 3 * x[row * 3 + 1] + 1);
      return 0.5 * static_cast<double>(gradient[0]) * static_cast<double>(gradient[0]);
    };
    const DenseTraining training{
        .rate = 0.05, .weight_decay = 0, .batch = 20, .epochs_max = 150, .held_out = 0, .scaling = scaling};
    ASSERT_TRUE(train_dense(net, x, loss, training, rng).has_value());
    std::vector<float> workspace(net.workspace_size());
    const float predicted = net.forward(std::vector<float>{1, 5, 4}, workspace)[0];
    EXPECT_NEAR(predicted, 2 - 15 + 1, scaling == InputScaling::kNone ? 1.0 : 0.1);
  }
}

TEST(DenseNet, ExtraParametersAreTrainedBesideTheNet) {
  base::Rng rng(8);
  const std::vector<LayerPlan> plan{{1}};
  DenseNet net = DenseNet::make(1, plan, rng);
  std::vector<float> extra{0};
  const std::vector<float> x(64, 1.0F);
  const BatchLoss loss = [](const DenseBatch& batch) {
    double total = 0;
    for (std::size_t i = 0; i < batch.rows.size(); ++i) {
      const float error = batch.outputs[i] + batch.extra[0] - 3;
      const float bound = batch.extra[0] - 1;
      batch.gradients[i] = error;
      batch.extra_gradient[0] += error + bound;
      total += 0.5 * static_cast<double>(error * error + bound * bound);
    }
    return total;
  };
  const DenseTraining training{.rate = 0.05, .weight_decay = 0, .batch = 8, .epochs_max = 100, .held_out = 0.25};
  ASSERT_TRUE(train_dense(net, x, extra, loss, training, rng).has_value());
  EXPECT_NEAR(extra[0], 1, 0.05);
  std::vector<float> workspace(1);
  EXPECT_NEAR(net.forward(std::vector<float>{1}, workspace)[0], 2, 0.1);
}

TEST(DenseNet, TrainsOnNoMoreRowsThanTheBound) {
  base::Rng rng(9);
  const std::vector<float> x(5000, 1.0F);
  std::vector<bool> seen(5000, false);
  const std::vector<LayerPlan> plan{{1}};
  DenseNet net = DenseNet::make(1, plan, rng);
  const RowLoss loss = [&](std::size_t row, std::span<const float>, std::span<float>) {
    seen[row] = true;
    return 0.0;
  };
  ASSERT_TRUE(train_dense(net, x, loss, {.epochs_max = 2, .rows_max = 100}, rng).has_value());
  EXPECT_EQ(std::count(seen.begin(), seen.end(), true), 100);
  EXPECT_TRUE(std::find(seen.begin() + 2500, seen.end(), true) != seen.end());
  const auto rows = sample_rows(1000, 10, rng);
  ASSERT_EQ(rows.size(), 10U);
  EXPECT_TRUE(std::is_sorted(rows.begin(), rows.end()));
  EXPECT_EQ(std::adjacent_find(rows.begin(), rows.end()), rows.end());
}

TEST(DenseNet, RearrangingOutputsMovesDropsAndRepeatsThem) {
  base::Rng rng(10);
  DenseNet net = small_net(rng);
  const auto x = normal_row(net.inputs(), rng);
  std::vector<float> workspace(net.workspace_size());
  const auto output = net.forward(x, workspace);
  const std::vector<float> before(output.begin(), output.end());
  const std::vector<std::size_t> from{2, 0, 2, 1};
  net.rearrange_outputs(from);
  workspace.resize(net.workspace_size());
  const auto after = net.forward(x, workspace);
  ASSERT_EQ(after.size(), 4U);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(after[i], before[from[i]]);
}

TEST(DenseNet, BadTrainingIsAnErrorWithWords) {
  base::Rng rng(11);
  const std::vector<LayerPlan> plan{{1}};
  DenseNet net = DenseNet::make(2, plan, rng);
  const RowLoss zero = [](std::size_t, std::span<const float>, std::span<float>) { return 0.0; };
  const RowLoss infinite = [](std::size_t, std::span<const float>, std::span<float>) { return INFINITY; };
  EXPECT_FALSE(train_dense(net, std::vector<float>(3), zero, {}, rng).has_value());
  EXPECT_FALSE(train_dense(net, std::vector<float>{}, zero, {}, rng).has_value());
  EXPECT_FALSE(train_dense(net, std::vector<float>{1, NAN}, zero, {}, rng).has_value());
  EXPECT_FALSE(train_dense(net, std::vector<float>(4), zero, {.rate = 0}, rng).has_value());
  const auto diverged = train_dense(net, std::vector<float>(4), infinite, {}, rng);
  ASSERT_FALSE(diverged.has_value());
  EXPECT_NE(diverged.error().message.find("diverges"), std::string::npos);
}

TEST(DenseNet, LoadingGivesTheSameNetAndRefusesDamage) {
  base::Rng rng(12);
  const DenseNet net = small_net(rng);
  const std::string bytes = bytes_of(net);
  base::ByteReader in(bytes);
  const auto loaded = DenseNet::load(in, 6, 3);
  ASSERT_TRUE(loaded.has_value()) << loaded.error().text();
  EXPECT_EQ(in.remaining(), 0U);
  EXPECT_EQ(bytes_of(*loaded), bytes);
  EXPECT_EQ(loaded->workspace_size(), net.workspace_size());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    base::ByteReader cut(std::string_view(bytes).substr(0, size));
    EXPECT_FALSE(DenseNet::load(cut, 6, 3).has_value()) << size;
  }
  for (const auto& [inputs, outputs] : {std::pair{5, 3}, std::pair{6, 2}}) {
    base::ByteReader other(bytes);
    EXPECT_FALSE(
        DenseNet::load(other, static_cast<std::size_t>(inputs), static_cast<std::size_t>(outputs)).has_value());
  }
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    std::string flipped = bytes;
    flipped[at] = static_cast<char>(flipped[at] ^ 0x41);
    base::ByteReader damaged(flipped);
    const auto result = DenseNet::load(damaged, 6, 3);
    if (!result) continue;
    std::vector<float> workspace(result->workspace_size());
    for (const float value : result->forward(std::vector<float>(6, 1.0F), workspace)) EXPECT_TRUE(std::isfinite(value));
  }
}

}  // namespace
}  // namespace thalamus::math
