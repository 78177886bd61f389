#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "thalamus/base/rng.h"
#include "thalamus/core/contract.h"

namespace thalamus::core {
namespace {

ContractPatch limits(double cost, double latency, double ttft, double quality) {
  ContractPatch patch;
  patch.max_cost_usd = cost;
  patch.max_latency_ms = latency;
  patch.max_ttft_ms = ttft;
  patch.min_quality = quality;
  return patch;
}

TEST(Contract, DemandsNothingUntilALayerDoes) {
  Contract contract;
  contract.add({});
  EXPECT_FALSE(contract.max_cost_usd || contract.max_latency_ms || contract.max_ttft_ms || contract.min_quality);
  EXPECT_TRUE(contract.allow.empty());
  EXPECT_TRUE(contract.deny.empty());
  EXPECT_FALSE(contract.worth.has_value());
  EXPECT_EQ(contract.explore, Explore::kNever);
  EXPECT_EQ(contract.on_infeasible, OnInfeasible::kFail);
  EXPECT_FALSE(contract.explain);
}

TEST(Contract, TakesTheStricterLimitFromEitherSide) {
  for (const bool turned : {false, true}) {
    Contract contract;
    contract.add(turned ? limits(2, 50, 30, 0.5) : limits(1, 100, 20, 0.7));
    contract.add(turned ? limits(1, 100, 20, 0.7) : limits(2, 50, 30, 0.5));
    EXPECT_EQ(contract.max_cost_usd, 1.0);
    EXPECT_EQ(contract.max_latency_ms, 50.0);
    EXPECT_EQ(contract.max_ttft_ms, 20.0);
    EXPECT_EQ(contract.min_quality, 0.7);
  }
}

TEST(Contract, KeepsALimitThatALaterLayerDoesNotMention) {
  Contract contract;
  contract.add(limits(1, 2, 3, 0.4));
  contract.add({});
  EXPECT_EQ(contract.max_cost_usd, 1.0);
  EXPECT_EQ(contract.min_quality, 0.4);
}

TEST(Contract, KeepsOneAllowListForEachLayerThatGaveOne) {
  Contract contract;
  ContractPatch key;
  key.allow = {"eu", "small"};
  ContractPatch request;
  request.allow = {"small"};
  contract.add(key);
  contract.add({});
  contract.add(request);
  EXPECT_EQ(contract.allow, (std::vector<std::vector<std::string>>{{"eu", "small"}, {"small"}}));
}

TEST(Contract, CollectsWhatAnyLayerDenies) {
  Contract contract;
  ContractPatch patch;
  patch.deny = {"a"};
  contract.add(patch);
  patch.deny = {"b", "c"};
  contract.add(patch);
  EXPECT_EQ(contract.deny, (std::vector<std::string>{"a", "b", "c"}));
}

TEST(Contract, LetsALaterPreferenceOverride) {
  Contract contract;
  ContractPatch route;
  route.worth = Worth{0.02, 0.001};
  route.session = "old";
  route.explore = Explore::kAllowed;
  route.on_infeasible = OnInfeasible::kNearest;
  route.explain = true;
  contract.add(route);
  EXPECT_EQ(contract.explore, Explore::kAllowed);
  ContractPatch request;
  request.worth = Worth{0.5, 0};
  request.session = "new";
  request.explore = Explore::kNever;
  request.on_infeasible = OnInfeasible::kFail;
  request.explain = false;
  contract.add(request);
  ASSERT_TRUE(contract.worth.has_value());
  EXPECT_EQ(contract.worth->answer_usd, 0.5);
  EXPECT_EQ(contract.session, "new");
  EXPECT_EQ(contract.explore, Explore::kNever);
  EXPECT_EQ(contract.on_infeasible, OnInfeasible::kFail);
  EXPECT_FALSE(contract.explain);
}

TEST(Contract, IsNeverLoosenedByAnyLayer) {
  const std::uint64_t seed = 4;
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  base::Rng rng(seed);
  for (int round = 0; round < 500; ++round) {
    Contract contract;
    for (int layer = 0; layer < 5; ++layer) {
      const Contract before = contract;
      ContractPatch patch;
      if (rng.below(2) == 0) patch.max_cost_usd = rng.uniform();
      if (rng.below(2) == 0) patch.min_quality = rng.uniform();
      if (rng.below(2) == 0) patch.deny = {"x"};
      if (rng.below(2) == 0) patch.allow = {"y"};
      contract.add(patch);
      if (before.max_cost_usd) {
        ASSERT_LE(*contract.max_cost_usd, *before.max_cost_usd);
      }
      if (before.min_quality) {
        ASSERT_GE(*contract.min_quality, *before.min_quality);
      }
      ASSERT_GE(contract.deny.size(), before.deny.size());
      ASSERT_GE(contract.allow.size(), before.allow.size());
    }
  }
}

}  // namespace
}  // namespace thalamus::core
