/// Which requests may be answered at all, and how the asked form of the answer is kept.
#include "tests/tool/tool_fixture.h"
#include "thalamus/base/rng.h"

namespace thalamus::tool {
namespace {

constexpr const char* kSum = "What is 17 * 23?";

TEST(Gate, ToolDefinitionsDecline) {
  auto request = ask(kSum);
  request.tools.push_back({"search", "", "{}"});
  EXPECT_FALSE(answer("arithmetic", request).has_value());
}

TEST(Gate, StructuredOutputDeclines) {
  auto request = ask(kSum);
  request.response_format = core::ResponseFormat::kJsonObject;
  EXPECT_FALSE(answer("arithmetic", request).has_value());
  request.response_format = core::ResponseFormat::kJsonSchema;
  EXPECT_FALSE(answer("arithmetic", request).has_value());
}

TEST(Gate, ImagesDecline) {
  auto request = ask(kSum);
  request.messages.back().parts.push_back({core::PartKind::kImage, "https://example.com/a.png"});
  EXPECT_FALSE(answer("arithmetic", request).has_value());
}

TEST(Gate, NoMessagesDecline) { EXPECT_FALSE(answer("arithmetic", core::Request{}).has_value()); }

TEST(Gate, AnAssistantTurnAtTheEndDeclines) {
  auto request = ask(kSum);
  request.messages.push_back(request.messages.back());
  request.messages.back().role = core::Role::kAssistant;
  EXPECT_FALSE(answer("arithmetic", request).has_value());
}

core::Request after_a_turn(const std::string& text) {
  auto request = ask("What is 3 + 4?");
  auto reply = request.messages.back();
  reply.role = core::Role::kAssistant;
  reply.parts.front().text = "7";
  request.messages.push_back(std::move(reply));
  request.messages.push_back(ask(text).messages.front());
  return request;
}

TEST(Gate, AFollowUpThatPointsBackDeclines) {
  for (const char* text : {"What is that times 2?", "What date is it?", "Is the previous result 17 prime?", "2 + 2"}) {
    for (const ToolRecord& record : tools()) {
      EXPECT_FALSE(answer(record.name, after_a_turn(text)).has_value()) << text;
    }
  }
}

TEST(Gate, AnIndependentLaterTurnIsAnswered) {
  EXPECT_EQ(answer("arithmetic", after_a_turn("What is 17 * 23?")), "391");
}

TEST(Gate, ASystemMessageIsIgnored) {
  auto request = ask(kSum);
  auto system = ask("You are a helpful assistant.").messages.front();
  system.role = core::Role::kSystem;
  request.messages.insert(request.messages.begin(), std::move(system));
  EXPECT_EQ(answer("arithmetic", request), "391");
}

TEST(Gate, LongTextsDecline) {
  EXPECT_FALSE(answer("arithmetic", "What is 1" + std::string(3000, ' ') + "+ 2?").has_value());
  EXPECT_FALSE(answer("units", std::string(700, 'a') + " convert 5 miles to km").has_value());
  EXPECT_FALSE(answer("text", "Reverse the string '" + std::string(17000, 'a') + "'").has_value());
}

TEST(Gate, InvalidUtf8Declines) { EXPECT_FALSE(answer("arithmetic", "What is 2 + 2?\xff").has_value()); }

TEST(Style, OnlyTheAnswerMeansNoWorking) {
  const auto text = [](const char* prompt) {
    return find_tool("arithmetic")->instance().solve(ask(prompt), Context{kNow})->text();
  };
  EXPECT_EQ(text("What is 17 * 23?"), "17 * 23 = 391\n391");
  EXPECT_EQ(text("What is 17 * 23? Answer with only the number."), "391");
}

TEST(Style, RoundingIsSaidInTheWorking) {
  const auto solution = find_tool("arithmetic")->instance().solve(ask("What is 2 / 3?"), Context{kNow});
  ASSERT_TRUE(solution.has_value());
  EXPECT_EQ(solution->answer, "0.6666666667");
  EXPECT_THAT(solution->working, testing::HasSubstr("2/3 ≈ 0.6666666667 (rounded to 10 significant digits)"));
}

TEST(Style, NoDigitBeforeThePointIsRoundedAway) {
  const auto working = [](const char* prompt) {
    const auto solution = find_tool("arithmetic")->instance().solve(ask(prompt), Context{kNow});
    return solution.has_value() ? solution->working : "(declined)";
  };
  EXPECT_THAT(working("What is 123456789012 / 7?"),
              testing::HasSubstr("≈ 17636684144.571429 (rounded to 6 decimal places)"));
  EXPECT_THAT(working("What is 123456789012345678901 / 8?"), testing::HasSubstr("= 15432098626543209862.625"));
  EXPECT_THAT(working("What is 123456789012345678901 / 8?"), testing::Not(testing::HasSubstr("rounded")));
}

TEST(Style, TheWorkingOfAPercentDecreaseIsTrue) {
  const auto solution =
      find_tool("arithmetic")->instance().solve(ask("What is the percent decrease from 80 to 60?"), Context{kNow});
  ASSERT_TRUE(solution.has_value());
  EXPECT_EQ(solution->working, "(80 - 60) / 80 × 100 = 25%");
}

TEST(Style, AnAnswerOfAnotherKindThanAskedIsDeclined) {
  EXPECT_FALSE(answer("arithmetic", "What is 7 / 2? Answer with an integer only.").has_value());
  EXPECT_FALSE(answer("dates", "What date is 3 days after 2024-01-01? Answer with only the weekday.").has_value());
  EXPECT_FALSE(answer("text", "Reverse the string 'abc'. Answer with only the number.").has_value());
}

TEST(Clock, TodayNeedsAClock) {
  const Tool& dates = find_tool("dates")->instance();
  EXPECT_FALSE(dates.solve(ask("What is today's date?"), Context{}).has_value());
  EXPECT_TRUE(dates.solve(ask("What day of the week was 2024-02-29?"), Context{}).has_value());
}

TEST(Robustness, CutAndMixedPromptsNeverCrashAndStayConsistent) {
  constexpr std::uint64_t kSeed = 42;
  RecordProperty("seed", std::to_string(kSeed));
  base::Rng rng(kSeed);
  const auto rows = read_rows("claimed.txt");
  for (int i = 0; i < 400; ++i) {
    const std::string& a = rng.pick(rows).front();
    const std::string& b = rng.pick(rows).front();
    std::string text = a.substr(rng.below(a.size())) + b.substr(0, rng.below(b.size()));
    if (rng.below(2) == 0) text[rng.below(text.size() + 1) % text.size()] = static_cast<char>(rng.below(256));
    (void)claims_of(text);
  }
}

}  // namespace
}  // namespace thalamus::tool
