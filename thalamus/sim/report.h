/// What an operator would have seen of a simulated run.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "thalamus/base/units.h"

namespace thalamus::sim {

inline constexpr std::size_t kViolationsMax = 16;  ///< kept in a report; the rest is counted

struct Percentiles {
  double p50 = 0;
  double p95 = 0;
  double p99 = 0;
};

struct TargetReport {
  std::string name;
  std::uint64_t first_choices = 0;  ///< turns whose plan begins with it
  std::uint64_t calls = 0;          ///< admitted
  std::uint64_t answers = 0;        ///< turns it answered
  std::uint64_t failures = 0;       ///< calls that failed
  std::uint64_t cancellations = 0;
  std::uint64_t queued = 0;   ///< calls that had to wait
  std::uint64_t refused = 0;  ///< calls without a place
  std::uint64_t in_flight_max = 0;
  std::uint64_t queue_length_max = 0;
  double busy_seconds = 0;  ///< summed over its calls
  NanoDollars cost;
};

struct SimReport {
  std::uint64_t seed = 0;
  std::uint64_t requests = 0;
  std::uint64_t answered = 0;
  std::uint64_t good = 0;                       ///< of the answered
  std::uint64_t cancelled = 0;                  ///< the client left
  std::uint64_t broken = 0;                     ///< of the failed: after the first content
  std::map<std::string, std::uint64_t> failed;  ///< by error label, clients that left excluded
  std::uint64_t fallbacks = 0;                  ///< answered by another than the first choice
  std::uint64_t explored = 0;
  std::uint64_t calls = 0;  ///< admitted, all targets
  NanoDollars cost;
  Percentiles first_content_s;  ///< of the answered
  Percentiles total_s;          ///< of the answered
  Percentiles queue_s;          ///< of the answered
  double virtual_seconds = 0;
  std::uint64_t events = 0;
  std::uint64_t hash = 0;  ///< over every event and end: equal runs have equal hashes
  std::vector<TargetReport> targets;
  std::uint64_t violation_count = 0;
  std::vector<std::string> violations;  ///< broken invariants; always empty in a correct build
};

/// Nearest rank; sorts the values. Zeros where there are none.
[[nodiscard]] Percentiles percentiles(std::vector<std::int64_t>& nanoseconds);

[[nodiscard]] std::string to_json(const SimReport& report);
[[nodiscard]] std::string to_text(const SimReport& report);

}  // namespace thalamus::sim
