/// The checkers `regex` and `contains`, and what bounds a pattern.
#include "tests/check/cases.h"
#include "thalamus/check/bounded_regex.h"

namespace thalamus::check {
namespace {

Expectation regex(std::string pattern) {
  Expectation expected;
  expected.checker = "regex";
  expected.value = std::move(pattern);
  return expected;
}

Expectation contains(std::vector<std::string> required, std::vector<std::string> forbidden = {}) {
  Expectation expected;
  expected.checker = "contains";
  expected.values = std::move(required);
  expected.forbidden = std::move(forbidden);
  return expected;
}

TEST(Regex, SearchesTheTrimmedAnswer) {
  expect_grades(regex("^cat-cat-cat$"), {{"cat-cat-cat", true},
                                         {"  cat-cat-cat \n", true},
                                         {"cat-cat", false},
                                         {"cat-cat-cat-cat", false},
                                         {"Sure: cat-cat-cat", false},
                                         {"", false},
                                         {"CAT-CAT-CAT", false},
                                         {"cat-cat-cat\nas asked", false}});
  expect_grades(regex("b+c"), {{"aaabbbccc", true}, {"ac", false}, {"line\nbc", true}});
  expect_grades(regex("^one\\s*\\n\\s*two$"), {{"one\ntwo", true}, {"one two", false}});
  expect_grades(regex("\\bfour\\b|^$"), {{"four", true}, {"fourteen", false}, {"", true}});
  expect_grades(regex("^t[a-z]+(,t[a-z]+){3}\\.?$"),
                {{"tin,tea,toy,tap", true}, {"tin,tea,toy", false}, {"tin,tea,toy,map", false}});
}

TEST(Regex, NoPatternRunsAway) {
  expect_grades(regex("^(a+)+$"), {{std::string(30, 'a') + "b", false}});
  expect_grades(regex("(x+x+)+y"), {{std::string(2000, 'x'), false}});
  expect_grades(regex("(.*)(.*)(.*)z$"), {{std::string(2000, 'q'), false}});
}

TEST(Regex, LongAnswersNeitherOverflowNorStall) {
  expect_grades(regex("[a-z ]+!$"), {{std::string(200000, 'a') + "!", true}});
}

TEST(Regex, FailsOnABadPatternWithTheReason) {
  expect_unusable(regex("("), "not a regular expression");
  expect_unusable(regex("a)(b"), "not a regular expression");
  expect_unusable(regex(""), "needs a pattern");
  expect_unusable(regex("(a)\\1"), "back-reference");
  expect_unusable(regex("a{1000}"), "repeat count");
  expect_unusable(regex("((a{100}){100}){100}"), "too large");
  expect_unusable(regex(std::string(40, '(') + std::string(40, ')')), "nested");
  expect_unusable(regex(std::string(2000, 'a')), "2000 bytes");
}

TEST(Contains, WantsAllTextsAsWords) {
  expect_grades(contains({"red", "blue"}), {{"red and blue", true},
                                            {"BLUE, Red!", true},
                                            {"**red** `blue`", true},
                                            {"red", false},
                                            {"reddish blue", false},
                                            {"redblue", false},
                                            {"", false},
                                            {"infrared blue", false}});
  expect_grades(contains({"New York"}), {{"I love New\nYork.", true}, {"New-York", false}});
}

TEST(Contains, RefusesForbiddenTexts) {
  expect_grades(contains({"Paris"}, {"London", "Rome"}), {{"It is Paris.", true},
                                                          {"Paris, London, Rome", false},
                                                          {"Paris or london", false},
                                                          {"Paris, in romance", true}});
  expect_grades(contains({}, {"sorry"}), {{"Sure", true}, {"Sorry, no", false}, {"", false}});
}

TEST(Contains, FailsWithoutAText) {
  expect_unusable(contains({}), "at least one");
  expect_unusable(contains({"..."}), "nothing to look for");
}

TEST(Checkers, AnUnknownNameGivesTheNearest) {
  Expectation expected;
  expected.checker = "numbr";
  expect_unusable(expected, "did you mean 'number'?");
  expected.checker = "judge";
  expect_unusable(expected, "needs a target that grades");
}

TEST(Checkers, AreAllRegisteredWithHelp) {
  EXPECT_GE(checkers().size(), 7U);
  for (const auto& record : checkers()) {
    EXPECT_FALSE(record.help.empty());
    EXPECT_EQ(find_checker(record.name), &record);
  }
  EXPECT_EQ(find_checker("judge"), nullptr);
}

}  // namespace
}  // namespace thalamus::check
