#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "thalamus/math/stats_paired.h"

namespace thalamus::math {
namespace {

std::vector<double> shifted(const std::vector<double>& base, double shift) {
  std::vector<double> out = base;
  for (double& v : out) v += shift;
  return out;
}

TEST(ResampledMeans, DifferencesOfShiftedColumnsAreExact) {
  base::Rng rng(4);
  std::vector<double> base;
  for (int i = 0; i < 100; ++i) base.push_back(rng.uniform());
  const auto means = ResampledMeans::draw({base, shifted(base, 0.25)}, 200, base::Rng(1));
  const auto difference = means.difference(1, 0);
  EXPECT_NEAR(difference.low, 0.25, 1e-12);
  EXPECT_NEAR(difference.high, 0.25, 1e-12);
  EXPECT_NEAR(means.p_value(1, 0), 2.0 / 201, 1e-12);
  EXPECT_EQ(means.p_value(0, 0), 1);
  EXPECT_LT(means.mean(0).low, means.observed(0));
}

TEST(ResampledMeans, AgreesWithTheBootstrapOfOneDifference) {
  base::Rng rng(5);
  std::vector<double> a;
  std::vector<double> b;
  for (int i = 0; i < 300; ++i) {
    a.push_back(rng.uniform() < 0.7 ? 1 : 0);
    b.push_back(rng.uniform() < 0.6 ? 1 : 0);
  }
  const auto one = paired_bootstrap(a, b, 4000, base::Rng(1));
  const auto many = ResampledMeans::draw({a, b}, 4000, base::Rng(2)).difference(0, 1);
  EXPECT_NEAR(one.mean, many.mean, 1e-12);
  EXPECT_NEAR(one.low, many.low, 0.01);
  EXPECT_NEAR(one.high, many.high, 0.01);
}

TEST(HolmFamily, LevelsStepDownAndStopAtTheFirstThatIsNotRejected) {
  base::Rng rng(6);
  std::vector<double> reference;
  std::vector<double> noise;
  for (int i = 0; i < 400; ++i) {
    reference.push_back(rng.uniform());
    noise.push_back(reference.back() + 0.3 * rng.normal());
  }
  const auto means =
      ResampledMeans::draw({reference, shifted(noise, 0.2), noise, shifted(noise, -0.2)}, 2000, base::Rng(3));
  const std::vector<std::size_t> columns{1, 2, 3};
  const auto family = holm_family(means, columns, 0);
  EXPECT_GT(family[0].interval.low, 0);
  EXPECT_LT(family[2].interval.high, 0);
  EXPECT_GT(family[1].p_adjusted, 0.05);
  EXPECT_NEAR(std::min(family[0].level, family[2].level), 1 - 0.05 / 2, 1e-12);
  EXPECT_NEAR(std::max(family[0].level, family[2].level), 1 - 0.05 / 3, 1e-12);
  EXPECT_NEAR(family[1].level, 0.95, 1e-12);
  for (const auto& member : family) EXPECT_GE(member.p_adjusted, member.p);
}

TEST(HolmFamily, IntervalsOfEqualPoliciesHoldTogetherAboutAsOftenAsTheySay) {
  constexpr std::uint64_t kSeed = 12;
  SCOPED_TRACE(testing::Message() << "seed " << kSeed);
  base::Rng rng(kSeed);
  int all_hold = 0;
  constexpr int kRounds = 60;
  const std::vector<std::size_t> columns{1, 2, 3, 4};
  for (int round = 0; round < kRounds; ++round) {
    std::vector<std::vector<double>> policies(5);
    for (auto& policy : policies)
      for (int i = 0; i < 80; ++i) policy.push_back(rng.normal());
    const auto family = holm_family(ResampledMeans::draw(policies, 400, rng.fork("b")), columns, 0);
    all_hold += std::all_of(family.begin(), family.end(),
                            [](const auto& m) { return m.interval.low <= 0 && m.interval.high >= 0; })
                    ? 1
                    : 0;
  }
  EXPECT_GE(all_hold, kRounds * 85 / 100);
}

TEST(SignTest, IsTheBinomialTail) {
  EXPECT_NEAR(sign_test(9, 1), 2 * (1 + 10) / 1024.0, 1e-12);
  EXPECT_EQ(sign_test(5, 5), 1);
  EXPECT_EQ(sign_test(0, 0), 1);
  EXPECT_LT(sign_test(0, 400), 1e-100);
}

}  // namespace
}  // namespace thalamus::math
