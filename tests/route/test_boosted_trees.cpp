// Boosted trees as a router: joining and leaving models, missing cells, the bound on what is fitted.
#include <gtest/gtest.h>

#include "toy.h"

namespace thalamus::route {
namespace {

const MethodRecord& method() { return *find_method("boosted_trees"); }

/// `toy` with one model's column alone.
TrainingSet only(const TrainingSet& set, std::size_t model) {
  TrainingSet one = set;
  one.models = {set.models[model]};
  one.quality.clear();
  one.cost_usd.clear();
  for (std::size_t row = 0; row < set.rows; ++row) {
    one.quality.push_back(set.quality_of(row, model));
    one.cost_usd.push_back(NAN);
  }
  return one;
}

TEST(BoostedTreesRouter, EstimatesAreProbabilitiesThatTellTheKindsApart) {
  const Toy toy = make_toy(400, 31);
  const auto router = fit_toy(method(), toy);
  const auto sum = estimate_text(*router, toy.features, "What is 12 plus 9? Answer with a number.", 3);
  const auto french = estimate_text(*router, toy.features,
                                    "Translate the words apple and river into French, please, with an article.", 3);
  EXPECT_NEAR(sum.quality[0], 0.9, 0.15);
  EXPECT_LT(sum.quality[1], 0.5F);
  EXPECT_NEAR(french.quality[1], 0.9, 0.15);
  for (const float q : sum.quality) EXPECT_TRUE(q > 0 && q < 1);
}

TEST(BoostedTreesRouter, AModelThatJoinsOrLeavesChangesNoOther) {
  const Toy toy = make_toy(200, 32);
  const auto router = fit_toy(method(), toy);
  const auto before = estimate_text(*router, toy.features, toy.texts[0], 3);
  const auto grown = method().add_model(*router, only(toy.set, 0), {}).value();
  const auto after = estimate_text(*grown, toy.features, toy.texts[0], 4);
  for (std::size_t m = 0; m < 3; ++m) EXPECT_EQ(after.quality[m], before.quality[m]);
  EXPECT_EQ(after.quality[3], before.quality[0]);  // the same name, outcomes and stream
  const auto shrunk = method().remove_model(*grown, 1).value();
  const auto left = estimate_text(*shrunk, toy.features, toy.texts[0], 3);
  EXPECT_EQ(left.quality[0], before.quality[0]);
  EXPECT_EQ(left.quality[1], before.quality[2]);
  EXPECT_FALSE(method().remove_model(*router, 3).has_value());
}

TEST(BoostedTreesRouter, AModelWithoutOutcomesGetsTheMeanOfTheOthersAndAWideDeviation) {
  Toy toy = make_toy(200, 33);
  for (std::size_t row = 0; row < toy.set.rows; ++row) toy.set.quality[row * 3 + 2] = NAN;
  const auto router = fit_toy(method(), toy);
  const auto out = estimate_text(*router, toy.features, toy.texts[0], 3);
  EXPECT_NEAR(out.quality[2], model_means(toy.set).mean[2], 1e-6);
  EXPECT_GT(out.sd[2], 2 * out.sd[0]);
}

}  // namespace
}  // namespace thalamus::route
