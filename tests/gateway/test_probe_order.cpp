#include <gtest/gtest.h>

#include <array>
#include <set>
#include <utility>

#include "thalamus/gateway/probe.h"

namespace thalamus::gateway {
namespace {

TEST(ProbeOrder, AsksEveryTaskOfEveryTargetOnce) {
  for (const std::size_t tasks : {std::size_t{1}, std::size_t{7}, std::size_t{8}, std::size_t{9}, std::size_t{135}}) {
    for (const std::size_t targets : {std::size_t{1}, std::size_t{2}, std::size_t{3}}) {
      std::set<std::pair<std::size_t, std::size_t>> asked;
      for (std::size_t i = 0; i < tasks * targets; ++i) {
        const ProbeCell cell = probe_cell(i, tasks, targets);
        EXPECT_LT(cell.task, tasks);
        EXPECT_LT(cell.target, targets);
        asked.insert({cell.task, cell.target});
      }
      EXPECT_EQ(asked.size(), tasks * targets) << tasks << " tasks, " << targets << " targets";
    }
  }
}

TEST(ProbeOrder, KeepsOnePromptApartAndItsTargetsNearInTime) {
  constexpr std::size_t kTasks = 40;
  constexpr std::size_t kTargets = 3;
  std::array<std::array<std::size_t, kTargets>, kTasks> at{};
  for (std::size_t i = 0; i < kTasks * kTargets; ++i) {
    const ProbeCell cell = probe_cell(i, kTasks, kTargets);
    at[cell.task][cell.target] = i;
  }
  for (const auto& asked : at) {
    EXPECT_EQ(asked[1] - asked[0], kProbeBlockTasks);
    EXPECT_EQ(asked[2] - asked[1], kProbeBlockTasks);
  }
}

}  // namespace
}  // namespace thalamus::gateway
