// Responses <-> chat completions and Anthropic's messages: a client of one, a provider of the other.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "random_answer.h"
#include "response_events.h"
#include "thalamus/wire/format.h"
#include "thalamus/wire/translate.h"

namespace thalamus::wire {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const Format& openai() { return *find_format("openai"); }
const Format& anthropic() { return *find_format("anthropic"); }
const Format& responses() { return *find_format("responses"); }

json translated(const Format& from, const Format& to, std::string_view body, Losses* losses = nullptr) {
  const auto request = from.decode(body, {});
  EXPECT_TRUE(request) << request.error().text();
  Losses unwanted;
  return request ? json::parse(translate(from, body, *request, to, "up", losses != nullptr ? *losses : unwanted))
                 : json();
}

std::vector<std::string> paths(const Losses& losses) {
  std::vector<std::string> out;
  for (const Loss& loss : losses) out.push_back(loss.path);
  return out;
}

constexpr std::string_view kResponses = R"({"model":"auto","instructions":"be brief","input":[
    {"role":"developer","content":"no lists"},
    {"role":"user","content":[{"type":"input_text","text":"look"},
      {"type":"input_image","image_url":"data:image/png;base64,AAAB","detail":"low"},
      {"type":"input_file","filename":"a.pdf","file_data":"data:application/pdf;base64,JVBE"}]},
    {"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"hm"}],"encrypted_content":"gAAA"},
    {"type":"message","role":"assistant","content":[{"type":"output_text","text":"I look","annotations":[]}]},
    {"type":"function_call","call_id":"c1","name":"f","arguments":"{\"a\": 1}"},
    {"type":"function_call","call_id":"c2","name":"g","arguments":"{}"},
    {"type":"function_call_output","call_id":"c1","output":"42"},
    {"type":"function_call_output","call_id":"c2","output":[{"type":"input_text","text":"43"}]},
    {"type":"item_reference","id":"msg_1"}],
  "tools":[{"type":"function","name":"f","description":"d","parameters":{"type":"object"},"strict":true},
           {"type":"web_search"}],
  "tool_choice":{"type":"function","name":"f"},"parallel_tool_calls":false,"max_output_tokens":100,
  "text":{"format":{"type":"json_schema","name":"answer","schema":{"type":"object"},"strict":true}},
  "reasoning":{"effort":"low","summary":"auto"},"user":"u","temperature":0.5})";

TEST(ResponsesTranslate, SaysAResponsesRequestAsChat) {
  Losses losses;
  const json chat = translated(responses(), openai(), kResponses, &losses);
  EXPECT_EQ(chat, json::parse(R"({"model":"up","messages":[
      {"role":"system","content":"be brief"},{"role":"system","content":"no lists"},
      {"role":"user","content":[{"type":"text","text":"look"},
        {"type":"image_url","image_url":{"url":"data:image/png;base64,AAAB","detail":"low"}},
        {"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;base64,JVBE"}}]},
      {"role":"assistant","content":"I look","tool_calls":[
        {"id":"c1","type":"function","function":{"name":"f","arguments":"{\"a\": 1}"}},
        {"id":"c2","type":"function","function":{"name":"g","arguments":"{}"}}]},
      {"role":"tool","content":"42","tool_call_id":"c1"},{"role":"tool","content":"43","tool_call_id":"c2"}],
    "tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object"},
      "strict":true}}],
    "tool_choice":{"type":"function","function":{"name":"f"}},"parallel_tool_calls":false,
    "response_format":{"type":"json_schema","json_schema":{"name":"answer","schema":{"type":"object"},"strict":true}},
    "max_completion_tokens":100,"reasoning_effort":"low","temperature":0.5,"user":"u"})"));
  EXPECT_THAT(paths(losses), ElementsAre("input[2]", "input[8]", "tools[1]", "reasoning.summary"));
}

TEST(ResponsesTranslate, AnItemThatChatDoesNotKnowLeavesNoTurnBehind) {
  for (const char* item : {R"({"type":"item_reference","id":"msg_1"})", R"({"type":"web_search_call","id":"ws_1"})",
                           R"({"type":"reasoning","id":"rs_1","summary":[]})"}) {
    const std::string body = std::string(R"({"model":"m","input":[{"role":"user","content":"q"},)") + item;
    Losses losses;
    const json last = translated(responses(), openai(), body + "]}", &losses);
    EXPECT_EQ(last["messages"], json::parse(R"([{"role":"user","content":"q"}])")) << item;
    EXPECT_THAT(paths(losses), ElementsAre("input[1]")) << item;
    const json between = translated(responses(), openai(), body + R"(,{"role":"user","content":"p"}]})");
    EXPECT_EQ(between["messages"], json::parse(R"([{"role":"user","content":"q"},{"role":"user","content":"p"}])"));
  }
  // An empty turn of the user is better than an assistant's that would be gone on with.
  const json user = translated(responses(), openai(), R"({"model":"m","input":[{"role":"assistant","content":"a"},
      {"role":"user","content":[{"type":"hologram"}]}]})");
  EXPECT_EQ(user["messages"][1], json::parse(R"({"role":"user","content":""})"));
}

TEST(ResponsesTranslate, CallsOfOldClientsGetTheSameIdentifierEverywhere) {
  const std::string chat = R"({"model":"m","messages":[{"role":"user","content":"q"},
    {"role":"assistant","tool_calls":[{"id":"call_1","type":"function","function":{"name":"g","arguments":"{}"}}]},
    {"role":"tool","tool_call_id":"call_1","content":"0"},
    {"role":"assistant","content":null,"function_call":{"name":"f","arguments":"{}"}},
    {"role":"function","name":"f","content":"1"},
    {"role":"assistant","content":null,"function_call":{"name":"f","arguments":"{}"}},
    {"role":"function","name":"f","content":"2"},{"role":"user","content":"so?"}]})";
  const json input = translated(openai(), responses(), chat)["input"];
  for (const auto& [at, id] : {std::pair{1U, "call_1"}, {3U, "call_2"}, {5U, "call_3"}}) {
    EXPECT_EQ(input[at]["call_id"], id);
    EXPECT_EQ(input[at + 1]["call_id"], id);
  }
  const json turns = translated(openai(), anthropic(), chat)["messages"];
  for (const auto& [at, id] : {std::pair{1U, "call_1"}, {3U, "call_2"}, {5U, "call_3"}}) {
    EXPECT_EQ(turns[at]["content"][0]["id"], id);
    EXPECT_EQ(turns[at + 1]["content"][0]["tool_use_id"], id);
  }
  // The same request as chat completions with their present members.
  const json again = json::parse(openai().encode_request(*openai().decode(chat, {}), "up"))["messages"];
  EXPECT_EQ(again[3]["tool_calls"][0]["id"], "call_2");
  EXPECT_EQ(again[4]["tool_call_id"], "call_2");
}

TEST(ResponsesTranslate, SaysAChatRequestAsResponsesAndBack) {
  const std::string_view chat = R"({"model":"auto","max_completion_tokens":100,"stream":true,"temperature":0.5,
    "stop":["END"],"seed":3,"reasoning_effort":"low","messages":[
      {"role":"system","content":"be brief"},
      {"role":"user","content":[{"type":"text","text":"look"},
        {"type":"image_url","image_url":{"url":"https://x/y.png","detail":"auto"}}]},
      {"role":"assistant","content":null,"tool_calls":[
        {"id":"c1","type":"function","function":{"name":"f","arguments":"{\"a\": 1}"}},
        {"id":"c2","type":"function","function":{"name":"g","arguments":"{}"}}]},
      {"role":"tool","tool_call_id":"c1","content":"42"},{"role":"tool","tool_call_id":"c2","content":"43"},
      {"role":"assistant","content":"done"},{"role":"user","content":"so?"}],
    "tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}],"tool_choice":"required",
    "response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object"}}}})";
  Losses losses;
  const auto request = openai().decode(chat, {});
  ASSERT_TRUE(request) << request.error().text();
  const std::string there = responses().encode_request(*request, "up", &losses);
  EXPECT_EQ(json::parse(there)["instructions"], "be brief");
  EXPECT_EQ(json::parse(there)["input"][1], json::parse(R"({"type":"function_call","call_id":"c1","name":"f",
      "arguments":"{\"a\": 1}"})"));
  EXPECT_THAT(paths(losses), ElementsAre("request.stop", "request.seed"));
  const auto back = responses().decode(there, {});
  ASSERT_TRUE(back) << back.error().text();
  json direct = json::parse(openai().encode_request(*request, "up"));
  direct.erase("stop");
  direct.erase("seed");
  EXPECT_EQ(json::parse(openai().encode_request(*back, "up")), direct);
}

TEST(ResponsesTranslate, SaysAResponsesRequestAsMessagesAndBack) {
  Losses losses;
  const auto request = responses().decode(kResponses, {});
  ASSERT_TRUE(request) << request.error().text();
  const std::string there = anthropic().encode_request(*request, "up", &losses);
  const json messages = json::parse(there);
  EXPECT_EQ(messages["max_tokens"].get<int>() >= 100, true);
  EXPECT_THAT(paths(losses), ::testing::Contains("input[2]")) << "its provider's thought means nothing to another";
  EXPECT_THAT(paths(losses), ::testing::Contains("request.tools[1]"));
  const auto back = anthropic().decode(there, {});
  ASSERT_TRUE(back) << back.error().text();
  const json again = json::parse(responses().encode_request(*back, "up"));
  std::vector<std::string> types;
  for (const json& item : again["input"]) types.push_back(item["type"]);
  EXPECT_THAT(types, ElementsAre("message", "message", "message", "function_call", "function_call",
                                 "function_call_output", "function_call_output"));
  EXPECT_EQ(again["input"][0]["content"][1]["text"], "no lists");
  EXPECT_EQ(again["input"][3]["call_id"], "c1");
  EXPECT_EQ(again["input"][6]["output"], "43");
  EXPECT_EQ(again["tool_choice"], json::parse(R"({"type":"function","name":"f"})"));
  EXPECT_EQ(again["text"]["format"]["schema"], json::parse(R"({"type":"object"})"));
}

/// The stream of one protocol's upstream as another protocol's client gets it.
std::string translated_stream(const Format& from, const Format& to, std::string_view stream) {
  const auto reader = from.read_stream();
  const auto writer =
      to.write_stream({.id = "1", .created_unix_s = 1, .model = "m", .with_usage = true, .input_tokens = 0});
  std::string out;
  writer->start(out);
  StreamEnd tail;
  for (const SseEvent& event : events_of(stream)) {
    std::vector<core::Delta> deltas;
    const auto facts = reader->read(event, &deltas);
    EXPECT_TRUE(facts) << facts.error().text() << event.data;
    if (!facts) break;
    for (const core::Delta& delta : deltas) writer->write(delta, out);
    if (facts->finished) tail.finish = facts->finish;
    if (facts->carries_usage) tail.usage = facts->usage;
  }
  writer->end(tail, out);
  return out;
}

std::string stream_of(const Format& format, const core::Answer& answer) {
  const auto writer = format.write_stream(
      {.id = "1", .created_unix_s = 1, .model = "m", .with_usage = true, .input_tokens = answer.usage.input});
  std::string out;
  writer->start(out);
  for (const core::Delta& delta : deltas_of(answer)) writer->write(delta, out);
  writer->end({.finish = answer.finish, .usage = answer.usage}, out);
  return out;
}

TEST(ResponsesTranslate, InterleavedCallsKeepTheirArguments) {
  constexpr std::string_view kChat =
      "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"I look\"}}]}\n\n"
      "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"c1\",\"function\":"
      "{\"name\":\"f\",\"arguments\":\"\"}},{\"index\":1,\"id\":\"c2\",\"function\":{\"name\":\"g\","
      "\"arguments\":\"{\"}}]}}]}\n\n"
      "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{}\"}},"
      "{\"index\":1,\"function\":{\"arguments\":\"}\"}}]}}]}\n\n"
      "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}],\"usage\":{\"prompt_tokens\":9,"
      "\"completion_tokens\":4,\"prompt_tokens_details\":{\"cached_tokens\":3},\"completion_tokens_details\":"
      "{\"reasoning_tokens\":2}}}\n\ndata: [DONE]\n\n";
  const std::string stream = translated_stream(openai(), responses(), kChat);
  ResponseEvents events;
  ASSERT_EQ(events.check(stream), "");
  const json& response = events.response();
  EXPECT_EQ(response["output"][1]["arguments"], "{}");
  EXPECT_EQ(response["output"][2]["arguments"], "{}");
  EXPECT_EQ(response["usage"], json::parse(R"({"input_tokens":9,"input_tokens_details":{"cached_tokens":3,
      "cache_write_tokens":0},"output_tokens":4,"output_tokens_details":{"reasoning_tokens":2},"total_tokens":13})"));
  const ReadStream back = read_whole_stream(openai(), translated_stream(responses(), openai(), stream));
  EXPECT_EQ(back.answer.text, "I look");
  ASSERT_EQ(back.answer.tool_calls.size(), 2U);
  EXPECT_EQ(back.answer.tool_calls[1].arguments, "{}");
  EXPECT_EQ(back.answer.finish, core::Finish::kToolCalls);
  EXPECT_EQ(back.answer.usage.cached_input, 3U);
}

TEST(ResponsesTranslate, AnswersStreamFromEachProtocolToEachOther) {
  for (const Format* other : {&openai(), &anthropic()}) {
    for (std::uint64_t seed = 0; seed < 60; ++seed) {
      RandomAnswer random(seed);
      core::Answer answer = random.answer();
      // Messages have neither: a refusal is a text of its own there, and arguments are an object.
      answer.refusal.clear();
      for (core::ToolCall& call : answer.tool_calls) call.arguments = R"({"a":1})";
      answer.finish = answer.tool_calls.empty() ? core::Finish::kStop : core::Finish::kToolCalls;
      const std::string there = translated_stream(responses(), *other, stream_of(responses(), answer));
      const ReadStream read = read_whole_stream(*other, there);
      EXPECT_EQ(read.answer.text, answer.text) << other->name() << " seed " << seed;
      EXPECT_EQ(read.answer.finish, answer.finish) << other->name() << " seed " << seed;
      const std::string back = translated_stream(*other, responses(), there);
      ResponseEvents events;
      ASSERT_EQ(events.check(back), "") << other->name() << " seed " << seed;
      const ReadStream again = read_whole_stream(responses(), back);
      EXPECT_EQ(again.answer.text, answer.text) << other->name() << " seed " << seed;
      EXPECT_EQ(again.answer.finish, answer.finish) << other->name() << " seed " << seed;
      EXPECT_EQ(again.answer.usage.input, answer.usage.input) << other->name() << " seed " << seed;
      EXPECT_EQ(again.answer.usage.output, answer.usage.output) << other->name() << " seed " << seed;
      ASSERT_EQ(again.answer.tool_calls.size(), answer.tool_calls.size()) << other->name() << " seed " << seed;
      for (std::size_t i = 0; i < answer.tool_calls.size(); ++i) {
        EXPECT_EQ(again.answer.tool_calls[i].id, answer.tool_calls[i].id) << other->name() << " seed " << seed;
        EXPECT_EQ(json::parse(again.answer.tool_calls[i].arguments), json::parse(R"({"a":1})"));
      }
    }
  }
}

TEST(ResponsesTranslate, ASignedThoughtSurvivesAClientOfResponses) {
  core::Answer answer;
  answer.id = "1";
  answer.text = "so";
  core::PartDetail signed_by_other, redacted;
  signed_by_other.signature = "sig";
  redacted.encrypted = "data";
  answer.reasoning = {{core::PartKind::kReasoning, "hm", std::make_shared<const core::PartDetail>(signed_by_other)},
                      {core::PartKind::kReasoning, "", std::make_shared<const core::PartDetail>(redacted)}};
  const auto given = anthropic().read_answer(anthropic().encode_answer(answer));
  ASSERT_TRUE(given) << given.error().text();
  json body = {{"model", "m"}, {"input", json::parse(responses().encode_answer(given->answer))["output"]}};
  body["input"].insert(body["input"].begin(), json{{"role", "user"}, {"content", "q"}});
  body["input"].push_back({{"role", "user"}, {"content", "next"}});
  const auto request = responses().decode(body.dump(), {});
  ASSERT_TRUE(request) << request.error().text();
  Losses losses;
  const json back = json::parse(anthropic().encode_request(*request, "up", &losses));
  EXPECT_THAT(losses, IsEmpty());
  EXPECT_EQ(back["messages"][1]["content"], json::parse(R"([{"type":"thinking","thinking":"hm","signature":"sig"},
      {"type":"redacted_thinking","data":"data"},{"type":"text","text":"so"}])"));
}

TEST(ResponsesTranslate, AnEncryptedThoughtSurvivesAClientOfMessages) {
  core::Answer answer;
  answer.id = "1";
  answer.text = "so";
  core::PartDetail own;
  own.id = "rs_1";
  own.encrypted = "gAAA";
  answer.reasoning = {{core::PartKind::kReasoning, "hm", std::make_shared<const core::PartDetail>(own)}};
  const auto given = responses().read_answer(responses().encode_answer(answer));
  ASSERT_TRUE(given) << given.error().text();
  const json content = json::parse(anthropic().encode_answer(given->answer))["content"];
  json body = {{"model", "m"}, {"max_tokens", 99}};
  body["messages"] = json::array({{{"role", "user"}, {"content", "q"}},
                                  {{"role", "assistant"}, {"content", content}},
                                  {{"role", "user"}, {"content", "next"}}});
  const auto request = anthropic().decode(body.dump(), {});
  ASSERT_TRUE(request) << request.error().text();
  Losses losses;
  const json back = json::parse(responses().encode_request(*request, "up", &losses));
  EXPECT_THAT(losses, IsEmpty());
  EXPECT_EQ(back["input"][1], json::parse(R"({"type":"reasoning","id":"rs_1","encrypted_content":"gAAA",
      "summary":[{"type":"summary_text","text":"hm"}]})"));
}

TEST(ResponsesTranslate, RefusalsIncompleteAnswersAndUsageCarryOver) {
  core::Answer answer;
  answer.id = "1";
  answer.refusal = "I will not";
  answer.finish = core::Finish::kContentFilter;
  answer.usage = {.input = 10, .cached_input = 4, .output = 5, .reasoning = 2, .known = true, .cache_write = 3};
  for (const auto& [from, to] : {std::pair{&openai(), &responses()}, std::pair{&responses(), &openai()}}) {
    const auto read = from->read_answer(from->encode_answer(answer));
    ASSERT_TRUE(read) << read.error().text();
    const auto again = to->read_answer(to->encode_answer(read->answer));
    ASSERT_TRUE(again) << again.error().text();
    EXPECT_EQ(again->answer.refusal, "I will not");
    EXPECT_EQ(again->answer.finish, core::Finish::kStop) << "OpenAI ends a refusal as any other answer";
    EXPECT_EQ(again->answer.usage, answer.usage);
  }
  const auto read = responses().read_answer(responses().encode_answer(answer));
  ASSERT_TRUE(read);
  const auto disjoint = json::parse(anthropic().encode_answer(read->answer))["usage"];
  EXPECT_EQ(disjoint["input_tokens"], 3);
  EXPECT_EQ(disjoint["cache_read_input_tokens"], 4);
  EXPECT_EQ(disjoint["cache_creation_input_tokens"], 3);
}

}  // namespace
}  // namespace thalamus::wire
