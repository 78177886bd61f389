#include <gtest/gtest.h>

#include "thalamus/check/checker.h"
#include "thalamus/check/normalise.h"

namespace thalamus::check {
namespace {

TEST(Normalise, GivesOneFormToOneAnswer) {
  for (const std::string answer :
       {"Paris", " paris. ", "**PARIS**", "\"Paris\"", "`paris`", "\xe2\x80\x9cParis\xe2\x80\x9d!", "\\boxed{Paris}",
        "$\\text{Paris}$", "```\nParis\n```", "### Paris", "<think>?</think> Paris", "(Paris)", "_Paris_",
        "\xef\xbb\xbfParis", "> Paris"})
    EXPECT_EQ(normalise(answer), "paris") << answer;
}

TEST(Normalise, KeepsWhatCarriesMeaning) {
  EXPECT_EQ(normalise("2**3 * 4"), "2**3 * 4");
  EXPECT_EQ(normalise("snake_case_name"), "snake_case_name");
  EXPECT_EQ(normalise("-5"), "-5");
  EXPECT_EQ(normalise("\xe2\x88\x92"
                      "5"),
            "-5");
  EXPECT_EQ(normalise("C++"), "c++");
  EXPECT_EQ(normalise("#### 5"), "#### 5");
  EXPECT_EQ(normalise_keeping_case("Ab c"), "Ab c");
}

TEST(Normalise, UnifiesSpacesSeparatorsAndWidths) {
  EXPECT_EQ(normalise("1,234,567"), "1234567");
  EXPECT_EQ(normalise("1\xe2\x80\xaf"
                      "234"),
            "1234");
  EXPECT_EQ(normalise("1,2,3"), "1, 2, 3");
  EXPECT_EQ(normalise("[100,200]"), "100, 200");
  EXPECT_EQ(normalise("a\xc2\xa0\xe2\x80\x83"
                      "b\n\nc"),
            "a b c");
  EXPECT_EQ(normalise("\xef\xbc\xa1\xef\xbc\x91"), "a1");
  EXPECT_EQ(normalise("1234.5678"), "1234.5678");
}

TEST(Normalise, ReadsSimpleLatex) {
  EXPECT_EQ(normalise("\\frac{3}{4}"), "3/4");
  EXPECT_EQ(normalise("\\( 3 \\times 4 \\)"), "3 * 4");
  EXPECT_EQ(normalise("1{,}234"), "1234");
  EXPECT_EQ(normalise("45\\%"), "45%");
  EXPECT_EQ(normalise("\\frac{3"), "\\frac{3");
}

TEST(Normalise, IsStableUnderItself) {
  for (const std::string answer :
       {"  **A, b**,c ", "The answer is \\boxed{1,000}.", "((x))", "\"'quoted'\"", "- a\n- b"}) {
    const std::string once = normalise(answer);
    EXPECT_EQ(normalise(once), once) << answer;
  }
}

TEST(Normalise, LongAnswersCountByTheirEnd) {
  EXPECT_LE(bounded_answer(std::string(200000, 'x')).size(), kAnswerLengthMax);
  std::string answer;
  while (answer.size() < 100000) answer += "\xc3\xa9";
  EXPECT_TRUE(bounded_answer(answer + "x").starts_with("\xc3\xa9"));
  EXPECT_TRUE(normalise(answer + " end").ends_with(" end"));
}

TEST(Normalise, HashIsSixteenHexadecimalDigitsAndFixed) {
  EXPECT_EQ(answer_hash("paris").size(), 16U);
  EXPECT_EQ(answer_hash("paris"), answer_hash(normalise("**Paris**.")));
  EXPECT_NE(answer_hash("paris"), answer_hash("rome"));
}

}  // namespace
}  // namespace thalamus::check
