#include "tests/check/cases.h"

namespace thalamus::check {
namespace {

Expectation set(std::vector<std::string> items, bool ordered = false) {
  Expectation expected;
  expected.checker = "set";
  expected.values = std::move(items);
  expected.ordered = ordered;
  return expected;
}

TEST(Set, ReadsListsInAnyOrderAndDress) {
  expect_grades(set({"apple", "pear", "fig"}), {{"apple, pear, fig", true},
                                                {"fig, apple, pear", true},
                                                {"Fig, Apple and Pear.", true},
                                                {"fig, apple, and pear", true},
                                                {"{apple, pear, fig}", true},
                                                {"['apple', 'pear', 'fig']", true},
                                                {"- apple\n- pear\n- fig", true},
                                                {"1. fig\n2. pear\n3. apple", true},
                                                {"Here they are:\n* apple\n* pear\n* fig", true},
                                                {"apple\npear\nfig", true},
                                                {"apple; pear; fig", true},
                                                {"The common fruits are apple, pear and fig.", true},
                                                {"The answer is {fig, pear, apple}.", true},
                                                {"**apple**, **pear**, **fig**", true},
                                                {"Answer: apple, pear, fig", true},
                                                {"\\boxed{\\{apple, pear, fig\\}}", true},
                                                {"```\napple, pear, fig\n```", true},
                                                {"apple, pear, fig, apple", true}});
}

TEST(Set, RefusesMissingAndExtraItems) {
  expect_grades(set({"apple", "pear", "fig"}), {{"", false},
                                                {"apple, pear", false},
                                                {"apple, pear, fig, plum", false},
                                                {"apple, pear, plum", false},
                                                {"apple pear fig", false},
                                                {"none", false},
                                                {"{}", false},
                                                {"apple, banana, cherry, date, fig, grape, pear, plum", false},
                                                {"- apple\n- pear\n- fig\n- plum", false},
                                                {"The answer is apple, pear, fig. The answer is plum, fig.", false},
                                                {"\\boxed{apple, pear, fig} \\boxed{plum}", false},
                                                {"apple, pear or fig or plum", false}});
}

TEST(Set, ComparesNumbersByValue) {
  expect_grades(set({"3", "5", "9"}), {{"{3, 5, 9}", true},
                                       {"3 5 9", true},
                                       {"9, 5, 3.0", true},
                                       {"3, 5", false},
                                       {"359", false},
                                       {"3, 5, 9, 1, 2, 4", false},
                                       {"{1, 3, 5} \xe2\x88\xa9 {3, 5, 9} = {3, 5, 9}", true}});
}

TEST(Set, KeepsTheOrderWhereAsked) {
  expect_grades(set({"3", "5", "9"}, true), {{"3, 5, 9", true},
                                             {"[3, 5, 9]", true},
                                             {"3,5,9", true},
                                             {"3 < 5 < 9", true},
                                             {"The sorted list is 3, 5, 9.", true},
                                             {"Sorted: 3, 5, 9", true},
                                             {"3\n5\n9", true},
                                             {"5, 3, 9", false},
                                             {"9, 5, 3", false},
                                             {"3, 5, 9, 9", false},
                                             {"3, 5", false}});
  expect_grades(set({"100", "200", "300"}, true),
                {{"100,200,300", true}, {"100, 200, 300", true}, {"100200300", false}});
  expect_grades(set({"-5", "2"}, true), {{"-5, 2", true},
                                         {"\xe2\x88\x92"
                                          "5, 2",
                                          true},
                                         {"5, 2", false}});
}

TEST(Set, KnowsTheEmptySet) {
  expect_grades(set({}), {{"{}", true},
                          {"The empty set", true},
                          {"none", true},
                          {"\xe2\x88\x85", true},
                          {"The intersection is {}.", true},
                          {"{3}", false},
                          {"3, 5", false},
                          {"", false}});
}

TEST(Set, KeepsItemsThatHaveAConjunction) {
  expect_grades(set({"salt and pepper", "oil"}),
                {{"salt and pepper, oil", true}, {"oil, salt and pepper", true}, {"salt, pepper, oil", false}});
}

TEST(Set, FailsOnAnEmptyItem) { expect_unusable(set({"apple", " "}), "nothing to compare"); }

}  // namespace
}  // namespace thalamus::check
