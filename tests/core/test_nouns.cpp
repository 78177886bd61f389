#include <gtest/gtest.h>

#include <algorithm>

#include "thalamus/core/answer.h"
#include "thalamus/core/estimate.h"
#include "thalamus/core/plan.h"
#include "thalamus/core/request.h"

namespace thalamus::core {
namespace {

Message message_of(Role role, std::vector<Part> parts) {
  Message message;
  message.role = role;
  message.parts = std::move(parts);
  return message;
}

TEST(Request, GivesTheTextOfTheLastUserMessage) {
  Request request;
  EXPECT_EQ(request.last_user_text(), "");
  request.messages = {message_of(Role::kSystem, {{PartKind::kText, "be brief"}}),
                      message_of(Role::kUser, {{PartKind::kText, "first"}}),
                      message_of(Role::kUser, {{PartKind::kText, "second"}, {PartKind::kText, "part"}}),
                      message_of(Role::kAssistant, {{PartKind::kText, "answer"}})};
  EXPECT_EQ(request.last_user_text(), "second\npart");
}

TEST(Request, LeavesPartsWithoutTextOutOfTheText) {
  Request request;
  request.messages = {
      message_of(Role::kUser, {{PartKind::kImage, "https://example.org/a.png"}, {PartKind::kText, "what?"}})};
  EXPECT_EQ(request.last_user_text(), "what?");
  request.messages = {message_of(Role::kUser, {{PartKind::kText, "old"}}), message_of(Role::kUser, {})};
  EXPECT_EQ(request.last_user_text(), "");
}

TEST(Request, SeesAnImageInAnyMessage) {
  Request request;
  request.messages = {message_of(Role::kUser, {{PartKind::kText, "look"}, {PartKind::kImage, "u"}}),
                      message_of(Role::kUser, {{PartKind::kText, "and?"}})};
  EXPECT_TRUE(request.has_images());
  request.messages.erase(request.messages.begin());
  EXPECT_FALSE(request.has_images());
}

TEST(Exclusion, IsASetOfReasons) {
  Exclusion set = Exclusion::kCost | Exclusion::kContext;
  EXPECT_TRUE(contains(set, Exclusion::kCost));
  EXPECT_FALSE(contains(set, Exclusion::kQuality));
  set |= Exclusion::kQuality;
  EXPECT_TRUE(contains(set, Exclusion::kQuality));
  EXPECT_FALSE(contains(Exclusion::kNone, Exclusion::kCost));
}

TEST(Estimates, AreClearedByReset) {
  Estimates estimates;
  estimates.reset(3);
  estimates[2].quality = 0.5;
  estimates.input_tokens = 9;
  estimates.has_preference = true;
  estimates.reset(3);
  EXPECT_EQ(estimates.size(), 3U);
  EXPECT_EQ(estimates[2].quality, 0);
  EXPECT_EQ(estimates.input_tokens, 0U);
  EXPECT_FALSE(estimates.has_preference);
  EXPECT_EQ(estimates.rows().size(), 3U);
}

TEST(Estimates, NeverHoldMoreTargetsThanARouteMay) {
  Estimates estimates;
  estimates.reset(kTargetsMax + 10);
  EXPECT_EQ(estimates.size(), kTargetsMax);
}

TEST(Plan, IsEmptyUntilItIsFilled) {
  Plan plan;
  EXPECT_TRUE(plan.empty());
  plan.order[0] = 4;
  plan.order[1] = 2;
  plan.size = 2;
  EXPECT_EQ(plan.first(), 4);
  EXPECT_TRUE(std::ranges::equal(plan.targets(), std::array<std::uint16_t, 2>{4, 2}));
}

TEST(TargetState, IsReadyUnlessSomethingIsKnown) {
  const TargetState state;
  EXPECT_TRUE(state.healthy);
  EXPECT_EQ(state.queue_seconds, 0);
  EXPECT_EQ(state.budget.value, INT64_MAX);
}

}  // namespace
}  // namespace thalamus::core
