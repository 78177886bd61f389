// O(targets log targets). Ties are compared on rounded keys, so that the order is the same whatever the last bits of
// two equal estimates are: qualities in steps of 1e-9, utilities in steps of 1e-12 USD.
#include "thalamus/route/decide.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace thalamus::route {
namespace {

using core::Exclusion;

constexpr unsigned kAbsolute =
    static_cast<unsigned>(Exclusion::kUnhealthy | Exclusion::kDenied | Exclusion::kNotAllowed | Exclusion::kContext |
                          Exclusion::kImages | Exclusion::kTools | Exclusion::kJsonSchema | Exclusion::kEmbeddings |
                          Exclusion::kBudget | Exclusion::kToolDeclined);

bool absolute(Exclusion set) noexcept { return (static_cast<unsigned>(set) & kAbsolute) != 0; }

bool names(const std::vector<std::string>& list, const core::Target& target) noexcept {
  return std::any_of(list.begin(), list.end(), [&](const std::string& word) {
    return word == target.name || std::find(target.tags.begin(), target.tags.end(), word) != target.tags.end();
  });
}

/// A key that sorts the same way whatever the last bits are; smaller is better.
std::int64_t descending_key(double value, double step) noexcept {
  if (std::isnan(value)) return std::numeric_limits<std::int64_t>::max();
  return static_cast<std::int64_t>(std::clamp(std::round(-value / step), -9.0e18, 9.0e18));
}

/// All that the order depends on, per target.
struct Keys {
  std::array<std::int64_t, core::kTargetsMax> main{};
  std::array<double, core::kTargetsMax> cost{};

  [[nodiscard]] bool before(std::uint16_t a, std::uint16_t b) const noexcept {
    if (main[a] != main[b]) return main[a] < main[b];
    if (cost[a] != cost[b]) return cost[a] < cost[b];
    return a < b;
  }
};

Exclusion fixed_exclusions(const core::Contract& contract, const core::Target& target, const RequestNeeds& needs,
                           bool claimed) noexcept {
  Exclusion set = Exclusion::kNone;
  if (names(contract.deny, target)) set |= Exclusion::kDenied;
  for (const auto& layer : contract.allow)
    if (!names(layer, target)) set |= Exclusion::kNotAllowed;
  if (target.kind == core::TargetKind::kTool) {
    if (!claimed) set |= Exclusion::kToolDeclined;
    return set;
  }
  if (needs.embeddings != target.abilities.embeddings) set |= Exclusion::kEmbeddings;
  const std::uint64_t context = std::uint64_t{needs.input_tokens} + needs.max_output;
  if (target.context_tokens > 0 && context > target.context_tokens) set |= Exclusion::kContext;
  if (needs.images && !target.abilities.images) set |= Exclusion::kImages;
  if (needs.tools && !target.abilities.tools) set |= Exclusion::kTools;
  if (needs.json_schema && !target.abilities.json_schema) set |= Exclusion::kJsonSchema;
  return set;
}

/// Limits on what was estimated; `violation` gets the sum of the relative excesses.
Exclusion estimated_exclusions(const core::Contract& contract, const core::Estimate& estimate,
                               const core::TargetState& state, double& violation) noexcept {
  Exclusion set = Exclusion::kNone;
  violation = 0;
  const auto exceeds = [&](double value, double limit, Exclusion why) {
    if (value <= limit) return;
    set |= why;
    const double scale = std::max(std::abs(limit), 1e-9);
    violation += std::isfinite(value) ? (value - limit) / scale : 1e18;
  };
  if (contract.max_cost_usd) exceeds(estimate.cost_usd, *contract.max_cost_usd, Exclusion::kCost);
  const double latency_ms = (estimate.seconds + state.queue_seconds) * 1000;
  if (contract.max_latency_ms) exceeds(latency_ms, *contract.max_latency_ms, Exclusion::kLatency);
  if (contract.max_ttft_ms) exceeds(state.queue_seconds * 1000, *contract.max_ttft_ms, Exclusion::kTimeToFirstToken);
  if (contract.min_quality && !(estimate.quality >= *contract.min_quality)) {
    set |= Exclusion::kQuality;
    violation += (*contract.min_quality - estimate.quality) / std::max(*contract.min_quality, 1e-9);
  }
  if (NanoDollars::from_usd(estimate.cost_usd) > state.budget) set |= Exclusion::kBudget;
  return set;
}

core::TargetState state_of(std::span<const core::TargetState> states, std::size_t target) noexcept {
  return target < states.size() ? states[target] : core::TargetState{};
}

/// Marks unhealthy targets, unless every target that is otherwise possible is unhealthy.
void apply_health(std::span<const core::TargetState> states, std::size_t count, core::Plan& out) noexcept {
  bool any_healthy = false;
  for (std::size_t t = 0; t < count; ++t) any_healthy |= !absolute(out.excluded[t]) && state_of(states, t).healthy;
  if (!any_healthy) return;
  for (std::size_t t = 0; t < count; ++t)
    if (!state_of(states, t).healthy) out.excluded[t] |= Exclusion::kUnhealthy;
}

void clear(core::Plan& out) noexcept {
  out.size = 0;
  out.binding = Exclusion::kNone;
  out.reason = core::Reason::kInfeasible;
  std::fill_n(out.propensity.begin(), core::kTargetsMax, 0.0F);
  std::fill_n(out.excluded.begin(), core::kTargetsMax, Exclusion::kNone);
}

void collect_binding(core::Plan& out, std::size_t count) noexcept {
  for (std::size_t t = 0; t < count; ++t) out.binding |= out.excluded[t];
}

/// The claimed tool goes first; true if there was one that the contract permits.
bool put_claimed_first(const RequestNeeds& needs, std::size_t count, core::Plan& out) noexcept {
  if (needs.claimed_by < 0 || static_cast<std::size_t>(needs.claimed_by) >= count) return false;
  const auto claimed = static_cast<std::uint16_t>(needs.claimed_by);
  const auto end = out.order.begin() + static_cast<std::ptrdiff_t>(out.size);
  const auto found = std::find(out.order.begin(), end, claimed);
  if (found == end) return false;
  std::rotate(out.order.begin(), found, found + 1);
  out.reason = core::Reason::kClaimed;
  return true;
}

/// Draws the first target; `greedy` is in place. Exact propensities.
void explore(double rate, base::Rng& rng, core::Plan& out) noexcept {
  const auto count = static_cast<double>(out.size);
  const auto share = static_cast<float>(rate / count);
  for (std::size_t i = 1; i < out.size; ++i) out.propensity[out.order[i]] = share;
  out.propensity[out.order[0]] = 1.0F - static_cast<float>(out.size - 1) * share;
  if (rng.uniform() >= rate) return;
  const std::size_t drawn = static_cast<std::size_t>(rng.below(out.size));
  if (drawn == 0) return;
  const auto begin = out.order.begin();
  std::rotate(begin, begin + static_cast<std::ptrdiff_t>(drawn), begin + static_cast<std::ptrdiff_t>(drawn + 1));
  out.reason = core::Reason::kExplored;
}

/// The order keys under the contract's objective, and the reason a choice by them has.
core::Reason make_keys(const core::Estimates& estimates, const core::Contract& contract,
                       std::span<const core::TargetState> states, Keys& keys) noexcept {
  const bool by_utility = !estimates.has_preference && contract.worth.has_value();
  for (std::size_t t = 0; t < estimates.size(); ++t) {
    const core::Estimate& row = estimates[t];
    const double cost = row.cost_usd;
    keys.cost[t] = std::isnan(cost) ? std::numeric_limits<double>::infinity() : cost;
    if (estimates.has_preference) {
      keys.main[t] = descending_key(row.preference, 1e-9);
    } else if (by_utility) {
      keys.main[t] = descending_key(utility(row, *contract.worth, state_of(states, t).queue_seconds), 1e-12);
    } else {
      keys.main[t] = descending_key(row.quality, 1e-9);
    }
  }
  if (estimates.has_preference) return core::Reason::kPreference;
  return by_utility ? core::Reason::kUtility : core::Reason::kQuality;
}

/// Nothing satisfies the contract: the possible targets by how little they violate it.
void plan_nearest(const core::Contract& contract, std::size_t count, std::span<const double> violation,
                  const Keys& keys, core::Plan& out) noexcept {
  if (contract.on_infeasible == core::OnInfeasible::kFail) return;
  for (std::size_t t = 0; t < count; ++t)
    if (!absolute(out.excluded[t])) out.order[out.size++] = static_cast<std::uint16_t>(t);
  if (out.size == 0) return;
  std::sort(out.order.begin(), out.order.begin() + static_cast<std::ptrdiff_t>(out.size),
            [&](std::uint16_t a, std::uint16_t b) {
              const std::int64_t x = descending_key(-violation[a], 1e-9);
              const std::int64_t y = descending_key(-violation[b], 1e-9);
              return x != y ? x < y : keys.before(a, b);
            });
  out.reason = core::Reason::kNearest;
  out.propensity[out.order[0]] = 1.0F;
}

}  // namespace

double utility(const core::Estimate& estimate, const core::Worth& worth, double queue_seconds) noexcept {
  return worth.answer_usd * estimate.quality - estimate.cost_usd -
         worth.second_usd * (estimate.seconds + queue_seconds);
}

bool permitted(const core::Contract& contract, const core::Target& target) noexcept {
  if (names(contract.deny, target)) return false;
  return std::all_of(contract.allow.begin(), contract.allow.end(),
                     [&](const std::vector<std::string>& layer) { return names(layer, target); });
}

void decide(const core::Estimates& estimates, const core::Contract& contract, std::span<const core::Target> targets,
            std::span<const core::TargetState> states, const RequestNeeds& needs, base::Rng& rng, core::Plan& out,
            const DecideOptions& options) noexcept {
  const std::size_t count = std::min(estimates.size(), targets.size());
  clear(out);
  Keys keys;
  const core::Reason reason = make_keys(estimates, contract, states, keys);
  std::array<double, core::kTargetsMax> violation{};
  for (std::size_t t = 0; t < count; ++t) {
    const bool claimed = needs.claimed_by == static_cast<std::int32_t>(t);
    out.excluded[t] = fixed_exclusions(contract, targets[t], needs, claimed);
    if (targets[t].kind == core::TargetKind::kTool) continue;  // costs nothing and is certain
    out.excluded[t] |= estimated_exclusions(contract, estimates[t], state_of(states, t), violation[t]);
  }
  apply_health(states, count, out);
  collect_binding(out, count);
  for (std::size_t t = 0; t < count; ++t)
    if (out.excluded[t] == Exclusion::kNone) out.order[out.size++] = static_cast<std::uint16_t>(t);
  if (out.size == 0) return plan_nearest(contract, count, std::span(violation).first(count), keys, out);

  std::sort(out.order.begin(), out.order.begin() + static_cast<std::ptrdiff_t>(out.size),
            [&](std::uint16_t a, std::uint16_t b) { return keys.before(a, b); });
  out.reason = out.size == 1 ? core::Reason::kOnlyOne : reason;
  const double rate = std::clamp(options.explore_rate, 0.0, 1.0);
  const bool claimed = put_claimed_first(needs, count, out);
  if (claimed || contract.explore != core::Explore::kAllowed || out.size < 2 || rate == 0) {
    out.propensity[out.order[0]] = 1.0F;
    return;
  }
  explore(rate, rng, out);
}

void plan_in_order(const core::Contract& contract, std::span<const core::Target> targets,
                   std::span<const core::TargetState> states, const RequestNeeds& needs, core::Plan& out) noexcept {
  const std::size_t count = std::min(targets.size(), core::kTargetsMax);
  clear(out);
  for (std::size_t t = 0; t < count; ++t) {
    const bool claimed = needs.claimed_by == static_cast<std::int32_t>(t);
    out.excluded[t] = fixed_exclusions(contract, targets[t], needs, claimed);
    if (targets[t].kind != core::TargetKind::kTool && state_of(states, t).budget <= NanoDollars{0})
      out.excluded[t] |= Exclusion::kBudget;
  }
  apply_health(states, count, out);
  collect_binding(out, count);
  for (std::size_t t = 0; t < count; ++t)
    if (out.excluded[t] == Exclusion::kNone) out.order[out.size++] = static_cast<std::uint16_t>(t);
  if (out.size == 0) return;
  out.reason = out.size == 1 ? core::Reason::kOnlyOne : core::Reason::kOrder;
  static_cast<void>(put_claimed_first(needs, count, out));
  out.propensity[out.order[0]] = 1.0F;
}

}  // namespace thalamus::route
