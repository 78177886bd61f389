// Turns, time and proof; calls are in simulation_calls.cpp.
#include "thalamus/sim/simulation.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "thalamus/base/assert.h"
#include "thalamus/base/hash.h"
#include "thalamus/route/decide.h"

namespace thalamus::sim {
namespace {

// A run that passes these is stopped and reported as broken.
constexpr std::uint64_t kEventsPerRequestMax = 4'096;
constexpr std::uint64_t kEventsPerOutage = 2;  // two changes of health
constexpr double kInputSigma = 0.7;

}  // namespace

Simulation::Simulation(const SimScenario& scenario, std::uint64_t seed, const Estimator& estimator)
    : scenario_(scenario),
      estimator_(estimator),
      arrivals_(base::Rng(seed).fork("arrivals")),
      root_(base::Rng(seed).fork("requests")),
      strategy_(compose::find_strategy(scenario.strategy)),
      load_(scenario.targets.size()) {
  std::vector<dispatch::TargetLimits> limits;
  for (const auto& target : scenario.targets) {
    limits.push_back(target.limits);
    targets_.push_back(target.target);
    TargetReport row;
    row.name = target.target.name;
    report_.targets.push_back(row);
  }
  states_.resize(targets_.size());
  auto policy = dispatch::find_policy(scenario.policy)->make(limits, scenario.policy_options);
  THALAMUS_ASSERT(policy.has_value());  // the scenario was validated
  policy_ = std::move(*policy);
  report_.seed = seed;
}

SimReport Simulation::run() {
  const auto delay = Nanoseconds::from_seconds(scenario_.workload.health_delay_ms * 1e-3);
  std::uint64_t events_of_outages = 0;
  for (std::size_t t = 0; t < scenario_.targets.size(); ++t) {
    for (const Outage& outage : scenario_.targets[t].outages) {
      events_of_outages += kEventsPerOutage;
      schedule(outage.from + delay, HappeningKind::kHealth, t);
      schedule(outage.to + delay, HappeningKind::kHealth, t);
    }
  }
  schedule_arrival(0);
  while (!queue_.empty()) {
    const Happening happening = queue_.top();
    queue_.pop();
    if (happening.at < clock_.now()) violate("time runs backwards");
    clock_.set(happening.at);
    ++report_.events;
    mix(static_cast<std::uint64_t>(happening.at.value));
    mix(static_cast<std::uint64_t>(happening.kind) + (happening.subject << 8U));
    handle(happening);
    check(happening);
    if (report_.events > events_of_outages + kEventsPerRequestMax * (report_.requests + 1)) {
      violate("the run does not end");
      break;
    }
  }
  check_end();
  summarise();
  return std::move(report_);
}

void Simulation::schedule(Nanoseconds at, HappeningKind kind, std::uint64_t subject, std::uint64_t detail) {
  queue_.push({at, sequence_++, kind, subject, detail});
}

void Simulation::handle(const Happening& happening) {
  const std::uint64_t subject = happening.subject;
  switch (happening.kind) {
    case HappeningKind::kArrival: arrive(subject); break;
    case HappeningKind::kContent: call_content(subject); break;
    case HappeningKind::kEnd: call_end(subject); break;
    case HappeningKind::kQueueTimeout:
    case HappeningKind::kRefusal: call_unplaced(subject, happening.kind); break;
    case HappeningKind::kWake: wake(subject, happening.detail); break;
    case HappeningKind::kHealth: {
      // What the supervisor says now is how things stood one delay ago.
      const auto delay = Nanoseconds::from_seconds(scenario_.workload.health_delay_ms * 1e-3);
      const bool down = in_outage(scenario_.targets[subject], clock_.now() - delay);
      policy_->set_healthy(static_cast<std::uint16_t>(subject), !down);
      break;
    }
    case HappeningKind::kClientGone:
      if (const auto found = turns_.find(subject); found != turns_.end() && !found->second.client_gone) {
        found->second.client_gone = true;
        deliver(subject, {.kind = compose::EventKind::kClientGone});
      }
      break;
    case HappeningKind::kTimer:
      if (const auto found = turns_.find(subject);
          found != turns_.end() && found->second.waits_for_timer && found->second.timer == happening.detail)
        deliver(subject, {.kind = compose::EventKind::kTimer});
      break;
  }
}

void Simulation::schedule_arrival(std::uint64_t index) {
  if (index >= static_cast<std::uint64_t>(scenario_.workload.requests_max)) return;
  const double gap_s = -std::log(1.0 - arrivals_.uniform()) / scenario_.workload.rate_per_s;
  const Nanoseconds at = clock_.now() + Nanoseconds::from_seconds(gap_s);
  if (at.seconds() <= scenario_.workload.arrivals_s) schedule(at, HappeningKind::kArrival, index);
}

void Simulation::arrive(std::uint64_t index) {
  schedule_arrival(index + 1);
  ++report_.requests;
  const Workload& workload = scenario_.workload;
  SimTurn& turn = turns_[index];
  turn.rng = root_.fork(fmt::format("{}", index));
  turn.arrived = clock_.now();
  const double tokens = workload.input_tokens * std::exp(kInputSigma * turn.rng.normal());
  turn.request = {index, static_cast<std::uint32_t>(std::clamp(std::round(tokens), 1.0, 1e9))};
  const bool leaves = turn.rng.uniform() < workload.client_gone;
  const double patience_s = -std::log(1.0 - turn.rng.uniform()) * workload.patience_ms * 1e-3;
  if (leaves) schedule(clock_.now() + Nanoseconds::from_seconds(patience_s), HappeningKind::kClientGone, index);
  decide(turn);
  auto strategy = strategy_->make(turn.plan, scenario_.strategy_options);
  THALAMUS_ASSERT(strategy.has_value());  // the scenario was validated
  turn.strategy = std::move(*strategy);
  deliver(index, {.kind = compose::EventKind::kStart});
}

void Simulation::decide(SimTurn& turn) {
  estimates_.reset(targets_.size());
  estimator_.estimate(turn.request, estimates_);
  for (std::size_t t = 0; t < targets_.size(); ++t)
    states_[t] = policy_->state(static_cast<std::uint16_t>(t), clock_.now());
  route::RequestNeeds needs;
  needs.input_tokens = turn.request.input_tokens;
  base::Rng rng = turn.rng.fork("decide");
  route::decide(estimates_, scenario_.contract, targets_, states_, needs, rng, turn.plan,
                {.explore_rate = scenario_.explore_rate});
  if (turn.plan.reason == core::Reason::kExplored) ++report_.explored;
  if (!turn.plan.empty()) ++report_.targets[turn.plan.first()].first_choices;
}

void Simulation::deliver(std::uint64_t index, const compose::Event& event) {
  SimTurn& turn = turns_.at(index);
  turn.waits_for_timer = false;
  compose::Step step = turn.strategy->next(event);
  while (carry_out(index, turn, step)) {
    if (++turn.steps > compose::kStepsMax) {
      violate(fmt::format("request {}: more than {} steps", index, compose::kStepsMax));
      step = {.kind = compose::StepKind::kDone, .failure = base::ErrorKind::kInternal, .failed = true};
    } else {
      step = turn.strategy->next({.kind = compose::EventKind::kContinue});
    }
  }
  if (turn.over) {
    for (const auto key : turn.calls) calls_.erase(key);
    turns_.erase(index);
  }
}

bool Simulation::carry_out(std::uint64_t index, SimTurn& turn, const compose::Step& step) {
  mix(static_cast<std::uint64_t>(step.kind) + (std::uint64_t{step.call} << 8U) + (std::uint64_t{step.target} << 40U));
  switch (step.kind) {
    case compose::StepKind::kCall: start_call(index, turn, step); return true;
    case compose::StepKind::kCancel: cancel_call(turn, step); return true;
    case compose::StepKind::kCommit: commit(turn, step); return true;
    case compose::StepKind::kDone: end_turn(turn, step); return false;
    case compose::StepKind::kWait:
      if (step.wait > Nanoseconds{}) {
        turn.waits_for_timer = true;
        schedule(clock_.now() + step.wait, HappeningKind::kTimer, index, ++turn.timer);
      }
      return false;
  }
  return false;
}

void Simulation::commit(SimTurn& turn, const compose::Step& step) {
  const auto key = find_call(turn, step.call);
  if (turn.committed) return violate(fmt::format("request {}: two commits", turn.request.index));
  if (!key) return violate(fmt::format("request {}: commits an unknown call", turn.request.index));
  SimCall& call = calls_.at(*key);
  if (call.state != CallState::kRunning && !call.completed)
    return violate(fmt::format("request {}: commits a call that is over", turn.request.index));
  call.committed = true;
  turn.committed = *key;
  turn.first_content = clock_.now() - turn.arrived;
}

void Simulation::end_turn(SimTurn& turn, const compose::Step& step) {
  if (turn.over) return violate(fmt::format("request {}: ends twice", turn.request.index));
  turn.over = true;
  ++ends_;
  report_.virtual_seconds = clock_.now().seconds();  // what is still queued then belongs to calls that are over
  for (const auto key : turn.calls) {
    SimCall& call = calls_.at(key);
    if (call.state == CallState::kOver) continue;
    violate(fmt::format("request {}: done with call {} in flight", turn.request.index, call.id));
    if (call.state == CallState::kRunning) finish_call(call, false, false);
    if (call.state == CallState::kWaiting) leave_queue(call);
  }
  mix(step.failed ? 1 + static_cast<std::uint64_t>(step.failure) : 0);
  const bool answered = turn.committed && calls_.at(*turn.committed).completed;
  if (step.failed == answered) violate(fmt::format("request {}: its end is not true", turn.request.index));
  if (answered) return record_answer(turn, calls_.at(*turn.committed));
  if (turn.committed && !turn.client_gone) ++report_.broken;
  if (step.failure == base::ErrorKind::kCancelled) {
    ++report_.cancelled;
  } else {
    ++report_.failed[std::string(base::label(step.failure))];
  }
}

void Simulation::record_answer(SimTurn& turn, const SimCall& call) {
  ++report_.answered;
  ++report_.targets[call.target].answers;
  if (turn.plan.first() != call.target) ++report_.fallbacks;
  if (turn.rng.fork("quality").uniform() < scenario_.targets[call.target].quality) ++report_.good;
  first_content_ns_.push_back(turn.first_content.value);
  total_ns_.push_back((clock_.now() - turn.arrived).value);
  queue_ns_.push_back(turn.queued.value);
}

void Simulation::check(const Happening& happening) {
  for (std::size_t t = 0; t < load_.size(); ++t) {
    const auto& limits = scenario_.targets[t].limits;
    if (limits.concurrency_max > 0 && load_[t].in_flight > limits.concurrency_max)
      violate(fmt::format("target {}: {} in flight, limit {}", targets_[t].name, load_[t].in_flight,
                          limits.concurrency_max));
    if (load_[t].waiting > limits.queue_length_max)
      violate(
          fmt::format("target {}: {} waiting, limit {}", targets_[t].name, load_[t].waiting, limits.queue_length_max));
  }
  if (ends_ + turns_.size() != report_.requests)
    violate(fmt::format("{} requests, but {} ends and {} under way after event {}", report_.requests, ends_,
                        turns_.size(), happening.sequence));
}

void Simulation::check_end() {
  if (!turns_.empty()) violate(fmt::format("{} requests without an end", turns_.size()));
  if (!calls_.empty()) violate(fmt::format("{} calls without an end", calls_.size()));
  std::uint64_t failed = report_.cancelled;
  for (const auto& [label, count] : report_.failed) failed += count;
  if (report_.answered + failed != report_.requests) violate("answers and failures do not sum to the requests");
  NanoDollars cost;
  for (std::size_t t = 0; t < load_.size(); ++t) {
    cost = cost + report_.targets[t].cost;
    if (load_[t].in_flight != 0) violate(fmt::format("target {}: calls left in flight", targets_[t].name));
    if (load_[t].waiting != 0) violate(fmt::format("target {}: callers left waiting", targets_[t].name));
    // The policy's own books: every place is free again.
    policy_->set_healthy(static_cast<std::uint16_t>(t), true);
    const Nanoseconds later = clock_.now() + Nanoseconds::from_seconds(86'400);
    for (std::uint32_t i = 0; i < scenario_.targets[t].limits.concurrency_max; ++i)
      if (policy_->admit(static_cast<std::uint16_t>(t), later) != dispatch::Admission::kAdmitted)
        return violate(fmt::format("target {}: the policy has lost a place", targets_[t].name));
  }
  if (cost != report_.cost) violate("the targets' costs do not sum to the total");
}

void Simulation::violate(std::string what) {
  ++report_.violation_count;
  if (report_.violations.size() < kViolationsMax) report_.violations.push_back(std::move(what));
}

void Simulation::mix(std::uint64_t value) noexcept { report_.hash = base::mix64(report_.hash ^ value); }

void Simulation::summarise() {
  report_.first_content_s = percentiles(first_content_ns_);
  report_.total_s = percentiles(total_ns_);
  report_.queue_s = percentiles(queue_ns_);
  mix(static_cast<std::uint64_t>(report_.cost.value));
  mix(report_.good);
}

}  // namespace thalamus::sim
