#include "thalamus/dispatch/target_call.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace thalamus::dispatch {
namespace {

using Kind = TargetStep::Kind;

constexpr TimeLimits kLimits{.connect = Nanoseconds::from_ms(1'000),
                             .first_token = Nanoseconds::from_ms(5'000),
                             .idle = Nanoseconds::from_ms(2'000),
                             .total = Nanoseconds::from_ms(60'000)};

Nanoseconds at(double seconds) { return Nanoseconds::from_seconds(seconds); }

std::unique_ptr<TargetControls> make_controls(std::size_t keys, std::size_t replicas, const RetryOptions& retry = {},
                                              const HedgeOptions& hedge = {}, const EndpointOptions& options = {}) {
  EndpointNames names;
  for (std::size_t k = 0; k < keys; ++k) names.keys.push_back("key" + std::to_string(k));
  for (std::size_t r = 0; r < replicas; ++r) names.replicas.push_back("replica" + std::to_string(r));
  auto set = EndpointSet::make(std::move(names), options);
  EXPECT_TRUE(set.has_value());
  return std::make_unique<TargetControls>(std::move(*set), kLimits, retry, hedge);
}

FailureVerdict status(int code, std::string_view retry_after = {}) {
  FailureFacts facts;
  facts.status = code;
  facts.retry_after = retry_after;
  return classify(facts);
}

FailureVerdict transport(TransportEnd end) {
  FailureFacts facts;
  facts.transport = end;
  return classify(facts);
}

/// A call and the clock it is driven by.
struct Driven {
  Driven(TargetControls& controls, const TargetRequest& request = {}) : call(controls, request, rng) {}
  TargetStep on(TargetEvent::Kind kind, double now, AttemptId attempt = 0, const FailureVerdict& verdict = {}) {
    return call.next({.kind = kind, .attempt = attempt, .verdict = verdict}, at(now));
  }
  TargetStep start(double now) { return on(TargetEvent::Kind::kStart, now); }
  TargetStep go_on(double now) { return on(TargetEvent::Kind::kContinue, now); }
  TargetStep fail(double now, AttemptId attempt, const FailureVerdict& verdict) {
    return on(TargetEvent::Kind::kFailed, now, attempt, verdict);
  }
  base::Rng rng{3};
  TargetCall call;
};

std::uint32_t in_flight(const TargetControls& controls) {
  std::uint32_t sum = 0;
  for (std::size_t r = 0; r < controls.endpoints->replicas(); ++r)
    sum += controls.endpoints->replica_view(r, {}).in_flight;
  return sum;
}

TEST(TargetCall, GoesFromTheAttemptToTheCommitToTheEnd) {
  const auto controls = make_controls(1, 1);
  Driven driven(*controls);
  const auto attempt = driven.start(1);
  ASSERT_EQ(attempt.kind, Kind::kAttempt);
  EXPECT_EQ(attempt.limits.first_token_by, at(6));
  EXPECT_EQ(driven.go_on(1).kind, Kind::kWait);
  EXPECT_EQ(driven.on(TargetEvent::Kind::kContent, 2).kind, Kind::kCommit);
  EXPECT_EQ(driven.go_on(2).kind, Kind::kWait);
  EXPECT_EQ(in_flight(*controls), 1U);
  EXPECT_EQ(driven.on(TargetEvent::Kind::kCompleted, 3).kind, Kind::kDone);
  EXPECT_EQ(in_flight(*controls), 0U);
  EXPECT_EQ(driven.go_on(4).kind, Kind::kDone) << "what is over stays over";
  EXPECT_EQ(controls->endpoints->replica_view(0, at(3)).good, 1U);
  EXPECT_NEAR(controls->endpoints->replica_view(0, at(3)).latency_seconds.value(), 1, 1e-3);
}

TEST(TargetCall, TriesAnotherReplicaAtOnce) {
  const auto controls = make_controls(1, 2);
  Driven driven(*controls);
  const auto first = driven.start(1);
  const auto second = driven.fail(1.5, 0, status(500));
  ASSERT_EQ(second.kind, Kind::kAttempt);
  EXPECT_NE(second.choice.replica, first.choice.replica);
  EXPECT_EQ(controls->retries.view().withdrawn, 1U);
}

TEST(TargetCall, TriesAnotherKeyAtOnceAndRemembersTheDeadOne) {
  const auto controls = make_controls(2, 1);
  Driven driven(*controls);
  const auto first = driven.start(1);
  const auto second = driven.fail(1.5, 0, status(401));
  ASSERT_EQ(second.kind, Kind::kAttempt);
  EXPECT_NE(second.choice.key, first.choice.key);
  EXPECT_TRUE(controls->endpoints->key_view(first.choice.key).dead);
  EXPECT_EQ(driven.fail(1.6, 1, status(403)).kind, Kind::kGiveUp);
  EXPECT_TRUE(driven.call.verdict().may_try.next_target);
  EXPECT_EQ(controls->retries.view().withdrawn, 1U) << "a try that was not made costs nothing";
}

TEST(TargetCall, WaitsAsLongAsItIsAskedWhereThereIsNothingElse) {
  const auto controls = make_controls(1, 1);
  Driven driven(*controls);
  ASSERT_EQ(driven.start(1).kind, Kind::kAttempt);
  const auto wait = driven.fail(1, 0, status(429, "3"));
  ASSERT_EQ(wait.kind, Kind::kWait);
  ASSERT_TRUE(wait.until.has_value());
  EXPECT_GE(*wait.until, at(4));
  EXPECT_LE(*wait.until, at(4.2));
  EXPECT_EQ(driven.on(TargetEvent::Kind::kTimer, 3).until, wait.until) << "too early";
  EXPECT_EQ(driven.on(TargetEvent::Kind::kTimer, wait.until->seconds() + 1e-3).kind, Kind::kAttempt);
}

TEST(TargetCall, DoesNotWaitLongWhileThePlanHasAnotherTarget) {
  const auto controls = make_controls(1, 1);
  TargetRequest request;
  request.rest = PlanRest::kMoreTargets;
  Driven driven(*controls, request);
  ASSERT_EQ(driven.start(1).kind, Kind::kAttempt);
  ASSERT_EQ(driven.fail(1, 0, status(429, "3")).kind, Kind::kGiveUp);
  EXPECT_EQ(driven.call.verdict().failure, FailureClass::kRateLimited);
  Driven late(*controls, request);
  EXPECT_EQ(late.start(2).kind, Kind::kGiveUp) << "the key rests";
  EXPECT_TRUE(late.call.verdict().may_try.next_target);
  EXPECT_EQ(late.call.verdict().retry_after, at(2));
}

TEST(TargetCall, TellsAtOnceWhenTheCircuitIsOpen) {
  const auto controls = make_controls(1, 1);
  for (int i = 0; i < 10; ++i) {
    Driven driven(*controls);
    if (driven.start(1).kind == Kind::kAttempt) static_cast<void>(driven.fail(1, 0, status(500)));
  }
  Driven driven(*controls);
  ASSERT_EQ(driven.start(1).kind, Kind::kGiveUp);
  EXPECT_EQ(driven.call.verdict().error, base::ErrorKind::kUnavailable);
  EXPECT_GT(driven.call.verdict().retry_after->seconds(), 3.9);
}

TEST(TargetCall, TriesNoMoreThanItMay) {
  RetryOptions retry;
  retry.attempts_max = 3;
  const auto controls = make_controls(1, 8, retry);
  Driven driven(*controls);
  TargetStep step = driven.start(1);
  AttemptId attempts = 0;
  while (step.kind == Kind::kAttempt) step = driven.fail(1, attempts++, status(500));
  EXPECT_EQ(step.kind, Kind::kGiveUp);
  EXPECT_EQ(attempts, 3U);
}

TEST(TargetCall, TriesNothingAgainWithoutABudget) {
  RetryOptions retry;
  retry.budget = {.ratio = 0, .min_per_second = 0, .burst = 1};
  const auto controls = make_controls(1, 4, retry);
  Driven first(*controls);
  static_cast<void>(first.start(1));
  EXPECT_EQ(first.fail(1, 0, status(500)).kind, Kind::kAttempt);
  Driven second(*controls);
  static_cast<void>(second.start(1));
  EXPECT_EQ(second.fail(1, 0, status(500)).kind, Kind::kGiveUp);
  EXPECT_TRUE(second.call.verdict().may_try.next_target) << "another target is not a retry of this one";
}

TEST(TargetCall, TriesNothingAgainAfterTheCommit) {
  const auto controls = make_controls(1, 2);
  Driven driven(*controls);
  static_cast<void>(driven.start(1));
  ASSERT_EQ(driven.on(TargetEvent::Kind::kContent, 2).kind, Kind::kCommit);
  EXPECT_EQ(driven.fail(3, 0, transport(TransportEnd::kCut)).kind, Kind::kGiveUp);
  EXPECT_EQ(driven.call.verdict().failure, FailureClass::kTransient);
  EXPECT_EQ(controls->retries.view().withdrawn, 0U);
}

TEST(TargetCall, GivesUpAtOnceOnAWrongRequest) {
  const auto controls = make_controls(2, 2);
  Driven driven(*controls);
  static_cast<void>(driven.start(1));
  EXPECT_EQ(driven.fail(1, 0, status(400)).kind, Kind::kGiveUp);
  EXPECT_TRUE(driven.call.verdict().client_fault);
}

TEST(TargetCall, HonoursTheClientsTime) {
  const auto controls = make_controls(1, 2);
  TargetRequest request;
  request.arrived = at(1);
  request.client.whole = at(2);
  Driven driven(*controls, request);
  const auto attempt = driven.start(1);
  EXPECT_EQ(attempt.limits.end_by, at(2.98));
  EXPECT_EQ(driven.fail(2.99, 0, transport(TransportEnd::kFirstTokenTimeout)).kind, Kind::kGiveUp);
  ASSERT_TRUE(driven.call.error().has_value());
  EXPECT_EQ(driven.call.error()->kind, base::ErrorKind::kTimeout);
  EXPECT_FALSE(driven.call.verdict().may_try.next_target);
}

HedgeOptions hedging() {
  HedgeOptions hedge;
  hedge.enabled = true;
  hedge.observations_min = 1;
  return hedge;
}

TEST(TargetCall, HedgesASilentAttemptAndTakesTheFirstContent) {
  const auto controls = make_controls(1, 2, {}, hedging());
  controls->hedger.observe(at(1));
  Driven driven(*controls);
  const auto first = driven.start(10);
  const auto wait = driven.go_on(10);
  ASSERT_TRUE(wait.until.has_value());
  EXPECT_NEAR(wait.until->seconds(), 11, 0.05);
  const auto second = driven.on(TargetEvent::Kind::kTimer, 11.1);
  ASSERT_EQ(second.kind, Kind::kAttempt);
  EXPECT_TRUE(second.hedge);
  EXPECT_NE(second.choice.replica, first.choice.replica);
  EXPECT_FALSE(driven.go_on(11.1).until.has_value()) << "one hedge is enough";
  const auto dropped = driven.on(TargetEvent::Kind::kContent, 12, 1);
  ASSERT_EQ(dropped.kind, Kind::kDrop);
  EXPECT_EQ(dropped.attempt, 0U);
  const auto commit = driven.go_on(12);
  ASSERT_EQ(commit.kind, Kind::kCommit);
  EXPECT_EQ(commit.attempt, 1U);
  EXPECT_EQ(driven.fail(12, 0, transport(TransportEnd::kCancelled)).kind, Kind::kWait) << "it was dropped";
  EXPECT_EQ(driven.on(TargetEvent::Kind::kCompleted, 13, 1).kind, Kind::kDone);
  EXPECT_EQ(in_flight(*controls), 0U);
  EXPECT_NEAR(controls->endpoints->replica_view(first.choice.replica, at(12)).latency_seconds.value(), 2, 0.01)
      << "the loser took at least so long";
  EXPECT_NEAR(controls->hedger.delay()->seconds(), 2, 0.09) << "and the delay has learned of it";
}

TEST(TargetCall, LetsTheOtherAttemptGoOnWhenOneFails) {
  const auto controls = make_controls(1, 3, {}, hedging());
  controls->hedger.observe(at(1));
  Driven driven(*controls);
  static_cast<void>(driven.start(10));
  ASSERT_EQ(driven.on(TargetEvent::Kind::kTimer, 11.1).kind, Kind::kAttempt);
  EXPECT_EQ(driven.fail(11.2, 0, status(500)).kind, Kind::kWait);
  EXPECT_EQ(driven.fail(11.3, 1, status(500)).kind, Kind::kAttempt) << "now it is a retry";
  EXPECT_EQ(driven.on(TargetEvent::Kind::kContent, 12, 2).kind, Kind::kCommit);
}

TEST(TargetCall, DropsEverythingWhenItIsCancelled) {
  const auto controls = make_controls(1, 2, {}, hedging());
  controls->hedger.observe(at(1));
  Driven driven(*controls);
  static_cast<void>(driven.start(10));
  ASSERT_EQ(driven.on(TargetEvent::Kind::kTimer, 11.1).kind, Kind::kAttempt);
  EXPECT_EQ(driven.on(TargetEvent::Kind::kCancel, 11.2).kind, Kind::kDrop);
  EXPECT_EQ(driven.go_on(11.2).kind, Kind::kDrop);
  EXPECT_EQ(driven.go_on(11.2).kind, Kind::kGiveUp);
  EXPECT_EQ(driven.call.verdict().error, base::ErrorKind::kCancelled);
  EXPECT_EQ(in_flight(*controls), 0U);
  EXPECT_EQ(controls->endpoints->replica_view(0, at(12)).faults, 0U);
}

TEST(TargetCall, DropsTheWinnerWhenItIsCancelledAfterTheCommit) {
  const auto controls = make_controls(1, 1);
  Driven driven(*controls);
  static_cast<void>(driven.start(1));
  ASSERT_EQ(driven.on(TargetEvent::Kind::kContent, 2).kind, Kind::kCommit);
  EXPECT_EQ(driven.on(TargetEvent::Kind::kCancel, 3).kind, Kind::kDrop);
  EXPECT_EQ(driven.go_on(3).kind, Kind::kGiveUp);
  EXPECT_EQ(in_flight(*controls), 0U);
}

TEST(TargetCall, GivesItsEndpointsBackWhenItIsDestroyed) {
  const auto controls = make_controls(1, 1);
  {
    Driven driven(*controls);
    static_cast<void>(driven.start(1));
    EXPECT_EQ(in_flight(*controls), 1U);
  }
  EXPECT_EQ(in_flight(*controls), 0U);
}

/// Plays one call against random events; returns how it ended. What must hold on every history is asserted here.
Kind play(TargetControls& controls, base::Rng& rng, double now) {
  TargetRequest request;
  request.arrived = at(now);
  if (rng.below(2) == 0) request.client.whole = at(rng.uniform() * 4);
  if (rng.below(2) == 0) request.affinity = rng.below(10);
  if (rng.below(2) == 0) request.rest = PlanRest::kMoreTargets;
  base::Rng draws = rng.fork("call");
  TargetCall call(controls, request, draws);
  std::map<AttemptId, int> alive;
  std::optional<AttemptId> committed;
  TargetStep step = call.next({}, at(now));
  for (int steps = 0; steps < 200; ++steps) {
    TargetEvent event{.kind = TargetEvent::Kind::kContinue, .attempt = 0, .verdict = {}};
    switch (step.kind) {
      case Kind::kAttempt:
        EXPECT_FALSE(committed.has_value());
        EXPECT_TRUE(alive.emplace(step.attempt, 1).second);
        EXPECT_LE(alive.size(), 2U);
        EXPECT_GT(step.limits.first_token_by, at(now));
        break;
      case Kind::kDrop: EXPECT_EQ(alive.erase(step.attempt), 1U); break;
      case Kind::kCommit:
        EXPECT_FALSE(committed.has_value());
        EXPECT_EQ(alive.size(), 1U);
        EXPECT_EQ(alive.count(step.attempt), 1U);
        committed = step.attempt;
        break;
      case Kind::kDone:
      case Kind::kGiveUp: EXPECT_TRUE(alive.empty()); return step.kind;
      case Kind::kWait: {
        EXPECT_TRUE(step.until.has_value() || !alive.empty()) << "a wait for nothing";
        if (step.until && (alive.empty() || rng.below(2) == 0)) {
          now = std::max(now, step.until->seconds()) + 1e-6;
          event.kind = TargetEvent::Kind::kTimer;
          break;
        }
        now += rng.uniform() * 0.3;
        event.attempt = std::next(alive.begin(), static_cast<std::ptrdiff_t>(rng.below(alive.size())))->first;
        const auto dice = rng.below(10);
        if (dice == 0) {
          event.kind = TargetEvent::Kind::kCancel;
        } else if (committed && dice < 6) {
          event.kind = TargetEvent::Kind::kCompleted;
          alive.erase(event.attempt);
        } else if (!committed && dice < 5) {
          event.kind = TargetEvent::Kind::kContent;
        } else {
          constexpr std::array kStatuses{200, 400, 404, 408, 413, 429, 500, 503, 529};
          event.kind = TargetEvent::Kind::kFailed;
          event.verdict = status(rng.pick(kStatuses), rng.below(4) == 0 ? "1" : "");
          alive.erase(event.attempt);
        }
      }
    }
    step = call.next(event, at(now));
  }
  ADD_FAILURE() << "the call does not end";
  return Kind::kGiveUp;
}

TEST(TargetCall, EndsOnceAndLeavesNothingOnAnyHistory) {
  std::map<Kind, int> ends;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    base::Rng rng(seed);
    auto hedge = hedging();
    hedge.min_delay_ms = 20;
    hedge.ratio = 0.5;
    const auto controls = make_controls(1 + rng.below(3), 1 + rng.below(3), {}, hedge);
    double now = 1;
    for (int i = 0; i < 100 && !::testing::Test::HasFailure(); ++i) {
      now += rng.uniform();
      ++ends[play(*controls, rng, now)];
      ASSERT_EQ(in_flight(*controls), 0U);
    }
    const auto view = controls->retries.view();
    EXPECT_LE(static_cast<double>(view.withdrawn), 10 + 0.2 * static_cast<double>(view.requests) + now + 10);
  }
  EXPECT_GT(ends[Kind::kDone], 500);
  EXPECT_GT(ends[Kind::kGiveUp], 500);
}

TEST(TargetCall, LeavesNothingUnderEightThreads) {
  const auto controls = make_controls(2, 3, {}, hedging());
  {
    std::vector<std::jthread> threads;
    for (std::uint64_t t = 0; t < 8; ++t)
      threads.emplace_back([&controls, t] {
        base::Rng rng(t + 1);
        for (int i = 0; i < 150; ++i) static_cast<void>(play(*controls, rng, 1 + i * 0.1));
      });
  }
  EXPECT_EQ(in_flight(*controls), 0U);
  EXPECT_EQ(controls->retries.view().requests, 8U * 150U);
}

}  // namespace
}  // namespace thalamus::dispatch
