#include "tests/check/cases.h"

namespace thalamus::check {
namespace {

Expectation number(std::string value, double tolerance = 0) {
  Expectation expected;
  expected.checker = "number";
  expected.value = std::move(value);
  expected.tolerance = tolerance;
  return expected;
}

TEST(Number, FindsTheResultInProse) {
  expect_grades(number("391"), {{"391", true},
                                {"391.", true},
                                {"391.0", true},
                                {"**391**", true},
                                {"17 * 23 = 391", true},
                                {"17 \xc3\x97 23 = 391", true},
                                {"The answer is 391.", true},
                                {"17 * 23 = 391\n391", true},
                                {"Answer: 391 apples", true},
                                {"The result is $391$.", true},
                                {"\\boxed{391}", true},
                                {"So $17 \\times 23 = \\boxed{391}$.", true},
                                {"First 17 * 20 = 340.\nThen 17 * 3 = 51.\nTogether 340 + 51 = 391.", true},
                                {"#### 391", true},
                                {"```\n391\n```", true},
                                {"It is 391 (17 times 23).", true},
                                {"The answer is 391. I hope that helps!", true},
                                {"391\n\nI hope that helps!", true},
                                {"17 times 23 gives **391** in 1 step", true},
                                {"Answer: three hundred and ninety-one", true},
                                {"Final Answer: 391\nExplanation: 17 * 23.", true},
                                {"<think>380? 400?</think>391", true}});
}

TEST(Number, RefusesOtherNumbersGuessesAndLists) {
  expect_grades(number("391"), {{"", false},
                                {"392", false},
                                {"-391", false},
                                {"3.91", false},
                                {"1391", false},
                                {"B391", false},
                                {"I do not know", false},
                                {"391 or 392", false},
                                {"The answer is 391 or 392.", false},
                                {"The answer is 390, 391, 392.", false},
                                {"Answer: either 391 or maybe 400", false},
                                {"389, 390, 391", false},
                                {"389\n390\n391", false},
                                {"1. 389\n2. 390\n3. 391", false},
                                {"The answer is 390. The answer is 391.", false},
                                {"\\boxed{390} \\boxed{391}", false},
                                {"**390** or **391**", false},
                                {"391\nThe answer is 400.", false},
                                {"17 * 23", false},
                                {"380 to 391", false},
                                {"391 392 393", false}});
}

TEST(Number, ReadsTheFormsInWhichNumbersAreWritten) {
  expect_grades(number("1234567"), {{"1,234,567", true},
                                    {"1 234 567", false},
                                    {"1\xe2\x80\xaf"
                                     "234\xe2\x80\xaf"
                                     "567",
                                     true},
                                    {"1.234567e6", true},
                                    {"1.234567 * 10^6", true},
                                    {"$1.234567 \\times 10^{6}$", true},
                                    {"1{,}234{,}567", true},
                                    {"1\\,234\\,567", true}});
  expect_grades(number("0.75"), {{"3/4", true},
                                 {"75%", true},
                                 {"75 percent", true},
                                 {"\\frac{3}{4}", true},
                                 {".75", true},
                                 {"\xc2\xbe", true},
                                 {"75", false},
                                 {"4/3", false}});
  expect_grades(number("1.75"), {{"1 3/4", true}, {"7/4", true}, {"13/4", false}});
  expect_grades(number("45%"), {{"45%", true}, {"45", true}, {"0.45", true}, {"4.5", false}});
  expect_grades(number("-12"), {{"\xe2\x88\x92"
                                 "12",
                                 true},
                                {"-12 degrees", true},
                                {"minus 12", true},
                                {"The answer is negative 12.", true},
                                {"5 minus 12", false},
                                {"12", false},
                                {"minus twelve", true}});
}

TEST(Number, ComparesLongIntegersDigitByDigit) {
  expect_grades(
      number("123456789012345678901"),
      {{"123456789012345678901", true}, {"123,456,789,012,345,678,901", true}, {"123456789012345678902", false}});
}

TEST(Number, AllowsARelativeTolerance) {
  expect_grades(number("200", 0.01), {{"201.9", true}, {"198", true}, {"202.1", false}, {"-200", false}});
  expect_grades(number("20.12"), {{"20.12", true},
                                  {"20.12 km", true},
                                  {"12.5 miles is 20.12 kilometres.", true},
                                  {"20.1", false},
                                  {"20.117", false}});
}

TEST(Number, APointAfterAForeignLetterEndsTheSearch) {
  expect_grades(number("5"), {{"\xd0\xb6.5", false}, {"x.5", false}, {"\xd0\xb6.1 5", true}});
}

TEST(Number, FailsOnAnExpectationThatIsNotOneNumber) {
  expect_unusable(number("many"), "not one number");
  expect_unusable(number("1 and 2"), "not one number");
  expect_unusable(number("1", -1), "tolerance");
}

}  // namespace
}  // namespace thalamus::check
