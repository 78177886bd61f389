// Goal: a snapshot says all that it reads of a description, so that serving may leave out the rest.
#include <gtest/gtest.h>

#include "toy.h"

namespace thalamus::route {
namespace {

class SnapshotReads : public testing::TestWithParam<std::string> {};

TEST_P(SnapshotReads, IsEnoughForTheSameEstimates) {
  const auto snapshot = toy_snapshot(GetParam());
  const auto targets = snapshot->own_targets();
  const TargetMap map = snapshot->map_targets(targets);
  Scratch scratch;
  core::Request request;
  request.messages.push_back({core::Role::kUser, {{core::PartKind::kText, "Translate apple: what is 3?"}}, {}, {}});
  feature::Description all;
  feature::describe(request, all);
  feature::Description some;
  feature::describe(request, some, snapshot->reads());
  core::Estimates expected;
  snapshot->estimate(all, map, targets, scratch, expected);
  core::Estimates actual;
  snapshot->estimate(some, map, targets, scratch, actual);
  EXPECT_EQ(actual.input_tokens, expected.input_tokens);
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t t = 0; t < expected.size(); ++t) {
    EXPECT_EQ(actual[t].quality, expected[t].quality);
    EXPECT_EQ(actual[t].preference, expected[t].preference);
    EXPECT_EQ(actual[t].output_tokens, expected[t].output_tokens);
  }
}

TEST(SnapshotReadsOf, AMethodThatReadsWordsSaysSo) { EXPECT_TRUE(toy_snapshot("task_lookup")->reads().tokens); }

std::vector<std::string> method_names() {
  std::vector<std::string> names;
  for (const MethodRecord& method : methods()) names.emplace_back(method.name);
  return names;
}

INSTANTIATE_TEST_SUITE_P(EveryMethod, SnapshotReads, testing::ValuesIn(method_names()),
                         [](const auto& tested) { return tested.param; });

}  // namespace
}  // namespace thalamus::route
