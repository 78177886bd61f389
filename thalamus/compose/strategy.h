/// A strategy decides which calls make up a turn. It is a state machine without I/O: the driver (the gateway, the
/// simulator or a test) performs the steps and reports events.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "thalamus/base/error.h"
#include "thalamus/base/fields.h"
#include "thalamus/base/units.h"
#include "thalamus/core/plan.h"

namespace thalamus::compose {

using CallId = std::uint32_t;
inline constexpr std::size_t kStepsMax = 1024;  ///< of one turn; a strategy that passes it is ended with kInternal

enum class EventKind : std::uint8_t {
  kStart,      ///< the turn begins
  kContinue,   ///< the last step was carried out; what next?
  kContent,    ///< a call has its first content (or its whole answer) ready; nothing has left yet
  kCompleted,  ///< a call ended well
  kFailed,     ///< a call failed
  kTimer,      ///< a wait ended
  kClientGone,
};

struct Event {
  EventKind kind = EventKind::kStart;
  CallId call = 0;
  base::ErrorKind failure = base::ErrorKind::kInternal;  ///< of kFailed
  bool retryable = true;                                 ///< of kFailed: another target may do better
};

enum class StepKind : std::uint8_t {
  kCall,    ///< start `call` on `target`
  kCancel,  ///< give `call` up
  kCommit,  ///< let `call`'s bytes go to the client; from now on there is no other
  kWait,    ///< nothing to do until the next event (or `wait` has passed, if positive)
  kDone,    ///< the turn is over; `failure` tells how, if nothing was committed
};

struct Step {
  StepKind kind = StepKind::kWait;
  CallId call = 0;
  std::uint16_t target = 0;  ///< index in the route's targets
  Nanoseconds wait{};
  base::ErrorKind failure = base::ErrorKind::kUnavailable;
  bool failed = false;
};

class Strategy {
 public:
  virtual ~Strategy() = default;
  /// The driver carries the step out and, unless it was kWait or kDone, asks again with kContinue.
  [[nodiscard]] virtual Step next(const Event& event) noexcept = 0;
};

/// One row of strategies.def.
struct StrategyRecord {
  std::string_view name;
  std::string_view help;
  std::string_view source;
  std::vector<base::OptionRow> (*options)();
  Result<std::unique_ptr<Strategy>> (*make)(const core::Plan& plan, const base::OptionMap& options);
};
[[nodiscard]] std::span<const StrategyRecord> strategies() noexcept;
[[nodiscard]] const StrategyRecord* find_strategy(std::string_view name) noexcept;

}  // namespace thalamus::compose
