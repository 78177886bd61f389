// `tool_choice` of OpenAI's two protocols, form by form: what it means, and how the three protocols say it.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "thalamus/wire/format.h"
#include "thalamus/wire/translate.h"

namespace thalamus::wire {
namespace {

using nlohmann::json;

const char* const kChatTools =
    R"([{"type":"function","function":{"name":"f"}},{"type":"function","function":{"name":"g"}},
        {"type":"custom","custom":{"name":"c"}}])";
const char* const kResponsesTools =
    R"([{"type":"function","name":"f"},{"type":"function","name":"g"},{"type":"custom","name":"c"}])";

std::string body_of(std::string_view format, const json& choice) {
  const bool chat = format == "openai";
  json body{{"model", "m"}, {"tools", json::parse(chat ? kChatTools : kResponsesTools)}, {"tool_choice", choice}};
  if (chat) {
    body["messages"] = json::array({{{"role", "user"}, {"content", "q"}}});
  } else {
    body["input"] = "q";
  }
  return body.dump();
}

struct Said {
  json body;
  bool lost = false;  ///< the choice
};

Said said(std::string_view from, const json& choice, std::string_view to) {
  const std::string body = body_of(from, choice);
  const auto request = find_format(from)->decode(body, DecodeLimits{});
  EXPECT_TRUE(request.has_value()) << (request ? "" : request.error().text());
  Said out;
  Losses losses;
  out.body = json::parse(translate(*find_format(from), body, *request, *find_format(to), "up", losses));
  for (const Loss& loss : losses) out.lost = out.lost || loss.path.starts_with("tool_choice");
  return out;
}

TEST(ToolChoice, EveryFormOfChatIsSaidInTheWordsOfTheOthers) {
  const json allowed = {{"type", "allowed_tools"},
                        {"allowed_tools",
                         {{"mode", "required"},
                          {"tools", json::array({{{"type", "function"}, {"function", {{"name", "g"}}}},
                                                 {{"type", "custom"}, {"custom", {{"name", "c"}}}}})}}}};
  const Said responses = said("openai", allowed, "responses");
  EXPECT_FALSE(responses.lost);
  EXPECT_EQ(responses.body["tool_choice"], json::parse(R"({"type":"allowed_tools","mode":"required",
    "tools":[{"type":"function","name":"g"},{"type":"function","name":"c"}]})"));
  EXPECT_EQ(responses.body["tools"].size(), 3U);
  const Said messages = said("openai", allowed, "anthropic");
  EXPECT_FALSE(messages.lost);
  EXPECT_EQ(messages.body["tool_choice"], json::parse(R"({"type":"any"})"));
  ASSERT_EQ(messages.body["tools"].size(), 2U) << "the others are not named";
  EXPECT_EQ(messages.body["tools"][0]["name"], "g");
  EXPECT_EQ(messages.body["tools"][1]["name"], "c");

  const json custom = {{"type", "custom"}, {"custom", {{"name", "c"}}}};
  EXPECT_EQ(said("openai", custom, "responses").body["tool_choice"], (json{{"type", "function"}, {"name", "c"}}));
  EXPECT_EQ(said("openai", custom, "anthropic").body["tool_choice"], (json{{"type", "tool"}, {"name", "c"}}));
}

TEST(ToolChoice, EveryFormOfResponsesIsSaidInTheWordsOfTheOthers) {
  const json allowed = {
      {"type", "allowed_tools"}, {"mode", "auto"}, {"tools", json::array({{{"type", "function"}, {"name", "f"}}})}};
  const Said chat = said("responses", allowed, "openai");
  EXPECT_FALSE(chat.lost);
  EXPECT_EQ(chat.body["tool_choice"], json::parse(R"({"type":"allowed_tools","allowed_tools":{"mode":"auto",
    "tools":[{"type":"function","function":{"name":"f"}}]}})"));
  const Said messages = said("responses", allowed, "anthropic");
  EXPECT_FALSE(messages.lost);
  EXPECT_EQ(messages.body["tool_choice"], (json{{"type", "auto"}}));
  EXPECT_EQ(messages.body["tools"].size(), 1U);
  EXPECT_EQ(said("responses", json{{"type", "custom"}, {"name", "c"}}, "openai").body["tool_choice"],
            json::parse(R"({"type":"function","function":{"name":"c"}})"));
  for (const char* word : {"auto", "none", "required"})
    EXPECT_EQ(said("responses", word, "openai").body["tool_choice"], word);
}

TEST(ToolChoice, FormsThatOnlyTheProviderKnowsAreTold) {
  const json searches = {{"type", "web_search_preview"}};
  EXPECT_TRUE(said("responses", searches, "openai").lost);
  EXPECT_TRUE(said("responses", searches, "anthropic").lost);
  const json mixed = {{"type", "allowed_tools"},
                      {"mode", "auto"},
                      {"tools", json::array({{{"type", "function"}, {"name", "f"}}, {{"type", "image_generation"}}})}};
  EXPECT_TRUE(said("responses", mixed, "openai").lost);
  EXPECT_TRUE(said("openai", json{{"type", "allowed_tools"}, {"allowed_tools", {{"mode", "auto"}}}}, "responses").lost);
}

TEST(ToolChoice, WhatIsWrongIsToldAtItsPlace) {
  struct Row {
    const char* format;
    const char* choice;
    const char* error;
  };
  static constexpr Row kRows[] = {
      {"openai", R"({"type":"custom","custom":{"name":"d"}})",
       "body.tool_choice.custom.name: no tool of `tools` is called \"d\""},
      {"openai", R"({"type":"custom"})",
       R"(body.tool_choice.custom: missing; expected {"name":...} with the name of the tool that must be called)"},
      {"openai",
       R"({"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":[
            {"type":"function","function":{"name":"x"}}]}})",
       "body.tool_choice: no tool of `tools` is called \"x\""},
      {"openai", R"({"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":[1]}})",
       "body.tool_choice.allowed_tools.tools[0]: expected an object that names a tool, got 1"},
      {"responses", R"({"type":"allowed_tools","mode":"auto","tools":"f"})",
       "body.tool_choice.tools: expected an array of the tools that may be called, got \"f\""},
      {"responses", R"({"type":"allowed_tools","mode":1,"tools":[]})",
       "body.tool_choice.mode: expected a string, got 1"},
      {"responses", R"({"type":"custom","name":"d"})", "body.tool_choice.name: no tool of `tools` is called \"d\""},
  };
  for (const Row& row : kRows) {
    const auto request = find_format(row.format)->decode(body_of(row.format, json::parse(row.choice)), DecodeLimits{});
    ASSERT_FALSE(request.has_value()) << row.choice;
    EXPECT_TRUE(request.error().text().starts_with(row.error)) << request.error().text();
  }
}

}  // namespace
}  // namespace thalamus::wire
