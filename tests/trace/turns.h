/// Turns for tests: every member filled, from a seed.
#pragma once

#include <string>

#include "thalamus/base/rng.h"
#include "thalamus/core/outcome.h"

namespace thalamus::trace {

inline core::Turn random_turn(base::Rng& rng) {
  core::Turn turn;
  turn.decision_id = "d-" + std::to_string(rng.next());
  turn.arrived_unix_ns = static_cast<std::int64_t>(rng.next() >> 2);
  turn.configuration_generation = rng.next();
  turn.snapshot_hash = rng.next();
  turn.route = "auto";
  const auto targets = 1 + rng.below(4);
  const auto pick = [&] { return static_cast<std::uint16_t>(rng.below(targets)); };
  for (std::size_t i = 0; i < targets; ++i) {
    turn.targets.push_back("target" + std::to_string(i));
    turn.estimates.push_back({rng.uniform(), rng.uniform(), rng.uniform(), rng.uniform(), rng.uniform(), rng.uniform(),
                              rng.uniform(), rng.normal()});
    turn.plan.push_back(pick());
    turn.propensity.push_back(static_cast<float>(rng.uniform()));
  }
  turn.feature_schema = rng.next();
  for (std::uint64_t i = rng.below(20); i > 0; --i) turn.features.push_back(static_cast<float>(rng.normal()));
  turn.binding = core::Exclusion::kCost | core::Exclusion::kContext;
  turn.reason = core::Reason::kUtility;
  turn.prompt_hash = rng.next();
  if (rng.below(2) == 0) turn.content = R"({"model":"auto","messages":[{"role":"user","content":"hi"}]})";
  if (rng.below(2) == 0) turn.answer = "hello";
  core::Outcome& o = turn.outcome;
  o.usage = {11, 3, 7, 2, rng.below(2) == 0};
  o.cost = {static_cast<std::int64_t>(rng.below(1'000'000))};
  o.queue = {static_cast<std::int64_t>(rng.below(1000))};
  o.first_token = {static_cast<std::int64_t>(rng.below(1000))};
  o.total = {static_cast<std::int64_t>(rng.below(1'000'000'000))};
  o.finish = core::Finish::kLength;
  if (rng.below(2) == 0) o.failure = base::ErrorKind::kTimeout;
  if (rng.below(2) == 0) o.quality = rng.uniform();
  if (rng.below(2) == 0) o.answered_by = pick();
  for (std::uint64_t i = rng.below(4); i > 0; --i) {
    core::Attempt attempt;
    attempt.target = pick();
    attempt.status = static_cast<std::int32_t>(rng.below(600));
    if (rng.below(2) == 0) attempt.failure = base::ErrorKind::kUpstream;
    attempt.duration = {static_cast<std::int64_t>(rng.below(1000))};
    o.attempts.push_back(attempt);
  }
  return turn;
}

inline core::Turn numbered_turn(std::uint64_t number) {
  core::Turn turn;
  turn.decision_id = std::to_string(number);
  turn.targets = {"small"};
  turn.features.assign(8, static_cast<float>(number % 1000));
  return turn;
}

}  // namespace thalamus::trace
