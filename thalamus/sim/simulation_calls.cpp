// The life of a simulated call: a place or a wait, the first content, the end.
#include <algorithm>

#include "thalamus/core/outcome.h"
#include "thalamus/sim/simulation.h"

namespace thalamus::sim {

std::optional<std::uint64_t> Simulation::find_call(const SimTurn& turn, compose::CallId id) const {
  for (const auto key : turn.calls)
    if (calls_.at(key).id == id) return key;
  return std::nullopt;
}

void Simulation::start_call(std::uint64_t index, SimTurn& turn, const compose::Step& step) {
  if (turn.committed || turn.client_gone || step.target >= targets_.size() || find_call(turn, step.call))
    return violate("a call after the commit, for nobody, to no target or with a used id");
  const std::uint64_t key = calls_made_++;
  turn.calls.push_back(key);
  SimCall& call = calls_[key];
  call.turn = index;
  call.id = step.call;
  call.target = step.target;
  call.asked = clock_.now();
  switch (policy_->admit(call.target, clock_.now())) {
    case dispatch::Admission::kAdmitted: return run_call(key, call);
    case dispatch::Admission::kRefused: return refuse_call(key, call, base::ErrorKind::kUnavailable);
    case dispatch::Admission::kQueue: break;
  }
  // A place may come free within `wait`, so the call counts as waiting before.
  call.state = CallState::kWaiting;
  auto& load = load_[call.target];
  auto& row = report_.targets[call.target];
  ++load.waiting;
  const auto ticket = policy_->wait(call.target, waker_, key);
  if (!ticket) {
    --load.waiting;
    return refuse_call(key, call, base::ErrorKind::kUnavailable);
  }
  if (!call.woken) call.ticket = ticket;
  ++row.queued;
  row.queue_length_max = std::max(row.queue_length_max, load.waiting);
  schedule(clock_.now() + scenario_.targets[call.target].limits.first_byte_timeout, HappeningKind::kQueueTimeout, key);
}

void Simulation::run_call(std::uint64_t key, SimCall& call) {
  call.state = CallState::kRunning;
  call.started = clock_.now();
  auto& row = report_.targets[call.target];
  ++row.calls;
  ++report_.calls;
  row.in_flight_max = std::max(row.in_flight_max, ++load_[call.target].in_flight);
  SimTurn& turn = turns_.at(call.turn);
  turn.queued = turn.queued + (call.started - call.asked);
  call.script = script_call(scenario_.targets[call.target], call.started, turn.rng);
  if (call.script.content) schedule(*call.script.content, HappeningKind::kContent, key);
  schedule(call.script.end, HappeningKind::kEnd, key);
}

void Simulation::refuse_call(std::uint64_t key, SimCall& call, base::ErrorKind kind) {
  ++report_.targets[call.target].refused;
  call.state = CallState::kWaiting;  // for its refusal, in no queue
  call.refusal = kind;
  schedule(clock_.now(), HappeningKind::kRefusal, key);
}

// Gives up waiting. A call that has been woken already is over too; its place comes back with the news.
void Simulation::leave_queue(SimCall& call) {
  if (call.ticket && policy_->leave(call.target, *call.ticket)) --load_[call.target].waiting;
  call.ticket.reset();
  call.state = CallState::kOver;
}

void Simulation::finish_call(SimCall& call, bool ok, bool target_fault) {
  auto& row = report_.targets[call.target];
  const Nanoseconds duration = clock_.now() - call.started;
  call.state = CallState::kOver;
  call.completed = ok;
  --load_[call.target].in_flight;
  row.busy_seconds += duration.seconds();
  policy_->finish({call.target, ok, target_fault, duration}, clock_.now());
  // Whatever was generated is paid for; a call that showed nothing is free.
  if (!call.script.content || *call.script.content > clock_.now()) return;
  core::Usage usage;
  usage.input = turns_.at(call.turn).request.input_tokens;
  const double whole = std::max(1.0, static_cast<double>((call.script.end - call.started).value));
  const double share = ok ? 1.0 : std::min(1.0, static_cast<double>(duration.value) / whole);
  usage.output = static_cast<std::uint32_t>(share * static_cast<double>(call.script.output_tokens));
  const NanoDollars cost = core::cost_of(usage, targets_[call.target].prices);
  row.cost = row.cost + cost;
  report_.cost = report_.cost + cost;
}

void Simulation::cancel_call(SimTurn& turn, const compose::Step& step) {
  const auto key = find_call(turn, step.call);
  if (!key || calls_.at(*key).state == CallState::kOver) return violate("cancels a call that is not in flight");
  SimCall& call = calls_.at(*key);
  ++report_.targets[call.target].cancellations;
  if (call.state == CallState::kWaiting) return leave_queue(call);
  finish_call(call, false, false);
}

void Simulation::call_content(std::uint64_t key) {
  const auto found = calls_.find(key);
  if (found == calls_.end() || found->second.state != CallState::kRunning) return;
  deliver(found->second.turn, {.kind = compose::EventKind::kContent, .call = found->second.id});
}

void Simulation::call_end(std::uint64_t key) {
  const auto found = calls_.find(key);
  if (found == calls_.end() || found->second.state != CallState::kRunning) return;
  SimCall& call = found->second;
  const bool ok = !call.script.failure.has_value();
  finish_call(call, ok, call.script.target_fault);
  if (ok) return deliver(call.turn, {.kind = compose::EventKind::kCompleted, .call = call.id});
  ++report_.targets[call.target].failures;
  deliver(call.turn, {compose::EventKind::kFailed, call.id, *call.script.failure, call.script.retryable});
}

void Simulation::call_unplaced(std::uint64_t key, HappeningKind why) {
  const auto found = calls_.find(key);
  if (found == calls_.end() || found->second.state != CallState::kWaiting) return;
  SimCall& call = found->second;
  const auto failure = why == HappeningKind::kQueueTimeout ? base::ErrorKind::kTimeout : call.refusal;
  leave_queue(call);
  deliver(call.turn, {compose::EventKind::kFailed, call.id, failure, true});
}

void Simulation::woken(std::uint64_t key, dispatch::WakeReason reason) {
  SimCall& call = calls_.at(key);
  call.ticket.reset();
  call.woken = true;
  --load_[call.target].waiting;
  const std::uint64_t place = reason == dispatch::WakeReason::kPlace ? 1 : 0;
  schedule(clock_.now(), HappeningKind::kWake, key, (std::uint64_t{call.target} << 1U) | place);
}

void Simulation::wake(std::uint64_t key, std::uint64_t news) {
  const auto target = static_cast<std::uint16_t>(news >> 1U);
  const bool place = (news & 1U) != 0;
  const auto found = calls_.find(key);
  if (found == calls_.end() || found->second.state != CallState::kWaiting) {
    if (place) policy_->finish({.target = target, .unused = true}, clock_.now());
  } else if (place) {
    run_call(key, found->second);
  } else {
    refuse_call(key, found->second, base::ErrorKind::kUnavailable);
  }
}

}  // namespace thalamus::sim
