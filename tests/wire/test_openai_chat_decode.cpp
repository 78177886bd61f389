#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "thalamus/wire/format.h"

namespace thalamus::wire {
namespace {

using core::PartKind;
using core::Role;
using ::testing::ElementsAre;

const Format& openai() { return *find_format("openai"); }

Result<core::Request> decode(std::string_view body) { return openai().decode(body, DecodeLimits{}); }

std::string error_of(std::string_view body) {
  const auto request = decode(body);
  return request ? "" : request.error().text();
}

// A request with one more top-level member.
std::string with(std::string_view member) {
  return R"({"model":"auto","messages":[{"role":"user","content":"hi"}],)" + std::string(member) + "}";
}

std::string with_message(std::string_view message) {
  return R"({"model":"auto","messages":[{"role":"user","content":"hi"},)" + std::string(message) + "]}";
}

TEST(Formats, AreFoundByTheirNames) {
  EXPECT_THAT(format_names(), ElementsAre("openai", "responses", "anthropic"));
  ASSERT_NE(find_format("openai"), nullptr);
  EXPECT_EQ(find_format("openai"), find_format("openai_chat"));
  EXPECT_EQ(find_format("nothing"), nullptr);
}

constexpr std::string_view kWholeRequest = R"({
    "mod\u0065l": "auto", "stream": true, "stream_options": {"include_usage": true, "x": 1},
    "messages": [
      {"role": "system", "content": "Be brief."},
      {"role": "developer", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b\n"}]},
      {"role": "user", "name": "u", "content": [
        {"type": "text", "text": "see"},
        {"type": "image_url", "image_url": {"url": "https://x/y.png", "detail": "low"}},
        {"image_url": {"url": "data:image/png;base64,AAAA"}, "type": "image_url"},
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,AA"}},
        {"type": "file", "file": {"file_id": "file-1"}}, {"type": "hologram", "text": {"a": 1}}]},
      {"role": "assistant", "content": null, "tool_calls": [
        {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{\"a\":1}"}},
        {"id": "c2", "type": "custom", "custom": {"name": "g", "input": "raw"}}]},
      {"role": "tool", "tool_call_id": "c1", "content": "42"},
      {"role": "assistant", "refusal": "no"},
      {"role": "assistant", "content": null, "function_call": {"name": "h", "arguments": ""}},
      {"role": "function", "name": "h", "content": "ok"}],
    "tools": [{"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}}},
              {"name": "bare", "parameters": {"type":"dict"}}, {"type": "web_search"}],
    "functions": [{"name": "old"}], "tool_choice": {"anything": [1]},
    "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": { "type":"object" }}},
    "max_tokens": 20, "max_completion_tokens": 20, "temperature": 0.5, "top_p": 0.9, "seed": -7, "stop": ["a", "b"],
    "logprobs": true, "top_logprobs": 3, "metadata": {"task": "math", "other": 1},
    "thalamus": {"max_cost_usd": 0.01}, "unknown": {"deep": [1, 2, {"x": null}]}})";

TEST(OpenAiDecode, ReadsMessagesOfEveryRole) {
  const auto request = decode(kWholeRequest);
  ASSERT_TRUE(request) << request.error().text();
  EXPECT_EQ(request->model, "auto");
  EXPECT_TRUE(request->stream);
  EXPECT_TRUE(request->include_usage);
  ASSERT_EQ(request->messages.size(), 8U);
  EXPECT_EQ(request->messages[1].role, Role::kSystem);
  EXPECT_EQ(request->messages[1].parts[1].text, "b\n");
  const auto& parts = request->messages[2].parts;
  ASSERT_EQ(parts.size(), 7U);
  EXPECT_EQ(parts[1].kind, PartKind::kImage);
  EXPECT_EQ(parts[1].text, "https://x/y.png");
  EXPECT_EQ(parts[2].text, "image/png");
  EXPECT_EQ(parts[3].kind, PartKind::kAudio);
  EXPECT_EQ(parts[3].text, "audio/wav");
  EXPECT_EQ(parts[4].kind, PartKind::kFile);
  EXPECT_EQ(parts[4].text, "application/pdf");
  EXPECT_EQ(parts[5].text, "file-1");
  EXPECT_EQ(parts[6].kind, PartKind::kOther);
  EXPECT_TRUE(request->has_images());
  ASSERT_EQ(request->messages[3].tool_calls.size(), 2U);
  EXPECT_EQ(request->messages[3].tool_calls[0].arguments, "{\"a\":1}");
  EXPECT_EQ(request->messages[3].tool_calls[1].name, "g");
  EXPECT_EQ(request->messages[3].tool_calls[1].arguments, "raw");
  EXPECT_EQ(request->messages[4].role, Role::kTool);
  EXPECT_EQ(request->messages[4].tool_call_id, "c1");
  EXPECT_EQ(request->messages[5].parts[0].kind, PartKind::kRefusal);
  EXPECT_EQ(request->messages[6].tool_calls[0].name, "h");
  EXPECT_EQ(request->messages[7].role, Role::kTool);
}

TEST(OpenAiDecode, ReadsToolsAndOptions) {
  const auto request = decode(kWholeRequest);
  ASSERT_TRUE(request) << request.error().text();
  ASSERT_EQ(request->tools.size(), 4U);
  EXPECT_EQ(request->tools[0].description, "d");
  EXPECT_EQ(request->tools[0].parameters, R"({"type": "object"})");
  EXPECT_EQ(request->tools[1].name, "bare");
  EXPECT_EQ(request->tools[1].parameters, R"({"type":"dict"})");
  EXPECT_EQ(request->tools[2].name, "web_search");
  EXPECT_EQ(request->tools[3].name, "old");
  EXPECT_EQ(request->response_format, core::ResponseFormat::kJsonSchema);
  EXPECT_EQ(request->response_schema, R"({ "type":"object" })");
  EXPECT_EQ(request->max_output_tokens, 20U);
  EXPECT_EQ(request->temperature, 0.5);
  EXPECT_EQ(request->top_p, 0.9);
  EXPECT_EQ(request->seed, -7);
  EXPECT_THAT(request->stop, ElementsAre("a", "b"));
  EXPECT_EQ(request->logprobs, 3U);
  EXPECT_EQ(request->task_hint, "math");
  EXPECT_EQ(request->contract.max_cost_usd, 0.01);
}

TEST(OpenAiDecode, TakesNullForAbsentOptionalMembers) {
  const auto request = decode(with(
      R"("stream":null,"stream_options":null,"temperature":null,"max_tokens":null,"tools":null,"response_format":null,
              "thalamus":null,"metadata":null,"stop":null,"seed":null,"logprobs":null,"top_logprobs":null,"top_p":null,
              "max_completion_tokens":null,"functions":null)"));
  ASSERT_TRUE(request) << request.error().text();
  EXPECT_FALSE(request->stream || request->temperature || request->max_output_tokens || request->logprobs);
}

TEST(OpenAiDecode, LetsUnknownMembersAndHugeNumbersPass) {
  EXPECT_EQ(error_of(with(R"("seed":123456789012345678901234567890,"big":1e999,"n":3,"logit_bias":{"1":-100})")), "");
  EXPECT_FALSE(decode(with(R"("seed":123456789012345678901234567890)"))->seed.has_value());
}

TEST(OpenAiDecode, DecodesSurrogates) {
  const auto request = decode(R"({"model":"m","messages":[{"role":"user","content":"\ud83d\ude00 \ud83d."}]})");
  ASSERT_TRUE(request);
  EXPECT_EQ(request->messages[0].parts[0].text, "\xf0\x9f\x98\x80 \xef\xbf\xbd.");
}

TEST(OpenAiDecode, RefusesWhatIsNoJsonObject) {
  EXPECT_EQ(error_of(""), "body: expected a JSON object, got an empty body");
  EXPECT_EQ(error_of(" \n"), "body: expected a JSON object, got an empty body");
  EXPECT_EQ(error_of("[]"), "body: expected a JSON object, got an array");
  EXPECT_EQ(error_of("\"x\""), "body: expected a JSON object, got \"x\"");
  EXPECT_EQ(error_of("12"), "body: expected a JSON object, got 12");
  EXPECT_EQ(error_of("null"), "body: expected a JSON object, got null");
  EXPECT_EQ(error_of("hello"),
            "body: not valid JSON at byte 0: expected a value: an object, an array, a string, a number, true, false or "
            "null");
  EXPECT_EQ(error_of("{\"model\":\"a\""), "body: not valid JSON at byte 12: the text ends inside an object");
  EXPECT_EQ(error_of("{\"model\":\"a\xff\"}"), "body: not valid JSON at byte 11: invalid UTF-8");
  EXPECT_EQ(error_of(with("\"a\":[1,,2]")).substr(0, 31), "body: not valid JSON at byte 67");
  EXPECT_EQ(error_of(with("\"a\":1") + "x"), "body: not valid JSON at byte 66: expected nothing after the value");
  EXPECT_EQ(error_of("\xef\xbb\xbf{}"),
            "body: begins with a byte order mark, expected a JSON object; send UTF-8 without the mark");
}

TEST(OpenAiDecode, NamesTheMemberTheValueAndWhatWasExpected) {
  const std::string remedy = "name a route or a target, as GET /v1/models lists them";
  EXPECT_EQ(error_of(R"({"messages":[{"role":"user","content":"x"}]})"), "body.model: missing; " + remedy);
  EXPECT_EQ(error_of(R"({"model":"","messages":[]})"), "body.model: expected a non-empty string, got \"\"; " + remedy);
  EXPECT_EQ(error_of(R"({"model":7,"messages":[]})"), "body.model: expected a string, got 7");
  EXPECT_EQ(error_of(with(R"("model":"b")")), "body.model: given twice; give it once");
  EXPECT_EQ(error_of(with(R"("mod\u0065l":"b")")), "body.model: given twice; give it once");
  EXPECT_EQ(error_of(with(R"("thalamus":{},"thalamus":{})")), "body.thalamus: given twice; give it once");
  EXPECT_EQ(error_of(R"({"model":"a"})"), "body.messages: missing; give at least one message with role and content");
  EXPECT_EQ(error_of(R"({"model":"a","messages":[]})"),
            "body.messages: expected a non-empty array of messages, got []; give at least one with role and content");
  EXPECT_EQ(error_of(R"({"model":"a","messages":"hi"})"),
            "body.messages: expected a non-empty array of messages, got \"hi\"");
  EXPECT_EQ(error_of(with(R"("stream":"true")")), "body.stream: expected true or false, got \"true\"");
  EXPECT_EQ(error_of(with(R"("stream_options":true)")), "body.stream_options: expected an object, got true");
  EXPECT_EQ(error_of(with(R"("stream_options":{"include_usage":1})")),
            "body.stream_options.include_usage: expected true or false, got 1");
  EXPECT_EQ(error_of(with(R"("temperature":2.5)")), "body.temperature: expected a number from 0 to 2, got 2.5");
  EXPECT_EQ(error_of(with(R"("temperature":"hot")")), "body.temperature: expected a number from 0 to 2, got \"hot\"");
  for (const char* count : {"0", "-1", "1.5", "1e3", "4294967296"})
    EXPECT_EQ(error_of(with(R"("max_tokens":)" + std::string(count))),
              "body.max_tokens: expected a whole number from 1 to 4294967295, got " + std::string(count));
  EXPECT_EQ(error_of(with(R"("max_completion_tokens":"9")")),
            "body.max_completion_tokens: expected a whole number from 1 to 4294967295, got \"9\"");
  EXPECT_EQ(error_of(with(R"("tools":{})")), "body.tools: expected an array of tools, got an object");
  EXPECT_EQ(
      error_of(with(R"("tools":[{"type":"function"}])")),
      R"(body.tools[0].function: missing; expected {"type":"function","function":{"name":...,"parameters":...}})");
  EXPECT_EQ(error_of(with(R"("tools":[{"type":"function","function":{"name":3}}])")),
            "body.tools[0].function.name: expected a string, got 3");
  EXPECT_EQ(error_of(with(R"("tools":[{"type":"function","function":{}}])")),
            "body.tools[0].function.name: expected the function's name, got none");
  EXPECT_EQ(
      error_of(with(R"("response_format":{"type":"json_shema"})")),
      "body.response_format.type: expected one of text, json_object, json_schema; got \"json_shema\", did you mean "
      "'json_schema'?");
  EXPECT_EQ(error_of(with(R"("response_format":"json")")), "body.response_format: expected an object, got \"json\"");
  EXPECT_EQ(error_of(with(R"("thalamus":{"min_quality":2}})")).substr(0, 70),
            "body.thalamus.min_quality: expected a number from 0 to 1, got 2");
  EXPECT_EQ(error_of(with(R"("thalamus":3)")), "body.thalamus: expected an object, got 3");
  EXPECT_EQ(error_of(with(R"("metadata":{"task":1})")), "body.metadata.task: expected a string, got 1");
  EXPECT_EQ(error_of(with(R"("stop":1)")), "body.stop: expected a string or an array of strings, got 1");
  EXPECT_EQ(error_of(with(R"("stop":["a",1])")), "body.stop[1]: expected a string, got 1");
  EXPECT_EQ(error_of(with(R"("seed":"x")")), "body.seed: expected a whole number, got \"x\"");
  EXPECT_EQ(error_of(with(R"("top_logprobs":21)")), "body.top_logprobs: expected a whole number from 0 to 20, got 21");
}

TEST(OpenAiDecode, NamesTheMessageThatIsWrong) {
  EXPECT_EQ(error_of(with_message("7")), "body.messages[1]: expected an object, got 7");
  EXPECT_EQ(error_of(with_message(R"({"content":"x"})")),
            "body.messages[1].role: missing; expected system, developer, user, assistant, tool or function");
  EXPECT_EQ(
      error_of(with_message(R"({"role":"usr","content":"x"})")),
      "body.messages[1].role: expected one of system, developer, user, assistant, tool, function; got \"usr\", did "
      "you mean 'user'?");
  EXPECT_EQ(error_of(with_message(R"({"role":1,"content":"x"})")), "body.messages[1].role: expected a string, got 1");
  const std::string rule =
      "; only an assistant's message with tool_calls, function_call, refusal or audio may go without";
  EXPECT_EQ(error_of(with_message(R"({"role":"user","content":null})")),
            "body.messages[1].content: expected a string or an array of parts, got null" + rule);
  EXPECT_EQ(error_of(with_message(R"({"role":"assistant","tool_calls":[]})")),
            "body.messages[1].content: expected a string or an array of parts, got nothing" + rule);
  EXPECT_EQ(error_of(with_message(R"({"role":"user","content":12})")),
            "body.messages[1].content: expected a string or an array of parts, got 12");
  EXPECT_EQ(error_of(with_message(R"({"role":"user","content":["x"]})")),
            "body.messages[1].content[0]: expected an object, got \"x\"");
  EXPECT_EQ(error_of(with_message(R"({"role":"user","content":[{"text":"x"}]})")),
            "body.messages[1].content[0].type: missing; expected text, image_url, input_audio, file, refusal or a type "
            "the model knows");
  EXPECT_EQ(error_of(with_message(R"({"role":"user","content":[{"type":"text","text":5}]})")),
            "body.messages[1].content[0].text: expected a string, got 5");
  EXPECT_EQ(error_of(with_message(R"({"role":"assistant","tool_calls":[{"function":{"arguments":"{}"}}]})")),
            "body.messages[1].tool_calls[0].function.name: expected the called function's name, got none");
  EXPECT_EQ(error_of(with_message(R"({"role":"tool","content":"x","tool_call_id":1})")),
            "body.messages[1].tool_call_id: expected a string, got 1");
}

TEST(OpenAiDecode, AllowsAudioInPlaceOfAnAssistantsContent) {
  EXPECT_EQ(error_of(with_message(R"({"role":"assistant","audio":{"id":"a"}})")), "");
  EXPECT_NE(error_of(with_message(R"({"role":"assistant","audio":null})")), "");
}

TEST(OpenAiDecode, CutsLongValuesInMessagesBetweenCharacters) {
  std::string text;
  for (int i = 0; i < 30; ++i) text += "\xc3\xa9";
  EXPECT_EQ(error_of(with("\"stream\":\"x" + text + "\"")),
            "body.stream: expected true or false, got \"x" + text.substr(0, 38) + "...\"");
}

TEST(OpenAiDecode, HoldsItsLimits) {
  const std::string body = with(R"("a":[[[[1]]]])");
  DecodeLimits limits;
  limits.depth_max = 4;
  auto request = openai().decode(body, limits);
  ASSERT_FALSE(request);
  EXPECT_EQ(request.error().kind, ErrorKind::kTooLarge);
  EXPECT_EQ(request.error().text(), "body: nested deeper than 4 levels at byte 67; flatten the value");
  limits = {};
  limits.body_bytes_max = 10;
  request = openai().decode(body, limits);
  ASSERT_FALSE(request);
  EXPECT_EQ(request.error().kind, ErrorKind::kTooLarge);
  EXPECT_EQ(request.error().text(), "body: 74 bytes, the limit is 10; shorten the request");
  limits = {};
  limits.messages_max = 1;
  request = openai().decode(with_message(R"({"role":"user","content":"x"})"), limits);
  ASSERT_FALSE(request);
  EXPECT_EQ(request.error().kind, ErrorKind::kTooLarge);
  EXPECT_EQ(request.error().text(), "body.messages: more than 1 messages; shorten the conversation");
}

TEST(OpenAiDecode, RefusesEveryPrefixAndSurvivesEveryDamagedByte) {
  const std::string body = with(
      R"("stream":true,"thalamus":{"worth":{"answer_usd":1}},"tools":[{"type":"function","function":{"name":"f"}}])");
  ASSERT_TRUE(decode(body));
  for (std::size_t n = 0; n < body.size(); ++n) {
    EXPECT_FALSE(decode(body.substr(0, n))) << n;
    for (const char byte : {'"', '{', ']', '\\', '\xff', '\0', '9'}) {
      std::string damaged = body;
      damaged[n] = byte;
      const auto request = decode(damaged);
      if (!request) {
        EXPECT_FALSE(request.error().message.empty());
      }
    }
  }
}

}  // namespace
}  // namespace thalamus::wire
