#include <gtest/gtest.h>

#include "thalamus/route/table.h"
#include "toy.h"

namespace thalamus::route {
namespace {

TEST(TaskPosterior, RecognisesTheTaskFromTheWords) {
  const Toy toy = make_toy(200, 11);
  const auto router = fit_toy(*find_method("task_posterior"), toy);
  ASSERT_NE(router, nullptr);
  const auto sum = estimate_text(*router, toy.features, "What is 12 plus 9? Answer with a number.", 3);
  const auto french = estimate_text(*router, toy.features, "Translate the words river and letter into French.", 3);
  EXPECT_GT(sum.quality[0], sum.quality[1] + 0.4F);
  EXPECT_GT(french.quality[1], french.quality[0] + 0.4F);
}

TEST(TaskPosterior, AHintOfTheCallerReplacesThePosterior) {
  const Toy toy = make_toy(200, 12);
  const auto router = fit_toy(*find_method("task_posterior"), toy);
  const std::string text = "What is 12 plus 9? Answer with a number.";
  const auto hinted = estimate_text(*router, toy.features, text, 3, "translate");
  EXPECT_GT(hinted.quality[1], hinted.quality[0] + 0.4F);
  EXPECT_EQ(estimate_text(*router, toy.features, text, 3, "a task that is not there"),
            estimate_text(*router, toy.features, text, 3));
}

TEST(TaskPosterior, ASofterPosteriorLiesNearerToTheMeans) {
  const Toy toy = make_toy(200, 13);
  const auto gap = [&](const char* sharpness) {
    const auto router = fit_toy(*find_method("task_posterior"), toy, {{"sharpness", sharpness}});
    const auto out = estimate_text(*router, toy.features, "What is 3 plus 9? Answer with a number.", 3);
    return out.quality[0] - out.quality[1];
  };
  EXPECT_GT(gap("1"), gap("0.3"));
  EXPECT_GT(gap("0.3"), gap("0.05"));
}

TEST(TaskPosterior, WordsThatNoRowHadLeaveTheClassShares) {
  const Toy toy = make_toy(200, 14);
  const auto router = fit_toy(*find_method("task_posterior"), toy);
  EXPECT_EQ(estimate_text(*router, toy.features, "zyxw vutsr", 3), estimate_text(*router, toy.features, "", 3));
}

// Ten cells of one model: spread of chance alone is shrunk away, spread beyond it is kept.
TEST(BayesTable, ShrinksByWhatChanceExplains) {
  TrainingSet set;
  set.models = {"a"};
  base::Rng rng(5);
  std::vector<std::uint32_t> cell;
  for (std::uint32_t c = 0; c < 10; ++c) {
    for (int i = 0; i < 40; ++i) {
      set.quality.push_back(rng.uniform() < 0.5 ? 1.0F : 0.0F);
      cell.push_back(c);
      ++set.rows;
    }
  }
  // With one model the difficulty of a cell explains all of it, so compare two models of opposite strengths as well.
  const ShrunkTable alike = fit_bayes_table(set, 10, cell);
  TrainingSet two;
  two.models = {"a", "b"};
  two.rows = set.rows;
  for (std::size_t i = 0; i < set.rows; ++i) {
    const double chance = cell[i] % 2 == 0 ? 0.9 : 0.1;
    two.quality.push_back(rng.uniform() < chance ? 1.0F : 0.0F);
    two.quality.push_back(rng.uniform() < 1 - chance ? 1.0F : 0.0F);
  }
  const ShrunkTable apart = fit_bayes_table(two, 10, cell);
  for (std::size_t c = 0; c < 10; ++c) {
    EXPECT_NEAR(alike.mean_row(c)[0], 0.5F, 0.25F);
    EXPECT_NEAR(apart.mean_row(c)[0], c % 2 == 0 ? 0.9F : 0.1F, 0.15F);
    EXPECT_NEAR(apart.mean_row(c)[1], c % 2 == 0 ? 0.1F : 0.9F, 0.15F);
  }
}

TEST(BayesTable, ACellWithoutOutcomesGetsTheModelsMean) {
  TrainingSet set;
  set.models = {"a", "b"};
  set.rows = 4;
  set.quality = {1, 0, 1, 0, 1, 1, 0, 1};
  const std::vector<std::uint32_t> cell{0, 0, 0, 0};
  const ShrunkTable table = fit_bayes_table(set, 2, cell);
  EXPECT_NEAR(table.mean_row(1)[0], 0.75F, 1e-6);
  EXPECT_NEAR(table.mean_row(1)[1], 0.5F, 1e-6);
  EXPECT_GT(table.sd_row(1)[0], table.sd_row(0)[0] * 0.99F);
}

}  // namespace
}  // namespace thalamus::route
