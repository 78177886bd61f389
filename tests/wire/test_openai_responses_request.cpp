#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "thalamus/base/rng.h"
#include "thalamus/wire/format.h"

namespace thalamus::wire {
namespace {

using core::Message;
using core::Part;
using core::PartKind;
using core::Role;
using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const Format& responses() { return *find_format("responses"); }

json encoded(const core::Request& request, Losses* losses = nullptr) {
  return json::parse(responses().encode_request(request, "up", losses));
}

std::vector<std::string> paths_of(const Losses& losses) {
  std::vector<std::string> out;
  for (const Loss& loss : losses) out.push_back(loss.path);
  return out;
}

Part with_detail(PartKind kind, std::string text, core::PartDetail detail) {
  return {kind, std::move(text), std::make_shared<const core::PartDetail>(std::move(detail))};
}

Message text_message(Role role, std::string text) { return {role, {{PartKind::kText, std::move(text)}}, {}, {}}; }

TEST(ResponsesRequest, WritesAConversation) {
  core::Request request;
  core::PartDetail thought;
  thought.id = "rs_1";
  thought.encrypted = "gAAA";
  Message turn = text_message(Role::kAssistant, "I look");
  turn.parts.insert(turn.parts.begin(), with_detail(PartKind::kReasoning, "hm", thought));
  turn.tool_calls = {{"c1", "f", "{}"}, {"c2", "g", "{\"a\":1}"}};
  Message result = text_message(Role::kTool, "42");
  result.tool_call_id = "c1";
  request.messages = {text_message(Role::kSystem, "s"), text_message(Role::kSystem, "t"),
                      text_message(Role::kUser, "a\"\n"), turn, result};
  Losses losses;
  EXPECT_EQ(encoded(request, &losses), json::parse(R"({"model":"up","instructions":"s","input":[
      {"type":"message","role":"system","content":"t"},
      {"type":"message","role":"user","content":"a\"\n"},
      {"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"hm"}],"encrypted_content":"gAAA"},
      {"type":"message","role":"assistant","content":"I look"},
      {"type":"function_call","call_id":"c1","name":"f","arguments":"{}"},
      {"type":"function_call","call_id":"c2","name":"g","arguments":"{\"a\":1}"},
      {"type":"function_call_output","call_id":"c1","output":"42"}],
      "include":["reasoning.encrypted_content"],"store":false})"));
  EXPECT_THAT(losses, IsEmpty());
}

TEST(ResponsesRequest, WritesOptions) {
  core::Request request;
  request.messages = {text_message(Role::kUser, "x")};
  request.tools = {{"f", "d", R"({"type":"object"})", true}, {"g", "", ""}};
  request.tools.push_back({"web_search", "", "", false, R"({"type":"web_search"})"});
  request.tool_choice = core::ToolChoice::kNamed;
  request.tool_choice_name = "f";
  request.parallel_tool_calls = false;
  request.response_format = core::ResponseFormat::kJsonSchema;
  request.response_schema = R"({"type":"object"})";
  request.response_strict = true;
  request.reasoning_tokens = 1000;
  request.max_output_tokens = 64;
  request.temperature = 0.25;
  request.top_p = 0.5;
  request.user = "u";
  request.stream = true;
  EXPECT_EQ(encoded(request), json::parse(R"({"model":"up","input":[{"type":"message","role":"user","content":"x"}],
      "tools":[{"type":"function","name":"f","description":"d","parameters":{"type":"object"},"strict":true},
               {"type":"function","name":"g","parameters":{"type":"object","properties":{}},"strict":false},
               {"type":"web_search"}],
      "tool_choice":{"type":"function","name":"f"},"parallel_tool_calls":false,
      "text":{"format":{"type":"json_schema","name":"answer","schema":{"type":"object"},"strict":true}},
      "max_output_tokens":64,"temperature":0.25,"top_p":0.5,"user":"u","reasoning":{"effort":"low"},
      "include":["reasoning.encrypted_content"],"store":false,"stream":true})"));
  for (const auto& [choice, word] :
       std::vector<std::pair<core::ToolChoice, const char*>>{{core::ToolChoice::kAuto, "auto"},
                                                             {core::ToolChoice::kNone, "none"},
                                                             {core::ToolChoice::kRequired, "required"}}) {
    request.tool_choice = choice;
    EXPECT_EQ(encoded(request)["tool_choice"], word);
  }
  request.response_format = core::ResponseFormat::kJsonObject;
  EXPECT_EQ(encoded(request)["text"], json::parse(R"({"format":{"type":"json_object"}})"));
}

TEST(ResponsesRequest, TellsWhatItLeavesOut) {
  core::Request request;
  core::PartDetail signature, foreign, placed;
  signature.place = "messages[0].content[0]";
  signature.signature = "sig";
  foreign.encrypted = "redacted";
  placed.place = "messages[1].content[3]";
  Message turn = text_message(Role::kAssistant, "b");
  turn.parts.push_back(with_detail(PartKind::kReasoning, "hm", signature));
  turn.parts.push_back(with_detail(PartKind::kReasoning, "", foreign));
  turn.parts.push_back({PartKind::kReasoning, "raw"});
  turn.parts.push_back({PartKind::kImage, "https://x/y"});
  Message user = text_message(Role::kUser, "a");
  user.parts.push_back({PartKind::kImage, "image/png"});
  user.parts.push_back(with_detail(PartKind::kOther, "hologram", placed));
  Message result;
  result.role = Role::kTool;
  result.tool_call_id = "c";
  result.tool_failed = true;
  request.messages = {user, turn, result};
  request.tools = {{"bash", "", "", false, R"({"type":"bash_20250124","name":"bash"})"},
                   {"custom", "", "", false, R"({"type":"custom","custom":{"name":"x"}})"}};
  request.tool_choice = core::ToolChoice::kAuto;
  request.stop = {"END"};
  request.seed = 7;
  request.logprobs = 2;
  Losses losses;
  const json body = encoded(request, &losses);
  EXPECT_EQ(body["input"][0]["content"], "a");
  EXPECT_EQ(body["input"][1], json::parse(R"({"type":"message","role":"assistant","content":"b"})"));
  EXPECT_EQ(body["input"][2]["output"], "");
  EXPECT_FALSE(body.contains("tools") || body.contains("tool_choice"));
  EXPECT_EQ(body["include"], json::parse(R"(["message.output_text.logprobs"])"));
  EXPECT_EQ(body["top_logprobs"], 2);
  EXPECT_THAT(paths_of(losses), ElementsAre("request.messages[0]", "messages[1].content[3]", "messages[0].content[0]",
                                            "request.messages[1]", "request.messages[1]", "request.messages[1]",
                                            "request.messages[2].failed", "request.tools[0]", "request.tools[1]",
                                            "request.stop", "request.seed"));
}

TEST(ResponsesRequest, ASystemMessageAloneIsInput) {
  core::Request request;
  request.messages = {text_message(Role::kSystem, "s")};
  const json body = encoded(request);
  EXPECT_FALSE(body.contains("instructions"));
  EXPECT_EQ(body["input"][0]["role"], "system");
  request.messages = {{Role::kUser, {{PartKind::kImage, "image/png"}}, {}, {}}};
  EXPECT_EQ(encoded(request)["input"], json::parse(R"([{"type":"message","role":"user","content":""}])"));
}

TEST(ResponsesRequest, ImagesFilesAndRecordingsKeepTheirData) {
  const char* const content = R"([{"type":"input_text","text":"look"},
      {"type":"input_image","image_url":"data:image\/png;base64,AA\/B","detail":"low"},
      {"type":"input_image","image_url":"https://x/y.png","detail":"auto"},
      {"type":"input_image","file_id":"file-7","detail":"auto"},
      {"type":"input_audio","input_audio":{"data":"UklG","format":"wav"}},
      {"type":"input_file","filename":"a.pdf","file_data":"data:application/pdf;base64,JVBE"},
      {"type":"input_file","file_id":"file-8"},{"type":"input_file","file_url":"https://x/a.pdf"}])";
  const std::string body =
      R"({"model":"m","input":[{"type":"message","role":"user","content":)" + std::string(content) + "}]}";
  const auto request = responses().decode(body, {});
  ASSERT_TRUE(request) << request.error().text();
  Losses losses;
  EXPECT_EQ(encoded(*request, &losses)["input"][0]["content"], json::parse(content));
  EXPECT_THAT(losses, IsEmpty());
}

/// A request that this protocol can say all of.
core::Request random_request(std::uint64_t seed) {
  base::Rng rng(seed);
  static constexpr std::array<std::string_view, 5> kTexts{"a", "\"\\\n", "\xc3\xa9", "", "long words of text"};
  const auto text = [&] { return std::string(rng.pick(kTexts)); };
  core::Request request;
  const std::uint64_t count = 1 + rng.below(5);
  for (std::uint64_t i = 0; i < count; ++i) {
    Message& message = request.messages.emplace_back();
    message.role = static_cast<Role>(rng.below(4));
    // Two turns of an assistant that call in a row would be one.
    if (i > 0 && request.messages[i - 1].role == Role::kAssistant) message.role = Role::kUser;
    const std::uint64_t parts = 1 + rng.below(3);
    for (std::uint64_t n = 0; n < parts; ++n) message.parts.push_back({PartKind::kText, text()});
    if (message.role == Role::kTool) message.tool_call_id = "c" + std::to_string(i);
    if (message.role == Role::kUser && rng.below(2) == 0) {
      core::PartDetail detail;
      detail.url = "https://x/" + std::to_string(i);
      detail.fidelity = "auto";
      message.parts.push_back(with_detail(PartKind::kImage, detail.url, detail));
    }
    if (message.role != Role::kAssistant) continue;
    if (rng.below(2) == 0) message.parts.push_back({PartKind::kRefusal, text()});
    for (std::uint64_t n = rng.below(3); n > 0; --n)
      message.tool_calls.push_back({"c" + std::to_string(i * 4 + n), "f", text()});
    if (rng.below(2) == 0) {
      core::PartDetail detail;
      detail.id = "rs_" + std::to_string(i);
      detail.encrypted = "gAAA";
      message.parts.insert(message.parts.begin(), with_detail(PartKind::kReasoning, text(), detail));
    }
  }
  // A turn that was begun is not gone on with.
  if (request.messages.back().role == Role::kAssistant) request.messages.push_back(text_message(Role::kUser, "so?"));
  request.stream = rng.below(2) == 0;
  if (rng.below(2) == 0) request.reasoning_effort = "high";
  if (rng.below(2) == 0) request.tools.push_back({"f", text(), R"({"type":"object"})", rng.below(2) == 0});
  return request;
}

TEST(ResponsesRequest, WritesRequestsThatDecodeToTheSame) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const core::Request request = random_request(seed);
    Losses losses;
    const std::string body = responses().encode_request(request, "up", &losses);
    EXPECT_THAT(losses, IsEmpty()) << "seed " << seed;
    const auto back = responses().decode(body, {});
    ASSERT_TRUE(back) << back.error().text() << " seed " << seed << body;
    EXPECT_EQ(back->model, "up");
    EXPECT_EQ(back->stream, request.stream);
    EXPECT_EQ(back->reasoning_effort, request.reasoning_effort);
    std::string expected, actual;
    std::vector<std::string> expected_calls, actual_calls;
    const auto collect = [](const core::Request& from, std::string& texts, std::vector<std::string>& calls) {
      for (const Message& message : from.messages) {
        for (const Part& part : message.parts)
          texts += std::to_string(static_cast<int>(message.role)) + std::to_string(static_cast<int>(part.kind)) +
                   part.text + (part.detail ? part.detail->encrypted + part.detail->url : "") + "|";
        for (const core::ToolCall& call : message.tool_calls) calls.push_back(call.id + call.name + call.arguments);
        calls.push_back(message.tool_call_id);
      }
      std::erase(calls, "");
    };
    collect(request, expected, expected_calls);
    collect(*back, actual, actual_calls);
    EXPECT_EQ(actual, expected) << "seed " << seed;
    EXPECT_EQ(actual_calls, expected_calls) << "seed " << seed;
    // Writing what was read gives the same bytes.
    EXPECT_EQ(responses().encode_request(*back, "up"), body) << "seed " << seed;
  }
}

}  // namespace
}  // namespace thalamus::wire
