/// The decision: targets in the order they are to be tried, and why. Fixed storage: deciding allocates nothing; words
/// are made by `route::explain` when somebody asks.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "thalamus/core/target.h"

namespace thalamus::core {

/// Why a target is not in the plan, as a bit set.
enum class Exclusion : std::uint16_t {
  kNone = 0,
  kUnhealthy = 1U << 0,
  kDenied = 1U << 1,
  kNotAllowed = 1U << 2,
  kContext = 1U << 3,
  kImages = 1U << 4,
  kTools = 1U << 5,
  kJsonSchema = 1U << 6,
  kCost = 1U << 7,
  kLatency = 1U << 8,
  kTimeToFirstToken = 1U << 9,
  kQuality = 1U << 10,
  kBudget = 1U << 11,
  kToolDeclined = 1U << 12,  ///< an exact tool that does not claim the request
  kEmbeddings = 1U << 13,    ///< vectors are asked of a chat model, or an answer of an embedding model
};
[[nodiscard]] constexpr Exclusion operator|(Exclusion a, Exclusion b) noexcept {
  return static_cast<Exclusion>(static_cast<unsigned>(a) | static_cast<unsigned>(b));
}
constexpr Exclusion& operator|=(Exclusion& a, Exclusion b) noexcept { return a = a | b; }
[[nodiscard]] constexpr bool contains(Exclusion set, Exclusion one) noexcept {
  return (static_cast<unsigned>(set) & static_cast<unsigned>(one)) != 0;
}

enum class Reason : std::uint8_t {
  kOrder,       ///< no router: the order of the configuration
  kClaimed,     ///< an exact tool is certain
  kOnlyOne,     ///< one target left after the hard limits
  kUtility,     ///< best utility under the stated worth
  kQuality,     ///< best quality, cost breaks ties
  kPreference,  ///< a direct policy's order
  kExplored,    ///< drawn at random within the allowed exploration
  kNearest,     ///< nothing satisfies the contract; the least violation (on_infeasible: nearest)
  kInfeasible,  ///< nothing satisfies the contract: the plan is empty
};

struct Plan {
  std::array<std::uint16_t, kTargetsMax> order{};
  std::size_t size = 0;
  /// Chance that this target would have been first, in the route's target order; sums to 1 unless infeasible.
  std::array<float, kTargetsMax> propensity{};
  std::array<Exclusion, kTargetsMax> excluded{};
  Exclusion binding = Exclusion::kNone;  ///< limits that excluded at least one target
  Reason reason = Reason::kOrder;

  [[nodiscard]] std::span<const std::uint16_t> targets() const noexcept { return {order.data(), size}; }
  [[nodiscard]] bool empty() const noexcept { return size == 0; }
  [[nodiscard]] std::uint16_t first() const noexcept { return order[0]; }
};

}  // namespace thalamus::core
