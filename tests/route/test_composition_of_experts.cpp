// Composition of Experts: who serves which category, when it is "general", what budgets and limits do.
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "small_set.h"

namespace thalamus::route {
namespace {

constexpr std::size_t kModels = 3;
constexpr const char* kMethod = "composition_of_experts";

/// Three directions, one per task, and three models. Model 0 is good everywhere; 1 leads in task "b", 2 only by chance
/// in task "c", where the first few rows favour it. Costs 3, 2, 1.
TrainingSet three_tasks(std::size_t rows_each, std::uint64_t seed) {
  base::Rng rng(seed);
  std::vector<SmallRow> rows;
  const std::vector<std::string> names{"a", "b", "c"};
  for (std::size_t i = 0; i < 3 * rows_each; ++i) {
    const std::size_t task = i % 3;
    std::vector<float> dense(3, 0.0F);
    dense[task] = 1 + static_cast<float>(rng.uniform());
    for (float& value : dense) value += 0.05F * static_cast<float>(rng.normal());
    const auto draw = [&](double p) { return rng.uniform() < p ? 1.0F : 0.0F; };
    rows.push_back(
        {dense, {draw(0.7), draw(task == 1 ? 0.95 : 0.3), draw(task == 2 ? 0.7 : 0.3)}, {3, 2, 1}, names[task]});
  }
  return small_set(rows);
}

const std::vector<std::vector<float>> kCenters{{1.5F, 0, 0}, {0, 1.5F, 0}, {0, 0, 1.5F}};

TEST(CompositionOfExperts, EachCategoryGetsItsProvenExpertAndOthersTheGeneralOne) {
  const TrainingSet set = three_tasks(120, 81);
  for (const std::string categories : {"task", "kmeans"}) {
    const auto router = fit_small(kMethod, set, {{"categories", categories}, {"clusters", "3"}}).value();
    EXPECT_EQ(router->output(), Output::kQuality);
    EXPECT_EQ(best_of(estimate_dense(*router, kCenters[0], kModels)), 0U) << categories;
    EXPECT_EQ(best_of(estimate_dense(*router, kCenters[1], kModels)), 1U) << categories;
    EXPECT_EQ(best_of(estimate_dense(*router, kCenters[2], kModels)), 0U) << categories << ": its lead is not proven";
  }
}

TEST(CompositionOfExperts, AnUnprovenLeadIsHeldBehindTheGeneralExpert) {
  // Ten rows each: model 1 leads by one outcome in "b".
  std::vector<SmallRow> rows;
  for (int i = 0; i < 20; ++i) {
    const bool b = i % 2 == 1;
    const float little = 0.01F * static_cast<float>(i);
    rows.push_back({{b ? little : 1.0F, b ? 1.0F : little},
                    {i < 4 ? 0.0F : 1.0F, b ? (i < 2 ? 0.0F : 1.0F) : 0.0F},
                    {},
                    b ? "b" : "a"});
  }
  const auto careful = fit_small(kMethod, small_set(rows), {{"uncertain", "0"}, {"shrinkage", "0"}}).value();
  const auto out = estimate_dense(*careful, {0, 1}, 2);
  EXPECT_NEAR(out.quality[0], 0.8, 1e-6);
  EXPECT_NEAR(out.quality[1], 0.8 - 1e-4, 1e-6) << "its own mean is .9";
  const auto bold = fit_small(kMethod, small_set(rows), {{"uncertain", "0"}, {"shrinkage", "0"}, {"z", "0"}}).value();
  EXPECT_NEAR(estimate_dense(*bold, {0, 1}, 2).quality[1], 0.9, 1e-6);
}

TEST(CompositionOfExperts, WithoutCautionItIsTheArgmaxOfEachCategory) {
  const TrainingSet set = three_tasks(100, 82);
  const auto router = fit_small(kMethod, set, {{"z", "0"}, {"uncertain", "0"}, {"shrinkage", "0"}}).value();
  for (std::size_t task = 0; task < 3; ++task) {
    std::vector<double> mean(kModels, 0.0);
    for (std::size_t row = task; row < set.rows; row += 3)
      for (std::size_t m = 0; m < kModels; ++m) mean[m] += static_cast<double>(set.quality_of(row, m)) / 100;
    const auto expected = static_cast<std::size_t>(std::max_element(mean.begin(), mean.end()) - mean.begin());
    EXPECT_EQ(best_of(estimate_dense(*router, kCenters[task], kModels)), expected) << task;
  }
}

TEST(CompositionOfExperts, ARequestLikeNoCategoryIsGeneral) {
  const TrainingSet set = three_tasks(120, 83);
  const ModelMeans means = model_means(set);
  const std::vector<float> between{1, 1, 1};  // as near to one task as to another
  for (const std::string categories : {"task", "kmeans"}) {
    const auto router = fit_small(kMethod, set, {{"categories", categories}, {"clusters", "3"}}).value();
    const auto out = estimate_dense(*router, between, kModels);
    for (std::size_t m = 0; m < kModels; ++m) EXPECT_NEAR(out.quality[m], means.mean[m], 1e-6) << categories;
  }
}

TEST(CompositionOfExperts, AHintOfTheCallerNamesTheCategory) {
  const Toy toy = make_toy(200, 84);
  const auto router = fit_toy(*find_method(kMethod), toy);
  const std::string sum = "What is 3 plus 4? Answer with a number.";
  EXPECT_EQ(best_of(estimate_text(*router, toy.features, sum, kModels)), 0U);
  EXPECT_EQ(best_of(estimate_text(*router, toy.features, sum, kModels, "translate")), 1U);
  EXPECT_EQ(estimate_text(*router, toy.features, sum, kModels, "unheard of"),
            estimate_text(*router, toy.features, sum, kModels));
}

TEST(CompositionOfExperts, TheBudgetHoldsOnTheTrainingMix) {
  const TrainingSet set = three_tasks(120, 85);
  double last = 0;
  for (const double budget : {1.05, 1.4, 1.8, 2.5, 3.0}) {
    const auto router = fit_small(kMethod, set, {{"budget_usd", std::to_string(budget)}, {"uncertain", "0"}}).value();
    EXPECT_EQ(router->output(), Output::kPreference);
    double cost = 0;
    double quality = 0;
    DenseAsker ask(*router, kModels);
    for (std::size_t row = 0; row < set.rows; ++row) {
      const std::size_t chosen = best_of(ask(set.dense_row(row)));
      cost += 3 - static_cast<double>(chosen);
      quality += static_cast<double>(set.quality_of(row, chosen));
    }
    EXPECT_LE(cost / static_cast<double>(set.rows), budget + 0.02) << budget;
    EXPECT_GE(quality, last - 1) << budget;
    last = quality;
  }
  const auto refused = fit_small(kMethod, set, {{"budget_usd", "0.5"}});
  ASSERT_FALSE(refused.has_value());
  EXPECT_NE(refused.error().message.find("cheapest"), std::string::npos);
  TrainingSet free = set;
  free.cost_usd.assign(free.cost_usd.size(), NAN);
  EXPECT_FALSE(fit_small(kMethod, free, {{"budget_usd", "5"}}).has_value());
}

TEST(CompositionOfExperts, TheLimitOnExpertsHolds) {
  const TrainingSet set = three_tasks(120, 86);
  for (const std::size_t limit : {1UL, 2UL}) {
    const auto router = fit_small(kMethod, set, {{"experts_max", std::to_string(limit)}, {"z", "0"}}).value();
    std::set<std::size_t> used;
    for (const auto& center : kCenters) used.insert(best_of(estimate_dense(*router, center, kModels)));
    EXPECT_LE(used.size(), limit);
  }
}

TEST(CompositionOfExperts, ANewcomerServesWhereItIsProven) {
  const TrainingSet set = three_tasks(120, 87);
  const auto router = fit_small(kMethod, set, {}).value();
  TrainingSet rows = column_of(set, 0);
  for (std::size_t row = 0; row < rows.rows; ++row) rows.quality[row] = row % 3 == 2 ? 1.0F : 0.0F;
  const auto added = find_method(kMethod)->add_model(*router, rows, {});
  ASSERT_TRUE(added.has_value()) << added.error().text();
  EXPECT_EQ(best_of(estimate_dense(**added, kCenters[2], kModels + 1)), 3U);
  EXPECT_EQ(best_of(estimate_dense(**added, kCenters[0], kModels + 1)), 0U);
  EXPECT_EQ(best_of(estimate_dense(**added, kCenters[1], kModels + 1)), 1U);
}

TEST(CompositionOfExperts, UnderABudgetTheTableIsSolvedAgain) {
  const TrainingSet set = three_tasks(120, 88);
  const base::OptionMap options{{"budget_usd", "2"}};
  const auto router = fit_small(kMethod, set, options).value();
  TrainingSet perfect = column_of(set, 0);
  for (std::size_t row = 0; row < perfect.rows; ++row) {
    perfect.quality[row] = 1;
    perfect.cost_usd[row] = 0.5F;
  }
  const auto added = find_method(kMethod)->add_model(*router, perfect, options);
  ASSERT_TRUE(added.has_value()) << added.error().text();
  for (const auto& center : kCenters) EXPECT_EQ(best_of(estimate_dense(**added, center, kModels + 1)), 3U);
  const auto removed = find_method(kMethod)->remove_model(**added, 3);
  ASSERT_TRUE(removed.has_value());
  EXPECT_EQ(saved(**removed), saved(*router));
}

}  // namespace
}  // namespace thalamus::route
