// Every member of the three request schemas, as the official Python clients type them, towards both other protocols:
// where it goes on, or under which path and with which reason it is told as lost.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <nlohmann/json.hpp>
#include <set>
#include <span>

#include "thalamus/wire/format.h"
#include "thalamus/wire/translate.h"

namespace thalamus::wire {
namespace {

using nlohmann::json;

/// `at` "/text/verbosity": there it stands as `value`. `at` "n": that path is told as lost, with a reason that holds
/// `value`. Neither: nothing is said and nothing lost. `at` "!": the request is refused.
struct Outcome {
  std::string_view at = {};
  std::string_view value = {};
};

struct Row {
  std::string_view member;  ///< in the body: "\"n\":2"
  Outcome first;            ///< towards the first of the other protocols, in the order of kProtocols
  Outcome second;
};

constexpr std::string_view kNone = "no counterpart";
constexpr Outcome kNothing{};

constexpr Row kChat[] = {
    {R"("messages":[{"role":"user","content":"q"}])",
     {"/input", R"([{"type":"message","role":"user","content":"q"}])"},
     {"/messages", R"([{"role":"user","content":"q"}])"}},
    {R"("model":"m")", {"/model", R"("up")"}, {"/model", R"("up")"}},
    {R"("audio":{"voice":"v"})", {"audio", kNone}, {"audio", kNone}},
    {R"("frequency_penalty":0.5)", {"frequency_penalty", kNone}, {"frequency_penalty", kNone}},
    {R"("frequency_penalty":0)", kNothing, kNothing},
    {R"("functions":[{"name":"f"}],"function_call":{"name":"f"})",
     {"/tool_choice", R"({"type":"function","name":"f"})"},
     {"/tool_choice", R"({"type":"tool","name":"f"})"}},
    {R"("functions":[{"name":"f"}],"function_call":"none")",
     {"/tool_choice", R"("none")"},
     {"/tool_choice", R"({"type":"none"})"}},
    {R"("functions":[{"name":"f"}])", {"/tools/0/name", R"("f")"}, {"/tools/0/name", R"("f")"}},
    {R"("logit_bias":{"50256":-100})", {"logit_bias", kNone}, {"logit_bias", kNone}},
    {R"("logit_bias":{})", kNothing, kNothing},
    {R"("logprobs":true)", {"/include", R"(["message.output_text.logprobs"])"}, {"logprobs", "not given"}},
    {R"("logprobs":true,"top_logprobs":3)", {"/top_logprobs", "3"}, {"logprobs", "not given"}},
    {R"("max_completion_tokens":19)", {"/max_output_tokens", "19"}, {"/max_tokens", "19"}},
    {R"("max_tokens":9)", {"max_tokens", "given as 16"}, {"/max_tokens", "9"}},
    {R"("metadata":{"a":"b"})", {"/metadata", R"({"a":"b"})"}, {"metadata", "user_id"}},
    {R"("metadata":{"a":"b","task":"math"})", {"/metadata", R"({"a":"b"})"}, {"metadata", "user_id"}},
    {R"("modalities":["text", "audio"])", {"modalities", kNone}, {"modalities", kNone}},
    {R"("modalities":[ "text" ])", kNothing, kNothing},
    {R"("moderation":{"model":"x"})", {"/moderation", R"({"model":"x"})"}, {"moderation", kNone}},
    {R"("n":2)", {"n", "one answer"}, {"n", "one answer"}},
    {R"("n":1)", kNothing, kNothing},
    {R"("tools":[{"type":"function","function":{"name":"f"}}],"parallel_tool_calls":false)",
     {"/parallel_tool_calls", "false"},
     {"/tool_choice/disable_parallel_tool_use", "true"}},
    {R"("prediction":{"type":"content","content":"x"})", {"prediction", kNone}, {"prediction", kNone}},
    {R"("presence_penalty":-1)", {"presence_penalty", kNone}, {"presence_penalty", kNone}},
    {R"("prompt_cache_key":"k")", {"/prompt_cache_key", R"("k")"}, {"prompt_cache_key", kNone}},
    {R"("prompt_cache_options":{"ttl":"30m"})",
     {"/prompt_cache_options", R"({"ttl":"30m"})"},
     {"prompt_cache_options", kNone}},
    {R"("prompt_cache_retention":"24h")", {"/prompt_cache_retention", R"("24h")"}, {"prompt_cache_retention", kNone}},
    {R"("reasoning_effort":"low")", {"/reasoning/effort", R"("low")"}, {"/thinking/budget_tokens", "1024"}},
    {R"("reasoning_effort":"xhigh")", {"/reasoning/effort", R"("xhigh")"}, {"reasoning_effort", "\"high\""}},
    {R"("reasoning_effort":"minimal")", {"/reasoning/effort", R"("minimal")"}, {"reasoning_effort", "no thinking"}},
    {R"("response_format":{"type":"json_schema","json_schema":{"name":"n","description":"d","schema":{}}})",
     {"/text/format/description", R"("d")"},
     {"response_format.json_schema.description", kNone}},
    {R"("response_format":{"type":"json_object"})",
     {"/text/format/type", R"("json_object")"},
     {"response_format", "without a schema"}},
    {R"("safety_identifier":"s")", {"/safety_identifier", R"("s")"}, {"/metadata/user_id", R"("s")"}},
    {R"("safety_identifier":"s","user":"u")", {"/user", R"("u")"}, {"safety_identifier", "`user`"}},
    {R"("seed":7)", {"seed", "no seed"}, {"seed", "repeatable"}},
    {R"("service_tier":"flex")", {"/service_tier", R"("flex")"}, {"service_tier", "no such tier"}},
    {R"("service_tier":"default")", {"/service_tier", R"("default")"}, {"/service_tier", R"("standard_only")"}},
    {R"("service_tier":"auto")", {"/service_tier", R"("auto")"}, kNothing},
    {R"("stop":"END")", {"stop", "no stop sequences"}, {"/stop_sequences", R"(["END"])"}},
    {R"("stop":["END"," "])", {"stop", "no stop sequences"}, {"stop[1]", "white space"}},
    {R"("store":true)", {"store", "nothing is stored"}, {"store", "nothing is stored"}},
    {R"("store":false)", {"/store", "false"}, kNothing},
    {R"("stream":true,"stream_options":{"include_usage":true})", {"/stream", "true"}, {"/stream", "true"}},
    {R"("stream":true,"stream_options":{"include_obfuscation":true})",
     {"stream_options.include_obfuscation", "not padded"},
     {"stream_options.include_obfuscation", "not padded"}},
    {R"("temperature":0.5)", {"/temperature", "0.5"}, {"/temperature", "0.5"}},
    {R"("tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":"required")",
     {"/tool_choice", R"("required")"},
     {"/tool_choice/type", R"("any")"}},
    {R"("tool_choice":{"type":"allowed_tools","allowed_tools":{}})",
     {"tool_choice", "not translated"},
     {"tool_choice", "not translated"}},
    {R"("tools":[{"type":"custom","custom":{"name":"f"}}])",
     {"tools[0].custom", "as a function"},
     {"tools[0].custom", "as a function"}},
    {R"("top_p":0.5)", {"/top_p", "0.5"}, {"/top_p", "0.5"}},
    {R"("user":"u")", {"/user", R"("u")"}, {"/metadata/user_id", R"("u")"}},
    {R"("verbosity":"low")", {"/text/verbosity", R"("low")"}, {"verbosity", kNone}},
    {R"("verbosity":"low","response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{}}})",
     {"/text/verbosity", R"("low")"},
     {"verbosity", kNone}},
    {R"("web_search_options":{"user_location":{}})",
     {"web_search_options", "as a tool"},
     {"web_search_options", "as a tool"}},
};

constexpr Row kResponses[] = {
    {R"("input":"q")",
     {"/messages", R"([{"role":"user","content":"q"}])"},
     {"/messages", R"([{"role":"user","content":"q"}])"}},
    {R"("model":"m")", {"/model", R"("up")"}, {"/model", R"("up")"}},
    {R"("access_programs":{"x":1})", {"access_programs", kNone}, {"access_programs", kNone}},
    {R"("background":false)", kNothing, kNothing},
    {R"("background_options":{"x":1})", {"background_options", kNone}, {"background_options", kNone}},
    {R"("context_management":[{"type":"compaction"}])", {"context_management", kNone}, {"context_management", kNone}},
    {R"("conversation":"c")", {"!"}, {"!"}},
    {R"("image":{"x":1})", {"image", kNone}, {"image", kNone}},
    {R"("include":["message.output_text.logprobs"],"top_logprobs":2)",
     {"/top_logprobs", "2"},
     {"include[0]", "not given"}},
    {R"("include":["reasoning.encrypted_content"])", kNothing, kNothing},
    {R"("include":["reasoning.encrypted_content","file_search_call.results"])",
     {"include[1]", "provider's own tools"},
     {"include[1]", "provider's own tools"}},
    {R"("instructions":"s")", {"/messages/0/content", R"("s")"}, {"/system", R"("s")"}},
    {R"("max_output_tokens":9)", {"/max_tokens", "9"}, {"/max_tokens", "9"}},
    {R"("max_tool_calls":3)", {"max_tool_calls", kNone}, {"max_tool_calls", kNone}},
    {R"("metadata":{"task":"x","a":"b"})", {"/metadata", R"({"a":"b"})"}, {"metadata", "user_id"}},
    {R"("moderation":{"model":"x"})", {"/moderation", R"({"model":"x"})"}, {"moderation", kNone}},
    {R"("tools":[{"type":"function","name":"f"}],"parallel_tool_calls":false)",
     {"/parallel_tool_calls", "false"},
     {"/tool_choice/disable_parallel_tool_use", "true"}},
    {R"("previous_response_id":"r")", {"!"}, {"!"}},
    {R"("prompt":{"id":"p"})", {"prompt", "templates"}, {"prompt", "templates"}},
    {R"("prompt_cache_key":"k")", {"/prompt_cache_key", R"("k")"}, {"prompt_cache_key", kNone}},
    {R"("prompt_cache_options":{"ttl":"30m"})",
     {"/prompt_cache_options", R"({"ttl":"30m"})"},
     {"prompt_cache_options", kNone}},
    {R"("prompt_cache_retention":"24h")", {"/prompt_cache_retention", R"("24h")"}, {"prompt_cache_retention", kNone}},
    {R"("reasoning":{"effort":"low"})", {"/reasoning_effort", R"("low")"}, {"/thinking/budget_tokens", "1024"}},
    {R"("reasoning":{"summary":"auto"})", {"reasoning.summary", "as the target's provider"}, kNothing},
    {R"("reasoning":{"summary":"detailed"})",
     {"reasoning.summary", "as the target's provider"},
     {"reasoning.summary", "as the target's provider"}},
    {R"("reasoning":{"context":"all_turns"})", {"reasoning.context", kNone}, {"reasoning.context", kNone}},
    {R"("safety_identifier":"s")", {"/safety_identifier", R"("s")"}, {"/metadata/user_id", R"("s")"}},
    {R"("safety_identifier":"s","user":"u")", {"/user", R"("u")"}, {"safety_identifier", "`user`"}},
    {R"("service_tier":"priority")", {"/service_tier", R"("priority")"}, {"service_tier", "no such tier"}},
    {R"("service_tier":"default")", {"/service_tier", R"("default")"}, {"/service_tier", R"("standard_only")"}},
    {R"("store":true)", {"store", "nothing is stored"}, {"store", "nothing is stored"}},
    {R"("stream":true)", {"/stream", "true"}, {"/stream", "true"}},
    {R"("stream_options":{"include_obfuscation":true})",
     {"stream_options.include_obfuscation", "not padded"},
     {"stream_options.include_obfuscation", "not padded"}},
    {R"("temperature":0.5)", {"/temperature", "0.5"}, {"/temperature", "0.5"}},
    {R"("text":{"verbosity":"low"})", {"/verbosity", R"("low")"}, {"text.verbosity", kNone}},
    {R"("text":{"format":{"type":"json_schema","name":"n","description":"d","schema":{"type":"object"}}})",
     {"/response_format/json_schema/description", R"("d")"},
     {"text.format.description", kNone}},
    {R"("text":{"format":{"type":"json_object"}})",
     {"/response_format/type", R"("json_object")"},
     {"text.format", "without a schema"}},
    {R"("tools":[{"type":"function","name":"f"}],"tool_choice":"required")",
     {"/tool_choice", R"("required")"},
     {"/tool_choice/type", R"("any")"}},
    {R"("tool_choice":{"type":"allowed_tools","tools":[]})",
     {"tool_choice", "not translated"},
     {"tool_choice", "not translated"}},
    {R"("tools":[{"type":"web_search"}])", {"tools[0]", "own provider"}, {"tools[0]", "own provider"}},
    {R"("top_logprobs":2)", kNothing, kNothing},
    {R"("top_p":0.5)", {"/top_p", "0.5"}, {"/top_p", "0.5"}},
    {R"("truncation":"auto")", {"truncation", "nothing is cut"}, {"truncation", "nothing is cut"}},
    {R"("truncation":"disabled")", kNothing, kNothing},
    {R"("user":"u")", {"/user", R"("u")"}, {"/metadata/user_id", R"("u")"}},
};

constexpr Row kMessages[] = {
    {R"("max_tokens":9)", {"/max_tokens", "9"}, {"max_tokens", "given as 16"}},
    {R"("max_tokens":0)", {"max_tokens", "given as 1,"}, {"max_tokens", "given as 16"}},
    {R"("messages":[{"role":"user","content":"q"}])",
     {"/messages", R"([{"role":"user","content":"q"}])"},
     {"/input", R"([{"type":"message","role":"user","content":"q"}])"}},
    {R"("model":"m")", {"/model", R"("up")"}, {"/model", R"("up")"}},
    {R"("cache_control":{"type":"ephemeral"})", {"cache_control", "prompt cache"}, {"cache_control", "prompt cache"}},
    {R"("container":"c")", {"container", kNone}, {"container", kNone}},
    {R"("diagnostics":{"x":1})", {"diagnostics", kNone}, {"diagnostics", kNone}},
    {R"("inference_geo":"us")", {"inference_geo", kNone}, {"inference_geo", kNone}},
    {R"("metadata":{"user_id":"u"})", {"/user", R"("u")"}, {"/user", R"("u")"}},
    {R"("metadata":{"x":"y"})", {"metadata.x", kNone}, {"metadata.x", kNone}},
    {R"("output_config":{"effort":"low"})", {"/reasoning_effort", R"("low")"}, {"/reasoning/effort", R"("low")"}},
    {R"("output_config":{"effort":"max"})", {"output_config.effort", "\"high\""}, {"output_config.effort", "\"high\""}},
    {R"("output_config":{"format":{"type":"json_schema","schema":{"a":1}}})",
     {"/response_format/json_schema/schema", R"({"a":1})"},
     {"/text/format/schema", R"({"a":1})"}},
    {R"("output_config":{"task_budget":{"total":9}})",
     {"output_config.task_budget", kNone},
     {"output_config.task_budget", kNone}},
    {R"("service_tier":"auto")", kNothing, kNothing},
    {R"("service_tier":"standard_only")", {"/service_tier", R"("default")"}, {"/service_tier", R"("default")"}},
    {R"("speed":"fast")", {"speed", kNone}, {"speed", kNone}},
    {R"("stop_sequences":["END"])", {"/stop", R"(["END"])"}, {"stop_sequences", "no stop sequences"}},
    {R"("stream":true)", {"/stream", "true"}, {"/stream", "true"}},
    {R"("system":"s")", {"/messages/0/content", R"("s")"}, {"/instructions", R"("s")"}},
    {R"("system":[{"type":"text","text":"s","cache_control":{"type":"ephemeral"}}])",
     {"system[0].cache_control", "prompt cache"},
     {"system[0].cache_control", "prompt cache"}},
    {R"("temperature":0.5)", {"/temperature", "0.5"}, {"/temperature", "0.5"}},
    {R"("thinking":{"type":"enabled","budget_tokens":2048})",
     {"thinking.budget_tokens", "\"medium\""},
     {"thinking.budget_tokens", "\"medium\""}},
    {R"("thinking":{"type":"enabled","budget_tokens":4096})",
     {"/reasoning_effort", R"("medium")"},
     {"/reasoning/effort", R"("medium")"}},
    {R"("thinking":{"type":"adaptive","display":"omitted"})", {"thinking.display", kNone}, {"thinking.display", kNone}},
    {R"("tools":[{"name":"f","input_schema":{}}],"tool_choice":{"type":"any"})",
     {"/tool_choice", R"("required")"},
     {"/tool_choice", R"("required")"}},
    {R"("tools":[{"name":"f","input_schema":{},"cache_control":{"type":"ephemeral"}}])",
     {"tools[0].cache_control", "prompt cache"},
     {"tools[0].cache_control", "prompt cache"}},
    {R"("top_k":5)", {"top_k", kNone}, {"top_k", kNone}},
    {R"("top_p":0.5)", {"/top_p", "0.5"}, {"/top_p", "0.5"}},
    {R"("user_profile_id":"u")", {"user_profile_id", kNone}, {"user_profile_id", kNone}},
    {R"("workspace_id":"w")", {"workspace_id", kNone}, {"workspace_id", kNone}},
};

// What the official clients' types list, so that no member is forgotten above.
const std::set<std::string> kChatMembers{"messages",
                                         "model",
                                         "audio",
                                         "frequency_penalty",
                                         "function_call",
                                         "functions",
                                         "logit_bias",
                                         "logprobs",
                                         "max_completion_tokens",
                                         "max_tokens",
                                         "metadata",
                                         "modalities",
                                         "moderation",
                                         "n",
                                         "parallel_tool_calls",
                                         "prediction",
                                         "presence_penalty",
                                         "prompt_cache_key",
                                         "prompt_cache_options",
                                         "prompt_cache_retention",
                                         "reasoning_effort",
                                         "response_format",
                                         "safety_identifier",
                                         "seed",
                                         "service_tier",
                                         "stop",
                                         "store",
                                         "stream",
                                         "stream_options",
                                         "temperature",
                                         "tool_choice",
                                         "tools",
                                         "top_logprobs",
                                         "top_p",
                                         "user",
                                         "verbosity",
                                         "web_search_options"};
const std::set<std::string> kResponsesMembers{"access_programs",
                                              "background",
                                              "background_options",
                                              "context_management",
                                              "conversation",
                                              "image",
                                              "include",
                                              "input",
                                              "instructions",
                                              "max_output_tokens",
                                              "max_tool_calls",
                                              "metadata",
                                              "model",
                                              "moderation",
                                              "parallel_tool_calls",
                                              "previous_response_id",
                                              "prompt",
                                              "prompt_cache_key",
                                              "prompt_cache_options",
                                              "prompt_cache_retention",
                                              "reasoning",
                                              "safety_identifier",
                                              "service_tier",
                                              "store",
                                              "stream",
                                              "stream_options",
                                              "temperature",
                                              "text",
                                              "tool_choice",
                                              "tools",
                                              "top_logprobs",
                                              "top_p",
                                              "truncation",
                                              "user"};
const std::set<std::string> kMessagesMembers{
    "max_tokens",    "messages", "model",           "cache_control", "container",   "diagnostics",
    "inference_geo", "metadata", "output_config",   "service_tier",  "speed",       "stop_sequences",
    "stream",        "system",   "temperature",     "thinking",      "tool_choice", "tools",
    "top_k",         "top_p",    "user_profile_id", "workspace_id"};

/// The row's members and what else the protocol demands.
std::string body_of(const Row& row, std::string_view rest) {
  json body = json::parse(rest);
  body.update(json::parse("{" + std::string(row.member) + "}"));
  return body.dump();
}

void expect(const Outcome& outcome, const Format& from, const Format& to, const std::string& body) {
  SCOPED_TRACE(body + " as " + std::string(to.name()));
  const auto request = from.decode(body, {});
  ASSERT_EQ(request.has_value(), outcome.at != "!");
  if (!request) return;
  Losses losses;
  const std::string text = translate(from, body, *request, to, "up", losses);
  const json written = json::parse(text);
  EXPECT_TRUE(to.decode(text, {})) << text;
  if (outcome.at.empty() || outcome.at[0] == '/') {
    for (const Loss& loss : losses) {
      // Beside the user, the other name of the user has no place.
      EXPECT_EQ(loss.path, "safety_identifier") << loss.reason;
    }
  }
  if (outcome.at.empty()) return;
  if (outcome.at[0] == '/') {
    const json::json_pointer at{std::string(outcome.at)};
    ASSERT_TRUE(written.contains(at)) << text;
    EXPECT_EQ(written.at(at), json::parse(outcome.value)) << text;
    return;
  }
  ASSERT_EQ(losses.size(), 1U) << text;
  EXPECT_EQ(losses[0].path, outcome.at);
  EXPECT_THAT(losses[0].reason, ::testing::HasSubstr(std::string(outcome.value)));
}

void check(std::string_view from, std::array<std::string_view, 2> to, std::span<const Row> rows, std::string_view rest,
           const std::set<std::string>& members) {
  std::set<std::string> named;
  for (const Row& row : rows) {
    const std::string body = body_of(row, rest);
    const json given = json::parse("{" + std::string(row.member) + "}");
    for (const auto& [name, value] : given.items()) named.insert(name);
    expect(row.first, *find_format(from), *find_format(to[0]), body);
    expect(row.second, *find_format(from), *find_format(to[1]), body);
  }
  EXPECT_EQ(named, members);
}

TEST(TranslateMembers, OfChatCompletionsGoOnOrAreToldWithTheTrueReason) {
  check("openai", {"responses", "anthropic"}, kChat, R"({"model":"m","messages":[{"role":"user","content":"q"}]})",
        kChatMembers);
}

TEST(TranslateMembers, OfResponsesGoOnOrAreToldWithTheTrueReason) {
  check("responses", {"openai", "anthropic"}, kResponses, R"({"model":"m","input":"q"})", kResponsesMembers);
}

TEST(TranslateMembers, OfMessagesGoOnOrAreToldWithTheTrueReason) {
  check("anthropic", {"openai", "responses"}, kMessages,
        R"({"model":"m","max_tokens":8000,"messages":[{"role":"user","content":"q"}]})", kMessagesMembers);
}

TEST(TranslateMembers, KeepTheirSpelling) {
  const std::string body =
      R"({"model":"m","messages":[{"role":"user","content":"q"}],"metadata":{ "big":12345678901234567890,"e":1.0e+2 },
          "verbosity":"l\u006fw"})";
  const Format& chat = *find_format("openai");
  const auto request = chat.decode(body, {});
  ASSERT_TRUE(request);
  Losses losses;
  const std::string text = translate(chat, body, *request, *find_format("responses"), "up", losses);
  EXPECT_THAT(text, ::testing::HasSubstr(R"("metadata":{ "big":12345678901234567890,"e":1.0e+2 })"));
  EXPECT_THAT(text, ::testing::HasSubstr(R"("text":{"verbosity":"l\u006fw"})"));
  EXPECT_TRUE(losses.empty());
}

}  // namespace
}  // namespace thalamus::wire
