#include "tests/check/cases.h"

namespace thalamus::check {
namespace {

Expectation choice(std::string letter, std::vector<std::string> options = {}) {
  Expectation expected;
  expected.checker = "choice";
  expected.value = std::move(letter);
  expected.values = std::move(options);
  return expected;
}

const std::vector<std::string> kCities = {"London", "Paris", "New York", "York"};

TEST(Choice, FindsTheLetterOrTheOptionsText) {
  expect_grades(choice("B", kCities), {{"B", true},
                                       {"b", true},
                                       {"(B)", true},
                                       {"(b)", true},
                                       {"B.", true},
                                       {"B)", true},
                                       {"B) Paris", true},
                                       {"B: Paris", true},
                                       {"B. Paris", true},
                                       {"**B**", true},
                                       {"**B) Paris**", true},
                                       {"The answer is B.", true},
                                       {"The correct answer is (B) Paris.", true},
                                       {"The correct option is B", true},
                                       {"Answer: B", true},
                                       {"\\boxed{B}", true},
                                       {"\\boxed{\\text{B}}", true},
                                       {"Option B", true},
                                       {"Paris", true},
                                       {"The answer is Paris.", true},
                                       {"It must be Paris, a city on the Seine.", true},
                                       {"B) Paris\n\nExplanation: A and C are not in France.", true},
                                       {"A city in France is asked for.\nAnswer: B", true},
                                       {"I think that it is B", true}});
}

TEST(Choice, RefusesOtherAndSeveralOptions) {
  expect_grades(choice("B", kCities), {{"", false},
                                       {"A", false},
                                       {"E", false},
                                       {"none", false},
                                       {"A) London", false},
                                       {"B or C", false},
                                       {"A, B, C, D", false},
                                       {"A B C D", false},
                                       {"A) London\nB) Paris\nC) New York\nD) York", false},
                                       {"The answer is B or C.", false},
                                       {"The answer is B. The answer is C.", false},
                                       {"\\boxed{A} \\boxed{B}", false},
                                       {"London, Paris, New York", false},
                                       {"The answer is A or B", false},
                                       {"Both A and B", false},
                                       {"(A) (B)", false},
                                       {"Answer: A\nAnswer: B", false},
                                       {"Paris or London", false}});
}

TEST(Choice, AnArticleIsNoLetter) {
  expect_grades(choice("A"), {{"A", true},
                              {"A.", true},
                              {"(A)", true},
                              {"A city in France", false},
                              {"The answer is A.", true},
                              {"Answer: A", true}});
  expect_grades(choice("I"), {{"I think so", false}, {"(I)", true}});
}

TEST(Choice, AnOptionInsideALongerOneIsNotNamed) {
  expect_grades(choice("C", kCities), {{"New York", true}, {"It is New York.", true}, {"York", false}});
  expect_grades(choice("D", kCities), {{"York", true}, {"New York", false}});
}

TEST(Choice, FailsOnALetterOutsideTheOptions) {
  expect_unusable(choice("E", kCities), "A to D");
  expect_unusable(choice("first", kCities), "not a letter");
  expect_unusable(choice("A", std::vector<std::string>(11, "x")), "at most 10");
}

}  // namespace
}  // namespace thalamus::check
