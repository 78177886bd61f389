/// Waiting for features that take milliseconds: they are computed by a thread of their own while the serving core goes
/// on with other turns.
#pragma once

#include "thalamus/gateway/decision.h"
#include "thalamus/net/stream.h"

namespace thalamus::gateway {

/// How long a decision waits for them; beyond, what stands in for them decides.
inline constexpr Nanoseconds kFeaturesWait = Nanoseconds::from_ms(100);

/// Lets the features that the decision lacked be computed, waits for them up to kFeaturesWait and decides anew. Nothing
/// happens where they cannot be asked for: the decision stays, and says so.
[[nodiscard]] net::Awaitable<void> decide_with_slow_features(CoreState& core, const core::Request& request,
                                                             Decision& decision);

}  // namespace thalamus::gateway
