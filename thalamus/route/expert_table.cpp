#include "thalamus/route/expert_table.h"

#include <algorithm>
#include <bit>
#include <numeric>
#include <optional>

namespace thalamus::route {
namespace {

constexpr double kSlack = 1e-12;  // relative; sums of the same numbers in another order differ by less
constexpr std::size_t kPassesMax = 20;

/// One expert for one category, weighted by the category's share.
struct Choice {
  std::uint32_t expert;
  double value;
  double cost;
};

/// A step along the concave hull of a category: what more cost buys.
struct Step {
  std::size_t category;
  double value;
  double cost;     ///< above 0
  std::size_t to;  ///< index of the choice that it reaches
  [[nodiscard]] double density() const noexcept { return value / cost; }
};

struct Found {
  std::vector<std::size_t> choice;  ///< of each category
  double value = -INFINITY;
};

/// The knapsack over one set of experts.
class Knapsack {
 public:
  Knapsack(const ExpertTable& table, const std::vector<bool>& allowed) : budget_(table.budget) {
    budget_ += kSlack * (1 + std::abs(budget_));
    for (std::size_t c = 0; c < table.share.size(); ++c) {
      choices_.push_back(undominated(table, allowed, c));
      cheapest_ += choices_.back().front().cost;
      base_ += choices_.back().front().value;
      add_steps(c);
    }
    std::sort(steps_.begin(), steps_.end(), [](const Step& a, const Step& b) {
      return a.density() != b.density() ? a.density() > b.density() : a.category < b.category;
    });
  }

  [[nodiscard]] bool feasible() const noexcept { return cheapest_ <= budget_; }
  [[nodiscard]] double cheapest() const noexcept { return cheapest_; }
  [[nodiscard]] const std::vector<std::vector<Choice>>& choices() const noexcept { return choices_; }
  /// Value of the relaxation: steps of falling density, the last one in part.
  [[nodiscard]] double bound() const { return relaxed(0, base_, budget_ - cheapest_); }

  /// Whole steps while they fit, smaller ones behind a step that does not.
  [[nodiscard]] Found greedy() const {
    Found found{std::vector<std::size_t>(choices_.size(), 0), base_};
    std::vector<bool> stopped(choices_.size(), false);
    double left = budget_ - cheapest_;
    for (const Step& step : steps_) {
      if (stopped[step.category]) continue;
      if (step.cost > left) {
        stopped[step.category] = true;
        continue;
      }
      left -= step.cost;
      found.value += step.value;
      found.choice[step.category] = step.to;
    }
    return found;
  }

  /// Improves `found`; false where the nodes ran out. Nodes are taken from `nodes_left`.
  bool search(Found& found, std::size_t& nodes_left) const {
    std::vector<std::size_t> chosen(choices_.size(), 0);
    return visit(0, base_, budget_ - cheapest_, chosen, found, nodes_left);
  }

 private:
  /// Ascending cost, strictly ascending value.
  static std::vector<Choice> undominated(const ExpertTable& table, const std::vector<bool>& allowed, std::size_t c) {
    std::vector<Choice> all;
    const double share = table.share[c];
    for (std::uint32_t e = 0; e < table.experts; ++e) {
      if (!allowed[e]) continue;
      const std::size_t at = c * table.experts + e;
      // A category without traffic costs nothing and still gets its best expert.
      all.push_back({e, share > 0 ? share * table.value[at] : table.value[at],
                     table.cost.empty() ? 0.0 : share * table.cost[at]});
    }
    std::sort(all.begin(), all.end(), [](const Choice& a, const Choice& b) {
      if (a.cost != b.cost) return a.cost < b.cost;
      return a.value != b.value ? a.value > b.value : a.expert < b.expert;
    });
    std::vector<Choice> kept;
    for (const Choice& choice : all)
      if (kept.empty() || choice.value > kept.back().value) kept.push_back(choice);
    return kept;
  }

  void add_steps(std::size_t category) {
    const auto& choices = choices_[category];
    std::vector<std::size_t> hull{0};
    const auto slope = [&](std::size_t a, std::size_t b) {
      return (choices[b].value - choices[a].value) / (choices[b].cost - choices[a].cost);
    };
    for (std::size_t i = 1; i < choices.size(); ++i) {
      while (hull.size() > 1 && slope(hull[hull.size() - 2], hull.back()) <= slope(hull.back(), i)) hull.pop_back();
      hull.push_back(i);
    }
    for (std::size_t i = 1; i < hull.size(); ++i) {
      const Choice& a = choices[hull[i - 1]];
      const Choice& b = choices[hull[i]];
      steps_.push_back({category, b.value - a.value, b.cost - a.cost, hull[i]});
    }
  }

  [[nodiscard]] double relaxed(std::size_t depth, double value, double left) const {
    for (const Step& step : steps_) {
      if (step.category < depth) continue;
      if (step.cost >= left) return value + step.value * left / step.cost;
      value += step.value;
      left -= step.cost;
    }
    return value;
  }

  /// `value` and `left` have the cheapest choice for the categories from `depth` on.
  bool visit(std::size_t depth, double value, double left, std::vector<std::size_t>& chosen, Found& found,
             std::size_t& nodes_left) const {
    if (depth == choices_.size()) {
      if (value > found.value) found = {chosen, value};
      return true;
    }
    if (nodes_left == 0) return false;
    --nodes_left;
    if (relaxed(depth, value, left) <= found.value + kSlack * (1 + std::abs(found.value))) return true;
    const auto& choices = choices_[depth];
    for (std::size_t i = choices.size(); i-- > 0;) {
      const double more = choices[i].cost - choices[0].cost;
      if (more > left) continue;
      chosen[depth] = i;
      if (!visit(depth + 1, value + choices[i].value - choices[0].value, left - more, chosen, found, nodes_left))
        return false;
    }
    return true;
  }

  double budget_;
  double cheapest_ = 0;
  double base_ = 0;  ///< value of the cheapest choices
  std::vector<std::vector<Choice>> choices_;
  std::vector<Step> steps_;
};

ExpertAssignment describe(const ExpertTable& table, const Knapsack& knapsack, const Found& found) {
  ExpertAssignment out;
  for (std::size_t c = 0; c < found.choice.size(); ++c) {
    const std::uint32_t expert = knapsack.choices()[c][found.choice[c]].expert;
    const std::size_t at = c * table.experts + expert;
    out.expert.push_back(expert);
    out.value += table.share[c] * table.value[at];
    out.cost += table.cost.empty() ? 0.0 : table.share[c] * table.cost[at];
  }
  return out;
}

/// What a set of experts reaches; a set that breaks the budget is the worse, the more it breaks it.
struct Worth {
  bool feasible = false;
  double value = -INFINITY;
  bool operator<(const Worth& other) const noexcept {
    return feasible != other.feasible ? other.feasible : value < other.value;
  }
};

Worth worth_of(const ExpertTable& table, const std::vector<bool>& allowed) {
  const Knapsack knapsack(table, allowed);
  if (!knapsack.feasible()) return {false, -knapsack.cheapest()};
  return {true, knapsack.greedy().value};
}

/// Adds the expert that helps most until the limit, then swaps one for another while that helps.
std::vector<bool> greedy_set(const ExpertTable& table) {
  std::vector<bool> allowed(table.experts, false);
  Worth now;
  for (std::size_t size = 0; size < table.experts_max; ++size) {
    std::optional<std::size_t> added;
    for (std::size_t e = 0; e < table.experts; ++e) {
      if (allowed[e]) continue;
      allowed[e] = true;
      const Worth with = worth_of(table, allowed);
      allowed[e] = false;
      if (!added ? size > 0 && !(now < with) : !(now < with)) continue;
      now = with;
      added = e;
    }
    if (!added) break;
    allowed[*added] = true;
  }
  for (std::size_t pass = 0; pass < kPassesMax; ++pass) {
    bool swapped = false;
    for (std::size_t out = 0; out < table.experts; ++out) {
      for (std::size_t in = 0; in < table.experts && allowed[out]; ++in) {
        if (allowed[in]) continue;
        allowed[out] = false;
        allowed[in] = true;
        const Worth with = worth_of(table, allowed);
        if (now < with) {
          now = with;
          swapped = true;
          break;
        }
        allowed[out] = true;
        allowed[in] = false;
      }
    }
    if (!swapped) break;
  }
  return allowed;
}

Status check(const ExpertTable& table) {
  const std::size_t cells = table.share.size() * table.experts;
  const auto finite = [](double value) { return std::isfinite(value); };
  const auto positive = [](double value) { return std::isfinite(value) && value >= 0; };
  if (cells == 0 || table.value.size() != cells || (!table.cost.empty() && table.cost.size() != cells))
    return fail(ErrorKind::kInvalidInput, "expert table: {} values and {} costs do not fit {} categories x {} experts",
                table.value.size(), table.cost.size(), table.share.size(), table.experts);
  if (!std::all_of(table.value.begin(), table.value.end(), finite) ||
      !std::all_of(table.cost.begin(), table.cost.end(), positive) ||
      !std::all_of(table.share.begin(), table.share.end(), positive) || !(table.budget >= 0))
    return fail(ErrorKind::kInvalidInput, "expert table: a number is not finite, or a cost, share or budget negative");
  return {};
}

/// Every set of `size` experts as a bit mask, in ascending order of the masks.
template <class Visit>
void each_set(std::size_t experts, std::size_t size, Visit&& visit) {
  std::vector<bool> allowed(experts);
  for (std::uint32_t mask = 0; mask < (1U << experts); ++mask) {
    if (static_cast<std::size_t>(std::popcount(mask)) != size) continue;
    for (std::size_t e = 0; e < experts; ++e) allowed[e] = ((mask >> e) & 1U) != 0;
    visit(allowed);
  }
}

}  // namespace

Result<ExpertAssignment> solve_expert_table(const ExpertTable& table) {
  CHECK_OK(check(table));
  const std::vector<bool> everybody(table.experts, true);
  const Knapsack whole(table, everybody);
  if (!whole.feasible())
    return fail(ErrorKind::kInvalidInput, "the budget {} is below {}, the cost of the cheapest experts", table.budget,
                whole.cheapest());
  std::size_t nodes_left = kExpertNodesMax;
  std::optional<ExpertAssignment> best;
  double best_value = -INFINITY;  // with categories of no traffic counted
  bool proven = true;
  const auto try_set = [&](const std::vector<bool>& allowed) {
    const Knapsack knapsack(table, allowed);
    if (!knapsack.feasible() || knapsack.bound() <= best_value) return;
    Found found = knapsack.greedy();
    proven &= knapsack.search(found, nodes_left);
    if (found.value <= best_value) return;
    best_value = found.value;
    best = describe(table, knapsack, found);
  };
  const bool limited = table.experts_max > 0 && table.experts_max < table.experts;
  if (!limited) {
    try_set(everybody);
  } else if (table.experts <= kExpertsTriedMax) {
    each_set(table.experts, table.experts_max, try_set);
  } else {
    try_set(greedy_set(table));
    proven = false;
  }
  if (!best)
    return fail(ErrorKind::kInvalidInput, "no {} experts were found that keep the budget {}", table.experts_max,
                table.budget);
  best->bound = whole.bound();
  for (std::size_t c = 0; c < table.share.size(); ++c)
    if (table.share[c] == 0) best->bound -= whole.choices()[c].front().value;
  best->proven = proven;
  return *std::move(best);
}

}  // namespace thalamus::route
