// CARROT: the chosen number of neighbours, both forms on known worlds, the plug-in decision as an upper envelope.
#include <gtest/gtest.h>

#include <cmath>

#include "small_set.h"

namespace thalamus::route {
namespace {

/// Quality is a line in the angle plus noise: one model rises, one falls.
TrainingSet angles(std::size_t rows, double noise, std::uint64_t seed) {
  base::Rng rng(seed);
  std::vector<SmallRow> made;
  for (std::size_t i = 0; i < rows; ++i) {
    const double angle = rng.uniform() * 1.5;
    const auto clip = [](double q) { return static_cast<float>(std::clamp(q, 0.0, 1.0)); };
    made.push_back({{static_cast<float>(std::cos(angle)), static_cast<float>(std::sin(angle))},
                    {clip(0.1 + 0.5 * angle + noise * rng.normal()), clip(0.9 - 0.5 * angle + noise * rng.normal())}});
  }
  return small_set(made);
}

std::uint32_t chosen_k(const TrainingSet& set) {
  const std::string bytes = saved(*fit_small("carrot", set, {}).value());
  base::ByteReader in(bytes);
  EXPECT_EQ(in.get<std::uint8_t>().value(), 0);
  return in.get<std::uint32_t>().value();
}

TEST(Carrot, NoiseAsksForMoreNeighbours) {
  const std::uint32_t calm = chosen_k(angles(400, 0.0, 51));
  const std::uint32_t noisy = chosen_k(angles(400, 0.5, 51));
  EXPECT_LE(calm, 8U);
  EXPECT_GE(noisy, 16U);
}

TEST(Carrot, RepeatedPromptsDoNotMakeOneNeighbourLookBest) {
  // Each prompt twice with the same outcome: a fold that split them would choose the smallest k.
  const TrainingSet once = angles(200, 0.5, 52);
  TrainingSet twice = once;
  const auto repeat = [](auto& values) { values.insert(values.end(), values.begin(), values.end()); };
  const auto doubled = [&](std::vector<float> values) {
    repeat(values);
    return values;
  };
  twice.rows *= 2;
  twice.dense = doubled(once.dense);
  twice.quality = doubled(once.quality);
  twice.cost_usd = doubled(once.cost_usd);
  twice.text_bytes = doubled(once.text_bytes);
  repeat(twice.task);
  EXPECT_GE(chosen_k(twice), 16U);
}

TEST(Carrot, BothFormsFollowTheConditionalMean) {
  const std::uint64_t seed = 53;
  SCOPED_TRACE(seed);
  const TrainingSet set = angles(300, 0.1, seed);
  for (const std::string form : {"knn", "linear"}) {
    const auto router = fit_small("carrot", set, {{"form", form}}).value();
    EXPECT_EQ(router->output(), Output::kQuality);
    for (const double angle : {0.3, 0.75, 1.2}) {
      const auto out =
          estimate_dense(*router, {static_cast<float>(std::cos(angle)), static_cast<float>(std::sin(angle))}, 2);
      EXPECT_NEAR(out.quality[0], 0.1 + 0.5 * angle, 0.06) << form << " " << angle;
      EXPECT_NEAR(out.quality[1], 0.9 - 0.5 * angle, 0.06) << form << " " << angle;
    }
  }
}

TEST(Carrot, TheChoiceOverMuIsTheUpperEnvelopeOfTheModelsLines) {
  // argmax of (1 - mu) quality - mu cost: as mu grows a request moves to cheaper models and never back.
  const Toy toy = make_toy(200, 54);
  const auto router = fit_toy(*find_method("carrot"), toy);
  const std::vector<double> cost{1, 2, 3};
  Asker ask(*router, toy.features, 3);
  for (std::size_t i = 0; i < 20; ++i) {
    const Estimated& out = ask(toy.texts[i]);
    double last = INFINITY;
    for (int step = 0; step <= 1000; ++step) {
      const double mu = step / 1000.0;
      std::size_t best = 0;
      const auto line = [&](std::size_t m) { return (1 - mu) * static_cast<double>(out.quality[m]) - mu * cost[m]; };
      for (std::size_t m = 1; m < 3; ++m)
        if (line(m) > line(best)) best = m;
      EXPECT_LE(cost[best], last);
      last = cost[best];
    }
    EXPECT_EQ(last, 1) << "at mu = 1 the cheapest";
  }
}

TEST(Carrot, ANewModelIsLabelledOnStoredPrompts) {
  const TrainingSet set = angles(100, 0.1, 55);
  const auto router = fit_small("carrot", set, {{"k", "4"}}).value();
  TrainingSet few = column_of(set, 0);
  for (std::size_t row = 10; row < few.rows; ++row) few.quality[row] = NAN;
  const auto added = find_method("carrot")->add_model(*router, few, {});
  ASSERT_TRUE(added.has_value()) << added.error().text();
  EXPECT_TRUE(std::isfinite(estimate_dense(**added, {1, 1}, 3).quality[2]));
  TrainingSet strangers = column_of(angles(30, 0.1, 56), 0);
  const auto refused = find_method("carrot")->add_model(*router, strangers, {});
  ASSERT_FALSE(refused.has_value());
  EXPECT_NE(refused.error().message.find("stored requests"), std::string::npos);
}

}  // namespace
}  // namespace thalamus::route
