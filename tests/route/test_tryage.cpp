// Tryage: the card's four tests, and that both losses keep the order of the models.
#include <gtest/gtest.h>

#include <cmath>

#include "small_set.h"
#include "thalamus/route/decide.h"

namespace thalamus::route {
namespace {

constexpr std::size_t kModels = 3;

std::unique_ptr<Router> fit(const Toy& toy, base::OptionMap options) {
  return fit_toy(*find_method("tryage"), toy, options);
}

TEST(Tryage, WithoutFlagsTheLeastPredictedLossWins) {
  const Toy toy = make_toy(300, 61);
  for (const std::string form : {"mse", "kl"}) {
    const auto router = fit(toy, {{"form", form}});
    EXPECT_EQ(router->output(), Output::kPreference);
    std::size_t right = 0;
    Asker ask(*router, toy.features, kModels);
    for (std::size_t i = 0; i < toy.texts.size(); ++i) right += best_of(ask(toy.texts[i])) == toy.kind[i] ? 1 : 0;
    EXPECT_GE(right, 285U) << form;
  }
}

TEST(Tryage, PreferencesAreNegatedLossesOfTheRidge) {
  const Toy toy = make_toy(200, 62);
  const auto tryage = fit(toy, {});
  const auto ridge = fit_toy(*find_method("ridge"), toy);
  Asker ask_tryage(*tryage, toy.features, kModels);
  Asker ask_ridge(*ridge, toy.features, kModels);
  for (std::size_t i = 0; i < 20; ++i) {
    const Estimated& loss = ask_tryage(toy.texts[i]);
    const Estimated& quality = ask_ridge(toy.texts[i]);
    for (std::size_t m = 0; m < kModels; ++m) EXPECT_NEAR(loss.quality[m], quality.quality[m] - 1, 2e-3);
  }
}

TEST(Tryage, AVeryHeavyFlagChoosesTheLeastOfItsProperty) {
  Toy toy = make_toy(200, 63);
  // Cost falls with the model's number; outcomes of "middle" vary most; "sums" misses most cells.
  for (std::size_t row = 0; row < toy.set.rows; ++row) {
    for (std::size_t m = 0; m < kModels; ++m) toy.set.cost_usd[row * kModels + m] = 0.01F / static_cast<float>(m + 1);
    if (row % 2 == 0) toy.set.quality[row * kModels] = NAN;
    if (row % 5 == 0) toy.set.quality[row * kModels + 1] = NAN;
    toy.set.quality[row * kModels + 2] = 0.25F;
  }
  const auto always = [&](const base::OptionMap& options, std::size_t expected) {
    const auto router = fit(toy, options);
    Asker ask(*router, toy.features, kModels);
    for (const std::string& text : toy.texts) EXPECT_EQ(best_of(ask(text)), expected) << options.begin()->first;
  };
  always({{"flag_cost", "1000"}}, 2);
  always({{"flag_price", "1000"}}, 2);
  always({{"flag_variance", "1000"}}, 2);
  always({{"flag_unproven", "1000"}}, 2);
}

TEST(Tryage, TheFrontOverOneWeightIsMonotoneInItsProperty) {
  const Toy toy = make_toy(200, 64);  // costs 1, 2, 3
  double last = INFINITY;
  double first = 0;
  for (const char* weight : {"0", "0.1", "0.3", "0.6", "1", "2", "10"}) {
    const auto router = fit(toy, {{"flag_cost", weight}});
    double cost = 0;
    Asker ask(*router, toy.features, kModels);
    for (const std::string& text : toy.texts) cost += static_cast<double>(best_of(ask(text)) + 1);
    EXPECT_LE(cost, last) << weight;
    if (std::isinf(last)) first = cost;
    last = cost;
  }
  EXPECT_EQ(last, 200);
  EXPECT_GT(first, 250);
}

TEST(Tryage, AHardFilterNeverReturnsAnExcludedModel) {
  const auto snapshot = toy_snapshot("tryage");
  const auto targets = snapshot->own_targets();
  const TargetMap map = snapshot->map_targets(targets);
  core::Contract contract;
  contract.allow = {{"french", "middle"}};
  Scratch scratch;
  core::Estimates estimates;
  core::Plan plan;
  base::Rng rng(1);
  feature::Description description;
  for (const std::string& text : make_toy(50, 65).texts) {
    feature::describe_text(text, "", description);
    snapshot->estimate(description, map, targets, scratch, estimates);
    EXPECT_TRUE(estimates.has_preference);
    decide(estimates, contract, targets, {}, {}, rng, plan);
    ASSERT_FALSE(plan.empty());
    EXPECT_NE(plan.first(), 0U);
  }
}

TEST(Tryage, ANewcomerKeepsTheOthersPreferencesToTheBit) {
  const Toy toy = make_toy(200, 66, 0.1);
  for (const std::string form : {"mse", "kl"}) {
    const base::OptionMap options{{"form", form}, {"flag_cost", "0.5"}};
    const auto router = fit(toy, options);
    const auto added = find_method("tryage")->add_model(*router, column_of(toy.set, 1), options);
    ASSERT_TRUE(added.has_value()) << added.error().text();
    Asker ask_before(*router, toy.features, kModels);
    Asker ask_after(**added, toy.features, kModels + 1);
    for (std::size_t i = 0; i < 20; ++i) {
      const Estimated& before = ask_before(toy.texts[i]);
      const Estimated& after = ask_after(toy.texts[i]);
      for (std::size_t m = 0; m < kModels; ++m) EXPECT_EQ(before.quality[m], after.quality[m]);
      EXPECT_NEAR(after.quality[3], after.quality[1], form == "mse" ? 1e-3 : 0.25);
    }
  }
}

}  // namespace
}  // namespace thalamus::route
