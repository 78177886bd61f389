#include "thalamus/dispatch/slow_stream.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <utility>

#include "thalamus/base/rng.h"

namespace thalamus::dispatch {
namespace {

constexpr SlowStreamOptions kTenASecond{.floor_per_second = 10, .window = Nanoseconds::from_ms(8'000)};

Nanoseconds at(double seconds) { return Nanoseconds::from_seconds(seconds); }

TEST(SlowStream, SaysNothingBeforeTheFirstContent) {
  SlowStreamGuard guard(kTenASecond);
  guard.add(at(0), 0);
  EXPECT_FALSE(guard.too_slow_from().has_value());
  EXPECT_FALSE(guard.too_slow(at(1'000)));
}

TEST(SlowStream, IsOffWithoutAFloor) {
  SlowStreamGuard guard({});
  guard.add(at(0), 1);
  EXPECT_FALSE(guard.too_slow(at(1'000)));
}

TEST(SlowStream, GivesUpADripAfterOneWindow) {
  SlowStreamGuard guard(kTenASecond);
  double seconds = 5;
  for (; seconds < 100 && !guard.too_slow(at(seconds)); seconds += 0.5) guard.add(at(seconds), 1);
  EXPECT_NEAR(seconds, 13, 0.51);
}

TEST(SlowStream, KnowsWhenASilentStreamIsOver) {
  SlowStreamGuard guard(kTenASecond);
  guard.add(at(5), 1);
  EXPECT_EQ(guard.too_slow_from(), at(13)) << "one window after the first piece, whatever comes then";
  EXPECT_FALSE(guard.too_slow(Nanoseconds{at(13).value - 1}));
  EXPECT_TRUE(guard.too_slow(at(13)));
  guard.pause(at(6));
  guard.resume(at(9));
  EXPECT_EQ(guard.too_slow_from(), at(16)) << "less the time in which the client did not take it";
}

TEST(SlowStream, IsNotReconciledByWhatComesTooLate) {
  SlowStreamGuard guard(kTenASecond);
  guard.add(at(0), 1);
  guard.add(at(8), 1'000'000);
  EXPECT_TRUE(guard.too_slow(at(8))) << "even if nobody looked at the instant";
  SlowStreamGuard in_time(kTenASecond);
  in_time.add(at(0), 1);
  in_time.add(at(7.9), 1'000'000);
  EXPECT_FALSE(in_time.too_slow(at(8.1)));
}

TEST(SlowStream, LetsAStreamAboveTheFloorGoOn) {
  SlowStreamGuard guard(kTenASecond);
  for (double seconds = 0; seconds < 200; seconds += 0.1) {
    ASSERT_FALSE(guard.too_slow(at(seconds))) << seconds;
    guard.add(at(seconds), 2);
  }
}

TEST(SlowStream, NoticesAStreamThatDriesUpLater) {
  SlowStreamGuard guard(kTenASecond);
  for (double seconds = 0; seconds < 50; seconds += 0.1) guard.add(at(seconds), 2);
  EXPECT_FALSE(guard.too_slow(at(52)));
  EXPECT_TRUE(guard.too_slow(at(58.1)));
  ASSERT_TRUE(guard.too_slow_from().has_value());
  EXPECT_GT(guard.too_slow_from()->seconds(), 52);  // 80 units a window: half of what came is enough for a while
  EXPECT_LE(guard.too_slow_from()->seconds(), 58.1);
}

TEST(SlowStream, ForgivesTheTimeThatTheClientTakes) {
  SlowStreamGuard guard(kTenASecond);
  for (int i = 0; i < 100; ++i) {
    const double seconds = i * 10.0;
    guard.add(at(seconds), 10);
    guard.pause(at(seconds));
    EXPECT_FALSE(guard.too_slow_from().has_value());
    guard.resume(at(seconds + 9.5));
    ASSERT_FALSE(guard.too_slow(at(seconds + 9.9))) << i;
  }
}

// Against a plain list of all pieces: judged at the ends of slices, by the window before.
TEST(SlowStream, AgreesWithAListOfAllPieces) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    base::Rng rng(seed);
    SlowStreamGuard guard(kTenASecond);
    std::deque<std::pair<double, std::uint64_t>> pieces;
    double now = 1;
    const double first = now;
    for (int i = 0; i < 200; ++i) {
      if (guard.too_slow(at(now))) break;  // at an instant that was checked when it was foretold
      const std::uint64_t units = 1 + rng.below(20);
      guard.add(at(now), units);
      pieces.emplace_back(now, units);
      const auto from = guard.too_slow_from();
      ASSERT_TRUE(from.has_value());
      const double boundary = from->seconds();
      const auto sum_before = [&](double end) {
        std::uint64_t sum = 0;
        for (const auto& [when, count] : pieces)
          if (when >= end - 8 - 1e-9 && when < end - 1e-9) sum += count;
        return sum;
      };
      ASSERT_NEAR(std::round(boundary - first), boundary - first, 1e-6) << "a slice is a second";
      ASSERT_GE(boundary, std::max(now, first + 8) - 1e-9);
      ASSERT_LT(sum_before(boundary), 80U);
      for (double end = boundary - 1; end > now && end >= first + 8; end -= 1) ASSERT_GE(sum_before(end), 80U);
      now += rng.uniform() * 2;
    }
  }
}

}  // namespace
}  // namespace thalamus::dispatch
