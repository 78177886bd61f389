/// How long to wait before the same endpoint is tried again. Exponential with jitter, so that callers that failed
/// together do not come back together:
///
///     full:          uniform(0, min(cap, base * 2^n))
///     decorrelated:  min(cap, uniform(base, 3 * previous))
///
/// Source: M. Brooker, "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015). What the upstream asks for in
/// `Retry-After` is a lower bound; a jitter of up to `base` comes on top of it, for the same reason.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "thalamus/base/fields.h"
#include "thalamus/base/rng.h"
#include "thalamus/base/units.h"

namespace thalamus::dispatch {

struct BackoffOptions {
  double base_ms = 100;
  double cap_ms = 5'000;
  double retry_after_max_ms = 10'000;  ///< a longer wait than this is not waited for
  std::string jitter = "full";

  template <class Visitor>
  void fields(Visitor& visit) {
    using Number = base::Range<double>;
    visit("base_ms", base_ms, Number{1, 60'000}, "wait before the first retry, at most");
    visit("cap_ms", cap_ms, Number{1, 600'000}, "wait before any retry, at most");
    visit("retry_after_max_ms", retry_after_max_ms, Number{0, 600'000},
          "what an upstream may ask to wait; beyond it another target is tried");
    visit("jitter", jitter, base::Choices{{"full", "decorrelated"}}, "how waits are drawn");
  }
};

/// The waits of one request at one target. Not shared.
class Backoff {
 public:
  explicit Backoff(const BackoffOptions& options) noexcept;

  /// The next wait; nothing where the upstream asks for more than may be waited, or where the wait would use up what
  /// is left of the request's time. A wait that is refused does not count as a retry.
  [[nodiscard]] std::optional<Nanoseconds> next(base::Rng& rng, std::optional<Nanoseconds> retry_after,
                                                Nanoseconds time_left) noexcept;
  [[nodiscard]] std::uint32_t waits() const noexcept { return waits_; }

 private:
  [[nodiscard]] double draw_ms(base::Rng& rng) const noexcept;

  double base_ms_;
  double cap_ms_;
  double retry_after_max_ms_;
  bool decorrelated_;
  double previous_ms_;
  std::uint32_t waits_ = 0;
};

}  // namespace thalamus::dispatch
