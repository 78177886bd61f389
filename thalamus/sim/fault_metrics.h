/// What a run of a fault case left behind, and the figures that its expectations compare.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "thalamus/base/error.h"
#include "thalamus/base/result.h"
#include "thalamus/base/units.h"
#include "thalamus/sim/fault_case.h"

namespace thalamus::sim {

/// How a request ended: exactly one of these.
enum class FaultEnd : std::uint8_t { kAnswered, kFailed, kBroken, kClientGone };

struct FaultRequest {
  Nanoseconds arrived{};
  FaultEnd end = FaultEnd::kFailed;
  base::ErrorKind failure = base::ErrorKind::kInternal;  ///< of kFailed and kBroken
  std::optional<std::uint64_t> session;
  std::optional<Nanoseconds> first;  ///< first content, from the arrival
  Nanoseconds total{};
  std::optional<std::size_t> target;  ///< that answered, or was cut
  std::size_t replica = 0;
  std::size_t key = 0;
};

enum class AttemptCause : std::uint8_t { kFirst, kRetry, kHedge };

struct FaultAttempt {
  Nanoseconds started{};
  std::size_t target = 0;
  std::size_t replica = 0;
  std::size_t key = 0;
  AttemptCause cause = AttemptCause::kFirst;
};

struct FaultRun {
  std::vector<FaultRequest> requests;
  std::vector<FaultAttempt> attempts;
  std::vector<std::vector<std::uint64_t>> openings;  ///< by target and replica
  std::vector<std::string> violations;               ///< broken invariants; always empty in a correct build
  std::uint64_t hash = 0;                            ///< over every end: equal runs have equal hashes
};

/// The name is a metric of the case, or the error lists those there are.
[[nodiscard]] Status check_metric(const FaultCase& fault_case, std::string_view metric);

/// The value over what arrived, or started, in [from, to). Shares and percentiles of nothing are zero.
[[nodiscard]] double measure(const FaultCase& fault_case, const FaultRun& run, std::string_view metric,
                             Nanoseconds from, Nanoseconds to);

[[nodiscard]] bool compares(double measured, Comparison comparison, double value) noexcept;

/// The expectations that do not hold, each with what was measured.
[[nodiscard]] std::vector<std::string> broken_expectations(const FaultCase& fault_case, const FaultRun& run);

/// Every plain metric over the whole run, for people.
[[nodiscard]] std::string to_text(const FaultCase& fault_case, const FaultRun& run);

}  // namespace thalamus::sim
