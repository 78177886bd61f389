#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "thalamus/wire/anthropic.h"
#include "thalamus/wire/format.h"

namespace thalamus::wire {
namespace {

using core::PartKind;
using core::Role;
using ::testing::ElementsAre;

const Format& anthropic() { return *find_format("anthropic"); }

/// Data of images and files is borrowed from `body`.
core::Request decoded(const std::string& body) {
  const auto request = anthropic().decode(body, DecodeLimits{});
  EXPECT_TRUE(request) << request.error().text() << "\n" << body;
  return request ? *request : core::Request{};
}

/// A body with these members beside the required ones.
std::string with(const std::string& members) {
  return R"({"model":"m","max_tokens":8,"messages":[{"role":"user","content":"hi"}])" +
         (members.empty() ? "" : "," + members) + "}";
}
/// A body with one message.
std::string turn(const std::string& role, const std::string& content) {
  return R"({"model":"m","max_tokens":8,"messages":[{"role":")" + role + R"(","content":)" + content + "}]}";
}

std::string error_of(const std::string& body) {
  const auto request = anthropic().decode(body, DecodeLimits{});
  return request ? "" : request.error().text();
}

TEST(AnthropicDecode, ReadsEveryMemberThatItKnows) {
  const core::Request request = decoded(
      R"({"model":"auto","max_tokens":1000,"system":"be brief","stream":true,"temperature":0.5,"top_p":0.9,"top_k":5,
          "stop_sequences":["A","B"],"messages":[{"role":"user","content":"hi"}],"metadata":{"user_id":"u1","task":"t"},
          "thinking":{"type":"enabled","budget_tokens":2048},"service_tier":"auto","thalamus":{"min_quality":0.5},
          "tool_choice":{"type":"tool","name":"f","disable_parallel_tool_use":true},
          "tools":[{"name":"f","description":"d","input_schema":{"type":"object"},"strict":true},
                   {"type":"custom","name":"g","input_schema":{}},
                   {"type":"web_search_20250305","name":"web_search","max_uses":5}],
          "output_config":{"format":{"type":"json_schema","schema":{"a":1}}}})");
  EXPECT_EQ(request.model, "auto");
  EXPECT_EQ(request.max_output_tokens, 1000U);
  ASSERT_EQ(request.messages.size(), 2U);
  EXPECT_EQ(request.messages[0].role, Role::kSystem);
  EXPECT_EQ(request.messages[0].parts[0].text, "be brief");
  EXPECT_EQ(request.messages[1].parts[0].text, "hi");
  EXPECT_TRUE(request.stream && request.include_usage);
  EXPECT_EQ(request.temperature, 0.5);
  EXPECT_EQ(request.top_p, 0.9);
  EXPECT_THAT(request.stop, ElementsAre("A", "B"));
  EXPECT_EQ(request.user, "u1");
  EXPECT_EQ(request.task_hint, "t");
  EXPECT_EQ(request.reasoning_tokens, 2048U);
  EXPECT_EQ(request.contract.min_quality, 0.5);
  EXPECT_EQ(request.tool_choice, core::ToolChoice::kNamed);
  EXPECT_EQ(request.tool_choice_name, "f");
  EXPECT_EQ(request.parallel_tool_calls, false);
  ASSERT_EQ(request.tools.size(), 3U);
  EXPECT_EQ(request.tools[0].description, "d");
  EXPECT_EQ(request.tools[0].parameters, R"({"type":"object"})");
  EXPECT_TRUE(request.tools[0].strict && request.tools[0].hosted.empty());
  EXPECT_EQ(request.tools[1].name, "g");
  EXPECT_EQ(request.tools[2].name, "web_search");
  EXPECT_EQ(request.tools[2].hosted, R"({"type":"web_search_20250305","name":"web_search","max_uses":5})");
  EXPECT_EQ(request.response_format, core::ResponseFormat::kJsonSchema);
  EXPECT_EQ(request.response_schema, R"({"a":1})");
  EXPECT_THAT(request.unread, ElementsAre("top_k", "service_tier"));
}

TEST(AnthropicDecode, TakesNullForAbsent) {
  const core::Request request = decoded(
      with(R"("system":null,"stream":null,"temperature":null,"stop_sequences":null,"tools":null,"tool_choice":null,
              "thinking":null,"output_config":null,"output_format":null,"metadata":null,"thalamus":null)"));
  EXPECT_EQ(request.messages.size(), 1U);
  EXPECT_FALSE(request.stream || request.temperature || request.tool_choice || request.reasoning_tokens);
}

TEST(AnthropicDecode, KnowsEveryToolChoiceAndThinkingMode) {
  using core::ToolChoice;
  for (const auto& [type, choice] : std::vector<std::pair<std::string, ToolChoice>>{
           {"auto", ToolChoice::kAuto}, {"any", ToolChoice::kRequired}, {"none", ToolChoice::kNone}}) {
    const core::Request request =
        decoded(with(R"("tools":[{"name":"f","input_schema":{}}],"tool_choice":{"type":")" + type + R"("})"));
    EXPECT_EQ(request.tool_choice, choice);
    EXPECT_FALSE(request.parallel_tool_calls);
  }
  EXPECT_EQ(decoded(with(R"("thinking":{"type":"disabled"})")).reasoning_tokens, 0U);
  EXPECT_EQ(decoded(with(R"("thinking":{"type":"adaptive"})")).reasoning_effort, "high");
  EXPECT_EQ(decoded(with(R"("output_config":{"effort":"low"},"thinking":{"type":"adaptive"})")).reasoning_effort,
            "low");
  EXPECT_EQ(decoded(with(R"("output_config":{"effort":"max"})")).reasoning_effort, "high");
  EXPECT_EQ(decoded(with(R"("output_format":{"type":"json_schema","schema":{"b":2}})")).response_schema, R"({"b":2})");
}

TEST(AnthropicDecode, ReadsEveryKindOfBlockWithItsPlace) {
  const std::string body = turn("user", R"([
    {"type":"text","text":"a","cache_control":{"type":"ephemeral"}},
    {"type":"image","source":{"type":"base64","media_type":"image/png","data":"AA\/B"}},
    {"type":"image","source":{"url":"https://x/y.png","type":"url"}},
    {"type":"image","source":{"type":"file","file_id":"file_1"}},
    {"source":{"data":"JVBE","type":"base64","media_type":"application/pdf"},"title":"T","type":"document"},
    {"type":"document","source":{"type":"text","media_type":"text/plain","data":"plain \"x\""},"title":"notes"},
    {"type":"document","source":{"type":"content","content":[{"type":"text","text":"in"}]},"context":"c",
     "citations":{"enabled":true}},
    {"type":"search_result","source":"https://s","title":"S","content":[{"type":"text","text":"found"}]},
    {"type":"container_upload","file_id":"f","text":7}])");
  const core::Request request = decoded(body);
  const auto& parts = request.messages[0].parts;
  ASSERT_EQ(parts.size(), 9U);
  EXPECT_EQ(parts[0].text, "a");
  EXPECT_EQ(parts[1].kind, PartKind::kImage);
  EXPECT_EQ(parts[1].text, "image/png") << "the label never holds data";
  EXPECT_EQ(parts[1].detail->data, "AA\\/B");
  EXPECT_EQ(parts[1].detail->place, "messages[0].content[1]");
  EXPECT_EQ(parts[2].detail->url, "https://x/y.png");
  EXPECT_EQ(parts[3].detail->file_id, "file_1");
  EXPECT_EQ(parts[4].kind, PartKind::kFile);
  EXPECT_EQ(parts[4].detail->file_name, "T");
  EXPECT_EQ(parts[4].detail->data, "JVBE");
  EXPECT_EQ(parts[5].kind, PartKind::kText);
  EXPECT_EQ(parts[5].text, "plain \"x\"");
  EXPECT_EQ(parts[5].detail->file_name, "notes");
  EXPECT_EQ(parts[6].text, "in");
  EXPECT_EQ(parts[7].text, "S\nhttps://s\nfound");
  EXPECT_EQ(parts[8].kind, PartKind::kOther);
  EXPECT_EQ(parts[8].detail->place, "messages[0].content[8]");
  EXPECT_THAT(request.unread, ElementsAre("messages[0].content[0].cache_control", "messages[0].content[6].context",
                                          "messages[0].content[6].citations"));
}

TEST(AnthropicDecode, MakesToolResultsTheirOwnMessagesBeforeTheRest) {
  const core::Request request = decoded(R"({"model":"m","max_tokens":8,"messages":[
    {"role":"user","content":"q"},
    {"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"sig"},
      {"type":"redacted_thinking","data":"enc"},{"type":"text","text":"let me see"},
      {"type":"tool_use","id":"t1","name":"f","input":{"a": 1}},{"type":"tool_use","id":"t2","name":"g","input":{}}]},
    {"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","content":"42"},{"type":"text","text":"and"},
      {"type":"tool_result","tool_use_id":"t2","is_error":true,"content":[{"type":"text","text":"no"},
        {"type":"image","source":{"type":"url","url":"https://x/y"}}]}]},
    {"role":"user","content":[{"type":"tool_result","tool_use_id":"t3"}]}]})");
  ASSERT_EQ(request.messages.size(), 6U);
  const core::Message& assistant = request.messages[1];
  EXPECT_EQ(assistant.parts[0].kind, PartKind::kReasoning);
  EXPECT_EQ(assistant.parts[0].text, "hm");
  EXPECT_EQ(assistant.parts[0].detail->signature, "sig");
  EXPECT_EQ(assistant.parts[1].detail->encrypted, "enc");
  EXPECT_EQ(assistant.parts[2].text, "let me see");
  ASSERT_EQ(assistant.tool_calls.size(), 2U);
  EXPECT_EQ(assistant.tool_calls[0].arguments, R"({"a": 1})");
  EXPECT_EQ(request.messages[2].role, Role::kTool);
  EXPECT_EQ(request.messages[2].tool_call_id, "t1");
  EXPECT_EQ(request.messages[2].parts[0].text, "42");
  EXPECT_FALSE(request.messages[2].tool_failed);
  EXPECT_EQ(request.messages[3].tool_call_id, "t2");
  EXPECT_TRUE(request.messages[3].tool_failed);
  EXPECT_EQ(request.messages[3].parts[1].detail->place, "messages[2].content[2].content[1]");
  EXPECT_EQ(request.messages[4].role, Role::kUser);
  EXPECT_EQ(request.messages[4].parts[0].text, "and");
  EXPECT_EQ(request.messages[5].role, Role::kTool);
  EXPECT_TRUE(request.messages[5].parts.empty());
}

TEST(AnthropicDecode, ReadsASystemPromptOfBlocksWhereverItStands) {
  const core::Request request =
      decoded(with(R"("system":[{"type":"text","text":"a"},{"type":"text","text":"b","cache_control":{"type":"e"}}])"));
  ASSERT_EQ(request.messages.size(), 2U);
  EXPECT_EQ(request.messages[0].role, Role::kSystem);
  EXPECT_EQ(request.messages[0].parts[1].text, "b");
  EXPECT_THAT(request.unread, ElementsAre("system[1].cache_control"));
}

TEST(AnthropicDecode, SaysExactlyWhatIsWrong) {
  const std::vector<std::pair<std::string, std::string>> table{
      {"", "body: expected a JSON object, got an empty body"},
      {"[]", "body: expected a JSON object, got an array"},
      {R"({"model":"m"})", "body.messages: missing; give at least one message with role and content"},
      {R"({"max_tokens":1})", "body.model: missing; name a route or a target, as GET /v1/models lists them"},
      {R"({"model":"m","messages":[{"role":"user","content":"x"}]})",
       "body.max_tokens: missing; say how many tokens the answer may have at most, such as 1024"},
      {R"({"model":"m","max_tokens":1,"messages":[]})",
       "body.messages: expected a non-empty array of messages, got []; give at least one with role and content"},
      {with(R"("model":"n")"), "body.model: given twice; give it once"},
      {with(R"("max_tok\u0065ns":9)"), "body.max_tokens: given twice; give it once"},
      {with(R"("temperature":1.5)"), "body.temperature: expected a number from 0 to 1, got 1.5"},
      {with(R"("stream":"yes")"), R"(body.stream: expected true or false, got "yes")"},
      {with(R"("stop_sequences":"END")"), R"(body.stop_sequences: expected an array of strings, got "END")"},
      {with(R"("tool_choice":"auto")"), R"(body.tool_choice: expected an object, got "auto")"},
      {with(R"("tool_choice":{"type":"required"})"),
       R"(body.tool_choice.type: expected one of auto, none, any, tool; got "required")"},
      {with(R"("tool_choice":{"type":"tool"})"),
       "body.tool_choice.name: missing; expected the name of the tool that must be called"},
      {with(R"("tool_choice":{"type":"auto","type":"any"})"), "body.tool_choice.type: given twice; give it once"},
      {with(R"("thinking":{"type":"enabled"})"),
       "body.thinking.budget_tokens: missing; expected the most tokens to think with, at least 1024"},
      {with(R"("thinking":{"type":"enabled","budget_tokens":100})"),
       "body.thinking.budget_tokens: expected a whole number from 1024 to 4294967295, got 100"},
      {with(R"("thinking":{"type":"enable"})"),
       R"(body.thinking.type: expected one of enabled, disabled, adaptive; got "enable", did you mean 'enabled'?)"},
      {with(R"("output_config":{"format":{"type":"json_object"}})"),
       R"(body.output_config.format.type: expected json_schema; got "json_object")"},
      {with(R"("output_config":{"format":{"type":"json_schema"}})"),
       "body.output_config.format.schema: missing; expected a JSON schema object"},
      {with(R"("tools":[{"input_schema":{}}])"), "body.tools[0].name: missing; expected the name of the tool"},
      {with(R"("tools":[{"name":"f"}])"), "body.tools[0].input_schema: missing; expected a JSON schema object"},
      {with(R"("tools":[{"name":"f","name":"g"}])"), "body.tools[0].name: given twice; give it once"},
      {with(R"("tools":[{"name":"f","input_schema":"x"}])"),
       R"(body.tools[0].input_schema: expected a JSON schema object, got "x")"},
      {with(R"("system":5)"), "body.system: expected a string or an array of content blocks, got 5"},
      {with(R"("system":[{"type":"tool_result","tool_use_id":"t"}])"),
       "body.system[0]: expected a text block, got a tool_result block"},
      {turn("usr", "\"x\""),
       R"(body.messages[0].role: expected one of user, assistant, system; got "usr", did you mean 'user'?)"},
      {turn("user", "null"), "body.messages[0].content: expected a string or an array of content blocks, got null"},
      {turn("user", "[]"), "body.messages[0].content: expected a string or at least one content block, got []"},
      {turn("user", "[7]"), "body.messages[0].content[0]: expected a content block, got 7"},
      {turn("user", R"([{"text":"x"}])"),
       "body.messages[0].content[0].type: missing; expected text, image, document, tool_use, tool_result, thinking or "
       "a type the model knows"},
      {turn("user", R"([{"type":"text"}])"), "body.messages[0].content[0].text: missing; expected a string"},
      {turn("user", R"([{"type":"text","text":"a","text":"b"}])"),
       "body.messages[0].content[0].text: given twice; give it once"},
      {turn("user", R"([{"type":"text","type":"text","text":"b"}])"),
       "body.messages[0].content[0].type: given twice; give it once"},
      {turn("user", R"([{"type":"image"}])"), "body.messages[0].content[0].source: missing; expected an object"},
      {turn("user", R"([{"type":"image","source":{"type":"text","data":"x"}}])"),
       R"(body.messages[0].content[0].source.type: expected one of base64, url, file; got "text")"},
      {turn("user", R"([{"type":"image","source":{"type":"base64","media_type":"image/png"}}])"),
       "body.messages[0].content[0].source.data: missing; expected a string of base64"},
      {turn("user", R"([{"type":"image","source":{"type":"base64","data":"x"}}])"),
       "body.messages[0].content[0].source.media_type: missing; expected a media type such as image/png or "
       "application/pdf"},
      {turn("user", R"([{"type":"tool_use","id":"i","name":"f","input":{}}])"),
       "body.messages[0].content[0]: tool_use blocks belong into assistant messages"},
      {turn("assistant", R"([{"type":"text","text":"x"},{"type":"tool_result","tool_use_id":"i"}])"),
       "body.messages[0].content[1]: tool_result blocks belong into user messages"},
      {turn("assistant", R"([{"type":"tool_use","id":"i","name":"f","input":"{}"}])"),
       R"(body.messages[0].content[0].input: expected an object, got "{}")"},
      {turn("assistant", R"([{"type":"tool_use","name":"f","input":{}}])"),
       "body.messages[0].content[0].id: missing; expected the identifier of the call"},
      {turn("user", R"([{"type":"tool_result","content":"x"}])"),
       "body.messages[0].content[0].tool_use_id: missing; expected the identifier of the answered call"},
      {turn("user", R"([{"type":"tool_result","tool_use_id":"t","is_error":1}])"),
       "body.messages[0].content[0].is_error: expected true or false, got 1"},
      {turn("user",
            R"([{"type":"tool_result","tool_use_id":"t","content":[{"type":"tool_result","tool_use_id":"u"}]}])"),
       "body.messages[0].content[0].content[0]: expected text, an image or a document here, got a tool_result block"},
      {turn("assistant", R"([{"type":"thinking","signature":"s"}])"),
       "body.messages[0].content[0].thinking: missing; expected a string"},
      {turn("assistant", R"([{"type":"redacted_thinking"}])"),
       "body.messages[0].content[0].data: missing; expected a string"},
      {R"({"model":"m","max_tokens":1,"messages":[{"content":"x"}]})",
       "body.messages[0].role: missing; expected user or assistant"},
      {R"({"model":"m","max_tokens":1,"messages":[{"role":"user"}]})",
       "body.messages[0].content: missing; expected a string or an array of content blocks"},
      {R"({"model":"m","max_tokens":1,"messages":[{"role":"user","role":"user","content":"x"}]})",
       "body.messages[0].role: given twice; give it once"},
      {with(R"("thalamus":{"min_quality":2})"), "body.thalamus.min_quality: expected a number from 0 to 1, got 2"},
      {with("") + "x", "body: not valid JSON at byte 72: expected nothing after the value"},
  };
  for (const auto& [body, message] : table) EXPECT_EQ(error_of(body), message) << body;
}

TEST(AnthropicDecode, KeepsItsLimits) {
  DecodeLimits limits;
  limits.messages_max = 1;
  const std::string two =
      R"({"model":"m","max_tokens":1,"messages":[{"role":"user","content":"x"},{"role":"user","content":"y"}]})";
  EXPECT_EQ(anthropic().decode(two, limits).error().kind, ErrorKind::kTooLarge);
  limits = {.body_bytes_max = 10};
  EXPECT_EQ(anthropic().decode(two, limits).error().kind, ErrorKind::kTooLarge);
  limits = {.depth_max = 3};
  EXPECT_EQ(anthropic().decode(with(R"("x":[[[[]]]])"), limits).error().kind, ErrorKind::kTooLarge);
}

TEST(AnthropicDecode, CountsTokensOfRequestsWithoutALimit) {
  const std::string body = R"({"model":"m","messages":[{"role":"user","content":"hi"}],"system":"s"})";
  const auto request = decode_count_tokens(body, DecodeLimits{});
  ASSERT_TRUE(request) << request.error().text();
  EXPECT_EQ(request->messages.size(), 2U);
  EXPECT_FALSE(request->max_output_tokens);
  EXPECT_EQ(decode_count_tokens("{}", DecodeLimits{}).error().where, "body.model");
  EXPECT_EQ(encode_count_tokens(14), R"({"input_tokens":14})");
}

// Every cut of a whole body is refused with a place, and nothing is read outside.
TEST(AnthropicDecode, RefusesEveryPrefixOfABody) {
  const std::string whole = turn("user",
                                 R"([{"source":{"type":"base64","media_type":"image/png","data":"AA"},"type":"image"},
                  {"type":"text","text":"\u00e9"},
                  {"type":"tool_result","tool_use_id":"t","content":[{"type":"text","text":"x"}]}])");
  ASSERT_EQ(error_of(whole), "");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const std::string cut = whole.substr(0, size);
    const auto request = anthropic().decode(cut, DecodeLimits{});
    ASSERT_FALSE(request) << cut;
    ASSERT_TRUE(request.error().where.starts_with("body")) << request.error().text();
  }
}

}  // namespace
}  // namespace thalamus::wire
