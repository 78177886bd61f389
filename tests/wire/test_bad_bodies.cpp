// What is refused because it is acted on, in the words of each protocol: members that contradict each other, demands
// that nothing can meet, attachments that hold nothing. tests/e2e/test_bad_requests.py has the whole table.
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "thalamus/wire/embeddings.h"
#include "thalamus/wire/format.h"

namespace thalamus::wire {
namespace {

using Rows = std::vector<std::pair<std::string, std::string>>;  // members, the error; empty: they are taken

const std::string kChat = R"({"model":"m","messages":[{"role":"user","content":"x"}],)";
const std::string kResponses = R"({"model":"m","input":"x",)";
const std::string kMessages = R"({"model":"m","max_tokens":9,"messages":[{"role":"user","content":"x"}],)";

void expect(std::string_view format, const std::string& head, const Rows& rows) {
  for (const auto& [members, error] : rows) {
    const auto request = find_format(format)->decode(head + members + "}", DecodeLimits{});
    EXPECT_EQ(request ? "" : request.error().text(), error) << members;
  }
}

TEST(BadBodies, TwoLimitsMustAgree) {
  expect("openai", kChat,
         {{R"("max_tokens":10,"max_completion_tokens":20)",
           "body.max_completion_tokens: got 20, but `max_tokens` says 10; give one of them"},
          {R"("max_completion_tokens":10,"max_tokens":10)", ""},
          {R"("max_completion_tokens":10,"max_tokens":null)", ""}});
}

TEST(BadBodies, ProbabilitiesAreAskedForInBothMembers) {
  expect("openai", kChat,
         {{R"("top_logprobs":5)",
           "body.top_logprobs: got 5 without `logprobs`; set logprobs to true, or leave top_logprobs out"},
          {R"("top_logprobs":5,"logprobs":false)",
           "body.top_logprobs: got 5 without `logprobs`; set logprobs to true, or leave top_logprobs out"},
          {R"("top_logprobs":-1)", "body.top_logprobs: expected a whole number from 0 to 20, got -1"},
          {R"("top_logprobs":0)", ""},
          {R"("top_logprobs":5,"logprobs":true)", ""}});
}

TEST(BadBodies, ASeedIsWhole) {
  expect("openai", kChat,
         {{R"("seed":1.5)", "body.seed: expected a whole number, got 1.5"},
          {R"("seed":1e2)", "body.seed: expected a whole number, got 1e2"},
          {R"("seed":123456789012345678901234567890)", ""}});
}

TEST(BadBodies, ADemandedToolIsThere) {
  const std::string tool = R"("tools":[{"type":"function","function":{"name":"find"}}],)";
  const std::string named = R"("tool_choice":{"type":"function","function":{"name":"fnd"}})";
  const std::string choice = "body.tool_choice";
  expect("openai", kChat,
         {{tool + named, choice + ".function.name: no tool of `tools` is called \"fnd\", did you mean 'find'?"},
          {named, choice + ".function.name: no tool of `tools` is called \"fnd\""},
          {R"("tools":[{"type":"web_search"}],)" + named, ""},
          {R"("functions":[{"name":"fnd"}],)" + named, ""},
          {R"("tool_choice":"required")",
           choice + ": \"required\" demands a call, but there are no `tools`; give some, or leave tool_choice out"},
          {R"("tool_choice":"none")", ""},
          {tool + R"("tool_choice":"required")", ""},
          {tool + R"("tool_choice":{"type":"function"})",
           choice + R"(.function: missing; expected {"name":...} with the name of the tool that must be called)"},
          {tool + R"("tool_choice":{"type":"function","function":{"name":1}})",
           choice + ".function.name: expected a string, got 1"},
          {tool + R"("tool_choice":{"type":"function","type":"none"})", choice + ".type: given twice; give it once"},
          {tool + R"("tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"auto"}})", ""}});
  expect("responses", kResponses,
         {{R"("tools":[{"type":"function","name":"f"}],"tool_choice":{"type":"function","name":"g"})",
           choice + ".name: no tool of `tools` is called \"g\", did you mean 'f'?"},
          {R"("tool_choice":{"type":"function"})",
           choice + ".name: missing; expected the name of the tool that must be called"},
          {R"("tool_choice":"required")",
           choice + ": \"required\" demands a call, but there are no `tools`; give some, or leave tool_choice out"},
          {R"("tool_choice":"required","prompt":{"id":"p"})", ""},
          {R"("tools":[{"type":"mcp","server_label":"s"}],"tool_choice":{"type":"function","name":"g"})", ""}});
  expect("anthropic", kMessages,
         {{R"("tools":[{"name":"f","input_schema":{}}],"tool_choice":{"type":"tool","name":"search"})",
           choice + ".name: no tool of `tools` is called \"search\""},
          {R"("tool_choice":{"type":"any"})",
           choice + ".type: \"any\" demands a call, but there are no `tools`; give some, or leave tool_choice out"},
          {R"("tool_choice":{"type":"any"},"mcp_servers":[{}])", ""},
          {R"("tool_choice":{})", choice + ".type: missing; expected one of auto, none, any, tool"}});
}

TEST(BadBodies, AChoiceThatNobodyKnowsIsNotForgottenByATranslation) {
  const auto request =
      find_format("openai")->decode(kChat + R"("tools":[{"name":"f"}],"tool_choice":"sometimes"})", DecodeLimits{});
  ASSERT_TRUE(request);
  EXPECT_EQ(request->unread, std::vector<std::string>{"tool_choice"});
}

TEST(BadBodies, ASchemaIsGivenWhereItIsPromised) {
  const std::string at = "body.response_format";
  expect("openai", kChat,
         {{R"("response_format":{})", at + ".type: missing; expected one of text, json_object, json_schema"},
          {R"("response_format":{"type":""})", at + ".type: expected one of text, json_object, json_schema; got \"\""},
          {R"("response_format":{"type":"json_schema"})",
           at + R"(.json_schema: missing; expected {"name":...,"schema":...}, or the type json_object)"},
          {R"("response_format":{"type":"json_schema","json_schema":null})",
           at + R"(.json_schema: missing; expected {"name":...,"schema":...}, or the type json_object)"},
          {R"("response_format":{"type":"json_schema","schema":{"type":"object"}})", ""},
          {R"("response_format":{"type":"json_schema","json_schema":{"name":"n"}})", ""},
          {R"("response_format":{"type":"text","type":"text"})", at + ".type: given twice; give it once"},
          {R"("response_format":{"json_schema":{"schema":{},"schema":{}},"type":"json_schema"})",
           at + ".json_schema.schema: given twice; give it once"}});
  expect("responses", kResponses,
         {{R"("text":{"format":{}})", "body.text.format.type: missing; expected one of text, json_object, json_schema"},
          {R"("text":{"format":{"type":"json_schema","name":"n"}})",
           "body.text.format.schema: missing; expected a JSON schema object, or the type json_object"}});
  expect(
      "anthropic", kMessages,
      {{R"("output_config":{"format":{"schema":{}}})", "body.output_config.format.type: missing; expected json_schema"},
       {R"("thinking":{"budget_tokens":2000})",
        "body.thinking.type: missing; expected one of enabled, disabled, adaptive"}});
}

TEST(BadBodies, ToolsAreInTheirOwnProtocolsWords) {
  expect("openai", kChat,
         {{R"("tools":[{"type":"function","function":{"name":"f","parameters":"{}"}}])",
           R"(body.tools[0].function.parameters: expected an object, got "{}")"},
          {R"("tools":[{"type":"function","function":{"name":"f","description":1}}])",
           "body.tools[0].function.description: expected a string, got 1"},
          {R"("tools":[{"type":"function","function":{"name":"f","name":"g"}}])",
           "body.tools[0].function.name: given twice; give it once"},
          {R"("tools":[{"function":{"name":"f"},"function":{"name":"g"}}])",
           "body.tools[0].function: given twice; give it once"},
          {R"("tools":[{"type":"function","function":{"name":"f","parameters":null,"description":null}}])", ""},
          {R"("tools":[{"type":"crystal_ball","parameters":[1],"description":5}])", ""}});
  expect("responses", kResponses,
         {{R"("tools":[{"type":"function","name":5}])", "body.tools[0].name: expected a string, got 5"},
          {R"("tools":[{"parameters":[],"type":"function","name":"f"}])",
           "body.tools[0].parameters: expected an object, got an array"},
          {R"("tools":[{"type":"function","name":"f","parameters":null,"description":null}])", ""},
          {R"("tools":[{"type":"crystal_ball","name":5,"parameters":[1]}])", ""}});
  expect("anthropic", kMessages,
         {{R"("tools":[{"type":"function","function":{"name":"f"}}])",
           "body.tools[0].type: expected custom or a tool that the provider runs, got \"function\"; of tools of your "
           "own give name, description and input_schema"},
          {R"("system":[{"type":"tool_use","id":"t","name":"f","input":{}}])",
           "body.system[0]: expected a text block, got a tool_use block"}});
}

TEST(BadBodies, WhatIsNotKeptHereIsNamed) {
  expect("responses", kResponses,
         {{R"("previous_response_id":7)", "body.previous_response_id: expected a string, got 7"},
          {R"("conversation":7)", "body.conversation: expected a string or an object, got 7"}});
}

TEST(BadBodies, AnImageIsSomewhere) {
  const std::string at = "body.input[0].content[0]";
  const std::string expected = "expected an address such as https://HOST/PATH, or data:image/png;base64,DATA";
  const auto part = [](const std::string& members) {
    return R"("input":[{"role":"user","content":[{)" + members + "}]}]";
  };
  const Rows rows{
      {R"("type":"input_image")", at + ".image_url: missing; expected an address, a data URL, or a file_id"},
      {R"("type":"input_image","image_url":"")", at + ".image_url: " + expected + ", got \"\""},
      {R"("type":"input_image","image_url":"cat.png")", at + ".image_url: " + expected + ", got \"cat.png\""},
      {R"("type":"input_image","image_url":"C:\\cat.png")", at + ".image_url: " + expected + ", got \"C:\\cat.png\""},
      {R"("type":"input_image","image_url":"data:image/png,00")",
       at + ".image_url: " + expected + ", got \"data:image/png,00\""},
      {R"("type":"input_image","image_url":"data:image/png;base64,")",
       at + ".image_url: " + expected + "; got a data URL without data"},
      {R"("image_url":{"url":"https://x/y"},"type":"input_image")",
       at + ".image_url: expected a string: https://HOST/PATH, or data:image/png;base64,DATA, got an object"},
      {R"("type":"input_image","image_url":"https://x/y")", ""},
      {R"("type":"input_image","image_url":"gs://bucket/y")", ""},
      {R"("type":"input_image","image_url":"data:image\/png;base64,AAAA")", ""},
      {R"("type":"input_image","file_id":"file-1","image_url":null)", ""},
      {R"("type":"hologram","image_url":7)", ""},
      {R"("type":"input_file","filename":"a.pdf")",
       at + ".file_data: missing; expected file_data, file_url or file_id"},
      {R"("type":"input_text","text":5)", at + ".text: expected a string, got 5"},
      {R"("type":"input_text")", at + ".text: missing; expected a string in a part of type input_text"},
      {R"("type":"refusal","refusal":[])", at + ".refusal: expected a string, got an array"}};
  for (const auto& [members, error] : rows) expect("responses", R"({"model":"m",)", {{part(members), error}});
}

TEST(BadBodies, AChatsImageIsSomewhere) {
  const std::string at = "body.messages[0].content[0]";
  const std::string expected = "expected an address such as https://HOST/PATH, or data:image/png;base64,DATA";
  const auto part = [](const std::string& members) {
    return R"("messages":[{"role":"user","content":[{)" + members + "}]}]";
  };
  const Rows rows{
      {R"("type":"image_url")",
       at + R"(.image_url: missing; expected {"url":"https://HOST/PATH"}, or a data URL there)"},
      {R"("type":"image_url","image_url":{"url":""})", at + ".image_url.url: " + expected + ", got \"\""},
      {R"("image_url":{"url":7},"type":"image_url")", at + ".image_url.url: expected a string, got 7"},
      {R"("type":"image_url","image_url":7)", at + ".image_url: expected an object, got 7"},
      {R"("type":"image_url","image_url":{"url":"cat.png"})", at + ".image_url.url: " + expected + ", got \"cat.png\""},
      {R"("type":"image_url","image_url":{"url":"https://x/y","url":"https://x/z"})",
       at + ".image_url.url: given twice; give it once"},
      {R"("type":"image_url","image_url":{"url":"https://x/y","detail":null})", ""},
      {R"("type":"image_url","image_url":"https://x/y")", ""},
      {R"("type":"file","file":{"filename":"a.pdf"})",
       at + R"(.file: missing; expected {"file_id":...} or {"file_data":...})"},
      {R"("type":"input_audio","input_audio":{"format":"wav"})",
       at + R"(.input_audio: missing; expected {"data":BASE64,"format":"wav"})"},
      {R"("type":"hologram","image_url":7,"text":{})", ""},
      {R"("type":"text","refusal":"x")", at + ".text: missing; expected a string in a text part"},
      {R"("type":"text","text":"a","text":"b")", at + ".text: given twice; give it once"},
      {R"("type":"text","type":"file","text":"b")", at + ".type: given twice; give it once"}};
  for (const auto& [members, error] : rows) expect("openai", R"({"model":"m",)", {{part(members), error}});
}

TEST(BadBodies, AChatsCallsAndResultsAreNamed) {
  const std::string at = "body.messages[0]";
  const auto message = [](const std::string& members) { return R"("messages":[{)" + members + "}]"; };
  const std::string calls = at + ".tool_calls[0]";
  const auto call = [&](const std::string& members) {
    return message(R"("role":"assistant","tool_calls":[{)" + members + "}]");
  };
  const std::string id = "; expected the id of the call that this answers";
  expect(
      "openai", R"({"model":"m",)",
      {{message(R"("role":"tool","content":"x")"), at + ".tool_call_id: missing" + id},
       {message(R"("tool_call_id":"","role":"tool","content":"x")"), at + ".tool_call_id: got \"\"" + id},
       {message(R"("role":"function","name":"f","content":"x")"), ""},
       {message(R"("role":"user","role":"system","content":"x")"), at + ".role: given twice; give it once"},
       {message(R"("role":"user","content":"x","content":"y")"), at + ".content: given twice; give it once"},
       {call(R"("type":"function","function":{"name":"f"})"),
        calls + ".id: missing; expected the call's identifier, which the tool's message repeats as tool_call_id"},
       {call(R"("id":"c","type":"function")"), calls + R"(.function: missing; expected {"name":...,"arguments":...})"},
       {call(R"("id":"c","function":{"name":"f","name":"g"})"), calls + ".function.name: given twice; give it once"},
       {call(R"("id":"c","id":"d","function":{"name":"f"})"), calls + ".id: given twice; give it once"},
       {message(R"("role":"assistant","function_call":{"name":"f","arguments":"{}"})"), ""}});
}

TEST(BadBodies, AnImageOfMessagesIsSomewhereToo) {
  const std::string at = "body.messages[0].content[0].source";
  const std::string kept = "expected base64 alone, without \"data:...;base64,\" before it; got ";
  const auto image = [](const std::string& source) {
    return R"("messages":[{"role":"user","content":[{"type":"image","source":{)" + source + "}}]}]";
  };
  const Rows rows{
      {R"("data":"AAAA")", at + ".type: missing; expected one of base64, url, file"},
      {R"("type":"base64","data":"AAAA")",
       at + ".media_type: missing; expected a media type such as image/png or application/pdf"},
      {R"("type":"base64","media_type":"png","data":"AAAA")",
       at + ".media_type: expected a media type such as image/png or application/pdf, got \"png\""},
      {R"("type":"base64","media_type":"image/png")", at + ".data: missing; expected a string of base64"},
      {R"("type":"base64","media_type":"image/png","data":"")", at + ".data: expected base64, got \"\""},
      {R"("type":"base64","media_type":"image/png","data":"data:image/png;base64,AAAA")",
       at + ".data: " + kept + "\"data:image/png;base64,AAAA\""},
      {R"("type":"url")", at + ".url: missing; expected an address such as https://HOST/PATH"},
      {R"("type":"url","url":"cat.png")", at + ".url: expected an address such as https://HOST/PATH, got \"cat.png\""},
      {R"("type":"base64","media_type":"image/png","data":"AAAA")", ""},
      {R"("type":"url","url":"https://x/y")", ""}};
  for (const auto& [source, error] : rows)
    expect("anthropic", R"({"model":"m","max_tokens":9,)", {{image(source), error}});
}

}  // namespace
}  // namespace thalamus::wire
