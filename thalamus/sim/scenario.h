/// What a simulated run is made of: a workload, targets with their faults, a contract, a strategy and a policy. Read
/// from text, one thing a line:
///
///     workload rate=5 seconds=600 client_gone=0.01
///     contract answer_usd=0.02 second_usd=0.001 max_latency_ms=20000
///     strategy in_order attempts_max=3
///     policy in_flight
///     target small service_ms=800 sigma=0.5 quality=0.6 fail_before=0.01 concurrency=4 outage=100..160
///
/// `#` begins a comment. Unknown words, values out of range and things given twice are errors with the line's number.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "thalamus/base/fields.h"
#include "thalamus/base/result.h"
#include "thalamus/base/units.h"
#include "thalamus/core/contract.h"
#include "thalamus/core/target.h"
#include "thalamus/dispatch/policy.h"

namespace thalamus::sim {

inline constexpr std::size_t kOutagesMax = 64;               ///< of one target
inline constexpr std::int64_t kRequestsMax = 10'000'000;     ///< of one run
inline constexpr std::size_t kScenarioBytesMax = 1U << 20U;  ///< of a scenario's text

/// Virtual time from the start of the run, half open.
struct Outage {
  Nanoseconds from;
  Nanoseconds to;
};

struct SimTarget {
  core::Target target;
  dispatch::TargetLimits limits;
  std::vector<Outage> outages;        ///< connections are refused, calls in flight are cut
  double quality = 0.7;               ///< chance of a good answer, and what the fixed estimate says
  double service_ms = 1000;           ///< median of the lognormal whole time of a call
  double service_sigma = 0.5;         ///< of its logarithm
  double first_content_share = 0.25;  ///< of the whole time, until the first content
  double output_tokens = 200;         ///< median; lognormal with the same sigma
  double fail_before = 0;             ///< chance to fail before the first content
  double fail_after = 0;              ///< chance to fail between the first content and the end
  double stall = 0;                   ///< chance to fall silent for ever, before or after the first content
  double reject = 0;                  ///< chance to refuse the request in a way that no other target would mend
};

struct Workload {
  double rate_per_s = 1;   ///< of the Poisson arrivals
  double arrivals_s = 60;  ///< how long requests arrive; the run ends when the last has ended
  std::int64_t requests_max = 100'000;
  double client_gone = 0;          ///< chance that a client does not wait for the end
  double patience_ms = 5'000;      ///< mean of the exponential time after which such a client leaves
  double input_tokens = 300;       ///< median of the lognormal request length, sigma 0.7
  double health_delay_ms = 1'000;  ///< until the supervisor has seen the start or the end of an outage
};

struct SimScenario {
  Workload workload;
  core::Contract contract;
  double explore_rate = 0.02;
  std::string strategy = "in_order";
  base::OptionMap strategy_options;
  std::string policy = "in_flight";
  base::OptionMap policy_options;
  std::vector<SimTarget> targets;
};

/// The errors carry `line N`.
[[nodiscard]] Result<SimScenario> parse_scenario(std::string_view text);

/// What `simulate` demands of a scenario that was put together by hand; parse_scenario has checked it.
[[nodiscard]] Status validate(const SimScenario& scenario);

}  // namespace thalamus::sim
