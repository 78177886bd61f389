/// What every tool declines whatever the question: what it cannot honour, and what was said before.
#include "tests/tool/tool_fixture.h"
#include "thalamus/tool/may_answer.h"

namespace thalamus::tool {
namespace {

constexpr const char* kSum = "What is 17 * 23?";

core::Request after(core::Role role, const std::string& earlier) {
  core::Request request = ask(kSum);
  core::Message message = ask(earlier).messages.front();
  message.role = role;
  request.messages.insert(request.messages.begin(), std::move(message));
  return request;
}

TEST(MayAnswer, HarmlessContextIsKept) {
  const auto rows = read_rows("context_kept.txt");
  ASSERT_GE(rows.size(), 25U);
  for (const auto& row : rows) {
    EXPECT_FALSE(may_instruct(row.front())) << row.front();
    EXPECT_EQ(answer("arithmetic", after(core::Role::kSystem, row.front())), "391") << row.front();
    EXPECT_EQ(answer("arithmetic", after(core::Role::kUser, row.front())), "391") << row.front();
  }
}

TEST(MayAnswer, ContextThatInstructsDeclines) {
  const auto rows = read_rows("context_declined.txt");
  ASSERT_GE(rows.size(), 25U);
  for (const auto& row : rows) {
    EXPECT_TRUE(may_instruct(row.front())) << row.front();
    EXPECT_FALSE(may_answer(after(core::Role::kSystem, row.front()))) << row.front();
    EXPECT_FALSE(may_answer(after(core::Role::kUser, row.front()))) << row.front();
    EXPECT_FALSE(answer("arithmetic", after(core::Role::kSystem, row.front())).has_value()) << row.front();
  }
}

TEST(MayAnswer, WhatTheModelSaidInstructsNobody) {
  EXPECT_TRUE(may_answer(after(core::Role::kAssistant, "Use only JSON.")));
}

TEST(MayAnswer, LongContextDeclines) {
  EXPECT_TRUE(may_answer(after(core::Role::kSystem, std::string(2048, 'a'))));
  EXPECT_FALSE(may_answer(after(core::Role::kSystem, std::string(2049, 'a'))));
}

TEST(MayAnswer, EachToolAsks) {
  for (const ToolRecord& record : tools()) {
    core::Request request = ask(std::string(record.example));
    EXPECT_TRUE(answer(record.name, request).has_value()) << record.name;
    request.messages.insert(request.messages.begin(), ask("Reply in French.").messages.front());
    request.messages.front().role = core::Role::kSystem;
    EXPECT_FALSE(answer(record.name, request).has_value()) << record.name;
  }
}

TEST(MayAnswer, WhatCannotBeHonouredDeclines) {
  const auto declines = [](auto change) {
    core::Request request = ask(kSum);
    change(request);
    return !may_answer(request) && !answer("arithmetic", request).has_value();
  };
  EXPECT_FALSE(declines([](core::Request&) {}));
  EXPECT_FALSE(declines([](core::Request& request) { request.max_output_tokens = 64; }));
  EXPECT_FALSE(declines([](core::Request& request) { request.temperature = 0.2; }));
  EXPECT_TRUE(declines([](core::Request& request) { request.max_output_tokens = 63; }));
  EXPECT_TRUE(declines([](core::Request& request) { request.logprobs = 0; }));
  EXPECT_TRUE(declines([](core::Request& request) { request.stop = {"3"}; }));
  EXPECT_TRUE(declines([](core::Request& request) { request.tools.push_back({"f", "", "{}"}); }));
  EXPECT_TRUE(declines([](core::Request& request) { request.response_format = core::ResponseFormat::kJsonObject; }));
  for (const auto kind : {core::PartKind::kImage, core::PartKind::kAudio, core::PartKind::kFile}) {
    EXPECT_TRUE(declines([&](core::Request& request) { request.messages.back().parts.push_back({kind, "x"}); }));
  }
}

TEST(MayAnswer, AnAnswerLongerThanTheLimitIsDeclined) {
  core::Request request = ask("What is 2^400? Reply with only the number.");
  request.max_output_tokens = 64;
  EXPECT_FALSE(answer("arithmetic", request).has_value());
  request.max_output_tokens = 200;
  EXPECT_TRUE(answer("arithmetic", request).has_value());
}

}  // namespace
}  // namespace thalamus::tool
