#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "streams.h"
#include "thalamus/wire/format.h"
#include "thalamus/wire/models.h"
#include "thalamus/wire/sse.h"

namespace thalamus::wire {
namespace {

using nlohmann::json;

const Format& openai() { return *find_format("openai"); }

core::Answer sample() {
  core::Answer answer;
  answer.id = "1";
  answer.created_unix_s = 1700000000;
  answer.model = "small";
  answer.text = "He said \"\xc3\xa9\"\n";
  answer.usage = {.input = 10, .cached_input = 4, .output = 5, .reasoning = 2, .known = true};
  return answer;
}

/// A stream of `deltas` with the sample's head and end.
std::string stream_of(const std::vector<core::Delta>& deltas, bool with_usage,
                      core::Finish finish = core::Finish::kStop) {
  const core::Answer answer = sample();
  const auto writer = openai().write_stream({.id = answer.id,
                                             .created_unix_s = answer.created_unix_s,
                                             .model = answer.model,
                                             .with_usage = with_usage,
                                             .input_tokens = 0});
  std::string out;
  writer->start(out);
  for (const core::Delta& delta : deltas) writer->write(delta, out);
  writer->end({.finish = finish, .usage = answer.usage}, out);
  return out;
}

TEST(OpenAiEncode, WritesAnAnswerAsTheOfficialClientsExpectIt) {
  EXPECT_EQ(json::parse(openai().encode_answer(sample())), json::parse(R"({
    "id":"chatcmpl-1","object":"chat.completion","created":1700000000,"model":"small",
    "choices":[{"index":0,"message":{"role":"assistant","content":"He said \"é\"\n","refusal":null},
                "logprobs":null,"finish_reason":"stop"}],
    "usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15,
             "prompt_tokens_details":{"cached_tokens":4},"completion_tokens_details":{"reasoning_tokens":2}}})"));
}

TEST(OpenAiEncode, WritesToolCallsWithNullContent) {
  core::Answer answer = sample();
  answer.text.clear();
  answer.tool_calls = {{"c1", "f", "{\"a\":1}"}};
  const json body = json::parse(openai().encode_answer(answer));
  EXPECT_TRUE(body["choices"][0]["message"]["content"].is_null());
  EXPECT_EQ(body["choices"][0]["message"]["tool_calls"],
            json::parse(R"([{"id":"c1","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}}])"));
  EXPECT_EQ(body["choices"][0]["finish_reason"], "tool_calls");
}

TEST(OpenAiEncode, WritesLogprobsWithTheirBytes) {
  core::Answer answer = sample();
  answer.logprobs = {{"\xc3\xa9", -0.5, {{"e", -1.0}}}};
  const json choice = json::parse(openai().encode_answer(answer))["choices"][0];
  EXPECT_EQ(choice["logprobs"], json::parse(R"({"content":[{"token":"é","logprob":-0.5,"bytes":[195,169],
    "top_logprobs":[{"token":"e","logprob":-1.0,"bytes":[101]}]}],"refusal":null})"));
}

TEST(OpenAiEncode, UsesOnlyTheFinishReasonsThatClientsKnow) {
  const std::vector<std::pair<core::Finish, std::string>> table{{core::Finish::kStop, "stop"},
                                                                {core::Finish::kLength, "length"},
                                                                {core::Finish::kToolCalls, "tool_calls"},
                                                                {core::Finish::kContentFilter, "content_filter"},
                                                                {core::Finish::kError, "length"},
                                                                {core::Finish::kCancelled, "length"},
                                                                {core::Finish::kUnknown, "stop"}};
  for (const auto& [finish, name] : table) {
    core::Answer answer = sample();
    answer.finish = finish;
    EXPECT_EQ(json::parse(openai().encode_answer(answer))["choices"][0]["finish_reason"], name);
  }
}

TEST(OpenAiEncode, OmitsUsageThatIsUnknown) {
  core::Answer answer = sample();
  answer.usage.known = false;
  EXPECT_FALSE(json::parse(openai().encode_answer(answer)).contains("usage"));
}

TEST(OpenAiEncode, StreamsRoleTextFinishUsageAndTheEnd) {
  const core::Answer answer = sample();
  core::Delta with_logprob = text_delta("x");
  with_logprob.logprob = core::TokenLogprob{"x", -1, {}};
  const auto data = frames_of(stream_of({text_delta("He"), with_logprob, text_delta("")}, true));
  ASSERT_EQ(data.size(), 6U);
  const json head = json::parse(
      R"({"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"small","choices":[]})");
  const auto with_choice = [&](const char* choice) {
    json chunk = head;
    chunk["choices"].push_back(json::parse(choice));
    return chunk;
  };
  EXPECT_EQ(json::parse(data[0]), with_choice(R"({"index":0,"delta":{"role":"assistant","content":"","refusal":null},
                                                  "logprobs":null,"finish_reason":null})"));
  EXPECT_EQ(json::parse(data[1]),
            with_choice(R"({"index":0,"delta":{"content":"He"},"logprobs":null,"finish_reason":null})"));
  EXPECT_EQ(json::parse(data[2])["choices"][0]["logprobs"]["content"][0]["token"], "x");
  EXPECT_EQ(json::parse(data[3]), with_choice(R"({"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"})"));
  json usage = head;
  usage["usage"] = json::parse(openai().encode_answer(answer))["usage"];
  EXPECT_EQ(json::parse(data[4]), usage);
  EXPECT_EQ(data[5], "[DONE]");
}

TEST(OpenAiEncode, StreamsToolCallsOneAfterTheOtherEvenWhereTheyInterleave) {
  const std::vector<core::Delta> deltas{call_delta(0, "c1", "f"), arguments_delta(0, "{\"a\""),
                                        call_delta(1, "c2", "g"), arguments_delta(1, "{}"), arguments_delta(0, ":1}")};
  const std::string stream = stream_of(deltas, false, core::Finish::kToolCalls);
  const auto data = frames_of(stream);
  ASSERT_EQ(data.size(), 8U);
  EXPECT_EQ(json::parse(data[1])["choices"][0]["delta"]["tool_calls"][0],
            json::parse(R"({"index":0,"id":"c1","type":"function","function":{"name":"f","arguments":""}})"));
  EXPECT_EQ(json::parse(data[3])["choices"][0]["delta"]["tool_calls"][0],
            json::parse(R"({"index":0,"function":{"arguments":":1}"}})"));
  EXPECT_EQ(json::parse(data[5])["choices"][0]["delta"]["tool_calls"][0],
            json::parse(R"({"index":1,"function":{"arguments":"{}"}})"));
  EXPECT_EQ(json::parse(data[6])["choices"][0]["finish_reason"], "tool_calls");
  EXPECT_EQ(data[7], "[DONE]");
  const ReadStream back = read_whole_stream(openai(), stream);
  ASSERT_EQ(back.answer.tool_calls.size(), 2U);
  EXPECT_EQ(back.answer.tool_calls[0].arguments, R"({"a":1})");
  EXPECT_EQ(back.answer.tool_calls[1].name, "g");
}

TEST(OpenAiEncode, ReadsBackTheAnswersItWrites) {
  core::Answer answer = sample();
  answer.tool_calls = {{"c1", "f", "{\"a\":\"\\n\"}"}};
  answer.finish = core::Finish::kToolCalls;
  answer.logprobs = {{"a", -0.25, {{"b", -2}}}};
  const auto facts = openai().read_answer(openai().encode_answer(answer));
  ASSERT_TRUE(facts) << facts.error().text();
  const core::Answer& back = facts->answer;
  EXPECT_FALSE(facts->empty);
  EXPECT_EQ(back.id, "chatcmpl-1");
  EXPECT_EQ(back.created_unix_s, answer.created_unix_s);
  EXPECT_EQ(back.model, answer.model);
  EXPECT_EQ(back.text, answer.text);
  EXPECT_EQ(back.finish, answer.finish);
  ASSERT_EQ(back.tool_calls.size(), 1U);
  EXPECT_EQ(back.tool_calls[0].arguments, answer.tool_calls[0].arguments);
  ASSERT_EQ(back.logprobs.size(), 1U);
  EXPECT_EQ(back.logprobs[0].logprob, -0.25);
  EXPECT_EQ(back.logprobs[0].top, answer.logprobs[0].top);
  EXPECT_EQ(back.usage.input, 10U);
  EXPECT_EQ(back.usage.cached_input, 4U);
  EXPECT_EQ(back.usage.output, 5U);
  EXPECT_EQ(back.usage.reasoning, 2U);
  EXPECT_TRUE(back.usage.known);
}

TEST(OpenAiEncode, ReadsBackTheStreamsItWrites) {
  core::Delta thought = text_delta("hm");
  thought.kind = core::DeltaKind::kReasoning;
  core::Delta refusal = text_delta("no");
  refusal.kind = core::DeltaKind::kRefusal;
  const ReadStream back = read_whole_stream(
      openai(), stream_of({thought, text_delta("He "), text_delta("\xf0\x9f\x98\x80"), refusal}, true));
  EXPECT_EQ(back.answer.text, "He \xf0\x9f\x98\x80");
  EXPECT_EQ(back.answer.refusal, "no");
  ASSERT_EQ(back.answer.reasoning.size(), 1U);
  EXPECT_EQ(back.answer.reasoning[0].text, "hm");
  EXPECT_TRUE(back.finished && back.done);
  EXPECT_EQ(back.answer.usage, sample().usage);
}

TEST(OpenAiEncode, WritesRequestsThatDecodeToTheSame) {
  core::Request request;
  request.messages = {
      {core::Role::kSystem, {{core::PartKind::kText, "s"}}, {}, {}},
      {core::Role::kUser, {{core::PartKind::kText, "a\"\n"}, {core::PartKind::kImage, "https://x/y"}}, {}, {}},
      {core::Role::kAssistant, {}, {{"c1", "f", "{}"}}, {}},
      {core::Role::kTool, {{core::PartKind::kText, "42"}}, {}, "c1"},
      {core::Role::kAssistant, {{core::PartKind::kRefusal, "no"}, {core::PartKind::kFile, "file-9"}}, {}, {}},
      {core::Role::kUser, {}, {}, {}}};
  request.tools = {{"f", "d", R"({"type":"object"})"}, {"g", "", ""}};
  request.response_format = core::ResponseFormat::kJsonSchema;
  request.response_schema = R"({"type":"object"})";
  request.stream = true;
  request.include_usage = true;
  request.max_output_tokens = 64;
  request.temperature = 0.2;
  request.top_p = 0.5;
  request.seed = 7;
  request.stop = {"END"};
  request.logprobs = 2;
  const std::string body = openai().encode_request(request, "up");
  const auto back = openai().decode(body, DecodeLimits{});
  ASSERT_TRUE(back) << back.error().text() << body;
  EXPECT_EQ(back->model, "up");
  ASSERT_EQ(back->messages.size(), request.messages.size());
  EXPECT_EQ(back->messages[1].parts[0].text, "a\"\n");
  EXPECT_EQ(back->messages[1].parts[1].text, "https://x/y");
  EXPECT_EQ(back->messages[2].tool_calls[0].name, "f");
  EXPECT_EQ(back->messages[3].tool_call_id, "c1");
  EXPECT_EQ(back->messages[4].parts[0].kind, core::PartKind::kRefusal);
  EXPECT_EQ(back->messages[4].parts[1].text, "file-9");
  EXPECT_EQ(back->tools[0].parameters, request.tools[0].parameters);
  EXPECT_EQ(back->tools[1].name, "g");
  EXPECT_EQ(back->response_schema, request.response_schema);
  EXPECT_EQ(back->max_output_tokens, 64U);
  EXPECT_EQ(back->temperature, 0.2);
  EXPECT_EQ(back->top_p, 0.5);
  EXPECT_EQ(back->seed, 7);
  EXPECT_EQ(back->stop, request.stop);
  EXPECT_EQ(back->logprobs, 2U);
  EXPECT_TRUE(back->stream && back->include_usage);
  // Writing what was read gives the same bytes.
  EXPECT_EQ(openai().encode_request(*back, "up"), body);
}

TEST(OpenAiEncode, TellsWhatItLeavesOut) {
  core::Request request;
  request.messages = {
      {core::Role::kUser, {{core::PartKind::kText, "a"}, {core::PartKind::kImage, "image/png"}}, {}, {}}};
  core::PartDetail detail;
  detail.place = "messages[1].content[0]";
  request.messages.push_back({core::Role::kAssistant,
                              {{core::PartKind::kReasoning, "hm", std::make_shared<const core::PartDetail>(detail)},
                               {core::PartKind::kText, "b"}},
                              {},
                              {}});
  request.tools.push_back({"web_search", "", ""});
  request.tools.back().hosted = R"({"type":"web_search"})";
  Losses losses;
  const json body = json::parse(openai().encode_request(request, "m", &losses));
  EXPECT_EQ(body["messages"][0]["content"], "a");
  EXPECT_EQ(body["messages"][1]["content"], "b");
  EXPECT_FALSE(body.contains("tools"));
  std::vector<std::string> paths;
  for (const Loss& loss : losses) paths.push_back(loss.path);
  EXPECT_EQ(paths, (std::vector<std::string>{"request.messages[0]", "messages[1].content[0]", "request.tools[0]"}));
}

TEST(OpenAiEncode, ImagesFilesAndRecordingsKeepTheirData) {
  const char* const content = R"([{"type":"text","text":"look"},
      {"type":"image_url","image_url":{"url":"data:image\/png;base64,AA\/B","detail":"low"}},
      {"type":"image_url","image_url":{"url":"https://x/y.png"}},
      {"type":"input_audio","input_audio":{"data":"UklG","format":"wav"}},
      {"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;base64,JVBE"}}])";
  const std::string body = R"({"model":"m","messages":[{"role":"user","content":)" + std::string(content) + "}]}";
  const auto request = openai().decode(body, {});
  ASSERT_TRUE(request) << request.error().text();
  EXPECT_EQ(request->messages[0].parts[1].text, "image/png") << "the label never holds data";
  Losses losses;
  const json written = json::parse(openai().encode_request(*request, "m", &losses));
  EXPECT_EQ(written["messages"][0]["content"], json::parse(content));
  EXPECT_TRUE(losses.empty());
}

TEST(OpenAiEncode, ListsModels) {
  const std::vector<ModelEntry> entries{{"auto", 1700000000, "thalamus"}, {"small", 0, "local"}};
  EXPECT_EQ(encode_models(entries),
            R"({"object":"list","data":[{"id":"auto","object":"model","created":1700000000,"owned_by":"thalamus"},)"
            R"({"id":"small","object":"model","created":0,"owned_by":"local"}]})");
  EXPECT_EQ(encode_model(entries[1]), R"({"id":"small","object":"model","created":0,"owned_by":"local"})");
  EXPECT_EQ(encode_models({}), R"({"object":"list","data":[]})");
}

}  // namespace
}  // namespace thalamus::wire
