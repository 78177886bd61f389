#include "thalamus/sim/call_script.h"

#include <algorithm>
#include <cmath>

namespace thalamus::sim {
namespace {

constexpr Nanoseconds kRefusalTime = Nanoseconds::from_ms(1);

/// The draws of one call, always all of them.
struct Luck {
  double service;
  double tokens;
  double reject;
  double fail_before;
  double stall;
  double fail_after;
  double moment;
};

Luck draw(base::Rng& rng) {
  Luck luck{};
  luck.service = rng.normal();
  luck.tokens = rng.normal();
  luck.reject = rng.uniform();
  luck.fail_before = rng.uniform();
  luck.stall = rng.uniform();
  luck.fail_after = rng.uniform();
  luck.moment = rng.uniform();
  return luck;
}

// The call ends at `end` with this failure; content that had not come by then never comes.
void cut(CallScript& script, Nanoseconds end, base::ErrorKind failure) {
  script.end = end;
  script.failure = failure;
  script.target_fault = true;
  if (script.content && *script.content > end) script.content.reset();
}

void apply_faults(CallScript& script, const SimTarget& target, Nanoseconds start, double whole_s, const Luck& luck) {
  const double first_s = whole_s * target.first_content_share;
  if (luck.reject < target.reject) {
    cut(script, start + Nanoseconds::from_seconds(first_s * luck.moment), base::ErrorKind::kInvalidInput);
    script.content.reset();
    script.retryable = false;
    script.target_fault = false;
  } else if (luck.fail_before < target.fail_before) {
    cut(script, start + Nanoseconds::from_seconds(first_s * luck.moment), base::ErrorKind::kUpstream);
    script.content.reset();
  } else if (luck.stall < target.stall && luck.moment < 0.5) {
    script.content.reset();
    cut(script, start + target.limits.first_byte_timeout, base::ErrorKind::kTimeout);
  } else if (luck.stall < target.stall) {
    cut(script, *script.content + target.limits.idle_timeout, base::ErrorKind::kTimeout);
  } else if (luck.fail_after < target.fail_after) {
    const double moment_s = first_s + (whole_s - first_s) * luck.moment;
    cut(script, std::max(*script.content, start + Nanoseconds::from_seconds(moment_s)), base::ErrorKind::kUpstream);
  }
}

void apply_limits(CallScript& script, const SimTarget& target, Nanoseconds start) {
  const Nanoseconds first_by = start + target.limits.first_byte_timeout;
  if (script.end > first_by && (!script.content || *script.content > first_by))
    cut(script, first_by, base::ErrorKind::kTimeout);
  const Nanoseconds all_by = start + target.limits.total_timeout;
  if (script.end > all_by) cut(script, all_by, base::ErrorKind::kTimeout);
  for (const Outage& outage : target.outages)
    if (outage.from > start && outage.from < script.end) cut(script, outage.from, base::ErrorKind::kUpstream);
}

}  // namespace

bool in_outage(const SimTarget& target, Nanoseconds instant) noexcept {
  return std::any_of(target.outages.begin(), target.outages.end(),
                     [&](const Outage& outage) { return instant >= outage.from && instant < outage.to; });
}

CallScript script_call(const SimTarget& target, Nanoseconds start, base::Rng& rng) {
  const Luck luck = draw(rng);
  const double whole_s = target.service_ms * 1e-3 * std::exp(target.service_sigma * luck.service);
  CallScript script;
  script.output_tokens = static_cast<std::uint32_t>(
      std::clamp(std::round(target.output_tokens * std::exp(target.service_sigma * luck.tokens)), 1.0, 1e9));
  if (in_outage(target, start)) {
    cut(script, start + kRefusalTime, base::ErrorKind::kUnavailable);
    return script;
  }
  script.content = start + Nanoseconds::from_seconds(whole_s * target.first_content_share);
  script.end = std::max(*script.content, start + Nanoseconds::from_seconds(whole_s));
  apply_faults(script, target, start, whole_s, luck);
  apply_limits(script, target, start);
  return script;
}

}  // namespace thalamus::sim
