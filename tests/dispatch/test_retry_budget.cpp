#include "thalamus/dispatch/retry_budget.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <thread>
#include <vector>

#include "thalamus/base/rng.h"

namespace thalamus::dispatch {
namespace {

RetryBudgetOptions options_of(double ratio, double min_per_second, double burst) {
  return {.ratio = ratio, .min_per_second = min_per_second, .burst = burst};
}

TEST(RetryBudget, HoldsItsBurstAndThenNothing) {
  RetryBudget budget(options_of(0.2, 0, 3));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(budget.withdraw({}));
  EXPECT_FALSE(budget.withdraw({}));
  EXPECT_EQ(budget.view().withdrawn, 3U);
  EXPECT_EQ(budget.view().refused, 1U);
}

TEST(RetryBudget, EarnsAShareOfTheRequests) {
  RetryBudget budget(options_of(0.2, 0, 10));
  while (budget.withdraw({})) {
  }
  for (int i = 0; i < 20; ++i) budget.deposit({});
  int granted = 0;
  while (budget.withdraw({})) ++granted;
  EXPECT_EQ(granted, 4);
}

TEST(RetryBudget, EarnsAMinimumASecond) {
  RetryBudget budget(options_of(0, 2, 10));
  while (budget.withdraw({})) {
  }
  EXPECT_FALSE(budget.withdraw(Nanoseconds::from_ms(499)));
  EXPECT_TRUE(budget.withdraw(Nanoseconds::from_ms(501)));
  EXPECT_FALSE(budget.withdraw(Nanoseconds::from_ms(900)));
}

TEST(RetryBudget, SavesUpNoMoreThanItsBurst) {
  RetryBudget budget(options_of(1, 100, 3));
  ASSERT_TRUE(budget.withdraw({}));  // with room for one, a long time earns no more than that
  for (int i = 100; i < 1'000; ++i) budget.deposit(Nanoseconds::from_ms(i * 100));
  int granted = 0;
  while (budget.withdraw(Nanoseconds::from_ms(99'900))) ++granted;
  EXPECT_EQ(granted, 3);
}

TEST(RetryBudget, GivesBackATryThatWasNotMade) {
  RetryBudget budget(options_of(0, 0, 1));
  ASSERT_TRUE(budget.withdraw({}));
  budget.give_back();
  EXPECT_EQ(budget.view().withdrawn, 0U);
  EXPECT_TRUE(budget.withdraw({}));
}

TEST(RetryBudget, StaysWithinItsBoundOnAnyHistory) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    base::Rng rng(seed);
    const auto options = options_of(rng.uniform(), rng.uniform() * 5, std::floor(rng.uniform() * 10));
    RetryBudget budget(options);
    Nanoseconds now;
    double withdrawn = 0;
    double requests = 0;
    for (int i = 0; i < 2'000; ++i) {
      now = now + Nanoseconds{rng.between(-500'000, 20'000'000)};  // cores read their clocks at slightly other times
      if (rng.below(2) == 0) {
        budget.deposit(now);
        ++requests;
      } else if (budget.withdraw(now)) {
        ++withdrawn;
      }
      const double most = options.burst + options.ratio * requests + options.min_per_second * now.seconds();
      ASSERT_LE(withdrawn, most + 0.02) << "after step " << i;
    }
  }
}

TEST(RetryBudget, IsNeverOverdrawnUnderEightThreads) {
  RetryBudget budget(options_of(0.25, 10, 50));
  std::atomic<std::uint64_t> requests{0};
  std::atomic<std::uint64_t> withdrawn{0};
  const auto work = [&](std::uint64_t seed) {
    base::Rng rng(seed);
    for (int i = 0; i < 5'000; ++i) {
      const Nanoseconds now{i * 100'000 + rng.between(0, 50'000)};  // 0.5 s in all
      if (rng.below(3) == 0) {
        budget.deposit(now);
        ++requests;
      } else if (budget.withdraw(now)) {
        ++withdrawn;
        if (rng.below(10) == 0) {
          budget.give_back();
          --withdrawn;
        }
      }
    }
  };
  {
    std::vector<std::jthread> threads;
    for (std::uint64_t t = 0; t < 8; ++t) threads.emplace_back(work, t + 1);
  }
  const double most = 50 + 0.25 * static_cast<double>(requests.load()) + 10 * 0.51;
  EXPECT_LE(static_cast<double>(withdrawn.load()), most + 0.01);
  EXPECT_GT(static_cast<double>(withdrawn.load()), most * 0.9) << "what was earned can be spent";
  EXPECT_EQ(budget.view().withdrawn, withdrawn.load());
  EXPECT_EQ(budget.view().requests, requests.load());
}

}  // namespace
}  // namespace thalamus::dispatch
