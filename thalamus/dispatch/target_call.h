/// One call of one target, made of attempts at its endpoints: which endpoint, when to try again and where, when to
/// hedge, when to give up. A state machine without I/O that puts the pieces of this folder together, so that the
/// gateway and the simulator fail, wait and try again alike:
///
///        kStart                    kAttempt{attempt, choice, limits}    start it, then ask with kContinue
///        kContent(attempt)         kDrop{attempt}                       give it up, then kContinue
/// driver --------------> next ---> kCommit{attempt}                     its content may leave, then kContinue
///        kCompleted, kFailed       kWait{until}                         nothing until an event, or kTimer at `until`
///        kTimer, kCancel           kDone, kGiveUp{verdict}              the call is over
///
/// After a failure before the commit: another key or replica at once, where the verdict allows it and one is usable;
/// else the same endpoint after a backoff that honours `Retry-After`; both as long as the retry budget, `attempts_max`
/// and the time allow, and a wait only as long as it is better than the next target of the plan. After the commit
/// nothing is tried again.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "thalamus/base/error.h"
#include "thalamus/base/rng.h"
#include "thalamus/base/units.h"
#include "thalamus/dispatch/backoff.h"
#include "thalamus/dispatch/deadline.h"
#include "thalamus/dispatch/endpoints.h"
#include "thalamus/dispatch/failure.h"
#include "thalamus/dispatch/hedge.h"
#include "thalamus/dispatch/retry_budget.h"

namespace thalamus::dispatch {

inline constexpr std::size_t kAttemptsMax = 16;  ///< of one call

struct RetryOptions {
  std::int64_t attempts_max = 3;
  double fallback_wait_ms = 0;  ///< a failure moves on at once while the plan has another target
  RetryBudgetOptions budget;
  BackoffOptions backoff;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("attempts_max", attempts_max, base::Range<std::int64_t>{1, static_cast<std::int64_t>(kAttemptsMax) - 1},
          "attempts at one target, the first included, a hedge not");
    visit("fallback_wait_ms", fallback_wait_ms, base::Range<double>{0, 600'000},
          "longest wait for an endpoint while the plan has another target");
    budget.fields(visit);
    backoff.fields(visit);
  }
};

/// What all calls of one target share, on all cores; outlives them.
struct TargetControls {
  TargetControls(std::unique_ptr<EndpointSet> set, const TimeLimits& times, const RetryOptions& retry,
                 const HedgeOptions& hedge)
      : endpoints(std::move(set)), limits(times), options(retry), retries(retry.budget), hedger(hedge) {}

  std::unique_ptr<EndpointSet> endpoints;
  TimeLimits limits;
  RetryOptions options;
  RetryBudget retries;
  Hedger hedger;
};

enum class PlanRest : std::uint8_t { kLastTarget, kMoreTargets };

/// What a call knows of its request.
struct TargetRequest {
  Nanoseconds arrived{};  ///< the request, at the gateway
  ClientWait client;
  AnswerShape shape = AnswerShape::kStream;
  std::optional<std::uint64_t> affinity;  ///< hash of the session, or of the prompt's prefix
  PlanRest rest = PlanRest::kLastTarget;
  Nanoseconds reserve{};  ///< see AttemptTimes
};

using AttemptId = std::uint8_t;

struct TargetEvent {
  enum class Kind : std::uint8_t { kStart, kContinue, kContent, kCompleted, kFailed, kTimer, kCancel };
  Kind kind = Kind::kStart;
  AttemptId attempt = 0;   ///< of kContent, kCompleted, kFailed; those of dropped attempts are ignored
  FailureVerdict verdict;  ///< of kFailed
};

struct TargetStep {
  enum class Kind : std::uint8_t { kAttempt, kDrop, kCommit, kWait, kDone, kGiveUp };
  Kind kind = Kind::kWait;
  AttemptId attempt = 0;             ///< of kAttempt, kDrop, kCommit
  EndpointChoice choice;             ///< of kAttempt; the call itself gives it back
  AttemptLimits limits;              ///< of kAttempt
  bool hedge = false;                ///< of kAttempt
  std::optional<Nanoseconds> until;  ///< of kWait: instant for kTimer; nothing: an attempt is under way
};

/// Lives on one core. A call that is destroyed before it is over gives its endpoints back as cancelled.
class TargetCall {
 public:
  /// `rng` draws choices and jitter and outlives the call.
  TargetCall(TargetControls& controls, const TargetRequest& request, base::Rng& rng) noexcept;
  TargetCall(const TargetCall&) = delete;
  TargetCall& operator=(const TargetCall&) = delete;
  ~TargetCall();

  [[nodiscard]] TargetStep next(const TargetEvent& event, Nanoseconds now) noexcept;

  /// After kGiveUp: why, and what the strategy may do about it.
  [[nodiscard]] const FailureVerdict& verdict() const noexcept { return verdict_; }
  /// After kGiveUp, where a limit of the client's was the reason: the words for it.
  [[nodiscard]] const std::optional<base::Error>& error() const noexcept { return error_; }
  [[nodiscard]] std::size_t attempts() const noexcept { return made_; }

 private:
  enum class Phase : std::uint8_t { kIdle, kTrying, kWaiting, kCommitted, kOver };
  struct Attempt {
    EndpointChoice choice;
    Nanoseconds started{};
    std::optional<Nanoseconds> first_token;
    bool running = false;
  };

  TargetStep start(Nanoseconds now) noexcept;
  TargetStep carry_on(Nanoseconds now) noexcept;
  TargetStep content(const TargetEvent& event, Nanoseconds now) noexcept;
  TargetStep completed(const TargetEvent& event, Nanoseconds now) noexcept;
  TargetStep failed(const TargetEvent& event, Nanoseconds now) noexcept;
  TargetStep timer(Nanoseconds now) noexcept;
  TargetStep end_with(const FailureVerdict& verdict, Nanoseconds now) noexcept;

  TargetStep try_endpoint(const EndpointMask& excluded, Nanoseconds now) noexcept;
  TargetStep try_again(const FailureVerdict& verdict, Nanoseconds now) noexcept;
  TargetStep wait_for_endpoint(std::optional<Nanoseconds> retry_after, Nanoseconds now) noexcept;
  TargetStep hedge(Nanoseconds now) noexcept;
  TargetStep begin(const EndpointChoice& choice, const AttemptLimits& limits, Nanoseconds now) noexcept;
  TargetStep drop(Attempt& attempt, Nanoseconds now) noexcept;
  TargetStep give_up(const FailureVerdict& verdict) noexcept;
  void return_retry() noexcept;
  TargetStep wait_step() const noexcept;
  [[nodiscard]] std::optional<AttemptLimits> limits_at(Nanoseconds now) noexcept;
  void end(Attempt& attempt, EndpointEnd how, Nanoseconds now) noexcept;
  [[nodiscard]] Attempt* running() noexcept;
  [[nodiscard]] Nanoseconds time_left(Nanoseconds now) noexcept;
  [[nodiscard]] std::optional<Nanoseconds> told_wait(Nanoseconds now) const noexcept;
  [[nodiscard]] std::optional<EndpointChoice> pick(const EndpointMask& excluded, Nanoseconds now) noexcept;

  TargetControls& controls_;
  TargetRequest request_;
  base::Rng& rng_;
  Backoff backoff_;
  std::array<Attempt, kAttemptsMax> attempts_{};
  std::size_t made_ = 0;
  std::size_t tries_ = 0;  // of them, those that were no hedge
  Phase phase_ = Phase::kIdle;
  bool told_ = false;    // the commit
  bool ending_ = false;  // with verdict_, once what is under way has been dropped
  bool failed_ = false;
  bool holds_retry_ = false;  // taken from the budget for a try that has not begun
  EndpointMask excluded_;
  std::optional<AttemptId> winner_;
  std::optional<Nanoseconds> hedge_at_;
  Nanoseconds wait_until_{};
  Nanoseconds last_event_{};
  FailureVerdict verdict_;
  std::optional<base::Error> error_;
};

}  // namespace thalamus::dispatch
