/// A driver that carries out a strategy's steps on paper and notes every broken promise. It knows the interface and no
/// strategy.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "thalamus/base/assert.h"
#include "thalamus/compose/strategy.h"

namespace thalamus::compose::testing {

[[nodiscard]] inline core::Plan plan_of(std::size_t size) {
  core::Plan plan;
  plan.size = size;
  // Not the identity, so that a position taken for a target shows.
  for (std::size_t i = 0; i < size; ++i) plan.order[i] = static_cast<std::uint16_t>((i * 7 + 3) % core::kTargetsMax);
  return plan;
}

[[nodiscard]] inline std::unique_ptr<Strategy> make_default(const StrategyRecord& record, const core::Plan& plan) {
  auto made = record.make(plan, {});
  THALAMUS_ASSERT(made.has_value());
  return std::move(*made);
}

class ReferenceDriver {
 public:
  ReferenceDriver(const StrategyRecord& record, const core::Plan& plan)
      : plan_(plan), strategy_(make_default(record, plan)) {}

  /// Hands one event over and carries out what follows from it.
  void deliver(const Event& event) {
    history_ += fmt::format(" {}:{}", static_cast<int>(event.kind), event.call);
    apply(event);
    timer_ = false;
    Step step = strategy_->next(event);
    while (carry_out(step)) {
      if (++steps_ > kStepsMax) return note("more than kStepsMax steps");
      step = strategy_->next({.kind = EventKind::kContinue});
    }
    if (!done_ && !timer_ && open_calls().empty()) note("waits for nothing");
  }

  void start() { deliver({.kind = EventKind::kStart}); }

  /// Every event that could truthfully come next.
  [[nodiscard]] std::vector<Event> possible() const {
    std::vector<Event> events;
    if (done_) return events;
    for (const CallId call : open_calls()) {
      if (!calls_[index_of(call)].content) events.push_back({.kind = EventKind::kContent, .call = call});
      events.push_back({.kind = EventKind::kCompleted, .call = call});
      events.push_back({EventKind::kFailed, call, base::ErrorKind::kUpstream, true});
      events.push_back({EventKind::kFailed, call, base::ErrorKind::kInvalidInput, false});
    }
    if (timer_) events.push_back({.kind = EventKind::kTimer});
    if (!client_gone_) events.push_back({.kind = EventKind::kClientGone});
    return events;
  }

  /// Ends a turn that was left in the middle: every open call fails until the strategy is done.
  void drain() {
    for (std::size_t i = 0; !done_ && violation_.empty() && i < kStepsMax; ++i) {
      const auto open = open_calls();
      if (open.empty()) {
        deliver({.kind = EventKind::kTimer});
      } else {
        deliver({EventKind::kFailed, open.front(), base::ErrorKind::kTimeout, true});
      }
    }
    if (!done_) note("does not end when every call fails");
  }

  [[nodiscard]] std::vector<CallId> open_calls() const {
    std::vector<CallId> open;
    for (const auto& call : calls_)
      if (call.open) open.push_back(call.id);
    return open;
  }
  [[nodiscard]] bool has_content(CallId call) const {
    const std::size_t i = index_of(call);
    return i < calls_.size() && calls_[i].content;
  }
  [[nodiscard]] bool done() const noexcept { return done_; }
  [[nodiscard]] const Step& end() const noexcept { return end_; }
  [[nodiscard]] bool committed() const noexcept { return committed_.has_value(); }
  [[nodiscard]] std::size_t calls_started() const noexcept { return calls_.size(); }
  [[nodiscard]] std::vector<std::uint16_t> targets_called() const {
    std::vector<std::uint16_t> targets;
    for (const auto& call : calls_) targets.push_back(call.target);
    return targets;
  }
  /// Empty while every promise holds.
  [[nodiscard]] const std::string& violation() const noexcept { return violation_; }
  /// All steps and events so far, to compare two runs.
  [[nodiscard]] const std::string& history() const noexcept { return history_; }

 private:
  struct Call {
    CallId id = 0;
    std::uint16_t target = 0;
    bool open = true;
    bool content = false;
    bool completed = false;
  };

  void note(const std::string& what) {
    if (violation_.empty()) violation_ = what + " after" + history_;
  }

  [[nodiscard]] std::size_t index_of(CallId id) const {
    const auto found = std::find_if(calls_.begin(), calls_.end(), [&](const Call& call) { return call.id == id; });
    return static_cast<std::size_t>(found - calls_.begin());
  }

  void apply(const Event& event) {
    if (event.kind == EventKind::kClientGone) client_gone_ = true;
    if (event.kind == EventKind::kFailed) failures_.push_back(event.failure);
    const std::size_t i = index_of(event.call);
    const bool about_call =
        event.kind == EventKind::kContent || event.kind == EventKind::kCompleted || event.kind == EventKind::kFailed;
    if (!about_call || i == calls_.size() || !calls_[i].open) return;
    if (event.kind == EventKind::kContent) calls_[i].content = true;
    if (event.kind == EventKind::kCompleted) calls_[i].completed = true;
    if (event.kind != EventKind::kContent) calls_[i].open = false;
  }

  /// True if the strategy is to be asked again.
  bool carry_out(const Step& step) {
    history_ += fmt::format(" ->{}:{}", static_cast<int>(step.kind), step.call);
    if (!violation_.empty()) return false;
    switch (step.kind) {
      case StepKind::kWait: timer_ = step.wait > Nanoseconds{}; return false;
      case StepKind::kDone: finish(step); return false;
      case StepKind::kCall: call(step); return true;
      case StepKind::kCancel: cancel(step); return true;
      case StepKind::kCommit: commit(step); return true;
    }
    note("unknown step");
    return false;
  }

  void call(const Step& step) {
    const auto targets = plan_.targets();
    if (committed_) note("a call after the commit");
    if (client_gone_) note("a call for a client that is gone");
    if (index_of(step.call) != calls_.size()) note("the same call id twice");
    if (std::find(targets.begin(), targets.end(), step.target) == targets.end()) note("a target outside the plan");
    calls_.push_back({step.call, step.target});
  }

  void cancel(const Step& step) {
    const std::size_t i = index_of(step.call);
    if (i == calls_.size() || !calls_[i].open) return note("cancels a call that is not in flight");
    calls_[i].open = false;
  }

  void commit(const Step& step) {
    const std::size_t i = index_of(step.call);
    if (committed_) return note("two commits");
    if (i == calls_.size()) return note("commits an unknown call");
    const Call& call = calls_[i];
    if (!(call.open && call.content) && !call.completed) return note("commits a call that has nothing to give");
    if (client_gone_) note("commits for a client that is gone");
    committed_ = step.call;
  }

  void finish(const Step& step) {
    done_ = true;
    end_ = step;
    if (!open_calls().empty()) note("done with calls in flight");
    const bool answered = committed_ && calls_[index_of(*committed_)].completed;
    if (!step.failed && !answered) note("done without failure and without an answer");
    if (step.failed && answered) note("an answered turn is reported as failed");
    if (!step.failed) return;
    const bool reported = std::find(failures_.begin(), failures_.end(), step.failure) != failures_.end();
    const bool own = (client_gone_ && step.failure == base::ErrorKind::kCancelled) ||
                     (plan_.empty() && step.failure == base::ErrorKind::kInfeasible);
    if (!reported && !own) note("reports a failure that did not happen");
  }

  core::Plan plan_;
  std::unique_ptr<Strategy> strategy_;
  std::vector<Call> calls_;
  std::vector<base::ErrorKind> failures_;
  std::optional<CallId> committed_;
  bool client_gone_ = false;
  bool timer_ = false;
  bool done_ = false;
  Step end_;
  std::size_t steps_ = 0;
  std::string violation_;
  std::string history_;
};

}  // namespace thalamus::compose::testing
