#include "thalamus/route/blend.h"

#include <gtest/gtest.h>

#include "toy.h"

namespace thalamus::route {
namespace {

BlendParts parts_of_two(double first, double second) {
  BlendParts parts;
  parts.members.resize(2);
  parts.members[0].contrast_weight = parts.members[0].level_weight = first;
  parts.members[1].contrast_weight = parts.members[1].level_weight = second;
  parts.level = 0.5;
  parts.contrast = {0.1, -0.1};
  parts.in_pool = {true, true};
  return parts;
}

TEST(Blend, WeightOneOnAMemberIsThatMember) {
  const std::vector<float> members{0.9F, 0.3F, 0.2F, 0.4F};
  std::vector<float> out(2);
  blend_estimates(parts_of_two(1, 0), members, out);
  EXPECT_NEAR(out[0], 0.9F, 1e-6);
  EXPECT_NEAR(out[1], 0.3F, 1e-6);
}

TEST(Blend, WithoutWeightsTheMeansAreLeft) {
  const std::vector<float> members{0.9F, 0.3F, 0.2F, 0.4F};
  std::vector<float> out(2);
  blend_estimates(parts_of_two(0, 0), members, out);
  EXPECT_NEAR(out[0], 0.6F, 1e-6);
  EXPECT_NEAR(out[1], 0.4F, 1e-6);
}

// By hand: level .5 + .5 (.6 - .5) + .25 (.3 - .5) = .5; contrast of model 0: .1 + .5 (.3 - .1) + .25 (-.1 - .1) = .15.
TEST(Blend, LevelAndContrastAreWeighedApart) {
  const std::vector<float> members{0.9F, 0.3F, 0.2F, 0.4F};
  std::vector<float> out(2);
  blend_estimates(parts_of_two(0.5, 0.25), members, out);
  EXPECT_NEAR(out[0], 0.65F, 1e-6);
  EXPECT_NEAR(out[1], 0.35F, 1e-6);
}

TEST(Blend, TheMarginIsTakenFromAllButTheSafeModelAndNothingOutsideThePoolIsAboveIt) {
  BlendParts parts = parts_of_two(1, 0);
  parts.margin = 0.05;
  parts.safe_model = 1;
  const std::vector<float> members{0.9F, 0.3F, 0.2F, 0.4F};
  std::vector<float> out(2);
  blend_estimates(parts, members, out);
  EXPECT_NEAR(out[0], 0.85F, 1e-6);
  EXPECT_NEAR(out[1], 0.3F, 1e-6);
  parts.in_pool[0] = false;
  blend_estimates(parts, members, out);
  EXPECT_NEAR(out[0], 0.3F - 0.05F, 1e-6) << "level + mean contrast would be .7, above the lowest of the pool";
}

TEST(Blend, BadPartsAreRefused) {
  const Toy toy = make_toy(60, 31);
  const Shape shape{3, toy.set.dense_size, toy.set.sparse.columns};
  const auto parts = [&] {
    BlendParts out;
    out.contrast.assign(3, 0.0);
    out.in_pool.assign(3, true);
    out.members.resize(1);
    out.members[0].method = find_method("global_mean");
    out.members[0].router = fit_toy(*out.members[0].method, toy);
    return out;
  };
  EXPECT_TRUE(parts().check(shape).has_value());
  BlendParts bad = parts();
  bad.members[0].contrast_weight = -1;
  EXPECT_FALSE(bad.check(shape).has_value());
  bad = parts();
  bad.safe_model = 3;
  EXPECT_FALSE(bad.check(shape).has_value());
  bad = parts();
  bad.members[0].dense_begin = toy.set.dense_size;
  bad.members[0].dense_size = 1;
  EXPECT_FALSE(bad.check(shape).has_value());
  bad = parts();
  bad.members[0].router = fit_toy(*find_method("random"), toy);
  ASSERT_EQ(bad.members[0].router->output(), Output::kPreference);
  EXPECT_FALSE(bad.check(shape).has_value());
}

TEST(Blend, ItselfIsNoMember) {
  const Toy toy = make_toy(60, 32);
  base::Rng rng(1);
  EXPECT_FALSE(find_method("blend")->fit(toy.set, {{"members", "blend"}}, rng).has_value());
  EXPECT_FALSE(find_method("blend")->fit(toy.set, {{"members", "no_such_method"}}, rng).has_value());
}

}  // namespace
}  // namespace thalamus::route
