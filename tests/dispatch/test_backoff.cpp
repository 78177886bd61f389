#include "thalamus/dispatch/backoff.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

namespace thalamus::dispatch {
namespace {

constexpr Nanoseconds kForever = Nanoseconds::from_ms(3'600'000);

TEST(Backoff, FullJitterIsUniformBelowADoublingBound) {
  const std::uint64_t seed = 3;
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  base::Rng rng(seed);
  constexpr int kDraws = 4'000;
  std::array<double, 4> sum{};
  std::array<double, 4> most{};
  for (int i = 0; i < kDraws; ++i) {
    Backoff backoff({.base_ms = 100, .cap_ms = 500});
    for (std::size_t n = 0; n < 4; ++n) {
      const double ms = backoff.next(rng, {}, kForever)->ms();
      sum[n] += ms / kDraws;
      most[n] = std::max(most[n], ms);
    }
  }
  const std::array<double, 4> bounds{100, 200, 400, 500};
  for (std::size_t n = 0; n < 4; ++n) {
    EXPECT_LE(most[n], bounds[n]);
    EXPECT_NEAR(sum[n], bounds[n] / 2, bounds[n] * 0.03) << "wait " << n;
  }
}

TEST(Backoff, DecorrelatedJitterStaysBetweenBaseAndThreeTimesTheLast) {
  const std::uint64_t seed = 4;
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  base::Rng rng(seed);
  for (int i = 0; i < 200; ++i) {
    Backoff backoff({.base_ms = 100, .cap_ms = 2'000, .jitter = "decorrelated"});
    double last = 100;
    for (int n = 0; n < 20; ++n) {
      const double ms = backoff.next(rng, {}, kForever)->ms();
      ASSERT_GE(ms, 99.999);
      ASSERT_LE(ms, std::min(2'000.0, 3 * last) + 1e-3);
      last = ms;
    }
  }
}

TEST(Backoff, WaitsAtLeastAsLongAsTheUpstreamAsks) {
  base::Rng rng(5);
  bool differ = false;
  double first = -1;
  for (int i = 0; i < 100; ++i) {
    Backoff backoff({.base_ms = 100});
    const double ms = backoff.next(rng, Nanoseconds::from_ms(3'000), kForever)->ms();
    EXPECT_GE(ms, 3'000);
    EXPECT_LE(ms, 3'100);
    differ = differ || (first >= 0 && ms != first);
    first = ms;
  }
  EXPECT_TRUE(differ) << "those who were told the same instant do not come at the same instant";
}

TEST(Backoff, GivesUpWhereTheWaitIsTooLong) {
  base::Rng rng(6);
  Backoff backoff({.base_ms = 100, .retry_after_max_ms = 1'000});
  EXPECT_FALSE(backoff.next(rng, Nanoseconds::from_ms(1'001), kForever).has_value());
  EXPECT_FALSE(backoff.next(rng, Nanoseconds::from_ms(500), Nanoseconds::from_ms(400)).has_value());
  EXPECT_FALSE(backoff.next(rng, {}, Nanoseconds{}).has_value());
  EXPECT_EQ(backoff.waits(), 0U);
  EXPECT_TRUE(backoff.next(rng, Nanoseconds::from_ms(500), kForever).has_value());
  EXPECT_EQ(backoff.waits(), 1U);
}

TEST(Backoff, GivesTheSameWaitsForTheSameSeed) {
  for (const auto* jitter : {"full", "decorrelated"}) {
    base::Rng first(9);
    base::Rng second(9);
    Backoff one({.jitter = jitter});
    Backoff two({.jitter = jitter});
    for (int n = 0; n < 100; ++n) EXPECT_EQ(one.next(first, {}, kForever), two.next(second, {}, kForever));
  }
}

}  // namespace
}  // namespace thalamus::dispatch
