#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>

#include "thalamus/base/assert.h"
#include "thalamus/base/result.h"

namespace thalamus::base {
namespace {

Result<int> half_of_even(int number) {
  if (number % 2 != 0) return fail(ErrorKind::kInvalidInput, "{} is odd", number);
  return number / 2;
}

Result<int> quarter(int number) {
  TRY(const int half, half_of_even(number));
  TRY(const int result, half_of_even(half));
  return result;
}

Status only_even(int number) {
  CHECK_OK(half_of_even(number));
  return {};
}

Result<std::unique_ptr<int>> boxed(int number) { return std::make_unique<int>(number); }

Result<int> unboxed(int number) {
  TRY(auto box, boxed(number));
  return *box;
}

TEST(Error, PutsThePlaceBeforeTheMessage) {
  EXPECT_EQ((Error{ErrorKind::kNotFound, "no such model", "routes.yaml:14:7"}).text(),
            "routes.yaml:14:7: no such model");
  EXPECT_EQ((Error{ErrorKind::kNotFound, "no such model", ""}).text(), "no such model");
}

TEST(Error, EveryKindHasItsOwnLabelAStatusAndAnExitCode) {
  std::set<std::string_view> labels;
  for (int i = 0; i <= static_cast<int>(ErrorKind::kInternal); ++i) {
    const auto kind = static_cast<ErrorKind>(i);
    EXPECT_TRUE(labels.insert(label(kind)).second) << label(kind);
    EXPECT_GE(http_status(kind), 400);
    EXPECT_LE(http_status(kind), 599);
    EXPECT_GE(exit_code(kind), kExitNo);
    EXPECT_LE(exit_code(kind), kExitEnvironment);
  }
}

TEST(Error, MapsKindsToTheStatusThatClientsExpect) {
  EXPECT_EQ(http_status(ErrorKind::kInvalidInput), 400);
  EXPECT_EQ(http_status(ErrorKind::kUnauthorized), 401);
  EXPECT_EQ(http_status(ErrorKind::kNotFound), 404);
  EXPECT_EQ(http_status(ErrorKind::kTooLarge), 413);
  EXPECT_EQ(http_status(ErrorKind::kLimitExceeded), 429);
  EXPECT_EQ(http_status(ErrorKind::kUpstream), 502);
  EXPECT_EQ(http_status(ErrorKind::kUnavailable), 503);
  EXPECT_EQ(http_status(ErrorKind::kTimeout), 504);
  EXPECT_EQ(exit_code(ErrorKind::kInvalidInput), 2);
  EXPECT_EQ(exit_code(ErrorKind::kInfeasible), 1);
  EXPECT_EQ(exit_code(ErrorKind::kEnvironment), 3);
  EXPECT_EQ(label(ErrorKind::kInternal), "internal");
}

TEST(Result, TryDeclaresTheValueOrReturnsTheError) {
  EXPECT_EQ(quarter(12).value(), 3);
  EXPECT_EQ(quarter(6).error().message, "3 is odd");
  EXPECT_EQ(quarter(5).error().message, "5 is odd");
}

TEST(Result, TryMovesAValueThatCannotBeCopied) { EXPECT_EQ(unboxed(9).value(), 9); }

TEST(Result, CheckOkReturnsTheErrorOfAStatus) {
  EXPECT_TRUE(only_even(4).has_value());
  EXPECT_EQ(only_even(7).error().kind, ErrorKind::kInvalidInput);
}

TEST(Result, FailAtCarriesThePlace) {
  const Status status = fail_at("body.messages[2]", ErrorKind::kInvalidInput, "role: got '{}'", "robot");
  EXPECT_EQ(status.error().text(), "body.messages[2]: role: got 'robot'");
}

TEST(Assert, NamesConditionAndPlace) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(THALAMUS_ASSERT(1 + 1 == 3), "assertion failed: 1 \\+ 1 == 3 at .*test_error.cpp");
  THALAMUS_ASSERT(1 + 1 == 2);
}

}  // namespace
}  // namespace thalamus::base
