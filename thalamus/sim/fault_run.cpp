#include "thalamus/sim/fault_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <queue>
#include <string>
#include <utility>
#include <vector>

#include "thalamus/base/assert.h"
#include "thalamus/sim/fault_arrivals.h"
#include "thalamus/sim/fault_script.h"

namespace thalamus::sim {
namespace {

using dispatch::TargetEvent;
using dispatch::TargetStep;

constexpr std::uint64_t kStepsMax = 256;  // of one event
constexpr std::size_t kViolationsMax = 16;

enum class FaultEventKind : std::uint8_t { kArrival, kContent, kEnd, kTimer, kClientGone };

struct FaultEvent {
  Nanoseconds at;
  std::uint64_t sequence = 0;
  FaultEventKind kind = FaultEventKind::kArrival;
  std::size_t request = 0;
  std::size_t detail = 0;  ///< of kContent and kEnd: index in FaultRun::attempts; of kTimer: the wait it belongs to
  friend bool operator>(const FaultEvent& a, const FaultEvent& b) noexcept {
    return a.at != b.at ? a.at > b.at : a.sequence > b.sequence;
  }
};

/// A request under way.
struct FaultTurn {
  base::Rng rng{0};
  std::size_t target = 0;
  std::unique_ptr<dispatch::TargetCall> call;
  std::vector<std::size_t> attempts;  ///< of this call, by AttemptId: index in FaultRun::attempts
  std::vector<AttemptScript> scripts;
  std::size_t wait = 0;
  bool committed = false;
  bool over = false;
};

class FaultSimulation {
 public:
  FaultSimulation(const FaultCase& fault_case, std::uint64_t seed)
      : case_(fault_case), arrivals_(fault_case.requests, seed) {
    for (const auto& target : case_.targets) {
      dispatch::EndpointNames names;
      for (std::size_t k = 0; k < target.keys; ++k) names.keys.push_back(fmt::format("{}-key{}", target.name, k));
      for (std::size_t r = 0; r < target.replicas; ++r) names.replicas.push_back(fmt::format("{}.{}", target.name, r));
      auto set = dispatch::EndpointSet::make(std::move(names), target.endpoints);
      THALAMUS_ASSERT(set.has_value());  // the case was checked when it was read
      controls_.push_back(
          std::make_unique<dispatch::TargetControls>(std::move(*set), target.limits, target.retry, target.hedge));
    }
  }

  FaultRun run() {
    schedule_arrival();
    while (!events_.empty()) {
      const FaultEvent event = events_.top();
      events_.pop();
      if (event.at < now_) violate("time runs backwards");
      now_ = event.at;
      handle(event);
    }
    check_end();
    return std::move(run_);
  }

 private:
  void schedule(Nanoseconds at, FaultEventKind kind, std::size_t request, std::size_t detail = 0) {
    events_.push({at, sequence_++, kind, request, detail});
  }

  void schedule_arrival() {
    next_ = arrivals_.next();
    if (next_) schedule(next_->at, FaultEventKind::kArrival, run_.requests.size());
  }

  void handle(const FaultEvent& event) {
    if (event.kind == FaultEventKind::kArrival) return arrive();
    FaultTurn& turn = *turns_[event.request];
    if (turn.over) return;
    switch (event.kind) {
      case FaultEventKind::kArrival: break;
      case FaultEventKind::kContent:
        if (const auto id = attempt_id(turn, event.detail))
          drive(event.request, {.kind = TargetEvent::Kind::kContent, .attempt = *id, .verdict = {}});
        break;
      case FaultEventKind::kEnd:
        if (const auto id = attempt_id(turn, event.detail)) end_attempt(event.request, *id);
        break;
      case FaultEventKind::kTimer:
        if (event.detail == turn.wait)
          drive(event.request, {.kind = TargetEvent::Kind::kTimer, .attempt = 0, .verdict = {}});
        break;
      case FaultEventKind::kClientGone:
        drive(event.request, {.kind = TargetEvent::Kind::kCancel, .attempt = 0, .verdict = {}});
        if (!turn.over) violate(fmt::format("request {}: goes on after its client left", event.request));
        break;
    }
  }

  void arrive() {
    const std::size_t index = run_.requests.size();
    auto turn = std::make_unique<FaultTurn>();
    const FaultArrival arrival = *next_;
    turn->rng = arrival.rng;
    FaultRequest request;
    request.arrived = now_;
    request.session = arrival.session;
    run_.requests.push_back(request);
    turns_.push_back(std::move(turn));
    if (arrival.leaves_after) schedule(now_ + *arrival.leaves_after, FaultEventKind::kClientGone, index);
    schedule_arrival();
    start_call(index);
  }

  void start_call(std::size_t index) {
    FaultTurn& turn = *turns_[index];
    const FaultRequest& request = run_.requests[index];
    dispatch::TargetRequest asked;
    asked.arrived = request.arrived;
    asked.client.whole = case_.requests.deadline;
    asked.shape = case_.requests.shape;
    asked.affinity = affinity_of(index, turn.target);
    asked.rest =
        turn.target + 1 < case_.targets.size() ? dispatch::PlanRest::kMoreTargets : dispatch::PlanRest::kLastTarget;
    turn.attempts.clear();
    turn.scripts.clear();
    turn.call = std::make_unique<dispatch::TargetCall>(*controls_[turn.target], asked, turn.rng);
    drive(index, {.kind = TargetEvent::Kind::kStart, .attempt = 0, .verdict = {}});
  }

  // As the gateway has it: of the session, or of how a long prompt begins, and here every prompt begins differently.
  [[nodiscard]] std::optional<std::uint64_t> affinity_of(std::size_t index, std::size_t target) const {
    constexpr std::uint64_t kPrompts = 0x70726f6d70747321;
    const auto& session = run_.requests[index].session;
    if (session) return base::mix64(*session);
    const auto bytes = static_cast<std::size_t>(case_.requests.prompt_bytes);
    if (bytes < controls_[target]->endpoints->affinity_prefix_bytes()) return std::nullopt;
    return base::mix64(kPrompts + index);
  }

  void drive(std::size_t index, TargetEvent event) {
    FaultTurn& turn = *turns_[index];
    ++turn.wait;  // an earlier timer is void
    for (std::uint64_t steps = 0; steps < kStepsMax; ++steps) {
      const TargetStep step = turn.call->next(event, now_);
      event = {.kind = TargetEvent::Kind::kContinue, .attempt = 0, .verdict = {}};
      switch (step.kind) {
        case TargetStep::Kind::kAttempt: start_attempt(index, step); break;
        case TargetStep::Kind::kDrop: turn.attempts[step.attempt] = kDropped; break;
        case TargetStep::Kind::kCommit: commit(index, step.attempt); break;
        case TargetStep::Kind::kWait:
          if (step.until) schedule(*step.until, FaultEventKind::kTimer, index, turn.wait);
          return;
        case TargetStep::Kind::kDone: return end_request(index, FaultEnd::kAnswered, {});
        case TargetStep::Kind::kGiveUp: return given_up(index);
      }
    }
    violate(fmt::format("request {}: more than {} steps", index, kStepsMax));
    end_request(index, FaultEnd::kFailed, base::ErrorKind::kInternal);
  }

  void start_attempt(std::size_t index, const TargetStep& step) {
    FaultTurn& turn = *turns_[index];
    if (step.attempt != turn.attempts.size()) violate(fmt::format("request {}: attempts out of order", index));
    const AttemptPlace place{turn.target, step.choice.replica, step.choice.key};
    const AttemptCause cause = step.hedge          ? AttemptCause::kHedge
                               : step.attempt == 0 ? AttemptCause::kFirst
                                                   : AttemptCause::kRetry;
    const std::size_t number = run_.attempts.size();
    run_.attempts.push_back({now_, place.target, place.replica, place.key, cause});
    turn.attempts.push_back(number);
    turn.scripts.push_back(script_attempt(case_, place, now_, step.limits, turn.rng));
    const AttemptScript& script = turn.scripts.back();
    if (script.content) schedule(*script.content, FaultEventKind::kContent, index, number);
    schedule(script.end, FaultEventKind::kEnd, index, number);
  }

  void commit(std::size_t index, dispatch::AttemptId id) {
    FaultTurn& turn = *turns_[index];
    if (turn.committed) violate(fmt::format("request {}: two commits", index));
    turn.committed = true;
    FaultRequest& request = run_.requests[index];
    request.first = now_ - request.arrived;
    request.target = turn.target;
    request.replica = run_.attempts[turn.attempts[id]].replica;
    request.key = run_.attempts[turn.attempts[id]].key;
  }

  void end_attempt(std::size_t index, dispatch::AttemptId id) {
    const AttemptScript script = turns_[index]->scripts[id];
    if (script.failure)
      return drive(index, {.kind = TargetEvent::Kind::kFailed, .attempt = id, .verdict = *script.failure});
    drive(index, {.kind = TargetEvent::Kind::kCompleted, .attempt = id, .verdict = {}});
  }

  void given_up(std::size_t index) {
    FaultTurn& turn = *turns_[index];
    const dispatch::FailureVerdict verdict = turn.call->verdict();
    if (verdict.error == base::ErrorKind::kCancelled) return end_request(index, FaultEnd::kClientGone, verdict.error);
    if (turn.committed) return end_request(index, FaultEnd::kBroken, verdict.error);
    const std::size_t from = turn.target;
    while (++turn.target < case_.targets.size()) {
      const bool larger = case_.targets[turn.target].context > case_.targets[from].context;
      if (verdict.may_try.next_target || (verdict.may_try.larger_context && larger)) return start_call(index);
    }
    turn.target = from;
    end_request(index, FaultEnd::kFailed, verdict.error);
  }

  void end_request(std::size_t index, FaultEnd end, base::ErrorKind failure) {
    FaultTurn& turn = *turns_[index];
    if (turn.over) return violate(fmt::format("request {}: ends twice", index));
    if (end == FaultEnd::kAnswered && !turn.committed) violate(fmt::format("request {}: answered by nobody", index));
    turn.over = true;
    turn.call.reset();
    FaultRequest& request = run_.requests[index];
    request.end = end;
    request.failure = failure;
    request.total = now_ - request.arrived;
    if (case_.requests.deadline && request.total > *case_.requests.deadline)
      violate(fmt::format("request {}: ends after its deadline", index));
    run_.hash = base::mix64(run_.hash ^ static_cast<std::uint64_t>(request.total.value));
    run_.hash = base::mix64(run_.hash ^ static_cast<std::uint64_t>(end));
  }

  // The id of an attempt of the call that is under way; nothing for one that was dropped or belongs to an earlier call.
  [[nodiscard]] static std::optional<dispatch::AttemptId> attempt_id(const FaultTurn& turn, std::size_t number) {
    const auto found = std::find(turn.attempts.begin(), turn.attempts.end(), number);
    if (found == turn.attempts.end()) return std::nullopt;
    return static_cast<dispatch::AttemptId>(found - turn.attempts.begin());
  }

  void check_end() {
    for (std::size_t i = 0; i < turns_.size(); ++i)
      if (!turns_[i]->over) violate(fmt::format("request {}: has no end", i));
    for (std::size_t t = 0; t < controls_.size(); ++t) {
      const auto& set = *controls_[t]->endpoints;
      run_.openings.emplace_back();
      for (std::size_t r = 0; r < set.replicas(); ++r) {
        const auto view = set.replica_view(r, now_);
        run_.openings.back().push_back(view.openings);
        if (view.in_flight != 0) violate(fmt::format("{}: calls left in flight", view.name));
      }
      for (std::size_t k = 0; k < set.keys(); ++k)
        if (set.key_view(k).in_flight != 0) violate(fmt::format("{}: calls left in flight", set.key_view(k).name));
      check_budget(t);
    }
  }

  void check_budget(std::size_t t) {
    const auto& options = case_.targets[t].retry.budget;
    const auto view = controls_[t]->retries.view();
    const double most = options.burst + options.ratio * static_cast<double>(view.requests) +
                        options.min_per_second * now_.seconds() + 1e-3;
    if (static_cast<double>(view.withdrawn) > most)
      violate(fmt::format("{}: {} retries, budget {:.1f}", case_.targets[t].name, view.withdrawn, most));
  }

  void violate(std::string what) {
    if (run_.violations.size() < kViolationsMax) run_.violations.push_back(std::move(what));
  }

  static constexpr std::size_t kDropped = SIZE_MAX;

  const FaultCase& case_;
  FaultArrivals arrivals_;
  std::optional<FaultArrival> next_;
  std::vector<std::unique_ptr<dispatch::TargetControls>> controls_;
  std::vector<std::unique_ptr<FaultTurn>> turns_;
  std::priority_queue<FaultEvent, std::vector<FaultEvent>, std::greater<>> events_;
  std::uint64_t sequence_ = 0;
  Nanoseconds now_{};
  FaultRun run_;
};

}  // namespace

FaultRun run_fault_case(const FaultCase& fault_case, std::uint64_t seed) {
  return FaultSimulation(fault_case, seed).run();
}

}  // namespace thalamus::sim
