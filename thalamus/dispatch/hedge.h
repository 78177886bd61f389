/// A second attempt beside a slow first one: after a delay learned from the times to the first token (their 95th
/// percentile, say) the request is sent to another endpoint too, and the first content wins. A budget of its own, a
/// share of the traffic, keeps a slow fleet from being asked twice for everything.
///
/// Sources: J. Dean, L. A. Barroso, "The Tail at Scale" (CACM 56(2), 2013; hedged requests after the 95th percentile,
/// about 5 % more load); gRPC A6 (hedgingDelay, throttling). The quantile comes from a histogram with logarithmic
/// buckets as in DDSketch (arXiv 1908.10693): bucket i holds (g^(i-1), g^i], so the estimate is within
/// (g - 1)/(g + 1) of a value that has the asked rank; g = 2^(1/8): 4.4 %. Counts are halved when they pass a window,
/// so that the estimate follows the upstream.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "thalamus/base/fields.h"
#include "thalamus/base/units.h"
#include "thalamus/dispatch/retry_budget.h"

namespace thalamus::dispatch {

/// A quantile of durations from 1 ms to about 2,000 s, forgetting the old. Shared by all cores, lock-free.
class DurationQuantile {
 public:
  static constexpr std::size_t kBuckets = 168;  ///< 8 an octave

  /// `window` observations and more are kept; the weight of older ones halves with each further half window.
  explicit DurationQuantile(std::uint32_t window = 2048) noexcept : window_(window) {}

  void observe(Nanoseconds duration) noexcept;
  [[nodiscard]] std::uint64_t count() const noexcept { return total_.load(std::memory_order_relaxed); }
  /// The middle of the bucket in which the value of this rank lies; nothing without observations. `share` in (0, 1].
  [[nodiscard]] std::optional<Nanoseconds> quantile(double share) const noexcept;

 private:
  void forget() noexcept;

  std::uint32_t window_;
  std::array<std::atomic<std::uint32_t>, kBuckets> buckets_{};
  std::atomic<std::uint64_t> total_{0};
  std::atomic<bool> forgetting_{false};
};

struct HedgeOptions {
  bool enabled = false;
  double quantile = 0.95;
  double min_delay_ms = 50;
  double max_delay_ms = 30'000;
  std::int64_t observations_min = 50;  ///< no hedge before this many first tokens
  double ratio = 0.05;                 ///< of the requests that may be hedged
  double burst = 5;

  template <class Visitor>
  void fields(Visitor& visit) {
    using Number = base::Range<double>;
    visit("enabled", enabled, "send a second attempt when the first is slow");
    visit("quantile", quantile, Number{0.5, 0.999}, "of the times to the first token, after which to hedge");
    visit("min_delay_ms", min_delay_ms, Number{0, 600'000}, "before a hedge, at least");
    visit("max_delay_ms", max_delay_ms, Number{1, 600'000}, "before a hedge, at most");
    visit("observations_min", observations_min, base::Range<std::int64_t>{1, 1'000'000}, "first tokens seen before");
    visit("ratio", ratio, Number{0, 1}, "of the requests that may be hedged");
    visit("burst", burst, Number{0, 1e6}, "hedges that may be saved up");
  }
};

/// When to hedge the requests of one target. Shared by all cores.
class Hedger {
 public:
  explicit Hedger(const HedgeOptions& options) noexcept;

  /// A request came in.
  void request(Nanoseconds now) noexcept { budget_.deposit(now); }
  /// The time to the first token of one attempt. An attempt that was given up for the other one is observed with the
  /// time it had had: it took at least that long, and leaving it out would teach an ever shorter delay.
  void observe(Nanoseconds first_token) noexcept { first_tokens_.observe(first_token); }
  /// How long the first attempt may be silent; nothing where hedging is off or too little is known.
  [[nodiscard]] std::optional<Nanoseconds> delay() const noexcept;
  /// Takes a hedge from the budget; false: the first attempt goes on alone.
  [[nodiscard]] bool allow(Nanoseconds now) noexcept { return options_.enabled && budget_.withdraw(now); }
  /// The hedge was not sent after all.
  void give_back() noexcept { budget_.give_back(); }
  [[nodiscard]] RetryBudget::View budget() const noexcept { return budget_.view(); }

 private:
  HedgeOptions options_;
  RetryBudget budget_;
  DurationQuantile first_tokens_;
};

}  // namespace thalamus::dispatch
