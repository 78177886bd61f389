#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "thalamus/base/clock.h"
#include "thalamus/base/units.h"

namespace thalamus::base {
namespace {

constexpr auto kMost = std::numeric_limits<std::int64_t>::max();
constexpr auto kLeast = std::numeric_limits<std::int64_t>::min();

TEST(NanoDollars, RoundToTheNearest) {
  EXPECT_EQ(NanoDollars::from_usd(1.5e-9).value, 2);
  EXPECT_EQ(NanoDollars::from_usd(0.1).value, 100'000'000);
  EXPECT_EQ(NanoDollars::from_usd(-2).value, -2'000'000'000);
  EXPECT_DOUBLE_EQ(NanoDollars{1'500'000'000}.usd(), 1.5);
}

TEST(NanoDollars, SaturateInsteadOfOverflowing) {
  EXPECT_EQ((NanoDollars{kMost} + NanoDollars{1}).value, kMost);
  EXPECT_EQ((NanoDollars{kLeast} + NanoDollars{-1}).value, kLeast);
  EXPECT_EQ((NanoDollars{kMost} + NanoDollars{-1}).value, kMost - 1);
  EXPECT_EQ(NanoDollars::from_usd(1e300).value, kMost);
  EXPECT_EQ(NanoDollars::from_usd(-1e300).value, kLeast);
  EXPECT_EQ(NanoDollars::from_usd(std::nan("")).value, kMost);  // never free by mistake
}

TEST(NanoDollars, SumExactly) {
  NanoDollars sum;
  for (int i = 0; i < 10'000; ++i) sum = sum + NanoDollars::from_usd(0.0001);
  EXPECT_EQ(sum, NanoDollars::from_usd(1));
}

TEST(Nanoseconds, ConvertBetweenUnits) {
  EXPECT_EQ(Nanoseconds::from_ms(3).value, 3'000'000);
  EXPECT_EQ(Nanoseconds::from_seconds(0.25).value, 250'000'000);
  EXPECT_DOUBLE_EQ(Nanoseconds{1'500'000'000}.seconds(), 1.5);
  EXPECT_DOUBLE_EQ(Nanoseconds{2'500'000}.ms(), 2.5);
  EXPECT_EQ(Nanoseconds::from_ms(5) - Nanoseconds::from_ms(2), Nanoseconds::from_ms(3));
  EXPECT_LT(Nanoseconds::from_ms(5), Nanoseconds::from_ms(6));
}

TEST(Nanoseconds, SaturateInsteadOfOverflowing) {
  EXPECT_EQ(Nanoseconds::from_seconds(1e300).value, kMost);
  EXPECT_EQ(Nanoseconds::from_seconds(-1e300).value, kLeast);
  EXPECT_EQ(Nanoseconds::from_seconds(std::nan("")).value, kMost);
}

TEST(ManualClock, StandsStillUntilTold) {
  ManualClock clock(1'000);
  EXPECT_EQ(clock.now(), Nanoseconds{0});
  clock.advance(Nanoseconds{5});
  EXPECT_EQ(clock.now(), Nanoseconds{5});
  EXPECT_EQ(clock.unix_ns(), 1'005);
  clock.set(Nanoseconds{100});
  EXPECT_EQ(clock.unix_ns(), 1'100);
}

TEST(SystemClock, NeverRunsBackwards) {
  const SystemClock clock;
  const auto first = clock.now();
  EXPECT_LE(first, clock.now());
  EXPECT_GT(clock.unix_ns(), 1'600'000'000'000'000'000);
}

}  // namespace
}  // namespace thalamus::base
