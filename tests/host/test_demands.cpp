#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "thalamus/host/demands.h"

namespace thalamus::host {
namespace {

using testing::HasSubstr;

Error refusal_of(std::string_view body) {
  const auto demands = read_demands(body);
  EXPECT_FALSE(demands.has_value()) << body;
  return demands ? Error{} : demands.error();
}

core::Request request_with(core::PartKind kind) {
  core::Request request;
  core::Message& message = request.messages.emplace_back();
  message.parts.push_back({core::PartKind::kText, "what is this?"});
  message.parts.push_back({kind, "picture.png"});
  return request;
}

TEST(Demands, AreTheirDefaultsWhereNothingIsAsked) {
  for (const std::string_view body :
       {"{}", R"({"n":1,"modalities":["text"],"audio":null,"logit_bias":{},"tool_choice":"auto","x":[1,{"n":2}]})",
        R"({"n":null,"modalities":null,"presence_penalty":0,"frequency_penalty":0.0})"}) {
    const auto demands = read_demands(body);
    ASSERT_TRUE(demands.has_value()) << demands.error().text();
    EXPECT_EQ(demands->tool_choice, ToolChoice::kAuto);
    EXPECT_EQ(demands->presence_penalty, 0);
    EXPECT_EQ(demands->frequency_penalty, 0);
  }
}

TEST(Demands, AreReadFromTheirMembers) {
  const auto demands = read_demands(R"({"presence_penalty":-1.5,"frequency_penalty":2,"tool_choice":"none"})");
  ASSERT_TRUE(demands.has_value());
  EXPECT_EQ(demands->presence_penalty, -1.5);
  EXPECT_EQ(demands->frequency_penalty, 2);
  EXPECT_EQ(demands->tool_choice, ToolChoice::kNone);
  const auto named = read_demands(R"({"tool_choice":{"type":"function","function":{"name":"look"}}})");
  ASSERT_TRUE(named.has_value());
  EXPECT_EQ(named->tool_choice, ToolChoice::kRequired);
  EXPECT_EQ(named->tool, "look");
}

TEST(Demands, RefuseByNameWhatATextModelCannotDo) {
  struct Row {
    std::string_view body;
    std::string_view where;
    ErrorKind kind;
  };
  const std::vector<Row> rows{
      {R"({"n":2})", "body.n", ErrorKind::kUnsupported},
      {R"({"n":0})", "body.n", ErrorKind::kInvalidInput},
      {R"({"n":"3"})", "body.n", ErrorKind::kInvalidInput},
      {R"({"modalities":["text","audio"]})", "body.modalities[1]", ErrorKind::kUnsupported},
      {R"({"modalities":"text"})", "body.modalities", ErrorKind::kInvalidInput},
      {R"({"audio":{"voice":"a","format":"mp3"}})", "body.audio", ErrorKind::kUnsupported},
      {R"({"logit_bias":{"5":-100}})", "body.logit_bias", ErrorKind::kUnsupported},
      {R"({"logit_bias":[]})", "body.logit_bias", ErrorKind::kInvalidInput},
      {R"({"presence_penalty":2.5})", "body.presence_penalty", ErrorKind::kInvalidInput},
      {R"({"frequency_penalty":"much"})", "body.frequency_penalty", ErrorKind::kInvalidInput},
      {R"({"tool_choice":"always"})", "body.tool_choice", ErrorKind::kInvalidInput},
      {R"({"tool_choice":7})", "body.tool_choice", ErrorKind::kInvalidInput},
      {R"({"tool_choice":{"type":"function"}})", "body.tool_choice.function.name", ErrorKind::kInvalidInput},
  };
  for (const Row& row : rows) {
    const Error error = refusal_of(row.body);
    EXPECT_EQ(error.where, row.where) << row.body;
    EXPECT_EQ(error.kind, row.kind) << row.body;
    EXPECT_EQ(base::http_status(error.kind), 400) << row.body;
    EXPECT_FALSE(error.message.empty()) << row.body;
  }
}

TEST(Demands, FailOnEveryCutOfABody) {
  const std::string body = R"({"n":1,"modalities":["text"],"tool_choice":{"function":{"name":"a"}},"logit_bias":{}})";
  for (std::size_t size = 0; size < body.size(); ++size)
    EXPECT_FALSE(read_demands(std::string_view(body).substr(0, size)).has_value()) << size;
}

TEST(CheckSupported, RefusesContentThatIsNoTextByItsPlace) {
  for (const auto kind :
       {core::PartKind::kImage, core::PartKind::kAudio, core::PartKind::kFile, core::PartKind::kOther}) {
    const Status status = check_supported(request_with(kind), {});
    ASSERT_FALSE(status.has_value());
    EXPECT_EQ(status.error().kind, ErrorKind::kUnsupported);
    EXPECT_EQ(status.error().where, "body.messages[0].content[1]");
  }
  EXPECT_TRUE(check_supported(request_with(core::PartKind::kText), {}).has_value());
  EXPECT_TRUE(check_supported(request_with(core::PartKind::kRefusal), {}).has_value());
}

TEST(CheckSupported, BoundsStopStringsAndTools) {
  core::Request request;
  request.stop.assign(17, "x");
  EXPECT_EQ(check_supported(request, {}).error().where, "body.stop");
  request.stop.assign({"ok", std::string(1025, 'x')});
  EXPECT_EQ(check_supported(request, {}).error().where, "body.stop[1]");
  request.stop.assign(16, std::string(1024, 'x'));
  EXPECT_TRUE(check_supported(request, {}).has_value());
  request.tools.resize(129);
  EXPECT_EQ(check_supported(request, {}).error().where, "body.tools");
}

TEST(CheckSupported, RefusesAForcedToolThatIsNotGiven) {
  core::Request request;
  Demands demands;
  demands.tool_choice = ToolChoice::kRequired;
  EXPECT_EQ(check_supported(request, demands).error().where, "body.tool_choice");
  request.tools.push_back({"look", "", ""});
  EXPECT_TRUE(check_supported(request, demands).has_value());
  demands.tool = "take";
  EXPECT_THAT(check_supported(request, demands).error().message, HasSubstr("\"take\""));
  demands.tool = "look";
  EXPECT_TRUE(check_supported(request, demands).has_value());
}

}  // namespace
}  // namespace thalamus::host
