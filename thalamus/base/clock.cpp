#include "thalamus/base/clock.h"

#include <chrono>

namespace thalamus::base {

Nanoseconds SystemClock::now() const noexcept {
  return {std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
              .count()};
}

std::int64_t SystemClock::unix_ns() const noexcept {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace thalamus::base
