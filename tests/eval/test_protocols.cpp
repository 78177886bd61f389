#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "tables.h"
#include "thalamus/eval/protocols.h"
#include "thalamus/eval/unseen.h"
#include "thalamus/route/router.h"

namespace thalamus::eval {
namespace {

using testing::HasSubstr;

std::set<std::uint64_t> keys(const trace::OutcomeTable& table) {
  std::set<std::uint64_t> found;
  for (const auto& row : table.rows) found.insert(prompt_key(row));
  return found;
}

bool disjoint(const trace::OutcomeTable& a, const trace::OutcomeTable& b) {
  const auto left = keys(a);
  const auto right = keys(b);
  return std::none_of(left.begin(), left.end(), [&](std::uint64_t key) { return right.contains(key); });
}

trace::OutcomeTable with_repeats(std::size_t rows) {
  auto table = toy_table(rows, 3);
  for (std::size_t i = 0; i < rows / 4; ++i) {
    trace::Row row = table.rows[i];
    row.id += "-again";
    set_prompt(row, "  " + row.prompt + "\n");  // differs by white space only
    if (i % 2 == 0) row.task = "elsewhere";
    table.rows.push_back(std::move(row));
  }
  return table;
}

TEST(PromptKey, IgnoresSpaceAndCaseButNotTools) {
  trace::Row a;
  trace::Row b;
  set_prompt(a, "What  is\n this?");
  set_prompt(b, " what is this? ");
  EXPECT_EQ(prompt_key(a), prompt_key(b));
  b.tools = "[{}]";
  EXPECT_NE(prompt_key(a), prompt_key(b));
}

TEST(SplitWithinTasks, KeepsTheShareInEachTaskAndNeverDividesAPrompt) {
  constexpr std::uint64_t kSeed = 9;
  SCOPED_TRACE(testing::Message() << "seed " << kSeed);
  const auto table = with_repeats(400);
  const Fold fold = split_within_tasks(table, 0.7, kSeed);
  EXPECT_EQ(fold.training.rows.size() + fold.test.rows.size(), table.rows.size());
  EXPECT_TRUE(disjoint(fold.training, fold.test));
  for (const char* task : {"maths", "arts"}) {
    const auto in = [&](const trace::OutcomeTable& part) {
      return std::count_if(part.rows.begin(), part.rows.end(), [&](const auto& row) { return row.task == task; });
    };
    const auto share = static_cast<double>(in(fold.training)) / static_cast<double>(in(fold.training) + in(fold.test));
    EXPECT_NEAR(share, 0.7, 0.03) << task;
  }
  auto turned = table;
  std::reverse(turned.rows.begin(), turned.rows.end());
  EXPECT_EQ(keys(split_within_tasks(turned, 0.7, kSeed).test), keys(fold.test));  // the order of rows does not matter
  EXPECT_NE(keys(split_within_tasks(table, 0.7, kSeed + 1).test), keys(fold.test));
}

TEST(LeaveTasksOut, TestsEveryRowOnceOnPromptsThatTrainingHasNotSeen) {
  const auto table = with_repeats(200);
  const auto folds = leave_tasks_out(table).value();
  ASSERT_EQ(folds.size(), 3U);
  std::size_t tested = 0;
  for (const Fold& fold : folds) {
    EXPECT_TRUE(disjoint(fold.training, fold.test));
    std::set<std::string> left_out;
    for (const auto& row : fold.test.rows) left_out.insert(row.task);
    EXPECT_EQ(left_out.size(), 1U);
    for (const auto& row : fold.training.rows) EXPECT_FALSE(left_out.contains(row.task));
    tested += fold.test.rows.size();
  }
  EXPECT_EQ(tested, table.rows.size());
}

TEST(LeaveTasksOut, ManyTasksAreGroupedAndOneTaskIsRefused) {
  auto table = toy_table(200, 3);
  for (std::size_t i = 0; i < table.rows.size(); ++i) table.rows[i].task = "t" + std::to_string(i % 40);
  EXPECT_EQ(leave_tasks_out(table).value().size(), kLeftOutMax);
  for (auto& row : table.rows) row.task = "one";
  const auto refused = leave_tasks_out(table);
  ASSERT_FALSE(refused.has_value());
  EXPECT_THAT(refused.error().message, HasSubstr("1 task"));
}

TEST(CrossTables, KeepTheCommonModelsInTheTrainingOrder) {
  auto test = toy_table(30, 4);
  ASSERT_TRUE(test.keep_models({"all", "sums"}).has_value());
  const Fold fold = cross_tables(toy_table(30, 3), test).value();
  EXPECT_EQ(fold.training.models, (std::vector<std::string>{"sums", "all"}));
  EXPECT_EQ(fold.test.models, fold.training.models);
  ASSERT_TRUE(test.keep_models({"all"}).has_value());
  EXPECT_THAT(cross_tables(toy_table(30, 3), test).error().message, HasSubstr("1 model in common"));
}

TEST(Protocols, NamesAndTablesThatDoNotFitAreRefused) {
  EXPECT_EQ(parse_protocol("lodo").value(), Protocol::kLodo);
  EXPECT_THAT(parse_protocol("lood").error().message, HasSubstr("lodo"));
  for (const auto& name : protocol_names()) EXPECT_EQ(name_of(parse_protocol(name).value()), name);
  EXPECT_FALSE(folds_of(Protocol::kGiven, toy_table(20, 1), std::nullopt, 1).has_value());
  EXPECT_FALSE(folds_of(Protocol::kId, toy_table(20, 1), toy_table(20, 2), 1).has_value());
  EXPECT_TRUE(folds_of(Protocol::kId, toy_table(20, 1), std::nullopt, 1).has_value());
}

/// Twelve models, each good at one kind of prompt; cost says nothing of quality.
trace::OutcomeTable many_models(std::size_t rows, std::uint64_t seed) {
  auto table = toy_table(rows, seed);
  base::Rng rng(seed);
  table.models.clear();
  for (int m = 0; m < 12; ++m) table.models.push_back("m" + std::to_string(m));
  for (auto& row : table.rows) {
    row.cells.clear();
    for (std::size_t m = 0; m < 12; ++m) {
      trace::Cell cell;
      const bool fits = (m % 2 == 0) == (row.task == "maths");
      cell.quality = rng.uniform() < (fits ? 0.9 : 0.2) ? 1 : 0;
      cell.cost_usd = 1e-4 * static_cast<double>(1 + m);
      row.cells.push_back(cell);
    }
  }
  return table;
}

TEST(Unseen, ModelsThatJoinLateAreRoutedAboveTheZeroRouter) {
  UnseenOptions options;
  options.methods = {"knn", "ridge"};
  options.resamples = 6;
  const auto unseen = evaluate_unseen(many_models(280, 1), many_models(120, 2), options);
  ASSERT_TRUE(unseen.has_value()) << unseen.error().text();
  EXPECT_EQ(unseen->models_unseen, 4U);
  EXPECT_EQ(unseen->n_train + unseen->n_calibration, 280U);
  EXPECT_NEAR(static_cast<double>(unseen->n_calibration), 40, 4);
  ASSERT_FALSE(unseen->rows.empty());
  const UnseenRow& knn = unseen->rows[0];
  EXPECT_EQ(knn.method, "knn");
  EXPECT_GT(knn.wins, knn.losses);
  EXPECT_GT(knn.score.area, unseen->zero_router.area);
  EXPECT_LT(knn.score.area, unseen->oracle.area);
  EXPECT_THAT(to_text(*unseen), HasSubstr("knn"));
  EXPECT_THAT(to_json(*unseen), HasSubstr("\"p_sign\":"));
  if (route::find_method("ridge")->add_model == nullptr) {
    EXPECT_THAT(unseen->notes, testing::Contains(HasSubstr("ridge: left out")));
  }
}

TEST(Unseen, TooFewModelsOrMethodsAreRefused) {
  UnseenOptions options;
  options.methods = {"knn"};
  auto two = toy_table(40, 1);
  ASSERT_TRUE(two.keep_models({"sums", "all"}).has_value());
  EXPECT_THAT(evaluate_unseen(two, two, options).error().message, HasSubstr("at least 3"));
  options.methods = {"random"};
  EXPECT_FALSE(evaluate_unseen(toy_table(40, 1), toy_table(40, 2), options).has_value());
}

}  // namespace
}  // namespace thalamus::eval
