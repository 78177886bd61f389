#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "thalamus/base/result.h"
#include "thalamus/gateway/otlp_spans.h"

namespace thalamus::gateway {
namespace {

using nlohmann::json;

constexpr const char* kParent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

TurnSummary sample() {
  TurnSummary turn;
  turn.arrived_unix_ns = 1'700'000'000'000'000'000;
  turn.decide = Nanoseconds{20'000};
  turn.decision_id = "0123456789abcdef0123456789abcdef";
  turn.format = "openai";
  turn.key = "team \"a\"";
  turn.route = "auto";
  turn.model = "auto";
  turn.target = "large";
  turn.address = "api.example.org";
  turn.upstream_model = "large-1";
  turn.outcome.total = Nanoseconds::from_ms(1500);
  turn.outcome.first_token = Nanoseconds::from_ms(200);
  turn.outcome.usage = {
      .input = 100, .cached_input = 60, .output = 9, .reasoning = 2, .known = true, .cache_write = 30};
  turn.outcome.cost = NanoDollars{1'500'000};
  turn.outcome.finish = core::Finish::kStop;
  turn.outcome.attempts = {
      {.target = 0, .status = 503, .failure = ErrorKind::kUnavailable, .duration = Nanoseconds::from_ms(30)},
      {.target = 1, .status = 200, .failure = {}, .duration = Nanoseconds::from_ms(1400)}};
  turn.attempted = {"small", "large"};
  turn.addresses = {"small.example.org", "api.example.org"};
  return turn;
}

json attributes_of(const json& span) {
  json out;
  for (const json& attribute : span["attributes"]) out[attribute["key"].get<std::string>()] = attribute["value"];
  return out;
}

TEST(TraceParent, IsReadInTheFormOfVersion00Only) {
  const auto parent = parse_traceparent(kParent);
  ASSERT_TRUE(parent);
  EXPECT_EQ(parent->trace_id, "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(parent->span_id, "00f067aa0ba902b7");
  EXPECT_TRUE(parent->sampled);
  EXPECT_FALSE(parse_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00")->sampled);
  EXPECT_TRUE(parse_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0b")->sampled);
  for (const char* wrong : {"", "00", "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
                            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
                            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
                            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x"})
    EXPECT_FALSE(parse_traceparent(wrong)) << wrong;
}

TEST(Spans, OfATurnHaveItsCallsBelowIt) {
  const TurnSummary turn = sample();
  const json body = json::parse(encode_spans({&turn, 1}, SemanticConventions::kLatest));
  const json& spans = body["resourceSpans"][0]["scopeSpans"][0]["spans"];
  ASSERT_EQ(spans.size(), 3U);
  EXPECT_EQ(spans[0]["traceId"], turn.decision_id);
  EXPECT_FALSE(spans[0].contains("parentSpanId"));
  EXPECT_FALSE(spans[0].contains("status"));
  EXPECT_EQ(spans[0]["startTimeUnixNano"], "1700000000000000000");
  EXPECT_EQ(spans[0]["endTimeUnixNano"], "1700000001500000000");
  for (const std::size_t call : {1U, 2U}) {
    EXPECT_EQ(spans[call]["parentSpanId"], spans[0]["spanId"]);
    EXPECT_EQ(spans[call]["traceId"], spans[0]["traceId"]);
  }
  EXPECT_NE(spans[1]["spanId"], spans[2]["spanId"]);
  EXPECT_EQ(spans[1]["name"], "call small");
  EXPECT_EQ(spans[1]["status"]["code"], 2);
  EXPECT_EQ(attributes_of(spans[1])["error.type"]["stringValue"], base::label(ErrorKind::kUnavailable));
  EXPECT_EQ(attributes_of(spans[1])["server.address"]["stringValue"], "small.example.org") << "it was asked too";
  EXPECT_EQ(attributes_of(spans[2])["server.address"]["stringValue"], "api.example.org");
  const json of_turn = attributes_of(spans[0]);
  EXPECT_EQ(of_turn["gen_ai.provider.name"]["stringValue"], "thalamus");
  EXPECT_EQ(of_turn["gen_ai.usage.input_tokens"]["intValue"], "100");
  EXPECT_EQ(of_turn["gen_ai.usage.cache_creation.input_tokens"]["intValue"], "30");
  EXPECT_EQ(of_turn["gen_ai.response.finish_reasons"]["arrayValue"]["values"][0]["stringValue"], "stop");
  EXPECT_DOUBLE_EQ(of_turn["thalamus.cost_usd"]["doubleValue"], 0.0015);
}

TEST(Spans, BelongToTheCallersTrace) {
  TurnSummary turn = sample();
  turn.parent = parse_traceparent(kParent);
  const json body = json::parse(encode_spans({&turn, 1}, SemanticConventions::kLegacy));
  const json& spans = body["resourceSpans"][0]["scopeSpans"][0]["spans"];
  EXPECT_EQ(spans[0]["traceId"], turn.parent->trace_id);
  EXPECT_EQ(spans[0]["parentSpanId"], turn.parent->span_id);
  const json of_turn = attributes_of(spans[0]);
  EXPECT_EQ(of_turn["gen_ai.system"]["stringValue"], "thalamus");
  EXPECT_EQ(of_turn["gen_ai.usage.prompt_tokens"]["intValue"], "100");
  EXPECT_FALSE(of_turn.contains("gen_ai.provider.name"));
  // What goes upstream names our own span as the parent.
  const auto onward = parse_traceparent(traceparent_of(turn.decision_id, turn.parent));
  ASSERT_TRUE(onward);
  EXPECT_EQ(onward->trace_id, turn.parent->trace_id);
  EXPECT_EQ(onward->span_id, spans[0]["spanId"].get<std::string>());
  EXPECT_TRUE(onward->sampled);
}

TEST(AccessLine, SaysWhoAskedWhatAndHowItEnded) {
  const json line = json::parse(access_line(sample()));
  EXPECT_EQ(line["key"], "team \"a\"");
  EXPECT_EQ(line["target"], "large");
  EXPECT_EQ(line["attempts"], 2);
  EXPECT_EQ(line["input_tokens"], 100);
  EXPECT_DOUBLE_EQ(line["total_s"], 1.5);
  EXPECT_FALSE(line.contains("failure"));
  TurnSummary failed = sample();
  failed.outcome.usage.known = false;
  failed.outcome.failure = ErrorKind::kTimeout;
  const json cut = json::parse(access_line(failed));
  EXPECT_EQ(cut["failure"], base::label(ErrorKind::kTimeout));
  EXPECT_EQ(cut["input_tokens"], 100) << "what was seen is billed";
  EXPECT_EQ(cut["usage_estimated"], true);
  failed.outcome.usage = {};
  EXPECT_FALSE(json::parse(access_line(failed)).contains("input_tokens"));
}

}  // namespace
}  // namespace thalamus::gateway
