// OpenAI's chat completions <-> Anthropic's messages: a client of one, a provider of the other.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "anthropic_events.h"
#include "thalamus/base/rng.h"
#include "thalamus/wire/format.h"
#include "thalamus/wire/translate.h"

namespace thalamus::wire {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const Format& openai() { return *find_format("openai"); }
const Format& anthropic() { return *find_format("anthropic"); }

json translated(const Format& from, const Format& to, const std::string& body, Losses* losses = nullptr) {
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

const std::string kChat = R"({"model":"auto","max_tokens":100,"stream":true,"temperature":0.5,"stop":["END"],"user":"u",
  "messages":[
    {"role":"system","content":"be brief"},
    {"role":"user","content":[{"type":"text","text":"look"},
      {"type":"image_url","image_url":{"url":"data:image/png;base64,AAAB"}},
      {"type":"image_url","image_url":{"url":"https://x/y.png"}},
      {"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;base64,JVBE"}}]},
    {"role":"assistant","content":"I look","tool_calls":[
      {"id":"call_1","type":"function","function":{"name":"f","arguments":"{\"a\": 1}"}},
      {"id":"call_2","type":"function","function":{"name":"g","arguments":"{}"}}]},
    {"role":"tool","tool_call_id":"call_1","content":"42"},
    {"role":"tool","tool_call_id":"call_2","content":"43"},
    {"role":"user","content":"so?"}],
  "tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object"},"strict":true}}],
  "tool_choice":{"type":"function","function":{"name":"f"}},"parallel_tool_calls":false,
  "response_format":{"type":"json_schema","json_schema":{"name":"answer","schema":{"type":"object"},"strict":true}}})";

TEST(AnthropicTranslate, SaysAChatRequestAsMessages) {
  Losses losses;
  EXPECT_EQ(translated(openai(), anthropic(), kChat, &losses), json::parse(R"({"model":"up","max_tokens":100,
    "system":"be brief","messages":[
      {"role":"user","content":[{"type":"text","text":"look"},
        {"type":"image","source":{"type":"base64","media_type":"image/png","data":"AAAB"}},
        {"type":"image","source":{"type":"url","url":"https://x/y.png"}},
        {"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"JVBE"},"title":"a.pdf"}]},
      {"role":"assistant","content":[{"type":"text","text":"I look"},
        {"type":"tool_use","id":"call_1","name":"f","input":{"a":1}},
        {"type":"tool_use","id":"call_2","name":"g","input":{}}]},
      {"role":"user","content":[{"type":"tool_result","tool_use_id":"call_1","content":"42"},
        {"type":"tool_result","tool_use_id":"call_2","content":"43"},{"type":"text","text":"so?"}]}],
    "tools":[{"name":"f","description":"d","input_schema":{"type":"object"},"strict":true}],
    "tool_choice":{"type":"tool","name":"f","disable_parallel_tool_use":true},
    "output_config":{"format":{"type":"json_schema","schema":{"type":"object"}}},
    "temperature":0.5,"stop_sequences":["END"],"metadata":{"user_id":"u"},"stream":true})"));
  EXPECT_THAT(paths(losses), IsEmpty());
}

TEST(AnthropicTranslate, AChatRequestComesBackAsItWas) {
  const std::string there = anthropic().encode_request(*openai().decode(kChat, {}), "up");
  const std::string direct = openai().encode_request(*openai().decode(kChat, {}), "up");
  const auto back = anthropic().decode(there, {});
  ASSERT_TRUE(back) << back.error().text();
  EXPECT_EQ(json::parse(openai().encode_request(*back, "up")), json::parse(direct));
}

TEST(AnthropicTranslate, SaysAMessagesRequestAsChat) {
  const std::string body = R"({"model":"auto","max_tokens":50,"system":[{"type":"text","text":"s",
      "cache_control":{"type":"ephemeral"}}],"top_k":5,"thinking":{"type":"enabled","budget_tokens":1024},
    "messages":[{"role":"user","content":[{"type":"text","text":"q"},
        {"type":"document","source":{"type":"text","media_type":"text/plain","data":"doc"},"title":"t"}]},
      {"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"s"},
        {"type":"tool_use","id":"toolu_1","name":"f","input":{"a":[1, 2]}}]},
      {"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","content":[{"type":"text","text":"ok"}]},
        {"type":"text","text":"next"}]}],
    "tools":[{"name":"f","input_schema":{"type":"object"}},{"type":"web_search_20250305","name":"web_search"}],
    "tool_choice":{"type":"any","disable_parallel_tool_use":true}})";
  Losses losses;
  const json chat = translated(anthropic(), openai(), body, &losses);
  EXPECT_EQ(chat["messages"], json::parse(R"([{"role":"system","content":"s"},
    {"role":"user","content":[{"type":"text","text":"q"},{"type":"text","text":"doc"}]},
    {"role":"assistant","content":null,"tool_calls":[{"id":"toolu_1","type":"function",
      "function":{"name":"f","arguments":"{\"a\":[1, 2]}"}}]},
    {"role":"tool","content":"ok","tool_call_id":"toolu_1"},{"role":"user","content":"next"}])"));
  EXPECT_EQ(chat["tool_choice"], "required");
  EXPECT_EQ(chat["parallel_tool_calls"], false);
  EXPECT_EQ(chat["reasoning_effort"], "low");
  EXPECT_EQ(chat["max_completion_tokens"], 50);
  EXPECT_EQ(chat["tools"].size(), 1U);
  EXPECT_THAT(paths(losses), ElementsAre("messages[1].content[0]", "tools[1]", "system[0].cache_control", "top_k"));
}

TEST(AnthropicTranslate, ATypeOfAnImageCannotEndItsText) {
  const std::string body = R"({"model":"m","max_tokens":9,"messages":[{"role":"user","content":[{"type":"image",)"
                           R"("source":{"type":"base64","media_type":"image/png\u0000","data":"AA=="}}]}]})";
  for (const char* to : {"openai", "responses"}) {
    const json out = translated(anthropic(), *find_format(to), body);
    EXPECT_NE(out.dump().find(R"(data:image/png\u0000;base64,AA==)"), std::string::npos) << out;
  }
}

TEST(AnthropicTranslate, AToolsResultIsTextInChat) {
  Losses losses;
  const json chat = translated(anthropic(), openai(), R"({"model":"auto","max_tokens":9,"messages":[
    {"role":"user","content":"go"},
    {"role":"assistant","content":[{"type":"tool_use","id":"t1","name":"f","input":{}}]},
    {"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","is_error":true,"content":[
      {"type":"text","text":"no"},
      {"type":"image","source":{"type":"base64","media_type":"image/png","data":"AAAB"}}]}]}]})",
                               &losses);
  EXPECT_EQ(chat["messages"][2], json::parse(R"({"role":"tool","tool_call_id":"t1","content":"no"})"));
  EXPECT_THAT(paths(losses), ElementsAre("messages[2].content[0].content[1]", "messages[2].content[0].is_error"));
  EXPECT_EQ(losses[1].reason, "chat completions cannot mark the result of a tool as failed");
}

TEST(AnthropicTranslate, NamesAndMetadataAreToldAndWhatSaysNothingIsNot) {
  Losses losses;
  translated(openai(), anthropic(), R"({"model":"auto","n":1,"weird":null,"metadata":{"task":"math"},"messages":[
    {"role":"user","content":"q"}]})",
             &losses);
  EXPECT_THAT(paths(losses), IsEmpty());
  translated(openai(), anthropic(), R"({"model":"auto","n":2,"metadata":{"a":"b","c":"d"},"messages":[
    {"role":"user","name":"bob","content":"q"}]})",
             &losses);
  EXPECT_THAT(paths(losses), ElementsAre("n", "metadata", "messages[0].name"));
}

TEST(AnthropicTranslate, TellsWhatChatRequestsLoseOnTheWay) {
  Losses losses;
  const json body = translated(openai(), anthropic(),
                               R"({"model":"m","messages":[{"role":"user","content":"q"}],"seed":1,"n":2,
                                   "logprobs":true,"response_format":{"type":"json_object"},"temperature":2,
                                   "logit_bias":{"5":1},"reasoning_effort":"minimal"})",
                               &losses);
  EXPECT_THAT(paths(losses),
              ElementsAre("reasoning_effort", "response_format", "temperature", "seed", "logprobs", "n", "logit_bias"));
  EXPECT_EQ(losses[2].reason, "given as 1, the most that messages take");
  EXPECT_EQ(body["temperature"], 1.0);
}

TEST(AnthropicTranslate, TheLevelOfDetailOfAnImageIsToldAtItsOwnPlace) {
  Losses losses;
  const json body = translated(openai(), anthropic(), R"({"model":"m","messages":[{"role":"user","content":[
      {"type":"text","text":"q"},{"type":"image_url","image_url":{"url":"https://x/y","detail":"low"}}]}]})",
                               &losses);
  EXPECT_THAT(paths(losses), ElementsAre("messages[0].content[1].image_url.detail"));
  EXPECT_EQ(body["messages"][0]["content"][1]["source"]["url"], "https://x/y");
  losses.clear();
  translated(*find_format("responses"), anthropic(), R"({"model":"m","input":[{"role":"user","content":[
      {"type":"input_text","text":"q"},{"type":"input_image","image_url":"https://x/y","detail":"high"}]}]})",
             &losses);
  EXPECT_THAT(paths(losses), ElementsAre("input[0].content[1].detail"));
}

/// A messages request with these members.
std::string asking(const std::string& members) {
  return R"({"model":"m","messages":[{"role":"user","content":"q"}],)" + members + "}";
}

TEST(AnthropicTranslate, ALimitBelowTheTargetsLeastIsRaisedAndTold) {
  struct Case {
    int limit;
    int chat;
    int responses;
  };
  for (const Case& row : {Case{0, 1, 16}, {1, 1, 16}, {15, 15, 16}, {16, 16, 16}}) {
    const std::string body = asking("\"max_tokens\":" + std::to_string(row.limit));
    Losses chat, responses;
    EXPECT_EQ(translated(anthropic(), openai(), body, &chat)["max_tokens"], row.chat);
    EXPECT_EQ(translated(anthropic(), *find_format("responses"), body, &responses)["max_output_tokens"], row.responses);
    EXPECT_EQ(paths(chat), std::vector<std::string>(row.limit == row.chat ? 0 : 1, "max_tokens")) << row.limit;
    EXPECT_EQ(paths(responses), std::vector<std::string>(row.limit == row.responses ? 0 : 1, "max_tokens"))
        << row.limit;
  }
  Losses losses;
  translated(openai(), *find_format("responses"), asking(R"("max_tokens":5)"), &losses);
  EXPECT_THAT(paths(losses), ElementsAre("max_tokens"));
}

TEST(AnthropicTranslate, MoreStopSequencesThanTheTargetTakesAreToldOneByOne) {
  Losses losses;
  const json body = translated(anthropic(), openai(),
                               asking(R"("max_tokens":99,"stop_sequences":["a","b","c","d","e","f"])"), &losses);
  EXPECT_EQ(body["stop"], json::parse(R"(["a","b","c","d"])"));
  EXPECT_THAT(paths(losses), ElementsAre("stop_sequences[4]", "stop_sequences[5]"));
}

TEST(AnthropicTranslate, ABudgetOfThinkingThatBecomesAWordIsTold) {
  for (const char* target : {"openai", "responses"}) {
    const auto told = [&](const std::string& members) {
      Losses losses;
      translated(anthropic(), *find_format(target), asking("\"max_tokens\":99999," + members), &losses);
      return paths(losses);
    };
    for (const char* own : {"1024", "4096", "16384"})
      EXPECT_THAT(told(std::string(R"("thinking":{"type":"enabled","budget_tokens":)") + own + "}"), IsEmpty()) << own;
    EXPECT_THAT(told(R"("thinking":{"type":"enabled","budget_tokens":30000})"), ElementsAre("thinking.budget_tokens"));
    EXPECT_THAT(told(R"("thinking":{"type":"enabled","budget_tokens":2048},"output_config":{"effort":"low"})"),
                ElementsAre("thinking.budget_tokens"));
    EXPECT_THAT(told(R"("thinking":{"type":"disabled"})"), IsEmpty());
  }
}

TEST(AnthropicTranslate, ATurnThatWasBegunIsTold) {
  for (const char* target : {"openai", "responses"}) {
    const auto told = [&](const std::string& more) {
      Losses losses;
      translated(anthropic(), *find_format(target), R"({"model":"m","max_tokens":99,"messages":[
          {"role":"user","content":"q"})" + more + "]}",
                 &losses);
      return paths(losses);
    };
    EXPECT_THAT(told(R"(,{"role":"assistant","content":"so {"})"), ElementsAre("messages[1]"));
    EXPECT_THAT(told(R"(,{"role":"assistant","content":"so"},{"role":"user","content":"and?"})"), IsEmpty());
    EXPECT_THAT(told(R"(,{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f","input":{}}]})"),
                IsEmpty())
        << "a call is not gone on with";
  }
}

/// An upstream's stream in one protocol -> the client's in the other.
std::string translated_stream(const Format& from, const Format& to, std::string_view stream) {
  const ReadStream read = read_whole_stream(from, stream);
  const auto writer =
      to.write_stream({.id = "1", .created_unix_s = 0, .model = "m", .with_usage = true, .input_tokens = 0});
  std::string out;
  writer->start(out);
  for (const core::Delta& delta : read.deltas) writer->write(delta, out);
  writer->end({.finish = read.answer.finish, .usage = read.answer.usage}, out);
  return out;
}

TEST(AnthropicTranslate, GivesAnswersInTheOtherProtocol) {
  const auto message = anthropic().read_answer(
      R"({"id":"msg_1","type":"message","role":"assistant","model":"claude","content":[
          {"type":"thinking","thinking":"hm","signature":"s"},{"type":"text","text":"hi"},
          {"type":"tool_use","id":"toolu_1","name":"f","input":{"a":1}}],"stop_reason":"tool_use",
          "usage":{"input_tokens":5,"cache_creation_input_tokens":2,"cache_read_input_tokens":3,"output_tokens":4}})");
  ASSERT_TRUE(message);
  const json chat = json::parse(openai().encode_answer(message->answer));
  EXPECT_EQ(chat["choices"][0]["message"]["content"], "hi");
  EXPECT_EQ(chat["choices"][0]["message"]["reasoning_content"], "hm");
  EXPECT_EQ(chat["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"], R"({"a":1})");
  EXPECT_EQ(chat["choices"][0]["finish_reason"], "tool_calls");
  EXPECT_EQ(chat["usage"]["prompt_tokens"], 10);
  EXPECT_EQ(chat["usage"]["prompt_tokens_details"]["cached_tokens"], 3);

  const auto back = anthropic().read_answer(anthropic().encode_answer(openai().read_answer(chat.dump())->answer));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->answer.text, "hi");
  EXPECT_EQ(back->answer.reasoning[0].text, "hm");
  EXPECT_EQ(back->answer.reasoning[0].detail->signature, "") << "chat completions carry no signature";
  EXPECT_EQ(back->answer.tool_calls[0].id, "toolu_1");
  EXPECT_EQ(back->answer.finish, core::Finish::kToolCalls);
  EXPECT_EQ(back->answer.usage, message->answer.usage);
}

TEST(AnthropicTranslate, AStreamOfMessagesBecomesChunksAndBack) {
  const auto writer = anthropic().write_stream({});
  std::string stream;
  writer->start(stream);
  core::Delta thought = text_delta("hm");
  thought.kind = core::DeltaKind::kReasoning;
  for (const core::Delta& one :
       {thought, text_delta("He"), text_delta("llo"), call_delta(0, "c1", "f"), arguments_delta(0, "{\"a\":"),
        arguments_delta(0, "1}"), call_delta(1, "c2", "g"), arguments_delta(1, "{}")})
    writer->write(one, stream);
  const core::Usage usage{.input = 10, .cached_input = 4, .output = 5, .reasoning = 2, .known = true, .cache_write = 3};
  writer->end({.finish = core::Finish::kToolCalls, .usage = usage}, stream);
  const std::string chunks = translated_stream(anthropic(), openai(), stream);
  const ReadStream chat = read_whole_stream(openai(), chunks);
  EXPECT_TRUE(chat.done && chat.finished);
  EXPECT_EQ(chat.answer.text, "Hello");
  EXPECT_EQ(chat.answer.reasoning[0].text, "hm");
  ASSERT_EQ(chat.answer.tool_calls.size(), 2U);
  EXPECT_EQ(chat.answer.tool_calls[0].arguments, "{\"a\":1}");
  EXPECT_EQ(chat.answer.finish, core::Finish::kToolCalls);
  EXPECT_EQ(chat.answer.usage, usage);
  const SeenMessage back = seen_message(translated_stream(openai(), anthropic(), chunks));
  EXPECT_EQ(back.content, json::parse(R"([{"type":"thinking","thinking":"hm","signature":""},
    {"type":"text","text":"Hello"},{"type":"tool_use","id":"c1","name":"f","input":{"a":1}},
    {"type":"tool_use","id":"c2","name":"g","input":{}}])"));
  EXPECT_EQ(back.stop_reason, "tool_use");
  EXPECT_EQ(back.usage["input_tokens"], 3);
}

// Chunks as OpenAI's servers send them, with two calls whose pieces alternate.
TEST(AnthropicTranslate, InterleavedChunksBecomeBlocksThatDoNotOverlap) {
  std::string chunks;
  for (const char* delta :
       {R"({"role":"assistant","content":null})",
        R"({"tool_calls":[{"index":0,"id":"call_a","type":"function","function":{"name":"f","arguments":""}}]})",
        R"({"tool_calls":[{"index":1,"id":"call_b","type":"function","function":{"name":"g","arguments":""}}]})",
        R"({"tool_calls":[{"index":0,"function":{"arguments":"{\"x\":"}},)"
        R"({"index":1,"function":{"arguments":"{\"y\""}}]})",
        R"({"tool_calls":[{"index":1,"function":{"arguments":":2}"}}]})",
        R"({"tool_calls":[{"index":0,"function":{"arguments":"1}"}}]})"})
    chunks += "data: {\"id\":\"i\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":" +
              std::string(delta) + ",\"finish_reason\":null}]}\n\n";
  chunks +=
      "data: {\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{},"
      "\"finish_reason\":\"tool_calls\"}]}\n\n"
      "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":3,"
      "\"prompt_tokens_details\":{\"cached_tokens\":6}}}\n\ndata: [DONE]\n\n";
  const SeenMessage seen = seen_message(translated_stream(openai(), anthropic(), chunks));
  EXPECT_EQ(seen.content, json::parse(R"([{"type":"tool_use","id":"call_a","name":"f","input":{"x":1}},
    {"type":"tool_use","id":"call_b","name":"g","input":{"y":2}}])"));
  EXPECT_EQ(seen.stop_reason, "tool_use");
  EXPECT_EQ(seen.usage["input_tokens"], 3);
  EXPECT_EQ(seen.usage["cache_read_input_tokens"], 6);
}

TEST(AnthropicTranslate, RefusalsAndStopReasonsKeepTheirMeaning) {
  const auto refused = openai().read_answer(
      R"({"choices":[{"index":0,"message":{"role":"assistant","content":null,"refusal":"no"},
          "finish_reason":"stop"}]})");
  const json message = json::parse(anthropic().encode_answer(refused->answer));
  EXPECT_EQ(message["stop_reason"], "refusal");
  EXPECT_EQ(message["content"][0]["text"], "no");
  const std::vector<std::pair<std::string, std::string>> table{
      {"stop", "end_turn"}, {"length", "max_tokens"}, {"content_filter", "refusal"}, {"tool_calls", "tool_use"}};
  for (const auto& [chat, reason] : table) {
    const std::string calls =
        chat == "tool_calls" ? R"(,"tool_calls":[{"id":"c","function":{"name":"f","arguments":"{}"}}])" : "";
    const auto answer = openai().read_answer(R"({"choices":[{"message":{"content":"x")" + calls +
                                             R"(},"finish_reason":")" + chat + "\"}]}");
    const std::string written = anthropic().encode_answer(answer->answer);
    EXPECT_EQ(json::parse(written)["stop_reason"], reason);
    const json back = json::parse(openai().encode_answer(anthropic().read_answer(written)->answer));
    EXPECT_EQ(back["choices"][0]["finish_reason"], chat);
  }
  const auto explained = anthropic().read_answer(
      R"({"content":[],"stop_reason":"refusal","stop_details":{"type":"refusal","explanation":"not this"}})");
  const json chat = json::parse(openai().encode_answer(explained->answer));
  EXPECT_EQ(chat["choices"][0]["message"]["refusal"], "not this");
  EXPECT_EQ(chat["choices"][0]["finish_reason"], "content_filter");
}

// A thought that another provider encrypted survives the way through an Anthropic client.
TEST(AnthropicTranslate, ForeignReasoningComesBackToItsProvider) {
  core::PartDetail detail;
  detail.id = "rs_1";
  detail.encrypted = "gAAA.b==";
  core::Answer answer;
  answer.reasoning = {{core::PartKind::kReasoning, "sum", std::make_shared<const core::PartDetail>(detail)}};
  answer.text = "x";
  const json message = json::parse(anthropic().encode_answer(answer));
  const json body{{"model", "m"},
                  {"max_tokens", 9},
                  {"messages", json::array({{{"role", "user"}, {"content", "q"}},
                                            {{"role", "assistant"}, {"content", message["content"]}},
                                            {{"role", "user"}, {"content", "r"}}})}};
  const std::string text = body.dump();
  const auto request = anthropic().decode(text, {});
  ASSERT_TRUE(request) << request.error().text();
  const core::Part& part = request->messages[1].parts[0];
  EXPECT_EQ(part.text, "sum");
  EXPECT_EQ(part.detail->id, "rs_1");
  EXPECT_EQ(part.detail->encrypted, "gAAA.b==");
  EXPECT_TRUE(part.detail->signature.empty());
}

// Random requests in chat's words: there and back, nothing but what was told is lost.
TEST(AnthropicTranslate, RandomConversationsComeBackAsTheyWere) {
  constexpr std::uint64_t kSeed = 74;
  base::Rng rng(kSeed);
  for (int round = 0; round < 100; ++round) {
    SCOPED_TRACE(testing::Message() << "seed " << kSeed << ", round " << round);
    json messages = json::array();
    if (rng.below(2) == 0) messages.push_back({{"role", "system"}, {"content", "s"}});
    int calls = 0;
    for (std::uint64_t turn = 0, turns = 1 + rng.below(4); turn < turns; ++turn) {
      messages.push_back({{"role", "user"}, {"content", "q" + std::to_string(turn)}});
      if (turn + 1 == turns) break;
      json assistant{{"role", "assistant"}, {"content", "a" + std::to_string(turn)}};
      json results = json::array();
      for (std::uint64_t i = rng.below(3); i > 0; --i) {
        const std::string id = "call_" + std::to_string(++calls);
        assistant["tool_calls"].push_back(
            {{"id", id}, {"type", "function"}, {"function", {{"name", "f"}, {"arguments", R"({"k": [1.50]})"}}}});
        results.push_back({{"role", "tool"}, {"tool_call_id", id}, {"content", "r" + id}});
      }
      messages.push_back(assistant);
      for (json& one : results) messages.push_back(one);
    }
    const std::string body = json{{"model", "m"}, {"max_tokens", 7}, {"messages", messages}}.dump();
    const auto request = openai().decode(body, {});
    ASSERT_TRUE(request);
    Losses losses;
    const std::string there = anthropic().encode_request(*request, "m", &losses);
    EXPECT_THAT(paths(losses), IsEmpty());
    const auto back = anthropic().decode(there, {});
    ASSERT_TRUE(back) << back.error().text() << there;
    ASSERT_EQ(json::parse(openai().encode_request(*back, "m"))["messages"], messages) << there;
  }
}

}  // namespace
}  // namespace thalamus::wire
