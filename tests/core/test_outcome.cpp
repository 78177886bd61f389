#include <gtest/gtest.h>

#include <cstdint>

#include "thalamus/base/rng.h"
#include "thalamus/core/outcome.h"

namespace thalamus::core {
namespace {

constexpr Prices kPrices{.input = 3, .cached_input = 0.3, .cache_write = 3.75, .output = 15};

TEST(CostOf, IsPricesPerMillionTimesTokens) {
  EXPECT_EQ(cost_of({.input = 1'000'000}, kPrices), NanoDollars::from_usd(3));
  EXPECT_EQ(cost_of({.output = 1'000'000}, kPrices), NanoDollars::from_usd(15));
  EXPECT_EQ(cost_of({.input = 1, .output = 1}, kPrices).value, 18'000);
  EXPECT_EQ(cost_of({}, kPrices).value, 0);
}

TEST(CostOf, TakesCachedTokensOutOfTheInput) {
  EXPECT_EQ(cost_of({.input = 1'000'000, .cached_input = 400'000}, kPrices), NanoDollars::from_usd(1.8 + 0.12));
}

TEST(CostOf, NeverBillsMoreCachedTokensThanThereWereInput) {
  EXPECT_EQ(cost_of({.input = 10, .cached_input = 1'000'000}, kPrices),
            cost_of({.input = 10, .cached_input = 10}, kPrices));
}

TEST(CostOf, BillsReasoningAsPartOfTheOutput) {
  EXPECT_EQ(cost_of({.output = 10, .reasoning = 10}, kPrices), cost_of({.output = 10}, kPrices));
}

TEST(CostOf, SaturatesAtTheLargestCounts) {
  const Prices absurd{.input = 1e12, .output = 1e12};
  EXPECT_EQ(cost_of({.input = UINT32_MAX, .output = UINT32_MAX}, absurd).value, INT64_MAX);
}

TEST(CostOf, NeverFallsWhenTokensAreAdded) {
  const std::uint64_t seed = 8;
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  base::Rng rng(seed);
  for (int round = 0; round < 1'000; ++round) {
    Usage usage{.input = static_cast<std::uint32_t>(rng.below(1'000'000)),
                .cached_input = 0,
                .output = static_cast<std::uint32_t>(rng.below(1'000'000))};
    usage.cached_input = static_cast<std::uint32_t>(rng.below(usage.input + 1));
    Usage more = usage;
    more.output += 1;
    ASSERT_GE(cost_of(more, kPrices), cost_of(usage, kPrices));
    more = usage;
    more.input += 1;
    ASSERT_GE(cost_of(more, kPrices), cost_of(usage, kPrices));
  }
}

}  // namespace
}  // namespace thalamus::core
