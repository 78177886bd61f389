// Every case of tests/scenario, in virtual time: what it expects holds for several seeds, and nothing else breaks.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "thalamus/base/rng.h"
#include "thalamus/sim/fault_run.h"

namespace thalamus::sim {
namespace {

constexpr std::uint64_t kSeeds = 5;

std::string read_case(const std::string& name) {
  std::ifstream in(std::filesystem::path(THALAMUS_SOURCE_DIR) / "tests/scenario" / (name + ".scn"));
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<std::string> case_names() {
  std::vector<std::string> names;
  for (const auto& file :
       std::filesystem::directory_iterator(std::filesystem::path(THALAMUS_SOURCE_DIR) / "tests/scenario"))
    if (file.path().extension() == ".scn") names.push_back(file.path().stem().string());
  std::sort(names.begin(), names.end());
  return names;
}

FaultCase parsed(std::string_view text) {
  auto fault_case = parse_fault_case(text);
  EXPECT_TRUE(fault_case.has_value()) << fault_case.error().text();
  return fault_case.value_or(FaultCase{});
}

std::string error_of(std::string_view text) {
  const auto fault_case = parse_fault_case(text);
  return fault_case.has_value() ? "" : fault_case.error().text();
}

class FaultCases : public ::testing::TestWithParam<std::string> {};

std::string parameter_name(const ::testing::TestParamInfo<std::string>& name) { return name.param; }

INSTANTIATE_TEST_SUITE_P(All, FaultCases, ::testing::ValuesIn(case_names()), parameter_name);

TEST_P(FaultCases, GiveWhatTheyExpect) {
  const FaultCase fault_case = parsed(read_case(GetParam()));
  EXPECT_FALSE(fault_case.title.empty());
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    const FaultRun run = run_fault_case(fault_case, seed);
    EXPECT_TRUE(run.violations.empty()) << to_text(fault_case, run);
    for (const auto& broken : broken_expectations(fault_case, run)) ADD_FAILURE() << broken;
  }
}

TEST(FaultCase, ReproducesASeedBitForBit) {
  const FaultCase fault_case = parsed(read_case("everything_at_once"));
  EXPECT_EQ(run_fault_case(fault_case, 3).hash, run_fault_case(fault_case, 3).hash);
  EXPECT_NE(run_fault_case(fault_case, 3).hash, run_fault_case(fault_case, 4).hash);
}

TEST(FaultCase, WithoutTheHedgeTheTailIsLong) {
  std::string text = read_case("hedging");
  const auto at = text.find("hedge main");
  ASSERT_NE(at, std::string::npos);
  text.erase(at, text.find('\n', at) - at);
  const FaultCase fault_case = parsed(text);
  const FaultRun run = run_fault_case(fault_case, 1);
  EXPECT_GT(measure(fault_case, run, "first_ms_p99", Nanoseconds{}, Nanoseconds{INT64_MAX}), 4'000);
}

// What the choice by load is worth: the same replicas, asked by prompts that are long enough to have a home each.
TEST(FaultCase, LongPromptsGoHomeAndShortOnesByLoad) {
  const auto share_of_the_slow_one = [](std::string text) {
    text.replace(text.find("requests "), 9, "requests prompt_bytes=4096 ");
    const FaultCase fault_case = parsed(text);
    const FaultRun run = run_fault_case(fault_case, 1);
    const auto all = Nanoseconds{INT64_MAX};
    return measure(fault_case, run, "attempts.main.2", {}, all) / measure(fault_case, run, "attempts", {}, all);
  };
  const std::string text = read_case("slower_replica");
  EXPECT_GT(share_of_the_slow_one(text), 0.2) << "bounded loads move some of its third";
  EXPECT_LT(share_of_the_slow_one(text + "endpoints main affinity_prefix_bytes=4097\n"), 0.125);
}

TEST(FaultCase, AnExpectationThatDoesNotHoldIsToldWithTheMeasure) {
  const FaultCase fault_case = parsed("target a\nexpect failed > 3   # never\n");
  const auto broken = broken_expectations(fault_case, run_fault_case(fault_case, 1));
  ASSERT_EQ(broken.size(), 1U);
  EXPECT_EQ(broken[0], "expect failed > 3: measured 0");
}

TEST(FaultCase, NamesTheLineOfAnError) {
  EXPECT_EQ(error_of("target a\n"), "a case expects nothing: add `expect` lines");
  EXPECT_EQ(error_of("requests rate=1\n"), "a case needs at least one target");
  EXPECT_EQ(error_of("target a\ntarget a\n"), "line 2: target 'a' is given twice");
  EXPECT_EQ(error_of("tarket a\n"),
            "line 1: expected case, requests, target, endpoints, retry, hedge, upstream, expect, got 'tarket', did you "
            "mean 'target'?");
  EXPECT_EQ(error_of("target a keys=0\n"), "line 1: keys: 0 is outside 1..64");
  EXPECT_EQ(error_of("target main\nupstream mian.0 ok\n"), "line 2: unknown target 'mian', did you mean 'main'?");
  EXPECT_EQ(error_of("target a\nupstream a.1 ok\n"), "line 2: 'a.1': target 'a' has 1 replicas, counted from 0");
  EXPECT_EQ(error_of("target a\nupstream a ok\n"), "line 2: expected TARGET.REPLICA such as main.0, got 'a'");
  EXPECT_EQ(
      error_of("target a\nupstream a.0 drop\n"),
      "line 2: expected ok, drip, refuse, die, hang, status, error200, cut, empty, malformed, got 'drop', did you "
      "mean 'drip'?");
  EXPECT_EQ(error_of("target a\nupstream a.0 die from=9 to=5\n"), "line 2: to: must be after from=9");
  EXPECT_EQ(error_of("target a\nretry a ratoi=1\n"), "line 2: unknown option 'ratoi', did you mean 'ratio'?");
  EXPECT_EQ(error_of("target a\nexpect failed = 0\n"), "line 2: expected <, <=, ==, >= or >, got '='");
  EXPECT_EQ(error_of("target a\nexpect failed == x\n"), "line 2: expected a number, got 'x'");
  EXPECT_EQ(error_of("target a\nexpect fialed == 0\n").substr(0, 30), "line 2: unknown metric 'fialed");
  EXPECT_EQ(error_of("target a\nexpect attempts.a.3 == 0\n").substr(0, 23), "line 2: unknown metric ");
  EXPECT_EQ(error_of("target a\nexpect failed\n"), "line 2: expected `expect METRIC >= VALUE from=10 to=20`");
  EXPECT_EQ(error_of("requests rate=100000 seconds=86400\ntarget a\nexpect failed == 0\n"),
            "requests: more than 1000000");
}

TEST(FaultCase, ReadsOrRefusesAnyBytes) {
  const std::uint64_t seed = 17;
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  base::Rng rng(seed);
  const std::string whole = read_case("everything_at_once");
  for (int i = 0; i < 500; ++i) {
    std::string text = whole.substr(0, rng.below(whole.size() + 1));
    for (auto n = rng.below(6); n > 0 && !text.empty(); --n)
      text[rng.below(text.size())] =
          rng.below(2) == 0 ? static_cast<char>(rng.below(256)) : whole[rng.below(whole.size())];
    const auto fault_case = parse_fault_case(text);
    ASSERT_TRUE(fault_case.has_value() || !fault_case.error().message.empty());
  }
}

TEST(FaultCase, EveryBehaviourEndsAsItsNameSays) {
  const auto share = [](const std::string& behaviour, std::string_view metric) {
    const FaultCase fault_case = parsed(
        "requests rate=10 seconds=10\n"
        "target a total_ms=20000 floor_per_second=5 window_ms=2000\n"
        "endpoints a ejection_failures=0 breaker_failures=0 failure_share=0\n"
        "retry a attempts_max=1\nupstream a.0 " +
        behaviour + "\nexpect requests > 0\n");
    const FaultRun run = run_fault_case(fault_case, 1);
    const auto all = Nanoseconds{INT64_MAX};
    return measure(fault_case, run, metric, {}, all) / measure(fault_case, run, "requests", {}, all);
  };
  EXPECT_EQ(share("ok", "answered"), 1);
  for (const auto* behaviour : {"refuse", "die", "hang", "status", "error200", "empty", "malformed"})
    EXPECT_EQ(share(behaviour, "failed"), 1) << behaviour;
  EXPECT_EQ(share("drip", "broken"), 1);
  EXPECT_EQ(share("cut", "broken"), 1);
}

}  // namespace
}  // namespace thalamus::sim
