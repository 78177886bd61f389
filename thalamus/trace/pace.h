/// When the writer of decision records lets them gather instead of being woken for each: producers then pay for no
/// wake-up, and one write takes all that came.
#pragma once

#include "thalamus/base/units.h"

namespace thalamus::trace {

/// Load is what follows a batch within two `linger`s. Idle traffic is written record by record, at once.
class Pace {
 public:
  /// Zero: never lingers.
  explicit Pace(Nanoseconds linger) noexcept : linger_(linger) {}

  /// A batch was written at `now`.
  void wrote(Nanoseconds now) noexcept {
    loaded_ = begun_ && now - wrote_at_ < linger_ + linger_;
    begun_ = true;
    wrote_at_ = now;
  }
  /// The writer lingered and nothing came.
  void nothing_came() noexcept { loaded_ = false; }
  [[nodiscard]] bool lingers() const noexcept { return loaded_; }
  [[nodiscard]] Nanoseconds linger() const noexcept { return linger_; }

 private:
  Nanoseconds linger_;
  Nanoseconds wrote_at_{};
  bool begun_ = false;
  bool loaded_ = false;
};

}  // namespace thalamus::trace
