// Properties of the decision on random worlds (the seed is printed), then its rules one by one.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "thalamus/route/decide.h"
#include "thalamus/route/explain.h"

namespace thalamus::route {
namespace {

using core::Exclusion;

struct World {
  std::vector<core::Target> targets;
  std::vector<core::TargetState> states;
  core::Estimates estimates;
  core::Contract contract;
  RequestNeeds needs;
};

World random_world(base::Rng& rng) {
  World w;
  const std::size_t count = 1 + rng.below(8);
  w.estimates.reset(count);
  for (std::size_t t = 0; t < count; ++t) {
    core::Target target;
    target.name = "m" + std::to_string(t);
    if (rng.below(2) == 0) target.tags.push_back("eu");
    target.context_tokens = rng.below(3) == 0 ? 1000 : 0;
    target.abilities.images = rng.below(2) == 0;
    w.targets.push_back(std::move(target));
    w.states.push_back({rng.below(5) != 0, rng.uniform(), NanoDollars::from_usd(rng.below(6) == 0 ? 0.001 : 100)});
    // A coarse grid makes ties frequent.
    w.estimates[t].quality = static_cast<double>(rng.below(5)) / 4;
    w.estimates[t].cost_usd = static_cast<double>(rng.below(5)) / 400;
    w.estimates[t].seconds = static_cast<double>(rng.below(4));
  }
  if (rng.below(2) == 0) w.contract.max_cost_usd = rng.uniform() * 0.01;
  if (rng.below(2) == 0) w.contract.max_latency_ms = rng.uniform() * 4000;
  if (rng.below(3) == 0) w.contract.min_quality = rng.uniform();
  if (rng.below(3) == 0) w.contract.allow.push_back({"eu"});
  if (rng.below(3) == 0) w.contract.deny.push_back("m0");
  if (rng.below(2) == 0) w.contract.worth = core::Worth{0.02 * rng.uniform(), 0.002 * rng.uniform()};
  if (rng.below(2) == 0) w.contract.explore = core::Explore::kAllowed;
  if (rng.below(2) == 0) w.contract.on_infeasible = core::OnInfeasible::kNearest;
  w.needs.input_tokens = 1500 * static_cast<std::uint32_t>(rng.below(2));
  w.needs.images = rng.below(3) == 0;
  return w;
}

core::Plan decide_in(const World& w, base::Rng rng, const DecideOptions& options = {}) {
  core::Plan plan;
  decide(w.estimates, w.contract, w.targets, w.states, w.needs, rng, plan, options);
  return plan;
}

bool meets_limits(const World& w, std::size_t t) {
  const auto& c = w.contract;
  const auto& row = w.estimates[t];
  return permitted(c, w.targets[t]) && (!c.max_cost_usd || row.cost_usd <= *c.max_cost_usd) &&
         (!c.max_latency_ms || (row.seconds + w.states[t].queue_seconds) * 1000 <= *c.max_latency_ms) &&
         (!c.min_quality || row.quality >= *c.min_quality) && NanoDollars::from_usd(row.cost_usd) <= w.states[t].budget;
}

constexpr std::uint64_t kSeed = 20'250'101;

TEST(DecideProperties, APlanNeverHoldsATargetThatBreaksALimit) {
  SCOPED_TRACE(testing::Message() << "seed " << kSeed);
  base::Rng rng(kSeed);
  for (int round = 0; round < 3000; ++round) {
    const World w = random_world(rng);
    const auto plan = decide_in(w, rng.fork("decide"));
    for (const std::uint16_t t : plan.targets()) {
      EXPECT_TRUE(permitted(w.contract, w.targets[t]));
      EXPECT_FALSE(w.needs.images && !w.targets[t].abilities.images);
      EXPECT_FALSE(w.targets[t].context_tokens > 0 && w.needs.input_tokens > w.targets[t].context_tokens);
      EXPECT_LE(NanoDollars::from_usd(w.estimates[t].cost_usd), w.states[t].budget);
      if (plan.reason != core::Reason::kNearest) {
        EXPECT_TRUE(meets_limits(w, t)) << "round " << round;
      }
    }
    if (plan.empty()) {
      EXPECT_EQ(plan.reason, core::Reason::kInfeasible);
    }
  }
}

TEST(DecideProperties, PropensitiesSumToOneAndOnlyTheFeasibleHaveAny) {
  SCOPED_TRACE(testing::Message() << "seed " << kSeed + 1);
  base::Rng rng(kSeed + 1);
  for (int round = 0; round < 3000; ++round) {
    const World w = random_world(rng);
    const auto plan = decide_in(w, rng.fork("decide"), {.explore_rate = 0.1});
    const double sum = std::accumulate(plan.propensity.begin(), plan.propensity.end(), 0.0);
    EXPECT_NEAR(sum, plan.empty() ? 0.0 : 1.0, 1e-6);
    if (!plan.empty()) {
      EXPECT_GT(plan.propensity[plan.first()], 0);
    }
    for (std::size_t t = 0; t < w.targets.size(); ++t) {
      const auto listed = plan.targets();
      if (plan.propensity[t] > 0) {
        EXPECT_NE(std::find(listed.begin(), listed.end(), t), listed.end());
      }
    }
  }
}

TEST(DecideProperties, RaisingACostNeverMovesATargetForward) {
  SCOPED_TRACE(testing::Message() << "seed " << kSeed + 2);
  base::Rng rng(kSeed + 2);
  for (int round = 0; round < 3000; ++round) {
    World w = random_world(rng);
    w.contract.explore = core::Explore::kNever;
    w.contract.on_infeasible = core::OnInfeasible::kFail;
    const std::size_t raised = rng.below(w.targets.size());
    const auto position = [&](const core::Plan& plan) {
      const auto listed = plan.targets();
      const auto found = std::find(listed.begin(), listed.end(), raised);
      return found == listed.end() ? core::kTargetsMax : static_cast<std::size_t>(found - listed.begin());
    };
    const std::size_t before = position(decide_in(w, base::Rng(1)));
    w.estimates[raised].cost_usd += 0.001 + rng.uniform() * 0.01;
    EXPECT_GE(position(decide_in(w, base::Rng(1))), before) << "round " << round;
  }
}

TEST(DecideProperties, PermutingTargetsPermutesTheChoiceUpToTies) {
  SCOPED_TRACE(testing::Message() << "seed " << kSeed + 3);
  base::Rng rng(kSeed + 3);
  for (int round = 0; round < 2000; ++round) {
    World w = random_world(rng);
    w.contract.explore = core::Explore::kNever;
    std::vector<std::size_t> order(w.targets.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    rng.shuffle(order);
    World turned = w;
    for (std::size_t i = 0; i < order.size(); ++i) {
      turned.targets[i] = w.targets[order[i]];
      turned.states[i] = w.states[order[i]];
      turned.estimates[i] = w.estimates[order[i]];
    }
    const auto a = decide_in(w, base::Rng(1));
    const auto b = decide_in(turned, base::Rng(1));
    ASSERT_EQ(a.size, b.size);
    if (a.empty()) continue;
    // Equal quality, cost and seconds may swap places; what is chosen is equally good.
    const auto& x = w.estimates[a.first()];
    const auto& y = turned.estimates[b.first()];
    if (a.reason == core::Reason::kNearest) continue;
    if (w.contract.worth) {
      const auto& worth = *w.contract.worth;
      EXPECT_NEAR(utility(x, worth, w.states[a.first()].queue_seconds),
                  utility(y, worth, turned.states[b.first()].queue_seconds), 2e-12);
    } else {
      EXPECT_EQ(x.quality, y.quality);
    }
    EXPECT_EQ(x.cost_usd, y.cost_usd);
  }
}

World two_models() {
  World w;
  w.targets.resize(2);
  w.targets[0].name = "small";
  w.targets[1].name = "large";
  w.estimates.reset(2);
  w.estimates[0] = {.quality = 0.6, .cost_usd = 0.001, .seconds = 1};
  w.estimates[1] = {.quality = 0.9, .cost_usd = 0.010, .seconds = 5};
  return w;
}

TEST(Decide, WithoutAWorthQualityDecides) {
  const auto plan = decide_in(two_models(), base::Rng(1));
  EXPECT_EQ(plan.first(), 1);
  EXPECT_EQ(plan.size, 2U);
  EXPECT_EQ(plan.reason, core::Reason::kQuality);
  EXPECT_EQ(plan.propensity[1], 1.0F);
}

TEST(Decide, TiesInQualityGoToTheCheaperThenToTheLowerIndex) {
  World w = two_models();
  w.estimates[0].quality = 0.9 + 1e-13;
  w.estimates[1].quality = 0.9;
  EXPECT_EQ(decide_in(w, base::Rng(1)).first(), 0);
  w.estimates[0].cost_usd = 0.02;
  EXPECT_EQ(decide_in(w, base::Rng(1)).first(), 1);
  w.estimates[0].cost_usd = w.estimates[1].cost_usd;
  EXPECT_EQ(decide_in(w, base::Rng(1)).first(), 0);
}

TEST(Decide, AWorthWeighsQualityCostAndSeconds) {
  World w = two_models();
  w.contract.worth = core::Worth{0.02, 0};
  EXPECT_EQ(decide_in(w, base::Rng(1)).first(), 0);  // .011 against .008
  w.contract.worth = core::Worth{0.1, 0};
  EXPECT_EQ(decide_in(w, base::Rng(1)).first(), 1);  // .059 against .080
  w.contract.worth = core::Worth{0.1, 0.01};
  EXPECT_EQ(decide_in(w, base::Rng(1)).first(), 0);  // four more seconds cost .04
}

TEST(Decide, WaitingTimeAddsToTheLearnedSeconds) {
  World w = two_models();
  w.contract.worth = core::Worth{0.1, 0.001};
  EXPECT_EQ(decide_in(w, base::Rng(1)).first(), 1);
  w.states = {{true, 0, {INT64_MAX}}, {true, 60, {INT64_MAX}}};
  EXPECT_EQ(decide_in(w, base::Rng(1)).first(), 0);
  w.contract.worth.reset();
  w.contract.max_latency_ms = 10'000;
  const auto plan = decide_in(w, base::Rng(1));
  EXPECT_EQ(plan.first(), 0);
  EXPECT_TRUE(contains(plan.excluded[1], Exclusion::kLatency));
  EXPECT_TRUE(contains(plan.binding, Exclusion::kLatency));
}

TEST(Decide, APolicysPreferenceReplacesUtility) {
  World w = two_models();
  w.contract.worth = core::Worth{100, 0};
  w.estimates.has_preference = true;
  w.estimates[0].preference = 2;
  const auto plan = decide_in(w, base::Rng(1));
  EXPECT_EQ(plan.first(), 0);
  EXPECT_EQ(plan.reason, core::Reason::kPreference);
}

TEST(Decide, InfeasibleFailsWithAnEmptyPlanOrTakesTheLeastViolation) {
  World w = two_models();
  w.contract.max_cost_usd = 0.0005;
  auto plan = decide_in(w, base::Rng(1));
  EXPECT_TRUE(plan.empty());
  EXPECT_EQ(plan.reason, core::Reason::kInfeasible);
  w.contract.on_infeasible = core::OnInfeasible::kNearest;
  plan = decide_in(w, base::Rng(1));
  EXPECT_EQ(plan.first(), 0);
  EXPECT_EQ(plan.reason, core::Reason::kNearest);
  w.contract.deny = {"small", "large"};
  EXPECT_TRUE(decide_in(w, base::Rng(1)).empty());  // a denied target is never the nearest
}

TEST(Decide, AnUnhealthyTargetIsLeftOutUnlessAllAre) {
  World w = two_models();
  w.states = {{true, 0, {INT64_MAX}}, {false, 0, {INT64_MAX}}};
  auto plan = decide_in(w, base::Rng(1));
  EXPECT_EQ(plan.size, 1U);
  EXPECT_EQ(plan.first(), 0);
  EXPECT_EQ(plan.reason, core::Reason::kOnlyOne);
  EXPECT_TRUE(contains(plan.excluded[1], Exclusion::kUnhealthy));
  w.states[0].healthy = false;
  EXPECT_EQ(decide_in(w, base::Rng(1)).size, 2U);
  w.states[0].healthy = true;
  w.contract.deny = {"small"};
  EXPECT_EQ(decide_in(w, base::Rng(1)).first(), 1);  // the only permitted one is tried although it is unhealthy
}

TEST(Decide, AllowListsOfAllLayersMustHoldTheTargetOrItsTag) {
  World w = two_models();
  w.targets[0].tags = {"eu"};
  w.contract.allow = {{"eu", "large"}, {"small"}};
  const auto plan = decide_in(w, base::Rng(1));
  EXPECT_EQ(plan.size, 1U);
  EXPECT_EQ(plan.first(), 0);
  EXPECT_TRUE(contains(plan.excluded[1], Exclusion::kNotAllowed));
}

TEST(Decide, AbilitiesAndContextRuleOut) {
  World w = two_models();
  w.needs = {.input_tokens = 900, .max_output = 200, .images = true};
  w.targets[1].abilities.images = true;
  EXPECT_EQ(decide_in(w, base::Rng(1)).targets().size(), 1U);
  w.targets[1].context_tokens = 1000;
  EXPECT_TRUE(decide_in(w, base::Rng(1)).empty());
  w.targets[1].context_tokens = 1100;
  EXPECT_EQ(decide_in(w, base::Rng(1)).first(), 1);
}

TEST(Decide, ABudgetSmallerThanTheExpectedCostRulesOut) {
  World w = two_models();
  w.states = {{}, {true, 0, NanoDollars::from_usd(0.005)}};
  const auto plan = decide_in(w, base::Rng(1));
  EXPECT_EQ(plan.first(), 0);
  EXPECT_TRUE(contains(plan.excluded[1], Exclusion::kBudget));
}

TEST(Decide, AnEstimateThatIsNotANumberNeverWins) {
  World w = two_models();
  w.estimates[1].quality = NAN;
  EXPECT_EQ(decide_in(w, base::Rng(1)).first(), 0);
  w.contract.worth = core::Worth{0.1, 0};
  w.estimates[1] = {.quality = 0.9, .cost_usd = NAN};
  EXPECT_EQ(decide_in(w, base::Rng(1)).first(), 0);
}

TEST(Decide, AClaimedToolGoesFirstAndOthersNever) {
  World w = two_models();
  w.targets.resize(4);
  for (std::size_t t = 2; t < 4; ++t) w.targets[t].kind = core::TargetKind::kTool;
  w.targets[2].name = "arithmetic";
  w.targets[3].name = "dates";
  w.estimates.reset(4);
  w.needs.claimed_by = 2;
  auto plan = decide_in(w, base::Rng(1));
  EXPECT_EQ(plan.first(), 2);
  EXPECT_EQ(plan.reason, core::Reason::kClaimed);
  EXPECT_EQ(plan.size, 3U);
  EXPECT_TRUE(contains(plan.excluded[3], Exclusion::kToolDeclined));
  w.contract.deny = {"arithmetic"};
  EXPECT_NE(decide_in(w, base::Rng(1)).first(), 2);
}

TEST(Decide, ExplorationDrawsEachFeasibleTargetAtItsPropensity) {
  World w = two_models();
  w.contract.explore = core::Explore::kAllowed;
  base::Rng rng(kSeed);
  int explored = 0;
  core::Plan plan;
  for (int i = 0; i < 20'000; ++i) {
    decide(w.estimates, w.contract, w.targets, {}, {}, rng, plan, {.explore_rate = 0.2});
    explored += plan.first() == 0 ? 1 : 0;
    EXPECT_EQ(plan.reason, plan.first() == 0 ? core::Reason::kExplored : core::Reason::kQuality);
  }
  EXPECT_NEAR(explored / 20'000.0, static_cast<double>(plan.propensity[0]), 0.01);
  EXPECT_NEAR(static_cast<double>(plan.propensity[0]), 0.1, 1e-6);
  w.contract.explore = core::Explore::kNever;
  EXPECT_EQ(decide_in(w, base::Rng(3), {.explore_rate = 1.0}).propensity[1], 1.0F);
}

TEST(PlanInOrder, KeepsTheOrderLessWhatIsRuledOut) {
  World w = two_models();
  core::Plan plan;
  w.contract.max_cost_usd = 0;  // not known, excludes nothing
  plan_in_order(w.contract, w.targets, {}, {}, plan);
  EXPECT_EQ(plan.size, 2U);
  EXPECT_EQ(plan.first(), 0);
  EXPECT_EQ(plan.reason, core::Reason::kOrder);
  w.contract.deny = {"small"};
  plan_in_order(w.contract, w.targets, {}, {}, plan);
  EXPECT_EQ(plan.first(), 1);
  w.contract.deny.push_back("large");
  plan_in_order(w.contract, w.targets, {}, {}, plan);
  EXPECT_TRUE(plan.empty());
}

TEST(Explain, NamesTheChoiceTheReasonTheRivalAndTheLimits) {
  World w = two_models();
  w.targets.resize(3);
  w.targets[2].name = "huge";
  w.estimates.reset(3);
  w.estimates[0] = {.quality = 0.6, .cost_usd = 0.001, .seconds = 1};
  w.estimates[1] = {.quality = 0.9, .cost_usd = 0.010, .seconds = 5};
  w.estimates[2] = {.quality = 0.99, .cost_usd = 1, .seconds = 5};
  w.contract.max_cost_usd = 0.5;
  const auto text = explain(decide_in(w, base::Rng(1)), w.estimates, w.contract, w.targets);
  EXPECT_NE(text.find("large has the best expected quality"), std::string::npos) << text;
  EXPECT_NE(text.find("next is small"), std::string::npos) << text;
  EXPECT_NE(text.find("Ruled out: huge (cost)"), std::string::npos) << text;
  w.contract.max_cost_usd = 0;
  const auto none = explain(decide_in(w, base::Rng(1)), w.estimates, w.contract, w.targets);
  EXPECT_NE(none.find("No target satisfies the contract; ruled out by cost"), std::string::npos) << none;
}

TEST(Flips, EachStatedFlipReallyFlipsTheChoice) {
  World w = two_models();
  w.contract.worth = core::Worth{0.02, 0.0001};
  const auto plan = decide_in(w, base::Rng(1));
  ASSERT_EQ(plan.first(), 0);
  const auto list = flips(plan, w.estimates, w.contract, w.targets);
  bool worth_seen = false;
  for (const Flip& flip : list) {
    World changed = w;
    if (flip.what == "worth.answer_usd") {
      worth_seen = true;
      changed.contract.worth->answer_usd = flip.value * 1.001;
      EXPECT_EQ(decide_in(changed, base::Rng(1)).first(), 1) << flip.sentence;
      changed.contract.worth->answer_usd = flip.value * 0.999;
      EXPECT_EQ(decide_in(changed, base::Rng(1)).first(), 0) << flip.sentence;
    } else if (flip.what == "cost of small") {
      changed.estimates[0].cost_usd = flip.value * 1.001;
      EXPECT_EQ(decide_in(changed, base::Rng(1)).first(), 1) << flip.sentence;
    } else if (flip.what == "min_quality") {
      changed.contract.min_quality = flip.value + 1e-6;
      EXPECT_EQ(decide_in(changed, base::Rng(1)).first(), 1) << flip.sentence;
    } else {
      ADD_FAILURE() << "unexpected flip " << flip.what;
    }
  }
  EXPECT_TRUE(worth_seen);
  EXPECT_EQ(list.size(), 3U);
}

TEST(Flips, ALimitBelowTheChosenCostFlipsToTheNextCheaper) {
  const World w = two_models();
  const auto plan = decide_in(w, base::Rng(1));
  std::vector<std::string> kinds;
  for (const Flip& flip : flips(plan, w.estimates, w.contract, w.targets)) {
    kinds.push_back(flip.what);
    EXPECT_EQ(flip.target, "small");
  }
  EXPECT_EQ(kinds, (std::vector<std::string>{"max_cost_usd", "max_latency_ms"}));
}

}  // namespace
}  // namespace thalamus::route
