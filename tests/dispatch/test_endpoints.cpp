#include "thalamus/dispatch/endpoints.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace thalamus::dispatch {
namespace {

Nanoseconds at(double seconds) { return Nanoseconds::from_seconds(seconds); }

std::unique_ptr<EndpointSet> make_set(std::size_t keys, std::size_t replicas, const EndpointOptions& options = {}) {
  EndpointNames names;
  for (std::size_t k = 0; k < keys; ++k) names.keys.push_back("key" + std::to_string(k));
  for (std::size_t r = 0; r < replicas; ++r) names.replicas.push_back("replica" + std::to_string(r));
  auto made = EndpointSet::make(std::move(names), options);
  EXPECT_TRUE(made.has_value());
  return std::move(*made);
}

EndpointEnd good(double first_token_s) {
  EndpointEnd end;
  end.verdict = EndpointVerdict::kGood;
  end.first_token = at(first_token_s);
  end.duration = at(first_token_s);
  return end;
}

EndpointEnd ended(EndpointVerdict verdict, std::optional<Nanoseconds> retry_after = {}) {
  EndpointEnd end;
  end.verdict = verdict;
  end.duration = at(0.01);
  end.retry_after = retry_after;
  return end;
}

TEST(Endpoints, SpreadEvenlyOverEqualReplicasAndKeys) {
  const auto set = make_set(2, 3);
  base::Rng rng(1);
  std::array<int, 6> picks{};
  std::vector<EndpointChoice> running;
  for (int i = 0; i < 600; ++i) {
    const auto choice = set->pick(at(1), rng, {}, {});
    ASSERT_TRUE(choice.has_value());
    ++picks[choice->endpoint];
    running.push_back(*choice);
  }
  for (const int count : picks) EXPECT_NEAR(count, 100, 15);
  for (const auto& choice : running) set->finish(choice, good(0.5), at(2), rng);
  for (std::size_t r = 0; r < 3; ++r) EXPECT_EQ(set->replica_view(r, at(2)).in_flight, 0U);
  for (std::size_t k = 0; k < 2; ++k) EXPECT_EQ(set->key_view(k).in_flight, 0U);
}

TEST(Endpoints, PreferTheQuickReplica) {
  const auto set = make_set(1, 2);
  base::Rng rng(2);
  std::array<int, 2> picks{};
  for (int i = 0; i < 1'000; ++i) {
    const double now = i * 0.1;
    const auto choice = set->pick(at(now), rng, {}, {});
    ++picks[choice->replica];
    set->finish(*choice, good(choice->replica == 0 ? 0.1 : 2.0), at(now), rng);
  }
  EXPECT_GT(picks[0], 950);
  EXPECT_GT(picks[1], 1) << "the slow one is looked at again";
}

TEST(Endpoints, LearnLatencyAsPeakEwma) {
  EndpointOptions options;
  options.latency_tau_ms = 1'000;
  const auto set = make_set(1, 1, options);
  base::Rng rng(3);
  const auto call = [&](double now, double first_token) {
    const auto choice = set->pick(at(now), rng, {}, {});
    set->finish(*choice, good(first_token), at(now), rng);
  };
  call(10, 1);
  EXPECT_NEAR(set->replica_view(0, at(10)).latency_seconds.value(), 1, 1e-6);
  call(10, 4);
  EXPECT_NEAR(set->replica_view(0, at(10)).latency_seconds.value(), 4, 1e-6) << "a peak counts at once";
  call(11, 1);
  EXPECT_NEAR(set->replica_view(0, at(11)).latency_seconds.value(), 4 * std::exp(-1) + (1 - std::exp(-1)), 0.01)
      << "and fades";
}

TEST(Endpoints, ShowTheLatencyThatTheLastCallLeft) {
  EndpointOptions options;
  options.latency_tau_ms = 1'000;
  const auto set = make_set(1, 1, options);
  base::Rng rng(3);
  EXPECT_FALSE(set->replica_view(0, at(1)).latency_seconds.has_value()) << "nobody has been called";
  const auto choice = set->pick(at(1), rng, {}, {});
  EXPECT_FALSE(set->replica_view(0, at(1)).latency_seconds.has_value()) << "nobody has answered";
  set->finish(*choice, good(0.02), at(1), rng);
  EXPECT_NEAR(set->replica_view(0, at(1)).latency_seconds.value(), 0.02, 1e-6);
  EXPECT_NEAR(set->replica_view(0, at(3'600)).latency_seconds.value(), 0.02, 1e-6) << "an hour without a call";
}

TEST(Endpoints, AFastFailureDoesNotLookQuick) {
  EndpointOptions options;
  options.health.ejection_failures = 0;
  options.health.breaker_failures = 0;
  options.health.failure_share = 0;
  const auto set = make_set(1, 2, options);
  base::Rng rng(4);
  std::array<int, 2> picks{};
  for (int i = 0; i < 1'000; ++i) {
    const double now = i * 0.01;
    const auto choice = set->pick(at(now), rng, {}, {});
    ++picks[choice->replica];
    set->finish(*choice, choice->replica == 0 ? good(0.3) : ended(EndpointVerdict::kReplicaFault), at(now), rng);
  }
  EXPECT_LT(picks[1], 60);
}

TEST(Endpoints, GiveAnUnknownReplicaOneCallUntilItHasAnswered) {
  const auto set = make_set(1, 2);
  base::Rng rng(5);
  const auto warm = set->pick(at(1), rng, {}, set->at_replica(1));
  set->finish(*warm, good(0.5), at(1), rng);
  const auto first = set->pick(at(1), rng, {}, {});
  EXPECT_EQ(first->replica, 1U);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(set->pick(at(1), rng, {}, {})->replica, 0U);
}

TEST(Endpoints, LeaveOutDeadKeysForGoodAndLimitedOnesForAWhile) {
  const auto set = make_set(2, 2);
  base::Rng rng(6);
  auto choice = set->pick(at(1), rng, {}, set->with_key(1));
  ASSERT_EQ(choice->key, 0U);
  set->finish(*choice, ended(EndpointVerdict::kKeyLimited, at(30)), at(1), rng);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(set->pick(at(2), rng, {}, {})->key, 1U);
  EXPECT_EQ(set->key_view(0).resting_until, at(31));
  choice = set->pick(at(2), rng, {}, {});
  set->finish(*choice, ended(EndpointVerdict::kKeyDead), at(2), rng);
  EXPECT_TRUE(set->key_view(1).dead);
  EXPECT_FALSE(set->pick(at(3), rng, {}, {}).has_value());
  EXPECT_EQ(set->next_chance(at(3), {}), at(31));
  EXPECT_EQ(set->next_chance(at(3), {}, EndpointSet::Chance::kHealthyOnly), at(31));
  EXPECT_EQ(set->pick(at(31), rng, {}, {})->key, 0U);
  EXPECT_EQ(set->replica_view(0, at(3)).faults + set->replica_view(1, at(3)).faults, 0U);
}

TEST(Endpoints, RestAKeyForLongerEachTimeItIsToldNoTime) {
  const auto set = make_set(1, 1);
  base::Rng rng(7);
  double now = 1;
  for (const double rest : {1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0}) {
    const auto first = set->pick(at(now), rng, {}, {});
    const auto second = set->pick(at(now), rng, {}, {});
    ASSERT_TRUE(first && second);
    set->finish(*first, ended(EndpointVerdict::kKeyLimited), at(now), rng);
    set->finish(*second, ended(EndpointVerdict::kKeyLimited), at(now), rng);
    EXPECT_NEAR(set->key_view(0).resting_until.seconds() - now, rest, 1e-6);
    now = set->key_view(0).resting_until.seconds() + 0.001;
  }
  const auto choice = set->pick(at(now), rng, {}, {});
  set->finish(*choice, good(0.1), at(now), rng);
  const auto next = set->pick(at(now), rng, {}, {});
  set->finish(*next, ended(EndpointVerdict::kKeyLimited), at(now), rng);
  EXPECT_NEAR(set->key_view(0).resting_until.seconds() - now, 1, 1e-6) << "a good answer forgives";
}

TEST(Endpoints, LetAReplicaRestAsItAsks) {
  const auto set = make_set(1, 2);
  base::Rng rng(8);
  const auto choice = set->pick(at(1), rng, {}, set->at_replica(1));
  set->finish(*choice, ended(EndpointVerdict::kReplicaFault, at(20)), at(1), rng);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(set->pick(at(20), rng, {}, {})->replica, 1U);
  EXPECT_EQ(set->next_chance(at(20), set->at_replica(1)), at(21));
  EXPECT_TRUE(set->pick(at(21.1), rng, {}, set->at_replica(1)).has_value());
}

TEST(Endpoints, LeaveOutWhatIsExcludedOrDown) {
  const auto set = make_set(2, 2);
  base::Rng rng(9);
  set->set_up(0, false);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(set->pick(at(1), rng, {}, set->with_key(0))->endpoint, 3U);
  EXPECT_FALSE(set->pick(at(1), rng, {}, set->at_replica(1)).has_value());
  EXPECT_FALSE(set->next_chance(at(1), set->at_replica(1)).has_value());
  set->set_up(0, true);
  EXPECT_TRUE(set->pick(at(1), rng, {}, set->at_replica(1)).has_value());
}

TEST(Endpoints, KeepASessionWhereItsCacheIs) {
  const auto set = make_set(2, 3);
  base::Rng rng(10);
  std::map<std::uint64_t, std::uint16_t> home;
  std::set<std::uint16_t> used;
  for (std::uint64_t session = 0; session < 200; ++session) {
    for (int turn = 0; turn < 3; ++turn) {
      const auto choice = set->pick(at(1), rng, session, {});
      if (turn == 0) home[session] = choice->endpoint;
      EXPECT_EQ(choice->endpoint, home[session]);
      used.insert(choice->endpoint);
      set->finish(*choice, good(0.1 * (1 + choice->replica)), at(1), rng);
    }
  }
  EXPECT_EQ(used.size(), 6U);
}

TEST(Endpoints, AnEjectionMovesOnlyTheSessionsOfTheEjected) {
  const auto set = make_set(1, 4);
  base::Rng rng(11);
  const auto place = [&](double now) {
    std::map<std::uint64_t, std::uint16_t> homes;
    for (std::uint64_t session = 0; session < 400; ++session) {
      const auto choice = set->pick(at(now), rng, session, {});
      homes[session] = choice->replica;
      set->finish(*choice, ended(EndpointVerdict::kNeutral), at(now), rng);
    }
    return homes;
  };
  const auto before = place(1);
  for (int i = 0; i < 5; ++i) {
    const auto choice = set->pick(at(1), rng, {}, ~set->at_replica(2));
    set->finish(*choice, ended(EndpointVerdict::kReplicaFault), at(1), rng);
  }
  ASSERT_EQ(set->replica_view(2, at(2)).phase, HealthPhase::kOpen);
  const auto during = place(2);
  int moved = 0;
  for (const auto& [session, home] : before) {
    EXPECT_NE(during.at(session), 2U);
    EXPECT_TRUE(home == 2 || during.at(session) == home);
    moved += home == 2 ? 1 : 0;
  }
  EXPECT_NEAR(moved, 100, 30);
  const auto probe = set->pick(at(10), rng, {}, ~set->at_replica(2));
  set->finish(*probe, good(0.1), at(10), rng);
  EXPECT_EQ(place(11), before);
}

TEST(Endpoints, BoundTheLoadOfAWarmEndpoint) {
  EndpointOptions options;
  options.affinity_slack = 2;
  const auto set = make_set(1, 4, options);
  base::Rng rng(12);
  for (int total = 1; total <= 200; ++total) {
    ASSERT_TRUE(set->pick(at(1), rng, 77, {}).has_value());  // one session only
    for (std::size_t r = 0; r < 4; ++r) {
      const double bound = std::max(2.0, std::ceil(1.25 * total / 4.0));
      ASSERT_LE(set->replica_view(r, at(1)).in_flight, bound) << "of " << total;
    }
  }
}

TEST(Endpoints, BreakTheCircuitWhenAllAreDownAndProbeWhenTheTimeComes) {
  const auto set = make_set(1, 2);
  base::Rng rng(13);
  double now = 1;
  int calls = 0;
  for (; set->pick(at(now), rng, {}, {}).has_value() && calls < 100; ++calls) {
  }
  EXPECT_EQ(calls, 100) << "in flight without an end, nothing is known yet";
  const auto down = make_set(1, 2);
  for (calls = 0; calls < 100; ++calls) {
    const auto choice = down->pick(at(now), rng, {}, {});
    if (!choice) break;
    down->finish(*choice, ended(EndpointVerdict::kReplicaFault), at(now), rng);
  }
  EXPECT_LE(calls, 20);
  const auto chance = down->next_chance(at(now), {});
  ASSERT_TRUE(chance.has_value());
  EXPECT_FALSE(down->next_chance(at(now), {}, EndpointSet::Chance::kHealthyOnly).has_value());
  EXPECT_FALSE(down->pick({chance->value - 1'000'000}, rng, {}, {}).has_value());
  const auto probe = down->pick(*chance, rng, {}, {});
  ASSERT_TRUE(probe && probe->pass.probe());
  EXPECT_FALSE(down->pick(*chance, rng, {}, ~down->at_replica(probe->replica)).has_value()) << "one probe at a time";
  down->finish(*probe, good(0.2), *chance, rng);
  EXPECT_EQ(down->replica_view(probe->replica, *chance).phase, HealthPhase::kClosed);
}

TEST(Endpoints, RefuseNamesThatDoNotFit) {
  EXPECT_FALSE(EndpointSet::make({{}, {"a"}}, {}).has_value());
  EXPECT_FALSE(EndpointSet::make({{"a"}, {}}, {}).has_value());
  EXPECT_EQ(EndpointSet::make({{"a", "a"}, {"b"}}, {}).error().message, "key 'a' is given twice");
  const std::vector<std::string> many{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "a", "b", "c", "d", "e", "f"};
  EXPECT_TRUE(EndpointSet::make({many, many}, {}).has_value());
  auto more = many;
  more.emplace_back("g");
  EXPECT_FALSE(EndpointSet::make({many, more}, {}).has_value());
}

TEST(Endpoints, AbortWhenACallEndsTwice) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto set = make_set(1, 1);
  base::Rng rng(14);
  const auto choice = set->pick(at(1), rng, {}, {});
  set->finish(*choice, good(1), at(1), rng);
  EXPECT_DEATH(set->finish(*choice, good(1), at(1), rng), "assertion failed");
}

TEST(Endpoints, DrawTheSameNumbersWhateverTheyFind) {
  const auto set = make_set(2, 3);
  const auto empty = make_set(1, 1);
  empty->set_up(0, false);
  base::Rng one(15);
  base::Rng two(15);
  static_cast<void>(set->pick(at(1), one, {}, {}));
  static_cast<void>(empty->pick(at(1), two, 5, {}));
  EXPECT_EQ(one.next(), two.next());
}

TEST(Endpoints, NeverPickWhatIsNotUsableOnAnyHistory) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    base::Rng rng(seed);
    const std::size_t keys = 1 + rng.below(3);
    const std::size_t replicas = 1 + rng.below(4);
    const auto set = make_set(keys, replicas);
    std::vector<EndpointChoice> running;
    double now = 1;
    for (int i = 0; i < 2'000; ++i) {
      now += rng.uniform() * 0.3;
      if (rng.below(2) == 0) {
        EndpointMask excluded;
        for (std::size_t e = 0; e < set->size(); ++e) excluded[e] = rng.below(4) == 0;
        std::optional<std::uint64_t> affinity;
        if (rng.below(2) == 0) affinity = rng.below(10);
        const auto chance = set->next_chance(at(now), excluded);
        const auto choice = set->pick(at(now), rng, affinity, excluded);
        ASSERT_EQ(choice.has_value(), chance.has_value() && *chance == at(now));
        if (!choice) continue;
        ASSERT_FALSE(excluded[choice->endpoint]);
        ASSERT_EQ(choice->endpoint, choice->replica * keys + choice->key);
        const auto key = set->key_view(choice->key);
        ASSERT_FALSE(key.dead || key.resting_until > at(now));
        ASSERT_NE(set->replica_view(choice->replica, at(now)).phase, HealthPhase::kOpen);
        running.push_back(*choice);
      } else if (!running.empty()) {
        const std::size_t which = rng.below(running.size());
        auto end = ended(static_cast<EndpointVerdict>(rng.below(4)));  // all but kNeutral
        if (end.verdict == EndpointVerdict::kKeyDead) end.verdict = EndpointVerdict::kNeutral;
        if (rng.below(2) == 0) end.first_token = at(rng.uniform() * 3);
        if (rng.below(8) == 0) end.retry_after = at(rng.uniform() * 10);
        set->finish(running[which], end, at(now), rng);
        running.erase(running.begin() + static_cast<std::ptrdiff_t>(which));
      }
    }
    std::size_t in_flight = 0;
    for (std::size_t r = 0; r < replicas; ++r) in_flight += set->replica_view(r, at(now)).in_flight;
    EXPECT_EQ(in_flight, running.size());
  }
}

TEST(Endpoints, CountRightUnderEightThreads) {
  EndpointOptions options;
  options.health.open_ms = 1;
  const auto set = make_set(2, 3, options);
  std::atomic<std::uint64_t> goods{0};
  std::atomic<std::uint64_t> faults{0};
  const auto work = [&](std::uint64_t seed) {
    base::Rng rng(seed);
    std::vector<EndpointChoice> running;
    for (int i = 0; i < 3'000; ++i) {
      const Nanoseconds now{1'000'000'000 + i * 100'000};
      std::optional<std::uint64_t> affinity;
      if (rng.below(2) == 0) affinity = rng.below(100);
      if (const auto choice = set->pick(now, rng, affinity, {})) running.push_back(*choice);
      static_cast<void>(set->next_chance(now, {}));
      if (running.size() < 4) continue;
      const bool fault = rng.below(10) == 0;
      set->finish(running.front(), fault ? ended(EndpointVerdict::kReplicaFault) : good(0.05), now, rng);
      ++(fault ? faults : goods);
      running.erase(running.begin());
    }
    for (const auto& choice : running) set->finish(choice, ended(EndpointVerdict::kNeutral), at(2), rng);
  };
  {
    std::vector<std::jthread> threads;
    for (std::uint64_t t = 0; t < 8; ++t) threads.emplace_back(work, t + 1);
  }
  std::uint64_t good_seen = 0;
  std::uint64_t fault_seen = 0;
  for (std::size_t r = 0; r < 3; ++r) {
    const auto view = set->replica_view(r, at(2));
    EXPECT_EQ(view.in_flight, 0U);
    good_seen += view.good;
    fault_seen += view.faults;
  }
  EXPECT_EQ(good_seen, goods.load());
  EXPECT_EQ(fault_seen, faults.load());
  EXPECT_GT(good_seen, 1'000U);
  for (std::size_t k = 0; k < 2; ++k) EXPECT_EQ(set->key_view(k).in_flight, 0U);
}

}  // namespace
}  // namespace thalamus::dispatch
