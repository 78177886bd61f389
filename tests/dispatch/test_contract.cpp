// What every registered policy must hold: limits are never passed, whatever is taken comes back, wrong use aborts.
// Alone against a counting model, and under eight threads.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cmath>
#include <latch>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "thalamus/base/rng.h"
#include "thalamus/dispatch/policy.h"

namespace thalamus::dispatch {
namespace {

class PolicyContract : public ::testing::TestWithParam<PolicyRecord> {
 protected:
  static void SetUpTestSuite() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
  [[nodiscard]] static std::unique_ptr<Policy> make(std::span<const TargetLimits> limits) {
    auto made = GetParam().make(limits, {});
    EXPECT_TRUE(made.has_value());
    return std::move(*made);
  }
};

std::string parameter_name(const ::testing::TestParamInfo<PolicyRecord>& info) { return std::string(info.param.name); }

INSTANTIATE_TEST_SUITE_P(All, PolicyContract, ::testing::ValuesIn(policies().begin(), policies().end()),
                         parameter_name);

TargetLimits limits_of(std::uint32_t concurrency, std::uint32_t queue) {
  TargetLimits limits;
  limits.concurrency_max = concurrency;
  limits.queue_length_max = queue;
  return limits;
}

CallEnd end_of(std::uint16_t target, double seconds) {
  return {target, true, false, Nanoseconds::from_seconds(seconds)};
}

TEST_P(PolicyContract, NeverPassesALimitAndGivesEverythingBack) {
  const std::uint64_t seed = 11;
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  base::Rng rng(seed);
  const std::array limits{limits_of(1, 0), limits_of(3, 2), limits_of(0, 4), limits_of(7, 64)};
  const auto policy = make(limits);
  std::array<std::uint32_t, 4> in_flight{};
  std::array<std::uint32_t, 4> waiting{};
  Nanoseconds now;
  for (int i = 0; i < 20'000; ++i) {
    now = now + Nanoseconds::from_ms(1);
    const auto target = static_cast<std::uint16_t>(rng.below(limits.size()));
    const auto& limit = limits[target];
    switch (rng.below(4)) {
      case 0: {
        const Admission admission = policy->admit(target, now);
        if (admission == Admission::kAdmitted) ++in_flight[target];
        EXPECT_TRUE(admission != Admission::kQueue || limit.queue_length_max > 0);
        break;
      }
      case 1:
        if (in_flight[target] == 0) break;
        --in_flight[target];
        policy->finish(end_of(target, rng.uniform()), now);
        break;
      case 2:
        if (policy->queue(target, QueueStep::kEnter)) ++waiting[target];
        break;
      default:
        if (waiting[target] == 0) break;
        --waiting[target];
        EXPECT_TRUE(policy->queue(target, QueueStep::kLeave));
    }
    ASSERT_TRUE(limit.concurrency_max == 0 || in_flight[target] <= limit.concurrency_max);
    ASSERT_LE(waiting[target], limit.queue_length_max);
    const auto state = policy->state(target, now);
    ASSERT_TRUE(std::isfinite(state.queue_seconds) && state.queue_seconds >= 0);
  }
  for (std::uint16_t target = 0; target < limits.size(); ++target) {
    while (in_flight[target]-- > 0) policy->finish(end_of(target, 0.1), now);
    while (waiting[target]-- > 0) EXPECT_TRUE(policy->queue(target, QueueStep::kLeave));
  }
  now = now + Nanoseconds::from_seconds(3600);
  for (std::uint16_t target = 0; target < limits.size(); ++target)
    for (std::uint32_t i = 0; i < limits[target].concurrency_max; ++i)
      EXPECT_EQ(policy->admit(target, now), Admission::kAdmitted) << "target " << target << " has lost a place";
}

TEST_P(PolicyContract, NeverPassesALimitUnderEightThreads) {
  constexpr std::size_t kThreads = 8;
  constexpr int kRounds = 5'000;
  const std::array limits{limits_of(1, 1), limits_of(3, 2)};
  const auto policy = make(limits);
  std::array<std::atomic<std::uint32_t>, 2> in_flight{};
  std::array<std::atomic<std::uint32_t>, 2> waiting{};
  std::atomic<std::uint32_t> passed{0};
  std::atomic<std::uint32_t> admitted{0};
  const auto work = [&](std::uint64_t seed) {
    base::Rng rng(seed);
    for (int i = 0; i < kRounds; ++i) {
      const auto target = static_cast<std::uint16_t>(rng.below(limits.size()));
      if (policy->admit(target, {}) == Admission::kAdmitted) {
        if (in_flight[target].fetch_add(1) >= limits[target].concurrency_max) ++passed;
        ++admitted;
        (void)policy->state(target, {});
        in_flight[target].fetch_sub(1);
        policy->finish(end_of(target, 0.01), {});
      } else if (policy->queue(target, QueueStep::kEnter)) {
        if (waiting[target].fetch_add(1) >= limits[target].queue_length_max) ++passed;
        waiting[target].fetch_sub(1);
        (void)policy->queue(target, QueueStep::kLeave);
      }
      if (i % 512 == 0) policy->set_healthy(target, true);
    }
  };
  {
    std::vector<std::jthread> threads;
    for (std::size_t t = 0; t < kThreads; ++t) threads.emplace_back(work, t + 1);
  }
  EXPECT_EQ(passed.load(), 0U);
  EXPECT_GT(admitted.load(), 0U);
  for (std::uint16_t target = 0; target < limits.size(); ++target)
    for (std::uint32_t i = 0; i < limits[target].concurrency_max; ++i)
      EXPECT_EQ(policy->admit(target, Nanoseconds::from_seconds(3600)), Admission::kAdmitted);
}

/// Keeps what a waiter was told; of one thread.
struct Told final : Waker {
  void wake(std::uint64_t cookie, WakeReason reason) noexcept override { news.emplace_back(cookie, reason); }
  std::vector<std::pair<std::uint64_t, WakeReason>> news;
};

TEST_P(PolicyContract, WakesThoseWhoWaitInTheirOrder) {
  const std::array limits{limits_of(1, 2)};
  const auto policy = make(limits);
  Told told;
  ASSERT_EQ(policy->admit(0, {}), Admission::kAdmitted);
  ASSERT_EQ(policy->admit(0, {}), Admission::kQueue);
  const auto first = policy->wait(0, told, 1);
  const auto second = policy->wait(0, told, 2);
  ASSERT_TRUE(first && second);
  EXPECT_FALSE(policy->wait(0, told, 3).has_value()) << "the queue is full";
  policy->finish(end_of(0, 1), {});
  ASSERT_EQ(told.news.size(), 1U);
  EXPECT_EQ(told.news[0], std::pair(std::uint64_t{1}, WakeReason::kPlace));
  EXPECT_FALSE(policy->leave(0, *first));
  EXPECT_TRUE(policy->leave(0, *second));
  CallEnd unused = end_of(0, 0);
  unused.unused = true;
  policy->finish(unused, {});
  EXPECT_EQ(told.news.size(), 1U);
  EXPECT_EQ(policy->admit(0, {}), Admission::kAdmitted);
}

TEST_P(PolicyContract, TellsThoseWhoWaitThatTheTargetIsDown) {
  const std::array limits{limits_of(1, 2)};
  const auto policy = make(limits);
  Told told;
  ASSERT_EQ(policy->admit(0, {}), Admission::kAdmitted);
  ASSERT_TRUE(policy->wait(0, told, 7).has_value());
  policy->set_healthy(0, false);
  ASSERT_EQ(told.news.size(), 1U);
  EXPECT_EQ(told.news[0], std::pair(std::uint64_t{7}, WakeReason::kDown));
}

// Two threads that do nothing else meet between a policy's look at its counter and its step.
TEST_P(PolicyContract, LetsOneOfTwoRacersPass) {
  constexpr int kRounds = 200'000;
  std::latch start(2);
  const std::array limits{limits_of(1, 0)};
  const auto policy = make(limits);
  std::atomic<int> inside{0};
  std::atomic<int> passed{0};
  const auto race = [&] {
    start.arrive_and_wait();
    for (int i = 0; i < kRounds; ++i) {
      if (policy->admit(0, {}) != Admission::kAdmitted) continue;
      if (inside.fetch_add(1) > 0) ++passed;
      for (int k = 0; k < 20; ++k) (void)policy->state(0, {});  // long enough to be met inside
      inside.fetch_sub(1);
      policy->finish(end_of(0, 0.01), {});
    }
  };
  {
    const std::jthread first(race);
    const std::jthread second(race);
  }
  EXPECT_EQ(passed.load(), 0);
}

TEST_P(PolicyContract, HasNoLimitWhereNoneIsSet) {
  const std::array limits{limits_of(0, 0)};
  const auto policy = make(limits);
  for (int i = 0; i < 10'000; ++i) ASSERT_EQ(policy->admit(0, {}), Admission::kAdmitted);
  EXPECT_EQ(policy->state(0, {}).queue_seconds, 0);
}

TEST_P(PolicyContract, TellsWhatTheSupervisorSaidOfATarget) {
  const std::array limits{limits_of(1, 1), limits_of(1, 1)};
  const auto policy = make(limits);
  EXPECT_TRUE(policy->state(0, {}).healthy);
  policy->set_healthy(0, false);
  EXPECT_FALSE(policy->state(0, {}).healthy);
  EXPECT_TRUE(policy->state(1, {}).healthy);
  policy->set_healthy(0, true);
  EXPECT_TRUE(policy->state(0, {}).healthy);
  EXPECT_EQ(policy->admit(0, {}), Admission::kAdmitted);
}

TEST_P(PolicyContract, AbortsWhenACallEndsTwice) {
  const std::array limits{limits_of(2, 1)};
  const auto policy = make(limits);
  ASSERT_EQ(policy->admit(0, {}), Admission::kAdmitted);
  policy->finish(end_of(0, 1), {});
  EXPECT_DEATH(policy->finish(end_of(0, 1), {}), "assertion failed");
}

TEST_P(PolicyContract, AbortsForATargetThatItDoesNotHave) {
  const std::array limits{limits_of(2, 1)};
  const auto policy = make(limits);
  EXPECT_DEATH((void)policy->admit(1, {}), "assertion failed");
}

TEST_P(PolicyContract, HasARecordThatExplainsItself) {
  const auto& record = GetParam();
  ASSERT_FALSE(record.name.empty());
  EXPECT_FALSE(record.help.empty());
  EXPECT_FALSE(record.source.empty());
  EXPECT_EQ(find_policy(record.name)->name, record.name);
  for (const auto& row : record.options()) EXPECT_FALSE(row.help.empty()) << row.name;
}

TEST_P(PolicyContract, RefusesWrongOptionsByName) {
  const auto& record = GetParam();
  const std::array limits{limits_of(1, 1)};
  const auto unknown = record.make(limits, {{"no_such_option_at_all", "1"}});
  ASSERT_FALSE(unknown.has_value());
  EXPECT_EQ(unknown.error().kind, ErrorKind::kInvalidInput);
  EXPECT_NE(unknown.error().message.find("no_such_option_at_all"), std::string::npos);
  for (const auto& row : record.options()) {
    EXPECT_TRUE(record.make(limits, {{row.name, row.default_value}}).has_value()) << row.name;
    if (row.type == "text") continue;
    const auto wrong = record.make(limits, {{row.name, "purple"}});
    ASSERT_FALSE(wrong.has_value()) << row.name;
    EXPECT_NE(wrong.error().message.find(row.name), std::string::npos);
  }
}

TEST_P(PolicyContract, RefusesNoTargetsAndTooMany) {
  EXPECT_FALSE(GetParam().make({}, {}).has_value());
  const std::vector<TargetLimits> many(core::kTargetsMax + 1);
  EXPECT_FALSE(GetParam().make(many, {}).has_value());
}

TEST(PolicyRegistry, NamesAreUniqueAndUnknownOnesAreNotFound) {
  std::set<std::string_view> names;
  for (const auto& record : policies()) EXPECT_TRUE(names.insert(record.name).second) << record.name;
  EXPECT_EQ(find_policy("no_such_policy"), nullptr);
}

}  // namespace
}  // namespace thalamus::dispatch
