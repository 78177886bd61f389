// Every loss names a place of the client's own body, in the client's own words, whatever was lost and whatever else the
// body holds.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <charconv>
#include <nlohmann/json.hpp>
#include <set>

#include "thalamus/base/rng.h"
#include "thalamus/wire/format.h"
#include "thalamus/wire/translate.h"

namespace thalamus::wire {
namespace {

using nlohmann::json;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;
using ::testing::UnorderedElementsAreArray;

/// The value at "messages[2].content[0]"; null pointer where there is none.
const json* walk(const json& root, std::string_view path) {
  const json* at = &root;
  while (!path.empty()) {
    if (path[0] == '[') {
      std::size_t index = 0;
      const auto end = path.find(']');
      std::from_chars(path.data() + 1, path.data() + end, index);
      if (!at->is_array() || index >= at->size()) return nullptr;
      at = &(*at)[index];
      path.remove_prefix(end + 1);
    } else {
      const std::string name(path.substr(0, path.find_first_of(".[")));
      if (!at->is_object() || !at->contains(name)) return nullptr;
      at = &(*at)[name];
      path.remove_prefix(name.size());
    }
    if (path.starts_with('.')) path.remove_prefix(1);
  }
  return at;
}

struct Lost {
  std::vector<std::string> paths;
  std::vector<std::string> reasons;
};

Lost lost(std::string_view from, std::string_view to, const std::string& body) {
  const Format& source = *find_format(from);
  Lost out;
  const auto request = source.decode(body, {});
  EXPECT_TRUE(request) << request.error().text() << "\n" << body;
  if (!request) return out;
  Losses losses;
  const std::string text = translate(source, body, *request, *find_format(to), "up", losses);
  EXPECT_FALSE(json::parse(text, nullptr, false).is_discarded()) << text;
  for (const Loss& loss : losses) {
    out.paths.push_back(loss.path);
    out.reasons.push_back(loss.reason);
  }
  return out;
}

/// Bodies of one protocol: any of the members, any of the turns.
struct Parts {
  std::string_view name;
  std::string_view conversation;  ///< the member that holds the turns
  std::vector<std::string> members;
  std::vector<std::string> turns;  ///< each one or more elements, whole by themselves
};

const std::vector<Parts>& all_parts() {
  static const std::vector<Parts> kParts{
      {"openai",
       "messages",
       {R"("stop":" ")", R"("stop":["a"," ","b","\n"])", R"("seed":1)", R"("temperature":1.7)", R"("top_p":0.3)",
        R"("logprobs":true)", R"("reasoning_effort":"high")", R"("response_format":{"type":"json_object"})",
        R"("functions":[{"name":"f"},{"type":"weird"}])", R"("max_tokens":64)", R"("n":2)", R"("logit_bias":{"1":2})",
        R"("tools":[{"type":"custom","custom":{"name":"c"}},{"type":"hosted_search"}])", R"("metadata":{"a":"b"})",
        R"("tool_choice":{"type":"allowed_tools"})", R"("service_tier":"flex","user":"u","safety_identifier":"s")"},
       {R"({"role":"system","content":"s"})", R"({"role":"user","name":"bob","content":"q"})",
        R"({"role":"user","content":[{"type":"text","text":"q","prompt_cache_breakpoint":{"mode":"explicit"}},
            {"type":"input_audio","input_audio":{"data":"AAAA","format":"wav"}},{"type":"hologram"},
            {"type":"image_url","image_url":{"url":"ftp://x/y","detail":"low"}},{"type":"text","text":" "}]})",
        R"({"role":"assistant","content":" ","tool_calls":[
              {"id":"c1","type":"function","function":{"name":"f","arguments":"[1]"}},
              {"id":"c2","type":"custom","custom":{"name":"g","input":"free text"}}]},
            {"role":"tool","tool_call_id":"c1","content":[{"type":"refusal","refusal":"no"}]},
            {"role":"tool","tool_call_id":"c2","content":"x"})",
        R"({"role":"assistant","content":null,"function_call":{"name":"f","arguments":"{broken"}},
            {"role":"function","name":"f","content":"x"})",
        R"({"role":"assistant","refusal":"no","content":"said "})"}},
      {"responses",
       "input",
       {R"("instructions":"be brief")", R"("temperature":1.7)", R"("top_p":0.3)", R"("max_output_tokens":64)",
        R"("include":["reasoning.encrypted_content","file_search_call.results","message.output_text.logprobs"])",
        R"("reasoning":{"effort":"high","summary":"detailed"})", R"("text":{"format":{"type":"json_object"}})",
        R"("text":{"verbosity":"high"})", R"("tools":[{"type":"web_search"},{"type":"function","name":"f"}])",
        R"("truncation":"auto")", R"("service_tier":"flex")", R"("max_tool_calls":1)", R"("metadata":{"a":"b"})"},
       {R"({"role":"user","content":"q"})", R"({"role":"developer","content":"d"})",
        R"({"role":"user","content":[{"type":"input_text","text":" "},{"type":"hologram"},
            {"type":"input_file","file_url":"gopher://x"},{"type":"input_image","image_url":"https://x","detail":"low"},
            {"type":"input_audio","input_audio":{"data":"AAAA","format":"wav"}}]})",
        R"({"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"hm"}]},
            {"type":"function_call","call_id":"c1","name":"f","arguments":"not json"},
            {"type":"function_call","call_id":"c2","name":"f","arguments":"{}"},
            {"type":"function_call","call_id":"c3","name":"f","arguments":"3"},
            {"type":"function_call_output","call_id":"c1","output":[{"type":"input_image","image_url":"https://x"}]},
            {"type":"function_call_output","call_id":"c2","output":"x"},
            {"type":"function_call_output","call_id":"c3","output":"x"})",
        R"({"type":"web_search_call","id":"ws_1","status":"completed"})",
        R"({"type":"message","role":"assistant","content":[{"type":"output_text","text":"said "}]})"}},
      {"anthropic",
       "messages",
       {R"("system":"s")", R"("system":[{"type":"text","text":" "},{"type":"text","text":"s",
            "cache_control":{"type":"ephemeral"}},{"type":"image","source":{"type":"url","url":"https://x"}}])",
        R"("stop_sequences":["a"," "])", R"("top_k":5)", R"("thinking":{"type":"enabled","budget_tokens":4096})",
        R"("thinking":{"type":"adaptive"})", R"("output_config":{"effort":"max"})", R"("service_tier":"standard_only")",
        R"("output_config":{"format":{"type":"json_schema","schema":{}}})", R"("metadata":{"user_id":"u","x":1})",
        R"("tools":[{"type":"web_search_20250305","name":"web_search"},
            {"name":"f","input_schema":{},"cache_control":{"type":"ephemeral"}}])"},
       {R"({"role":"user","content":"q"})",
        R"({"role":"user","content":[{"type":"text","text":"q","citations":{"enabled":true}},
            {"type":"document","source":{"type":"file","file_id":"f1"},"context":"c"},{"type":"hologram"},
            {"type":"document","source":{"type":"url","url":"https://x/y.pdf"}}]})",
        R"({"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"sig"},
              {"type":"redacted_thinking","data":"d"},{"type":"tool_use","id":"t1","name":"f","input":{}},
              {"type":"tool_use","id":"t2","name":"f","input":{}}]},
            {"role":"user","content":[{"type":"text","text":"and"},
              {"type":"tool_result","tool_use_id":"t2","content":"ok"},
              {"type":"tool_result","tool_use_id":"t1","is_error":true,"content":[
                {"type":"image","source":{"type":"base64","media_type":"image/png","data":"AAAA"}}]}]})",
        R"({"role":"assistant","content":"said "})"}}};
  return kParts;
}

std::string body_of(const Parts& parts, base::Rng& rng) {
  json body = {{"model", "m"}};
  if (parts.name == "anthropic") body["max_tokens"] = 3000;
  for (const std::string& member : parts.members)
    if (rng.below(2) == 0) body.update(json::parse("{" + member + "}"));
  json& turns = body[std::string(parts.conversation)] = json::array();
  for (std::uint64_t count = 1 + rng.below(5); count > 0; --count)
    for (const json& turn : json::parse("[" + parts.turns[rng.below(parts.turns.size())] + "]")) turns.push_back(turn);
  return body.dump();
}

TEST(LossPaths, EachResolvesInTheClientsBody) {
  std::set<std::string> reasons;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    base::Rng rng(seed);
    for (const Parts& parts : all_parts()) {
      const std::string body = body_of(parts, rng);
      const json tree = json::parse(body);
      for (const Parts& other : all_parts()) {
        if (other.name == parts.name) continue;
        const Lost found = lost(parts.name, other.name, body);
        reasons.insert(found.reasons.begin(), found.reasons.end());
        for (std::size_t i = 0; i < found.paths.size(); ++i)
          ASSERT_NE(walk(tree, found.paths[i]), nullptr)
              << "seed " << seed << ": " << found.paths[i] << " (" << found.reasons[i] << ") as " << other.name << "\n"
              << body;
      }
    }
  }
  EXPECT_GE(reasons.size(), 35U) << "the bodies above lose something of nearly every kind";
}

TEST(LossPaths, SayTheClientsOwnWords) {
  const std::string messages = R"({"model":"m","max_tokens":100,"stop_sequences":["a"," "],"output_config":{"effort":
    "low"},"system":[{"type":"text","text":"s","cache_control":{"type":"ephemeral"}}],"messages":[
      {"role":"user","content":"go"},
      {"role":"assistant","content":[{"type":"tool_use","id":"t1","name":"f","input":{}}]},
      {"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","is_error":true,"content":"no"}]}]})";
  EXPECT_THAT(lost("anthropic", "responses", messages).paths,
              ElementsAre("messages[2].content[0].is_error", "stop_sequences", "system[0].cache_control"));
  const std::string responses = R"({"model":"m","input":"q","max_output_tokens":100,"reasoning":{"effort":"high"},
    "temperature":2,"text":{"format":{"type":"json_object"}}})";
  EXPECT_THAT(lost("responses", "anthropic", responses).paths,
              ElementsAre("reasoning.effort", "text.format", "temperature"));
  const std::string chat = R"({"model":"m","functions":[{"name":"f"},{"type":"search"}],"stop":" ",
    "messages":[{"role":"assistant","content":"a"},{"role":"user","content":"q"}]})";
  EXPECT_THAT(lost("openai", "anthropic", chat).paths, ElementsAre("messages[0]", "functions[1]", "stop"));
}

TEST(LossPaths, BrokenArgumentsAreTold) {
  const std::string chat = R"({"model":"m","messages":[{"role":"user","content":"q"},
    {"role":"assistant","tool_calls":[
      {"id":"c1","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}},
      {"id":"c2","type":"function","function":{"name":"f","arguments":"{\"a\":"}},
      {"id":"c3","type":"custom","custom":{"name":"g","input":"free"}}]},
    {"role":"tool","tool_call_id":"c1","content":"1"},{"role":"tool","tool_call_id":"c2","content":"2"},
    {"role":"tool","tool_call_id":"c3","content":"3"}]})";
  const Lost found = lost("openai", "anthropic", chat);
  EXPECT_THAT(found.paths,
              ElementsAre("messages[1].tool_calls[1].function.arguments", "messages[1].tool_calls[2].custom.input"));
  EXPECT_THAT(found.reasons, Contains("arguments that are no JSON object stand as text under \"input\"").Times(2));
  EXPECT_TRUE(lost("openai", "responses", chat).paths.empty()) << "there arguments are a text as well";
  const std::string responses = R"({"model":"m","instructions":"s","input":[{"role":"user","content":"q"},
    {"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"e"},
    {"type":"function_call","call_id":"c1","name":"f","arguments":"{}"},
    {"type":"function_call","call_id":"c2","name":"f","arguments":"[]"},
    {"type":"function_call_output","call_id":"c1","output":"1"},
    {"type":"function_call_output","call_id":"c2","output":"2"}]})";
  EXPECT_THAT(lost("responses", "anthropic", responses).paths, ElementsAre("input[1]", "input[3].arguments"));
}

TEST(LossPaths, OfAConversationThatIsATextAreThatText) {
  EXPECT_THAT(lost("responses", "anthropic", R"({"model":"m","input":" "})").paths, ElementsAre("input"));
}

TEST(LossPaths, ATargetThatDoesNotReasonIsToldInTheClientsWords) {
  const auto named = [](std::string_view protocol, const std::string& body) {
    Losses losses{{"request.reasoning_effort", "r"}};
    find_format(protocol)->name_losses(body, losses);
    return losses[0].path;
  };
  const std::string messages = R"("model":"m","max_tokens":9,"messages":[{"role":"user","content":"q"}]})";
  EXPECT_EQ(named("openai", R"({"model":"m","reasoning_effort":"low","messages":[{"role":"user","content":"q"}]})"),
            "reasoning_effort");
  EXPECT_EQ(named("responses", R"({"model":"m","reasoning":{"effort":"low"},"input":"q"})"), "reasoning.effort");
  EXPECT_EQ(named("anthropic", R"({"thinking":{"type":"enabled","budget_tokens":2048},)" + messages), "thinking");
  EXPECT_EQ(named("anthropic", R"({"thinking":{"type":"adaptive"},)" + messages), "thinking");
  EXPECT_EQ(named("anthropic", R"({"output_config":{"effort":"low"},)" + messages), "output_config.effort");
}

std::string chat_with(const std::string& messages, const std::string& members = "") {
  return R"({"model":"m","messages":[)" + messages + "]" + members + "}";
}
std::string responses_with(const std::string& items, const std::string& members = "") {
  return R"({"model":"m","input":[)" + items + "]" + members + "}";
}
std::string messages_with(const std::string& turns, const std::string& members = "") {
  return R"({"model":"m","max_tokens":99,"messages":[)" + turns + "]" + members + "}";
}
constexpr std::string_view kQuestion = R"({"role":"user","content":"q"})";

struct Below {
  std::string_view protocol;
  std::string body;
  std::vector<std::string> paths;
};

TEST(LossPaths, MembersBelowTheTopLevelAreTold) {
  const std::string question(kQuestion);
  const std::array bodies = std::to_array<Below>({
      {"openai", chat_with(R"({"role":"user","content":"q","foo":1})"), {"messages[0].foo"}},
      {"openai",
       chat_with(R"({"role":"user","content":[{"type":"text","text":"q","foo":false}]})"),
       {"messages[0].content[0].foo"}},
      {"openai",
       chat_with(R"({"role":"user","content":[{"type":"image_url","image_url":{"url":"https://x/y","foo":1}}]})"),
       {"messages[0].content[0].image_url.foo"}},
      {"openai",
       chat_with(question + R"(,{"role":"assistant","content":"x","audio":{"id":"a"}},)" + question),
       {"messages[1].audio"}},
      {"openai",
       chat_with(question + R"(,{"role":"assistant","tool_calls":[{"id":"c","type":"function","foo":1,
                   "function":{"name":"f","arguments":"{}","bar":2}}]},
                   {"role":"tool","tool_call_id":"c","content":"r"})"),
       {"messages[1].tool_calls[0].foo", "messages[1].tool_calls[0].function.bar"}},
      {"openai",
       chat_with(question, R"(,"tools":[{"type":"function","defer_loading":true,"function":{"name":"f","foo":1}}])"),
       {"tools[0].defer_loading", "tools[0].function.foo"}},
      {"openai",
       chat_with(question, R"(,"response_format":{"type":"json_schema","bar":1,"json_schema":{"name":"n","foo":1,
                                 "schema":{"type":"object"}}})"),
       {"response_format.bar", "response_format.json_schema.foo"}},
      {"openai",
       chat_with(question, R"(,"tools":[{"type":"function","function":{"name":"f"}}],
                              "tool_choice":{"type":"function","function":{"name":"f"},"foo":1})"),
       {"tool_choice.foo"}},
      {"responses", responses_with(R"({"role":"user","content":"q","foo":1})"), {"input[0].foo"}},
      {"responses",
       responses_with(R"({"role":"user","content":[{"type":"input_text","text":"q","foo":1}]})"),
       {"input[0].content[0].foo"}},
      {"responses", responses_with(question, R"(,"tools":[{"type":"function","name":"f","foo":1}])"), {"tools[0].foo"}},
      {"responses",
       responses_with(question,
                      R"(,"text":{"format":{"type":"json_schema","name":"n","schema":{"type":"object"},"foo":2}})"),
       {"text.format.foo"}},
      {"responses",
       responses_with(question + R"(,{"type":"message","role":"assistant","phase":"commentary","content":[{"type":
           "output_text","text":"x","annotations":[{"type":"url_citation","url":"u"}]}]},)" +
                      question),
       {"input[1].phase", "input[1].content[0].annotations"}},
      {"anthropic", messages_with(R"({"role":"user","content":"q","foo":1})"), {"messages[0].foo"}},
      {"anthropic",
       messages_with(R"({"role":"user","content":[{"type":"text","text":"q","foo":1}]})"),
       {"messages[0].content[0].foo"}},
      {"anthropic",
       messages_with(
           R"({"role":"user","content":[{"type":"image","source":{"type":"url","url":"https://x","foo":1}}]})"),
       {"messages[0].content[0].source.foo"}},
      {"anthropic",
       messages_with(question + R"(,{"role":"assistant","content":[{"type":"text","text":"x",
           "citations":[{"type":"char_location"}]}]},)" +
                     question),
       {"messages[1].content[0].citations"}},
      {"anthropic",
       messages_with(question, R"(,"tools":[{"name":"f","input_schema":{},"input_examples":[{}],"defer_loading":true,
           "allowed_callers":["code_execution_20250825"],"eager_input_streaming":true}])"),
       {"tools[0].input_examples", "tools[0].defer_loading", "tools[0].allowed_callers",
        "tools[0].eager_input_streaming"}},
  });
  for (const Below& row : bodies)
    for (const Parts& other : all_parts()) {
      if (other.name == row.protocol) continue;
      EXPECT_THAT(lost(row.protocol, other.name, row.body).paths, UnorderedElementsAreArray(row.paths))
          << row.body << " as " << other.name;
    }
}

// Clients send whole answers back, with members that mean nothing in a request.
TEST(LossPaths, NothingIsLostOfAnAnswerThatComesBack) {
  const std::string question(kQuestion);
  const std::array bodies = std::to_array<Below>({
      {"openai",
       chat_with(question + R"(,{"role":"assistant","content":null,"refusal":null,"annotations":[],"audio":null,
           "function_call":null,"reasoning_content":null,"parsed":null,
           "tool_calls":[{"id":"c","index":0,"type":"function",
             "function":{"name":"f","arguments":"{}","parsed_arguments":{"a":1}}}]},
           {"role":"tool","tool_call_id":"c","content":"r"},
           {"role":"assistant","content":"x","refusal":null,"annotations":[],"reasoning_content":"",
           "tool_calls":null},)" +
                 question),
       {}},
      {"responses",
       responses_with(question + R"(,{"id":"fc_1","type":"function_call","status":"completed","call_id":"c","name":"f",
             "arguments":"{}","parsed_arguments":{"a":1}},
           {"type":"function_call_output","id":"o","status":null,"call_id":"c","output":"r"},
           {"id":"msg_1","type":"message","status":"completed","role":"assistant","phase":null,"content":[{"type":
             "output_text","text":"x","annotations":[],"logprobs":[{"token":"x","logprob":0}]}]},)" +
                      question),
       {}},
      {"anthropic",
       messages_with(question + R"(,{"id":"msg_1","type":"message","model":"m","stop_reason":"tool_use",
             "stop_sequence":null,"usage":{"input_tokens":1},"role":"assistant","content":[
             {"type":"text","text":"x","citations":null,"parsed_output":{"a":1}},
             {"type":"tool_use","id":"t","name":"f","input":{},"caller":{ "type": "direct" }}]},
           {"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":"r","cache_control":null}]})",
                     R"(,"tools":[{"name":"f","input_schema":{},"defer_loading":false,"allowed_callers":["direct"],
                           "cache_control":null,"input_examples":[]}])"),
       {}},
  });
  for (const Below& row : bodies)
    for (const Parts& other : all_parts()) {
      if (other.name == row.protocol) continue;
      EXPECT_THAT(lost(row.protocol, other.name, row.body).paths, ElementsAre()) << row.body << " as " << other.name;
    }
}

TEST(LossPaths, WhatIsLostAsAWholeIsToldOnce) {
  EXPECT_THAT(lost("openai", "anthropic",
                   chat_with(R"({"role":"user","content":[{"type":"hologram","depth":3},
                {"type":"text","text":"q"}]})",
                             R"(,"tools":[{"type":"search","depth":3}])"))
                  .paths,
              ElementsAre("messages[0].content[0]", "tools[0]"));
  EXPECT_THAT(lost("responses", "openai",
                   responses_with(R"({"role":"user","content":[{"type":"hologram","depth":3},
                {"type":"input_text","text":"q"}]})",
                                  R"(,"tools":[{"type":"web_search","size":"low"}])"))
                  .paths,
              ElementsAre("input[0].content[0]", "tools[0]"));
  EXPECT_THAT(lost("anthropic", "openai",
                   messages_with(R"({"role":"user","content":[{"type":"hologram","depth":3},
                {"type":"text","text":"q"}]})",
                                 R"(,"tools":[{"type":"web_search_20250305","name":"w","max_uses":3}])"))
                  .paths,
              ElementsAre("messages[0].content[0]", "tools[0]"));
}

TEST(LossPaths, ThoughtsOfChatAreTold) {
  for (const std::string_view name : {"reasoning_content", "reasoning"}) {
    const json answer = {{"role", "assistant"}, {"content", "x"}, {name, "thought"}};
    const std::string body = chat_with(fmt::format("{0},{1},{0}", kQuestion, answer.dump()));
    for (const std::string_view target : {"anthropic", "responses"}) {
      const Lost found = lost("openai", target, body);
      EXPECT_THAT(found.paths, ElementsAre(fmt::format("messages[1].{}", name)));
      EXPECT_THAT(found.reasons, ElementsAre(HasSubstr("no proof")));
    }
  }
}

TEST(LossPaths, ManyMarksCrowdNothingOut) {
  std::string marks;
  for (int i = 0; i < 1100; ++i)
    marks += std::string(i == 0 ? "" : ",") +
             R"({"role":"user","content":[{"type":"text","text":"q","cache_control":{"type":"ephemeral"}}]})";
  const Format& chat = *find_format("openai");
  const std::string body = chat_with(marks, R"(,"metadata":{"a":"b"},"verbosity":"low","logit_bias":{"1":2})");
  const auto request = chat.decode(body, {});
  ASSERT_TRUE(request) << request.error().text();
  Losses losses;
  const json text = json::parse(translate(chat, body, *request, *find_format("responses"), "up", losses));
  EXPECT_EQ(text["metadata"], json({{"a", "b"}}));
  EXPECT_EQ(text["text"]["verbosity"], "low");
  const Lost found = lost("openai", "responses", body);
  EXPECT_THAT(found.paths, Contains("logit_bias"));
  EXPECT_THAT(found.paths, Contains("...").Times(1)) << "the last marks are not told one by one";
  EXPECT_EQ(found.paths.size(), 1024U + 2U);
}

TEST(LossPaths, ManyMembersAreAllTold) {
  std::string members;
  for (int i = 0; i < 40; ++i) members += R"(,"z)" + std::to_string(i) + R"(":1)";
  const std::string body =
      chat_with(std::string(kQuestion), members + R"(,"n":2,")" + std::string(300, 'k') + R"(":[])");
  const Lost found = lost("openai", "anthropic", body);
  EXPECT_EQ(found.paths.size(), 41U) << "a long name is looked up whole: the empty value asks for nothing";
  EXPECT_THAT(found.paths, Contains("n"));
}

TEST(LossPaths, TheNameOfAResultGoesOnWithTheCall) {
  const std::string body =
      chat_with(std::string(kQuestion) +
                R"(,{"role":"assistant","content":null,"function_call":{"name":"f","arguments":"{}"}},
          {"name":"f","role":"function","content":"x"},{"role":"user","name":"bob","content":"q"})");
  EXPECT_THAT(lost("openai", "responses", body).paths, ElementsAre("messages[3].name"));
}

TEST(LossPaths, CustomToolsOfResponsesBecomeFunctions) {
  const std::string body = responses_with(
      std::string(kQuestion) +
          R"(,{"type":"custom_tool_call","id":"ct","status":"completed","call_id":"c","name":"q","input":"say \"x\""},
          {"type":"custom_tool_call_output","call_id":"c","output":"done"})",
      R"(,"tools":[{"type":"custom","name":"q","description":"d","format":{"type":"text"}}])");
  const Format& source = *find_format("responses");
  const auto request = source.decode(body, {});
  ASSERT_TRUE(request) << request.error().text();
  ASSERT_EQ(request->tools.size(), 1U);
  EXPECT_EQ(request->tools[0].name, "q");
  EXPECT_EQ(request->tools[0].description, "d");
  EXPECT_TRUE(request->tools[0].hosted.empty()) << "the client runs it";
  ASSERT_EQ(request->messages.size(), 3U);
  EXPECT_EQ(request->messages[1].tool_calls.at(0).arguments, R"({"input":"say \"x\""})");
  EXPECT_EQ(request->messages[2].tool_call_id, "c");
  for (const std::string_view target : {"anthropic", "openai"}) {
    const Lost found = lost("responses", target, body);
    EXPECT_THAT(found.paths, UnorderedElementsAre("tools[0]", "input[1].input")) << target;
    EXPECT_THAT(found.reasons, UnorderedElementsAre(HasSubstr("function without parameters"), HasSubstr("free text")));
  }
}

}  // namespace
}  // namespace thalamus::wire
