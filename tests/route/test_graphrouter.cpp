#include <gtest/gtest.h>

#include <cmath>

#include "small_set.h"
#include "toy.h"

namespace thalamus::route {
namespace {

/// Share of a fresh toy's quality that the router collects.
double collected(const Router& router, const Toy& toy, std::size_t models, std::uint64_t seed) {
  const Toy test = make_toy(200, seed);
  double total = 0;
  for (std::size_t i = 0; i < 200; ++i)
    total += static_cast<double>(
        test.set.quality_of(i, best_of(estimate_text(router, toy.features, test.texts[i], models))));
  return total / 200;
}

/// One model of the toy, on its first rows.
TrainingSet few_shots(const TrainingSet& set, std::size_t model, std::size_t rows) {
  TrainingSet result = set;
  result.models = {set.models[model]};
  result.rows = rows;
  result.quality.clear();
  result.cost_usd.clear();
  for (std::size_t row = 0; row < rows; ++row) {
    result.quality.push_back(set.quality_of(row, model));
    result.cost_usd.push_back(set.cost_usd[row * set.models.size() + model]);
  }
  result.dense.resize(rows * set.dense_size);
  result.task.resize(rows);
  return result;
}

/// The toy without "french".
Toy without_french(const Toy& toy) {
  Toy two = toy;
  two.set.models = {"sums", "middle"};
  two.set.quality.clear();
  two.set.cost_usd.clear();
  for (std::size_t row = 0; row < toy.set.rows; ++row) {
    for (const std::size_t m : {std::size_t{0}, std::size_t{2}}) {
      two.set.quality.push_back(toy.set.quality_of(row, m));
      two.set.cost_usd.push_back(toy.set.cost_usd[row * 3 + m]);
    }
  }
  return two;
}

/// Many models of different base rates, and features that say nothing.
TrainingSet base_rates(std::size_t rows, std::uint64_t seed, const std::vector<double>& rates) {
  base::Rng rng(seed);
  std::vector<SmallRow> table;
  for (std::size_t i = 0; i < rows; ++i) {
    SmallRow row;
    for (int f = 0; f < 8; ++f) row.dense.push_back(static_cast<float>(rng.normal()));
    for (const double rate : rates) row.quality.push_back(rng.uniform() < rate ? 1.0F : 0.0F);
    table.push_back(std::move(row));
  }
  return small_set(table);
}

TEST(Graphrouter, WhereFeaturesSayNothingTheBestSingleModelIsChosen) {
  std::vector<double> rates{0.9};
  for (int m = 1; m < 24; ++m) rates.push_back(0.82 - 0.02 * m);
  const auto router = fit_small("graphrouter", base_rates(240, 77, rates), {}).value();
  DenseAsker ask(*router, rates.size());
  const TrainingSet test = base_rates(200, 78, rates);
  std::size_t best = 0;
  std::vector<double> mean(rates.size(), 0.0);
  for (std::size_t row = 0; row < test.rows; ++row) {
    const Estimated& out = ask(test.dense_row(row));
    best += best_of(out) == 0 ? 1 : 0;
    for (std::size_t m = 0; m < rates.size(); ++m) mean[m] += static_cast<double>(out.quality[m]) / 200;
  }
  EXPECT_GE(best, 170U) << "of 200";
  for (std::size_t m = 0; m < rates.size(); ++m) EXPECT_NEAR(mean[m], rates[m], 0.12) << m;
}

TEST(Graphrouter, AFewScoredRequestsPlaceANewModelWithoutTraining) {
  const Toy toy = make_toy(300, 73);
  const MethodRecord& method = *find_method("graphrouter");
  const auto router = fit_toy(method, without_french(toy));
  const auto joined = method.add_model(*router, few_shots(toy.set, 1, 40), {});
  ASSERT_TRUE(joined.has_value()) << joined.error().text();
  const auto sum = estimate_text(**joined, toy.features, "What is 17 plus 4? Answer with a number.", 3);
  const auto french =
      estimate_text(**joined, toy.features, "Translate the words apple and river into French, please.", 3);
  EXPECT_GT(french.quality[2], sum.quality[2] + 0.2F);
  EXPECT_EQ(best_of(sum), 0U);
  EXPECT_EQ(best_of(french), 2U);
}

TEST(Graphrouter, MeanAttributesAloneDoNotSayWhatANewModelIsGoodAt) {
  // Two newcomers of the same mean quality: one good at sums, one at French.
  const Toy toy = make_toy(300, 71);
  const MethodRecord& method = *find_method("graphrouter");
  for (const std::string messages : {"gated", "pooled"}) {
    const auto router = fit_toy(method, without_french(toy), {{"messages", messages}});
    TrainingSet french = few_shots(toy.set, 1, 60);
    TrainingSet sums = french;
    std::size_t right = 0;
    for (std::size_t row = 0; row < 60; ++row) right += toy.kind[row] == 1 ? 1 : 0;
    for (std::size_t row = 0; row < 60; ++row) {
      french.quality[row] = toy.kind[row] == 1 ? 1.0F : 0.0F;
      sums.quality[row] = toy.kind[row] == 0 && right > 0 ? 1.0F : 0.0F;
      right -= sums.quality[row] > 0 ? 1 : 0;
    }
    const auto one = method.add_model(*router, french, {}).value();
    const auto both = method.add_model(*one, sums, {}).value();
    const auto out = estimate_text(*both, toy.features, "Translate the words apple and river into French, please.", 4);
    const float told_apart = out.quality[2] - out.quality[3];
    if (messages == "gated") {
      EXPECT_GT(told_apart, 0.2F);
    } else {
      EXPECT_LT(std::abs(told_apart), 0.1F);
    }
  }
}

TEST(Graphrouter, ThePredictedTaskIsAnInputThatCanBeLeftOut) {
  const Toy toy = make_toy(200, 74);
  const auto with = fit_toy(*find_method("graphrouter"), toy);
  const auto without = fit_toy(*find_method("graphrouter"), toy, {{"task", "none"}});
  EXPECT_GT(saved(*with).size(), saved(*without).size());
  EXPECT_GT(collected(*without, toy, 3, 75), 0.75);
  // A table without tasks has nothing to predict.
  Toy unnamed = toy;
  unnamed.set.task_names = {""};
  std::fill(unnamed.set.task.begin(), unnamed.set.task.end(), 0U);
  EXPECT_EQ(saved(*fit_toy(*find_method("graphrouter"), unnamed)).size(), saved(*without).size());
}

TEST(Graphrouter, AModelWithoutEdgesGetsAboutTheMeanOfTheOthers) {
  Toy toy = make_toy(200, 76);
  for (std::size_t row = 0; row < toy.set.rows; ++row) toy.set.quality[row * 3 + 2] = NAN;
  const auto router = fit_toy(*find_method("graphrouter"), toy);
  const auto out = estimate_text(*router, toy.features, toy.texts[0], 3);
  EXPECT_GT(out.quality[2], std::min(out.quality[0], out.quality[1]));
  EXPECT_LT(out.quality[2], std::max(out.quality[0], out.quality[1]));
}

}  // namespace
}  // namespace thalamus::route
