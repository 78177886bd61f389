// Goal: estimating and deciding allocate nothing. Method: the global operator new of this executable counts.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "allocation_counter.h"
#include "thalamus/route/decide.h"
#include "toy.h"

namespace {
std::atomic<std::size_t> allocation_count{0};

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

namespace thalamus::route {

std::size_t allocations() noexcept { return allocation_count.load(std::memory_order_relaxed); }

namespace {

class Allocation : public testing::TestWithParam<std::string> {};

TEST_P(Allocation, EstimateAndDecideAllocateNothing) {
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
