// Every loss names a place of the client's own body, in the client's own words, whatever was lost and whatever else the
// body holds.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

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

}  // namespace
}  // namespace thalamus::wire
