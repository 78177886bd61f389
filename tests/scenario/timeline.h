/// A case's time against the real clock: one second of a case lasts 1/speed real seconds.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>

#include "thalamus/base/clock.h"
#include "thalamus/base/units.h"

namespace thalamus::scenario {

/// Instants and spans of the case are `Nanoseconds` of the case's time everywhere; only sockets, timers and the
/// gateway's configuration see real ones. Shared by the threads once it has begun.
class Timeline {
 public:
  explicit Timeline(double speed) noexcept : speed_(speed) {}

  /// The case's second zero is `lead` real time from now.
  void begin(Nanoseconds lead) noexcept { zero_ = clock_.now() + lead; }

  [[nodiscard]] double speed() const noexcept { return speed_; }
  [[nodiscard]] const base::Clock& clock() const noexcept { return clock_; }
  [[nodiscard]] Nanoseconds now() const noexcept { return case_span(clock_.now() - zero_); }
  [[nodiscard]] Nanoseconds case_span(Nanoseconds real) const noexcept {
    return Nanoseconds::from_seconds(real.seconds() * speed_);
  }
  [[nodiscard]] Nanoseconds real_span(Nanoseconds of_case) const noexcept {
    return Nanoseconds::from_seconds(of_case.seconds() / speed_);
  }
  /// For a timer: the real time from now until `at`, never negative.
  [[nodiscard]] std::chrono::nanoseconds until(Nanoseconds at) const noexcept {
    return std::chrono::nanoseconds(std::max<std::int64_t>(0, real_span(at - now()).value));
  }

  /// What was due at `at` happens now. The worst is what the machine itself adds to every time that is measured.
  void happened(Nanoseconds at) noexcept {
    const std::int64_t late = (now() - at).value;
    std::int64_t seen = latest_.load(std::memory_order_relaxed);
    while (late > seen && !latest_.compare_exchange_weak(seen, late, std::memory_order_relaxed)) {
    }
  }
  [[nodiscard]] Nanoseconds latest() const noexcept { return {latest_.load(std::memory_order_relaxed)}; }

 private:
  base::SystemClock clock_;
  double speed_;
  Nanoseconds zero_{};
  std::atomic<std::int64_t> latest_{0};
};

}  // namespace thalamus::scenario
