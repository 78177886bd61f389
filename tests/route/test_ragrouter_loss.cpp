// RAGRouter's loss and latency rule: gradients against finite differences, a contrast computed by hand, questions found
// in their settings, and choices of the rule.
#include "thalamus/route/ragrouter_loss.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "small_set.h"
#include "thalamus/route/ragrouter_rule.h"

namespace thalamus::route {
namespace {

constexpr std::size_t kPool = 3;

/// Two questions, each asked without documents, with two passages, and (the first) without documents again.
struct World {
  TrainingSet set;
  DocumentRows documents;
  math::DenseNet shift;
  std::vector<std::uint32_t> rows;
  std::vector<float> logits;
  std::vector<float> extra;
  std::vector<float> gradient;
  std::vector<float> extra_gradient;

  [[nodiscard]] RagrouterLoss loss(ContrastOptions options) {
    return {set, shift, documents, QuestionGroups::find(set, rows, documents.present), options};
  }
  double evaluate(RagrouterLoss& loss, std::span<const std::uint32_t> chosen, bool training = true) {
    gradient.assign(chosen.size() * kPool, 0.0F);
    extra_gradient.assign(extra.size(), 0.0F);
    std::vector<float> outputs;
    for (const std::uint32_t row : chosen)
      outputs.insert(outputs.end(), logits.begin() + row * kPool, logits.begin() + (row + 1) * kPool);
    return loss({chosen, outputs, gradient, extra, extra_gradient, training});
  }
};

void ask(TrainingSet& set, std::vector<std::uint32_t> question, std::vector<std::uint32_t> context) {
  if (set.question_offsets.empty()) set.question_offsets = set.context_offsets = {0};
  set.question_tokens.insert(set.question_tokens.end(), question.begin(), question.end());
  set.context_tokens.insert(set.context_tokens.end(), context.begin(), context.end());
  set.question_offsets.push_back(set.question_tokens.size());
  set.context_offsets.push_back(set.context_tokens.size());
}

World make_world(std::uint64_t seed) {
  base::Rng rng(seed);
  std::vector<SmallRow> table;
  for (int i = 0; i < 7; ++i) {
    SmallRow row{{0}, {}, {}, {}};
    for (std::size_t m = 0; m < kPool; ++m) row.quality.push_back(rng.below(2) == 0 ? 0.2F : 0.8F);
    table.push_back(std::move(row));
  }
  table[4].quality[1] = NAN;
  World world{small_set(table), {}, {}, std::vector<std::uint32_t>(7), {}, {}, {}, {}};
  const std::vector<std::uint32_t> first{0x10000001, 0x20000002};
  const std::vector<std::uint32_t> second{0x30000003, 0x40000004};
  const std::vector<std::uint32_t> passage{0x10000001, 0x50000005, 0x60000006};
  const std::vector<std::uint32_t> other{0x70000007, 0x30000003};
  for (const auto& [question, context] : {std::pair{first, std::vector<std::uint32_t>{}},
                                          {first, passage},
                                          {second, passage},
                                          {first, other},
                                          {second, std::vector<std::uint32_t>{}},
                                          {first, std::vector<std::uint32_t>{}},
                                          {second, other}})
    ask(world.set, question, context);
  std::iota(world.rows.begin(), world.rows.end(), 0U);
  world.documents = DocumentRows::read(world.set, world.rows, DocumentFeatures::fit(world.set, world.rows));
  const std::vector<math::LayerPlan> plan{{2, math::Activation::kRelu}, {kPool, math::Activation::kIdentity}};
  world.shift = math::DenseNet::make(kDocumentFeatures, plan, rng);
  world.extra.assign(world.shift.parameters().begin(), world.shift.parameters().end());
  for (std::size_t i = 0; i < 7 * kPool; ++i) world.logits.push_back(static_cast<float>(rng.normal()));
  return world;
}

TEST(RagrouterLoss, TheGradientAgreesWithFiniteDifferences) {
  constexpr float kStep = 1e-2F;
  for (const std::uint64_t seed : {21U, 22U, 23U, 24U}) {
    SCOPED_TRACE(seed);
    World world = make_world(seed);
    const ContrastOptions options{.weight = 0.5, .temperature = 0.5};
    for (const std::uint32_t row : world.rows) {
      const std::vector<std::uint32_t> one{row};
      // The other settings count as they were when all rows were last trained on.
      const World kept = world;
      const auto evaluate = [&] {
        auto loss = world.loss(options);
        World before = kept;
        std::swap(world.logits, before.logits);
        std::swap(world.extra, before.extra);
        static_cast<void>(world.evaluate(loss, world.rows));
        std::swap(world.logits, before.logits);
        std::swap(world.extra, before.extra);
        return world.evaluate(loss, one);
      };
      static_cast<void>(evaluate());
      const auto gradient = world.gradient;
      const auto extra_gradient = world.extra_gradient;
      const auto numeric = [&](float& value) {
        const float middle = value;
        value = middle + kStep;
        const double above = evaluate();
        value = middle - kStep;
        const double below = evaluate();
        value = middle;
        return (above - below) / (2 * static_cast<double>(kStep));
      };
      for (std::size_t m = 0; m < kPool; ++m)
        EXPECT_NEAR(static_cast<double>(gradient[m]), numeric(world.logits[row * kPool + m]), 2e-3) << row;
      const std::size_t step = world.extra.size() / 11;
      for (std::size_t i = 0; i < world.extra.size(); i += step)
        EXPECT_NEAR(static_cast<double>(extra_gradient[i]), numeric(world.extra[i]), 2e-3) << row << ' ' << i;
    }
  }
}

TEST(RagrouterLoss, ContrastsAModelWithItselfInTheOtherSetting) {
  // One model, one question: right with the passage, wrong without. Logit 0 and log(3): similarities 0 and .5.
  World world = make_world(25);
  world.set = small_set({{{0}, {0, NAN, NAN}, {}, {}}, {{0}, {1, NAN, NAN}, {}, {}}});
  ask(world.set, {7, 8}, {});
  ask(world.set, {7, 8}, {});
  world.rows = {0, 1};
  world.documents = {std::vector<float>(2 * kDocumentFeatures, 0.0F), {false, false}, 0};
  world.logits = {0, 0, 0, std::log(3.0F), 0, 0};
  auto loss = world.loss({.weight = 1, .temperature = 0.2});
  const std::vector<std::uint32_t> first{0};
  const std::vector<std::uint32_t> second{1};
  EXPECT_NEAR(world.evaluate(loss, first), std::log(2.0), 1e-6) << "nothing to set it against yet";
  // -log(e^2.5 / (e^2.5 + e^0)), times 3 models / 1 positive.
  const double contrast = 3 * std::log1p(std::exp(-2.5));
  EXPECT_NEAR(world.evaluate(loss, second), -std::log(0.75) + contrast, 1e-6);
  EXPECT_NEAR(world.evaluate(loss, first), std::log(2.0) + contrast, 1e-6);
  EXPECT_GT(world.gradient[0], 0.5F) << "the wrong answer is pushed away";
  // Held-out rows are judged by cross-entropy and leave nothing behind.
  EXPECT_NEAR(world.evaluate(loss, second, false), -std::log(0.75), 1e-6);
  auto alone = world.loss({.weight = 0, .temperature = 0.2});
  EXPECT_NEAR(world.evaluate(alone, second), -std::log(0.75), 1e-6);
}

TEST(QuestionGroups, FindAQuestionInItsSettings) {
  const World world = make_world(26);
  const auto groups = QuestionGroups::find(world.set, world.rows, world.documents.present);
  ASSERT_EQ(groups.members.size(), 2U);
  EXPECT_EQ(groups.members[0], (std::vector<std::uint32_t>{0, 1, 3, 5}));
  EXPECT_EQ(groups.members[1], (std::vector<std::uint32_t>{2, 4, 6}));
  EXPECT_EQ(groups.compared, 2U);

  TrainingSet many;
  for (std::size_t i = 0; i < kQuestionRowsMax + 3; ++i) ask(many, {1, 2}, {});
  ask(many, {}, {});
  ask(many, {}, {});
  std::vector<std::uint32_t> rows(kQuestionRowsMax + 5);
  std::iota(rows.begin(), rows.end(), 0U);
  const auto bounded = QuestionGroups::find(many, rows, std::vector<bool>(rows.size(), false));
  ASSERT_EQ(bounded.members.size(), 4U) << "no group grows without bound; no question is like no other";
  EXPECT_EQ(bounded.members[0].size(), kQuestionRowsMax);
  EXPECT_EQ(bounded.members[1].size(), 3U);
  EXPECT_EQ(bounded.compared, 0U);
  EXPECT_EQ(QuestionGroups::find({}, rows, std::vector<bool>(rows.size(), false)).members.size(), rows.size());
}

/// The column that the rule prefers.
std::size_t preferred(double theta, const std::vector<std::uint32_t>& order, std::vector<float> scores) {
  prefer_within(theta, order, scores);
  return static_cast<std::size_t>(std::max_element(scores.begin(), scores.end()) - scores.begin());
}

TEST(LatencyRule, TakesTheFirstOfTheFastestWithinThetaOfTheBest) {
  // By hand: seconds 2.0, 0.5, 1.0, unknown -> order 1, 2, 0, 3.
  const std::vector<float> seconds{2, 0.4F, 1, NAN, NAN, 0.6F, NAN, NAN};
  const auto order = order_by_mean(seconds, 4);
  EXPECT_EQ(order, (std::vector<std::uint32_t>{1, 2, 0, 3}));
  const std::vector<float> scores{0.75F, 0.25F, 0.5F, 0.875F};
  EXPECT_EQ(preferred(0, order, scores), 3U);
  EXPECT_EQ(preferred(0.1, order, scores), 3U);
  EXPECT_EQ(preferred(0.125, order, scores), 0U) << "exactly theta is within";
  EXPECT_EQ(preferred(0.375, order, scores), 2U);
  EXPECT_EQ(preferred(0.5, order, scores), 2U);
  EXPECT_EQ(preferred(0.625, order, scores), 1U);
  EXPECT_EQ(preferred(1, order, scores), 1U);
  // Those out of reach follow by score: a fallback is the next best.
  std::vector<float> all = scores;
  prefer_within(0.125, order, all);
  EXPECT_GT(all[0], all[3]);
  EXPECT_GT(all[3], all[2]);
  EXPECT_GT(all[2], all[1]);
}

TEST(LatencyRule, IsTheBestAtZeroTheFastestAtOneAndMonotoneBetween) {
  for (std::uint64_t seed = 31; seed < 36; ++seed) {
    SCOPED_TRACE(seed);
    base::Rng rng(seed);
    const std::size_t models = 2 + rng.below(8);
    std::vector<float> seconds(models);
    for (float& value : seconds) value = static_cast<float>(rng.uniform());
    const auto order = order_by_mean(seconds, models);
    std::vector<std::vector<float>> requests(40, std::vector<float>(models));
    for (auto& scores : requests)
      for (float& score : scores) score = static_cast<float>(rng.uniform());
    double last = INFINITY;
    for (const double theta : {0.0, 0.02, 0.05, 0.1, 0.2, 0.4, 0.7, 1.0}) {
      double total = 0;
      for (const auto& scores : requests) {
        const std::size_t chosen = preferred(theta, order, scores);
        total += static_cast<double>(seconds[chosen]);
        const float best = *std::max_element(scores.begin(), scores.end());
        EXPECT_LE(static_cast<double>(best) - static_cast<double>(scores[chosen]), theta);
        EXPECT_TRUE(theta > 0 || scores[chosen] == best);
        EXPECT_TRUE(theta < 1 || chosen == order[0]);
      }
      EXPECT_LE(total, last) << "theta " << theta;
      last = total;
    }
  }
}

}  // namespace
}  // namespace thalamus::route
