// Shared parts of the methods whose pool can change: columns, held-back rows, the error of differences, clusters.
#include "thalamus/route/pool.h"

#include <gtest/gtest.h>

#include <set>

#include "small_set.h"
#include "thalamus/route/clusters.h"

namespace thalamus::route {
namespace {

TEST(Pool, ColumnsComeLastAndGoFromWhereTheyAre) {
  const std::vector<int> table{1, 2, 3, 4};
  EXPECT_EQ(with_column(table, 2, {8, 9}), (std::vector<int>{1, 2, 8, 3, 4, 9}));
  EXPECT_EQ(without_column(std::vector<int>{1, 2, 8, 3, 4, 9}, 3, 0), (std::vector<int>{2, 8, 4, 9}));
  EXPECT_EQ(without_row(std::vector<int>{1, 2, 3, 4, 5, 6}, 2, 1), (std::vector<int>{1, 2, 5, 6}));
}

TEST(Pool, TheErrorOfDifferencesForgivesWhatAllModelsShare) {
  const TrainingSet set = small_set({{{1}, {1, 0, NAN}}});
  EXPECT_NEAR(centered_squared_error(std::vector<float>{0.75F, -0.25F, 9}, set, 0), 0, 1e-9);
  // Centred estimates .25 and -.25 against .5 and -.5.
  EXPECT_NEAR(centered_squared_error(std::vector<float>{0.5F, 0, 9}, set, 0), 0.125, 1e-9);
}

TEST(Pool, RepeatedPromptsAreHeldBackTogether) {
  std::vector<SmallRow> rows;
  for (int i = 0; i < 200; ++i) rows.push_back({{static_cast<float>(i % 50), 1}, {1}});
  const HeldBack parts = hold_back(small_set(rows), 5);
  EXPECT_EQ(parts.fitted.rows + parts.held.rows, 200U);
  EXPECT_GT(parts.held.rows, 0U);
  std::set<float> fitted;
  for (std::size_t row = 0; row < parts.fitted.rows; ++row) fitted.insert(parts.fitted.dense_row(row)[0]);
  for (std::size_t row = 0; row < parts.held.rows; ++row) EXPECT_EQ(fitted.count(parts.held.dense_row(row)[0]), 0U);
  const HeldBack same = hold_back(small_set({{{1}, {1}}, {{1}, {0}}}), 5);
  EXPECT_EQ(same.fitted.rows, 2U);
  EXPECT_EQ(same.held.rows, 0U);
}

TEST(Pool, TakenRowsKeepTheirOutcomesCostsAndTasks) {
  const TrainingSet set = small_set(
      {{{1, 2}, {0.1F, 0.2F}, {1, 2}, "a"}, {{3, 4}, {0.3F, 0.4F}, {3, 4}, "b"}, {{5, 6}, {0, 1}, {5, 6}, "a"}});
  const std::vector<std::uint32_t> chosen{2, 1};
  const TrainingSet taken = take_rows(set, chosen);
  EXPECT_EQ(taken.rows, 2U);
  EXPECT_EQ(taken.dense, (std::vector<float>{5, 6, 3, 4}));
  EXPECT_EQ(taken.quality, (std::vector<float>{0, 1, 0.3F, 0.4F}));
  EXPECT_EQ(taken.cost_usd, (std::vector<float>{5, 6, 3, 4}));
  EXPECT_EQ(taken.task, (std::vector<std::uint32_t>{0, 1}));
}

TEST(Clusters, FollowDirectionsAndGiveSoftWeightsThatSumToOne) {
  const std::vector<float> rows{1, 0, 50, 1, 0, 2, 0.1F, 9};
  base::Rng rng(1);
  const Clusters clusters = Clusters::fit(rows, 2, {.clusters = 2}, rng);
  ASSERT_EQ(clusters.count(), 2U);
  EXPECT_EQ(clusters.nearest(std::vector<float>{3, 0}), clusters.nearest(std::vector<float>{400, 1}));
  EXPECT_NE(clusters.nearest(std::vector<float>{3, 0}), clusters.nearest(std::vector<float>{0, 3}));
  Scratch scratch;
  scratch.sums.resize(kScratchSums);
  ASSERT_EQ(clusters.soft_nearest(std::vector<float>{1, 0.2F}, 5, 9, scratch), 2U);
  EXPECT_NEAR(scratch.sums[0] + scratch.sums[1], 1, 1e-12);
  EXPECT_EQ(scratch.indices[0], clusters.nearest(std::vector<float>{1, 0.2F}));
  EXPECT_EQ(clusters.cosine(std::vector<float>{0, 0}, 0), 0);
}

TEST(Clusters, AskForNoMoreThanThereAreRows) {
  const std::vector<float> rows{1, 0, 0, 1};
  base::Rng rng(2);
  EXPECT_EQ(Clusters::fit(rows, 2, {.clusters = 100}, rng).count(), 2U);
}

}  // namespace
}  // namespace thalamus::route
