#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "thalamus/base/metrics.h"

namespace thalamus::base {
namespace {

TEST(Metrics, SumACounterOverItsSlots) {
  Counter counter;
  counter.add(0);
  counter.add(1, 5);
  counter.add(kMetricSlotsMax + 1, 2);  // the slot wraps
  EXPECT_EQ(counter.total(), 8U);
}

TEST(Metrics, LoseNothingUnderThreads) {
  Counter counter;
  Histogram histogram({1, 2});
  Gauge gauge;
  {
    std::vector<std::jthread> threads;
    for (std::size_t t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < 5'000; ++i) {
          counter.add(t % 2);
          histogram.observe(t % 2, 1.5);
          gauge.add(t % 2, 1);
        }
      });
    }
  }
  EXPECT_EQ(counter.total(), 20'000U);
  EXPECT_EQ(histogram.totals().count, 20'000U);
  EXPECT_EQ(histogram.totals().sum, 30'000.0);
  EXPECT_EQ(gauge.value(), 20'000.0);
}

TEST(Metrics, PutAValueOnABoundIntoItsBucket) {
  Histogram histogram({0.1, 1});
  histogram.observe(0, 0.1);
  histogram.observe(1, 0.5);
  histogram.observe(2, 7);
  const auto totals = histogram.totals();
  EXPECT_EQ(totals.buckets, (std::vector<std::uint64_t>{1, 1, 1}));
  EXPECT_DOUBLE_EQ(totals.sum, 7.6);
}

TEST(Metrics, GiveTheSameSeriesForTheSameNameAndLabels) {
  Metrics metrics;
  Counter& first = metrics.counter("requests_total", "Requests.", label_text("target", "a"));
  EXPECT_EQ(&first, &metrics.counter("requests_total", "Requests.", label_text("target", "a")));
  EXPECT_NE(&first, &metrics.counter("requests_total", "Requests.", label_text("target", "b")));
  for (int i = 0; i < 100; ++i) (void)metrics.gauge("g" + std::to_string(i), "G.");
  first.add(0);
  EXPECT_EQ(metrics.counter("requests_total", "Requests.", label_text("target", "a")).total(), 1U);
}

TEST(Metrics, ExposeTheTextFormat) {
  Metrics metrics;
  metrics.counter("b_total", "Bees.", label_text("hive", "x")).add(0, 3);
  metrics.counter("b_total", "Bees.", label_text("hive", "y"));
  metrics.gauge("a_degrees", "Warmth.").set(1.5);
  metrics.histogram("c_seconds", "Time.", {0.1, 1}, label_text("op", "r")).observe(0, 0.5);
  EXPECT_EQ(metrics.exposition(),
            "# HELP a_degrees Warmth.\n# TYPE a_degrees gauge\na_degrees 1.5\n"
            "# HELP b_total Bees.\n# TYPE b_total counter\nb_total{hive=\"x\"} 3\nb_total{hive=\"y\"} 0\n"
            "# HELP c_seconds Time.\n# TYPE c_seconds histogram\n"
            "c_seconds_bucket{op=\"r\",le=\"0.1\"} 0\nc_seconds_bucket{op=\"r\",le=\"1\"} 1\n"
            "c_seconds_bucket{op=\"r\",le=\"+Inf\"} 1\nc_seconds_sum{op=\"r\"} 0.5\nc_seconds_count{op=\"r\"} 1\n");
}

TEST(Metrics, ExposeAHistogramWithoutLabels) {
  Metrics metrics;
  metrics.histogram("t", "T.", {1}).observe(0, 2);
  EXPECT_EQ(metrics.exposition(),
            "# HELP t T.\n# TYPE t histogram\nt_bucket{le=\"1\"} 0\nt_bucket{le=\"+Inf\"} 1\nt_sum 2\nt_count 1\n");
}

TEST(Metrics, GiveAGaugeWhatWasSetAndWhatTheCoresAdded) {
  Gauge gauge;
  gauge.add(0, 3);
  gauge.add(1, 1);
  gauge.add(kMetricSlotsMax, -1);  // the slot wraps
  EXPECT_EQ(gauge.value(), 3.0);
  gauge.set(0.5);
  gauge.add(1, -1);
  EXPECT_EQ(gauge.value(), 2.5);
}

std::string letter(std::size_t kind) { return std::string(1, static_cast<char>('a' + kind)); }

CounterFamily sweets(std::size_t names_max = 10) {
  return {.name = "sweets_total",
          .help = "Sweets.",
          .name_label = "child",
          .kind_label = "kind",
          .kinds = 3,
          .kind_text = letter,
          .names_max = names_max};
}

TEST(CounterTable, RegistersASeriesWhenItIsFirstAddedTo) {
  Metrics metrics;
  CounterTable table(metrics, sweets());
  EXPECT_EQ(metrics.exposition(), "");
  table.add(0, "x\"y", 1, 2);
  table.add(1, "x\"y", 1);
  table.add(0, "", 0, 0);
  table.add(0, "z", 7);  // out of range: the last
  EXPECT_EQ(metrics.exposition(),
            "# HELP sweets_total Sweets.\n# TYPE sweets_total counter\n"
            "sweets_total{child=\"x\\\"y\",kind=\"b\"} 3\nsweets_total{child=\"\",kind=\"a\"} 0\n"
            "sweets_total{child=\"z\",kind=\"c\"} 1\n");
  EXPECT_EQ(
      metrics.counter("sweets_total", "Sweets.", label_text("child", "z") + "," + label_text("kind", "c")).total(), 1U)
      << "the registry's own series";
}

TEST(CounterTable, HasNoKindLabelWhereTheFamilyHasNone) {
  Metrics metrics;
  CounterTable table(metrics, {.name = "cost_total", .help = "Cost.", .name_label = "target", .kind_label = {}});
  table.add(0, "t", 0, 5);
  EXPECT_EQ(metrics.exposition(), "# HELP cost_total Cost.\n# TYPE cost_total counter\ncost_total{target=\"t\"} 5\n");
}

TEST(CounterTable, ShowsSumsInTheBaseUnit) {
  Metrics metrics;
  CounterTable table(metrics, {.name = "cost_usd_total",
                               .help = "Cost.",
                               .name_label = "target",
                               .kind_label = {},
                               .counts_per_unit = 1'000'000'000});
  table.add(0, "t", 0, 1'500'000'000);
  table.add(1, "t", 0, 3);
  EXPECT_EQ(metrics.exposition(),
            "# HELP cost_usd_total Cost.\n# TYPE cost_usd_total counter\ncost_usd_total{target=\"t\"} 1.500000003\n");
}

TEST(CounterTable, KeepsManyNamesApart) {
  Metrics metrics;
  CounterTable table(metrics, sweets(1000));  // more names than buckets
  for (std::uint64_t round = 1; round <= 2; ++round)
    for (std::uint64_t i = 0; i < 600; ++i) table.add(0, std::to_string(i), i % 3, i);
  for (std::uint64_t i = 0; i < 600; ++i) {
    const std::string labels = label_text("child", std::to_string(i)) + "," + label_text("kind", letter(i % 3));
    ASSERT_EQ(metrics.counter("sweets_total", "Sweets.", labels).total(), 2 * i);
  }
}

TEST(CounterTable, CountsNamesBeyondItsBoundTogether) {
  Metrics metrics;
  CounterTable table(metrics, sweets(2));
  for (const char* name : {"p", "q", "r", "s", "p", "r"}) table.add(0, name, 0);
  EXPECT_EQ(metrics.exposition(),
            "# HELP sweets_total Sweets.\n# TYPE sweets_total counter\n"
            "sweets_total{child=\"p\",kind=\"a\"} 2\nsweets_total{child=\"q\",kind=\"a\"} 1\n"
            "sweets_total{child=\"(other)\",kind=\"a\"} 3\n");
}

TEST(CounterTable, LosesNothingWhenThreadsMeetNewNamesTogether) {
  Metrics metrics;
  CounterTable table(metrics, sweets(100));
  constexpr std::uint64_t kThreads = 4;
  constexpr std::uint64_t kNames = 40;
  constexpr std::uint64_t kRounds = 25;
  {
    std::vector<std::jthread> threads;
    for (std::size_t t = 0; t < kThreads; ++t)
      threads.emplace_back([&table, t] {
        for (std::uint64_t round = 0; round < kRounds; ++round)
          for (std::uint64_t i = 0; i < kNames; ++i) table.add(t, std::to_string((i + t * 7) % kNames), round % 3);
      });
  }
  std::uint64_t total = 0;
  for (std::uint64_t i = 0; i < kNames; ++i)
    for (std::size_t kind = 0; kind < 3; ++kind) {
      const std::string labels = label_text("child", std::to_string(i)) + "," + label_text("kind", letter(kind));
      total += metrics.counter("sweets_total", "Sweets.", labels).total();
    }
  EXPECT_EQ(total, kThreads * kNames * kRounds);
}

TEST(Metrics, EscapeLabelValues) { EXPECT_EQ(label_text("a", "q\"b\\n\n"), "a=\"q\\\"b\\\\n\\n\""); }

}  // namespace
}  // namespace thalamus::base
