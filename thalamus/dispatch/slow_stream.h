/// Gives up a stream that trickles: after the first content, fewer than `floor` units (bytes or tokens, as the caller
/// counts) a second over a whole window. An idle limit does not see such a stream, since something always comes; and
/// one that falls silent is given up by `too_slow_from` where that is earlier than the idle limit. The
/// window is cut into eight slices that are summed and forgotten one by one; time in which the client did not take
/// what was there does not count. Sources: the minimum-rate guards of curl (CURLOPT_LOW_SPEED_LIMIT over
/// CURLOPT_LOW_SPEED_TIME) and nginx (limits between successive operations, which this one complements).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "thalamus/base/units.h"

namespace thalamus::dispatch {

struct SlowStreamOptions {
  double floor_per_second = 0;  ///< units; zero switches the guard off
  Nanoseconds window = Nanoseconds::from_ms(20'000);
};

/// Watches one stream. Not shared.
class SlowStreamGuard {
 public:
  explicit SlowStreamGuard(const SlowStreamOptions& options) noexcept;

  /// `units` came; the first call with more than zero starts the watch. A stream that was too slow before stays so.
  void add(Nanoseconds now, std::uint64_t units) noexcept;
  /// The driver waits for the client, not for the upstream, until `resume`.
  void pause(Nanoseconds now) noexcept;
  void resume(Nanoseconds now) noexcept;

  /// The stream has been below the floor for a whole window.
  [[nodiscard]] bool too_slow(Nanoseconds now) const noexcept;
  /// The instant from which it is too slow if nothing more comes: where a driver ends its wait for the next piece,
  /// which would come too late to mend anything. Nothing before the first content, while paused, or where the guard is
  /// off.
  [[nodiscard]] std::optional<Nanoseconds> too_slow_from() const noexcept;

 private:
  static constexpr std::size_t kSlices = 8;

  [[nodiscard]] std::int64_t slice_of(Nanoseconds watched) const noexcept { return watched.value / slice_; }
  [[nodiscard]] std::uint64_t sum_before(std::int64_t slice) const noexcept;

  std::int64_t slice_;       // nanoseconds
  std::uint64_t units_min_;  // of a whole window
  bool started_ = false;
  bool paused_ = false;
  Nanoseconds origin_{};  // instant of the first content, moved on by every pause
  Nanoseconds paused_since_{};
  std::int64_t newest_ = 0;  // slice, counted from the origin
  std::array<std::uint64_t, kSlices> units_{};
  std::optional<Nanoseconds> slow_since_;
};

}  // namespace thalamus::dispatch
