#include <gtest/gtest.h>

#include <cmath>

#include "toy.h"

namespace thalamus::route {
namespace {

std::string fitted_bytes(const TrainingSet& set, const base::OptionMap& options) {
  base::Rng rng(5);
  base::ByteWriter out;
  find_method("lookahead")->fit(set, options, rng).value()->save(out);
  return out.take();
}

TEST(Lookahead, CostsAreReadForTheResponsesAloneAndNotAtWeightZero) {
  Toy toy = make_toy(120, 51);
  base::Rng rng(52);
  const base::OptionMap with{{"epochs", "4"}};
  const base::OptionMap without{{"epochs", "4"}, {"auxiliary_weight", "0"}};
  for (float& cost : toy.set.cost_usd) cost = 0.001F * static_cast<float>(1 + rng.below(9));
  const auto first_with = fitted_bytes(toy.set, with);
  const auto first_without = fitted_bytes(toy.set, without);
  for (float& cost : toy.set.cost_usd) cost = 0.001F * static_cast<float>(1 + rng.below(9));
  EXPECT_NE(fitted_bytes(toy.set, with), first_with);
  EXPECT_EQ(fitted_bytes(toy.set, without), first_without);
}

/// Two features; quality and length of the response both depend on whether they agree. Costs are recorded everywhere,
/// qualities in a few rows.
TrainingSet sparse_labels(std::size_t rows, std::size_t labelled, std::uint64_t seed) {
  base::Rng rng(seed);
  TrainingSet set;
  set.models = {"a", "b"};
  set.rows = rows;
  set.dense_size = 2;
  for (std::size_t row = 0; row < rows; ++row) {
    const double x = 2 * rng.uniform() - 1;
    const double y = 2 * rng.uniform() - 1;
    const bool agree = x * y > 0;
    set.dense.insert(set.dense.end(), {static_cast<float>(x), static_cast<float>(y)});
    const float quality = agree ? 1.0F : 0.0F;
    const bool known = row < labelled;
    set.quality.insert(set.quality.end(), {known ? quality : NAN, known ? 1 - quality : NAN});
    set.cost_usd.insert(set.cost_usd.end(), {agree ? 0.01F : 0.03F, agree ? 0.03F : 0.01F});
  }
  return set;
}

double share_right(const Router& router, std::uint64_t seed) {
  const TrainingSet test = sparse_labels(400, 400, seed);
  Scratch scratch = make_scratch(router);
  std::vector<float> quality(2);
  std::vector<float> sd(2);
  double right = 0;
  for (std::size_t row = 0; row < test.rows; ++row) {
    router.estimate({nullptr, test.dense_row(row), {}}, scratch, quality, sd);
    right += (quality[0] > quality[1]) == (test.quality_of(row, 0) > 0.5F) ? 1 : 0;
  }
  return right / 400;
}

TEST(Lookahead, ResponsesTeachTheHiddenLayerWhatFewLabelsDoNot) {
  constexpr std::uint64_t kSeed = 53;
  SCOPED_TRACE(testing::Message() << "seed " << kSeed);
  const TrainingSet set = sparse_labels(600, 30, kSeed);
  const MethodRecord& method = *find_method("lookahead");
  const base::OptionMap with{{"input_noise", "0"}, {"rate", "0.01"}, {"hidden", "16"}, {"patience", "60"}};
  base::OptionMap without = with;
  without["auxiliary_weight"] = "0";
  base::Rng first(1);
  base::Rng second(1);
  const double helped = share_right(*method.fit(set, with, first).value(), 54);
  const double alone = share_right(*method.fit(set, without, second).value(), 54);
  EXPECT_GT(helped, 0.9);
  EXPECT_GT(helped, alone + 0.02) << "without: " << alone;
}

TEST(Lookahead, RelativeLabelsSkipRowsWithoutARangeAndGiveAnOrder) {
  Toy toy = make_toy(150, 55);
  const MethodRecord& method = *find_method("lookahead");
  EXPECT_EQ(fit_toy(method, toy)->output(), Output::kQuality);
  const auto relative = fit_toy(method, toy, {{"labels", "relative"}});
  EXPECT_EQ(relative->output(), Output::kPreference);
  // Rows where all models score alike change nothing.
  Toy more = toy;
  for (std::size_t row = 0; row < 150; ++row) {
    const bool alike = toy.set.quality_of(row, 0) == toy.set.quality_of(row, 1) &&
                       toy.set.quality_of(row, 1) == toy.set.quality_of(row, 2);
    if (!alike) continue;
    for (std::size_t m = 0; m < 3; ++m) more.set.quality[row * 3 + m] = 1 - toy.set.quality_of(row, m);
  }
  EXPECT_EQ(estimate_text(*relative, toy.features, toy.texts[0], 3),
            estimate_text(*fit_toy(method, more, {{"labels", "relative"}}), toy.features, toy.texts[0], 3));
}

TEST(Lookahead, AModelWithCostsButWithoutLabelsGetsTheMeanOfTheOthers) {
  Toy toy = make_toy(120, 56);
  for (std::size_t row = 0; row < toy.set.rows; ++row) {
    toy.set.quality[row * 3 + 2] = NAN;
    toy.set.cost_usd[row * 3 + 2] = 0.001F * static_cast<float>(1 + row % 7);
  }
  const auto router = fit_toy(*find_method("lookahead"), toy);
  const auto means = model_means(toy.set);
  EXPECT_NEAR(estimate_text(*router, toy.features, toy.texts[0], 3).quality[2], means.mean[2], 1e-4);
}

}  // namespace
}  // namespace thalamus::route
