#include "thalamus/gateway/infeasible.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <bit>

#include "thalamus/route/explain.h"

namespace thalamus::gateway {
namespace {

using core::Exclusion;

constexpr std::size_t kNamedMax = 8;

/// Estimates alone rule it out, so that `on_infeasible: nearest` takes it.
constexpr unsigned kEstimated =
    static_cast<unsigned>(Exclusion::kCost | Exclusion::kLatency | Exclusion::kTimeToFirstToken | Exclusion::kQuality);

unsigned bits(Exclusion set) { return static_cast<unsigned>(set); }

/// What to do about one reason, in the imperative.
struct Advice {
  Exclusion reason;
  std::string_view text;
};
constexpr std::array<Advice, 10> kAdvice{{
    {Exclusion::kDenied, "take it and its tags off `deny` of the request, its key and the route"},
    {Exclusion::kNotAllowed, "name it or one of its tags in each `allow` of the request, its key and the route"},
    {Exclusion::kImages, "leave the images out"},
    {Exclusion::kTools, "leave `tools` out"},
    {Exclusion::kJsonSchema, "ask for another response format than a JSON schema"},
    {Exclusion::kCost, "raise `max_cost_usd`"},
    {Exclusion::kLatency, "raise `max_latency_ms`"},
    {Exclusion::kTimeToFirstToken, "raise `max_ttft_ms`"},
    {Exclusion::kQuality, "lower `min_quality`"},
    {Exclusion::kBudget, "wait for its budget to be renewed"},
}};
constexpr unsigned kAbilities =
    static_cast<unsigned>(Exclusion::kContext | Exclusion::kImages | Exclusion::kTools | Exclusion::kJsonSchema);

std::string advice_for(const core::Target& target, Exclusion why, std::uint64_t input_tokens) {
  std::vector<std::string> steps;
  for (const Advice& advice : kAdvice)
    if (contains(why, advice.reason)) steps.emplace_back(advice.text);
  if (contains(why, Exclusion::kContext))
    steps.push_back(
        fmt::format("shorten it (about {} tokens) or lower its limit of output tokens until both fit in {} "
                    "tokens",
                    input_tokens, target.context_tokens));
  std::string text = fmt::format("{}", fmt::join(steps, " and "));
  if ((bits(why) & ~kEstimated) == 0) text += ", or set `on_infeasible` to `nearest`";
  if ((bits(why) & kAbilities) != 0) text += ", or ask another route (GET /v1/models lists them)";
  return text;
}

/// The first few, then how many more there are.
template <class Show>
std::string listed(std::size_t count, const Show& show) {
  std::vector<std::string> shown;
  shown.reserve(kNamedMax + 1);
  for (std::size_t i = 0; i < std::min(count, kNamedMax); ++i) shown.push_back(show(i));
  if (count > kNamedMax) shown.push_back(fmt::format("{} more", count - kNamedMax));
  return fmt::format("{}", fmt::join(shown, ", "));
}

/// "small (tools, images), large (the deny list)"
std::string ruled_out(const RouteRuntime& route, const core::Plan& plan, const std::vector<std::size_t>& able) {
  return listed(able.size(), [&](std::size_t i) {
    return fmt::format("{} ({})", route.targets[able[i]].name, route::words(plan.excluded[able[i]]));
  });
}

std::string names(const RouteRuntime& route) {
  return listed(route.model_count, [&](std::size_t i) { return route.targets[i].name; });
}

Error wrong_kind(const RouteRuntime& route, Asked asked) {
  if (asked == Asked::kVectors)
    return {ErrorKind::kInvalidInput,
            fmt::format("'{}' has no target that gives embeddings; ask for one whose `abilities` say `embeddings: "
                        "true`",
                        route.name),
            "body.model"};
  if (route.model_count == 0)
    return {ErrorKind::kInfeasible,
            fmt::format("'{}' is an exact tool and is not certain of this request; ask a route that has a model",
                        route.name),
            "body.model"};
  return {ErrorKind::kInvalidInput,
          fmt::format("'{}' has no target that can chat, only for embeddings ({}); ask another route (GET /v1/models "
                      "lists them), or POST /v1/embeddings",
                      route.name, names(route)),
          "body.model"};
}

}  // namespace

Error infeasible_error(const RouteRuntime& route, const core::Plan& plan, Asked asked, std::uint64_t input_tokens) {
  std::vector<std::size_t> able;
  for (std::size_t t = 0; t < route.model_count; ++t)
    if (route.targets[t].abilities.embeddings == (asked == Asked::kVectors)) able.push_back(t);
  if (able.empty()) return wrong_kind(route, asked);
  // What only estimates rule out is nearest to be had; then what least would have to change for.
  const auto effort = [&](std::size_t target) {
    const unsigned why = bits(plan.excluded[target]);
    return std::pair((why & ~kEstimated) != 0, std::popcount(why));
  };
  const std::size_t easiest =
      *std::min_element(able.begin(), able.end(), [&](auto a, auto b) { return effort(a) < effort(b); });
  return {ErrorKind::kInfeasible,
          fmt::format("no target of '{}' may answer this request; ruled out: {}. To have {} answer, {}", route.name,
                      ruled_out(route, plan, able), route.targets[easiest].name,
                      advice_for(route.targets[easiest], plan.excluded[easiest], input_tokens)),
          plan.excluded[easiest] == Exclusion::kContext ? "body.messages" : ""};
}

}  // namespace thalamus::gateway
