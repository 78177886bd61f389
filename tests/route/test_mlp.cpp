#include <gtest/gtest.h>

#include <cmath>

#include "thalamus/route/net_parts.h"
#include "toy.h"

namespace thalamus::route {
namespace {

TEST(Mlp, LearnsWhatNoLinearMapCan) {
  constexpr std::uint64_t kSeed = 31;
  SCOPED_TRACE(testing::Message() << "seed " << kSeed);
  base::Rng rng(kSeed);
  TrainingSet set;
  set.models = {"same", "different"};
  set.rows = 400;
  set.dense_size = 2;
  for (std::size_t row = 0; row < set.rows; ++row) {
    const bool a = rng.below(2) == 1;
    const bool b = rng.below(2) == 1;
    set.dense.insert(set.dense.end(), {a ? 1.0F : 0.0F, b ? 1.0F : 0.0F});
    set.quality.insert(set.quality.end(), {a == b ? 1.0F : 0.0F, a == b ? 0.0F : 1.0F});
  }
  const auto router = find_method("mlp")->fit(set, {{"input_noise", "0"}, {"rate", "0.01"}}, rng);
  ASSERT_TRUE(router.has_value()) << router.error().text();
  Scratch scratch = make_scratch(**router);
  std::vector<float> quality(2);
  std::vector<float> sd(2);
  for (const bool a : {false, true}) {
    for (const bool b : {false, true}) {
      const std::vector<float> dense{a ? 1.0F : 0.0F, b ? 1.0F : 0.0F};
      (*router)->estimate({nullptr, dense, {}}, scratch, quality, sd);
      EXPECT_EQ(quality[0] > 0.8F, a == b) << a << b;
      EXPECT_EQ(quality[1] > 0.8F, a != b) << a << b;
    }
  }
}

TEST(Mlp, AModelWithoutOutcomesGetsTheMeanOfTheOthers) {
  Toy toy = make_toy(120, 32);
  for (std::size_t row = 0; row < toy.set.rows; ++row) toy.set.quality[row * 3 + 2] = NAN;
  const auto router = fit_toy(*find_method("mlp"), toy);
  const auto means = model_means(toy.set);
  for (const std::size_t i : {0U, 1U, 2U})
    EXPECT_NEAR(estimate_text(*router, toy.features, toy.texts[i], 3).quality[2], means.mean[2], 1e-5);
}

TEST(Mlp, FewerOutcomesLeaveAWiderDeviation) {
  Toy toy = make_toy(300, 33);
  for (std::size_t row = 20; row < toy.set.rows; ++row) toy.set.quality[row * 3] = NAN;
  const auto router = fit_toy(*find_method("mlp"), toy);
  const auto out = estimate_text(*router, toy.features, toy.texts[0], 3);
  EXPECT_GT(out.sd[0], 1.5F * out.sd[1]);
}

TEST(NetParts, ModelsStandInTheOrderOfTheirNames) {
  const Toy toy = make_toy(30, 34, 0.2);  // sums, french, middle
  base::Rng rng(1);
  const OrderedSet ordered = order_models(toy.set, 10, rng);
  EXPECT_EQ(ordered.set.models, (std::vector<std::string>{"french", "middle", "sums"}));
  EXPECT_EQ(ordered.place, (std::vector<std::size_t>{2, 0, 1}));
  ASSERT_EQ(ordered.rows.size(), 10U);
  for (std::size_t i = 0; i < 10; ++i) {
    for (std::size_t m = 0; m < 3; ++m) {
      const float in_table = toy.set.quality_of(ordered.rows[i], m);
      const float in_order = ordered.set.quality_of(i, ordered.place[m]);
      EXPECT_TRUE(in_table == in_order || (std::isnan(in_table) && std::isnan(in_order)));
    }
    EXPECT_EQ(ordered.set.dense_row(i)[0], toy.set.dense_row(ordered.rows[i])[0]);
  }
  EXPECT_EQ(placed_rows(std::vector<int>{1, 2, 3, 4, 5, 6}, 2, ordered.place), (std::vector<int>{5, 6, 1, 2, 3, 4}));
}

}  // namespace
}  // namespace thalamus::route
