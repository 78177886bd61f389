/// What will happen to one attempt of a fault case: drawn whole when it starts.
#pragma once

#include <cstddef>
#include <optional>

#include "thalamus/base/rng.h"
#include "thalamus/base/units.h"
#include "thalamus/dispatch/deadline.h"
#include "thalamus/dispatch/failure.h"
#include "thalamus/sim/fault_case.h"

namespace thalamus::sim {

struct AttemptScript {
  std::optional<Nanoseconds> content;  ///< instant of the first content; of a buffered answer the end
  Nanoseconds end{};
  std::optional<dispatch::FailureVerdict> failure;
};

struct AttemptPlace {
  std::size_t target = 0;
  std::size_t replica = 0;
  std::size_t key = 0;
};

/// The line that an attempt at this place and instant meets: of those that fit the last. `luck` from [0, 1) is held
/// against their shares. A replica without any is well.
[[nodiscard]] BehaviourLine behaviour_at(const FaultCase& fault_case, const AttemptPlace& place, Nanoseconds at,
                                         double luck);

/// How long an answer takes; `first` and `rest` are standard normal.
struct AnswerSpans {
  Nanoseconds first;  ///< until the first content
  Nanoseconds rest;   ///< from there to the end
};
[[nodiscard]] AnswerSpans answer_spans(const BehaviourLine& line, double first, double rest) noexcept;

/// Takes the same number of draws whatever happens.
[[nodiscard]] AttemptScript script_attempt(const FaultCase& fault_case, const AttemptPlace& place, Nanoseconds start,
                                           const dispatch::AttemptLimits& limits, base::Rng& rng);

}  // namespace thalamus::sim
