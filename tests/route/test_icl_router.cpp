#include <gtest/gtest.h>

#include <cmath>

#include "small_set.h"
#include "toy.h"

namespace thalamus::route {
namespace {

TrainingSet one_model(const TrainingSet& set, std::size_t model) {
  TrainingSet result = set;
  result.models = {set.models[model] + "-again"};
  result.quality.clear();
  result.cost_usd.clear();
  for (std::size_t row = 0; row < set.rows; ++row) {
    result.quality.push_back(set.quality_of(row, model));
    result.cost_usd.push_back(set.cost_usd[row * set.models.size() + model]);
  }
  return result;
}

TEST(IclRouter, ALabelColumnIsAllThatANewModelNeeds) {
  const Toy toy = make_toy(300, 81);
  const MethodRecord& method = *find_method("icl_router");
  const auto router = fit_toy(method, toy, {{"support", "60"}});
  // The mirror image of "sums": right where it is wrong.
  TrainingSet mirror = one_model(toy.set, 0);
  for (float& quality : mirror.quality) quality = 1 - quality;
  const auto joined = method.add_model(*router, mirror, {});
  ASSERT_TRUE(joined.has_value()) << joined.error().text();
  const auto sum = estimate_text(**joined, toy.features, "What is 17 plus 4? Answer with a number.", 4);
  const auto french =
      estimate_text(**joined, toy.features, "Translate the words apple and river into French, please.", 4);
  EXPECT_GT(french.quality[3], sum.quality[3] + 0.2F);
  EXPECT_GT(sum.quality[0], french.quality[0] + 0.2F);
}

TEST(IclRouter, AModelThatNeverSawTheSupportIsPlacedByItsOwnRows) {
  const Toy toy = make_toy(300, 82);
  const Toy other = make_toy(80, 83);
  const MethodRecord& method = *find_method("icl_router");
  const auto router = fit_toy(method, toy, {{"support", "60"}});
  TrainingSet rows = one_model(other.set, 1);
  // The features of the router, not those fitted on the other texts.
  feature::Description description;
  feature::SparseVector sparse;
  for (std::size_t i = 0; i < rows.rows; ++i) {
    feature::describe_text(other.texts[i], "", description);
    toy.features.transform(description, std::span(rows.dense).subspan(i * rows.dense_size, rows.dense_size), sparse);
  }
  const auto joined = method.add_model(*router, rows, {}).value();
  const auto sum = estimate_text(*joined, toy.features, "What is 17 plus 4? Answer with a number.", 4);
  const auto french =
      estimate_text(*joined, toy.features, "Translate the words apple and river into French, please.", 4);
  EXPECT_GT(french.quality[3], sum.quality[3] + 0.2F);
}

TEST(IclRouter, HardPromptsInTheSupportDoNotMakeAModelLookWeak) {
  // All models are right nearly everywhere; the support prefers the few rows where they are not.
  Toy toy = make_toy(300, 84);
  base::Rng rng(85);
  for (float& quality : toy.set.quality) quality = rng.uniform() < 0.92 ? 1.0F : 0.0F;
  const auto router = fit_toy(*find_method("icl_router"), toy, {{"support", "40"}});
  const auto means = model_means(toy.set);
  std::vector<double> estimated(3, 0.0);
  for (std::size_t i = 0; i < 300; ++i) {
    const auto out = estimate_text(*router, toy.features, toy.texts[i], 3);
    for (std::size_t m = 0; m < 3; ++m) estimated[m] += static_cast<double>(out.quality[m]) / 300;
  }
  for (std::size_t m = 0; m < 3; ++m) EXPECT_NEAR(estimated[m], means.mean[m], 0.06);
}

TEST(IclRouter, ASmallSupportIsASmallRouterAndTheWholeTableIsNoneTooLarge) {
  const Toy toy = make_toy(60, 86);
  const MethodRecord& method = *find_method("icl_router");
  EXPECT_LT(saved(*fit_toy(method, toy, {{"support", "10"}})).size(),
            saved(*fit_toy(method, toy, {{"support", "500"}})).size());
}

TEST(IclRouter, ARowIsNotItsOwnEvidence) {
  // Labels are noise and the features of each row its own: a fit that looked itself up would learn a huge gain.
  constexpr std::uint64_t kSeed = 87;
  SCOPED_TRACE(testing::Message() << "seed " << kSeed);
  base::Rng rng(kSeed);
  std::vector<SmallRow> rows;
  for (std::size_t i = 0; i < 120; ++i) {
    SmallRow row{.dense = std::vector<float>(24), .quality = {rng.uniform() < 0.5 ? 1.0F : 0.0F}};
    for (float& value : row.dense) value = static_cast<float>(rng.normal());
    rows.push_back(row);
  }
  const auto router = fit_small("icl_router", small_set(rows), {}).value();
  double off = 0;
  for (const SmallRow& row : rows)
    off += std::abs(static_cast<double>(estimate_dense(*router, row.dense, 1).quality[0]) - 0.5) / 120;
  EXPECT_LT(off, 0.35);
}

}  // namespace
}  // namespace thalamus::route
