#include <gtest/gtest.h>

#include "thalamus/feature/description.h"
#include "thalamus/feature/question.h"

namespace thalamus::feature {
namespace {

/// Words of the question of one user message.
std::size_t question_words(const std::string& text) { return count_question_tokens(text, 0); }

std::size_t begin_of(const core::Request& request, Reads reads = kReadsAll) {
  Description description;
  describe(request, description, reads);
  return description.question_tokens_begin;
}
core::Message message(core::Role role, std::string text) {
  return {role, {{core::PartKind::kText, std::move(text)}}, {}, {}};
}

TEST(Question, IsTheLastParagraph) {
  EXPECT_EQ(question_words("one two three four five"), 5U);
  EXPECT_EQ(question_words("a document here\n\nwhat does it say"), 4U);
  EXPECT_EQ(question_words("a document here\r\n \t\r\nwhat does it say\n\n"), 4U);
  EXPECT_EQ(question_words("one line\nanother line\nwhat is it"), 7U) << "lines are no paragraphs";
}

TEST(Question, AShortLastParagraphBelongsToTheOneBefore) {
  EXPECT_EQ(question_words("a document\n\nwhat does it say\n\nAnswer:"), 5U);
  EXPECT_EQ(question_words("yes\n\nno"), 2U);
  EXPECT_EQ(question_words(""), 0U);
  EXPECT_EQ(question_words("\n\n\n"), 0U);
}

TEST(Question, EveryBeginningOfTheMessageIsCountedFromThere) {
  const std::string text = "old turn here\nfirst second third\n\nfourth fifth sixth seventh";
  EXPECT_EQ(count_question_tokens(text, 14), 4U);
  EXPECT_EQ(count_question_tokens(text, text.size()), 0U);
}

TEST(DescriptionQuestion, EarlierMessagesPrecedeTheQuestion) {
  core::Request request;
  request.messages = {message(core::Role::kSystem, "Be brief now."), message(core::Role::kUser, "What is this thing?")};
  EXPECT_EQ(begin_of(request), 3U);
  request.messages[1] = message(core::Role::kUser, "Some facts.\n\nWhat is this thing?");
  EXPECT_EQ(begin_of(request), 5U);
  request.messages.erase(request.messages.begin());
  EXPECT_EQ(begin_of(request), 2U);
  request.messages[0] = message(core::Role::kUser, "What is this thing?");
  EXPECT_EQ(begin_of(request), 0U);
}

TEST(DescriptionQuestion, IsFilledOnlyWhereSomebodyReadsIt) {
  core::Request request;
  request.messages = {message(core::Role::kUser, "Some facts.\n\nWhat is this thing?")};
  EXPECT_EQ(begin_of(request, {.tokens = true}), 0U);
  EXPECT_EQ(begin_of(request, {.tokens = true, .question = true}), 2U);
  EXPECT_EQ(begin_of(request, {.signals = true, .question = true}), 0U) << "there are no tokens";
}

TEST(DescriptionQuestion, ALongTextKeepsTheQuestionAtItsEnd) {
  std::string document;
  while (document.size() < 100'000) document += "many words of a long document ";
  core::Request request;
  request.messages = {message(core::Role::kUser, document + "\n\nWhat does the document say?")};
  Description description;
  describe(request, description);
  EXPECT_EQ(description.tokens.size() - description.question_tokens_begin, 5U);
  // The last message may lie wholly within what is left out.
  request.messages = {message(core::Role::kUser, "First?"), message(core::Role::kAssistant, document)};
  describe(request, description);
  EXPECT_LE(description.question_tokens_begin, description.tokens.size());
}

TEST(DescriptionQuestion, ATableRowFindsItsLastUserMessage) {
  Description description;
  describe_row("Earlier turn.\nAn answer.\nAnd what is this now?",
               R"([{"role":"user","content":"Earlier turn."},{"role":"assistant","content":"An answer."},)"
               R"({"role":"user","content":"And what is this now?"}])",
               "", description);
  EXPECT_EQ(description.question_tokens_begin, 4U);
  describe_row("Some facts.\n\nAnd what is this now?", "", "", description);
  EXPECT_EQ(description.question_tokens_begin, 2U);
}

}  // namespace
}  // namespace thalamus::feature
