#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "random_answer.h"
#include "thalamus/wire/format.h"

namespace thalamus::wire {
namespace {

using core::DeltaKind;
using core::Finish;

const Format& responses() { return *find_format("responses"); }

constexpr std::string_view kAnswer = R"({"id":"resp_1","object":"response","created_at":1700000000,"status":"completed",
  "error":null,"incomplete_details":null,"model":"gpt","output":[
    {"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"a"},{"type":"summary_text","text":"b"}],
     "encrypted_content":"gAAA"},
    {"type":"message","id":"msg_1","status":"completed","role":"assistant","content":[
      {"type":"output_text","text":"He","annotations":[{"type":"url_citation","url":"x"}]},
      {"type":"output_text","text":"llo"},{"type":"refusal","refusal":"no"}]},
    {"type":"web_search_call","id":"ws_1"},
    {"type":"function_call","id":"fc_1","call_id":"c1","name":"f","arguments":"{\"a\":1}"},
    {"type":"custom_tool_call","id":"ct_1","call_id":"c2","name":"g","input":"raw"}],
  "usage":{"input_tokens":10,"input_tokens_details":{"cached_tokens":4,"cache_write_tokens":1},"output_tokens":5,
           "output_tokens_details":{"reasoning_tokens":2},"total_tokens":15}})";

TEST(ResponsesRead, ReadsAWholeAnswer) {
  const auto facts = responses().read_answer(kAnswer);
  ASSERT_TRUE(facts) << facts.error().text();
  const core::Answer& answer = facts->answer;
  EXPECT_FALSE(facts->empty);
  EXPECT_EQ(answer.id, "resp_1");
  EXPECT_EQ(answer.created_unix_s, 1700000000);
  EXPECT_EQ(answer.model, "gpt");
  EXPECT_EQ(answer.text, "Hello");
  EXPECT_EQ(answer.refusal, "no");
  ASSERT_EQ(answer.reasoning.size(), 1U);
  EXPECT_EQ(answer.reasoning[0].text, "a\n\nb");
  EXPECT_EQ(answer.reasoning[0].detail->id, "rs_1");
  EXPECT_EQ(answer.reasoning[0].detail->encrypted, "gAAA");
  ASSERT_EQ(answer.tool_calls.size(), 2U);
  EXPECT_EQ(answer.tool_calls[0].id, "c1");
  EXPECT_EQ(answer.tool_calls[0].arguments, "{\"a\":1}");
  EXPECT_EQ(answer.tool_calls[1].arguments, "raw");
  EXPECT_EQ(answer.finish, Finish::kToolCalls);
  EXPECT_EQ(
      answer.usage,
      (core::Usage{.input = 10, .cached_input = 4, .output = 5, .reasoning = 2, .known = true, .cache_write = 1}));
}

TEST(ResponsesRead, TellsHowAnAnswerEnded) {
  const auto finish = [](std::string_view members) {
    const auto facts = responses().read_answer(R"({"object":"response","output":[],)" + std::string(members) + "}");
    EXPECT_TRUE(facts) << facts.error().text();
    EXPECT_TRUE(facts->empty);
    return facts->answer.finish;
  };
  EXPECT_EQ(finish(R"("status":"completed")"), Finish::kStop);
  EXPECT_EQ(finish(R"("status":null)"), Finish::kStop);
  EXPECT_EQ(finish(R"("status":"incomplete","incomplete_details":{"reason":"max_output_tokens"})"), Finish::kLength);
  EXPECT_EQ(finish(R"("status":"incomplete","incomplete_details":null)"), Finish::kLength);
  EXPECT_EQ(finish(R"("incomplete_details":{"reason":"content_filter"},"status":"incomplete")"),
            Finish::kContentFilter);
  EXPECT_EQ(finish(R"("status":"cancelled")"), Finish::kCancelled);
  EXPECT_EQ(finish(R"("status":"queued")"), Finish::kUnknown);
}

TEST(ResponsesRead, RefusesFailuresAndWhatIsNoResponse) {
  const auto error = [](std::string_view body) {
    const auto facts = responses().read_answer(body);
    EXPECT_FALSE(facts) << body;
    EXPECT_EQ(facts.error().kind, ErrorKind::kUpstream);
    return facts.error().message;
  };
  EXPECT_EQ(error(R"({"object":"response","status":"failed","error":{"code":"server_error","message":"broke"}})"),
            "the answer is an error: broke");
  EXPECT_EQ(error(R"({"object":"response","status":"failed","output":[]})"), "the answer is an error: no reason given");
  EXPECT_EQ(error(R"({"error":{"message":"no"}})"), "the answer is an error: no");
  EXPECT_EQ(error(R"({"choices":[]})"), "the answer is no response: it has no output");
  EXPECT_EQ(error("[]"), "the answer is not a JSON object: it begins with another value");
  EXPECT_NE(error(R"({"output":[)"), "");
}

TEST(ResponsesRead, TakesThoughtsOfOpenServers) {
  const auto facts = responses().read_answer(
      R"({"output":[{"type":"reasoning","id":"r","summary":[],"content":[{"type":"reasoning_text","text":"raw"}]},
                    {"type":"message","content":"just text"}]})");
  ASSERT_TRUE(facts) << facts.error().text();
  EXPECT_EQ(facts->answer.reasoning[0].text, "raw");
  EXPECT_EQ(facts->answer.text, "just text");
}

/// The events of the interface's own documentation, shortened, as bytes.
std::string event(std::string_view type, std::string_view members) {
  std::string out;
  append_sse_event(out, type,
                   R"({"type":")" + std::string(type) + R"(","sequence_number":1,)" + std::string(members) + "}");
  return out;
}

std::string recorded() {
  const std::string begun = R"("response":{"id":"resp_1","object":"response","status":"in_progress","output":[]})";
  return event("response.created", begun) + event("response.in_progress", begun) +
         event("response.output_item.added",
               R"("output_index":0,"item":{"id":"rs_1","type":"reasoning","summary":[]})") +
         event("response.reasoning_summary_part.added",
               R"("item_id":"rs_1","output_index":0,"summary_index":0,"part":{"type":"summary_text","text":""})") +
         event("response.reasoning_summary_text.delta",
               R"("item_id":"rs_1","output_index":0,"summary_index":0,"delta":"one")") +
         event("response.reasoning_summary_text.done",
               R"("item_id":"rs_1","output_index":0,"summary_index":0,"text":"one")") +
         event("response.reasoning_summary_text.delta",
               R"("item_id":"rs_1","output_index":0,"summary_index":1,"delta":"two")") +
         event("response.output_item.done",
               R"("output_index":0,"item":{"id":"rs_1","type":"reasoning","summary":[{"type":"summary_text",
                  "text":"one"},{"type":"summary_text","text":"two"}],"encrypted_content":"gAAA"})") +
         event("response.output_item.added",
               R"("output_index":1,"item":{"id":"msg_1","type":"message","status":"in_progress","content":[]})") +
         event("response.content_part.added",
               R"("item_id":"msg_1","output_index":1,"content_index":0,"part":{"type":"output_text","text":""})") +
         event("response.output_text.delta",
               R"("item_id":"msg_1","output_index":1,"content_index":0,"delta":"He ","logprobs":[])") +
         event("response.output_text.delta",
               "\"item_id\":\"msg_1\",\"output_index\":1,\"content_index\":0,\"delta\":\"\xf0\x9f\x98\x80\"") +
         event("response.output_text.done",
               "\"item_id\":\"msg_1\",\"output_index\":1,\"content_index\":0,\"text\":\"He \xf0\x9f\x98\x80\"") +
         event("response.output_item.done",
               "\"output_index\":1,\"item\":{\"id\":\"msg_1\",\"type\":\"message\",\"content\":[{\"type\":"
               "\"output_text\",\"text\":\"He \xf0\x9f\x98\x80\"}]}") +
         event("response.output_item.added",
               R"("output_index":2,"item":{"type":"function_call","call_id":"c1","name":"f","arguments":""})") +
         event("response.output_item.added",
               R"("output_index":3,"item":{"type":"function_call","call_id":"c2","name":"g","arguments":""})") +
         event("response.function_call_arguments.delta", R"("item_id":"fc_2","output_index":3,"delta":"{}")") +
         event("response.function_call_arguments.delta", R"("item_id":"fc_1","output_index":2,"delta":"{\"a\"")") +
         event("response.function_call_arguments.delta", R"("item_id":"fc_1","output_index":2,"delta":":1}")") +
         event("response.function_call_arguments.done",
               R"("item_id":"fc_1","output_index":2,"arguments":"{\"a\":1}")") +
         event("response.output_item.done",
               R"("output_index":2,"item":{"id":"fc_1","type":"function_call","call_id":"c1","name":"f",
                  "arguments":"{\"a\":1}"})") +
         event("response.completed",
               R"("response":{"id":"resp_1","object":"response","status":"completed","output":[],
                  "usage":{"input_tokens":7,"output_tokens":3,"output_tokens_details":{"reasoning_tokens":1}}})");
}

void expect_recorded(const ReadStream& stream) {
  const core::Answer& answer = stream.answer;
  EXPECT_EQ(answer.text, "He \xf0\x9f\x98\x80");
  ASSERT_EQ(answer.reasoning.size(), 1U);
  EXPECT_EQ(answer.reasoning[0].text, "one\n\ntwo");
  ASSERT_EQ(answer.tool_calls.size(), 2U);
  EXPECT_EQ(answer.tool_calls[0].id, "c1");
  EXPECT_EQ(answer.tool_calls[0].arguments, "{\"a\":1}");
  EXPECT_EQ(answer.tool_calls[1].arguments, "{}");
  EXPECT_TRUE(stream.finished && stream.done);
  EXPECT_EQ(answer.finish, Finish::kToolCalls);
  EXPECT_EQ(answer.usage.input, 7U);
  EXPECT_EQ(answer.usage.reasoning, 1U);
  std::size_t sealed = 0;
  for (const core::Delta& delta : stream.deltas) {
    if (delta.kind != DeltaKind::kReasoningEncrypted) continue;
    ++sealed;
    EXPECT_EQ(delta.text, "gAAA");
    EXPECT_EQ(delta.id, "rs_1");
  }
  EXPECT_EQ(sealed, 1U);
}

TEST(ResponsesRead, ReadsAStream) { expect_recorded(read_whole_stream(responses(), recorded())); }

TEST(ResponsesRead, ReadsAStreamCutAtEveryByte) {
  const std::string stream = recorded();
  const auto whole = frames_of(stream);
  for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
    SseReader sse;
    SseEvent event;
    std::vector<std::string> frames;
    for (const std::string_view half :
         {std::string_view(stream).substr(0, cut), std::string_view(stream).substr(cut)}) {
      ASSERT_TRUE(sse.feed(half));
      while (sse.next(event)) frames.push_back(event.data);
    }
    ASSERT_EQ(frames, whole) << cut;
  }
  // A stream that ends early says nothing wrong, only less, and not that it is done.
  const std::string text = "He \xf0\x9f\x98\x80";
  for (std::size_t cut = 0; cut < stream.size(); ++cut) {
    SseReader sse;
    SseEvent event;
    ASSERT_TRUE(sse.feed(std::string_view(stream).substr(0, cut)));
    const auto reader = responses().read_stream();
    std::string said;
    while (sse.next(event)) {
      const auto facts = reader->read(event, nullptr);
      ASSERT_TRUE(facts) << cut;
      said += facts->text;
      EXPECT_FALSE(facts->done || facts->failed) << cut;
    }
    EXPECT_EQ(text.substr(0, said.size()), said) << cut;
  }
}

TEST(ResponsesRead, CommitsAtTheFirstContent) {
  const auto reader = responses().read_stream();
  std::vector<bool> content;
  for (const SseEvent& frame : events_of(recorded())) {
    const auto facts = reader->read(frame, nullptr);
    ASSERT_TRUE(facts) << frame.data;
    content.push_back(facts->content);
    EXPECT_FALSE(facts->names_usage || facts->usage_only) << "there is nothing to strip";
  }
  EXPECT_EQ(std::find(content.begin(), content.end(), true) - content.begin(), 4) << "not at items that only begin";
}

TEST(ResponsesRead, TakesPiecesThatComeOnlyAtTheirEnd) {
  const std::string ends =
      event("response.output_text.done", R"("output_index":0,"content_index":0,"text":"a")") +
      event("response.output_item.done",
            R"("output_index":0,"item":{"type":"message","content":[{"type":"output_text","text":"a"}]})") +
      event("response.output_item.done",
            R"("output_index":1,"item":{"type":"message","content":[{"type":"output_text","text":"b"},
               {"type":"refusal","refusal":"no"}]})") +
      event("response.output_item.done",
            R"("output_index":2,"item":{"type":"function_call","call_id":"c","name":"f","arguments":"{}"})") +
      event("response.output_item.done",
            R"("output_index":3,"item":{"type":"reasoning","id":"r","content":[{"text":"hm"}]})") +
      event("response.incomplete", R"("response":{"object":"response"})");
  const ReadStream stream = read_whole_stream(responses(), ends);
  EXPECT_EQ(stream.answer.text, "ab");
  EXPECT_EQ(stream.answer.refusal, "no");
  ASSERT_EQ(stream.answer.tool_calls.size(), 1U);
  EXPECT_EQ(stream.answer.tool_calls[0].arguments, "{}");
  EXPECT_EQ(stream.answer.reasoning[0].text, "hm");
  EXPECT_EQ(stream.answer.finish, Finish::kLength);
}

TEST(ResponsesRead, TakesAnAnswerThatComesOnlyAtTheEnd) {
  const ReadStream stream = read_whole_stream(
      responses(), event("response.completed", R"("response":)" + nlohmann::json::parse(kAnswer).dump()));
  EXPECT_EQ(stream.answer.text, "Hello");
  EXPECT_EQ(stream.answer.tool_calls.size(), 2U);
  EXPECT_EQ(stream.answer.usage.input, 10U);
  EXPECT_EQ(stream.answer.finish, Finish::kToolCalls);
}

TEST(ResponsesRead, TellsFailuresInEveryShape) {
  const auto failure = [](std::string_view data) {
    const auto facts = read_frame(responses(), data);
    EXPECT_TRUE(facts) << facts.error().text();
    EXPECT_TRUE(facts->failed && !facts->content);
    return facts->failure;
  };
  EXPECT_EQ(failure(R"({"type":"error","code":"x","message":"flat","param":null})"), "flat");
  EXPECT_EQ(failure(R"({"type":"error","error":{"type":"t","message":"below"}})"), "below");
  EXPECT_EQ(failure(R"({"error":{"message":"bare"}})"), "bare");
  EXPECT_EQ(failure(R"({"type":"error"})"), "no reason given");
  EXPECT_EQ(
      failure(
          R"({"type":"response.failed","response":{"status":"failed","error":{"message":"sk-abcdefgh1234 is bad"}}})"),
      "sk-*** is bad");
  EXPECT_EQ(failure(R"({"type":"response.failed"})"), "no reason given");
}

TEST(ResponsesRead, RefusesFramesThatAreNotTheProtocols) {
  for (const std::string_view data : {"[]", "{\"type\":", "hello", "{}", "{\"choices\":[]}"}) {
    const auto facts = read_frame(responses(), data);
    EXPECT_FALSE(facts) << data;
  }
  EXPECT_TRUE(read_frame(responses(), R"({"type":"response.of_the_future"})"));
  EXPECT_TRUE(read_frame(responses(), "[DONE]")->done) << "some servers say it";
}

}  // namespace
}  // namespace thalamus::wire
