#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "thalamus/base/rng.h"
#include "thalamus/math/stats.h"
#include "thalamus/math/stats_ranking.h"

namespace thalamus::math {
namespace {

using Values = std::vector<double>;

TEST(Ranking, AreasOfAKnownOrder) {
  const Values score{0.9, 0.8, 0.7, 0.6};
  const Values outcome{1, 0, 1, 0};
  EXPECT_DOUBLE_EQ(*auroc(score, outcome), 0.75);
  EXPECT_NEAR(*auprc(score, outcome), (1.0 + 2.0 / 3) / 2, 1e-12);
  EXPECT_DOUBLE_EQ(*auroc(Values{1, 1, 1, 1}, outcome), 0.5);
  EXPECT_DOUBLE_EQ(*auprc(Values{1, 1, 1, 1}, outcome), 0.5);
  EXPECT_FALSE(auroc(score, Values{1, 1, 1, 1}).has_value());
  EXPECT_FALSE(auprc(score, Values{0, 0, 0, 0}).has_value());
}

TEST(Ranking, AurocIsTheShareOfPairsInOrder) {
  constexpr std::uint64_t kSeed = 31;
  SCOPED_TRACE(testing::Message() << "seed " << kSeed);
  base::Rng rng(kSeed);
  for (int round = 0; round < 20; ++round) {
    Values score;
    Values outcome{0, 1};
    for (int i = 0; i < 30; ++i) {
      score.push_back(static_cast<double>(rng.below(8)));
      if (i > 1) outcome.push_back(static_cast<double>(rng.below(2)));
    }
    double pairs = 0;
    double ordered = 0;
    for (std::size_t i = 0; i < score.size(); ++i) {
      for (std::size_t j = 0; j < score.size(); ++j) {
        if (outcome[i] <= outcome[j]) continue;
        pairs += 1;
        ordered += score[i] > score[j] ? 1 : score[i] == score[j] ? 0.5 : 0;
      }
    }
    EXPECT_NEAR(*auroc(score, outcome), ordered / pairs, 1e-12);
  }
}

TEST(Ranking, SpearmanKnowsOrderTiesAndConstants) {
  EXPECT_DOUBLE_EQ(*spearman(Values{1, 2, 3}, Values{10, 200, 3000}), 1);
  EXPECT_DOUBLE_EQ(*spearman(Values{1, 2, 3}, Values{3, 2, 1}), -1);
  EXPECT_NEAR(*spearman(Values{1, 2, 2, 3}, Values{1, 2, 3, 4}), 0.9486832980505138, 1e-12);
  EXPECT_FALSE(spearman(Values{1, 1}, Values{1, 2}).has_value());
  EXPECT_FALSE(spearman(Values{1}, Values{1}).has_value());
}

TEST(Amounts, ErrorsBiasAndExplainedVariance) {
  const auto errors = amount_errors(Values{2, 3, 1}, Values{1, 4, 0});
  EXPECT_NEAR(errors->mape, (1 + 0.25) / 2, 1e-12);
  EXPECT_NEAR(errors->bias, (1.0 - 1 + 1) / 5, 1e-12);
  EXPECT_FALSE(amount_errors(Values{1}, Values{0}).has_value());
  EXPECT_DOUBLE_EQ(*r_squared(Values{1, 2, 3}, Values{1, 2, 3}), 1);
  EXPECT_DOUBLE_EQ(*r_squared(Values{2, 2, 2}, Values{1, 2, 3}), 0);
  EXPECT_FALSE(r_squared(Values{1, 2}, Values{3, 3}).has_value());
}

TEST(RiskCoverage, FallsWithConfidenceAndDoesNotDependOnTheOrderOfTies) {
  const Values confidence{0.9, 0.5, 0.9, 0.1};
  const Values outcome{1, 0, 0, 0};
  const auto points = risk_coverage(confidence, outcome);
  ASSERT_EQ(points.size(), 3U);
  EXPECT_DOUBLE_EQ(points[0].coverage, 0.5);
  EXPECT_DOUBLE_EQ(points[0].accuracy, 0.5);
  EXPECT_DOUBLE_EQ(points[2].accuracy, 0.25);
  const double area = (0.5 + 0.5 + 2.0 / 3 + 0.75) / 4;
  EXPECT_NEAR(aurc(confidence, outcome), area, 1e-12);
  EXPECT_NEAR(aurc(Values{0.9, 0.5, 0.9, 0.1}, Values{0, 0, 1, 0}), area, 1e-12);
  EXPECT_EQ(aurc({}, {}), 0);
}

TEST(MutualInformation, IsTheEntropyOfEqualLabelsAndNothingOfIndependentOnes) {
  const std::vector<std::int32_t> a{0, 0, 1, 1};
  const std::vector<std::int32_t> b{0, 1, 0, 1};
  EXPECT_NEAR(mutual_information(a, a), 1, 1e-12);
  EXPECT_NEAR(mutual_information(a, b), 0, 1e-12);
}

TEST(CalibrationBins, HoldEveryPairAndTheErrorIsTheirs) {
  base::Rng rng(8);
  Values probability;
  Values outcome;
  for (int i = 0; i < 500; ++i) {
    probability.push_back(rng.uniform());
    outcome.push_back(rng.uniform() < probability.back() ? 1 : 0);
  }
  double error = 0;
  std::size_t count = 0;
  for (const auto& bin : calibration_bins(probability, outcome)) {
    error += std::abs(bin.forecast - bin.outcome) * static_cast<double>(bin.count);
    count += bin.count;
  }
  EXPECT_EQ(count, 500U);
  EXPECT_NEAR(error / 500, calibration_error(probability, outcome), 1e-12);
}

}  // namespace
}  // namespace thalamus::math
