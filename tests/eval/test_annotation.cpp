// Items and measured mixes as files: what is read, what is refused and how it is named, and budgets kept exactly.
#include "thalamus/eval/annotation.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "folder.h"

namespace thalamus::eval {
namespace {

constexpr std::size_t kItems = 40;

/// Tag a is worth a human label, tag b is worth less than none. Costs are thirds of a dollar and odd cents.
std::string items_text() {
  std::string text;
  for (std::size_t i = 0; i < kItems; ++i)
    text += fmt::format("{{\"id\":\"i{}\",\"features\":{{\"a\":{},\"kind\":\"{}\"}},\"human_usd\":{}}}\n", i,
                        i % 3 == 0 ? "true" : "false", i % 2 == 0 ? "b" : "c", 0.1 + 0.01 * static_cast<double>(i % 7));
  return text;
}

struct World {
  TestFolder folder;
  AnnotationItems items = read_annotation_items(folder.write("items.jsonl", items_text())).value();

  [[nodiscard]] learn::SimulatedMixes measured(std::int64_t simulations) const {
    learn::HybridPreferencesOptions options;
    options.simulations = simulations;
    options.items = 30;
    std::string lines = propose_mixes(items, options, 4).value();
    // Measured: 2 for each human label of an item with tag a, -1 for each of kind b, a share of the mix.
    std::string done;
    std::size_t at = 0;
    while (at < lines.size()) {
      const std::size_t end = lines.find('\n', at);
      std::string line = lines.substr(at, end - at);
      at = end + 1;
      double score = 0.5;
      const std::string human = line.substr(line.find("\"human\""));
      for (std::size_t i = 0; i < kItems; ++i)
        if (human.find(fmt::format("\"i{}\"", i)) != std::string::npos)
          score += ((i % 3 == 0 ? 2.0 : 0.0) - (i % 2 == 0 ? 1.0 : 0.0)) / 30;
      line.replace(line.find("null"), 4, fmt::format("{}", score));
      done += line + "\n";
    }
    return read_measured_mixes(folder.write("measured.jsonl", done), items).value();
  }
};

TEST(AnnotationItems, TextsAreTagsAndNumbersAreCutInBins) {
  const TestFolder folder;
  std::string text;
  for (int i = 0; i < 9; ++i)
    text += fmt::format("{{\"id\":\"{0}\",\"features\":{{\"length\":{0},\"subject\":\"{1}\"{2}}}}}\n", i,
                        i % 2 == 0 ? "law" : "art", i == 4 ? ",\"rare\":true" : "");
  const auto items = read_annotation_items(folder.write("items.jsonl", text)).value();
  EXPECT_EQ(items.names, (std::vector<std::string>{"length", "subject=law", "subject=art", "rare"}));
  ASSERT_EQ(items.features.features, 6U);  // three bins and three tags
  EXPECT_EQ(items.features.values[0], 1.0F);
  EXPECT_EQ(items.features.values[8 * 6 + 2], 1.0F);
  EXPECT_EQ(std::vector<float>(items.features.values.begin() + 4 * 6, items.features.values.begin() + 5 * 6),
            (std::vector<float>{0, 1, 0, 1, 0, 1}));
  EXPECT_TRUE(std::isnan(items.human_usd[0]));
}

TEST(AnnotationItems, ErrorsNameFileLineFieldValueAndRemedy) {
  const TestFolder folder;
  const std::string good = "{\"id\":\"x\",\"features\":{\"a\":1}}\n";
  const std::vector<std::tuple<std::string, std::string, std::string>> cases{
      {"{\"features\":{\"a\":1}}\n", "item.id", "give each item an id"},
      {"{\"id\":\"x\",\"features\":{\"a\":1}}\n", "item.id", "\"x\" is the id of an earlier item"},
      {"{\"id\":\"y\"}\n", "item.features", "at least one feature"},
      {"{\"id\":\"y\",\"features\":{\"a\":[1]}}\n", "item.features.a", "expected a number"},
      {"{\"id\":\"y\",\"features\":{\"a\":1e30}}\n", "item.features.a", "1e30"},
      {"{\"id\":7,\"features\":{\"a\":1}}\n", "item.id", "expected a string, got 7"},
      {"{\"id\":\"y\",\"features\":{\"a\":1},\"human_usd\":-2}\n", "item.human_usd", "-2"},
      {"{\"id\":\"y\",\n", "", ""},
  };
  for (const auto& [line, field, words] : cases) {
    const std::string path = folder.write("items.jsonl", good + line);
    const auto refused = read_annotation_items(path);
    ASSERT_FALSE(refused.has_value()) << line;
    const std::string text = refused.error().text();
    EXPECT_NE(text.find(path + ":2"), std::string::npos) << text;
    EXPECT_NE(text.find(field), std::string::npos) << text;
    EXPECT_NE(text.find(words), std::string::npos) << text;
  }
  EXPECT_FALSE(read_annotation_items(folder.write("one.jsonl", good)).has_value()) << "one item is no choice";
  EXPECT_FALSE(read_annotation_items(folder.write("none.jsonl", "")).has_value());
}

TEST(MeasuredMixes, ErrorsNameFileLineFieldValueAndRemedy) {
  const World world;
  const std::vector<std::tuple<std::string, std::string, std::string>> cases{
      {"{\"human\":[\"i1\"]}", "mix.score", "measure it"},
      {"{\"human\":[\"i1\"],\"score\":null}", "mix.score", "measure it"},
      {"{\"human\":[\"i1\"],\"score\":\"high\"}", "mix.score", "expected a finite number"},
      {"{\"score\":1}", "mix.human", "[] where there are none"},
      {"{\"human\":[\"i1\",\"i1\"],\"score\":1}", "mix.human[1]", "named twice"},
      {"{\"human\":[\"i1\",\"x1\"],\"score\":1}", "mix.human[1]", "there is no item \"x1\""},
      {"{\"items\":[\"i1\",\"i2\"],\"human\":[\"i3\"],\"score\":1}", "mix.human", "\"i3\" is not among"},
  };
  for (const auto& [line, field, words] : cases) {
    const std::string path = world.folder.write("mixes.jsonl", "{\"human\":[],\"score\":0.5}\n" + line + "\n");
    const auto refused = read_measured_mixes(path, world.items);
    ASSERT_FALSE(refused.has_value()) << line;
    const std::string text = refused.error().text();
    EXPECT_NE(text.find(path + ":2: " + field), std::string::npos) << text;
    EXPECT_NE(text.find(words), std::string::npos) << text;
  }
}

TEST(Annotate, WhatIsProposedComesBackAndItsResponseIsRecovered) {
  const World world;
  const auto mixes = world.measured(60);
  ASSERT_EQ(mixes.score.size(), 60U);
  const auto annotation = annotate(world.items, mixes, {}, std::nullopt, 1).value();
  EXPECT_GT(annotation.held_out_r2, 0.95);
  EXPECT_GT(annotation.gains[3], annotation.gains[0]);  // tag a of kind c over tag a of kind b
  EXPECT_LT(annotation.gains[2], 0);                    // kind b alone
  // The humans have the items of most gain.
  EXPECT_LE(annotation.humans, kItems / 2);
  double least = INFINITY;
  double most = 0;
  for (std::size_t i = 0; i < kItems; ++i) {
    if (annotation.plan.human[i] != 0) least = std::min(least, annotation.gains[i]);
    if (annotation.plan.human[i] == 0) most = std::max(most, annotation.gains[i]);
  }
  EXPECT_GE(least, most);
}

TEST(Annotate, EveryBudgetIsKeptExactly) {
  const World world;
  const auto mixes = world.measured(60);
  for (const double share : {0.0, 0.01, 0.1, 0.25, 1.0}) {
    learn::HybridPreferencesOptions options;
    options.share = share;
    const auto plan = annotate(world.items, mixes, options, std::nullopt, 1).value();
    EXPECT_LE(static_cast<double>(plan.humans), share * kItems) << share;
    EXPECT_EQ(plan.humans,
              static_cast<std::size_t>(std::accumulate(plan.plan.human.begin(), plan.plan.human.end(), 0)));
  }
  // Three labels of .1 cost no more than .3, though .1 + .1 + .1 > .3 in floating point.
  for (const double usd : {0.0, 0.09, 0.1, 0.3, 0.77, 1.3, 100.0}) {
    const auto plan = annotate(world.items, mixes, {}, usd, 1).value();
    std::int64_t nanos = 0;
    for (std::size_t i = 0; i < kItems; ++i)
      if (plan.plan.human[i] != 0) nanos += std::llround(world.items.human_usd[i] * 1e9);
    EXPECT_LE(nanos, std::llround(usd * 1e9)) << usd;
    EXPECT_NEAR(plan.plan.cost, static_cast<double>(nanos) / 1e9, 1e-12);
    EXPECT_TRUE(plan.in_usd);
  }
  EXPECT_EQ(annotate(world.items, mixes, {}, 0.1, 1).value().humans, 1U) << "exactly the budget is within it";
}

TEST(Annotate, ABudgetInUsdNeedsACostForEachItem) {
  World world;
  const auto mixes = world.measured(20);
  world.items.human_usd[7] = NAN;
  const auto refused = annotate(world.items, mixes, {}, 1.0, 1);
  ASSERT_FALSE(refused.has_value());
  EXPECT_NE(refused.error().text().find("\"i7\" has no human_usd"), std::string::npos) << refused.error().text();
  EXPECT_TRUE(annotate(world.items, mixes, {}, std::nullopt, 1).has_value());
}

TEST(Annotate, LinesSayWhoLabelsAndWhatItCosts) {
  const World world;
  const auto mixes = world.measured(20);
  const auto plan = annotate(world.items, mixes, {}, 0.5, 1).value();
  const std::string lines = annotation_lines(world.items, plan);
  EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), static_cast<std::ptrdiff_t>(kItems));
  EXPECT_TRUE(lines.starts_with("{\"id\":\"i0\",\"annotator\":\""));
  EXPECT_NE(lines.find("\"annotator\":\"model\",\"gain\""), std::string::npos);
  EXPECT_NE(lines.find("\"cost_usd\":0}"), std::string::npos);
  EXPECT_EQ(annotation_lines(world.items, annotate(world.items, mixes, {}, std::nullopt, 1).value()).find("cost_usd"),
            std::string::npos);
  EXPECT_NE(to_text(plan).find("of 0.5 USD"), std::string::npos) << to_text(plan);
  EXPECT_NE(to_json(plan).find("\"unit\":\"usd\""), std::string::npos);
}

}  // namespace
}  // namespace thalamus::eval
