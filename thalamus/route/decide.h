/// Estimates and a contract -> plan. Hard limits first, then utility under the stated worth (or quality, or a policy's
/// preference), then cheaper, then the lower index. Pure and allocation-free.
#pragma once

#include <cstdint>
#include <span>

#include "thalamus/base/rng.h"
#include "thalamus/core/contract.h"
#include "thalamus/core/estimate.h"
#include "thalamus/core/plan.h"
#include "thalamus/core/target.h"

namespace thalamus::route {

/// What the request needs of a target.
struct RequestNeeds {
  std::uint32_t input_tokens = 0;
  std::uint32_t max_output = 0;  ///< as asked; 0 if not
  bool images = false;
  bool tools = false;
  bool json_schema = false;
  bool embeddings = false;       ///< vectors are asked for
  std::int32_t claimed_by = -1;  ///< index of the exact tool that is certain of the request; -1: none
};

struct DecideOptions {
  double explore_rate = 0.02;  ///< chance of a uniform draw where the contract allows exploration
};

/// Fills `out`. All spans are in the order of the route's targets; `states` may be shorter (the rest is healthy).
void decide(const core::Estimates& estimates, const core::Contract& contract, std::span<const core::Target> targets,
            std::span<const core::TargetState> states, const RequestNeeds& needs, base::Rng& rng, core::Plan& out,
            const DecideOptions& options = {}) noexcept;

/// For a route without a router: the targets in their order, less those that the contract and the request rule out.
/// Limits on estimated cost, time and quality cannot be checked and exclude nothing.
void plan_in_order(const core::Contract& contract, std::span<const core::Target> targets,
                   std::span<const core::TargetState> states, const RequestNeeds& needs, core::Plan& out) noexcept;

/// Whether the contract names this target (or one of its tags) as allowed and not denied.
[[nodiscard]] bool permitted(const core::Contract& contract, const core::Target& target) noexcept;

/// USD per request under a worth: answer_usd * quality - cost - second_usd * (seconds + queue_seconds).
[[nodiscard]] double utility(const core::Estimate& estimate, const core::Worth& worth, double queue_seconds) noexcept;

}  // namespace thalamus::route
