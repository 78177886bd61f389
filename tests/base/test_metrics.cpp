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
          gauge.add(1);
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

TEST(Metrics, EscapeLabelValues) { EXPECT_EQ(label_text("a", "q\"b\\n\n"), "a=\"q\\\"b\\\\n\\n\""); }

}  // namespace
}  // namespace thalamus::base
