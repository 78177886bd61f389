// Goal: estimating and deciding allocate nothing. Method: the global operator new of this executable counts.
#include <gtest/gtest.h>

#include "allocation_counter.h"
#include "tests/counting_new.h"
#include "thalamus/route/decide.h"
#include "toy.h"

namespace thalamus::route {

std::size_t allocations() noexcept { return allocation_count.load(std::memory_order_relaxed); }

namespace {

class Allocation : public testing::TestWithParam<std::string> {};

TEST_P(Allocation, EstimateAndDecideAllocateNothing) {
#ifdef THALAMUS_TEST_CANNOT_COUNT
  GTEST_SKIP() << "a sanitizer's operator new cannot be counted";
#endif
  const auto snapshot = toy_snapshot(GetParam());
  const auto targets = snapshot->own_targets();
  const TargetMap map = snapshot->map_targets(targets);
  Scratch scratch;
  snapshot->prepare(scratch);
  core::Estimates estimates;
  core::Plan plan;
  core::Contract contract;
  contract.worth = core::Worth{0.02, 0.001};
  contract.max_cost_usd = 1;
  contract.allow = {{"sums", "french"}, {"french", "sums", "middle"}};
  contract.explore = core::Explore::kAllowed;
  base::Rng rng(5);
  feature::Description description;
  const std::string text(3000, 'x');
  for (const std::string& prompt :
       {std::string("What is 1 plus 2?"), std::string(), text + " Translate apple " + text}) {
    feature::describe_text(prompt, "", description);
    const std::size_t before = allocations();
    snapshot->estimate(description, map, targets, scratch, estimates);
    decide(estimates, contract, targets, {}, {}, rng, plan);
    EXPECT_EQ(allocations(), before) << "prompt of " << prompt.size() << " bytes";
    EXPECT_FALSE(plan.empty());
  }
}

TEST_P(Allocation, DescribingIntoAReservedDescriptionAllocatesNothing) {
#ifdef THALAMUS_TEST_CANNOT_COUNT
  GTEST_SKIP() << "a sanitizer's operator new cannot be counted";
#endif
  feature::Description description;
  description.reserve();
  core::Request request;
  request.messages.push_back(
      {core::Role::kUser, {{core::PartKind::kText, "What is 3 plus 4? Antworte auf Deutsch: ä"}}, {}, {}});
  request.tools.push_back({"add", "Adds two numbers", R"({"type":"object","properties":{"a":{"type":"number"}}})"});
  feature::describe(request, description);
  const std::size_t before = allocations();
  feature::describe(request, description);
  EXPECT_EQ(allocations(), before);
}

std::vector<std::string> method_names() {
  std::vector<std::string> names;
  for (const MethodRecord& method : methods()) names.emplace_back(method.name);
  return names;
}

INSTANTIATE_TEST_SUITE_P(EveryMethod, Allocation, testing::ValuesIn(method_names()),
                         [](const auto& tested) { return tested.param; });

}  // namespace
}  // namespace thalamus::route
