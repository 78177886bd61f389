#include "tests/check/cases.h"

namespace thalamus::check {
namespace {

Expectation exact(std::string value, std::vector<std::string> further = {}) {
  Expectation expected;
  expected.checker = "exact";
  expected.value = std::move(value);
  expected.values = std::move(further);
  return expected;
}

TEST(Exact, AcceptsTheTextInTheDressThatChatModelsGiveIt) {
  expect_grades(exact("Paris"), {{"Paris", true},
                                 {"paris.", true},
                                 {"  PARIS \n", true},
                                 {"**Paris**", true},
                                 {"`Paris`", true},
                                 {"\"Paris\"", true},
                                 {"\xe2\x80\x9cParis\xe2\x80\x9d", true},
                                 {"Answer: Paris", true},
                                 {"**Answer:** Paris", true},
                                 {"The answer is Paris.", true},
                                 {"The correct answer is **Paris**!", true},
                                 {"The capital of France is Paris.", true},
                                 {"Paris is the capital of France.", true},
                                 {"\\boxed{Paris}", true},
                                 {"$\\boxed{\\text{Paris}}$", true},
                                 {"Let me think.\nIt lies on the Seine.\nParis", true},
                                 {"```\nParis\n```", true},
                                 {"Final answer:\nParis", true},
                                 {"Paris\n\nExplanation: it has been the capital for centuries.", true},
                                 {"<think>Lyon? No.</think>Paris", true},
                                 {"The answer to the question is Paris.", true}});
}

TEST(Exact, RefusesOtherTextsAndListsOfGuesses) {
  expect_grades(exact("Paris"), {{"", false},
                                 {"London", false},
                                 {"Pari", false},
                                 {"Parisian", false},
                                 {"Paris or London", false},
                                 {"Paris, London, Rome, Berlin", false},
                                 {"The answer is London.", false},
                                 {"The answer is Paris, London or Rome.", false},
                                 {"The answer is Paris. The answer is London.", false},
                                 {"Answer: London\nAnswer: Paris", false},
                                 {"\\boxed{Paris} \\boxed{London}", false},
                                 {"The answer is London.\nParis", false},
                                 {"Paris\nLondon", false},
                                 {"It is not Paris", false},
                                 {"The capital of France is not Paris.", false},
                                 {"...", false},
                                 {std::string(200000, 'x'), false}});
}

TEST(Exact, TakesFurtherFormsAndIgnoresArticles) {
  expect_grades(
      exact("2021-04-03", {"3 April 2021", "April 3, 2021"}),
      {{"April 3, 2021", true}, {"3 april 2021.", true}, {"The date is 2021-04-03.", true}, {"2021-03-04", false}});
  expect_grades(exact("kitchen"), {{"The kitchen", true}, {"in the kitchen", false}, {"the garden", false}});
}

TEST(Exact, MinimalPairsOfNumbersAndSeparators) {
  expect_grades(exact("12345"), {{"12,345", true}, {"12 345", false}, {"1234", false}, {"12,354", false}});
}

TEST(Exact, ComparesCaseWhereAsked) {
  Expectation expected = exact("LANTERN");
  expected.match_case = true;
  expect_grades(expected, {{"LANTERN", true},
                           {"Lantern", false},
                           {"lantern", false},
                           {"The answer is LANTERN.", true},
                           {"**LANTERN**", true}});
}

TEST(Exact, FailsOnAnExpectationWithNothingToCompare) { expect_unusable(exact("..."), "no letter or digit"); }

}  // namespace
}  // namespace thalamus::check
