#include "thalamus/learn/blend_plan.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "thalamus/base/rng.h"
#include "thalamus/learn/fit_blend.h"

namespace thalamus::learn {
namespace {

constexpr std::size_t kFolds = 4;

/// Rows of two kinds by their prompt; model 0 is good at kind 0, model 1 at kind 1, model 2 is always middling; costs
/// 1, 2, 3 thousandths of a dollar.
trace::OutcomeTable two_kinds(std::size_t rows, std::uint64_t seed, double good = 0.9) {
  trace::OutcomeTable table;
  table.models = {"zero", "one", "middle"};
  base::Rng rng(seed);
  for (std::size_t i = 0; i < rows; ++i) {
    const std::size_t kind = rng.below(2);
    trace::Row row;
    row.id = fmt::format("r{}", i);
    row.task = kind == 0 ? "even" : "odd";
    row.prompt = kind == 0 ? fmt::format("add the numbers {} and {}", i, i + 1)
                           : fmt::format("write verse number {} of a song", i);
    for (std::size_t m = 0; m < 3; ++m) {
      const double chance = m == 2 ? 0.55 : (m == kind ? good : 1 - good);
      trace::Cell cell;
      cell.quality = rng.uniform() < chance ? 1 : 0;
      cell.cost_usd = 0.001 * static_cast<double>(m + 1);
      row.cells.push_back(cell);
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

/// Held-out estimates made by hand: `value(row, model)`, with the provenance of a proper cross-validation.
template <class Value>
HeldOut by_hand(const Dataset& data, std::span<const std::uint32_t> fold_of, Value&& value) {
  HeldOut held;
  for (std::size_t i = 0; i < data.rows(); ++i)
    for (std::size_t m = 0; m < data.models(); ++m) held.quality.push_back(value(i, m));
  for (std::size_t f = 0; f < kFolds; ++f) {
    auto seen = std::make_shared<SeenPrompts>();
    for (std::size_t i = 0; i < data.rows(); ++i)
      if (fold_of[i] != f) seen->push_back(data.prompt_key(i));
    std::sort(seen->begin(), seen->end());
    held.seen.push_back(std::move(seen));
  }
  return held;
}

struct World {
  trace::OutcomeTable table;
  Dataset data;
  std::vector<std::uint32_t> fold_of;
  CrossValidation cross;

  explicit World(std::size_t rows, std::uint64_t seed, double good = 0.9)
      : table(two_kinds(rows, seed, good)),
        data(Dataset::make(table).value()),
        fold_of(assign_folds(data, kFolds, seed)) {
    cross.cost_usd.resize(rows * 3);
    for (std::size_t i = 0; i < rows; ++i)
      for (std::size_t m = 0; m < 3; ++m) cross.cost_usd[i * 3 + m] = 0.001 * static_cast<double>(m + 1);
    cross.seconds.assign(rows * 3, 0.0);
    cross.best_single.assign(rows, 2);
  }
  [[nodiscard]] double truth(std::size_t row, std::size_t model, double good = 0.9) const {
    if (model == 2) return 0.55;
    return (table.rows[row].task == "even") == (model == 0) ? good : 1 - good;
  }
};

TEST(BlendPlan, WeighsWhatPredictsAndDropsNoise) {
  World w(400, 1);
  base::Rng rng(2);
  w.cross.candidates.push_back(by_hand(w.data, w.fold_of, [&](auto, auto) { return rng.uniform(); }));
  w.cross.candidates.push_back(by_hand(w.data, w.fold_of, [&](auto i, auto m) { return w.truth(i, m); }));
  const std::vector<double> rates{0.0};
  const auto plan =
      plan_blend(w.data, w.fold_of, kFolds, w.cross, std::vector<int>(w.cross.candidates.size(), 1), rates).value();
  ASSERT_EQ(plan.members, (std::vector<std::size_t>{1}));
  EXPECT_NEAR(plan.parts.members[0].contrast_weight, 1, 0.15);
  EXPECT_TRUE(plan.parts.in_pool[0] && plan.parts.in_pool[1]);
}

// The planted member was fitted on all rows: it knows the outcomes by heart.
TEST(BlendPlan, AMemberThatHasSeenWhatItIsScoredOnIsRefused) {
  World w(200, 3);
  const auto outcome = [&](std::size_t i, std::size_t m) { return w.table.rows[i].cells[m].quality; };
  HeldOut planted = by_hand(w.data, w.fold_of, outcome);
  auto everything = std::make_shared<SeenPrompts>();
  for (std::size_t i = 0; i < w.data.rows(); ++i) everything->push_back(w.data.prompt_key(i));
  std::sort(everything->begin(), everything->end());
  for (auto& seen : planted.seen) seen = everything;
  w.cross.candidates.push_back(by_hand(w.data, w.fold_of, [&](auto i, auto m) { return w.truth(i, m); }));
  w.cross.candidates.push_back(std::move(planted));
  const std::vector<double> rates{0.0};
  const auto plan =
      plan_blend(w.data, w.fold_of, kFolds, w.cross, std::vector<int>(w.cross.candidates.size(), 1), rates);
  ASSERT_FALSE(plan.has_value());
  EXPECT_EQ(plan.error().kind, ErrorKind::kInvalidInput);
  EXPECT_NE(plan.error().message.find("candidate 1 has seen row"), std::string::npos) << plan.error().message;
}

// Only one prompt of a fold leaks, by a row of equal text in another fold.
TEST(BlendPlan, OneSeenPromptIsEnoughToBeRefused) {
  World w(100, 4);
  HeldOut held = by_hand(w.data, w.fold_of, [&](auto i, auto m) { return w.truth(i, m); });
  auto seen = *held.seen[w.fold_of[7]];
  seen.push_back(w.data.prompt_key(7));
  std::sort(seen.begin(), seen.end());
  held.seen[w.fold_of[7]] = std::make_shared<const SeenPrompts>(seen);
  EXPECT_FALSE(refuse_seen(w.data, w.fold_of, held, 0).has_value());
  held.seen.clear();
  EXPECT_FALSE(refuse_seen(w.data, w.fold_of, held, 0).has_value()) << "no provenance is no evidence";
}

TEST(BlendPlan, CrossValidationItselfIsNotRefused) {
  World w(120, 5);
  const std::vector<Candidate> candidates{{"global_mean", {}, {}, 1}, {"task_posterior", {}, {}, 1}};
  const auto cross = cross_validate(w.data, w.fold_of, kFolds, candidates, base::Rng(1), {}).value();
  for (std::size_t c = 0; c < candidates.size(); ++c)
    EXPECT_TRUE(refuse_seen(w.data, w.fold_of, cross.candidates[c], c).has_value());
}

// Estimates are the truth plus an offset that always flatters one model that is in fact bad.
TEST(BlendPlan, AFlatteredModelIsCutFromThePool) {
  World w(1200, 6);
  base::Rng rng(7);
  for (auto& row : w.table.rows) row.cells[1].quality = rng.uniform() < 0.3 ? 1 : 0;
  w.cross.candidates.push_back(by_hand(w.data, w.fold_of, [&](std::size_t i, std::size_t m) {
    return m == 1 ? (i % 3 == 0 ? 0.95 : 0.1) : w.truth(i, m);
  }));
  const std::vector<double> rates{0.0};
  const auto plan =
      plan_blend(w.data, w.fold_of, kFolds, w.cross, std::vector<int>(w.cross.candidates.size(), 1), rates).value();
  EXPECT_FALSE(plan.parts.in_pool[1]);
}

TEST(BlendPlan, NestedScoresAreOfRowsThatNothingSaw) {
  World w(240, 8);
  const std::vector<Candidate> candidates{{"global_mean", {}, {}, 1}, {"task_posterior", {}, {}, 1}};
  const std::vector<double> rates{0.0};
  const auto outer = assign_folds(w.data, 3, 99);
  const auto score = nested_score(w.data, outer, 3, 3, candidates, rates, base::Rng(3), {}).value();
  ASSERT_EQ(score.quality.size(), w.data.rows());
  const double mean = std::accumulate(score.quality.begin(), score.quality.end(), 0.0) / 240;
  EXPECT_GT(mean, 0.8) << "each kind has a model that is right nine times in ten";
  EXPECT_LT(mean, 0.97) << "nobody can know which tenth fails";
}

TEST(BlendPlan, ASlowMemberIsDistilled) {
  World w(160, 9);
  const std::vector<Candidate> candidates{{"knn", {{"k", "20"}}, {{"tfidf", {}}}, 1}};
  auto cross = cross_validate(w.data, w.fold_of, kFolds, candidates, base::Rng(1), {}).value();
  const std::vector<double> rates{0.0};
  const auto plan =
      plan_blend(w.data, w.fold_of, kFolds, cross, std::vector<int>(cross.candidates.size(), 1), rates).value();
  std::vector<std::uint32_t> all(w.data.rows());
  std::iota(all.begin(), all.end(), 0U);
  const auto blend = fit_blend(w.data, all, w.fold_of, candidates, cross, plan, base::Rng(2)).value();
  EXPECT_EQ(blend.distilled, (std::vector<std::string>{"knn"}));
  EXPECT_EQ(blend.features.sparse_size(), 0U) << "the student does not need what the teacher reads";
}

TEST(ExchangeRates, AreQualityAloneWithoutCosts) {
  World w(50, 10);
  EXPECT_GT(exchange_rates(w.data, std::nullopt).size(), 2U);
  for (std::size_t i = 0; i < 10; ++i)
    for (auto& cell : w.table.rows[i].cells) cell.cost_usd = NAN;
  EXPECT_EQ(exchange_rates(w.data, std::nullopt), (std::vector<double>{0.0})) << "a fifth would look free";
  for (auto& row : w.table.rows)
    for (auto& cell : row.cells) cell.cost_usd = NAN;
  EXPECT_EQ(exchange_rates(w.data, std::nullopt), (std::vector<double>{0.0}));
}

}  // namespace
}  // namespace thalamus::learn
