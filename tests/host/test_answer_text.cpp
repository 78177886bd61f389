// With a reader that knows one form of call, "<call>name</call>": what is shown piece by piece, put together, is the
// answer's text, however the tokens cut it.
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "thalamus/host/answer_text.h"

namespace thalamus::host {
namespace {

constexpr std::string_view kOpening = "<call>";
constexpr std::string_view kClosing = "</call>";

class FakeReader final : public AnswerReader {
 public:
  std::optional<Reading> read(const std::string& text, Ending ending) const override {
    Reading out;
    const auto begin = text.find(kOpening);
    if (begin == std::string::npos) {
      out.text = text;
      // What may still become a call is no text yet.
      for (std::size_t length = kOpening.size() - 1; ending == Ending::kOpen && length > 0; --length) {
        if (!out.text.ends_with(kOpening.substr(0, length))) continue;
        out.text.resize(out.text.size() - length);
        break;
      }
      return out;
    }
    out.text = text.substr(0, begin);
    const auto end = text.find(kClosing, begin);
    if (end == std::string::npos) return ending == Ending::kOpen ? std::optional(out) : std::nullopt;
    out.calls.push_back({"", text.substr(begin + kOpening.size(), end - begin - kOpening.size()), "{}"});
    return out;
  }
};

struct Said {
  std::string shown;
  std::vector<std::string> tokens;  ///< of the log-probabilities that came along
  core::Answer answer;
};

enum class Tools : std::uint8_t { kNone, kFake };

Said say(const std::vector<std::string>& pieces, Tools tools, std::vector<std::string> stops = {}) {
  Said said;
  Job job;
  job.id = "7";
  job.request.stop = std::move(stops);
  job.on_piece = [&](const Piece& piece) {
    said.shown += piece.text;
    if (piece.logprob != nullptr) said.tokens.push_back(piece.logprob->token);
  };
  Prompt prompt;
  prompt.stops = {"<end>"};
  if (tools == Tools::kFake) prompt.reader = std::make_unique<FakeReader>();
  said.answer.finish = core::Finish::kLength;
  AnswerText text(job, prompt);
  for (const auto& piece : pieces) {
    core::TokenLogprob logprob;
    logprob.token = piece;
    text.add(piece, &logprob);
    if (text.stopped()) break;
  }
  text.finish(said.answer);
  return said;
}

std::vector<std::string> letters(std::string_view text) {
  std::vector<std::string> out;
  for (const char c : text) out.emplace_back(1, c);
  return out;
}

TEST(AnswerText, ShowsWhatItGives) {
  const Said said = say({"Hel", "lo \xe2\x82", "\xac", "!"}, Tools::kNone);
  EXPECT_EQ(said.shown, "Hello \xe2\x82\xac!");
  EXPECT_EQ(said.answer.text, said.shown);
  EXPECT_EQ(said.answer.finish, core::Finish::kLength);
  EXPECT_EQ(said.tokens.size(), 4U);
}

TEST(AnswerText, EndsAtAStopStringOfTheRequestOrTheTemplate) {
  for (const std::string_view text : {"abcSTOPdef", "abc<end>def"}) {
    const Said said = say(letters(text), Tools::kNone, {"STOP"});
    EXPECT_EQ(said.shown, "abc");
    EXPECT_EQ(said.answer.text, "abc");
    EXPECT_EQ(said.answer.finish, core::Finish::kStop);
  }
}

TEST(AnswerText, ShowsAtTheEndWhatWasHeldBack) {
  const Said said = say({"abcSTO", "\xe2\x82"}, Tools::kNone, {"STOP"});
  EXPECT_EQ(said.shown, "abcSTO\xef\xbf\xbd\xef\xbf\xbd");
  EXPECT_EQ(said.answer.text, said.shown);
  EXPECT_EQ(said.answer.finish, core::Finish::kLength);
}

TEST(AnswerText, FindsAStopStringInTheLastBytes) {
  const Said said = say({"ab", "\xe2"}, Tools::kNone, {"\xef\xbf\xbd"});
  EXPECT_EQ(said.answer.text, "ab");
  EXPECT_EQ(said.answer.finish, core::Finish::kStop);
}

TEST(AnswerText, KeepsToolCallsOutOfTheText) {
  for (const bool whole : {true, false}) {
    const std::string text = "I look. <call>weather</call>";
    const Said said = say(whole ? std::vector<std::string>{text} : letters(text), Tools::kFake);
    EXPECT_EQ(said.shown, "I look. ");
    EXPECT_EQ(said.answer.text, "I look. ");
    ASSERT_EQ(said.answer.tool_calls.size(), 1U);
    EXPECT_EQ(said.answer.tool_calls[0].name, "weather");
    EXPECT_EQ(said.answer.tool_calls[0].id, "call_7_0");
    EXPECT_EQ(said.answer.finish, core::Finish::kToolCalls);
  }
}

TEST(AnswerText, ShowsACallThatWasNeverCompletedAsText) {
  for (const std::string_view text : {"a <call>wea", "a <ca", "a <b>"}) {
    const Said said = say(letters(text), Tools::kFake);
    EXPECT_EQ(said.shown, text);
    EXPECT_EQ(said.answer.text, text);
    EXPECT_TRUE(said.answer.tool_calls.empty());
    EXPECT_EQ(said.answer.finish, core::Finish::kLength);
  }
}

}  // namespace
}  // namespace thalamus::host
