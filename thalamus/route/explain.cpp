#include "thalamus/route/explain.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <utility>

#include "thalamus/route/decide.h"

namespace thalamus::route {
namespace {

using core::Exclusion;

constexpr std::array<std::pair<Exclusion, std::string_view>, 14> kWords{{
    {Exclusion::kUnhealthy, "health"},
    {Exclusion::kDenied, "the deny list"},
    {Exclusion::kNotAllowed, "the allow list"},
    {Exclusion::kContext, "context length"},
    {Exclusion::kImages, "images"},
    {Exclusion::kTools, "tools"},
    {Exclusion::kJsonSchema, "JSON schema"},
    {Exclusion::kEmbeddings, "embeddings"},
    {Exclusion::kCost, "cost"},
    {Exclusion::kLatency, "latency"},
    {Exclusion::kTimeToFirstToken, "time to first token"},
    {Exclusion::kQuality, "quality"},
    {Exclusion::kBudget, "budget"},
    {Exclusion::kToolDeclined, "no claim by the tool"},
}};

/// The best target of the plan that is not the first; nothing where there is none.
std::optional<std::uint16_t> runner_up(const core::Plan& plan) {
  if (plan.size < 2) return std::nullopt;
  return plan.order[1];
}

std::string describe_row(const core::Estimate& row) {
  return fmt::format("quality {:.3f} +- {:.3f}, {:.6f} USD, {:.2f} s", row.quality, row.quality_sd, row.cost_usd,
                     row.seconds);
}

/// Limits that ruled somebody out, without the matter of course that tools decline.
std::string binding_words(const core::Plan& plan) {
  Exclusion set = plan.binding;
  set = static_cast<Exclusion>(static_cast<unsigned>(set) & ~static_cast<unsigned>(Exclusion::kToolDeclined));
  return words(set);
}

}  // namespace

std::string words(core::Exclusion set) {
  std::string text;
  for (const auto& [bit, name] : kWords) {
    if (!contains(set, bit)) continue;
    if (!text.empty()) text += ", ";
    text += name;
  }
  return text;
}

std::string_view word(core::Reason reason) noexcept {
  switch (reason) {
    case core::Reason::kOrder: return "order";
    case core::Reason::kClaimed: return "claimed";
    case core::Reason::kOnlyOne: return "only_one";
    case core::Reason::kUtility: return "utility";
    case core::Reason::kQuality: return "quality";
    case core::Reason::kPreference: return "preference";
    case core::Reason::kExplored: return "explored";
    case core::Reason::kNearest: return "nearest";
    case core::Reason::kInfeasible: return "infeasible";
  }
  return "unknown";
}

namespace {

std::string reason_sentence(const core::Plan& plan, const core::Estimates& estimates, const core::Contract& contract,
                            std::span<const core::Target> targets) {
  const std::uint16_t first = plan.first();
  const std::string& name = targets[first].name;
  const auto second = runner_up(plan);
  const std::string chosen = first < estimates.size() ? describe_row(estimates[first]) : std::string("no estimate");
  const bool comparable = second && first < estimates.size() && *second < estimates.size();
  const std::string rival =
      comparable ? fmt::format("; next is {} ({})", targets[*second].name, describe_row(estimates[*second]))
                 : std::string();
  switch (plan.reason) {
    case core::Reason::kOrder: return fmt::format("{} comes first in the configured order.", name);
    case core::Reason::kClaimed: return fmt::format("{} is certain that it can answer this exactly.", name);
    case core::Reason::kOnlyOne: return fmt::format("{} is the only target left ({}).", name, chosen);
    case core::Reason::kUtility: {
      const core::Worth worth = contract.worth.value_or(core::Worth{});
      const double value = first < estimates.size() ? utility(estimates[first], worth, 0) : 0;
      return fmt::format("{} has the best utility, {:.6f} USD at {} USD an answer and {} USD a second ({}){}.", name,
                         value, worth.answer_usd, worth.second_usd, chosen, rival);
    }
    case core::Reason::kQuality: return fmt::format("{} has the best expected quality ({}){}.", name, chosen, rival);
    case core::Reason::kPreference: return fmt::format("{} is preferred by the policy{}.", name, rival);
    case core::Reason::kExplored:
      return fmt::format("{} was drawn at random, with chance {:.4f}, to learn about it ({}){}.", name,
                         static_cast<double>(plan.propensity[first]), chosen, rival);
    case core::Reason::kNearest:
      return fmt::format("No target satisfies the contract; {} violates it least ({}).", name, chosen);
    case core::Reason::kInfeasible: break;
  }
  return "No target satisfies the contract.";
}

}  // namespace

std::string explain(const core::Plan& plan, const core::Estimates& estimates, const core::Contract& contract,
                    std::span<const core::Target> targets) {
  const std::string limits = binding_words(plan);
  if (plan.empty() || plan.first() >= targets.size()) {
    return limits.empty() ? std::string("No target satisfies the contract.")
                          : fmt::format("No target satisfies the contract; ruled out by {}.", limits);
  }
  std::string text = reason_sentence(plan, estimates, contract, targets);
  if (!limits.empty()) {
    std::string out;
    for (std::size_t t = 0; t < std::min(targets.size(), core::kTargetsMax); ++t) {
      if (plan.excluded[t] == Exclusion::kNone || plan.excluded[t] == Exclusion::kToolDeclined) continue;
      out += fmt::format("{}{} ({})", out.empty() ? "" : ", ", targets[t].name, words(plan.excluded[t]));
    }
    if (!out.empty()) text += fmt::format(" Ruled out: {}.", out);
  }
  return text;
}

namespace {

/// The flip of one kind that needs the least change.
struct Nearest {
  double distance = INFINITY;
  Flip flip;
  void offer(double from, double to, std::string what, const std::string& target, std::string sentence) {
    if (!std::isfinite(to)) return;
    const double change = std::abs(to - from);
    if (!(change < distance)) return;
    distance = change;
    flip = {std::move(what), to, target, std::move(sentence)};
  }
  void give(std::vector<Flip>& out) const {
    if (!flip.target.empty()) out.push_back(flip);
  }
};

struct Context {
  const core::Plan& plan;
  const core::Estimates& estimates;
  const core::Contract& contract;
  std::span<const core::Target> targets;
};

void worth_flips(const Context& c, std::vector<Flip>& out) {
  const core::Worth worth = *c.contract.worth;
  const core::Estimate& first = c.estimates[c.plan.first()];
  Nearest answer;
  Nearest second;
  for (std::size_t i = 1; i < c.plan.size; ++i) {
    const std::uint16_t t = c.plan.order[i];
    const core::Estimate& other = c.estimates[t];
    const std::string& name = c.targets[t].name;
    const double quality = other.quality - first.quality;
    const double cost = other.cost_usd - first.cost_usd;
    const double seconds = other.seconds - first.seconds;
    if (quality != 0) {
      const double at = (cost + worth.second_usd * seconds) / quality;
      if (at >= 0)
        answer.offer(worth.answer_usd, at, "worth.answer_usd", name,
                     fmt::format("{} an answer worth {:.6g} USD, {} would be first.", quality > 0 ? "Above" : "Below",
                                 at, name));
    }
    if (seconds != 0) {
      const double at = (worth.answer_usd * quality - cost) / seconds;
      if (at >= 0)
        second.offer(
            worth.second_usd, at, "worth.second_usd", name,
            fmt::format("{} {:.6g} USD a second, {} would be first.", seconds < 0 ? "Above" : "Below", at, name));
    }
  }
  answer.give(out);
  second.give(out);
}

/// How far the first target's cost may rise until the next one wins, where cost counts.
void price_flip(const Context& c, std::vector<Flip>& out) {
  if (!c.contract.worth || c.plan.size < 2) return;
  const std::uint16_t t = c.plan.order[1];
  const core::Estimate& first = c.estimates[c.plan.first()];
  const double margin = utility(first, *c.contract.worth, 0) - utility(c.estimates[t], *c.contract.worth, 0);
  if (!(margin >= 0)) return;
  const std::string& name = c.targets[c.plan.first()].name;
  const double at = first.cost_usd + margin;
  out.push_back({"cost of " + name, at, c.targets[t].name,
                 fmt::format("If {} cost more than {:.6f} USD for this request ({:.6f} now), {} would be first.", name,
                             at, first.cost_usd, c.targets[t].name)});
}

/// Limits under which the first target would be ruled out and the next one would not.
void limit_flips(const Context& c, std::vector<Flip>& out) {
  const core::Estimate& first = c.estimates[c.plan.first()];
  const auto next_where = [&](auto&& survives) -> std::optional<std::uint16_t> {
    for (std::size_t i = 1; i < c.plan.size; ++i)
      if (survives(c.estimates[c.plan.order[i]])) return c.plan.order[i];
    return std::nullopt;
  };
  if (const auto t = next_where([&](const core::Estimate& row) { return row.cost_usd < first.cost_usd; }))
    out.push_back(
        {"max_cost_usd", first.cost_usd, c.targets[*t].name,
         fmt::format("With max_cost_usd below {:.6f}, {} would be first.", first.cost_usd, c.targets[*t].name)});
  if (const auto t = next_where([&](const core::Estimate& row) { return row.seconds < first.seconds; }))
    out.push_back({"max_latency_ms", first.seconds * 1000, c.targets[*t].name,
                   fmt::format("With max_latency_ms below {:.0f}, {} would be first.", first.seconds * 1000,
                               c.targets[*t].name)});
  if (const auto t = next_where([&](const core::Estimate& row) { return row.quality > first.quality; }))
    out.push_back(
        {"min_quality", first.quality, c.targets[*t].name,
         fmt::format("With min_quality above {:.3f}, {} would be first.", first.quality, c.targets[*t].name)});
}

}  // namespace

std::vector<Flip> flips(const core::Plan& plan, const core::Estimates& estimates, const core::Contract& contract,
                        std::span<const core::Target> targets) {
  std::vector<Flip> out;
  if (plan.size < 2 || plan.reason == core::Reason::kClaimed || plan.reason == core::Reason::kOrder) return out;
  for (const std::uint16_t t : plan.targets())
    if (t >= estimates.size() || t >= targets.size()) return out;
  const Context context{plan, estimates, contract, targets};
  if (contract.worth && !estimates.has_preference && plan.reason == core::Reason::kUtility) {
    worth_flips(context, out);
    price_flip(context, out);
  }
  limit_flips(context, out);
  return out;
}

}  // namespace thalamus::route
