/// What a client is told whose request no target of the route may answer: why, and what would help.
#pragma once

#include "thalamus/base/error.h"
#include "thalamus/core/plan.h"
#include "thalamus/gateway/runtime.h"

namespace thalamus::gateway {

enum class Asked : std::uint8_t { kAnswer, kVectors };

/// For an empty plan. kInvalidInput where the route has no target of the kind that was asked for, else kInfeasible. The
/// advice is for the target that least stands in the way of. `input_tokens`: how long the request is, as estimated.
[[nodiscard]] Error infeasible_error(const RouteRuntime& route, const core::Plan& plan, Asked asked,
                                     std::uint64_t input_tokens);

}  // namespace thalamus::gateway
