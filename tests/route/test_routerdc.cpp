#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "thalamus/base/rng.h"
#include "thalamus/math/kernels.h"
#include "thalamus/route/contrastive.h"
#include "toy.h"

namespace thalamus::route {
namespace {

bool has(const std::vector<std::uint32_t>& items, std::uint32_t item) {
  return std::find(items.begin(), items.end(), item) != items.end();
}

TEST(Contrastive, TheBestAndTheWorstStandAgainstEachOther) {
  Contrast chosen;
  choose_contrast(std::vector<float>{0.9F, 0.1F, NAN, 0.6F, 0.4F, 0.0F}, 2, 1, chosen);
  EXPECT_EQ(chosen.positives, (std::vector<std::uint32_t>{0, 3}));
  EXPECT_EQ(chosen.negatives, (std::vector<std::uint32_t>{5, 1}));
  // More than .5 is masked from the worst, 0 from the best.
  choose_contrast(std::vector<float>{0.9F, 0.7F, 0.6F}, 2, 1, chosen);
  EXPECT_TRUE(chosen.negatives.empty());
  choose_contrast(std::vector<float>{0, 0, 0}, 2, 1, chosen);
  EXPECT_TRUE(chosen.positives.empty());
}

TEST(Contrastive, TiedModelsTakeTurns) {
  Contrast chosen;
  std::array<int, 6> taken{};
  for (std::uint64_t seed = 0; seed < 600; ++seed) {
    choose_contrast(std::vector<float>{1, 1, 1, 1, 1, 1}, 2, seed, chosen);
    for (const std::uint32_t m : chosen.positives) ++taken[m];
  }
  for (const int count : taken) EXPECT_NEAR(count, 200, 60);
}

TEST(Contrastive, TheLossIsTheHandComputedNumber) {
  // One positive at similarity 1, negatives at 0 and -1: -log(e / (e + 1 + 1/e)).
  const std::vector<double> similarity{1, 0, -1};
  const std::vector<float> scores{1, 0, 0};
  Contrast chosen;
  choose_contrast(scores, 2, 3, chosen);
  std::vector<double> gradient(3, 0.0);
  const double e = std::exp(1.0);
  EXPECT_NEAR(contrast_loss(similarity, scores, chosen, gradient), -std::log(e / (e + 1 + 1 / e)), 1e-12);
  EXPECT_NEAR(gradient[0], e / (e + 1 + 1 / e) - 1, 1e-12);
  EXPECT_NEAR(gradient[0] + gradient[1] + gradient[2], 0, 1e-12);
}

TEST(Contrastive, AModelIsNeverItsOwnNegative) {
  const std::vector<float> scores{0.3F, 0.4F};  // both among the best and among the worst
  Contrast chosen;
  choose_contrast(scores, 2, 3, chosen);
  EXPECT_TRUE(has(chosen.positives, 0) && has(chosen.negatives, 0));
  std::vector<double> gradient(2, 0.0);
  const std::vector<double> similarity{0, 0};
  EXPECT_NEAR(contrast_loss(similarity, scores, chosen, gradient), std::log(2.0), 1e-12);  // only .4 over .3
  EXPECT_LT(gradient[1], 0);
  EXPECT_GT(gradient[0], 0);
}

TEST(Contrastive, GradientsAgreeWithFiniteDifferences) {
  constexpr std::uint64_t kSeed = 41;
  SCOPED_TRACE(testing::Message() << "seed " << kSeed);
  base::Rng rng(kSeed);
  for (int round = 0; round < 20; ++round) {
    std::vector<float> x(5);
    std::vector<float> v(5);
    for (float& value : x) value = static_cast<float>(rng.normal());
    for (float& value : v) value = static_cast<float>(rng.normal());
    std::vector<float> unit(5);
    const float length = to_unit(x, unit);
    std::vector<float> gradient = v;  // of dot(unit, v) by unit
    through_unit(unit, length, gradient);
    for (std::size_t i = 0; i < x.size(); ++i) {
      std::vector<float> moved = x;
      std::vector<float> ends(5);
      moved[i] += 0.01F;
      static_cast<void>(to_unit(moved, ends));
      const float above = math::dot(ends, v);
      moved[i] -= 0.02F;
      static_cast<void>(to_unit(moved, ends));
      EXPECT_NEAR((above - math::dot(ends, v)) / 0.02F, gradient[i], 2e-2);
    }
  }
}

TEST(Routerdc, IsADirectPolicyOfCosines) {
  const Toy toy = make_toy(200, 42);
  const auto router = fit_toy(*find_method("routerdc"), toy);
  EXPECT_EQ(router->output(), Output::kPreference);
  for (std::size_t i = 0; i < 20; ++i)
    for (const float value : estimate_text(*router, toy.features, toy.texts[i], 3).quality)
      EXPECT_LE(std::abs(value), 1.0001F);
}

TEST(Routerdc, RowsWhereEveryModelFailsTeachNothing) {
  Toy toy = make_toy(80, 43);
  std::fill(toy.set.quality.begin(), toy.set.quality.end(), 0.0F);
  const auto router = fit_toy(*find_method("routerdc"), toy, {{"sample_weight", "0"}, {"weight_decay", "0"}});
  ASSERT_NE(router, nullptr);
  // Nothing moved the weights: one more epoch leaves the same bytes.
  const auto longer =
      fit_toy(*find_method("routerdc"), toy, {{"sample_weight", "0"}, {"weight_decay", "0"}, {"epochs", "1"}});
  EXPECT_EQ(estimate_text(*router, toy.features, toy.texts[0], 3),
            estimate_text(*longer, toy.features, toy.texts[0], 3));
}

TEST(Routerdc, ACostRatePrefersTheCheapModel) {
  Toy toy = make_toy(200, 44);
  std::fill(toy.set.quality.begin(), toy.set.quality.end(), 1.0F);  // quality says nothing; "sums" is the cheapest
  const auto router = fit_toy(*find_method("routerdc"), toy, {{"cost_rate", "400"}});
  for (std::size_t i = 0; i < 10; ++i) {
    const auto out = estimate_text(*router, toy.features, toy.texts[i], 3);
    EXPECT_GT(out.quality[0], out.quality[2]);
  }
}

TEST(Routerdc, RemovingAModelLeavesTheOthersAsTheyAre) {
  const Toy toy = make_toy(100, 45);
  const MethodRecord& method = *find_method("routerdc");
  EXPECT_EQ(method.add_model, nullptr);
  const auto router = fit_toy(method, toy);
  const auto smaller = method.remove_model(*router, 1);
  ASSERT_TRUE(smaller.has_value());
  const auto before = estimate_text(*router, toy.features, toy.texts[0], 3);
  const auto after = estimate_text(**smaller, toy.features, toy.texts[0], 2);
  EXPECT_EQ(after.quality, (std::vector<float>{before.quality[0], before.quality[2]}));
  EXPECT_FALSE(method.remove_model(*router, 3).has_value());
}

}  // namespace
}  // namespace thalamus::route
