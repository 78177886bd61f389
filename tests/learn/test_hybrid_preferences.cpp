// Hybrid preferences on planted responses: the linear plan is the exact optimum, edges of the budget, gains that do not
// depend on scale, and the quadratic search.
#include "thalamus/learn/hybrid_preferences.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace thalamus::learn {
namespace {

constexpr std::size_t kItems = 60;

/// Three tags; an item's worth of a human label is 2, -1 and 0 for them.
MixFeatures tags(std::uint64_t seed) {
  base::Rng rng(seed);
  MixFeatures features{3, {}};
  for (std::size_t i = 0; i < kItems * 3; ++i) features.values.push_back(rng.uniform() < 0.4 ? 1.0F : 0.0F);
  return features;
}

MixEvaluator planted(const MixFeatures& features, double noise, base::Rng& rng) {
  return [&features, noise, &rng](std::span<const std::uint32_t> items, std::span<const std::uint8_t> human) {
    double sum = 0;
    for (std::size_t i = 0; i < items.size(); ++i)
      if (human[i] != 0)
        sum += static_cast<double>(2 * features.values[items[i] * 3] - features.values[items[i] * 3 + 1]);
    return 0.5 + sum / static_cast<double>(items.size()) + noise * rng.normal();
  };
}

MixResponse fit_planted(const MixFeatures& features, HybridPreferencesOptions options, double noise = 0.01) {
  base::Rng rng(61);
  base::Rng draws(62);
  const auto mixes = simulate_mixes(features, planted(features, noise, draws), options, rng).value();
  return MixResponse::fit(mixes, options, rng).value();
}

HybridPreferencesOptions quick() {
  HybridPreferencesOptions options;
  options.simulations = 120;
  return options;
}

TEST(HybridPreferences, RecoversThePlantedGains) {
  const auto features = tags(63);
  const auto response = fit_planted(features, quick());
  EXPECT_GT(response.held_out_r2(), 0.9);
  EXPECT_NEAR(response.gain(std::vector<float>{1, 0, 0}, 1), 2, 0.2);
  EXPECT_NEAR(response.gain(std::vector<float>{0, 1, 0}, 1), -1, 0.2);
  EXPECT_NEAR(response.gain(std::vector<float>{0, 0, 1}, 1), 0, 0.2);
}

TEST(HybridPreferences, TheLinearPlanIsTheExactOptimumForEachBudget) {
  const auto features = tags(64);
  const auto response = fit_planted(features, quick());
  const std::vector<double> cost(kItems, 1);
  std::vector<double> gains;
  for (std::size_t i = 0; i < kItems; ++i)
    gains.push_back(response.gain(std::span(features.values).subspan(i * 3, 3), kItems));
  std::vector<double> sorted = gains;
  std::sort(sorted.rbegin(), sorted.rend());
  base::Rng rng(1);
  for (const std::size_t budget : {std::size_t{0}, std::size_t{7}, std::size_t{15}, std::size_t{30}, kItems}) {
    const auto plan = plan_labels(features, response, cost, static_cast<double>(budget), quick(), rng).value();
    double reached = 0;
    for (std::size_t i = 0; i < kItems; ++i) reached += plan.human[i] != 0 ? gains[i] : 0;
    double best = 0;
    for (std::size_t i = 0; i < budget; ++i) best += std::max(0.0, sorted[i]);
    EXPECT_NEAR(reached, best, 1e-9) << "budget " << budget;
    EXPECT_NEAR(plan.gap, 0, 1e-9);
    EXPECT_LE(plan.cost, static_cast<double>(budget));
  }
}

TEST(HybridPreferences, NoBudgetLabelsNothingAndAFullOneOnlyWhatGains) {
  const auto features = tags(65);
  const auto response = fit_planted(features, quick());
  const std::vector<double> cost(kItems, 1);
  base::Rng rng(1);
  const auto none = plan_labels(features, response, cost, 0, quick(), rng).value();
  EXPECT_EQ(std::accumulate(none.human.begin(), none.human.end(), 0), 0);
  const auto all = plan_labels(features, response, cost, kItems, quick(), rng).value();
  for (std::size_t i = 0; i < kItems; ++i)
    EXPECT_EQ(all.human[i] != 0, response.gain(std::span(features.values).subspan(i * 3, 3), kItems) > 0);
  EXPECT_FALSE(plan_labels(features, response, std::vector<double>(3, 1), 5, quick(), rng).has_value());
}

TEST(HybridPreferences, GainsDoNotDependOnTheScaleOfAFeature) {
  const auto features = tags(66);
  auto scaled = features;
  for (std::size_t i = 0; i < kItems; ++i) scaled.values[i * 3] *= 50;
  base::Rng rng(67);
  base::Rng draws(68);
  HybridPreferencesOptions options = quick();
  options.penalty = 3;
  const auto mixes = simulate_mixes(features, planted(features, 0.05, draws), options, rng).value();
  auto turned = mixes;
  for (std::size_t i = 0; i < turned.counts.size(); i += 3) turned.counts[i] *= 50;
  base::Rng a(1);
  base::Rng b(1);
  const auto plain = MixResponse::fit(mixes, options, a).value();
  const auto again = MixResponse::fit(turned, options, b).value();
  for (std::size_t i = 0; i < kItems; ++i)
    EXPECT_NEAR(plain.gain(std::span(features.values).subspan(i * 3, 3), 1),
                again.gain(std::span(scaled.values).subspan(i * 3, 3), 1), 1e-3);
}

TEST(HybridPreferences, MoneyAsABudgetPrefersCheapLabelsOfEqualGain) {
  MixFeatures features{1, std::vector<float>(10, 1.0F)};
  base::Rng rng(69);
  HybridPreferencesOptions options = quick();
  const MixEvaluator share = [](std::span<const std::uint32_t> items, std::span<const std::uint8_t> human) {
    return static_cast<double>(std::accumulate(human.begin(), human.end(), 0)) / static_cast<double>(items.size());
  };
  const auto mixes = simulate_mixes(features, share, options, rng).value();
  const auto response = MixResponse::fit(mixes, options, rng).value();
  const std::vector<double> cost{5, 1, 5, 1, 5, 1, 5, 1, 5, 1};
  const auto plan = plan_labels(features, response, cost, 5, options, rng).value();
  for (std::size_t i = 0; i < 10; ++i) EXPECT_EQ(plan.human[i], i % 2);
  EXPECT_GT(plan.price, 0);
}

TEST(HybridPreferences, TheQuadraticSearchReturnsTheBestOfWhatItSaw) {
  // Worth most at a middle share of the first tag: no linear plan stops there.
  const auto features = tags(70);
  const MixEvaluator middle = [&](std::span<const std::uint32_t> items, std::span<const std::uint8_t> human) {
    double count = 0;
    for (std::size_t i = 0; i < items.size(); ++i)
      if (human[i] != 0) count += static_cast<double>(features.values[items[i] * 3]);
    const double share = count / static_cast<double>(items.size());
    return 1 - 25 * (share - 0.2) * (share - 0.2);
  };
  HybridPreferencesOptions options = quick();
  options.form = "quadratic";
  base::Rng rng(71);
  const auto mixes = simulate_mixes(features, middle, options, rng).value();
  const auto response = MixResponse::fit(mixes, options, rng).value();
  EXPECT_GT(response.held_out_r2(), 0.9);
  const std::vector<double> cost(kItems, 1);
  const auto few = [&](std::int64_t simulations) {
    HybridPreferencesOptions some = options;
    some.simulations = simulations;
    base::Rng same(72);
    return plan_labels(features, response, cost, kItems, some, same).value();
  };
  EXPECT_GE(few(200).predicted, few(20).predicted);  // the same stream: the longer search saw all of the shorter one
  std::vector<std::uint32_t> items(kItems);
  std::iota(items.begin(), items.end(), 0U);
  const auto plan = few(200);
  EXPECT_GT(middle(items, plan.human), 0.8);
  EXPECT_LE(plan.cost, static_cast<double>(kItems));
}

TEST(HybridPreferences, ContinuousFeaturesAreCutInThreeBinsAndTagsStay) {
  MixFeatures raw{2, {}};
  for (int i = 0; i < 9; ++i) {
    raw.values.push_back(static_cast<float>(i * i));
    raw.values.push_back(i % 2 == 0 ? 1.0F : 0.0F);
  }
  const auto binned = bin_features(raw);
  ASSERT_EQ(binned.features, 4U);
  for (std::size_t i = 0; i < 9; ++i) {
    for (std::size_t b = 0; b < 3; ++b) EXPECT_EQ(binned.values[i * 4 + b], i / 3 == b ? 1.0F : 0.0F) << i;
    EXPECT_EQ(binned.values[i * 4 + 3], raw.values[i * 2 + 1]);
  }
}

TEST(HybridPreferences, TheWholeMethodStaysWithinItsShareAndIsRepeatable) {
  const auto features = tags(73);
  HybridPreferencesOptions options = quick();
  options.share = 0.25;
  const auto run = [&] {
    base::Rng rng(74);
    base::Rng draws(75);
    return run_hybrid_preferences(features, planted(features, 0.01, draws), options, rng).value();
  };
  const auto first = run();
  EXPECT_LE(std::accumulate(first.plan.human.begin(), first.plan.human.end(), 0), 15);
  EXPECT_EQ(first.plan.human, run().plan.human);
}

TEST(HybridPreferences, BadInputIsRefused) {
  base::Rng rng(1);
  const MixEvaluator broken = [](std::span<const std::uint32_t>, std::span<const std::uint8_t>) { return double{NAN}; };
  EXPECT_FALSE(simulate_mixes({0, {}}, broken, quick(), rng).has_value());
  EXPECT_FALSE(simulate_mixes(tags(76), broken, quick(), rng).has_value());
  EXPECT_FALSE(MixResponse::fit({3, std::vector<float>(6, 0.0F), {0, 0}}, quick(), rng).has_value());
}

TEST(BatchMethods, AreListedWithTheirOptions) {
  ASSERT_FALSE(batch_methods().empty());
  for (const auto& method : batch_methods()) {
    EXPECT_FALSE(method.help.empty());
    ASSERT_NE(method.options, nullptr);
    for (const auto& option : method.options()) EXPECT_FALSE(option.help.empty()) << option.name;
  }
}

}  // namespace
}  // namespace thalamus::learn
