// Calls of models, seen from outside: what counts as an attempt, who keeps a home, when a silent stream is over.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "turn_rig.h"

namespace thalamus::gateway {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kTwoTargets = R"(version: 1
providers:
  first: { base_url: "http://first:80/v1", endpoints: { breaker_failures: 1 }, retries: { attempts_max: 1 } }
  second: { base_url: "http://second:80/v1", endpoints: { breaker_failures: 1 }, retries: { attempts_max: 1 } }
models:
  - { name: a, provider: first, id: model-a, price: { input: 1, output: 1 } }
  - { name: b, provider: second, id: model-b, price: { input: 1, output: 1 } }
routes:
  - { name: auto, targets: [a, b] }
)";

std::vector<std::uint16_t> attempted(const core::Turn& turn) {
  std::vector<std::uint16_t> targets;
  targets.reserve(turn.outcome.attempts.size());
  for (const core::Attempt& attempt : turn.outcome.attempts) targets.push_back(attempt.target);
  return targets;
}

TEST(UpstreamCall, ATargetThatIsPassedOverIsNoAttempt) {
  TurnRig rig(kTwoTargets);
  rig.scripts["first"] = Script::kFail;
  EXPECT_EQ(rig.chat("hello").status, 200);
  EXPECT_THAT(attempted(rig.records.turns.back()), ElementsAre(0, 1)) << "its circuit opens";
  EXPECT_EQ(rig.chat("hello").status, 200);
  EXPECT_THAT(attempted(rig.records.turns.back()), ElementsAre(1)) << "nothing was sent to it";
  EXPECT_EQ(rig.calls["first"], 1);
  EXPECT_EQ(rig.metric("thalamus_target_calls_total", "target=\"a\""), 1);
  EXPECT_EQ(rig.metric("thalamus_target_calls_total", "target=\"b\""), 2);
}

TEST(UpstreamCall, WhereAllArePassedOverTheClientIsToldWhy) {
  TurnRig rig(kTwoTargets);
  rig.scripts["first"] = Script::kFail;
  rig.scripts["second"] = Script::kFail;
  EXPECT_EQ(rig.chat("hello").status, 502);
  EXPECT_THAT(attempted(rig.records.turns.back()), ElementsAre(0, 1));
  const TurnRig::Answer answer = rig.chat("hello");
  EXPECT_EQ(answer.status, 503);
  EXPECT_THAT(answer.body, HasSubstr("no endpoint takes calls now"));
  EXPECT_THAT(attempted(rig.records.turns.back()), IsEmpty());
  EXPECT_EQ(rig.records.turns.back().outcome.failure, ErrorKind::kUnavailable);
  EXPECT_EQ(rig.metric("thalamus_target_calls_total", "target="), 2);
}

TEST(UpstreamCall, AConnectionThatIsRefusedIsAnAttempt) {
  TurnRig rig(R"(version: 1
providers: { nobody: { base_url: "http://nobody:80/v1", retries: { attempts_max: 1 } } }
models: [ { name: a, provider: nobody, id: model-a, price: { input: 1, output: 1 } } ]
routes: [ { name: auto, targets: [a] } ]
)");
  EXPECT_EQ(rig.chat("hello").status, 503);
  ASSERT_THAT(attempted(rig.records.turns.back()), ElementsAre(0));
  EXPECT_EQ(rig.records.turns.back().outcome.attempts[0].status, 0);
  EXPECT_EQ(rig.metric("thalamus_target_calls_total", "target=\"a\""), 1);
}

TEST(UpstreamCall, ARequestThatCannotBeSaidIsNoAttempt) {
  TurnRig rig(R"(version: 1
providers: { first: { base_url: "http://first:80", format: anthropic } }
models: [ { name: a, provider: first, id: model-a, price: { input: 1, output: 1 } } ]
routes: [ { name: auto, targets: [a], strict: true } ]
)");
  const TurnRig::Answer answer = rig.ask(R"({"model":"auto","seed":7,"messages":[{"role":"user","content":"hello"}]})");
  EXPECT_EQ(answer.status, 400);
  EXPECT_THAT(answer.body, HasSubstr("cannot be said to target 'a'"));
  EXPECT_THAT(attempted(rig.records.turns.back()), IsEmpty());
  EXPECT_EQ(rig.metric("thalamus_target_calls_total", "target="), 0);
}

TEST(UpstreamCall, AStreamThatFallsSilentIsGivenUpByItsGuard) {
  TurnRig rig(R"(version: 1
providers:
  first: { base_url: "http://first:80/v1", timeouts: { idle_ms: 60000 },
           slow_stream: { bytes_per_second: 100000, window: 40ms } }
models: [ { name: a, provider: first, id: model-a, price: { input: 1, output: 1 } } ]
routes: [ { name: auto, targets: [a] } ]
)");
  rig.scripts["first"] = Script::kFallSilent;
  const TurnRig::Answer answer = rig.chat("hello", true);
  EXPECT_EQ(answer.status, 200);
  EXPECT_THAT(answer.body, HasSubstr("one"));
  EXPECT_THAT(answer.body, HasSubstr("slower than its floor"));
  EXPECT_GE(answer.duration, Nanoseconds::from_ms(40)) << "one window after the first piece";
  const core::Outcome& outcome = rig.records.turns.back().outcome;
  EXPECT_EQ(outcome.failure, ErrorKind::kTimeout);
  EXPECT_EQ(rig.runtime().upstreams()[0]->controls->endpoints->replica_view(0, answer.duration).faults, 1U);
}

std::string two_replicas(std::string_view options) {
  return fmt::format(R"(version: 1
providers:
  both: {{ base_url: "http://first:80/v1", replicas: ["http://second:80/v1"], endpoints: {{ {} }} }}
models: [ {{ name: a, provider: both, id: model-a, price: {{ input: 1, output: 1 }} }} ]
routes: [ {{ name: auto, targets: [a] }} ]
)",
                     options);
}

constexpr int kAsked = 6;

TEST(UpstreamCall, ShortPromptsWithoutASessionGoByLoad) {
  TurnRig rig(two_replicas(""));
  for (int i = 0; i < kAsked; ++i) EXPECT_EQ(rig.chat("hello").status, 200);
  EXPECT_GT(rig.calls["first"], 0);
  EXPECT_GT(rig.calls["second"], 0) << "a replica without history is looked at";
}

TEST(UpstreamCall, LongPromptsToolsIncludedAndAllWhereToldSoHaveAHome) {
  const std::string text(4'096, 'x');
  const std::string tool =
      fmt::format(R"({{"model":"auto","messages":[{{"role":"user","content":"hello"}}],"tools":[{{"type":"function",)"
                  R"("function":{{"name":"f","description":"{}","parameters":{{"type":"object"}}}}}}]}})",
                  text);
  const std::string grown = fmt::format(
      R"({{"model":"auto","messages":[{{"role":"user","content":"hello"}},{{"role":"assistant","content":"{}"}},)"
      R"({{"role":"user","content":"go on"}}]}})",
      text);
  const std::string plain = R"({"model":"auto","messages":[{"role":"user","content":"hello"}]})";
  const std::string session =
      R"({"model":"auto","thalamus":{"session":"s"},"messages":[{"role":"user","content":"hello"}]})";
  using Case = std::pair<std::string, std::string>;
  for (const auto& [options, body] :
       {Case{"", tool}, Case{"", grown}, Case{"", session}, Case{"affinity_prefix_bytes: 0", plain}}) {
    TurnRig rig(two_replicas(options));
    for (int i = 0; i < kAsked; ++i) EXPECT_EQ(rig.ask(body).status, 200);
    EXPECT_EQ(std::max(rig.calls["first"], rig.calls["second"]), kAsked) << options << body.substr(0, 120);
  }
}

}  // namespace
}  // namespace thalamus::gateway
