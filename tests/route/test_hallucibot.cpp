// The risk head and what is decided by it: calibration, risk against coverage, the rewrite guard and its bound.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "thalamus/math/stats.h"
#include "thalamus/math/stats_ranking.h"
#include "thalamus/route/risk.h"
#include "toy.h"

namespace thalamus::route {
namespace {

const MethodRecord& method() { return *find_method("hallucibot"); }

/// Sums are easy (each model right 9 times in 10), French is hard; `fragile` (the second model) never gets French.
Toy graded(std::size_t rows, std::uint64_t seed) {
  Toy toy = make_toy(rows, seed);
  base::Rng rng(seed + 1000);
  for (std::size_t row = 0; row < rows; ++row) {
    const double chance = toy.kind[row] == 0 ? 0.9 : 0.4;
    for (std::size_t m = 0; m < 3; ++m)
      toy.set.quality[row * 3 + m] = rng.uniform() < (m == 1 && toy.kind[row] == 1 ? 0.0 : chance) ? 1.0F : 0.0F;
  }
  return toy;
}

TEST(RiskHead, HardRequestsAreRiskierAndRiskIsCalibrated) {
  const Toy toy = graded(600, 95);
  const auto router = fit_toy(method(), toy);
  ASSERT_NE(router, nullptr);
  const RiskHead& head = risk_head(*router);
  const Toy test = graded(300, 96);
  std::vector<double> risk;
  std::vector<double> wrong;
  std::vector<float> dense(toy.features.dense_size());
  feature::Description description;
  feature::SparseVector sparse;
  for (std::size_t row = 0; row < test.texts.size(); ++row) {
    feature::describe_text(test.texts[row], "", description);
    toy.features.transform(description, dense, sparse);
    risk.push_back(head.risk(dense));
    double sum = 0;
    for (std::size_t m = 0; m < 3; ++m) sum += static_cast<double>(test.set.quality_of(row, m));
    wrong.push_back(1 - sum / 3);
  }
  EXPECT_LT(math::calibration_error(risk, wrong, 5), 0.08);
  std::vector<double> hard;
  for (const auto kind : test.kind) hard.push_back(kind);
  EXPECT_GT(math::auroc(risk, hard).value(), 0.95);
}

TEST(RiskHead, CoverageOfAPerfectHeadIsMonotone) {
  // Confidence = 1 - risk; outcome = 1 - wrong: answering fewer, the surest, is never less accurate.
  std::vector<double> confidence;
  std::vector<double> right;
  for (int i = 0; i < 100; ++i) {
    right.push_back(i < 70 ? 1 : 0);
    confidence.push_back(right.back());
  }
  const auto points = math::risk_coverage(confidence, right);
  for (std::size_t i = 1; i < points.size(); ++i) EXPECT_LE(points[i].accuracy, points[i - 1].accuracy + 1e-12);
}

TEST(Hallucibot, FragileModelsFallFasterWithRiskThanRobustOnes) {
  const Toy toy = graded(600, 97);
  const auto router = fit_toy(method(), toy);
  const auto easy = estimate_text(*router, toy.features, "What is 31 plus 7? Answer with a number.", 3);
  const auto hard = estimate_text(*router, toy.features,
                                  "Translate the words apple and river into French, please, with an article.", 3);
  for (std::size_t m = 0; m < 3; ++m) EXPECT_GT(easy.quality[m], hard.quality[m]);
  EXPECT_GT(easy.quality[1] - hard.quality[1], easy.quality[0] - hard.quality[0] + 0.15F);
  EXPECT_NEAR(hard.quality[1], 0, 0.15);
}

TEST(Hallucibot, RiskActionsFollowTheirThresholds) {
  EXPECT_EQ(risk_action(0.1, 0.2, 0.7), RiskAction::kCheapest);
  EXPECT_EQ(risk_action(0.2, 0.2, 0.7), RiskAction::kRoute);
  EXPECT_EQ(risk_action(0.7, 0.2, 0.7), RiskAction::kRoute);
  EXPECT_EQ(risk_action(0.8, 0.2, 0.7), RiskAction::kEscalate);
}

TEST(Rewrites, ALowRiskPassesAndTheBestAllowedRewriteIsTaken) {
  const RewriteRule rule{.risk_max = 0.5, .improvement_min = 0.1, .similarity_min = 0.8, .rewrites_max = 4};
  EXPECT_EQ(rank_rewrites(0.5, std::vector<Rewrite>{{0.0, 1.0}}, rule).verdict, RewriteVerdict::kOriginal);
  const auto best = rank_rewrites(0.9, std::vector<Rewrite>{{0.6, 0.9}, {0.3, 0.85}, {0.3, 0.95}}, rule);
  EXPECT_EQ(best.verdict, RewriteVerdict::kRewrite);
  EXPECT_EQ(best.index, 1U);
}

TEST(Rewrites, DriftSmallGainsAndTextsBeyondTheBoundAreRejected) {
  const RewriteRule rule{.risk_max = 0.5, .improvement_min = 0.1, .similarity_min = 0.8, .rewrites_max = 2};
  EXPECT_EQ(rank_rewrites(0.9, std::vector<Rewrite>{{0.1, 0.79}}, rule).verdict, RewriteVerdict::kEscalate);
  EXPECT_EQ(rank_rewrites(0.9, std::vector<Rewrite>{{0.85, 0.99}}, rule).verdict, RewriteVerdict::kEscalate);
  EXPECT_EQ(rank_rewrites(0.9, std::vector<Rewrite>{{0.85, 1}, {0.85, 1}, {0.1, 1}}, rule).verdict,
            RewriteVerdict::kEscalate);
  EXPECT_EQ(rank_rewrites(0.9, {}, rule).verdict, RewriteVerdict::kEscalate);
}

}  // namespace
}  // namespace thalamus::route
