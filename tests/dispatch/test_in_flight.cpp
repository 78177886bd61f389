#include <gtest/gtest.h>

#include <array>
#include <memory>

#include "thalamus/dispatch/policy.h"

namespace thalamus::dispatch {
namespace {

std::unique_ptr<Policy> one_target(std::uint32_t concurrency, std::uint32_t queue,
                                   const base::OptionMap& options = {}) {
  TargetLimits limits;
  limits.concurrency_max = concurrency;
  limits.queue_length_max = queue;
  const std::array all{limits};
  return std::move(*find_policy("in_flight")->make(all, options));
}

CallEnd ended(double seconds, bool ok = true) { return {0, ok, !ok, Nanoseconds::from_seconds(seconds)}; }

TEST(InFlight, QueuesWhenFullAndAdmitsAgainAfterAnEnd) {
  const auto policy = one_target(2, 1);
  EXPECT_EQ(policy->admit(0, {}), Admission::kAdmitted);
  EXPECT_EQ(policy->admit(0, {}), Admission::kAdmitted);
  EXPECT_EQ(policy->admit(0, {}), Admission::kQueue);
  policy->finish(ended(1), {});
  EXPECT_EQ(policy->admit(0, {}), Admission::kAdmitted);
}

TEST(InFlight, RefusesWhenFullAndNobodyMayWait) {
  const auto policy = one_target(1, 0);
  EXPECT_EQ(policy->admit(0, {}), Admission::kAdmitted);
  EXPECT_EQ(policy->admit(0, {}), Admission::kRefused);
}

TEST(InFlight, HasNoMorePlacesInTheQueueThanItsBound) {
  const auto policy = one_target(1, 2);
  EXPECT_TRUE(policy->queue(0, QueueStep::kEnter));
  EXPECT_TRUE(policy->queue(0, QueueStep::kEnter));
  EXPECT_FALSE(policy->queue(0, QueueStep::kEnter));
  EXPECT_TRUE(policy->queue(0, QueueStep::kLeave));
  EXPECT_TRUE(policy->queue(0, QueueStep::kEnter));
}

TEST(InFlight, RefusesATargetThatIsDown) {
  const auto policy = one_target(4, 4);
  policy->set_healthy(0, false);
  EXPECT_EQ(policy->admit(0, {}), Admission::kRefused);
}

TEST(InFlight, ExpectsNoWaitWhileAPlaceIsFree) {
  const auto policy = one_target(2, 4);
  (void)policy->admit(0, {});
  EXPECT_EQ(policy->state(0, {}).queue_seconds, 0);
}

TEST(InFlight, ExpectsTheMeanDurationOverThePlacesForEachCallerAhead) {
  const auto policy = one_target(2, 4, {{"weight", "0.5"}});
  (void)policy->admit(0, {});
  policy->finish(ended(4), {});  // the first end is the mean
  (void)policy->admit(0, {});
  policy->finish(ended(2, false), {});  // 4 + 0.5 (2 - 4) = 3
  (void)policy->admit(0, {});
  (void)policy->admit(0, {});
  EXPECT_DOUBLE_EQ(policy->state(0, {}).queue_seconds, 1.5);
  (void)policy->queue(0, QueueStep::kEnter);
  EXPECT_DOUBLE_EQ(policy->state(0, {}).queue_seconds, 3.0);
}

TEST(InFlight, LearnsNothingFromAPlaceThatWasNotUsed) {
  const auto policy = one_target(1, 4, {{"weight", "1"}});
  (void)policy->admit(0, {});
  policy->finish(ended(4), {});
  (void)policy->admit(0, {});
  CallEnd unused = ended(0);
  unused.unused = true;
  policy->finish(unused, {});
  (void)policy->admit(0, {});
  EXPECT_DOUBLE_EQ(policy->state(0, {}).queue_seconds, 4);
}

TEST(InFlight, GuessesTheDurationBeforeACallHasEnded) {
  const auto policy = one_target(1, 4, {{"seconds_guess", "7"}});
  (void)policy->admit(0, {});
  EXPECT_DOUBLE_EQ(policy->state(0, {}).queue_seconds, 7);
}

TEST(InFlight, AbortsWhenAQueuePlaceIsGivenBackTwice) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto policy = one_target(1, 4);
  EXPECT_DEATH((void)policy->queue(0, QueueStep::kLeave), "assertion failed");
}

TEST(InFlight, NamesTheRangeOfAWeightThatIsOutsideIt) {
  const std::array<TargetLimits, 1> limits{};
  const auto made = find_policy("in_flight")->make(limits, {{"weight", "2"}});
  ASSERT_FALSE(made.has_value());
  EXPECT_EQ(made.error().message, "weight: 2 is outside 0.001..1");
}

}  // namespace
}  // namespace thalamus::dispatch
