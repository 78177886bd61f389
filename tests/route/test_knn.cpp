// Votes of neighbours, and models that come and go.
#include <gtest/gtest.h>

#include <cmath>

#include "small_set.h"

namespace thalamus::route {
namespace {

/// Near the first axis: three rows. Model 1 has the best mean there, model 0 most of the best places.
TrainingSet votes() {
  return small_set({{{1, 0}, {0.6F, 0.5F, 0}},
                    {{1, 0.01F}, {0.6F, 0.5F, 0}},
                    {{1, 0.02F}, {0, 1, 1}},
                    {{-1, 0}, {0, 0, 1}},
                    {{-1, 0.01F}, {NAN, NAN, NAN}}});
}

TEST(KnnVoting, EachNeighbourVotesForItsBestModelAndTiesShareTheVote) {
  const auto voting = fit_small("knn", votes(), {{"k", "3"}, {"weights", "voting"}, {"space", "dense"}}).value();
  const auto mean = fit_small("knn", votes(), {{"k", "3"}, {"space", "dense"}}).value();
  EXPECT_EQ(voting->output(), Output::kPreference);
  EXPECT_EQ(mean->output(), Output::kQuality);
  const auto out = estimate_dense(*voting, {1, 0}, 3);
  EXPECT_NEAR(out.quality[0], 2.0 / 3, 1e-6);
  EXPECT_NEAR(out.quality[1], 0.5 / 3, 1e-6);
  EXPECT_NEAR(out.quality[2], 0.5 / 3, 1e-6);
  EXPECT_EQ(best_of(estimate_dense(*mean, {1, 0}, 3)), 1U) << "the largest mean is another model's";
}

TEST(KnnVoting, ARowWithoutOutcomesHasNoVoteAndMeansAnswerWhereNobodyVotes) {
  const TrainingSet set = votes();
  const auto router = fit_small("knn", set, {{"k", "2"}, {"weights", "voting"}, {"space", "dense"}}).value();
  EXPECT_EQ(estimate_dense(*router, {-1, 0}, 3).quality, (std::vector<float>{0, 0, 1}));
  const auto one = fit_small("knn", set, {{"k", "1"}, {"weights", "voting"}, {"space", "dense"}}).value();
  const ModelMeans means = model_means(set);
  const auto out = estimate_dense(*one, {-1, 0.01F}, 3);
  for (std::size_t m = 0; m < 3; ++m) EXPECT_NEAR(out.quality[m], means.mean[m], 1e-6);
}

TEST(KnnVoting, SavingKeepsTheForm) {
  const Toy toy = make_toy(80, 22);
  for (const std::string space : {"sparse", "dense"}) {
    const auto router = fit_toy(*find_method("knn"), toy, {{"weights", "voting"}, {"space", space}});
    const std::string bytes = saved(*router);
    base::ByteReader in(bytes);
    const auto loaded = find_method("knn")->load(in, {3, toy.features.dense_size(), toy.features.sparse_size()});
    ASSERT_TRUE(loaded.has_value());
    EXPECT_EQ((*loaded)->output(), Output::kPreference);
    EXPECT_EQ(estimate_text(**loaded, toy.features, toy.texts[0], 3),
              estimate_text(*router, toy.features, toy.texts[0], 3));
  }
}

TEST(Knn, AModelThatJoinsFillsTheRowsItWasAskedAndLeavesTheRestMissing) {
  const Toy toy = make_toy(80, 23);
  for (const std::string space : {"sparse", "dense"}) {
    const base::OptionMap options{{"k", "5"}, {"space", space}};
    const auto router = fit_toy(*find_method("knn"), toy, options);
    TrainingSet rows = column_of(toy.set, 0);
    for (std::size_t row = 0; row < rows.rows; ++row) rows.quality[row] = row == 7 ? 0.25F : NAN;
    const auto added = find_method("knn")->add_model(*router, rows, options);
    ASSERT_TRUE(added.has_value()) << added.error().text();
    // One cell: wherever row 7 is a neighbour it is the mean, elsewhere the mean of the model, which is the same.
    Asker ask(**added, toy.features, 4);
    for (const std::string& text : toy.texts) EXPECT_EQ(ask(text).quality[3], 0.25F) << space;
  }
}

TEST(Knn, RowsOfOtherFeaturesAreRefused) {
  const Toy toy = make_toy(60, 24);
  const auto router = fit_toy(*find_method("knn"), toy, {{"space", "sparse"}});
  TrainingSet rows = column_of(toy.set, 0);
  rows.sparse.columns += 1;
  EXPECT_FALSE(find_method("knn")->add_model(*router, rows, {}).has_value());
  TrainingSet strange = column_of(toy.set, 0);
  for (double& value : strange.sparse.values) value *= 0.5;
  const auto refused = find_method("knn")->add_model(*router, strange, {});
  ASSERT_FALSE(refused.has_value());
  EXPECT_NE(refused.error().message.find("stored requests"), std::string::npos);
}

std::string stored(const TrainingSet& set, const base::OptionMap& options, std::uint64_t seed = 7) {
  return saved(*fit_small("knn", set, options, seed).value());
}

TEST(Knn, KeepsASeededSampleOfMoreRowsThanItShall) {
  const Toy toy = make_toy(60, 25);
  for (const char* space : {"sparse", "dense"}) {
    SCOPED_TRACE(space);
    const auto options = [&](const char* rows) {
      return base::OptionMap{{"k", "5"}, {"space", space}, {"rows", rows}};
    };
    const std::string whole = stored(toy.set, options("60"));
    const std::string sample = stored(toy.set, options("12"));
    EXPECT_EQ(whole, stored(toy.set, {{"k", "5"}, {"space", space}}));
    EXPECT_LT(3 * sample.size(), whole.size());
    EXPECT_EQ(sample, stored(toy.set, options("12")));
    EXPECT_NE(sample, stored(toy.set, options("12"), 8));
    base::ByteReader in(sample);
    const Shape shape{toy.set.models.size(), toy.features.dense_size(), toy.features.sparse_size()};
    EXPECT_TRUE(find_method("knn")->load(in, shape).has_value());
  }
}

TEST(Knn, TheMeansAreThoseOfAllRowsHoweverFewAreKept) {
  TrainingSet set = small_set({{{1, 0}, {1}}, {{1, 0.1F}, {1}}, {{1, 0.2F}, {0}}, {{1, 0.3F}, {1}}});
  const auto router =
      fit_small("knn", set, {{"k", "1"}, {"space", "dense"}, {"rows", "1"}, {"shrinkage", "1000000"}}).value();
  EXPECT_NEAR(estimate_dense(*router, {1, 0}, 1).quality[0], 0.75, 1e-5);
}

}  // namespace
}  // namespace thalamus::route
