#include <gtest/gtest.h>

#include <cmath>

#include "toy.h"

namespace thalamus::route {
namespace {

/// The same table with some of its models only.
TrainingSet columns(const TrainingSet& set, const std::vector<std::size_t>& kept) {
  TrainingSet result = set;
  result.models.clear();
  result.quality.clear();
  result.cost_usd.clear();
  for (const std::size_t m : kept) result.models.push_back(set.models[m]);
  for (std::size_t row = 0; row < set.rows; ++row) {
    for (const std::size_t m : kept) {
      result.quality.push_back(set.quality_of(row, m));
      result.cost_usd.push_back(set.cost_usd[row * set.models.size() + m]);
    }
  }
  return result;
}

std::unique_ptr<Router> fit_set(const TrainingSet& set, const base::OptionMap& options = {}) {
  base::Rng rng(7);
  return find_method("model_sat")->fit(set, options, rng).value();
}

TEST(ModelSat, AProfileIsHowOftenAModelIsRightOnEachTask) {
  const Toy toy = make_toy(400, 61);
  const auto router = fit_set(toy.set, {{"tasks", "named"}, {"shrinkage", "0"}});
  double sum_mean = 0;
  double sum_count = 0;
  for (std::size_t row = 0; row < 400; ++row) {
    if (toy.kind[row] != 0) continue;
    sum_mean += static_cast<double>(toy.set.quality_of(row, 0));
    sum_count += 1;
  }
  const auto out = estimate_text(*router, toy.features, "What is 17 plus 4? Answer with a number.", 3);
  EXPECT_NEAR(out.quality[0], sum_mean / sum_count, 0.1);
  EXPECT_GT(out.quality[0], out.quality[1] + 0.3F);
}

TEST(ModelSat, AModelThatTrainingNeverSawIsPlacedByItsProfile) {
  const Toy toy = make_toy(400, 62);
  const MethodRecord& method = *find_method("model_sat");
  const auto two = fit_set(columns(toy.set, {0, 2}));
  auto joined = method.add_model(*two, columns(toy.set, {1}), {});
  ASSERT_TRUE(joined.has_value()) << joined.error().text();
  const Toy test = make_toy(100, 63);
  double collected = 0;
  double best_of_two = 0;
  for (std::size_t i = 0; i < 100; ++i) {
    const auto before = estimate_text(*two, toy.features, test.texts[i], 2);
    const auto after = estimate_text(**joined, toy.features, test.texts[i], 3);
    EXPECT_EQ(before.quality, (std::vector<float>{after.quality[0], after.quality[1]}));
    const bool new_one = after.quality[2] > std::max(after.quality[0], after.quality[1]);
    const std::size_t old_choice = before.quality[0] > before.quality[1] ? 0 : 2;
    collected += static_cast<double>(test.set.quality_of(i, new_one ? 1 : old_choice));
    best_of_two += static_cast<double>(test.set.quality_of(i, old_choice));
  }
  EXPECT_GT(collected, best_of_two + 8) << "of 100";
}

TEST(ModelSat, TheProfileOfANewModelMatchesTasksByName) {
  const Toy toy = make_toy(300, 64);
  const auto two = fit_set(columns(toy.set, {0, 2}), {{"tasks", "named"}});
  TrainingSet rows = columns(toy.set, {1});
  TrainingSet renumbered = rows;
  renumbered.task_names = {"translate", "something else", "sum"};
  for (std::uint32_t& task : renumbered.task) task = task == 0 ? 2 : 0;
  const MethodRecord& method = *find_method("model_sat");
  const auto first = method.add_model(*two, rows, {}).value();
  const auto second = method.add_model(*two, renumbered, {}).value();
  EXPECT_EQ(estimate_text(*first, toy.features, toy.texts[0], 3),
            estimate_text(*second, toy.features, toy.texts[0], 3));
}

TEST(ModelSat, ClustersTakeThePlaceOfTasksThatNobodyNames) {
  Toy toy = make_toy(300, 65);
  toy.set.task_names = {""};
  std::fill(toy.set.task.begin(), toy.set.task.end(), 0U);
  const auto router = fit_set(toy.set);
  const auto sum = estimate_text(*router, toy.features, "What is 17 plus 4? Answer with a number.", 3);
  const auto french =
      estimate_text(*router, toy.features, "Translate the words apple and river into French, please.", 3);
  EXPECT_GT(sum.quality[0], sum.quality[1]);
  EXPECT_LT(french.quality[0], french.quality[1]);
  base::Rng rng(1);
  const auto refused = find_method("model_sat")->fit(toy.set, {{"tasks", "named"}}, rng);
  ASSERT_FALSE(refused.has_value());
  EXPECT_NE(refused.error().message.find("names no task"), std::string::npos);
}

TEST(ModelSat, RemovingAModelLeavesTheOthersAsTheyAre) {
  const Toy toy = make_toy(100, 66);
  const auto router = fit_set(toy.set);
  const auto smaller = find_method("model_sat")->remove_model(*router, 0).value();
  const auto before = estimate_text(*router, toy.features, toy.texts[0], 3);
  const auto after = estimate_text(*smaller, toy.features, toy.texts[0], 2);
  EXPECT_EQ(after.quality, (std::vector<float>{before.quality[1], before.quality[2]}));
}

}  // namespace
}  // namespace thalamus::route
