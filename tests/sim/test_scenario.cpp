#include <gtest/gtest.h>

#include <string>

#include "thalamus/sim/scenario.h"

namespace thalamus::sim {
namespace {

constexpr std::string_view kWhole = R"(# a small and a large model
workload rate=5 seconds=600 requests_max=1000 client_gone=0.01 patience_ms=3000 input_tokens=250
contract answer_usd=0.02 second_usd=0.001 max_latency_ms=20000 explore=allowed on_infeasible=nearest
strategy in_order attempts_max=3
policy in_flight weight=0.5

target small service_ms=800 sigma=0.5 quality=0.6 fail_before=0.01 concurrency=4 queue=9 outage=100..160;300..320
	target large	service_ms=3000 quality=0.9 price_input=1 price_output=4 idle_timeout_ms=7000   # the good one
)";

std::string error_of(std::string_view text) {
  const auto scenario = parse_scenario(text);
  return scenario.has_value() ? "" : scenario.error().text();
}

TEST(Scenario, IsReadFromText) {
  const auto scenario = parse_scenario(kWhole);
  ASSERT_TRUE(scenario.has_value()) << scenario.error().text();
  EXPECT_EQ(scenario->workload.rate_per_s, 5);
  EXPECT_EQ(scenario->workload.requests_max, 1000);
  EXPECT_EQ(scenario->contract.max_latency_ms, 20000);
  EXPECT_FALSE(scenario->contract.max_cost_usd.has_value());
  EXPECT_EQ(scenario->contract.worth->answer_usd, 0.02);
  EXPECT_EQ(scenario->contract.explore, core::Explore::kAllowed);
  EXPECT_EQ(scenario->contract.on_infeasible, core::OnInfeasible::kNearest);
  EXPECT_EQ(scenario->strategy_options.at("attempts_max"), "3");
  EXPECT_EQ(scenario->policy_options.at("weight"), "0.5");
  ASSERT_EQ(scenario->targets.size(), 2U);
  EXPECT_EQ(scenario->targets[0].target.name, "small");
  EXPECT_EQ(scenario->targets[0].limits.concurrency_max, 4U);
  EXPECT_EQ(scenario->targets[0].limits.queue_length_max, 9U);
  ASSERT_EQ(scenario->targets[0].outages.size(), 2U);
  EXPECT_EQ(scenario->targets[0].outages[1].from, Nanoseconds::from_seconds(300));
  EXPECT_EQ(scenario->targets[1].target.prices.output, 4);
  EXPECT_EQ(scenario->targets[1].limits.idle_timeout, Nanoseconds::from_ms(7000));
}

TEST(Scenario, NeedsATarget) { EXPECT_EQ(error_of("workload rate=1\n"), "targets: 0 is outside 1..256"); }

TEST(Scenario, NamesTheLineOfAnError) {
  EXPECT_EQ(error_of("\n\nworkload rate=x"), "line 3: rate: expected a number, got 'x'");
  EXPECT_EQ(error_of("target a quality=2"), "line 1: quality: 2 is outside 0..1");
  EXPECT_EQ(error_of("target a\ntarget a"), "line 2: target 'a' is given twice");
  EXPECT_EQ(error_of("target a b=1 c"), "line 1: expected name=value, got 'c'");
  EXPECT_EQ(error_of("target a quality=1 quality=1"), "line 1: 'quality' is given twice");
  EXPECT_EQ(error_of("target"), "line 1: target: expected a name after it");
  EXPECT_EQ(error_of("workload fast"), "line 1: workload: expected name=value, got 'fast'");
  EXPECT_EQ(error_of("workload\nworkload"), "line 2: 'workload' is given twice");
  EXPECT_EQ(error_of("policy nothing"), "line 1: unknown policy 'nothing'");
  EXPECT_EQ(error_of("strategy nothing"), "line 1: unknown strategy 'nothing'");
  EXPECT_EQ(error_of("strategy in_order attempts_max=0"), "line 1: attempts_max: 0 is outside 1..256");
  EXPECT_EQ(error_of("policy in_flight weigth=1"), "line 1: unknown option 'weigth', did you mean 'weight'?");
}

TEST(Scenario, SuggestsTheNearestWord) {
  EXPECT_EQ(error_of("tarket a"),
            "line 1: expected workload, contract, strategy, policy, target, got 'tarket', did you mean 'target'?");
  EXPECT_EQ(error_of("target a qualty=1"), "line 1: unknown option 'qualty', did you mean 'quality'?");
}

TEST(Scenario, SaysHowAnOutageIsWritten) {
  const std::string expected = "outage: expected seconds as from..to, such as 100..160, got ";
  EXPECT_EQ(error_of("target a outage=5"), "line 1: " + expected + "'5'");
  EXPECT_EQ(error_of("target a outage=9..5"), "line 1: " + expected + "'9..5'");
  EXPECT_EQ(error_of("target a outage=1..2;"), "line 1: " + expected + "''");
  EXPECT_EQ(error_of("target a outage=-1..2"), "line 1: " + expected + "'-1..2'");
}

TEST(Scenario, RefusesATextWithoutAnEnd) {
  EXPECT_EQ(parse_scenario(std::string(kScenarioBytesMax + 1, ' ')).error().kind, ErrorKind::kTooLarge);
}

TEST(Scenario, IsCheckedWhenPutTogetherByHand) {
  SimScenario scenario;
  EXPECT_FALSE(validate(scenario).has_value());
  scenario.targets.emplace_back().target.name = "a";
  EXPECT_TRUE(validate(scenario).has_value());
  scenario.targets[0].stall = 1.5;
  EXPECT_FALSE(validate(scenario).has_value());
  scenario.targets[0].stall = 0;
  scenario.workload.rate_per_s = 0;
  EXPECT_FALSE(validate(scenario).has_value());
}

}  // namespace
}  // namespace thalamus::sim
