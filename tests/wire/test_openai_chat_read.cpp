#include <gtest/gtest.h>

#include "streams.h"
#include "thalamus/wire/format.h"

namespace thalamus::wire {
namespace {

const Format& openai() { return *find_format("openai"); }

FrameFacts frame(std::string_view data) {
  const auto facts = read_frame(openai(), data);
  EXPECT_TRUE(facts) << facts.error().text();
  return facts.value_or(FrameFacts{});
}

FrameFacts delta(std::string_view members) {
  return frame(R"({"choices":[{"index":0,"delta":{)" + std::string(members) + R"(},"finish_reason":null}]})");
}

std::string frame_error(std::string_view data) {
  const auto facts = read_frame(openai(), data);
  EXPECT_TRUE(facts || facts.error().kind == ErrorKind::kUpstream);
  return facts ? "" : facts.error().text();
}

TEST(OpenAiFrames, TellContentFromFormalities) {
  EXPECT_FALSE(delta(R"("role":"assistant")").content);
  EXPECT_FALSE(delta(R"("role":"assistant","content":"","refusal":null)").content);
  EXPECT_FALSE(delta(R"("content":null)").content);
  EXPECT_FALSE(delta(R"("tool_calls":[],"reasoning_content":"","function_call":null)").content);
  EXPECT_FALSE(delta("").content);
  EXPECT_TRUE(delta(R"("content":" ")").content);
  EXPECT_TRUE(delta(R"("tool_calls":[{"index":0,"id":"c"}])").content);
  EXPECT_TRUE(delta(R"("function_call":{"name":"f"})").content);
  EXPECT_TRUE(delta(R"("refusal":"no")").content);
  EXPECT_TRUE(delta(R"("reasoning_content":"hm")").content);
  EXPECT_TRUE(delta(R"("reasoning":"hm")").content);
  EXPECT_TRUE(delta(R"("audio":{"data":"AA"})").content);
}

TEST(OpenAiFrames, GiveTheTextOfTheFirstChoice) {
  EXPECT_EQ(delta(R"("content":"a\u00e9\n")").text, "a\xc3\xa9\n");
  const FrameFacts second = frame(R"({"choices":[{"delta":{"content":"b"},"index":1}]})");
  EXPECT_EQ(second.text, "");
  EXPECT_TRUE(second.content);
  EXPECT_EQ(delta(R"("content":[{"type":"text","text":"x"},{"type":"text","text":"y"}])").text, "xy");
}

TEST(OpenAiFrames, ServersThatGiveEachCallTheSameIndexAreUnderstood) {
  const ReadStream read = read_whole_stream(
      openai(),
      "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\","
      "\"arguments\":\"{}\"}}]}}]}\n\n"
      "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"b\",\"function\":{\"name\":\"g\","
      "\"arguments\":{\"x\":1}}}]}}]}\n\n"
      "data: {\"choices\":[{\"index\":1,\"delta\":{\"content\":\"another choice\"}}]}\n\n");
  ASSERT_EQ(read.answer.tool_calls.size(), 2U);
  EXPECT_EQ(read.answer.tool_calls[0].arguments, "{}");
  EXPECT_EQ(read.answer.tool_calls[1].arguments, R"({"x":1})");
  EXPECT_EQ(read.answer.text, "");
}

TEST(OpenAiFrames, MapFinishReasons) {
  const std::vector<std::pair<std::string, core::Finish>> table{{"stop", core::Finish::kStop},
                                                                {"length", core::Finish::kLength},
                                                                {"tool_calls", core::Finish::kToolCalls},
                                                                {"function_call", core::Finish::kToolCalls},
                                                                {"content_filter", core::Finish::kContentFilter},
                                                                {"error", core::Finish::kError},
                                                                {"eos", core::Finish::kUnknown}};
  for (const auto& [name, finish] : table) {
    const FrameFacts facts = frame(R"({"choices":[{"delta":{},"finish_reason":")" + name + "\"}]}");
    EXPECT_TRUE(facts.finished);
    EXPECT_EQ(facts.finish, finish) << name;
  }
  EXPECT_FALSE(delta("").finished);
}

TEST(OpenAiFrames, ReadUsage) {
  const FrameFacts only = frame(
      R"({"object":"chat.completion.chunk","choices":[],
          "usage":{"prompt_tokens":9,"completion_tokens":3,"total_tokens":12,
          "prompt_tokens_details":{"cached_tokens":4,"audio_tokens":0},
          "completion_tokens_details":{"reasoning_tokens":2}}})");
  EXPECT_TRUE(only.usage_only && only.carries_usage && only.names_usage);
  EXPECT_FALSE(only.content);
  EXPECT_EQ(only.usage.input, 9U);
  EXPECT_EQ(only.usage.cached_input, 4U);
  EXPECT_EQ(only.usage.output, 3U);
  EXPECT_EQ(only.usage.reasoning, 2U);
  const FrameFacts both = frame(
      R"({"choices":[{"delta":{"content":"x"},"finish_reason":"stop"}],
          "usage":{"prompt_tokens":1,"completion_tokens":1}})");
  EXPECT_TRUE(both.carries_usage && both.content && both.finished);
  EXPECT_FALSE(both.usage_only);
  const FrameFacts null = frame(R"({"choices":[{"delta":{"content":"x"}}],"usage":null})");
  EXPECT_FALSE(null.carries_usage || null.usage_only);
  EXPECT_TRUE(null.names_usage);
  EXPECT_FALSE(frame(R"({"choices":[],"prompt_filter_results":[]})").usage_only);
  const FrameFacts odd = frame(R"({"choices":[],"usage":{"prompt_tokens":1e99,"completion_tokens":2.0}})");
  EXPECT_EQ(odd.usage.input, 4294967295U);
  EXPECT_EQ(odd.usage.output, 2U);
}

TEST(OpenAiFrames, KnowTheEnd) {
  EXPECT_TRUE(frame("[DONE]").done);
  EXPECT_TRUE(frame(" [DONE]\r").done);
}

TEST(OpenAiFrames, TellErrorsInsideAStream) {
  const FrameFacts object = frame(R"({"error":{"message":"overloaded","type":"server_error","code":null}})");
  EXPECT_TRUE(object.failed);
  EXPECT_EQ(object.failure, "overloaded");
  EXPECT_EQ(frame(R"({"error":"plain"})").failure, "plain");
  EXPECT_EQ(frame(R"({"error":{"code":500}})").failure, R"({"code":500})");
  EXPECT_EQ(frame(R"({"object":"error","message":"bad","code":400})").failure, "bad");
  EXPECT_EQ(frame(R"({"choices":[],"error":{"message":"key sk-abcdefghijkl"}})").failure, "key sk-***");
  EXPECT_FALSE(frame(R"({"error":null,"choices":[]})").failed);
}

/// What a stream says, fed in two pieces.
std::string said(std::string_view stream, std::size_t cut) {
  const auto frames = openai().read_stream();
  SseReader reader;
  SseEvent event;
  std::vector<core::Delta> deltas;
  std::string out;
  for (const std::string_view piece : {stream.substr(0, cut), stream.substr(cut)}) {
    EXPECT_TRUE(reader.feed(piece));
    while (reader.next(event)) {
      if (event.comment_only || event.data.empty()) continue;
      const auto facts = frames->read(event, &deltas);
      EXPECT_TRUE(facts) << facts.error().text();
      if (!facts) continue;
      if (facts->carries_usage) out += "usage " + std::to_string(facts->usage.output) + ";";
      if (facts->finished) out += "finished;";
      if (facts->done) out += "done;";
    }
  }
  for (const core::Delta& delta : deltas)
    out += std::to_string(static_cast<int>(delta.kind)) + delta.id + delta.name + "'" + delta.text + "';";
  return out;
}

TEST(OpenAiFrames, ReadTheSameWhereverTheStreamIsCut) {
  const std::string stream =
      ": a comment\r\n\r\n"
      "data: {\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\r\n\r\n"
      "data: {\"choices\":[{\"index\":0,\"delta\":{\"reasoning_content\":\"h\xc3\xa4\"}}]}\n\n"
      "data: {\"choices\":[{\"index\":0,\ndata: \"delta\":{\"content\":\"\xf0\x9f\x98\x80\\n\"}}]}\n\n"
      "data: "
      "{\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\","
      "\"arguments\":\"{\\\"x\\\":\"}}]}}]}\n\n"
      "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"1}\"}}]},"
      "\"finish_reason\":\"tool_calls\"}]}\n\n"
      "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}\n\n"
      "data: [DONE]\n\n";
  const std::string whole = said(stream, 0);
  EXPECT_NE(whole.find("done;"), std::string::npos) << whole;
  EXPECT_NE(whole.find("\xf0\x9f\x98\x80\n"), std::string::npos) << whole;
  for (std::size_t cut = 1; cut <= stream.size(); ++cut) ASSERT_EQ(said(stream, cut), whole) << cut;
}

TEST(OpenAiFrames, RefuseWhatIsNotTheProtocols) {
  EXPECT_EQ(frame_error("hello"), "a stream frame is not a JSON object: it begins with another value");
  EXPECT_EQ(frame_error(R"({"choices":[{"delta":{"content":"x)"),
            "a stream frame is not a JSON object: not valid JSON at byte 34: the text ends inside a string");
  EXPECT_EQ(frame_error(R"({"type":"message_start"})"),
            "a stream frame is no chat.completion.chunk: it has no choices, usage or error");
  EXPECT_EQ(frame_error(R"({"object":"chat.completion.chunk"})"), "");
}

TEST(OpenAiFrames, PassOverMistypedMembers) {
  EXPECT_TRUE(delta(R"("content":"x","role":5,"tool_calls":"none","logprobs":[1])").content);
  EXPECT_EQ(frame(R"({"choices":[{"delta":"x","finish_reason":7},null,3],"usage":[1]})").text, "");
}

AnswerFacts answer(std::string_view body) {
  const auto facts = openai().read_answer(body);
  EXPECT_TRUE(facts) << facts.error().text();
  return facts.value_or(AnswerFacts{});
}

std::string answer_error(std::string_view body) {
  const auto facts = openai().read_answer(body);
  EXPECT_TRUE(facts || facts.error().kind == ErrorKind::kUpstream);
  return facts ? "" : facts.error().text();
}

TEST(OpenAiAnswers, AreReadFromTheirFirstChoice) {
  const AnswerFacts facts = answer(
      R"({"id":"i","created":5,"model":"m","choices":[{"message":{"content":"a"},"finish_reason":"length"},
          {"message":{"content":"b"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":4,
          "prompt_cache_hit_tokens":2}})");
  EXPECT_EQ(facts.answer.text, "a");
  EXPECT_EQ(facts.answer.finish, core::Finish::kLength);
  EXPECT_EQ(facts.answer.created_unix_s, 5);
  EXPECT_EQ(facts.answer.usage.cached_input, 2U);
  EXPECT_FALSE(facts.empty);
}

TEST(OpenAiAnswers, ComeInMoreThanOneShape) {
  EXPECT_EQ(answer(R"({"choices":[{"message":{"content":[{"type":"text","text":"x"}]}}]})").answer.text, "x");
  EXPECT_EQ(answer(R"({"choices":[{"message":{"content":null,"refusal":"I cannot"}}]})").answer.refusal, "I cannot");
  const AnswerFacts calls = answer(
      R"({"choices":[{"message":{"tool_calls":[{"id":"c","function":{"name":"f","arguments":{"a":1}}}],
          "function_call":{"name":"g","arguments":"{}"}},"finish_reason":null}]})");
  ASSERT_EQ(calls.answer.tool_calls.size(), 2U);
  EXPECT_EQ(calls.answer.tool_calls[0].arguments, R"({"a":1})");
  EXPECT_EQ(calls.answer.tool_calls[1].name, "g");
  EXPECT_EQ(calls.answer.finish, core::Finish::kUnknown);
  EXPECT_FALSE(calls.empty);
}

TEST(OpenAiAnswers, MayBeEmpty) {
  EXPECT_TRUE(answer(R"({"choices":[]})").empty);
  EXPECT_TRUE(answer(R"({"choices":[{"message":{"content":""},"finish_reason":"stop"}]})").empty);
  EXPECT_TRUE(answer(R"({"choices":[{"message":{"content":null,"tool_calls":[]}}]})").empty);
  EXPECT_FALSE(answer(R"({"choices":[{"message":{"content":"","reasoning_content":"hm"}}]})").empty);
}

TEST(OpenAiAnswers, MayBeErrorsInsideASuccess) {
  EXPECT_EQ(answer_error(R"({"error":{"message":"quota"}})"), "the answer is an error: quota");
  EXPECT_EQ(answer_error(R"({"error":{}})"), "the answer is an error: {}");
  EXPECT_EQ(answer_error(R"({"ok":true})"), "the answer is no chat.completion: it has no choices");
  EXPECT_EQ(answer_error("<html>"), "the answer is not a JSON object: it begins with another value");
  EXPECT_EQ(answer_error(R"({"choices":[)"),
            "the answer is not a JSON object: not valid JSON at byte 12: the text ends inside an array");
  EXPECT_EQ(answer_error(R"({"error":null,"choices":[]})"), "");
}

}  // namespace
}  // namespace thalamus::wire
