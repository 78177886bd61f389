/// A rate with a burst, in the manner of a leaky bucket. Private to the sources of `net`.
#pragma once

#include <algorithm>

#include "thalamus/base/units.h"

namespace thalamus::net {

class TokenBucket {
 public:
  TokenBucket(double burst, double per_second) noexcept : burst_(burst), per_second_(per_second), left_(burst) {}
  /// Takes one; false if none is left.
  [[nodiscard]] bool take(Nanoseconds now) noexcept {
    const double seconds = static_cast<double>((now - filled_).value) * 1e-9;
    left_ = std::min(burst_, left_ + std::max(seconds, 0.0) * per_second_);
    filled_ = now;
    if (left_ < 1.0) return false;
    left_ -= 1.0;
    return true;
  }

 private:
  double burst_;
  double per_second_;
  double left_;
  Nanoseconds filled_{};
};

}  // namespace thalamus::net
