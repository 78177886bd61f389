// Time of one decision, from the request's text to the plan, on one core: describe, features, estimates, decide. Prints
// percentiles over prompts of 2 KB that differ from each other, for one snapshot.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <string>
#include <vector>

#include "thalamus/base/rng.h"
#include "thalamus/feature/description.h"
#include "thalamus/route/decide.h"
#include "thalamus/route/snapshot.h"

namespace {

using namespace thalamus;

constexpr std::size_t kPrompts = 200;
constexpr std::size_t kRounds = 25;
constexpr std::size_t kPromptBytes = 2048;

/// English words, numbers, a little code: what a prompt of that size holds.
std::string make_prompt(base::Rng& rng) {
  static const std::vector<std::string> words{
      "explain", "the",   "difference", "between", "a",     "function", "of",   "two",      "variables", "and",
      "its",     "value", "at",         "each",    "point", "which",    "we",   "measured", "in",        "winter",
      "when",    "river", "level",      "rises",   "above", "return",   "list", "sorted",   "by",        "price",
      "please",  "write", "short",      "summary", "for",   "doctor",   "law",  "market",   "energy",    "equation"};
  std::string text;
  while (text.size() < kPromptBytes) {
    switch (rng.below(12)) {
      case 0: text += fmt::format("{} ", rng.below(100000)); break;
      case 1: text += fmt::format("x{} = f(y, {}); ", rng.below(9), rng.below(90)); break;
      case 2: text += "\n"; break;
      default: text += rng.pick(words) + (rng.below(9) == 0 ? ". " : " ");
    }
  }
  text.resize(kPromptBytes);
  return text;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    fmt::print(stderr, "usage: decision-time SNAPSHOT\n");
    return 2;
  }
  const auto snapshot = route::Snapshot::load_file(argv[1]);
  if (!snapshot) {
    fmt::print(stderr, "error: {}\n", snapshot.error().text());
    return 2;
  }
  const route::Snapshot& s = **snapshot;
  base::Rng rng(1);
  std::vector<std::string> prompts;
  for (std::size_t i = 0; i < kPrompts; ++i) prompts.push_back(make_prompt(rng));
  const auto targets = s.own_targets();
  const auto map = s.map_own();
  feature::Description description;
  description.reserve();
  route::Scratch scratch;
  s.prepare(scratch);
  core::Estimates estimates;
  core::Plan plan;
  core::Contract contract;
  std::vector<double> microseconds;
  std::uint64_t chosen = 0;
  for (std::size_t round = 0; round < kRounds; ++round) {
    for (const std::string& prompt : prompts) {
      const auto begun = std::chrono::steady_clock::now();
      feature::describe_text(prompt, {}, description);
      estimates.reset(targets.size());
      s.estimate(description, map, targets, scratch, estimates);
      route::decide(estimates, contract, targets, {}, {.input_tokens = description.input_tokens}, rng, plan);
      const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - begun;
      if (round > 0) microseconds.push_back(took.count());  // the first round warms up
      chosen += plan.first();
    }
  }
  std::sort(microseconds.begin(), microseconds.end());
  const auto at = [&](double share) {
    return microseconds[static_cast<std::size_t>(share * static_cast<double>(microseconds.size() - 1))];
  };
  fmt::print(
      "{} on {} models, {} rows: p50 {:.1f} us, p90 {:.1f} us, p99 {:.1f} us ({} decisions of {} bytes, sum {})\n",
      s.header().method, targets.size(), s.header().training_rows, at(0.5), at(0.9), at(0.99), microseconds.size(),
      kPromptBytes, chosen);
  return 0;
}
