#include "thalamus/dispatch/replica_health.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>
#include <utility>
#include <vector>

namespace thalamus::dispatch {
namespace {

Nanoseconds at(double seconds) { return Nanoseconds::from_seconds(seconds); }

/// One set of replicas, and calls that begin and end at once.
struct Fleet {
  explicit Fleet(std::size_t replicas, const HealthOptions& options = {}) : health(replicas, options) {}
  bool call(std::size_t replica, HealthVerdict verdict, double seconds) {
    const auto pass = health.enter(replica, at(seconds));
    if (!pass) return false;
    health.leave(replica, *pass, verdict, at(seconds), rng);
    return true;
  }
  void fail(std::size_t replica, int times, double seconds) {
    for (int i = 0; i < times; ++i) static_cast<void>(call(replica, HealthVerdict::kFault, seconds));
  }
  ReplicaHealth health;
  base::Rng rng{7};
};

TEST(ReplicaHealth, EjectsAfterFailuresInARow) {
  Fleet fleet(3);
  fleet.fail(0, 4, 1);
  EXPECT_EQ(fleet.health.phase(0, at(1)), HealthPhase::kClosed);
  EXPECT_TRUE(fleet.call(0, HealthVerdict::kGood, 1));
  fleet.fail(0, 4, 1);
  EXPECT_EQ(fleet.health.phase(0, at(1)), HealthPhase::kClosed) << "a good one between them starts the count anew";
  fleet.fail(0, 1, 1);
  EXPECT_EQ(fleet.health.phase(0, at(1)), HealthPhase::kOpen);
  EXPECT_FALSE(fleet.health.enter(0, at(1)).has_value());
  EXPECT_GE(fleet.health.open_until(0).seconds(), 1 + 4);
  EXPECT_LE(fleet.health.open_until(0).seconds(), 1 + 5);
}

TEST(ReplicaHealth, EjectsNoMoreThanItsShareButTheBreakerOpensAll) {
  Fleet fleet(4);
  for (std::size_t r = 0; r < 4; ++r) fleet.fail(r, 9, 1);
  int open = 0;
  for (std::size_t r = 0; r < 4; ++r) open += fleet.health.phase(r, at(1)) == HealthPhase::kOpen ? 1 : 0;
  EXPECT_EQ(open, 2);
  for (std::size_t r = 0; r < 4; ++r) fleet.fail(r, 1, 1);
  for (std::size_t r = 0; r < 4; ++r) EXPECT_EQ(fleet.health.phase(r, at(1)), HealthPhase::kOpen);
}

TEST(ReplicaHealth, NeverEjectsTheOnlyReplicaButBreaksIt) {
  Fleet fleet(1);
  fleet.fail(0, 9, 1);
  EXPECT_EQ(fleet.health.phase(0, at(1)), HealthPhase::kClosed);
  fleet.fail(0, 1, 1);
  EXPECT_EQ(fleet.health.phase(0, at(1)), HealthPhase::kOpen);
}

TEST(ReplicaHealth, LetsProbesThroughWhenHalfOpen) {
  HealthOptions options;
  options.probes_max = 2;
  options.probes_to_close = 2;
  Fleet fleet(1, options);
  fleet.fail(0, 10, 0);
  const Nanoseconds later = at(5.1);
  ASSERT_EQ(fleet.health.phase(0, later), HealthPhase::kHalfOpen);
  const auto first = fleet.health.enter(0, later);
  const auto second = fleet.health.enter(0, later);
  ASSERT_TRUE(first && second && first->probe());
  EXPECT_FALSE(fleet.health.enter(0, later).has_value());
  fleet.health.leave(0, *first, HealthVerdict::kNeutral, later, fleet.rng);
  EXPECT_EQ(fleet.health.phase(0, later), HealthPhase::kHalfOpen) << "a cancelled probe says nothing";
  fleet.health.leave(0, *second, HealthVerdict::kGood, later, fleet.rng);
  EXPECT_EQ(fleet.health.phase(0, later), HealthPhase::kHalfOpen);
  EXPECT_TRUE(fleet.call(0, HealthVerdict::kGood, 5.2));
  EXPECT_EQ(fleet.health.phase(0, at(5.2)), HealthPhase::kClosed);
}

TEST(ReplicaHealth, OpensForLongerEachTimeUpToItsMost) {
  HealthOptions options;
  options.open_ms = 1'000;
  options.open_max_ms = 10'000;
  Fleet fleet(1, options);
  fleet.fail(0, 10, 0);
  double expected = 1;
  double now = 0;
  for (int i = 0; i < 8; ++i) {
    const double until = fleet.health.open_until(0).seconds();
    EXPECT_GE(until - now, expected * 0.799) << i;
    EXPECT_LE(until - now, expected * 1.001) << i;
    now = until + 0.01;
    ASSERT_TRUE(fleet.call(0, HealthVerdict::kFault, now)) << "a probe, which fails";
    expected = std::min(10.0, expected * 2);
  }
  EXPECT_EQ(fleet.health.openings(0), 9U);
}

TEST(ReplicaHealth, ForgetsAnOpeningWithEveryIntervalInGoodHealth) {
  Fleet fleet(1);
  fleet.fail(0, 10, 0);
  ASSERT_TRUE(fleet.call(0, HealthVerdict::kGood, 6));
  for (double now = 6; now < 60; now += 1) ASSERT_TRUE(fleet.call(0, HealthVerdict::kGood, now));
  fleet.fail(0, 10, 60);
  EXPECT_LE(fleet.health.open_until(0).seconds(), 65.01) << "as long as the first time";
}

TEST(ReplicaHealth, IgnoresTheVerdictOfAnOlderOpening) {
  Fleet fleet(1);
  const auto before = fleet.health.enter(0, at(0));
  fleet.fail(0, 10, 0);
  const auto probe = fleet.health.enter(0, at(6));
  ASSERT_TRUE(before && probe && probe->probe());
  fleet.health.leave(0, *before, HealthVerdict::kGood, at(6), fleet.rng);
  EXPECT_EQ(fleet.health.phase(0, at(6)), HealthPhase::kHalfOpen) << "begun before the opening";
  fleet.health.leave(0, *probe, HealthVerdict::kFault, at(6), fleet.rng);
  const auto again = fleet.health.enter(0, at(60));
  ASSERT_TRUE(again.has_value());
  fleet.health.leave(0, *probe, HealthVerdict::kGood, at(60), fleet.rng);  // a late word of the first probe
  EXPECT_EQ(fleet.health.phase(0, at(60)), HealthPhase::kHalfOpen);
  fleet.health.leave(0, *again, HealthVerdict::kGood, at(60), fleet.rng);
  EXPECT_EQ(fleet.health.phase(0, at(60)), HealthPhase::kClosed);
}

TEST(ReplicaHealth, EjectsByTheShareOfFailuresAtTheEndOfAnInterval) {
  Fleet fleet(3);
  for (int i = 0; i < 40; ++i) {
    const double now = 1 + i * 0.2;
    static_cast<void>(fleet.call(0, i % 2 == 0 ? HealthVerdict::kFault : HealthVerdict::kGood, now));
    static_cast<void>(fleet.call(1, i % 5 == 0 ? HealthVerdict::kFault : HealthVerdict::kGood, now));
  }
  EXPECT_EQ(fleet.health.phase(0, at(9)), HealthPhase::kClosed);
  static_cast<void>(fleet.call(2, HealthVerdict::kGood, 11.5));
  EXPECT_EQ(fleet.health.phase(0, at(11.5)), HealthPhase::kOpen);
  EXPECT_EQ(fleet.health.phase(1, at(11.5)), HealthPhase::kClosed);
}

TEST(ReplicaHealth, EjectsTheOneWhoseSuccessRateFallsOut) {
  HealthOptions options;
  options.failure_share = 0;
  options.ejection_failures = 0;
  Fleet fleet(8, options);
  for (int i = 0; i < 100; ++i) {
    const double now = 1 + i * 0.08;
    for (std::size_t r = 0; r < 8; ++r) {
      const bool bad = r == 3 ? i % 4 == 0 : i % 50 == static_cast<int>(r);
      static_cast<void>(fleet.call(r, bad ? HealthVerdict::kFault : HealthVerdict::kGood, now));
    }
  }
  static_cast<void>(fleet.call(0, HealthVerdict::kGood, 11.5));
  for (std::size_t r = 0; r < 8; ++r)
    EXPECT_EQ(fleet.health.phase(r, at(11.5)) == HealthPhase::kOpen, r == 3) << "replica " << r;
}

TEST(ReplicaHealth, KeepsItsInvariantsOnAnyHistory) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    base::Rng rng(seed);
    HealthOptions options;
    options.breaker_failures = 0;
    options.probes_max = rng.between(1, 3);
    options.probes_to_close = rng.between(1, 3);
    options.ejected_share_max = rng.uniform();
    const std::size_t replicas = 1 + rng.below(6);
    ReplicaHealth health(replicas, options);
    const auto most = replicas < 2
                          ? 0
                          : std::max<std::size_t>(
                                1, static_cast<std::size_t>(options.ejected_share_max * static_cast<double>(replicas)));
    std::vector<std::pair<std::size_t, ReplicaHealth::Pass>> running;
    double now = 0;
    for (int i = 0; i < 3'000; ++i) {
      now += rng.uniform() * 0.2;
      const std::size_t replica = rng.below(replicas);
      if (rng.below(2) == 0 || running.empty()) {
        const bool usable = health.usable(replica, at(now));
        const auto pass = health.enter(replica, at(now));
        ASSERT_EQ(usable, pass.has_value());
        if (pass) {
          ASSERT_EQ(pass->probe(), health.phase(replica, at(now)) == HealthPhase::kHalfOpen);
          running.emplace_back(replica, *pass);
        }
      } else {
        const std::size_t which = rng.below(running.size());
        const auto [owner, pass] = running[which];
        running.erase(running.begin() + static_cast<std::ptrdiff_t>(which));
        health.leave(owner, pass, static_cast<HealthVerdict>(rng.below(3)), at(now), rng);
      }
      std::size_t out = 0;
      for (std::size_t r = 0; r < replicas; ++r) {
        if (health.phase(r, at(now)) != HealthPhase::kClosed) ++out;
        ASSERT_LE(health.open_until(r).seconds(), now + options.open_max_ms * 1e-3);
      }
      ASSERT_LE(out, most);
    }
  }
}

TEST(ReplicaHealth, NeverPassesItsShareOrItsProbesUnderEightThreads) {
  HealthOptions options;
  options.breaker_failures = 0;
  options.ejection_failures = 1;
  options.open_ms = 1;
  options.probes_max = 2;
  constexpr std::size_t kReplicas = 6;
  ReplicaHealth health(kReplicas, options);
  std::atomic<int> passed{0};
  std::atomic<std::uint64_t> probed{0};
  const auto work = [&](std::uint64_t seed) {
    base::Rng rng(seed);
    for (int i = 0; i < 4'000; ++i) {
      const Nanoseconds now{i * 50'000};
      const std::size_t replica = rng.below(kReplicas);
      const auto pass = health.enter(replica, now);
      if (!pass) continue;
      if (pass->probe()) ++probed;
      std::size_t out = 0;
      for (std::size_t r = 0; r < kReplicas; ++r) out += health.open_until(r).value != 0 ? 1U : 0U;
      if (out > kReplicas / 2 + 1) ++passed;  // one may be counted twice while the look goes round
      health.leave(replica, *pass, rng.below(3) == 0 ? HealthVerdict::kFault : HealthVerdict::kGood, now, rng);
    }
  };
  {
    std::vector<std::jthread> threads;
    for (std::uint64_t t = 0; t < 8; ++t) threads.emplace_back(work, t + 1);
  }
  EXPECT_EQ(passed.load(), 0);
  EXPECT_GT(probed.load(), 0U);
  std::size_t out = 0;
  for (std::size_t r = 0; r < kReplicas; ++r) out += health.open_until(r).value != 0 ? 1U : 0U;
  EXPECT_LE(out, kReplicas / 2);
  // Every probe was given back: each half-open replica closes with one more good call.
  base::Rng rng(9);
  const Nanoseconds later = at(1'000);
  for (std::size_t r = 0; r < kReplicas; ++r) {
    const auto pass = health.enter(r, later);
    ASSERT_TRUE(pass.has_value()) << "replica " << r << " has lost a probe";
    health.leave(r, *pass, HealthVerdict::kGood, later, rng);
    EXPECT_EQ(health.phase(r, later), HealthPhase::kClosed);
  }
}

}  // namespace
}  // namespace thalamus::dispatch
