/// Outlier ejection and circuit breaking over the replicas of one target: closed -> open -> half open -> closed. What
/// opens a replica and for how long is told in endpoints.h, which is this class's only user. Sources: Envoy's outlier
/// detection (consecutive 5xx, success rate, failure percentage, max_ejection_percent, growing ejection time); M.
/// Nygard, "Release It!" (2007), for the circuit breaker with a half-open phase.
///
/// Shared by all cores, lock-free: phase, instant, probes and their successes of a replica are one 64-bit word, so that
/// exactly one core makes each transition, and the verdict of a probe counts only for the opening that it probes.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "thalamus/base/fields.h"
#include "thalamus/base/rng.h"
#include "thalamus/base/units.h"

namespace thalamus::dispatch {

inline constexpr std::size_t kReplicasMax = 256;  ///< of one target

struct HealthOptions {
  std::int64_t ejection_failures = 5;
  std::int64_t breaker_failures = 10;
  double interval_ms = 10'000;
  std::int64_t interval_calls_min = 20;
  double success_rate_stdev = 1.9;
  std::int64_t success_rate_replicas_min = 5;
  double failure_share = 0.5;
  double ejected_share_max = 0.5;
  double open_ms = 5'000;
  double open_max_ms = 300'000;
  std::int64_t probes_max = 1;
  std::int64_t probes_to_close = 1;

  template <class Visitor>
  void fields(Visitor& visit) {
    using Number = base::Range<double>;
    using Whole = base::Range<std::int64_t>;
    visit("ejection_failures", ejection_failures, Whole{0, 100'000}, "in a row that eject a replica; 0: none do");
    visit("breaker_failures", breaker_failures, Whole{0, 100'000}, "in a row that open the breaker; 0: none do");
    visit("interval_ms", interval_ms, Number{1, 3'600'000}, "after which success rates are compared");
    visit("interval_calls_min", interval_calls_min, Whole{1, 1'000'000}, "of a replica in it, to be judged by them");
    visit("success_rate_stdev", success_rate_stdev, Number{0, 100}, "deviations below the mean that eject; 0: off");
    visit("success_rate_replicas_min", success_rate_replicas_min, Whole{2, 1'000}, "with enough calls, to compare");
    visit("failure_share", failure_share, Number{0, 1}, "of the calls of an interval that ejects; 0: off");
    visit("ejected_share_max", ejected_share_max, Number{0, 1}, "of the replicas that may be ejected at a time");
    visit("open_ms", open_ms, Number{1, 3'600'000}, "that a replica is left alone the first time; doubles");
    visit("open_max_ms", open_max_ms, Number{1, 86'400'000}, "that it is left alone at most");
    visit("probes_max", probes_max, Whole{1, 100}, "calls at a time while half open");
    visit("probes_to_close", probes_to_close, Whole{1, 100}, "good ones that close it");
  }
};

enum class HealthPhase : std::uint8_t { kClosed, kOpen, kHalfOpen };
/// "closed", "open", "half_open".
[[nodiscard]] const char* label(HealthPhase phase) noexcept;

enum class HealthVerdict : std::uint8_t { kGood, kFault, kNeutral };

class ReplicaHealth {
 public:
  /// What a call was let through with.
  struct Pass {
    std::uint64_t opening = 0;  ///< that a probe is for; 0: not a probe
    [[nodiscard]] bool probe() const noexcept { return opening != 0; }
  };

  ReplicaHealth(std::size_t replicas, const HealthOptions& options);

  [[nodiscard]] bool usable(std::size_t replica, Nanoseconds now) const noexcept;
  /// Lets a call through, as a probe where the replica is half open. Nothing where it is open or has its probes.
  [[nodiscard]] std::optional<Pass> enter(std::size_t replica, Nanoseconds now) noexcept;
  /// The end of a call that was let through.
  void leave(std::size_t replica, Pass pass, HealthVerdict verdict, Nanoseconds now, base::Rng& rng) noexcept;

  [[nodiscard]] HealthPhase phase(std::size_t replica, Nanoseconds now) const noexcept;
  /// Of an open or half-open replica; zero of a closed one.
  [[nodiscard]] Nanoseconds open_until(std::size_t replica) const noexcept;
  [[nodiscard]] std::uint64_t openings(std::size_t replica) const noexcept;

 private:
  struct alignas(64) State {
    std::atomic<std::uint64_t> word{0};  // 0: closed
    std::atomic<std::uint32_t> in_a_row{0};
    std::atomic<std::uint32_t> level{0};  // openings, less the intervals in good health since
    std::atomic<std::uint64_t> openings{0};
    std::atomic<std::uint64_t> window_good{0};
    std::atomic<std::uint64_t> window_faults{0};
  };

  void end_probe(State& state, Pass pass, HealthVerdict verdict, Nanoseconds now, base::Rng& rng) noexcept;
  [[nodiscard]] bool open(State& state, std::uint64_t seen, Nanoseconds now, base::Rng& rng) noexcept;
  void eject(State& state, Nanoseconds now, base::Rng& rng) noexcept;
  void sweep(Nanoseconds now, base::Rng& rng) noexcept;
  void compare(Nanoseconds now, base::Rng& rng) noexcept;
  [[nodiscard]] double close_interval(State& state) const noexcept;

  HealthOptions options_;
  std::size_t count_;
  std::unique_ptr<State[]> states_;
  std::atomic<std::int64_t> sweep_at_{0};  // 0: with the first call
  std::atomic<bool> ejecting_{false};
};

}  // namespace thalamus::dispatch
