// Thoughts of other providers in a conversation whose bytes are forwarded: they go, and nothing else does.
#include "thalamus/wire/foreign_thoughts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace thalamus::wire {
namespace {

using nlohmann::json;
using testing::ElementsAre;

struct Mended {
  std::optional<std::string> body;
  std::vector<std::string> paths;
};

Mended mended(std::string_view format, const std::string& body) {
  const auto request = find_format(format)->decode(body, DecodeLimits{});
  EXPECT_TRUE(request.has_value()) << (request ? "" : request.error().text());
  EXPECT_TRUE(holds_thoughts(*request)) << body;
  Mended out;
  Losses losses;
  out.body = without_foreign_thoughts(format, body, losses);
  for (const Loss& loss : losses) out.paths.push_back(loss.path);
  return out;
}

const std::string kMembers = R"("max_tokens": 64, "temperature": 1.00e-0)";

std::string messages(const std::string& turns, const std::string& members = kMembers) {
  return R"({ "model":"m",)" + members + R"(, "messages" : [{"role":"user","content":"q"},)" + turns +
         R"(,{"role":"user","content":"go on"}] })";
}

constexpr const char* kThought = R"({"type":"thinking","thinking":"hm","signature":"EqQBCg=="})";
constexpr const char* kUnsigned = R"({"type":"thinking","thinking":"hm","signature":""})";
constexpr const char* kForeign = R"({"type":"thinking","thinking":"","signature":"thalamus.1.rs_1.gAAA"})";
constexpr const char* kText = R"({"type":"text","text":"a","cache_control":{"type":"ephemeral"}})";
constexpr const char* kCall = R"({"type":"tool_use","id":"c1","name":"f","input":{"x":1.0}})";

std::string turn(std::initializer_list<const char*> blocks) {
  std::string out = R"({"role":"assistant","content":[)";
  for (const char* block : blocks) out.append(out.ends_with('[') ? "" : ",").append(block);
  return out.append("]}");
}

TEST(ForeignThoughts, OwnProofsStayWithEveryByte) {
  EXPECT_FALSE(mended("anthropic", messages(turn({kThought, kText}))).body);
  EXPECT_FALSE(mended("anthropic", messages(turn({R"({"type":"redacted_thinking","data":"x"})", kText}))).body);
  for (const char* item : {R"({"type":"reasoning","id":"rs_68af40","summary":[],"encrypted_content":"gAAA"})",
                           R"({"type":"reasoning","id":"rs_68af40","summary":[]})"})
    EXPECT_FALSE(mended("responses", std::string(R"({"model":"m","input":[)") + item + "]}").body) << item;
}

TEST(ForeignThoughts, OthersGoAndAreTold) {
  const Mended one = mended("anthropic", messages(turn({kUnsigned, kText}) + R"(,{"role":"user","content":"more"},)" +
                                                  turn({kForeign, kText, kThought})));
  ASSERT_TRUE(one.body);
  EXPECT_EQ(*one.body, messages(turn({kText}) + R"(,{"role":"user","content":"more"},)" + turn({kText, kThought})))
      << "number forms, marks and members stay";
  EXPECT_THAT(one.paths, ElementsAre("messages[1].content[0]", "messages[3].content[0]"));

  const Mended alone = mended("anthropic", messages(turn({kUnsigned})));
  ASSERT_TRUE(alone.body);
  EXPECT_EQ(json::parse(*alone.body)["messages"].size(), 2U) << "a turn of nothing else goes with it";
}

TEST(ForeignThoughts, ThinkingIsSwitchedOffWhereTheProtocolForbidsItWithout) {
  const std::string on = R"("max_tokens":3000,"thinking":{"type":"enabled","budget_tokens":1200})";
  const Mended waits = mended("anthropic", messages(turn({kUnsigned, kCall}), on));
  ASSERT_TRUE(waits.body);
  EXPECT_EQ(json::parse(*waits.body)["thinking"], (json{{"type", "disabled"}}));
  EXPECT_THAT(waits.paths, ElementsAre("messages[1].content[0]", "thinking"));
  const Mended said = mended("anthropic", messages(turn({kUnsigned, kText}), on));
  ASSERT_TRUE(said.body);
  EXPECT_EQ(json::parse(*said.body)["thinking"]["type"], "enabled") << "no call waits for its result";
}

TEST(ForeignThoughts, OfResponsesTheItemsThatTheGatewayMadeGo) {
  const std::string name = "rs_0123456789abcdef0123456789abcdef_0";
  const std::string body = R"({"model":"m","input":[{"role":"user","content":"q"},
    {"type":"reasoning","id":")" +
                           name + R"(","summary":[{"type":"summary_text","text":"hm"}]},
    {"type":"reasoning","id":"rs_x","summary":[],"encrypted_content":"thalamus-signature:EqQB"},
    {"type":"reasoning","id":"rs_y","summary":[],"encrypted_content":"thalamus-encrypted:abc"},
    {"type":"message","role":"assistant","content":[{"type":"output_text","text":"a","annotations":[]}]}]})";
  const Mended one = mended("responses", body);
  ASSERT_TRUE(one.body);
  const json input = json::parse(*one.body)["input"];
  ASSERT_EQ(input.size(), 2U);
  EXPECT_EQ(input[1]["type"], "message");
  EXPECT_THAT(one.paths, ElementsAre("input[1]", "input[2]", "input[3]"));
}

}  // namespace
}  // namespace thalamus::wire
