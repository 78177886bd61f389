#include "thalamus/dispatch/slow_stream.h"

#include <algorithm>
#include <cmath>

namespace thalamus::dispatch {

SlowStreamGuard::SlowStreamGuard(const SlowStreamOptions& options) noexcept
    : slice_(std::max<std::int64_t>(1, options.window.value / static_cast<std::int64_t>(kSlices))),
      units_min_(static_cast<std::uint64_t>(
          std::ceil(std::clamp(options.floor_per_second * options.window.seconds(), 0.0, 1e15)))) {}

void SlowStreamGuard::add(Nanoseconds now, std::uint64_t units) noexcept {
  if (units_min_ == 0 || (units == 0 && !started_)) return;
  if (paused_) resume(now);
  if (!started_) {
    started_ = true;
    origin_ = now;
  }
  if (const auto from = too_slow_from(); from && *from <= now) slow_since_ = from;  // what comes too late mends nothing
  const std::int64_t slice = std::max(newest_, slice_of(now - origin_));
  for (std::int64_t s = std::max(newest_ + 1, slice - static_cast<std::int64_t>(kSlices) + 1); s <= slice; ++s)
    units_[static_cast<std::size_t>(s) % kSlices] = 0;
  newest_ = slice;
  units_[static_cast<std::size_t>(slice) % kSlices] += units;
}

void SlowStreamGuard::pause(Nanoseconds now) noexcept {
  if (!started_ || paused_) return;
  paused_ = true;
  paused_since_ = now;
}

void SlowStreamGuard::resume(Nanoseconds now) noexcept {
  if (!paused_) return;
  paused_ = false;
  origin_ = origin_ + std::max(Nanoseconds{}, now - paused_since_);
}

// What came in the kSlices whole slices before `slice`.
std::uint64_t SlowStreamGuard::sum_before(std::int64_t slice) const noexcept {
  std::uint64_t sum = 0;
  const std::int64_t first = std::max<std::int64_t>(0, newest_ - static_cast<std::int64_t>(kSlices) + 1);
  for (std::int64_t s = first; s <= newest_; ++s)
    if (s >= slice - static_cast<std::int64_t>(kSlices)) sum += units_[static_cast<std::size_t>(s) % kSlices];
  return sum;
}

bool SlowStreamGuard::too_slow(Nanoseconds now) const noexcept {
  const auto from = too_slow_from();
  return from && now >= *from;
}

// The first boundary of slices behind which the last kSlices slices hold too little. What is in the newest slice
// counts in full, so a stream is never judged by a part of a window.
std::optional<Nanoseconds> SlowStreamGuard::too_slow_from() const noexcept {
  if (slow_since_) return slow_since_;
  if (!started_ || paused_ || units_min_ == 0) return std::nullopt;
  const auto window = static_cast<std::int64_t>(kSlices);
  std::int64_t slice = std::max(newest_ + 1, window);
  while (sum_before(slice) >= units_min_) ++slice;  // at most kSlices further: then nothing is left to sum
  return origin_ + Nanoseconds{slice * slice_};
}

}  // namespace thalamus::dispatch
