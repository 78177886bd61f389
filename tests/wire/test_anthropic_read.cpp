#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "streams.h"
#include "thalamus/wire/format.h"
#include "thalamus/wire/sse.h"

namespace thalamus::wire {
namespace {

using core::DeltaKind;
using core::Finish;

const Format& anthropic() { return *find_format("anthropic"); }

std::string event(std::string_view name, std::string_view data) {
  std::string out;
  append_sse_event(out, name, data);
  return out;
}

std::string block_start(int index, const std::string& block) {
  return event("content_block_start", R"({"type":"content_block_start","index":)" + std::to_string(index) +
                                          R"(,"content_block":)" + block + "}");
}
std::string block_delta(int index, const std::string& delta) {
  return event("content_block_delta",
               R"({"type":"content_block_delta","index":)" + std::to_string(index) + R"(,"delta":)" + delta + "}");
}
std::string block_stop(int index) {
  return event("content_block_stop", R"({"type":"content_block_stop","index":)" + std::to_string(index) + "}");
}

const std::string kStart =
    event("message_start",
          R"({"type":"message_start","message":{"id":"msg_01","type":"message","role":"assistant","content":[],
        "model":"claude","stop_reason":null,"stop_sequence":null,
        "usage":{"input_tokens":25,"cache_creation_input_tokens":10,"cache_read_input_tokens":100,
                 "output_tokens":1}}})");
const std::string kStop = event("message_stop", R"({"type":"message_stop"})");

std::string message_delta(const std::string& reason, int output) {
  return event("message_delta", R"({"type":"message_delta","delta":{"stop_reason":")" + reason +
                                    R"(","stop_sequence":null},"usage":{"output_tokens":)" + std::to_string(output) +
                                    "}}");
}

// Thought, text, two calls, one of them without arguments, and a tool of the provider's own.
const std::string kWhole =
    kStart + block_start(0, R"({"type":"thinking","thinking":"","signature":""})") +
    event("ping", R"({"type": "ping"})") + block_delta(0, R"({"type":"thinking_delta","thinking":"Let me \u00e9"})") +
    block_delta(0, R"({"type":"signature_delta","signature":"EqQB"})") + block_stop(0) +
    block_start(1, R"({"type":"redacted_thinking","data":"enc"})") + block_stop(1) +
    block_start(2, R"({"type":"server_tool_use","id":"srv","name":"web_search","input":{}})") +
    block_delta(2, R"({"type":"input_json_delta","partial_json":"{\"query\":1}"})") + block_stop(2) +
    block_start(3, R"({"type":"text","text":""})") +
    event("content_block_delta",
          "{\"type\":\"content_block_delta\",\"index\":3,\"delta\":{\"type\":\"text_delta\",\"text\":\"Okay "
          "\xf0\x9f\x98\x80\"}}") +
    block_delta(3, R"({"type":"citations_delta","citation":{"cited_text":"x"}})") + block_stop(3) +
    block_start(4, R"({"type":"tool_use","id":"toolu_1","name":"f","input":{}})") +
    block_delta(4, R"({"type":"input_json_delta","partial_json":""})") +
    block_delta(4, R"({"type":"input_json_delta","partial_json":"{\"city\":"})") +
    block_delta(4, R"({"type":"input_json_delta","partial_json":"\"SF\"}"})") + block_stop(4) +
    block_start(5, R"({"type":"tool_use","id":"toolu_2","name":"g","input":{}})") + block_stop(5) +
    message_delta("tool_use", 89) + kStop;

void expect_whole(const ReadStream& back) {
  EXPECT_TRUE(back.finished && back.done);
  EXPECT_EQ(back.answer.finish, Finish::kToolCalls);
  EXPECT_EQ(back.answer.text, "Okay \xf0\x9f\x98\x80");
  ASSERT_EQ(back.answer.reasoning.size(), 1U);
  EXPECT_EQ(back.answer.reasoning[0].text, "Let me \xc3\xa9");
  ASSERT_EQ(back.answer.tool_calls.size(), 2U);
  EXPECT_EQ(back.answer.tool_calls[0].id, "toolu_1");
  EXPECT_EQ(back.answer.tool_calls[0].arguments, R"({"city":"SF"})");
  EXPECT_EQ(back.answer.tool_calls[1].arguments, "{}");
  EXPECT_EQ(
      back.answer.usage,
      (core::Usage{.input = 135, .cached_input = 100, .output = 89, .reasoning = 0, .known = true, .cache_write = 10}));
}

TEST(AnthropicRead, ReadsAWholeStream) {
  const ReadStream back = read_whole_stream(anthropic(), kWhole);
  expect_whole(back);
  ASSERT_GE(back.deltas.size(), 3U);
  EXPECT_EQ(back.deltas[1].kind, DeltaKind::kReasoningSignature);
  EXPECT_EQ(back.deltas[1].text, "EqQB");
  EXPECT_EQ(back.deltas[2].kind, DeltaKind::kReasoningEncrypted);
  EXPECT_EQ(back.deltas[2].text, "enc");
}

TEST(AnthropicRead, ReadsTheSameHoweverTheStreamIsCut) {
  const auto whole = events_of(kWhole);
  for (std::size_t cut = 0; cut <= kWhole.size(); ++cut) {
    SseReader reader;
    SseEvent got;
    std::size_t count = 0;
    const auto take = [&] {
      while (reader.next(got)) {
        ASSERT_LT(count, whole.size());
        ASSERT_EQ(got.data, whole[count++].data) << cut;
      }
    };
    ASSERT_TRUE(reader.feed(std::string_view(kWhole).substr(0, cut)));
    take();
    ASSERT_TRUE(reader.feed(std::string_view(kWhole).substr(cut)));
    take();
    ASSERT_EQ(count, whole.size()) << cut;
  }
}

// What is read of a stream that ends early is a prefix of the whole, and only its end says so.
TEST(AnthropicRead, ReadsEveryPrefixWithoutInventingAnything) {
  const auto events = events_of(kWhole);
  const std::string text = "Okay \xf0\x9f\x98\x80";
  for (std::size_t size = 0; size < events.size(); ++size) {
    std::string prefix;
    for (std::size_t i = 0; i < size; ++i) prefix += events[i].raw;
    const ReadStream back = read_whole_stream(anthropic(), prefix);
    EXPECT_FALSE(back.done);
    EXPECT_TRUE(text.starts_with(back.answer.text));
    EXPECT_EQ(back.finished, size + 1 == events.size());
  }
}

TEST(AnthropicRead, FindsTheCommitPoint) {
  const auto events = events_of(kWhole);
  const auto reader = anthropic().read_stream();
  std::size_t first = events.size();
  for (std::size_t i = 0; i < events.size(); ++i) {
    const auto facts = reader->read(events[i], nullptr);
    ASSERT_TRUE(facts);
    EXPECT_FALSE(facts->usage_only || facts->names_usage);
    if (facts->content) first = std::min(first, i);
  }
  EXPECT_EQ(first, 3U) << "neither the head, the begin of a block nor a ping is content";
}

TEST(AnthropicRead, TellsFramesApart) {
  const auto head = read_frame(anthropic(), events_of(kStart)[0].data);
  ASSERT_TRUE(head);
  EXPECT_TRUE(head->carries_usage && !head->content && !head->finished);
  EXPECT_EQ(head->usage.input, 135U);
  const auto text =
      read_frame(anthropic(), R"({"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"}})");
  EXPECT_EQ(text->text, "a");
  EXPECT_TRUE(text->content && !text->carries_usage);
  const auto unknown = read_frame(anthropic(), R"({"type":"something_new","delta":{"text":"x"}})");
  ASSERT_TRUE(unknown);
  EXPECT_FALSE(unknown->content || unknown->finished || unknown->done || unknown->failed);
  EXPECT_TRUE(read_frame(anthropic(), R"({"type":"message_stop"})")->done);
  EXPECT_TRUE(read_frame(anthropic(), "[DONE]")->done);
  const auto failed = read_frame(
      anthropic(), R"({"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"r"})");
  EXPECT_TRUE(failed->failed);
  EXPECT_EQ(failed->failure, "Overloaded");
  EXPECT_TRUE(read_frame(anthropic(), R"({"type":"error"})")->failed);
  EXPECT_TRUE(read_frame(anthropic(), R"({"error":"bad gateway"})")->failed);
  for (const char* bad : {"", "{", "[]", "x", "{}", R"({"delta":{"text":"a"}})"})
    EXPECT_FALSE(read_frame(anthropic(), bad)) << bad;
}

TEST(AnthropicRead, KnowsEveryStopReason) {
  const std::vector<std::pair<std::string, Finish>> table{
      {"end_turn", Finish::kStop},         {"stop_sequence", Finish::kStop},
      {"max_tokens", Finish::kLength},     {"model_context_window_exceeded", Finish::kLength},
      {"pause_turn", Finish::kLength},     {"tool_use", Finish::kToolCalls},
      {"refusal", Finish::kContentFilter}, {"new_reason", Finish::kUnknown}};
  for (const auto& [reason, finish] : table) {
    const auto frame = read_frame(anthropic(), events_of(message_delta(reason, 1))[0].data);
    EXPECT_TRUE(frame->finished && frame->carries_usage);
    EXPECT_EQ(frame->finish, finish) << reason;
    const auto answer = anthropic().read_answer(R"({"content":[],"stop_reason":")" + reason + "\"}");
    EXPECT_EQ(answer->answer.finish, finish) << reason;
  }
}

TEST(AnthropicRead, TakesTheInputThatABlockBeganWith) {
  const ReadStream back = read_whole_stream(
      anthropic(), kStart + block_start(0, R"({"type":"tool_use","id":"t","name":"f","input":{"a":1}})") +
                       block_stop(0) + message_delta("tool_use", 3) + kStop);
  ASSERT_EQ(back.answer.tool_calls.size(), 1U);
  EXPECT_EQ(back.answer.tool_calls[0].arguments, R"({"a":1})");
}

TEST(AnthropicRead, TakesTheInputCountThatTheEndCorrects) {
  const ReadStream back = read_whole_stream(
      anthropic(), kStart +
                       event("message_delta",
                             R"({"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"input_tokens":30,
                    "cache_read_input_tokens":null,"output_tokens":7,
                    "output_tokens_details":{"thinking_tokens":4}}})") +
                       kStop);
  EXPECT_EQ(back.answer.usage.input, 140U);
  EXPECT_EQ(back.answer.usage.reasoning, 4U);
  EXPECT_EQ(back.answer.usage.output, 7U);
}

TEST(AnthropicRead, ReadsABufferedAnswer) {
  const auto facts = anthropic().read_answer(
      R"({"id":"msg_01","type":"message","role":"assistant","model":"claude",
          "content":[{"type":"thinking","thinking":"hm","signature":"s"},{"type":"text","text":"a","citations":null},
                     {"type":"web_search_tool_result","tool_use_id":"x","content":[]},{"type":"text","text":"b"},
                     {"type":"tool_use","id":"t","name":"f","input":{"x":[1, 2]}}],
          "stop_reason":"stop_sequence","stop_sequence":"END",
          "usage":{"input_tokens":5,"cache_read_input_tokens":2,"output_tokens":9,"server_tool_use":null}})");
  ASSERT_TRUE(facts) << facts.error().text();
  const core::Answer& answer = facts->answer;
  EXPECT_FALSE(facts->empty);
  EXPECT_EQ(answer.id, "msg_01");
  EXPECT_EQ(answer.model, "claude");
  EXPECT_EQ(answer.text, "ab");
  EXPECT_EQ(answer.reasoning[0].detail->signature, "s");
  EXPECT_EQ(answer.tool_calls[0].arguments, R"({"x":[1, 2]})");
  EXPECT_EQ(answer.stop_sequence, "END");
  EXPECT_EQ(answer.finish, Finish::kStop);
  EXPECT_EQ(answer.usage.input, 7U);
}

TEST(AnthropicRead, ARefusalIsAnAnswerAndNothingIsNot) {
  const auto refusal = anthropic().read_answer(
      R"({"content":[],"stop_reason":"refusal","stop_details":{"type":"refusal","category":null,"explanation":"no"}})");
  ASSERT_TRUE(refusal);
  EXPECT_FALSE(refusal->empty);
  EXPECT_EQ(refusal->answer.refusal, "no");
  EXPECT_TRUE(anthropic().read_answer(R"({"content":[],"stop_reason":"end_turn"})")->empty);
  EXPECT_TRUE(anthropic().read_answer(R"({"content":[{"type":"text","text":""}],"stop_reason":"end_turn"})")->empty);
  const ReadStream stream = read_whole_stream(
      anthropic(),
      kStart +
          event("message_delta",
                R"({"type":"message_delta","delta":{"stop_reason":"refusal","stop_details":{"explanation":"no"}},
                  "usage":{"output_tokens":1}})") +
          kStop);
  EXPECT_EQ(stream.answer.refusal, "no");
  EXPECT_EQ(stream.answer.finish, Finish::kContentFilter);
}

TEST(AnthropicRead, RefusesWhatIsNoMessage) {
  for (const char* bad : {"", "[]", "{", R"({"content":"x"})", R"({"id":"x"})",
                          R"({"type":"error","error":{"type":"api_error","message":"broken"}})"}) {
    const auto facts = anthropic().read_answer(bad);
    ASSERT_FALSE(facts) << bad;
    EXPECT_EQ(facts.error().kind, ErrorKind::kUpstream);
  }
  EXPECT_EQ(anthropic().read_answer(R"({"type":"error","error":{"message":"broken"}})").error().message,
            "the answer is an error: broken");
}

}  // namespace
}  // namespace thalamus::wire
