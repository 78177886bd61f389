#include "thalamus/dispatch/hedge.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <thread>
#include <vector>

#include "thalamus/base/rng.h"

namespace thalamus::dispatch {
namespace {

HedgeOptions enabled() {
  HedgeOptions options;
  options.enabled = true;
  return options;
}

TEST(DurationQuantile, IsWithinABucketOfTheTrueQuantile) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    base::Rng rng(seed);
    DurationQuantile sketch(1U << 20U);
    std::vector<double> values;
    for (int i = 0; i < 1'000; ++i) {
      values.push_back(std::exp(rng.normal() * 1.5 - 1));  // seconds; median .37
      sketch.observe(Nanoseconds::from_seconds(values.back()));
    }
    std::sort(values.begin(), values.end());
    for (const double share : {0.1, 0.5, 0.9, 0.95, 0.99, 1.0}) {
      const double exact = values[static_cast<std::size_t>(std::ceil(share * 1'000)) - 1];
      EXPECT_NEAR(sketch.quantile(share)->seconds() / exact, 1, 0.0435) << share;
    }
  }
}

TEST(DurationQuantile, KnowsNothingAtFirstAndKeepsExtremesInItsEnds) {
  DurationQuantile sketch;
  EXPECT_FALSE(sketch.quantile(0.5).has_value());
  sketch.observe({});
  EXPECT_LE(sketch.quantile(0.5)->ms(), 1);
  sketch.observe(Nanoseconds::from_ms(86'400'000));
  EXPECT_GT(sketch.quantile(1)->seconds(), 1'500);
}

TEST(DurationQuantile, ForgetsTheOld) {
  DurationQuantile sketch(256);
  for (int i = 0; i < 5'000; ++i) sketch.observe(Nanoseconds::from_ms(100));
  EXPECT_NEAR(sketch.quantile(0.5)->ms(), 100, 5);
  for (int i = 0; i < 1'000; ++i) sketch.observe(Nanoseconds::from_ms(2'000));
  EXPECT_NEAR(sketch.quantile(0.5)->ms(), 2'000, 90);
  EXPECT_LT(sketch.count(), 2U * 256U + 1);
}

TEST(DurationQuantile, LosesNoCountUnderEightThreads) {
  DurationQuantile sketch(512);
  {
    std::vector<std::jthread> threads;
    for (std::uint64_t t = 0; t < 8; ++t)
      threads.emplace_back([&sketch, t] {
        base::Rng rng(t + 1);
        for (int i = 0; i < 20'000; ++i) sketch.observe(Nanoseconds::from_ms(rng.between(50, 150)));
      });
  }
  EXPECT_GE(sketch.count(), 512U);
  EXPECT_LE(sketch.count(), 2U * 512U + 8);
  EXPECT_NEAR(sketch.quantile(0.5)->ms(), 100, 8);
  EXPECT_NEAR(sketch.quantile(1.0)->ms(), 150, 8);
}

TEST(Hedger, WaitsForTheLearnedDelay) {
  Hedger hedger(enabled());
  EXPECT_FALSE(hedger.delay().has_value());
  for (int i = 1; i <= 100; ++i) hedger.observe(Nanoseconds::from_ms(10 * i));
  ASSERT_TRUE(hedger.delay().has_value());
  EXPECT_NEAR(hedger.delay()->ms(), 950, 45);
}

TEST(Hedger, KeepsTheDelayWithinItsBounds) {
  auto options = enabled();
  options.min_delay_ms = 200;
  options.max_delay_ms = 400;
  Hedger quick(options);
  Hedger slow(options);
  for (int i = 0; i < 100; ++i) {
    quick.observe(Nanoseconds::from_ms(5));
    slow.observe(Nanoseconds::from_ms(5'000));
  }
  EXPECT_EQ(quick.delay(), Nanoseconds::from_ms(200));
  EXPECT_EQ(slow.delay(), Nanoseconds::from_ms(400));
}

TEST(Hedger, DoesNothingWhereItIsOff) {
  Hedger hedger(HedgeOptions{});
  for (int i = 0; i < 100; ++i) hedger.observe(Nanoseconds::from_ms(5));
  EXPECT_FALSE(hedger.delay().has_value());
  EXPECT_FALSE(hedger.allow({}));
}

TEST(Hedger, HedgesNoMoreThanItsShareOfTheRequests) {
  auto options = enabled();
  options.ratio = 0.05;
  options.burst = 2;
  Hedger hedger(options);
  int hedges = 0;
  for (int i = 0; i < 1'000; ++i) {
    hedger.request({});
    if (hedger.allow({})) ++hedges;
  }
  EXPECT_LE(hedges, 52);
  EXPECT_GE(hedges, 50);
}

// The delay is learned from attempts that it cuts short itself: it must not feed on that.
TEST(Hedger, DoesNotTeachItselfAnEverShorterDelay) {
  const std::uint64_t seed = 8;
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  base::Rng rng(seed);
  auto options = enabled();
  options.min_delay_ms = 1;
  options.ratio = 1;
  Hedger hedger(options);
  const auto draw = [&] { return Nanoseconds::from_seconds(0.2 * std::exp(0.5 * rng.normal())); };
  for (int i = 0; i < 100; ++i) hedger.observe(draw());
  const double before = hedger.delay()->ms();
  for (int i = 0; i < 20'000; ++i) {
    const Nanoseconds first = draw();
    const Nanoseconds delay = *hedger.delay();
    if (first <= delay) {
      hedger.observe(first);
      continue;
    }
    const Nanoseconds second = draw();
    hedger.observe(std::min(first, delay + second));  // given up when the other one won
    hedger.observe(std::min(second, first - delay));
  }
  EXPECT_GT(hedger.delay()->ms(), before * 0.75);
}

}  // namespace
}  // namespace thalamus::dispatch
