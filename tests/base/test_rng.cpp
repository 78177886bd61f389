// Golden values come from an independent implementation of the published generator.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <vector>

#include "thalamus/base/rng.h"

namespace thalamus::base {
namespace {

TEST(Rng, GivesThePublishedSequence) {
  Rng rng(42);
  EXPECT_EQ(rng.next(), 0x15780b2e0c2ec716ULL);
  EXPECT_EQ(rng.next(), 0x6104d9866d113a7eULL);
  EXPECT_EQ(rng.next(), 0xae17533239e499a1ULL);
  Rng zero(0);
  EXPECT_EQ(zero.next(), 0x99ec5f36cb75f2b4ULL);
  EXPECT_EQ(mix64(0), 0xe220a8397b1dcdafULL);
}

TEST(Rng, GivesTheSameNumbersForTheSameSeed) {
  Rng first(7);
  Rng second(7);
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(first.next(), second.next());
}

TEST(Rng, UniformIsTheTop53Bits) {
  Rng rng(7);
  EXPECT_EQ(rng.uniform(), 6310231968177966.0 * 0x1.0p-53);
  for (int i = 0; i < 10'000; ++i) {
    const double u = rng.uniform();
    ASSERT_TRUE(u >= 0 && u < 1);
  }
}

TEST(Rng, BelowGivesItsGoldenValues) {
  Rng rng(42);
  const std::vector<std::uint64_t> expected{2, 2, 9, 3, 6, 4, 4, 7, 8, 5};
  for (const auto value : expected) EXPECT_EQ(rng.below(10), value);
}

TEST(Rng, BelowIsUniform) {
  Rng rng(1);
  std::vector<int> counts(7);
  constexpr int kDraws = 70'000;
  for (int i = 0; i < kDraws; ++i) ++counts[rng.below(7)];
  double chi_square = 0;
  for (const int count : counts) chi_square += (count - 10'000.0) * (count - 10'000.0) / 10'000.0;
  EXPECT_LT(chi_square, 22.5);  // 6 degrees of freedom, 0.1 %
}

TEST(Rng, BetweenReachesBothEnds) {
  Rng rng(3);
  std::set<std::int64_t> seen;
  for (int i = 0; i < 200; ++i) seen.insert(rng.between(-2, 2));
  EXPECT_EQ(seen, (std::set<std::int64_t>{-2, -1, 0, 1, 2}));
  EXPECT_EQ(rng.between(5, 5), 5);
  (void)rng.between(INT64_MIN, INT64_MAX);
}

TEST(Rng, NormalHasItsMoments) {
  Rng rng(9);
  constexpr int kDraws = 100'000;
  double sum = 0;
  double squares = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double x = rng.normal();
    ASSERT_TRUE(std::isfinite(x));
    sum += x;
    squares += x * x;
  }
  EXPECT_NEAR(sum / kDraws, 0, 0.02);
  EXPECT_NEAR(squares / kDraws, 1, 0.02);
}

TEST(Rng, ShuffleGivesItsGoldenOrderAndKeepsAllItems) {
  std::vector<int> items(8);
  std::iota(items.begin(), items.end(), 0);
  Rng rng(42);
  rng.shuffle(items);
  EXPECT_EQ(items, (std::vector<int>{7, 2, 4, 0, 3, 5, 1, 6}));
}

TEST(Rng, ForkIsNamedByItsLabelAndLeavesTheParentAlone) {
  Rng rng(42);
  Rng arrivals = rng.fork("arrivals");
  EXPECT_EQ(arrivals.next(), 0x410a69ac544df33dULL);
  EXPECT_EQ(rng.fork("arrivals").next(), 0x410a69ac544df33dULL);
  EXPECT_NE(rng.fork("faults").next(), 0x410a69ac544df33dULL);
  EXPECT_EQ(rng.next(), 0x15780b2e0c2ec716ULL);
}

TEST(Rng, PickReachesEveryItem) {
  const std::vector<int> items{1, 2, 3};
  Rng rng(5);
  std::set<int> seen;
  for (int i = 0; i < 100; ++i) seen.insert(rng.pick(items));
  EXPECT_EQ(seen.size(), 3U);
}

}  // namespace
}  // namespace thalamus::base
