/// What will happen to one simulated call: drawn whole when it starts, then played by the simulator.
#pragma once

#include <cstdint>
#include <optional>

#include "thalamus/base/error.h"
#include "thalamus/base/rng.h"
#include "thalamus/base/units.h"
#include "thalamus/sim/scenario.h"

namespace thalamus::sim {

struct CallScript {
  std::optional<Nanoseconds> content;  ///< instant of the first content; none if it never comes
  Nanoseconds end;                     ///< never before the content
  std::optional<base::ErrorKind> failure;
  bool retryable = true;      ///< of a failure: another target may do better
  bool target_fault = false;  ///< of a failure: it counts against the target
  std::uint32_t output_tokens = 0;
};

/// Takes the same number of draws whatever happens, so that switching a fault off leaves the other draws alone.
[[nodiscard]] CallScript script_call(const SimTarget& target, Nanoseconds start, base::Rng& rng);

[[nodiscard]] bool in_outage(const SimTarget& target, Nanoseconds instant) noexcept;

}  // namespace thalamus::sim
