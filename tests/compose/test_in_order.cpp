#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/compose/reference_driver.h"
#include "thalamus/compose/strategy.h"

namespace thalamus::compose {
namespace {

using testing::plan_of;
using testing::ReferenceDriver;

const StrategyRecord& record() { return *find_strategy("in_order"); }

Event failed(CallId call, base::ErrorKind kind = base::ErrorKind::kUpstream, bool retryable = true) {
  return {EventKind::kFailed, call, kind, retryable};
}

TEST(InOrder, CommitsTheFirstContentAndEndsWithTheCompletion) {
  ReferenceDriver driver(record(), plan_of(3));
  driver.start();
  EXPECT_EQ(driver.calls_started(), 1U);
  driver.deliver({.kind = EventKind::kContent, .call = 0});
  EXPECT_TRUE(driver.committed());
  EXPECT_FALSE(driver.done());
  driver.deliver({.kind = EventKind::kCompleted, .call = 0});
  EXPECT_TRUE(driver.done());
  EXPECT_FALSE(driver.end().failed);
  EXPECT_EQ(driver.violation(), "");
}

TEST(InOrder, CommitsAnAnswerThatCompletesWithoutContent) {
  ReferenceDriver driver(record(), plan_of(1));
  driver.start();
  driver.deliver({.kind = EventKind::kCompleted, .call = 0});
  EXPECT_TRUE(driver.committed());
  EXPECT_TRUE(driver.done());
  EXPECT_FALSE(driver.end().failed);
}

TEST(InOrder, TriesThePlansTargetsInTheirOrder) {
  const auto plan = plan_of(4);
  ReferenceDriver driver(record(), plan);
  driver.start();
  for (CallId call = 0; call < 4; ++call) driver.deliver(failed(call));
  const std::vector<std::uint16_t> expected(plan.targets().begin(), plan.targets().end());
  EXPECT_EQ(driver.targets_called(), expected);
}

TEST(InOrder, ReportsTheLastFailureWhenNoneIsLeft) {
  ReferenceDriver driver(record(), plan_of(2));
  driver.start();
  driver.deliver(failed(0, base::ErrorKind::kTimeout));
  driver.deliver(failed(1, base::ErrorKind::kLimitExceeded));
  ASSERT_TRUE(driver.done());
  EXPECT_TRUE(driver.end().failed);
  EXPECT_EQ(driver.end().failure, base::ErrorKind::kLimitExceeded);
}

TEST(InOrder, StopsAtAFailureThatNoOtherTargetWouldMend) {
  ReferenceDriver driver(record(), plan_of(3));
  driver.start();
  driver.deliver(failed(0, base::ErrorKind::kInvalidInput, false));
  ASSERT_TRUE(driver.done());
  EXPECT_EQ(driver.end().failure, base::ErrorKind::kInvalidInput);
  EXPECT_EQ(driver.calls_started(), 1U);
}

TEST(InOrder, CallsNoOtherTargetAfterTheCommit) {
  ReferenceDriver driver(record(), plan_of(3));
  driver.start();
  driver.deliver({.kind = EventKind::kContent, .call = 0});
  driver.deliver(failed(0, base::ErrorKind::kUpstream));
  ASSERT_TRUE(driver.done());
  EXPECT_TRUE(driver.end().failed);
  EXPECT_EQ(driver.calls_started(), 1U);
  EXPECT_EQ(driver.violation(), "");
}

TEST(InOrder, EndsAnEmptyPlanAsInfeasible) {
  ReferenceDriver driver(record(), plan_of(0));
  driver.start();
  ASSERT_TRUE(driver.done());
  EXPECT_EQ(driver.end().failure, base::ErrorKind::kInfeasible);
}

TEST(InOrder, StopsAfterTheGivenNumberOfAttempts) {
  auto strategy = record().make(plan_of(5), {{"attempts_max", "2"}});
  ASSERT_TRUE(strategy.has_value());
  EXPECT_EQ((*strategy)->next({.kind = EventKind::kStart}).kind, StepKind::kCall);
  EXPECT_EQ((*strategy)->next(failed(0)).kind, StepKind::kCall);
  EXPECT_EQ((*strategy)->next(failed(1)).kind, StepKind::kDone);
}

TEST(InOrder, TriesEightTargetsByDefault) {
  ReferenceDriver driver(record(), plan_of(20));
  driver.start();
  driver.drain();
  EXPECT_EQ(driver.calls_started(), 8U);
}

TEST(InOrder, IgnoresAnEventOfAnEarlierCall) {
  auto strategy = record().make(plan_of(3), {});
  ASSERT_TRUE(strategy.has_value());
  (void)(*strategy)->next({.kind = EventKind::kStart});
  (void)(*strategy)->next(failed(0));
  EXPECT_EQ((*strategy)->next({.kind = EventKind::kContent, .call = 0}).kind, StepKind::kWait);
  EXPECT_EQ((*strategy)->next(failed(0)).kind, StepKind::kWait);
  const Step commit = (*strategy)->next({.kind = EventKind::kContent, .call = 1});
  EXPECT_EQ(commit.kind, StepKind::kCommit);
  EXPECT_EQ(commit.call, 1U);
}

TEST(InOrder, RefusesAttemptsOutsideItsRange) {
  const auto none = record().make(plan_of(1), {{"attempts_max", "0"}});
  ASSERT_FALSE(none.has_value());
  EXPECT_EQ(none.error().message, "attempts_max: 0 is outside 1..256");
}

}  // namespace
}  // namespace thalamus::compose
