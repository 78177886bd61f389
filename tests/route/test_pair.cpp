// What two-model routers share: the choice of the pair, thresholds, and hybrid_llm's and routellm_bert's labels.
#include "thalamus/route/pair.h"

#include <gtest/gtest.h>

#include <cmath>

#include "thalamus/route/hybrid_llm.h"
#include "toy.h"

namespace thalamus::route {
namespace {

/// Three models with the given mean qualities and costs (NaN: none), ten rows.
TrainingSet small_table(std::array<float, 3> quality, std::array<float, 3> cost) {
  TrainingSet set;
  set.models = {"a", "b", "c"};
  set.rows = 10;
  for (std::size_t row = 0; row < set.rows; ++row) {
    set.quality.insert(set.quality.end(), quality.begin(), quality.end());
    set.cost_usd.insert(set.cost_usd.end(), cost.begin(), cost.end());
  }
  return set;
}

TEST(Pair, StrongIsTheBestMeanAndWeakTheCheapestOnTheHull) {
  const auto priced = choose_pair(small_table({0.9F, 0.5F, 0.4F}, {3, 1, 2}), "", "").value();
  EXPECT_EQ(priced.strong, 0U);
  EXPECT_EQ(priced.weak, 1U);
  const auto unpriced = choose_pair(small_table({0.4F, 0.9F, 0.6F}, {NAN, NAN, NAN}), "", "").value();
  EXPECT_EQ(unpriced.strong, 1U);
  EXPECT_EQ(unpriced.weak, 2U);
  // The best is also the cheapest: the second best answers beside it.
  const auto both = choose_pair(small_table({0.9F, 0.5F, 0.6F}, {1, 2, 3}), "", "").value();
  EXPECT_EQ(both.strong, 0U);
  EXPECT_EQ(both.weak, 2U);
}

TEST(Pair, NamesAreTakenAndMistakesSaid) {
  const auto set = small_table({0.9F, 0.5F, 0.6F}, {1, 2, 3});
  const auto named = choose_pair(set, "c", "b").value();
  EXPECT_EQ(named.strong, 2U);
  EXPECT_EQ(named.weak, 1U);
  EXPECT_EQ(choose_pair(set, "", "a")->strong, 2U);  // the best of the others
  EXPECT_FALSE(choose_pair(set, "a", "a").has_value());
  EXPECT_FALSE(choose_pair(set, "nobody", "").has_value());
  TrainingSet one = set;
  one.models = {"a"};
  EXPECT_FALSE(choose_pair(one, "", "").has_value());
}

TEST(Pair, TheThresholdIsTheBestCutAgainstBruteForce) {
  base::Rng rng(81);
  for (int round = 0; round < 100; ++round) {
    PairOutcomes outcomes;
    for (std::size_t i = 0; i < 1 + rng.below(30); ++i) {
      outcomes.score.push_back(static_cast<double>(rng.below(8)) / 8);
      outcomes.strong.push_back(static_cast<double>(rng.below(2)));
      outcomes.weak.push_back(static_cast<double>(rng.below(2)));
    }
    const auto quality_at = [&](double threshold) {
      double sum = 0;
      for (std::size_t i = 0; i < outcomes.score.size(); ++i)
        sum += outcomes.score[i] >= threshold ? outcomes.strong[i] : outcomes.weak[i];
      return sum;
    };
    double best = quality_at(2);
    for (const double score : outcomes.score) best = std::max(best, quality_at(score));
    EXPECT_NEAR(quality_at(choose_threshold(outcomes, -1)), best, 1e-9) << "round " << round << ", seed 81";
  }
}

TEST(Pair, AShareBecomesAQuantileAndADropIsKept) {
  PairOutcomes outcomes;
  for (int i = 0; i < 100; ++i) {
    outcomes.score.push_back(i);
    outcomes.strong.push_back(1);
    outcomes.weak.push_back(i < 60 ? 1 : 0);
  }
  const auto calls = [&](double threshold) {
    return std::count_if(outcomes.score.begin(), outcomes.score.end(), [&](double s) { return s >= threshold; });
  };
  EXPECT_EQ(calls(choose_threshold(outcomes, 0)), 0);
  EXPECT_EQ(calls(choose_threshold(outcomes, 1)), 100);
  EXPECT_NEAR(static_cast<double>(calls(choose_threshold(outcomes, 0.3))), 30, 1);
  EXPECT_EQ(calls(choose_threshold(outcomes, -1)), 40);  // the fewest calls that lose nothing
  EXPECT_EQ(calls(threshold_within(outcomes, 0.0)), 40);
  EXPECT_EQ(calls(threshold_within(outcomes, 0.1)), 30);
}

TEST(HybridLlm, TheMeanPairwiseDifferenceMatchesTheDoubleSum) {
  base::Rng rng(82);
  for (int round = 0; round < 30; ++round) {
    std::vector<double> values;
    for (std::size_t i = 0; i < rng.below(20); ++i) values.push_back(rng.uniform());
    double sum = 0;
    for (const double a : values)
      for (const double b : values) sum += std::abs(a - b);
    const auto n = static_cast<double>(std::max<std::size_t>(1, values.size()));
    EXPECT_NEAR(mean_pairwise_difference(values), sum / (n * n), 1e-12);
  }
  // 0/1 labels with mean p: 2 p (1 - p).
  EXPECT_NEAR(mean_pairwise_difference({0, 0, 0, 1}), 2 * 0.25 * 0.75, 1e-12);
}

TEST(HybridLlm, WithoutRelaxationTheSoftAndTheRelaxedLabelAreOne) {
  for (const double gap : {-1.0, -0.2, 0.0, 0.3, 1.0})
    EXPECT_DOUBLE_EQ(gap_label(gap, 0, 0.1), 1 / (1 + std::exp(-gap / 0.1)));
  EXPECT_DOUBLE_EQ(gap_label(-0.4, 0.4, 0.1), 0.5);
}

TEST(HybridLlm, TheRelaxationSplitsGapsThatAreAllNegative) {
  // Half of the gaps near -.6, half near -.2: a relaxation in between gives about half positives.
  std::vector<double> gaps;
  for (int i = 0; i < 50; ++i) gaps.insert(gaps.end(), {-0.6 - 0.001 * i, -0.2 - 0.001 * i});
  const double relaxation = choose_relaxation(gaps, 0.02);
  EXPECT_GT(relaxation, 0.25);
  EXPECT_LT(relaxation, 0.6);
  EXPECT_EQ(choose_relaxation(std::vector<double>(5, 0.5), 0.1), 0);  // labels never differ: none
}

class PairMethod : public testing::TestWithParam<std::string> {
 protected:
  [[nodiscard]] const MethodRecord& method() const { return *find_method(GetParam()); }
  [[nodiscard]] static base::OptionMap pair(std::string share) {
    return {{"strong", "sums"}, {"weak", "french"}, {"strong_share", std::move(share)}};
  }
};

TEST_P(PairMethod, TheThirdModelIsNeverChosenWhereAPairIsNamed) {
  const Toy toy = make_toy(200, 83);
  const auto router = fit_toy(method(), toy, pair("0.5"));
  ASSERT_NE(router, nullptr);
  EXPECT_EQ(router->output(), Output::kPreference);
  for (std::size_t i = 0; i < 30; ++i) {
    const auto out = estimate_text(*router, toy.features, toy.texts[i], 3);
    EXPECT_LT(out.quality[2], std::min(out.quality[0], out.quality[1]));
  }
}

TEST_P(PairMethod, TheShareOfStrongCallsFollowsTheOption) {
  const Toy toy = make_toy(300, 84);
  const Toy traffic = make_toy(300, 184);  // alpha rests on held-out scores: rows that were fitted may score otherwise
  double previous = -1;
  for (const std::string share : {"0", "0.25", "0.5", "1"}) {
    const auto router = fit_toy(method(), toy, pair(share));
    ASSERT_NE(router, nullptr);
    double strong = 0;
    for (const std::string& text : traffic.texts) {
      const auto out = estimate_text(*router, toy.features, text, 3);
      strong += out.quality[0] > out.quality[1] ? 1.0 / 300 : 0;
    }
    EXPECT_NEAR(strong, std::stod(share), 0.13) << share;
    EXPECT_GE(strong, previous);
    previous = strong;
  }
}

TEST_P(PairMethod, TheDefaultThresholdSendsEachKindToItsModel) {
  const Toy toy = make_toy(400, 85);
  const auto router = fit_toy(method(), toy, {{"strong", "sums"}, {"weak", "french"}});
  ASSERT_NE(router, nullptr);
  int right = 0;
  for (std::size_t i = 0; i < 100; ++i) {
    const auto out = estimate_text(*router, toy.features, toy.texts[i], 3);
    right += (out.quality[0] > out.quality[1]) == (toy.kind[i] == 0) ? 1 : 0;
  }
  EXPECT_GE(right, 90);
}

INSTANTIATE_TEST_SUITE_P(TwoModels, PairMethod,
                         testing::Values("routellm_mf", "routellm_sw", "routellm_bert", "hybrid_llm"),
                         [](const auto& tested) { return tested.param; });

TEST(RoutellmSw, BattlesNearbyThatTheStrongModelWonRaiseIt) {
  const Toy toy = make_toy(300, 86);
  const auto router = fit_toy(*find_method("routellm_sw"), toy, {{"strong", "sums"}, {"weak", "french"}});
  const auto sum = estimate_text(*router, toy.features, "What is 812 plus 31? Answer with a number.", 3);
  const auto french =
      estimate_text(*router, toy.features, "Translate the words winter and bridge into French, please.", 3);
  EXPECT_GT(sum.quality[0] - sum.quality[1], french.quality[0] - french.quality[1]);
}

TEST(RoutellmSw, TwoModelsOfOneTierAreRefused) {
  Toy toy = make_toy(200, 87);
  const base::OptionMap options{{"strong", "sums"}, {"weak", "french"}, {"tiers", "2"}};
  // Two models nearly alike and one far off: with two tiers the alike share one.
  for (std::size_t row = 0; row < toy.set.rows; ++row) {
    toy.set.quality[row * 3] = row % 2 == 0 ? 1.0F : 0.9F;
    toy.set.quality[row * 3 + 1] = row % 2 == 0 ? 0.9F : 1.0F;
    toy.set.quality[row * 3 + 2] = row % 20 == 0 ? 1.0F : 0.0F;
  }
  base::Rng rng(1);
  const auto refused = find_method("routellm_sw")->fit(toy.set, options, rng);
  ASSERT_FALSE(refused.has_value());
  EXPECT_NE(refused.error().message.find("one tier"), std::string::npos);
}

TEST(RoutellmMf, RanksAllModelsWhereNoWeakOneIsNamed) {
  const Toy toy = make_toy(400, 88);
  const auto router = fit_toy(*find_method("routellm_mf"), toy);
  const auto out = estimate_text(*router, toy.features, toy.texts[0], 3);
  const std::size_t right = toy.kind[0];
  for (std::size_t m = 0; m < 3; ++m) {
    if (m != right) {
      EXPECT_GT(out.quality[right], out.quality[m]);
    }
  }
  EXPECT_GT(out.quality[2], -50);  // the third takes part
}

TEST(RoutellmBert, SplittingTiesAndEqualClassWeightsAreAccepted) {
  const Toy toy = make_toy(200, 89);
  for (const char* weights : {"true", "false"}) {
    const auto router =
        fit_toy(*find_method("routellm_bert"), toy, {{"split_ties", "true"}, {"class_weights", weights}});
    ASSERT_NE(router, nullptr);
    base::ByteWriter out;
    router->save(out);
    base::ByteReader in(out.bytes());
    EXPECT_TRUE(find_method("routellm_bert")->load(in, {3, toy.features.dense_size(), 0}).has_value());
  }
}

TEST(PairHead, ATableWithoutARowOfBothIsRefused) {
  Toy toy = make_toy(60, 90);
  for (std::size_t row = 0; row < toy.set.rows; ++row) toy.set.quality[row * 3 + row % 2] = NAN;
  base::Rng rng(1);
  const auto refused = find_method("hybrid_llm")->fit(toy.set, {{"strong", "sums"}, {"weak", "french"}}, rng);
  ASSERT_FALSE(refused.has_value());
  EXPECT_NE(refused.error().message.find("sums"), std::string::npos);
}

}  // namespace
}  // namespace thalamus::route
