#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "thalamus/base/rng.h"
#include "thalamus/wire/format.h"

namespace thalamus::wire {
namespace {

using core::Message;
using core::Part;
using core::PartDetail;
using core::PartKind;
using core::Role;
using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const Format& anthropic() { return *find_format("anthropic"); }

Part text(std::string content) { return {PartKind::kText, std::move(content)}; }

Part with_detail(PartKind kind, PartDetail detail, std::string content = {}) {
  return {kind, std::move(content), std::make_shared<const PartDetail>(std::move(detail))};
}

PartDetail signed_by(std::string signature) {
  PartDetail detail;
  detail.signature = std::move(signature);
  return detail;
}

Message says(Role role, std::string content) { return {role, {text(std::move(content))}, {}, {}}; }

Message result(std::string id, std::string content) {
  return {Role::kTool, {text(std::move(content))}, {}, std::move(id)};
}

core::Request asking(std::vector<Message> messages) {
  core::Request request;
  request.messages = std::move(messages);
  return request;
}

json written(const core::Request& request, Losses* losses = nullptr) {
  return json::parse(anthropic().encode_request(request, "up", losses));
}

std::vector<std::string> lost(const core::Request& request) {
  Losses losses;
  written(request, &losses);
  std::vector<std::string> paths;
  for (const Loss& loss : losses) {
    paths.push_back(loss.path);
    EXPECT_FALSE(loss.reason.empty());
  }
  return paths;
}

TEST(AnthropicRequest, WritesTheShortestRequest) {
  EXPECT_EQ(written(asking({says(Role::kUser, "hi")})),
            json::parse(R"({"model":"up","max_tokens":4096,"messages":[{"role":"user","content":"hi"}]})"));
}

TEST(AnthropicRequest, PutsSystemMessagesInFrontAndMergesTurns) {
  core::Request request =
      asking({says(Role::kSystem, "s"), says(Role::kUser, "a"), says(Role::kUser, "b"), says(Role::kAssistant, "c"),
              says(Role::kAssistant, "d"), says(Role::kSystem, "late"), says(Role::kUser, "e")});
  EXPECT_THAT(lost(request), ElementsAre("request.messages[5]"));
  const json body = written(request);
  EXPECT_EQ(body["system"], json::parse(R"([{"type":"text","text":"s"},{"type":"text","text":"late"}])"));
  EXPECT_EQ(body["messages"], json::parse(R"([
    {"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]},
    {"role":"assistant","content":[{"type":"text","text":"c"},{"type":"text","text":"d"}]},
    {"role":"user","content":"e"}])"));
  request.messages = {says(Role::kSystem, "one"), says(Role::kUser, "x")};
  EXPECT_EQ(written(request)["system"], "one");
}

TEST(AnthropicRequest, PutsToolResultsFirstInTheUsersTurn) {
  core::Request request =
      asking({says(Role::kUser, "q"),
              {Role::kAssistant, {text("let me")}, {{"c1", "f", " {\"a\": 1} "}, {"c2", "g", ""}}, {}},
              says(Role::kUser, "also"),
              result("c1", "42"),
              {Role::kTool, {}, {}, "c2"}});
  request.messages[4].tool_failed = true;
  EXPECT_THAT(lost(request), IsEmpty());
  EXPECT_EQ(written(request)["messages"], json::parse(R"([{"role":"user","content":"q"},
    {"role":"assistant","content":[{"type":"text","text":"let me"},
      {"type":"tool_use","id":"c1","name":"f","input":{"a":1}},{"type":"tool_use","id":"c2","name":"g","input":{}}]},
    {"role":"user","content":[{"type":"tool_result","tool_use_id":"c1","content":"42"},
      {"type":"tool_result","tool_use_id":"c2","is_error":true},{"type":"text","text":"also"}]}])"));
}

TEST(AnthropicRequest, MakesCallsOfAnyShapeLegal) {
  core::Request request = asking({says(Role::kUser, "q"),
                                  {Role::kAssistant, {}, {{"", "f", "{}"}, {"", "g", "free text"}}, {}},
                                  result("", "1"),
                                  result("", "2"),
                                  {Role::kAssistant, {}, {{"call.3:x", "h", "null"}}, {}},
                                  result("call.3:x", "3")});
  EXPECT_THAT(lost(request), ElementsAre("request.messages[1].arguments[1]"));
  const json messages = written(request)["messages"];
  EXPECT_EQ(messages[1]["content"][0]["id"], "call_1");
  EXPECT_EQ(messages[1]["content"][1]["input"], json::parse(R"({"input":"free text"})"));
  EXPECT_EQ(messages[2]["content"][0]["tool_use_id"], "call_1");
  EXPECT_EQ(messages[2]["content"][1]["tool_use_id"], "call_2");
  EXPECT_EQ(messages[3]["content"][0]["id"], "call_3_x");
  EXPECT_EQ(messages[3]["content"][0]["input"], json::object());
  EXPECT_EQ(messages[4]["content"][0]["tool_use_id"], "call_3_x");
}

TEST(AnthropicRequest, KeepsTheRulesOfTurns) {
  EXPECT_THAT(lost(asking({says(Role::kSystem, "alone")})), ElementsAre("request.messages[0]"));
  EXPECT_EQ(written(asking({says(Role::kSystem, "alone")}))["messages"],
            json::parse(R"([{"role":"user","content":"alone"}])"));
  const core::Request begins = asking({says(Role::kAssistant, "hello"), says(Role::kUser, "x")});
  EXPECT_THAT(lost(begins), ElementsAre("request.messages[0]"));
  EXPECT_EQ(written(begins)["messages"][0]["role"], "user");
  const core::Request trailing = asking({says(Role::kUser, "x"), says(Role::kAssistant, "so \n")});
  EXPECT_THAT(lost(trailing), ElementsAre("request.messages[1]"));
  EXPECT_EQ(written(trailing)["messages"][1]["content"], "so");
  const core::Request blank = asking({says(Role::kUser, "x"), says(Role::kAssistant, ""), says(Role::kUser, " \n")});
  EXPECT_THAT(lost(blank), ElementsAre("request.messages[2]"));
  EXPECT_EQ(written(blank)["messages"], json::parse(R"([{"role":"user","content":"x"}])"));
}

TEST(AnthropicRequest, SaysImagesAndDocuments) {
  PartDetail image, url, pdf, file, notes;
  image.data = "AA\\/B";
  image.media_type = "image/jpeg";
  url.url = "https://x/y.png";
  pdf.data = "JVBE";
  pdf.file_name = "a.pdf";
  file.file_id = "file_1";
  notes.media_type = "text/plain";
  notes.file_name = "n";
  const core::Request request = asking({{Role::kUser,
                                         {with_detail(PartKind::kImage, image),
                                          with_detail(PartKind::kImage, url),
                                          {PartKind::kImage, "http://x/z"},
                                          with_detail(PartKind::kFile, pdf),
                                          with_detail(PartKind::kFile, file),
                                          with_detail(PartKind::kText, notes, "t")},
                                         {},
                                         {}}});
  EXPECT_THAT(lost(request), IsEmpty());
  EXPECT_EQ(written(request)["messages"][0]["content"], json::parse(R"([
    {"type":"image","source":{"type":"base64","media_type":"image/jpeg","data":"AA/B"}},
    {"type":"image","source":{"type":"url","url":"https://x/y.png"}},
    {"type":"image","source":{"type":"url","url":"http://x/z"}},
    {"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"JVBE"},"title":"a.pdf"},
    {"type":"document","source":{"type":"file","file_id":"file_1"}},
    {"type":"document","source":{"type":"text","media_type":"text/plain","data":"t"},"title":"n"}])"));
}

TEST(AnthropicRequest, TellsWhichPartsItLeavesOut) {
  PartDetail audio, foreign, word, low;
  audio.place = "messages[0].content[1]";
  audio.data = "UklG";
  foreign.file_id = "file-openai";
  word.data = "UEsD";
  word.media_type = "application/msword";
  low.url = "https://x/y";
  low.fidelity = "low";
  core::Request request = asking({{Role::kUser,
                                   {text("a"),
                                    with_detail(PartKind::kAudio, audio),
                                    with_detail(PartKind::kFile, foreign),
                                    with_detail(PartKind::kFile, word),
                                    with_detail(PartKind::kImage, low),
                                    {PartKind::kOther, "x"}},
                                   {},
                                   {}},
                                  {Role::kAssistant, {with_detail(PartKind::kImage, low), text("b")}, {}, {}},
                                  says(Role::kUser, "c")});
  EXPECT_THAT(lost(request), ElementsAre("messages[0].content[1]", "request.messages[0]", "request.messages[0]",
                                         "request.messages[0]", "request.messages[0]", "request.messages[1]"));
  EXPECT_EQ(written(request)["messages"][1]["content"], "b");
}

TEST(AnthropicRequest, TakesBackOnlyItsOwnReasoning) {
  PartDetail redacted, foreign;
  redacted.encrypted = "enc";
  foreign.encrypted = "gAAA";
  foreign.id = "rs_1";
  const core::Request request = asking({says(Role::kUser, "q"),
                                        {Role::kAssistant,
                                         {with_detail(PartKind::kReasoning, signed_by("sig"), "hm"),
                                          with_detail(PartKind::kReasoning, redacted),
                                          with_detail(PartKind::kReasoning, foreign, "sum"),
                                          {PartKind::kReasoning, "plain"},
                                          text("a")},
                                         {},
                                         {}},
                                        says(Role::kUser, "b")});
  EXPECT_THAT(lost(request), ElementsAre("request.messages[1]", "request.messages[1]"));
  EXPECT_EQ(written(request)["messages"][1]["content"], json::parse(R"([
    {"type":"thinking","thinking":"hm","signature":"sig"},{"type":"redacted_thinking","data":"enc"},
    {"type":"text","text":"a"}])"));
}

TEST(AnthropicRequest, WritesToolsAndTheirChoice) {
  core::Request request = asking({says(Role::kUser, "q")});
  request.tool_choice = core::ToolChoice::kRequired;
  EXPECT_FALSE(written(request).contains("tool_choice")) << "without tools there is nothing to choose";
  request.tools = {{"f", "d", R"({"type":"object","b":1})", true}, {"g", "", ""}};
  request.tools.push_back({"web_search", "", "", false, R"({"type":"web_search_20250305","name":"web_search"})"});
  request.tools.push_back({"other", "", "", false, R"({"type":"web_search_preview"})"});
  EXPECT_THAT(lost(request), ElementsAre("request.tools[3]"));
  const json body = written(request);
  EXPECT_EQ(body["tools"], json::parse(R"([
    {"name":"f","description":"d","input_schema":{"type":"object","b":1},"strict":true},
    {"name":"g","input_schema":{"type":"object","properties":{}}},
    {"type":"web_search_20250305","name":"web_search"}])"));
  EXPECT_EQ(body["tool_choice"], json::parse(R"({"type":"any"})"));
  request.tool_choice = core::ToolChoice::kNamed;
  request.tool_choice_name = "f";
  request.parallel_tool_calls = false;
  EXPECT_EQ(written(request)["tool_choice"],
            json::parse(R"({"type":"tool","name":"f","disable_parallel_tool_use":true})"));
  request.tool_choice = core::ToolChoice::kNone;
  EXPECT_EQ(written(request)["tool_choice"], json::parse(R"({"type":"none"})"));
  request.tool_choice.reset();
  EXPECT_EQ(written(request)["tool_choice"], json::parse(R"({"type":"auto","disable_parallel_tool_use":true})"));
  request.parallel_tool_calls = true;
  EXPECT_FALSE(written(request).contains("tool_choice"));
}

TEST(AnthropicRequest, AsksForStructuredOutput) {
  core::Request request = asking({says(Role::kUser, "q")});
  request.response_format = core::ResponseFormat::kJsonSchema;
  request.response_schema = R"({"type":"object"})";
  EXPECT_THAT(lost(request), IsEmpty());
  EXPECT_EQ(written(request)["output_config"],
            json::parse(R"({"format":{"type":"json_schema","schema":{"type":"object"}}})"));
  request.response_format = core::ResponseFormat::kJsonObject;
  EXPECT_THAT(lost(request), ElementsAre("request.response_format"));
  EXPECT_FALSE(written(request).contains("output_config"));
}

TEST(AnthropicRequest, WritesSamplingAndTellsWhatItCannotSay) {
  core::Request request = asking({says(Role::kUser, "q")});
  request.temperature = 1.5;
  request.top_p = 0.5;
  request.stop = {"END", "\n"};
  request.seed = 1;
  request.logprobs = 2;
  request.user = "u";
  request.max_output_tokens = 64;
  request.stream = true;
  EXPECT_THAT(lost(request), ElementsAre("request.temperature", "request.top_p", "request.stop[1]", "request.seed",
                                         "request.logprobs"));
  EXPECT_EQ(written(request), json::parse(R"({"model":"up","max_tokens":64,"messages":[{"role":"user","content":"q"}],
    "temperature":1.0,"stop_sequences":["END"],"metadata":{"user_id":"u"},"stream":true})"));
  request = asking({says(Role::kUser, "q")});
  request.top_p = 0.5;
  EXPECT_EQ(written(request)["top_p"], 0.5);
  request.top_p = 1;
  request.temperature = 0.25;
  EXPECT_THAT(lost(request), IsEmpty()) << "1 is what is meant without it";
  EXPECT_EQ(written(request)["temperature"], 0.25);
}

TEST(AnthropicRequest, ThinksWithinTheLimitOfTheAnswer) {
  core::Request request = asking({says(Role::kUser, "q")});
  request.reasoning_effort = "medium";
  json body = written(request);
  EXPECT_EQ(body["thinking"], json::parse(R"({"type":"enabled","budget_tokens":4096})"));
  EXPECT_EQ(body["max_tokens"], 8192);
  request.temperature = 0.5;
  request.top_p = 0.5;
  EXPECT_THAT(lost(request), ElementsAre("request.temperature", "request.top_p"));
  request.temperature = 1;
  request.top_p = 0.97;
  EXPECT_THAT(lost(request), IsEmpty());
  EXPECT_FALSE(written(request).contains("temperature"));
  EXPECT_EQ(written(request)["top_p"], 0.97);
  for (std::uint32_t limit : {1025U, 1500U, 3000U, 4096U, 4097U, 100000U}) {
    request.max_output_tokens = limit;
    body = written(request);
    EXPECT_EQ(body["max_tokens"], limit);
    EXPECT_LT(body["thinking"]["budget_tokens"], limit);
    EXPECT_GE(body["thinking"]["budget_tokens"], 1024);
    EXPECT_EQ(lost(request).empty(), limit > 4096) << limit;
  }
  request.max_output_tokens = 1024;
  EXPECT_THAT(lost(request), ElementsAre("request.reasoning_effort", "request.top_p"));
  EXPECT_FALSE(written(request).contains("thinking"));
}

TEST(AnthropicRequest, DoesNotThinkWhereTheProtocolForbidsIt) {
  core::Request request = asking({says(Role::kUser, "q")});
  request.reasoning_effort = "low";
  request.tools = {{"f", "", "{}"}};
  request.tool_choice = core::ToolChoice::kRequired;
  EXPECT_THAT(lost(request), ElementsAre("request.reasoning_effort"));
  EXPECT_FALSE(written(request).contains("thinking"));
  request.tool_choice = core::ToolChoice::kAuto;
  EXPECT_TRUE(written(request).contains("thinking"));
  // Behind tool results it goes on from a signed thought only.
  request.messages.push_back({Role::kAssistant, {}, {{"c", "f", "{}"}}, {}});
  request.messages.push_back(result("c", "1"));
  EXPECT_FALSE(written(request).contains("thinking"));
  request.messages[1].parts.push_back(with_detail(PartKind::kReasoning, signed_by("s"), "hm"));
  EXPECT_TRUE(written(request).contains("thinking"));
  // An answer that was begun cannot be thought about.
  request = asking({says(Role::kUser, "q"), says(Role::kAssistant, "so")});
  request.reasoning_effort = "low";
  EXPECT_FALSE(written(request).contains("thinking"));
  request = asking({says(Role::kUser, "q")});
  request.reasoning_effort = "none";
  EXPECT_FALSE(written(request).contains("thinking"));
  EXPECT_THAT(lost(request), IsEmpty());
}

TEST(AnthropicRequest, AnEffortThatIsNotTheSameIsTold) {
  core::Request request = asking({says(Role::kUser, "q")});
  const auto thinking = [&](const char* effort) {
    request.reasoning_effort = effort;
    const json body = written(request);
    return body.contains("thinking") ? body["thinking"]["budget_tokens"].get<int>() : 0;
  };
  for (const auto& [effort, tokens] : {std::pair{"low", 1024}, {"medium", 4096}, {"high", 16384}}) {
    EXPECT_EQ(thinking(effort), tokens);
    EXPECT_THAT(lost(request), IsEmpty()) << effort;
  }
  for (const auto& [effort, tokens] : {std::pair{"minimal", 0}, {"xhigh", 16384}, {"max", 16384}}) {
    EXPECT_EQ(thinking(effort), tokens);
    EXPECT_THAT(lost(request), ElementsAre("request.reasoning_effort")) << effort;
  }
  // What becomes of it in the end is told once.
  request.max_output_tokens = 3000;
  EXPECT_THAT(lost(request), ElementsAre("request.reasoning_effort"));
  EXPECT_EQ(thinking("xhigh"), 1500);
}

// Requests that the protocol can say whole.
class RandomRequests {
 public:
  explicit RandomRequests(std::uint64_t seed) : rng_(seed) {}

  core::Request next() {
    core::Request request;
    if (coin()) request.messages.push_back({Role::kSystem, texts(), {}, {}});
    const std::uint64_t rounds = 1 + rng_.below(3);
    for (std::uint64_t round = 0; round < rounds; ++round) {
      request.messages.push_back({Role::kUser, user_parts(), {}, {}});
      if (round + 1 == rounds) break;
      Message assistant{Role::kAssistant, {}, {}, {}};
      if (coin()) assistant.parts.push_back(with_detail(PartKind::kReasoning, signed_by(word()), word()));
      for (Part& part : texts()) assistant.parts.push_back(std::move(part));
      for (std::uint64_t i = rng_.below(3); i > 0; --i)
        assistant.tool_calls.push_back({"c" + std::to_string(++calls_), word(), R"({"k":[1, 2.50,"\u00e9"]})"});
      request.messages.push_back(assistant);
      for (const core::ToolCall& call : assistant.tool_calls) {
        request.messages.push_back({Role::kTool, coin() ? texts() : std::vector<Part>{}, {}, call.id});
        request.messages.back().tool_failed = coin();
      }
    }
    options(request);
    return request;
  }

 private:
  bool coin() { return rng_.below(2) == 0; }
  std::string word() {
    static const std::vector<std::string> kWords{"a", "\"q\"\\", "two words", "\xc3\xa9", "\xf0\x9f\x98\x80", "x\ny"};
    return rng_.pick(kWords);
  }
  std::vector<Part> texts() {
    std::vector<Part> out;
    for (std::uint64_t i = 1 + rng_.below(2); i > 0; --i) out.push_back(text(word()));
    return out;
  }
  std::vector<Part> user_parts() {
    std::vector<Part> out = texts();
    PartDetail detail;
    detail.media_type = "image/webp";
    detail.data = "UklGRg==";
    if (coin()) out.push_back(with_detail(PartKind::kImage, detail, "image/webp"));
    detail = {};
    detail.url = "https://x/y";
    if (coin()) out.push_back(with_detail(PartKind::kFile, detail, detail.url));
    rng_.shuffle(out);
    return out;
  }
  void options(core::Request& request) {
    if (coin()) request.tools = {{"f", word(), R"({"type":"object"})", coin()}, {"g", "", "{}"}};
    if (!request.tools.empty() && coin()) {
      request.tool_choice = static_cast<core::ToolChoice>(rng_.below(4));
      if (*request.tool_choice == core::ToolChoice::kNamed) request.tool_choice_name = "f";
      if (*request.tool_choice != core::ToolChoice::kNone && coin()) request.parallel_tool_calls = false;
    }
    request.max_output_tokens = 1 + static_cast<std::uint32_t>(rng_.below(100000));
    if (coin()) {
      request.response_format = core::ResponseFormat::kJsonSchema;
      request.response_schema = R"({"type":"object","properties":{"a":{}}})";
    }
    if (coin()) request.stop = {word(), "END"};
    if (coin()) request.user = word();
    request.stream = coin();
    if (coin()) {
      request.temperature = rng_.uniform();
    } else if (coin()) {
      request.top_p = rng_.uniform();
    }
  }

  base::Rng rng_;
  int calls_ = 0;
};

void expect_same(const Message& a, const Message& b) {
  EXPECT_EQ(a.role, b.role);
  EXPECT_EQ(a.tool_call_id, b.tool_call_id);
  EXPECT_EQ(a.tool_failed, b.tool_failed);
  ASSERT_EQ(a.parts.size(), b.parts.size());
  for (std::size_t i = 0; i < a.parts.size(); ++i) {
    EXPECT_EQ(a.parts[i].kind, b.parts[i].kind);
    EXPECT_EQ(a.parts[i].text, b.parts[i].text);
    ASSERT_EQ(a.parts[i].detail == nullptr, b.parts[i].detail == nullptr);
    if (a.parts[i].detail == nullptr) continue;
    EXPECT_EQ(a.parts[i].detail->data, b.parts[i].detail->data);
    EXPECT_EQ(a.parts[i].detail->url, b.parts[i].detail->url);
    EXPECT_EQ(a.parts[i].detail->media_type, b.parts[i].detail->media_type);
    EXPECT_EQ(a.parts[i].detail->signature, b.parts[i].detail->signature);
  }
  ASSERT_EQ(a.tool_calls.size(), b.tool_calls.size());
  for (std::size_t i = 0; i < a.tool_calls.size(); ++i) {
    EXPECT_EQ(a.tool_calls[i].id, b.tool_calls[i].id);
    EXPECT_EQ(a.tool_calls[i].name, b.tool_calls[i].name);
    EXPECT_EQ(a.tool_calls[i].arguments, b.tool_calls[i].arguments);
  }
}

TEST(AnthropicRequest, WritesRandomRequestsThatDecodeToTheSame) {
  constexpr std::uint64_t kSeed = 73;
  RandomRequests random(kSeed);
  for (int round = 0; round < 200; ++round) {
    SCOPED_TRACE(testing::Message() << "seed " << kSeed << ", round " << round);
    const core::Request request = random.next();
    Losses losses;
    const std::string body = anthropic().encode_request(request, "up", &losses);
    EXPECT_THAT(losses, IsEmpty()) << losses[0].path << ": " << losses[0].reason;
    const auto back = anthropic().decode(body, {});
    ASSERT_TRUE(back) << back.error().text() << "\n" << body;
    ASSERT_EQ(back->messages.size(), request.messages.size()) << body;
    for (std::size_t i = 0; i < request.messages.size(); ++i) expect_same(request.messages[i], back->messages[i]);
    ASSERT_EQ(back->tools.size(), request.tools.size());
    for (std::size_t i = 0; i < request.tools.size(); ++i) {
      EXPECT_EQ(back->tools[i].name, request.tools[i].name);
      EXPECT_EQ(back->tools[i].description, request.tools[i].description);
      EXPECT_EQ(back->tools[i].parameters, request.tools[i].parameters);
      EXPECT_EQ(back->tools[i].strict, request.tools[i].strict);
    }
    EXPECT_EQ(back->tool_choice, request.tool_choice);
    EXPECT_EQ(back->tool_choice_name, request.tool_choice_name);
    EXPECT_EQ(back->parallel_tool_calls, request.parallel_tool_calls);
    EXPECT_EQ(back->response_format, request.response_format);
    EXPECT_EQ(back->response_schema, request.response_schema);
    EXPECT_EQ(back->stop, request.stop);
    EXPECT_EQ(back->user, request.user);
    EXPECT_EQ(back->stream, request.stream);
    EXPECT_EQ(back->temperature, request.temperature);
    EXPECT_EQ(back->top_p, request.top_p);
    EXPECT_EQ(back->max_output_tokens, request.max_output_tokens);
    EXPECT_EQ(anthropic().encode_request(*back, "up"), body);
    ASSERT_FALSE(testing::Test::HasFailure()) << body;
  }
}

}  // namespace
}  // namespace thalamus::wire
