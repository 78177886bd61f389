// Whatever becomes of the calls of one target, and in whatever order: once they are gone nothing is in flight, and the
// budgets have paid for the attempts that were made, for no other.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "thalamus/dispatch/target_call.h"

namespace thalamus::dispatch {
namespace {

using Event = TargetEvent::Kind;
using Kind = TargetStep::Kind;

constexpr double kBurst = 500;  // of both budgets, which nothing fills up again
constexpr TimeLimits kLimits{.connect = Nanoseconds::from_ms(1'000),
                             .first_token = Nanoseconds::from_ms(5'000),
                             .idle = Nanoseconds::from_ms(2'000),
                             .total = Nanoseconds::from_ms(60'000)};

std::unique_ptr<TargetControls> make_controls(base::Rng& rng) {
  EndpointNames names;
  for (std::uint64_t k = 0; k <= rng.below(2); ++k) names.keys.push_back("key" + std::to_string(k));
  for (std::uint64_t r = 0; r <= rng.below(3); ++r) names.replicas.push_back("replica" + std::to_string(r));
  RetryOptions retry;
  retry.budget = {.ratio = 0, .min_per_second = 0, .burst = kBurst};
  HedgeOptions hedge;
  hedge.enabled = true;
  hedge.min_delay_ms = 50;
  hedge.max_delay_ms = 50;
  hedge.observations_min = 1;
  hedge.ratio = 0;
  hedge.burst = kBurst;
  EndpointOptions options;
  options.health.open_ms = 200;
  options.health.open_max_ms = 400;
  return std::make_unique<TargetControls>(EndpointSet::make(std::move(names), options).value(), kLimits, retry, hedge);
}

/// The calls of one target under way, driven at random.
class Traffic {
 public:
  explicit Traffic(std::uint64_t seed) : rng_(seed), controls_(make_controls(rng_)) {}

  void act() {
    now_ = now_ + Nanoseconds::from_seconds(rng_.uniform() * 0.05);
    if (calls_.empty() || (calls_.size() < 12 && rng_.below(4) == 0)) return begin();
    const auto at = static_cast<std::size_t>(rng_.below(calls_.size()));
    Live& live = *calls_[at];
    const auto dice = rng_.below(12);
    if (dice == 0) {
      calls_.erase(calls_.begin() + static_cast<std::ptrdiff_t>(at));  // its turn is gone
    } else if (dice == 1) {
      drive(at, {.kind = Event::kCancel, .attempt = 0, .verdict = {}});
    } else if (live.until && (live.alive.empty() || dice < 6)) {
      now_ = std::max(now_, *live.until);
      drive(at, {.kind = Event::kTimer, .attempt = 0, .verdict = {}});
    } else if (!live.alive.empty()) {
      drive(at, something_of(live));
    }
  }

  void abandon_all() { calls_.clear(); }

  void expect_nothing_left() const {
    const EndpointSet& set = *controls_->endpoints;
    for (std::size_t r = 0; r < set.replicas(); ++r) EXPECT_EQ(set.replica_view(r, now_).in_flight, 0U);
    for (std::size_t k = 0; k < set.keys(); ++k) EXPECT_EQ(set.key_view(k).in_flight, 0U);
    const auto retries = controls_->retries.view();
    EXPECT_EQ(retries.withdrawn, retries_);
    EXPECT_DOUBLE_EQ(retries.tokens, kBurst - static_cast<double>(retries_));
    const auto hedges = controls_->hedger.budget();
    EXPECT_EQ(hedges.withdrawn, hedges_);
    EXPECT_DOUBLE_EQ(hedges.tokens, kBurst - static_cast<double>(hedges_));
  }

  [[nodiscard]] std::uint64_t retries() const noexcept { return retries_; }
  [[nodiscard]] std::uint64_t hedges() const noexcept { return hedges_; }
  [[nodiscard]] std::uint64_t waits() const noexcept { return waits_; }

 private:
  struct Live {
    Live(TargetControls& controls, const TargetRequest& request, std::uint64_t seed)
        : draws(seed), call(controls, request, draws) {}
    base::Rng draws;
    TargetCall call;
    std::set<AttemptId> alive;
    std::optional<AttemptId> winner;
    std::optional<Nanoseconds> until;
  };

  void begin() {
    TargetRequest request;
    request.arrived = now_;
    if (rng_.below(3) == 0) request.client.whole = Nanoseconds::from_seconds(rng_.uniform());
    if (rng_.below(3) == 0) request.rest = PlanRest::kMoreTargets;
    calls_.push_back(std::make_unique<Live>(*controls_, request, rng_.below(1'000'000)));
    drive(calls_.size() - 1, {.kind = Event::kStart, .attempt = 0, .verdict = {}});
  }

  TargetEvent something_of(Live& live) {
    TargetEvent event;
    event.attempt = *std::next(live.alive.begin(), static_cast<std::ptrdiff_t>(rng_.below(live.alive.size())));
    if (rng_.below(2) == 0) {
      event.kind = live.winner ? Event::kCompleted : Event::kContent;
    } else {
      event.kind = Event::kFailed;
      FailureFacts facts;
      constexpr std::array kStatuses{400, 408, 429, 429, 500, 503, 503};
      facts.status = rng_.pick(kStatuses);
      if (rng_.below(2) == 0) facts.retry_after_ms = "100";
      event.verdict = classify(facts);
    }
    if (event.kind != Event::kContent) live.alive.erase(event.attempt);
    return event;
  }

  void drive(std::size_t at, TargetEvent event) {
    Live& live = *calls_[at];
    for (;;) {
      const TargetStep step = live.call.next(event, now_);
      event = {.kind = Event::kContinue, .attempt = 0, .verdict = {}};
      switch (step.kind) {
        case Kind::kAttempt:
          live.alive.insert(step.attempt);
          (step.hedge ? hedges_ : retries_) += step.hedge || step.attempt > 0 ? 1U : 0U;
          break;
        case Kind::kDrop: live.alive.erase(step.attempt); break;
        case Kind::kCommit: live.winner = step.attempt; break;
        case Kind::kWait:
          live.until = step.until;
          if (live.alive.empty()) ++waits_;
          return;
        case Kind::kDone:
        case Kind::kGiveUp: calls_.erase(calls_.begin() + static_cast<std::ptrdiff_t>(at)); return;
      }
    }
  }

  base::Rng rng_;
  std::unique_ptr<TargetControls> controls_;
  std::vector<std::unique_ptr<Live>> calls_;
  Nanoseconds now_ = Nanoseconds::from_ms(1'000);
  std::uint64_t retries_ = 0;
  std::uint64_t hedges_ = 0;
  std::uint64_t waits_ = 0;
};

TEST(Reservations, NoneIsLeftWhateverBecomesOfTheCalls) {
  std::uint64_t retries = 0;
  std::uint64_t hedges = 0;
  std::uint64_t waits = 0;
  for (std::uint64_t seed = 1; seed <= 20 && !::testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    Traffic traffic(seed);
    for (int i = 0; i < 600; ++i) traffic.act();
    traffic.abandon_all();
    traffic.expect_nothing_left();
    retries += traffic.retries();
    hedges += traffic.hedges();
    waits += traffic.waits();
  }
  EXPECT_GT(retries, 400U);
  EXPECT_GT(hedges, 400U);
  EXPECT_GT(waits, 400U);
}

TEST(Reservations, ARetryThatGoesWhileItWaitsIsGivenBack) {
  for (const bool cancelled : {true, false}) {
    RetryOptions retry;
    retry.budget = {.ratio = 0, .min_per_second = 0, .burst = 3};
    TargetControls controls(EndpointSet::make({.keys = {""}, .replicas = {"only"}}, {}).value(), kLimits, retry, {});
    {
      base::Rng rng(1);
      TargetCall call(controls, {}, rng);
      ASSERT_EQ(call.next({}, Nanoseconds::from_ms(1'000)).kind, Kind::kAttempt);
      FailureFacts facts;
      facts.status = 503;
      facts.retry_after = "2";
      const TargetEvent failed{.kind = Event::kFailed, .attempt = 0, .verdict = classify(facts)};
      const TargetStep step = call.next(failed, Nanoseconds::from_ms(1'100));
      ASSERT_EQ(step.kind, Kind::kWait);
      ASSERT_TRUE(step.until.has_value()) << "the retry is due";
      EXPECT_EQ(controls.retries.view().tokens, 2);
      const TargetEvent cancel{.kind = Event::kCancel, .attempt = 0, .verdict = {}};
      if (cancelled) {
        EXPECT_EQ(call.next(cancel, Nanoseconds::from_ms(1'200)).kind, Kind::kGiveUp);
      }
    }
    EXPECT_EQ(controls.retries.view().tokens, 3) << (cancelled ? "cancelled" : "abandoned");
    EXPECT_EQ(controls.retries.view().withdrawn, 0U);
  }
}

}  // namespace
}  // namespace thalamus::dispatch
