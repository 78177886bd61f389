// Goal: counting allocates nothing once a series is there. Method: the global operator new of this executable counts.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>
#include <string>

#include "thalamus/base/metrics.h"

// Clang's sanitizers bring an operator new of their own, which cannot be replaced.
#if defined(__clang__) && defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define THALAMUS_TEST_CANNOT_COUNT 1
#endif
#endif

namespace {
std::atomic<std::size_t> allocation_count{0};
}  // namespace

#ifndef THALAMUS_TEST_CANNOT_COUNT

namespace {
void* counted(std::size_t size) {
  allocation_count.fetch_add(1, std::memory_order_relaxed);
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
}  // namespace

void* operator new(std::size_t size) { return counted(size); }
void* operator new[](std::size_t size) { return counted(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

#endif

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
