#include "thalamus/gateway/running_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace thalamus::gateway {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::string_view kRunning =
    "version: 1\nlisten: a:1\nproviders:\n  up: { x: 1 }\nroutes:\n  - { name: auto }\n  - { name: b }\n";

TEST(RunningConfig, TellsWhatGoesAndWhatComesWithItsSection) {
  constexpr std::string_view kWanted =
      "version: 1\nlisten: a:2\nproviders:\n  up: { x: 1 }\nroutes:\n  - { name: auto2 }\n";
  EXPECT_THAT(difference(kRunning, kWanted),
              ElementsAre("- listen: a:1", "- routes: { name: auto }", "- routes: { name: b }", "+ listen: a:2",
                          "+ routes: { name: auto2 }"));
}

TEST(RunningConfig, TellsNothingWhereNothingChanges) { EXPECT_THAT(difference(kRunning, kRunning), IsEmpty()); }

TEST(RunningConfig, CountsALineThatStandsTwice) {
  EXPECT_THAT(difference("routes:\n  - { name: a }\n  - { name: a }\n", "routes:\n  - { name: a }\n"),
              ElementsAre("- routes: { name: a }"));
}

TEST(RunningConfig, KeepsEqualEntriesOfDifferentSectionsApart) {
  EXPECT_THAT(difference("models:\n  - { name: a }\n", "routes:\n  - { name: a }\n"),
              ElementsAre("- models: { name: a }", "+ routes: { name: a }"));
}

}  // namespace
}  // namespace thalamus::gateway
