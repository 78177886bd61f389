#include "thalamus/base/parallel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <vector>

namespace thalamus::base {
namespace {

TEST(ParallelFor, RunsEachPieceOnce) {
  for (const std::size_t threads : {1U, 2U, 5U}) {
    std::vector<std::atomic<int>> runs(100);
    const auto status = parallel_for(runs.size(), threads, [&](std::size_t i) -> Status {
      runs[i].fetch_add(1);
      return {};
    });
    EXPECT_TRUE(status.has_value());
    for (const auto& count : runs) EXPECT_EQ(count.load(), 1);
  }
}

TEST(ParallelFor, AFailureStopsNewPiecesAndIsReturned) {
  std::atomic<int> begun{0};
  const auto status = parallel_for(1000, 1, [&](std::size_t i) -> Status {
    begun.fetch_add(1);
    if (i == 3) return fail(ErrorKind::kInvalidInput, "piece {}", i);
    return {};
  });
  ASSERT_FALSE(status.has_value());
  EXPECT_EQ(status.error().message, "piece 3");
  EXPECT_EQ(begun.load(), 4);
}

TEST(ParallelFor, NothingToDoIsDone) {
  EXPECT_TRUE(parallel_for(0, 4, [](std::size_t) -> Status { return fail(ErrorKind::kInternal, "no"); }).has_value());
  EXPECT_GE(cores(), 1U);
}

}  // namespace
}  // namespace thalamus::base
