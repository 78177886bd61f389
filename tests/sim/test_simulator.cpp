// The decision layer, strategies and policies under faults, from a seed. A failure prints the seed and the scenario's
// switches; `simulate(swarm_scenario(seed), seed)` replays it.
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "thalamus/base/rng.h"
#include "thalamus/compose/strategy.h"
#include "thalamus/dispatch/policy.h"
#include "thalamus/sim/simulator.h"

namespace thalamus::sim {
namespace {

// Swarm testing: each kind of event is on in about half of the runs, so that rare combinations come up.
double switched(base::Rng& rng, double most) {
  const double value = rng.uniform() * most;
  return rng.below(2) == 0 ? 0 : value;
}

SimTarget swarm_target(base::Rng& rng, std::size_t index) {
  SimTarget target;
  target.target.name = "target" + std::to_string(index);
  target.target.prices = {.input = switched(rng, 3), .output = switched(rng, 15)};
  target.quality = rng.uniform();
  target.service_ms = 10 + rng.uniform() * 3'000;
  target.service_sigma = switched(rng, 1);
  target.first_content_share = rng.uniform();
  target.fail_before = switched(rng, 0.5);
  target.fail_after = switched(rng, 0.5);
  target.stall = switched(rng, 0.2);
  target.reject = switched(rng, 0.1);
  target.limits.concurrency_max = static_cast<std::uint32_t>(rng.below(6));
  target.limits.queue_length_max = static_cast<std::uint32_t>(rng.below(8));
  target.limits.first_byte_timeout = Nanoseconds::from_ms(rng.between(100, 10'000));
  target.limits.idle_timeout = Nanoseconds::from_ms(rng.between(100, 10'000));
  target.limits.total_timeout = Nanoseconds::from_ms(rng.between(1'000, 30'000));
  for (auto n = rng.below(2) == 0 ? 0 : rng.below(4); n > 0; --n) {
    const double from_s = rng.uniform() * 60;
    target.outages.push_back(
        {Nanoseconds::from_seconds(from_s), Nanoseconds::from_seconds(from_s + rng.uniform() * 20)});
  }
  return target;
}

SimScenario swarm_scenario(std::uint64_t seed) {
  base::Rng rng = base::Rng(seed).fork("swarm");
  SimScenario scenario;
  scenario.workload.rate_per_s = 0.5 + rng.uniform() * 20;
  scenario.workload.arrivals_s = 60;
  scenario.workload.requests_max = 150;
  scenario.workload.client_gone = switched(rng, 0.5);
  scenario.workload.patience_ms = 1 + rng.uniform() * 5'000;
  scenario.workload.health_delay_ms = switched(rng, 5'000);
  scenario.strategy = rng.pick(compose::strategies()).name;
  scenario.policy = rng.pick(dispatch::policies()).name;
  if (rng.below(2) == 0) scenario.contract.worth = core::Worth{rng.uniform(), switched(rng, 0.1)};
  if (rng.below(2) == 0) scenario.contract.explore = core::Explore::kAllowed;
  if (rng.below(2) == 0) scenario.contract.on_infeasible = core::OnInfeasible::kNearest;
  if (rng.below(3) == 0) scenario.contract.max_latency_ms = rng.uniform() * 5'000;
  if (rng.below(3) == 0) scenario.contract.min_quality = rng.uniform();
  for (auto n = 1 + rng.below(5); n > 0; --n) scenario.targets.push_back(swarm_target(rng, scenario.targets.size()));
  return scenario;
}

SimScenario parsed(std::string_view text) {
  auto scenario = parse_scenario(text);
  EXPECT_TRUE(scenario.has_value()) << scenario.error().text();
  return std::move(*scenario);
}

TEST(Simulator, HoldsItsInvariantsOverTwoHundredSeeds) {
  std::uint64_t answered = 0;
  std::uint64_t others = 0;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    const SimReport report = simulate(swarm_scenario(seed), seed);
    ASSERT_EQ(report.violation_count, 0U) << "seed " << seed << "\n" << to_text(report);
    answered += report.answered;
    others += report.requests - report.answered;
  }
  EXPECT_GT(answered, 1'000U);  // the swarm is neither always well nor always broken
  EXPECT_GT(others, 1'000U);
}

TEST(Simulator, ReproducesASeedBitForBit) {
  for (const std::uint64_t seed : {1U, 17U, 99U}) {
    const auto scenario = swarm_scenario(seed);
    const SimReport first = simulate(scenario, seed);
    const SimReport second = simulate(scenario, seed);
    EXPECT_EQ(first.hash, second.hash) << "seed " << seed;
    EXPECT_EQ(to_json(first), to_json(second)) << "seed " << seed;
    EXPECT_NE(first.hash, simulate(scenario, seed + 1).hash) << "seed " << seed;
  }
}

TEST(Simulator, AnswersEverythingWhenNothingFails) {
  const auto report = simulate(parsed("workload rate=5 seconds=100\ntarget a service_ms=100 quality=1\n"), 3);
  EXPECT_NEAR(static_cast<double>(report.requests), 500, 100);
  EXPECT_EQ(report.answered, report.requests);
  EXPECT_EQ(report.good, report.requests);
  EXPECT_EQ(report.calls, report.requests);
  EXPECT_EQ(report.fallbacks, 0U);
}

TEST(Simulator, FallsBackDuringAnOutage) {
  const auto report = simulate(parsed("workload rate=5 seconds=100 health_delay_ms=5000\n"
                                      "target best service_ms=100 quality=0.9 outage=20..60\n"
                                      "target spare service_ms=100 quality=0.5\n"),
                               3);
  EXPECT_EQ(report.answered, report.requests);
  EXPECT_GT(report.fallbacks, 5U);                   // until the supervisor has seen it
  EXPECT_GT(report.targets[1].first_choices, 100U);  // afterwards the plan begins with the spare
  EXPECT_GT(report.targets[0].answers, 200U);
}

TEST(Simulator, QueuesUpToTheLimitAndRefusesBeyond) {
  const auto report =
      simulate(parsed("workload rate=50 seconds=20\ntarget only service_ms=1000 sigma=0.1 concurrency=2 queue=5\n"), 3);
  EXPECT_EQ(report.targets[0].in_flight_max, 2U);
  EXPECT_EQ(report.targets[0].queue_length_max, 5U);
  EXPECT_GT(report.failed.at("unavailable"), 100U);
  EXPECT_GT(report.queue_s.p50, 0.5);
}

// M/M/1 would wait rho/(1-rho) service times; with constant service (M/D/1) half of that: at rho 0.5, 0.5 x 1 s.
TEST(Simulator, WaitsAsLongAsQueueingTheorySays) {
  const auto report = simulate(parsed("workload rate=0.5 seconds=1e6 requests_max=40000\n"
                                      "target only service_ms=1000 sigma=0 concurrency=1 queue=1000\n"),
                               3);
  ASSERT_EQ(report.answered, report.requests);
  const double waiting_share = static_cast<double>(report.targets[0].queued) / static_cast<double>(report.requests);
  EXPECT_NEAR(waiting_share, 0.5, 0.02);  // an arrival waits with probability rho
  EXPECT_NEAR(report.targets[0].busy_seconds / report.virtual_seconds, 0.5, 0.02);
}

TEST(Simulator, EndsTheTurnsOfClientsThatLeave) {
  const auto report = simulate(
      parsed("workload rate=5 seconds=100 client_gone=1 patience_ms=1\ntarget a service_ms=60000 sigma=0\n"), 3);
  EXPECT_EQ(report.cancelled, report.requests);
  EXPECT_EQ(report.targets[0].cancellations, report.requests);
}

TEST(Simulator, ReportsARequestThatNoTargetMayTake) {
  const auto report =
      simulate(parsed("workload rate=1 seconds=50\ncontract min_quality=0.9\ntarget a quality=0.5\n"), 3);
  EXPECT_EQ(report.failed.at("infeasible"), report.requests);
  EXPECT_EQ(report.calls, 0U);
}

TEST(Simulator, TakesEstimatesFromOutside) {
  class Reversed final : public Estimator {
   public:
    void estimate(const SimRequest& request, core::Estimates& out) const noexcept override {
      for (std::size_t t = 0; t < out.size(); ++t)
        out[t].quality = request.index % 2 == 0 ? static_cast<double>(t) / 2 : 0.9 - static_cast<double>(t) / 2;
    }
  };
  const auto scenario = parsed("workload rate=5 seconds=100\ntarget a service_ms=10\ntarget b service_ms=10\n");
  const auto report = simulate(scenario, 3, Reversed());
  EXPECT_NEAR(static_cast<double>(report.targets[0].first_choices), static_cast<double>(report.requests) / 2, 1);
  EXPECT_NEAR(static_cast<double>(report.targets[1].first_choices), static_cast<double>(report.requests) / 2, 1);
}

TEST(SimReport, SaysTheSameInTextAndJson) {
  const auto report = simulate(parsed("workload rate=5 seconds=20\ntarget a service_ms=100 price_output=10\n"), 3);
  const std::string json = to_json(report);
  const std::string text = to_text(report);
  EXPECT_NE(json.find("\"requests\":" + std::to_string(report.requests)), std::string::npos);
  EXPECT_NE(json.find("\"violations\":[]"), std::string::npos);
  EXPECT_NE(text.find(std::to_string(report.requests) + " requests in"), std::string::npos);
  EXPECT_NE(text.find("seed 3"), std::string::npos);
  EXPECT_EQ(text.find("BROKEN"), std::string::npos);
}

TEST(SimReport, TakesPercentilesByNearestRank) {
  std::vector<std::int64_t> values;
  for (std::int64_t i = 100; i >= 1; --i) values.push_back(i * 1'000'000'000);
  const auto p = percentiles(values);
  EXPECT_DOUBLE_EQ(p.p50, 50);
  EXPECT_DOUBLE_EQ(p.p95, 95);
  EXPECT_DOUBLE_EQ(p.p99, 99);
  std::vector<std::int64_t> none;
  EXPECT_EQ(percentiles(none).p50, 0);
}

}  // namespace
}  // namespace thalamus::sim
