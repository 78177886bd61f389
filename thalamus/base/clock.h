/// The only door to time below the gateway: pass a Clock, never read one.
#pragma once

#include <cstdint>

#include "thalamus/base/units.h"

namespace thalamus::base {

class Clock {
 public:
  virtual ~Clock() = default;
  /// Monotonic; its zero is arbitrary.
  [[nodiscard]] virtual Nanoseconds now() const noexcept = 0;
  /// Nanoseconds since the Unix epoch, UTC.
  [[nodiscard]] virtual std::int64_t unix_ns() const noexcept = 0;
};

class SystemClock final : public Clock {
 public:
  [[nodiscard]] Nanoseconds now() const noexcept override;
  [[nodiscard]] std::int64_t unix_ns() const noexcept override;
};

/// Stands still until told; for simulation and tests.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(std::int64_t unix_ns_at_zero = 1'700'000'000'000'000'000) : epoch_ns_(unix_ns_at_zero) {}
  void advance(Nanoseconds span) noexcept { now_ = now_ + span; }
  void set(Nanoseconds instant) noexcept { now_ = instant; }
  [[nodiscard]] Nanoseconds now() const noexcept override { return now_; }
  [[nodiscard]] std::int64_t unix_ns() const noexcept override { return epoch_ns_ + now_.value; }

 private:
  Nanoseconds now_{};
  std::int64_t epoch_ns_;
};

}  // namespace thalamus::base
