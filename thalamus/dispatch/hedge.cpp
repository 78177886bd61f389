#include "thalamus/dispatch/hedge.h"

#include <algorithm>
#include <cmath>

namespace thalamus::dispatch {
namespace {

constexpr double kSmallestMs = 1;
constexpr double kPerOctave = 8;

std::size_t bucket_of(Nanoseconds duration) noexcept {
  const double ms = duration.ms();
  if (!(ms > kSmallestMs)) return 0;
  const double index = std::ceil(std::log2(ms / kSmallestMs) * kPerOctave);
  return static_cast<std::size_t>(std::min(index, static_cast<double>(DurationQuantile::kBuckets - 1)));
}

// 2 g^i / (g + 1): the point with the same relative distance to both ends of the bucket.
Nanoseconds middle_of(std::size_t bucket) noexcept {
  const double growth = std::exp2(1 / kPerOctave);
  const double upper_ms = kSmallestMs * std::exp2(static_cast<double>(bucket) / kPerOctave);
  return Nanoseconds::from_seconds(upper_ms * 2 / (growth + 1) * 1e-3);
}

}  // namespace

void DurationQuantile::observe(Nanoseconds duration) noexcept {
  buckets_[bucket_of(duration)].fetch_add(1, std::memory_order_relaxed);
  if (total_.fetch_add(1, std::memory_order_relaxed) + 1 >= 2ULL * window_) forget();
}

// One core halves; the others go on counting, and nothing they add is lost.
void DurationQuantile::forget() noexcept {
  if (forgetting_.exchange(true, std::memory_order_acquire)) return;
  std::uint64_t gone = 0;
  for (auto& bucket : buckets_) {
    const std::uint32_t half = bucket.load(std::memory_order_relaxed) / 2;
    bucket.fetch_sub(half, std::memory_order_relaxed);
    gone += half;
  }
  total_.fetch_sub(gone, std::memory_order_relaxed);
  forgetting_.store(false, std::memory_order_release);
}

std::optional<Nanoseconds> DurationQuantile::quantile(double share) const noexcept {
  std::array<std::uint32_t, kBuckets> counts;
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < kBuckets; ++i) total += counts[i] = buckets_[i].load(std::memory_order_relaxed);
  if (total == 0) return std::nullopt;
  const auto rank = std::max<std::uint64_t>(
      1, static_cast<std::uint64_t>(std::ceil(std::clamp(share, 0.0, 1.0) * static_cast<double>(total))));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < kBuckets; ++i) {
    seen += counts[i];
    if (seen >= rank) return middle_of(i);
  }
  return middle_of(kBuckets - 1);
}

Hedger::Hedger(const HedgeOptions& options) noexcept
    : options_(options), budget_({.ratio = options.ratio, .min_per_second = 0, .burst = options.burst}) {}

std::optional<Nanoseconds> Hedger::delay() const noexcept {
  if (!options_.enabled || first_tokens_.count() < static_cast<std::uint64_t>(options_.observations_min))
    return std::nullopt;
  const auto learned = first_tokens_.quantile(options_.quantile);
  if (!learned) return std::nullopt;
  const Nanoseconds least = Nanoseconds::from_seconds(options_.min_delay_ms * 1e-3);
  const Nanoseconds most = Nanoseconds::from_seconds(options_.max_delay_ms * 1e-3);
  return std::max(least, std::min(most, *learned));
}

}  // namespace thalamus::dispatch
