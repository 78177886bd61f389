#include "thalamus/dispatch/target_call.h"

#include <algorithm>
#include <utility>

#include "thalamus/base/assert.h"

namespace thalamus::dispatch {
namespace {

constexpr Nanoseconds kNoHurry = Nanoseconds::from_ms(3'600'000);

EndpointVerdict endpoint_verdict(const FailureVerdict& verdict) noexcept {
  if (verdict.failure == FailureClass::kKeyDead) return EndpointVerdict::kKeyDead;
  if (verdict.failure == FailureClass::kRateLimited) return EndpointVerdict::kKeyLimited;
  return verdict.against_replica ? EndpointVerdict::kReplicaFault : EndpointVerdict::kNeutral;
}

FailureVerdict no_endpoint(std::optional<Nanoseconds> retry_after) noexcept {
  FailureVerdict verdict;
  verdict.failure = FailureClass::kOverloaded;
  verdict.may_try.next_target = true;
  verdict.error = base::ErrorKind::kUnavailable;
  verdict.retry_after = retry_after;
  return verdict;
}

FailureVerdict out_of_time() noexcept {
  FailureVerdict verdict;
  verdict.failure = FailureClass::kCancelled;
  verdict.error = base::ErrorKind::kTimeout;
  return verdict;
}

FailureVerdict cancelled() noexcept {
  FailureVerdict verdict;
  verdict.failure = FailureClass::kCancelled;
  verdict.error = base::ErrorKind::kCancelled;
  return verdict;
}

TargetStep step_of(TargetStep::Kind kind, std::size_t attempt) noexcept {
  TargetStep step;
  step.kind = kind;
  step.attempt = static_cast<AttemptId>(attempt);
  return step;
}

}  // namespace

TargetCall::TargetCall(TargetControls& controls, const TargetRequest& request, base::Rng& rng) noexcept
    : controls_(controls), request_(request), rng_(rng), backoff_(controls.options.backoff) {}

TargetCall::~TargetCall() {
  for (Attempt& attempt : attempts_)
    if (attempt.running) end(attempt, {}, last_event_);
  return_retry();
}

TargetStep TargetCall::next(const TargetEvent& event, Nanoseconds now) noexcept {
  last_event_ = now;
  if (phase_ == Phase::kOver) return step_of(failed_ ? TargetStep::Kind::kGiveUp : TargetStep::Kind::kDone, 0);
  switch (event.kind) {
    case TargetEvent::Kind::kStart: return phase_ == Phase::kIdle ? start(now) : wait_step();
    case TargetEvent::Kind::kContinue: return carry_on(now);
    case TargetEvent::Kind::kContent: return content(event, now);
    case TargetEvent::Kind::kCompleted: return completed(event, now);
    case TargetEvent::Kind::kFailed: return failed(event, now);
    case TargetEvent::Kind::kTimer: return timer(now);
    case TargetEvent::Kind::kCancel: return end_with(cancelled(), now);
  }
  return wait_step();
}

TargetStep TargetCall::start(Nanoseconds now) noexcept {
  controls_.retries.deposit(now);
  controls_.hedger.request(now);
  return try_endpoint({}, now);
}

// The next step of what an event has begun: drops come one at a time, the commit or the end last.
TargetStep TargetCall::carry_on(Nanoseconds now) noexcept {
  for (std::size_t i = 0; i < made_; ++i) {
    const bool superfluous = ending_ || (phase_ == Phase::kCommitted && winner_ != i);
    if (attempts_[i].running && superfluous) return drop(attempts_[i], now);
  }
  if (ending_) return give_up(verdict_);
  if (phase_ == Phase::kCommitted && !told_) {
    told_ = true;
    return step_of(TargetStep::Kind::kCommit, *winner_);
  }
  return wait_step();
}

TargetStep TargetCall::content(const TargetEvent& event, Nanoseconds now) noexcept {
  if (event.attempt >= made_ || !attempts_[event.attempt].running || phase_ != Phase::kTrying) return wait_step();
  Attempt& attempt = attempts_[event.attempt];
  attempt.first_token = now - attempt.started;
  controls_.hedger.observe(*attempt.first_token);
  winner_ = event.attempt;
  phase_ = Phase::kCommitted;
  return carry_on(now);
}

TargetStep TargetCall::completed(const TargetEvent& event, Nanoseconds now) noexcept {
  if (phase_ != Phase::kCommitted || winner_ != event.attempt) return wait_step();
  EndpointEnd how;
  how.verdict = EndpointVerdict::kGood;
  end(attempts_[event.attempt], how, now);
  phase_ = Phase::kOver;
  return step_of(TargetStep::Kind::kDone, event.attempt);
}

TargetStep TargetCall::failed(const TargetEvent& event, Nanoseconds now) noexcept {
  if (event.attempt >= made_ || !attempts_[event.attempt].running) return wait_step();
  Attempt& attempt = attempts_[event.attempt];
  EndpointEnd how;
  how.verdict = endpoint_verdict(event.verdict);
  how.retry_after = event.verdict.retry_after;
  end(attempt, how, now);
  if (phase_ == Phase::kCommitted) return winner_ == event.attempt ? give_up(event.verdict) : wait_step();
  hedge_at_.reset();
  const bool of_key =
      event.verdict.failure == FailureClass::kKeyDead || event.verdict.failure == FailureClass::kRateLimited;
  excluded_ |= of_key ? controls_.endpoints->with_key(attempt.choice.key)
                      : controls_.endpoints->at_replica(attempt.choice.replica);
  // What is wrong with the request is wrong with the other attempt of it too.
  if (event.verdict.client_fault) return end_with(event.verdict, now);
  if (running() != nullptr) return wait_step();
  return try_again(event.verdict, now);
}

TargetStep TargetCall::timer(Nanoseconds now) noexcept {
  if (phase_ == Phase::kWaiting && now >= wait_until_) return try_endpoint({}, now);
  if (phase_ == Phase::kTrying && hedge_at_ && now >= *hedge_at_) return hedge(now);
  return wait_step();
}

TargetStep TargetCall::end_with(const FailureVerdict& verdict, Nanoseconds now) noexcept {
  verdict_ = verdict;
  ending_ = true;
  return carry_on(now);
}

TargetStep TargetCall::try_endpoint(const EndpointMask& excluded, Nanoseconds now) noexcept {
  const auto limits = limits_at(now);
  if (!limits) return give_up(out_of_time());
  const auto choice = pick(excluded, now);
  if (!choice) return wait_for_endpoint({}, now);
  ++tries_;
  return begin(*choice, *limits, now);
}

// Elsewhere at once, or here later.
TargetStep TargetCall::try_again(const FailureVerdict& verdict, Nanoseconds now) noexcept {
  verdict_ = verdict;
  const MayTry& may = verdict.may_try;
  if (!(may.same_endpoint || may.other_key || may.other_replica)) return give_up(verdict);
  if (tries_ >= static_cast<std::size_t>(controls_.options.attempts_max) || made_ >= kAttemptsMax)
    return give_up(verdict);
  const auto limits = limits_at(now);
  if (!limits) return give_up(out_of_time());
  if (!controls_.retries.withdraw(now)) return give_up(verdict);
  holds_retry_ = true;
  if (may.other_key || may.other_replica) {
    if (const auto choice = pick(excluded_, now)) {
      ++tries_;
      return begin(*choice, *limits, now);
    }
  }
  return may.same_endpoint ? wait_for_endpoint(verdict.retry_after, now) : give_up(verdict);
}

// Keys and replicas that rest are waited for; a broken circuit is not, so that clients are told at once.
TargetStep TargetCall::wait_for_endpoint(std::optional<Nanoseconds> retry_after, Nanoseconds now) noexcept {
  const bool first = tries_ == 0;
  const auto chance = controls_.endpoints->next_chance(now, {}, EndpointSet::Chance::kHealthyOnly);
  if (!chance || backoff_.waits() >= static_cast<std::uint64_t>(controls_.options.attempts_max))
    return give_up(first ? no_endpoint(told_wait(now)) : verdict_);
  const Nanoseconds least = std::max(retry_after.value_or(Nanoseconds{}), *chance - now);
  Nanoseconds most = time_left(now);
  if (request_.rest == PlanRest::kMoreTargets)
    most = std::min(most, Nanoseconds::from_seconds(controls_.options.fallback_wait_ms * 1e-3));
  const auto wait = backoff_.next(rng_, least > Nanoseconds{} ? std::optional(least) : std::nullopt, most);
  if (!wait) return give_up(first ? no_endpoint(told_wait(now)) : verdict_);
  phase_ = Phase::kWaiting;
  wait_until_ = now + *wait;
  return wait_step();
}

// What a client is told to wait when no endpoint is usable.
std::optional<Nanoseconds> TargetCall::told_wait(Nanoseconds now) const noexcept {
  const auto chance = controls_.endpoints->next_chance(now, {});
  if (!chance) return std::nullopt;
  return *chance - now;
}

TargetStep TargetCall::hedge(Nanoseconds now) noexcept {
  hedge_at_.reset();
  const Attempt* first = running();
  const auto limits = limits_at(now);
  if (first == nullptr || !limits || made_ >= kAttemptsMax || !controls_.hedger.allow(now)) return wait_step();
  auto choice = pick(controls_.endpoints->at_replica(first->choice.replica) | excluded_, now);
  if (!choice) choice = pick(excluded_, now);  // one address may stand for many servers
  if (!choice) {
    controls_.hedger.give_back();
    return wait_step();
  }
  TargetStep step = begin(*choice, *limits, now);
  step.hedge = true;
  hedge_at_.reset();
  return step;
}

TargetStep TargetCall::begin(const EndpointChoice& choice, const AttemptLimits& limits, Nanoseconds now) noexcept {
  THALAMUS_ASSERT(made_ < kAttemptsMax);
  attempts_[made_] = {choice, now, std::nullopt, true};
  holds_retry_ = false;  // spent
  phase_ = Phase::kTrying;
  const auto delay = made_ == 0 ? controls_.hedger.delay() : std::nullopt;  // a retry is a second attempt already
  if (delay) hedge_at_ = now + *delay;
  TargetStep step = step_of(TargetStep::Kind::kAttempt, made_++);
  step.choice = choice;
  step.limits = limits;
  return step;
}

// A loser against a hedge, or the loser's hedge, tells how long it has been silent; a cancellation tells nothing.
TargetStep TargetCall::drop(Attempt& attempt, Nanoseconds now) noexcept {
  EndpointEnd how;
  if (!ending_ && !attempt.first_token) {
    attempt.first_token = now - attempt.started;
    controls_.hedger.observe(*attempt.first_token);
  }
  end(attempt, how, now);
  return step_of(TargetStep::Kind::kDrop, static_cast<std::size_t>(&attempt - attempts_.data()));
}

TargetStep TargetCall::give_up(const FailureVerdict& verdict) noexcept {
  verdict_ = verdict;
  phase_ = Phase::kOver;
  failed_ = true;
  return_retry();
  return step_of(TargetStep::Kind::kGiveUp, 0);
}

// What a try that never began had taken from the budget.
void TargetCall::return_retry() noexcept {
  if (std::exchange(holds_retry_, false)) controls_.retries.give_back();
}

TargetStep TargetCall::wait_step() const noexcept {
  TargetStep step;
  if (phase_ == Phase::kWaiting) step.until = wait_until_;
  if (phase_ == Phase::kTrying) step.until = hedge_at_;
  return step;
}

std::optional<AttemptLimits> TargetCall::limits_at(Nanoseconds now) noexcept {
  auto limits = attempt_limits(controls_.limits, request_.client, request_.shape,
                               {.arrived = request_.arrived, .now = now, .reserve = request_.reserve});
  if (limits) return *limits;
  error_ = std::move(limits).error();
  return std::nullopt;
}

// Of the client's own time; the target's limits start anew with each attempt.
Nanoseconds TargetCall::time_left(Nanoseconds now) noexcept {
  const auto limits = limits_at(now);
  if (!limits) return {};
  return limits->first_token_bound == BoundBy::kTarget ? kNoHurry : limits->first_token_by - now;
}

void TargetCall::end(Attempt& attempt, EndpointEnd how, Nanoseconds now) noexcept {
  attempt.running = false;
  how.first_token = attempt.first_token;
  how.duration = now - attempt.started;
  controls_.endpoints->finish(attempt.choice, how, now, rng_);
}

TargetCall::Attempt* TargetCall::running() noexcept {
  const auto found = std::find_if(attempts_.begin(), attempts_.end(), [](const Attempt& a) { return a.running; });
  return found == attempts_.end() ? nullptr : &*found;
}

std::optional<EndpointChoice> TargetCall::pick(const EndpointMask& excluded, Nanoseconds now) noexcept {
  return controls_.endpoints->pick(now, rng_, request_.affinity, excluded);
}

}  // namespace thalamus::dispatch
