#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "tables.h"
#include "thalamus/eval/robustness.h"
#include "thalamus/eval/robustness_prompts.h"
#include "thalamus/learn/train.h"

namespace thalamus::eval {
namespace {

using testing::HasSubstr;

TEST(DifficultyItems, AreBalancedDifferentAndFilled) {
  const auto items = difficulty_items(3, base::Rng(1));
  std::map<std::pair<int, bool>, int> counts;
  for (const auto& item : items) {
    ++counts[{item.category, item.hard}];
    EXPECT_EQ(item.prompt.find('{'), std::string::npos) << item.prompt;
  }
  EXPECT_EQ(counts.size(), category_names().size() * 2);
  for (std::size_t c = 0; c < category_names().size(); ++c)
    EXPECT_EQ((counts[{static_cast<int>(c), true}]), (counts[{static_cast<int>(c), false}]));
  EXPECT_GE(category_names().size(), 6U);
  EXPECT_EQ(items.front().prompt, difficulty_items(3, base::Rng(1)).front().prompt);
}

TEST(Variants, ChangeTheTextAndKeepItsWordsOrItsLength) {
  constexpr std::uint64_t kSeed = 3;
  SCOPED_TRACE(testing::Message() << "seed " << kSeed);
  base::Rng rng(kSeed);
  const std::string text = "What is the Capital of France, and how many people live there today?";
  for (const Variant variant : variants()) EXPECT_NE(apply(variant, text, rng), text) << name_of(variant);
  EXPECT_EQ(apply(Variant::kTypo, text, rng).size(), text.size());
  EXPECT_THAT(apply(Variant::kParaphrase, text, rng), HasSubstr("Tell me what is"));
  EXPECT_THAT(apply(Variant::kFiller, text, rng), testing::StartsWith(text));
  for (const Variant variant : variants()) EXPECT_NO_FATAL_FAILURE((void)apply(variant, "", rng)) << name_of(variant);
  EXPECT_EQ(apply(Variant::kTypo, "12 34", rng), "12 34");
  EXPECT_EQ(neutral_text(1000).size(), 1000U);
}

std::map<std::string, RobustnessRow> rows_of(const std::string& method, const trace::OutcomeTable& training,
                                             const trace::OutcomeTable& test) {
  learn::TrainOptions train;
  train.method = method;
  const auto trained = learn::train(training, train).value();
  RobustnessOptions options;
  options.rows_max = 80;
  options.learned_max = 120;
  options.fills = 2;
  const RobustnessSubject subject{method, trained.snapshot.get(), &training, &test};
  std::map<std::string, RobustnessRow> rows;
  const auto measured = robustness_of(subject, options).value();
  for (const auto& row : measured) rows[row.test] = row;
  return rows;
}

/// Where costs are recorded, a router of constant quality still weighs costs that depend on the text.
trace::OutcomeTable without_costs(trace::OutcomeTable table) {
  for (auto& row : table.rows)
    for (auto& cell : row.cells) cell.cost_usd = cell.seconds = cell.output_tokens = NAN;
  return table;
}

TEST(Robustness, AConstantRouterNeverFlipsNorFollowsAnAttackerByText) {
  const auto rows = rows_of("global_mean", without_costs(toy_table(200, 1)), without_costs(toy_table(100, 2)));
  for (const auto& [test, row] : rows) {
    EXPECT_EQ(row.method, "global_mean");
    if (test.starts_with("flips") || test.starts_with("utility drop") || test.starts_with("position")) {
      EXPECT_EQ(row.value, 0) << test;
    }
  }
  EXPECT_TRUE(*rows.at("flips: typo").passed);
  EXPECT_FALSE(*rows.at("category gap, least").passed);  // it does not see difficulty
  EXPECT_EQ(rows.at("order of models: changed choices").value, 0);
  EXPECT_EQ(rows.at("poisoning 5 %: clean quality lost").gate, "");
}

TEST(Robustness, ALengthRouterMovesWithPaddingAndTheSuiteSaysSo) {
  // Long requests need the dear model: quality of the others falls with length.
  const auto table = [](std::uint64_t seed) {
    auto made = toy_table(160, seed);
    base::Rng rng(seed);
    for (auto& row : made.rows) {
      const bool is_long = rng.below(2) == 0;
      if (is_long) set_prompt(row, row.prompt + " " + neutral_text(600 + rng.below(800)));
      row.cells[0].quality = row.cells[1].quality = is_long ? 0 : 1;
      row.cells[2].quality = 1;
    }
    return made;
  };
  const auto rows = rows_of("prompt_length", table(1), table(2));
  EXPECT_GT(rows.at("length: moved to strong by padding").value, 0.1);
  EXPECT_GT(rows.at("length: correlation at fixed content").value, 0.2);
}

TEST(Robustness, PoisonedNeighboursFollowTheTrigger) {
  const auto rows = rows_of("knn", toy_table(200, 1), toy_table(100, 2));
  EXPECT_GE(rows.at("poisoning 5 %: attack success").value, rows.at("poisoning 0.1 %: attack success").value);
  EXPECT_THAT(rows.at("poisoning 5 %: attack success").note, HasSubstr("without"));
}

TEST(Robustness, ASnapshotFromAFileIsNotLearnedAnew) {
  const auto training = toy_table(120, 1);
  learn::TrainOptions options;
  options.method = "global_mean";
  const auto trained = learn::train(training, options).value();
  const RobustnessSubject subject{"snapshot:somewhere", trained.snapshot.get(), &training, &training};
  const auto measured = robustness_of(subject, {}).value();
  for (const auto& row : measured) EXPECT_EQ(row.test.find("poisoning"), std::string::npos);
}

TEST(Robustness, TheTableNamesGatesAndVerdicts) {
  const std::vector<RobustnessRow> rows{{"knn", "flips: typo", 0.2, "< 0.1", false, {}},
                                        {"knn", "position: flips", 0.1, {}, {}, "a note"}};
  const std::string text = to_text(rows);
  EXPECT_THAT(text, HasSubstr("FAILED"));
  EXPECT_THAT(text, HasSubstr("(a note)"));
  EXPECT_EQ(to_text(std::vector<RobustnessRow>{}), "");
}

}  // namespace
}  // namespace thalamus::eval
