#include "thalamus/dispatch/backoff.h"

#include <algorithm>
#include <cmath>

namespace thalamus::dispatch {
namespace {

constexpr double kGrowth = 3;  // of decorrelated jitter

}  // namespace

Backoff::Backoff(const BackoffOptions& options) noexcept
    : base_ms_(options.base_ms),
      cap_ms_(std::max(options.base_ms, options.cap_ms)),
      retry_after_max_ms_(options.retry_after_max_ms),
      decorrelated_(options.jitter == "decorrelated"),
      previous_ms_(options.base_ms) {}

double Backoff::draw_ms(base::Rng& rng) const noexcept {
  const double u = rng.uniform();
  if (decorrelated_) return std::min(cap_ms_, base_ms_ + u * (kGrowth * previous_ms_ - base_ms_));
  return u * std::min(cap_ms_, std::ldexp(base_ms_, static_cast<int>(std::min(waits_, 62U))));
}

std::optional<Nanoseconds> Backoff::next(base::Rng& rng, std::optional<Nanoseconds> retry_after,
                                         Nanoseconds time_left) noexcept {
  if (retry_after && retry_after->ms() > retry_after_max_ms_) return std::nullopt;
  const double own_ms = draw_ms(rng);
  double wait_ms = own_ms;
  if (retry_after) wait_ms = std::max(own_ms, retry_after->ms() + base_ms_ * rng.uniform());
  const Nanoseconds wait = Nanoseconds::from_seconds(wait_ms * 1e-3);
  if (wait >= time_left) return std::nullopt;
  previous_ms_ = std::max(own_ms, base_ms_);
  ++waits_;
  return wait;
}

}  // namespace thalamus::dispatch
