#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "anthropic_events.h"
#include "thalamus/base/rng.h"
#include "thalamus/wire/format.h"

namespace thalamus::wire {
namespace {

using core::DeltaKind;
using core::Finish;
using nlohmann::json;

const Format& anthropic() { return *find_format("anthropic"); }

core::Part thought(std::string text, std::string signature, std::string encrypted = {}, std::string id = {}) {
  core::PartDetail detail;
  detail.signature = std::move(signature);
  detail.encrypted = std::move(encrypted);
  detail.id = std::move(id);
  return {core::PartKind::kReasoning, std::move(text), std::make_shared<const core::PartDetail>(std::move(detail))};
}

core::Delta delta(DeltaKind kind, std::string text, std::string id = {}) {
  core::Delta out = text_delta(std::move(text));
  out.kind = kind;
  out.id = std::move(id);
  return out;
}

core::Answer sample() {
  core::Answer answer;
  answer.id = "1";
  answer.model = "small";
  answer.text = "He said \"\xc3\xa9\"\n";
  answer.usage = {.input = 10, .cached_input = 4, .output = 5, .reasoning = 2, .known = true, .cache_write = 3};
  return answer;
}

std::string stream_of(const std::vector<core::Delta>& deltas,
                      const StreamEnd& tail = {.finish = Finish::kStop, .usage = sample().usage}) {
  const auto writer = anthropic().write_stream(
      {.id = "1", .created_unix_s = 0, .model = "small", .with_usage = false, .input_tokens = 7});
  std::string out;
  writer->start(out);
  for (const core::Delta& one : deltas) writer->write(one, out);
  writer->end(tail, out);
  return out;
}

TEST(AnthropicEncode, WritesAnAnswerAsTheOfficialClientsExpectIt) {
  EXPECT_EQ(json::parse(anthropic().encode_answer(sample())), json::parse(R"({
    "id":"msg_1","type":"message","role":"assistant","model":"small",
    "content":[{"type":"text","text":"He said \"é\"\n"}],"stop_reason":"end_turn","stop_sequence":null,
    "usage":{"input_tokens":3,"cache_creation_input_tokens":3,"cache_read_input_tokens":4,"output_tokens":5,
             "output_tokens_details":{"thinking_tokens":2}}})"));
}

TEST(AnthropicEncode, WritesThoughtsTextAndCallsInTheirOrder) {
  core::Answer answer = sample();
  answer.reasoning = {thought("hm", "sig"), thought("", "", "enc"), thought("plain", ""),
                      thought("sum", "", "gAAA", "rs_1")};
  answer.tool_calls = {{"c1", "f", "{\"a\": 1}"}, {"", "g", ""}, {"c3", "h", "not json"}};
  answer.finish = Finish::kToolCalls;
  const json body = json::parse(anthropic().encode_answer(answer));
  EXPECT_EQ(body["content"], json::parse(R"([
    {"type":"thinking","thinking":"hm","signature":"sig"},{"type":"redacted_thinking","data":"enc"},
    {"type":"thinking","thinking":"plain","signature":""},
    {"type":"thinking","thinking":"sum","signature":"thalamus.1.rs_1.gAAA"},
    {"type":"text","text":"He said \"é\"\n"},
    {"type":"tool_use","id":"c1","name":"f","input":{"a":1}},{"type":"tool_use","id":"toolu_1_1","name":"g","input":{}},
    {"type":"tool_use","id":"c3","name":"h","input":{"input":"not json"}}])"));
  EXPECT_EQ(body["stop_reason"], "tool_use");
}

TEST(AnthropicEncode, UsesOnlyTheStopReasonsThatClientsKnow) {
  const std::vector<std::tuple<Finish, bool, std::string>> table{
      {Finish::kStop, false, "end_turn"},     {Finish::kStop, true, "tool_use"},
      {Finish::kToolCalls, true, "tool_use"}, {Finish::kToolCalls, false, "end_turn"},
      {Finish::kLength, true, "max_tokens"},  {Finish::kContentFilter, false, "refusal"},
      {Finish::kError, false, "max_tokens"},  {Finish::kCancelled, false, "max_tokens"},
      {Finish::kUnknown, false, "end_turn"},  {Finish::kUnknown, true, "tool_use"}};
  for (const auto& [finish, called, reason] : table) {
    core::Answer answer = sample();
    answer.finish = finish;
    if (called) answer.tool_calls = {{"c", "f", "{}"}};
    EXPECT_EQ(json::parse(anthropic().encode_answer(answer))["stop_reason"], reason);
    const std::vector<core::Delta> deltas =
        called ? std::vector<core::Delta>{call_delta(0, "c", "f")} : std::vector<core::Delta>{};
    EXPECT_EQ(seen_message(stream_of(deltas, {.finish = finish, .usage = {}})).stop_reason, reason);
  }
  core::Answer stopped = sample();
  stopped.stop_sequence = "END";
  EXPECT_EQ(json::parse(anthropic().encode_answer(stopped))["stop_reason"], "stop_sequence");
  EXPECT_EQ(json::parse(anthropic().encode_answer(stopped))["stop_sequence"], "END");
  core::Answer refused = sample();
  refused.text.clear();
  refused.refusal = "no";
  const json body = json::parse(anthropic().encode_answer(refused));
  EXPECT_EQ(body["stop_reason"], "refusal");
  EXPECT_EQ(body["content"], json::parse(R"([{"type":"text","text":"no"}])"));
}

TEST(AnthropicEncode, StreamsTextAsTheDocumentedEvents) {
  const auto events = events_of(stream_of({text_delta("He"), text_delta(""), text_delta("llo")}));
  const std::vector<std::pair<std::string, std::string>> expected{
      {"message_start", R"({"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant",
        "model":"small","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":7,
        "cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":0}}})"},
      {"content_block_start", R"({"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}})"},
      {"content_block_delta", R"({"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"He"}})"},
      {"content_block_delta", R"({"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"llo"}})"},
      {"content_block_stop", R"({"type":"content_block_stop","index":0})"},
      {"message_delta", R"({"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},
        "usage":{"input_tokens":3,"cache_creation_input_tokens":3,"cache_read_input_tokens":4,"output_tokens":5,
                 "output_tokens_details":{"thinking_tokens":2}}})"},
      {"message_stop", R"({"type":"message_stop"})"}};
  ASSERT_EQ(events.size(), expected.size());
  for (std::size_t i = 0; i < events.size(); ++i) {
    EXPECT_EQ(events[i].event, expected[i].first);
    EXPECT_EQ(json::parse(events[i].data), json::parse(expected[i].second));
  }
}

TEST(AnthropicEncode, StreamsThoughtsWithTheirProofs) {
  const SeenMessage seen = seen_message(stream_of(
      {delta(DeltaKind::kReasoning, "h"), delta(DeltaKind::kReasoning, "m"),
       delta(DeltaKind::kReasoningSignature, "s1"), delta(DeltaKind::kReasoningEncrypted, "enc"),
       delta(DeltaKind::kReasoning, "more"), delta(DeltaKind::kReasoningEncrypted, "gAAA", "rs_1"),
       delta(DeltaKind::kReasoningSignature, "alone"), delta(DeltaKind::kReasoning, "unsigned"), text_delta("x")}));
  EXPECT_EQ(seen.content, json::parse(R"([{"type":"thinking","thinking":"hm","signature":"s1"},
    {"type":"redacted_thinking","data":"enc"},{"type":"thinking","thinking":"more","signature":"thalamus.1.rs_1.gAAA"},
    {"type":"thinking","thinking":"","signature":"alone"},{"type":"thinking","thinking":"unsigned","signature":""},
    {"type":"text","text":"x"}])"));
}

TEST(AnthropicEncode, StreamsInterleavedCallsOneAfterTheOther) {
  const std::vector<core::Delta> deltas{
      text_delta("t"),          call_delta(0, "c1", "f"),       arguments_delta(0, "{\"a\""),
      call_delta(1, "", "g"),   arguments_delta(1, "{\"b\":["), arguments_delta(0, ":\"}\\\"\"}"),
      text_delta("u"),          arguments_delta(1, "1]} "),     call_delta(2, "c3", "h"),
      call_delta(3, "c4", "i"), arguments_delta(3, "words")};
  const std::string stream = stream_of(deltas, {.finish = Finish::kToolCalls, .usage = {}});
  const SeenMessage seen = seen_message(stream);
  EXPECT_EQ(seen.content, json::parse(R"([{"type":"text","text":"t"},
    {"type":"tool_use","id":"c1","name":"f","input":{"a":"}\""}},
    {"type":"tool_use","id":"toolu_1_1","name":"g","input":{"b":[1]}},{"type":"text","text":"u"},
    {"type":"tool_use","id":"c3","name":"h","input":{}},
    {"type":"tool_use","id":"c4","name":"i","input":{"input":"words"}}])"));
  EXPECT_EQ(seen.usage, json::parse(R"({"output_tokens":0})"));
}

/// The argument text of a streamed call: its deltas, one behind the other.
std::string streamed_arguments(const std::vector<std::string>& pieces) {
  std::vector<core::Delta> deltas{call_delta(0, "c1", "f")};
  for (const std::string& piece : pieces) deltas.push_back(arguments_delta(0, piece));
  std::string out;
  for (const SseEvent& event : events_of(stream_of(deltas, {.finish = Finish::kToolCalls, .usage = {}}))) {
    const json data = json::parse(event.data);
    if (data["type"] == "content_block_delta") out += data["delta"]["partial_json"].get<std::string>();
  }
  return out;
}

TEST(AnthropicEncode, ArgumentsThatAreNoObjectStandAsTextAndWhatBeganAsOneStays) {
  const auto buffered = [](const std::string& arguments) {
    core::Answer answer = sample();
    answer.text.clear();
    answer.tool_calls = {{"c1", "f", arguments}};
    return json::parse(anthropic().encode_answer(answer))["content"][0]["input"];
  };
  for (const char* text : {"free text", "[1,2]", "\"x\"", "12", "tru"}) {
    const std::string whole = text;
    EXPECT_EQ(buffered(whole), (json{{"input", whole}}));
    EXPECT_EQ(json::parse(streamed_arguments({whole.substr(0, 1), whole.substr(1)})), buffered(whole));
  }
  // A stream cannot take back what it gave: the client's library reads a cut object in part.
  EXPECT_EQ(buffered(R"({"a":1,"b":[)"), (json{{"input", R"({"a":1,"b":[)"}}));
  EXPECT_EQ(streamed_arguments({R"({"a":)", R"(1,"b":[)"}), R"({"a":1,"b":[)");
  // What is no JSON from some byte on ends there, with all that was said in it.
  EXPECT_EQ(json::parse(streamed_arguments({"{bro", "ken}"})), buffered("{broken}"));
  EXPECT_EQ(streamed_arguments({R"({"a":{"b":"x)", "\ny\n", R"("}})"}),
            R"({"a":{"b":"x"},"input":"{\"a\":{\"b\":\"x\ny\n\"}}"})")
      << "a line break within a string, for example";
}

// The pieces of a call that is open are not held back.
TEST(AnthropicEncode, WritesThePiecesOfTheOpenBlockAtOnce) {
  const auto writer = anthropic().write_stream({});
  const auto written = [&](const core::Delta& one) {
    std::string out;
    writer->write(one, out);
    return frames_of(out).size();
  };
  std::string start;
  writer->start(start);
  EXPECT_EQ(written(text_delta("a")), 2U);
  EXPECT_EQ(written(call_delta(0, "c", "f")), 2U) << "the text ends, the call begins";
  EXPECT_EQ(written(arguments_delta(0, "{\"a\":")), 1U);
  EXPECT_EQ(written(call_delta(1, "d", "g")), 0U) << "the first call is still open";
  EXPECT_EQ(written(arguments_delta(1, "{}")), 0U);
  EXPECT_EQ(written(arguments_delta(0, "1}")), 5U) << "the first ends, the second comes whole";
  EXPECT_EQ(written(arguments_delta(0, "{}")), 0U) << "what comes behind the object is no argument";
  EXPECT_EQ(written(arguments_delta(9, "{}")), 0U) << "a call that never began";
}

TEST(AnthropicEncode, TellsAFailureWithItsOwnEvent) {
  const auto writer = anthropic().write_stream({});
  std::string out;
  writer->start(out);
  writer->write(text_delta("a"), out);
  writer->fail({ErrorKind::kTimeout, "too late", {}}, out);
  const SeenMessage seen = seen_message(out);
  EXPECT_EQ(seen.error, "too late");
  EXPECT_FALSE(seen.stopped);
}

// Deltas in any order: several calls whose pieces interleave, text and thoughts anywhere between.
TEST(AnthropicEncode, IsWellFormedWhateverTheOrderOfTheDeltas) {
  constexpr std::uint64_t kSeed = 71;
  base::Rng rng(kSeed);
  for (int round = 0; round < 120; ++round) {
    SCOPED_TRACE(testing::Message() << "seed " << kSeed << ", round " << round);
    static const std::vector<std::string> kArguments{
        R"({"a":"}{\\\"["})", R"({})", R"({"x":[{"y":1},[]]})", "", "free text", R"( {"n": null} )"};
    std::vector<std::string> arguments(rng.below(5));
    for (std::string& one : arguments) one = rng.pick(kArguments);
    std::vector<std::size_t> sent(arguments.size(), 0);
    std::size_t begun = 0;
    std::string text, reasoning;
    std::vector<core::Delta> deltas;
    const auto all_sent = [&] {
      for (std::size_t i = 0; i < sent.size(); ++i)
        if (i >= begun || sent[i] < arguments[i].size()) return false;
      return true;
    };
    while (!all_sent() || rng.below(4) != 0) {
      const std::uint64_t kind = rng.below(8);
      const std::string piece(1, static_cast<char>('a' + rng.below(26)));
      if (kind == 0) {
        deltas.push_back(text_delta(piece));
        text += piece;
      } else if (kind == 1) {
        deltas.push_back(delta(DeltaKind::kReasoning, piece));
        reasoning += piece;
      } else if (kind == 2 && rng.below(3) == 0) {
        deltas.push_back(delta(DeltaKind::kReasoningSignature, "s"));
      } else if (kind == 3 && begun < arguments.size()) {
        deltas.push_back(call_delta(static_cast<std::uint32_t>(begun), "c" + std::to_string(begun), "f"));
        ++begun;
      } else if (kind > 3 && begun > 0) {
        const std::size_t at = rng.below(begun);
        const std::size_t size = std::min<std::size_t>(1 + rng.below(4), arguments[at].size() - sent[at]);
        deltas.push_back(arguments_delta(static_cast<std::uint32_t>(at), arguments[at].substr(sent[at], size)));
        sent[at] += size;
      }
    }
    const SeenMessage seen = seen_message(stream_of(deltas));
    std::string seen_text, seen_reasoning;
    std::size_t calls = 0;
    for (const json& block : seen.content) {
      if (block["type"] == "text") seen_text += block["text"].get<std::string>();
      if (block["type"] == "thinking") seen_reasoning += block["thinking"].get<std::string>();
      if (block["type"] != "tool_use") continue;
      ASSERT_LT(calls, arguments.size());
      const std::string& given = arguments[calls];
      EXPECT_EQ(block["id"], "c" + std::to_string(calls));
      const json expected = given.empty()          ? json::object()
                            : given == "free text" ? json{{"input", given}}
                                                   : json::parse(given);
      EXPECT_EQ(block["input"], expected) << given;
      ++calls;
    }
    EXPECT_EQ(calls, arguments.size());
    EXPECT_EQ(seen_text, text);
    EXPECT_EQ(seen_reasoning, reasoning);
    ASSERT_FALSE(testing::Test::HasFailure());
  }
}

TEST(AnthropicEncode, ReadsBackTheAnswersItWrites) {
  core::Answer answer = sample();
  answer.reasoning = {thought("hm", "sig"), thought("", "", "enc")};
  answer.tool_calls = {{"c1", "f", "{\"a\":1}"}, {"c2", "g", "{}"}};
  answer.finish = Finish::kToolCalls;
  const auto facts = anthropic().read_answer(anthropic().encode_answer(answer));
  ASSERT_TRUE(facts) << facts.error().text();
  const core::Answer& back = facts->answer;
  EXPECT_EQ(back.id, "msg_1");
  EXPECT_EQ(back.text, answer.text);
  EXPECT_EQ(back.finish, answer.finish);
  EXPECT_EQ(back.usage, answer.usage);
  ASSERT_EQ(back.reasoning.size(), 2U);
  EXPECT_EQ(back.reasoning[0].detail->signature, "sig");
  EXPECT_EQ(back.reasoning[1].detail->encrypted, "enc");
  ASSERT_EQ(back.tool_calls.size(), 2U);
  EXPECT_EQ(back.tool_calls[0].arguments, "{\"a\":1}");
}

// Inclusive counts, disjoint counts, and back: nothing is counted twice or forgotten.
TEST(AnthropicEncode, UsageGoesThereAndBack) {
  constexpr std::uint64_t kSeed = 72;
  SCOPED_TRACE(kSeed);
  base::Rng rng(kSeed);
  for (int i = 0; i < 200; ++i) {
    const core::DisjointUsage parts{.input = static_cast<std::uint32_t>(rng.below(1U << 28)),
                                    .cache_read = static_cast<std::uint32_t>(rng.below(1U << 28)),
                                    .cache_write = static_cast<std::uint32_t>(rng.below(1U << 28)),
                                    .output = static_cast<std::uint32_t>(rng.below(1U << 28))};
    core::Answer answer = sample();
    answer.usage = core::inclusive(parts);
    answer.usage.reasoning = parts.output / 2;
    const json usage = json::parse(anthropic().encode_answer(answer))["usage"];
    EXPECT_EQ(usage["input_tokens"].get<std::uint64_t>() + usage["cache_read_input_tokens"].get<std::uint64_t>() +
                  usage["cache_creation_input_tokens"].get<std::uint64_t>(),
              answer.usage.input);
    EXPECT_EQ(anthropic().read_answer(anthropic().encode_answer(answer))->answer.usage, answer.usage);
    const ReadStream stream =
        read_whole_stream(anthropic(), stream_of({text_delta("x")}, {.finish = Finish::kStop, .usage = answer.usage}));
    EXPECT_EQ(stream.answer.usage, answer.usage);
  }
}

}  // namespace
}  // namespace thalamus::wire
