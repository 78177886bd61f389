// UniRoute: the zero router at one cluster, ids without meaning, profiles that join alone, the learned map.
#include <gtest/gtest.h>

#include <cmath>

#include "small_set.h"

namespace thalamus::route {
namespace {

constexpr std::size_t kModels = 3;

const std::vector<std::string> kTexts{"What is 3 plus 4? Answer with a number.", "", "Translate river into French.",
                                      "something else"};

/// The decision of the card: argmin of error + lambda * cost, the lower model on ties.
std::size_t choose(const std::vector<float>& quality, double lambda) {
  std::size_t best = 0;
  const auto worth = [&](std::size_t m) {
    return static_cast<double>(quality[m]) - lambda * 0.001 * static_cast<double>(m + 1);
  };
  for (std::size_t m = 1; m < quality.size(); ++m)
    if (worth(m) > worth(best)) best = m;
  return best;
}

TEST(UniRoute, OneClusterIsTheZeroRouterForEveryLambdaAndMap) {
  const Toy toy = make_toy(120, 31, 0.2);
  const ModelMeans means = model_means(toy.set);
  const auto zero = fit_toy(*find_method("global_mean"), toy);
  for (const std::string map : {"kmeans", "learned"}) {
    const auto router = fit_toy(*find_method("uniroute"), toy, {{"clusters", "1"}, {"map", map}});
    for (const std::string& text : kTexts) {
      const auto out = estimate_text(*router, toy.features, text, kModels);
      for (std::size_t m = 0; m < kModels; ++m) EXPECT_NEAR(out.quality[m], means.mean[m], 1e-6) << map;
      const auto expected = estimate_text(*zero, toy.features, text, kModels);
      for (double lambda = 0; lambda < 1000; lambda = lambda * 1.5 + 1)
        EXPECT_EQ(choose(out.quality, lambda), choose(expected.quality, lambda)) << map << " lambda " << lambda;
    }
  }
}

/// The saved bytes of a router with its clusters in reverse order.
std::string with_reversed_clusters(const std::string& bytes, std::size_t size, std::size_t models) {
  base::ByteReader in(bytes);
  const std::uint32_t count = in.get<std::uint32_t>().value();
  const auto reversed = [&](std::vector<float> values, std::size_t width) {
    std::vector<float> result;
    for (std::size_t k = values.size() / width; k > 0; --k)
      result.insert(result.end(), values.begin() + static_cast<std::ptrdiff_t>((k - 1) * width),
                    values.begin() + static_cast<std::ptrdiff_t>(k * width));
    return result;
  };
  base::ByteWriter out;
  out.put(count);
  for (const std::size_t width : {size, size, std::size_t{1}, models, models})  // centroids, theta, bias, mean, sd
    out.put_array(reversed(in.get_array<float>().value(), width));
  return out.take();
}

TEST(UniRoute, TheNumbersOfTheClustersDoNotMatter) {
  const Toy toy = make_toy(150, 32);
  for (const std::string map : {"kmeans", "learned"}) {
    const auto router = fit_toy(*find_method("uniroute"), toy, {{"clusters", "6"}, {"map", map}});
    const std::string bytes = with_reversed_clusters(saved(*router), toy.set.dense_size, kModels);
    ASSERT_NE(bytes, saved(*router));
    base::ByteReader in(bytes);
    const auto turned = find_method("uniroute")->load(in, {kModels, toy.set.dense_size, 0});
    ASSERT_TRUE(turned.has_value()) << turned.error().text();
    Asker ask_router(*router, toy.features, kModels);
    Asker ask_turned(**turned, toy.features, kModels);
    for (const std::string& text : toy.texts) {
      const Estimated& a = ask_router(text);
      const Estimated& b = ask_turned(text);
      for (std::size_t m = 0; m < kModels; ++m) EXPECT_NEAR(a.quality[m], b.quality[m], 1e-6) << map;
    }
  }
}

TEST(UniRoute, ADuplicatedModelChangesNoOtherEstimate) {
  const Toy toy = make_toy(150, 33);
  Toy twice = make_toy(150, 33);
  twice.set.models.push_back("again");
  twice.set.quality.clear();
  for (std::size_t row = 0; row < toy.set.rows; ++row)
    for (const std::size_t m : {0UL, 1UL, 2UL, 0UL}) twice.set.quality.push_back(toy.set.quality_of(row, m));
  const base::OptionMap options{{"clusters", "5"}};
  const auto a = fit_toy(*find_method("uniroute"), toy, options);
  const auto b = fit_toy(*find_method("uniroute"), twice, options);
  Asker ask_a(*a, toy.features, kModels);
  Asker ask_b(*b, toy.features, kModels + 1);
  for (const std::string& text : toy.texts) {
    const Estimated& x = ask_a(text);
    const Estimated& y = ask_b(text);
    for (std::size_t m = 0; m < kModels; ++m) EXPECT_EQ(x.quality[m], y.quality[m]);
    EXPECT_EQ(y.quality[0], y.quality[3]);
  }
}

TEST(UniRoute, ANewModelNeedsItsProfileOnly) {
  // Two directions; the newcomer is scored on three rows of the first and one of the second.
  const TrainingSet set = small_set({{{1, 0}, {1, 0}}, {{2, 0.1F}, {1, 0}}, {{0, 1}, {0, 1}}, {{0.1F, 3}, {0, 1}}});
  const auto router = fit_small("uniroute", set, {{"clusters", "2"}, {"shrinkage", "1"}}).value();
  const TrainingSet rows = column_of(small_set({{{5, 0}, {1}}, {{1, 0}, {1}}, {{3, 0.2F}, {0}}, {{0, 1}, {0}}}), 0);
  const auto added = find_method("uniroute")->add_model(*router, rows, {{"shrinkage", "1"}});
  ASSERT_TRUE(added.has_value()) << added.error().text();
  // Its mean is 2/4: (3 * 2/3 + 1/2) / 4 and (0 + 1/2) / 2.
  EXPECT_NEAR(estimate_dense(**added, {9, 0}, 3).quality[2], 0.625, 1e-6);
  EXPECT_NEAR(estimate_dense(**added, {0, 9}, 3).quality[2], 0.25, 1e-6);
  EXPECT_EQ(estimate_dense(**added, {9, 0}, 3).quality[0], estimate_dense(*router, {9, 0}, 2).quality[0]);
}

TEST(UniRoute, LengthOfAVectorDoesNotMatter) {
  const TrainingSet set = small_set({{{1, 0}, {1, 0}}, {{100, 1}, {1, 0}}, {{0, 1}, {0, 1}}, {{1, 100}, {0, 1}}});
  const auto router = fit_small("uniroute", set, {{"clusters", "2"}, {"shrinkage", "0"}}).value();
  for (const float length : {0.01F, 1.0F, 1000.0F}) {
    EXPECT_EQ(best_of(estimate_dense(*router, {length, 0}, 2)), 0U);
    EXPECT_EQ(best_of(estimate_dense(*router, {0, length}, 2)), 1U);
  }
}

TEST(UniRoute, TheLearnedMapTellsApartWhatTheCentroidsMix) {
  // Along the second axis lies most of the variance; the models differ by the first.
  const std::uint64_t seed = 34;
  SCOPED_TRACE(seed);
  base::Rng rng(seed);
  std::vector<SmallRow> rows;
  for (int i = 0; i < 400; ++i) {
    const float side = rng.uniform() < 0.5 ? 0.4F : -0.4F;
    const float big = rng.uniform() < 0.5 ? 1.0F : -1.0F;
    const bool turned = rng.uniform() < 0.1;
    rows.push_back({{side, big, 0.3F}, {(side > 0) != turned ? 1.0F : 0.0F, (side > 0) != turned ? 0.0F : 1.0F}});
  }
  const TrainingSet set = small_set(rows);
  const auto loss = [&](const Router& router) {
    double sum = 0;
    DenseAsker ask(router, 2);
    for (std::size_t row = 0; row < set.rows; ++row) {
      const Estimated& out = ask(set.dense_row(row));
      for (std::size_t m = 0; m < 2; ++m) {
        const double off = static_cast<double>(out.quality[m] - set.quality_of(row, m));
        sum += off * off;
      }
    }
    return sum / static_cast<double>(set.rows);
  };
  // Three clusters: one of them must mix both sides.
  const auto hard = fit_small("uniroute", set, {{"clusters", "3"}}).value();
  const base::OptionMap options{{"clusters", "3"}, {"map", "learned"}, {"epochs", "60"}, {"sharpness", "2"}};
  const auto learned = fit_small("uniroute", set, options).value();
  EXPECT_LT(loss(*learned), loss(*hard) - 0.01);
}

TEST(UniRoute, AMapThatDoesNotFitTheClustersIsRefused) {
  const Toy toy = make_toy(60, 35);
  const auto router = fit_toy(*find_method("uniroute"), toy, {{"clusters", "4"}});
  const std::string bytes = saved(*router);
  base::ByteReader reader(bytes);
  const auto count = reader.get<std::uint32_t>().value();
  base::ByteWriter out;
  out.put(count);
  out.put_array(reader.get_array<float>().value());
  out.put_array(std::vector<float>{1, 2, 3});
  out.put_array(std::vector<float>{1});
  base::ByteReader broken(out.bytes());
  EXPECT_FALSE(find_method("uniroute")->load(broken, {kModels, toy.set.dense_size, 0}).has_value());
}

}  // namespace
}  // namespace thalamus::route
