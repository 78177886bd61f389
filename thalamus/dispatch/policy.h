/// Whether and for how long a call may go to a target. A policy sees times as arguments and performs no I/O; it is
/// shared by all cores, so that its members are safe to call concurrently.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "thalamus/base/fields.h"
#include "thalamus/base/result.h"
#include "thalamus/base/units.h"
#include "thalamus/core/target.h"
#include "thalamus/dispatch/place_queue.h"

namespace thalamus::dispatch {

/// Limits of one target; zero concurrency means unlimited.
struct TargetLimits {
  std::uint32_t concurrency_max = 0;
  std::uint32_t queue_length_max = 64;
  Nanoseconds connect_timeout = Nanoseconds::from_ms(5'000);
  Nanoseconds first_byte_timeout = Nanoseconds::from_ms(120'000);
  Nanoseconds idle_timeout = Nanoseconds::from_ms(60'000);
  Nanoseconds total_timeout = Nanoseconds::from_ms(600'000);

  friend bool operator==(const TargetLimits&, const TargetLimits&) = default;
};

enum class Admission : std::uint8_t { kAdmitted, kQueue, kRefused };

/// A caller that was told kQueue and asks again from time to time takes a place and, admitted or not, gives it back.
enum class QueueStep : std::uint8_t { kEnter, kLeave };

/// How a call ended, for what a policy learns from it.
struct CallEnd {
  std::uint16_t target = 0;
  bool ok = false;
  bool target_fault = false;  ///< the failure counts against the target (not the client's fault, not a cancellation)
  Nanoseconds duration{};
  bool unused = false;  ///< the place was given back without a call: nothing is learned from it
};

class Policy {
 public:
  virtual ~Policy() = default;
  /// kAdmitted counts the call in flight until `finish`; kQueue means: `wait` to be woken with a place (or take a place
  /// in the queue with `queue` and ask again); kRefused: the target is down or takes no queue.
  [[nodiscard]] virtual Admission admit(std::uint16_t target, Nanoseconds now) noexcept = 0;
  virtual void finish(const CallEnd& end, Nanoseconds now) noexcept = 0;
  /// Stands in the target's queue until `waker` is told (see PlaceQueue): kPlace is an admission, whose `finish` comes
  /// in any case. Nothing: the queue is full.
  [[nodiscard]] virtual std::optional<WaitTicket> wait([[maybe_unused]] std::uint16_t target,
                                                       [[maybe_unused]] Waker& waker,
                                                       [[maybe_unused]] std::uint64_t cookie) noexcept {
    return std::nullopt;
  }
  /// True: the waiter has left the queue and is not woken any more. False: it has been woken, or is just now.
  [[nodiscard]] virtual bool leave([[maybe_unused]] std::uint16_t target,
                                   [[maybe_unused]] const WaitTicket& ticket) noexcept {
    return false;
  }
  /// Takes or gives back a place in the target's queue, so that its length is bounded over all cores. False: the
  /// queue is full, the caller does not wait. A policy without queues lets everybody in.
  [[nodiscard]] virtual bool queue([[maybe_unused]] std::uint16_t target, [[maybe_unused]] QueueStep step) noexcept {
    return true;
  }
  /// What the decision layer is told of the target.
  [[nodiscard]] virtual core::TargetState state(std::uint16_t target, Nanoseconds now) const noexcept = 0;
  /// From the supervisor: the target's server is known to be up or down.
  virtual void set_healthy(std::uint16_t target, bool healthy) noexcept = 0;
};

/// One row of policies.def.
struct PolicyRecord {
  std::string_view name;
  std::string_view help;
  std::string_view source;
  std::vector<base::OptionRow> (*options)();
  Result<std::unique_ptr<Policy>> (*make)(std::span<const TargetLimits> limits, const base::OptionMap& options);
};
[[nodiscard]] std::span<const PolicyRecord> policies() noexcept;
[[nodiscard]] const PolicyRecord* find_policy(std::string_view name) noexcept;

}  // namespace thalamus::dispatch
