// Goal: counting allocates nothing once a series is there. Method: the global operator new of this executable counts.
#include <gtest/gtest.h>

#include <string>

#include "tests/counting_new.h"
#include "thalamus/base/metrics.h"

namespace thalamus::base {
namespace {

TEST(MetricsAllocation, AddingToWhatIsThereAllocatesNothing) {
#ifdef THALAMUS_TEST_CANNOT_COUNT
  GTEST_SKIP() << "a sanitizer's operator new cannot be counted";
#endif
  Metrics metrics;
  CounterTable table(metrics, {.name = "calls_total",
                               .help = "Calls.",
                               .name_label = "target",
                               .kind_label = "kind",
                               .kinds = 4,
                               .kind_text = [](std::size_t kind) { return std::to_string(kind); }});
  Histogram histogram({1, 2, 3});
  Gauge gauge;
  const std::string name = "a target whose name is longer than a short string";
  const std::size_t at_first = allocation_count;
  table.add(0, name, 3);
  ASSERT_GT(allocation_count, at_first) << "the counter of allocations works";
  const std::size_t before = allocation_count;
  for (std::size_t slot = 0; slot < 100; ++slot) {
    table.add(slot, name, 3, slot);
    histogram.observe(slot, 2.5);
    gauge.add(slot, 1);
  }
  EXPECT_EQ(allocation_count, before);
  table.add(0, name, 2);
  EXPECT_GT(allocation_count, before) << "another kind is another series";
}

}  // namespace
}  // namespace thalamus::base
