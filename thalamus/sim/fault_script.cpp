#include "thalamus/sim/fault_script.h"

#include <algorithm>
#include <cmath>

#include "thalamus/dispatch/slow_stream.h"

namespace thalamus::sim {
namespace {

constexpr Nanoseconds kRoundTrip = Nanoseconds::from_ms(1);

using dispatch::TransportEnd;

/// The draws of one attempt, always all of them.
struct Luck {
  double first;
  double rest;
  double share;
};

void fail_at(AttemptScript& script, Nanoseconds end, TransportEnd transport) {
  script.end = end;
  dispatch::FailureFacts facts;
  facts.transport = transport;
  script.failure = dispatch::classify(facts);
  if (script.content && *script.content > end) script.content.reset();
}

void refuse_with(AttemptScript& script, Nanoseconds end, const BehaviourLine& line) {
  dispatch::FailureFacts facts;
  facts.status = line.behaviour == Behaviour::kError200 ? 200 : line.status;
  facts.type = line.type;
  facts.code = line.code;
  facts.retry_after = line.retry_after;
  script.end = end;
  script.failure = dispatch::classify(facts);
  script.content.reset();
}

Nanoseconds span(double seconds) { return Nanoseconds::from_seconds(std::max(seconds, 0.0)); }

/// Pieces of equal size from the first content on; the end is where the last one comes.
struct Flow {
  double seconds_a_unit = 0;
  double units = 0;
};

// The guard, the silence and the end of the time, whichever ends a stream first. As in the gateway the guard looks when
// a piece comes, and the wait for one ends where the guard would give up whatever came.
void watch_stream(AttemptScript& script, const Flow& flow, const FaultTarget& target,
                  const dispatch::AttemptLimits& limits) {
  dispatch::SlowStreamGuard guard(target.slow_stream);
  const Nanoseconds first = *script.content;
  Nanoseconds last = first;
  guard.add(first, 1);
  for (double unit = 1; unit <= flow.units || flow.units == 0; unit += 1) {
    const Nanoseconds at = first + span(unit * flow.seconds_a_unit);
    const Nanoseconds slow = guard.too_slow_from().value_or(Nanoseconds{INT64_MAX});
    const Nanoseconds horizon = std::min({at, script.end, limits.end_by, last + limits.idle, slow});
    if (horizon != at) {
      if (horizon == script.end) return;
      if (horizon == slow) return fail_at(script, slow, TransportEnd::kSlowStream);
      return fail_at(script, horizon,
                     horizon == limits.end_by ? TransportEnd::kTotalTimeout : TransportEnd::kIdleTimeout);
    }
    guard.add(at, 1);
    last = at;
    if (unit != flow.units && guard.too_slow(at)) return fail_at(script, at, TransportEnd::kSlowStream);
  }
}

// How the attempt would go if nobody watched the clock.
Flow play(AttemptScript& script, const BehaviourLine& line, Nanoseconds start, const Luck& luck) {
  const AnswerSpans spans = answer_spans(line, luck.first, luck.rest);
  const Nanoseconds first = start + spans.first;
  script.content = first;
  script.end = first + spans.rest;
  Flow flow{line.units > 0 ? spans.rest.seconds() / line.units : 0, line.units};
  switch (line.behaviour) {
    case Behaviour::kOk: break;
    case Behaviour::kDrip:
      script.end = Nanoseconds{INT64_MAX};
      flow = {1 / line.rate, 0};
      break;
    case Behaviour::kRefuse:
    case Behaviour::kDie: fail_at(script, start + kRoundTrip, TransportEnd::kConnectFailed); break;
    case Behaviour::kHang:
      script.content.reset();
      script.end = Nanoseconds{INT64_MAX};
      break;
    case Behaviour::kStatus: refuse_with(script, start + kRoundTrip, line); break;
    case Behaviour::kError200: refuse_with(script, first, line); break;
    case Behaviour::kCut: fail_at(script, first + span(spans.rest.seconds() / 2), TransportEnd::kCut); break;
    case Behaviour::kEmpty:
      script.content.reset();
      fail_at(script, first, TransportEnd::kEmpty);
      break;
    case Behaviour::kMalformed:
      script.content.reset();
      fail_at(script, first, TransportEnd::kMalformed);
      break;
  }
  return flow;
}

// What is under way when a replica dies is reset.
void meet_deaths(AttemptScript& script, const FaultCase& fault_case, const AttemptPlace& place, Nanoseconds start) {
  for (const auto& line : fault_case.behaviours)
    if (line.behaviour == Behaviour::kDie && line.target == place.target && line.replica == place.replica &&
        line.from > start && line.from < script.end)
      fail_at(script, line.from, TransportEnd::kReset);
}

}  // namespace

BehaviourLine behaviour_at(const FaultCase& fault_case, const AttemptPlace& place, Nanoseconds at, double luck) {
  BehaviourLine found;
  for (const auto& line : fault_case.behaviours)
    if (line.target == place.target && line.replica == place.replica && at >= line.from && at < line.to &&
        (!line.key || *line.key == place.key) && luck < line.share)
      found = line;
  return found;
}

AnswerSpans answer_spans(const BehaviourLine& line, double first, double rest) noexcept {
  return {span(line.first_ms * 1e-3 * std::exp(line.sigma * first)),
          span(std::max(0.0, line.total_ms - line.first_ms) * 1e-3 * std::exp(line.sigma * rest))};
}

AttemptScript script_attempt(const FaultCase& fault_case, const AttemptPlace& place, Nanoseconds start,
                             const dispatch::AttemptLimits& limits, base::Rng& rng) {
  const Luck luck{rng.normal(), rng.normal(), rng.uniform()};
  const BehaviourLine line = behaviour_at(fault_case, place, start, luck.share);
  AttemptScript script;
  const Flow flow = play(script, line, start, luck);
  // A buffered answer shows nothing before its end; its first byte comes with it.
  const bool buffered = fault_case.requests.shape == dispatch::AnswerShape::kBuffered;
  if (buffered && script.content) {
    if (script.failure) {
      script.content.reset();
    } else {
      script.content = script.end;
    }
  }
  meet_deaths(script, fault_case, place, start);
  const Nanoseconds shown = script.content.value_or(script.end);
  if (shown > limits.first_token_by) {
    script.content.reset();
    fail_at(script, limits.first_token_by, TransportEnd::kFirstTokenTimeout);
  } else if (script.content && !buffered) {
    watch_stream(script, flow, fault_case.targets[place.target], limits);
  }
  return script;
}

}  // namespace thalamus::sim
