// Weights by non-negative least squares on centred held-out estimates; the pool by forward selection and the margin by
// a grid, both on estimates of folds that had no part in the weights.
#include "thalamus/learn/blend_plan.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "thalamus/math/nnls.h"
#include "thalamus/math/stats.h"

namespace thalamus::learn {
namespace {

constexpr double kWeightMin = 0.03;  // members that weigh less are dropped
constexpr std::size_t kMembersMax = 8;
constexpr double kTierErrors = 0;   // by which a richer blend must be ahead
constexpr double kPoolErrors = 3;   // the best of many smaller pools must be ahead of all models by as much
constexpr double kPricedMin = 0.9;  // share of cells with a cost, below which cost is not weighed
constexpr std::array kMargins{0.0, 0.0025, 0.005, 0.01, 0.015, 0.02, 0.03, 0.04, 0.06, 0.08, 0.12};
constexpr std::array kStrengths{1.0, 0.85, 0.7, 0.55, 0.4, 0.25, 0.1};
constexpr std::array kCostShares{0.01, 0.03, 0.08, 0.2, 0.5};  // of the best single model's cost, in units of quality

double or_zero(double value) noexcept { return std::isnan(value) ? 0.0 : value; }

/// What the plan works on: the used rows in the order of their positions.
struct Work {
  const Dataset& data;
  std::span<const std::uint32_t> fold_of;
  std::size_t folds;
  const CrossValidation& cross;
  std::vector<std::uint32_t> rows;
  std::size_t models;
};

void set_means(const Work& w, route::BlendParts& parts) {
  std::vector<double> sum(w.models, 0.0);
  std::vector<double> count(w.models, 0.0);
  for (const std::uint32_t row : w.rows) {
    for (std::size_t m = 0; m < w.models; ++m) {
      const double quality = w.data.cell(row, m).quality;
      if (std::isnan(quality)) continue;
      sum[m] += quality;
      count[m] += 1;
    }
  }
  const double all = std::accumulate(sum.begin(), sum.end(), 0.0);
  const double cells = std::accumulate(count.begin(), count.end(), 0.0);
  std::vector<double> mean(w.models);
  for (std::size_t m = 0; m < w.models; ++m)
    mean[m] = count[m] > 0 ? sum[m] / count[m] : (cells > 0 ? all / cells : 0.5);
  parts.level = std::accumulate(mean.begin(), mean.end(), 0.0) / static_cast<double>(w.models);
  parts.contrast.clear();
  for (const double value : mean) parts.contrast.push_back(value - parts.level);
  parts.in_pool.assign(w.models, true);
  // A model with a handful of outcomes is not safe, whatever their mean.
  const double most = *std::max_element(count.begin(), count.end());
  parts.safe_model = 0;
  double best = -1;
  for (std::size_t m = 0; m < w.models; ++m) {
    if (count[m] < most / 4 || mean[m] <= best) continue;
    best = mean[m];
    parts.safe_model = m;
  }
}

/// Regressors of one cell: each member's contrast, then each member's level, both less the means.
void regressors(const Work& w, const std::vector<std::size_t>& members, const route::BlendParts& parts,
                std::uint32_t row, std::size_t model, std::span<const double> level, std::span<double> out) noexcept {
  for (std::size_t k = 0; k < members.size(); ++k) {
    const double value = w.cross.candidates[members[k]].quality[row * w.models + model];
    out[k] = value - level[k] - parts.contrast[model];
    out[members.size() + k] = level[k] - parts.level;
  }
}

void levels_of(const Work& w, const std::vector<std::size_t>& members, std::uint32_t row, std::span<double> level) {
  for (std::size_t k = 0; k < members.size(); ++k) {
    const double* values = w.cross.candidates[members[k]].quality.data() + row * w.models;
    level[k] = std::accumulate(values, values + w.models, 0.0) / static_cast<double>(w.models);
  }
}

/// Normal equations of each fold.
std::vector<math::NormalEquations> fold_equations(const Work& w, const std::vector<std::size_t>& members,
                                                  const route::BlendParts& parts) {
  std::vector<math::NormalEquations> equations(w.folds, math::NormalEquations(2 * members.size()));
  std::vector<double> level(members.size());
  std::vector<double> x(2 * members.size());
  for (const std::uint32_t row : w.rows) {
    levels_of(w, members, row, level);
    for (std::size_t m = 0; m < w.models; ++m) {
      const double quality = w.data.cell(row, m).quality;
      if (std::isnan(quality)) continue;
      regressors(w, members, parts, row, m, level, x);
      equations[w.fold_of[row]].add(x, quality - parts.level - parts.contrast[m]);
    }
  }
  return equations;
}

/// Sum of all folds but one; `left_out` == folds leaves none out.
std::vector<double> solve_without(const std::vector<math::NormalEquations>& equations, std::size_t left_out) {
  math::NormalEquations sum(equations.front().size());
  for (std::size_t f = 0; f < equations.size(); ++f)
    if (f != left_out) sum.add(equations[f]);
  return math::nonnegative_least_squares(sum);
}

/// Drops members of little weight until all that are left weigh something.
std::vector<std::size_t> choose_members(const Work& w, std::vector<std::size_t> members,
                                        const route::BlendParts& parts) {
  while (true) {
    const auto weights = solve_without(fold_equations(w, members, parts), w.folds);
    std::vector<std::pair<double, std::size_t>> ranked;
    for (std::size_t k = 0; k < members.size(); ++k)
      ranked.emplace_back(std::max(weights[k], weights[members.size() + k]), members[k]);
    std::sort(ranked.begin(), ranked.end(), [](const auto& a, const auto& b) {
      return a.first != b.first ? a.first > b.first : a.second < b.second;
    });
    std::size_t kept = 0;
    while (kept < ranked.size() && kept < kMembersMax && ranked[kept].first >= kWeightMin) ++kept;
    kept = std::max<std::size_t>(1, kept);
    if (kept == members.size()) return members;
    members.clear();
    for (std::size_t k = 0; k < kept; ++k) members.push_back(ranked[k].second);
    std::sort(members.begin(), members.end());
  }
}

void set_weights(std::span<const double> weights, route::BlendParts& parts) {
  const std::size_t members = weights.size() / 2;
  parts.members.resize(members);
  for (std::size_t k = 0; k < members; ++k) {
    parts.members[k].contrast_weight = std::min(weights[k], 100.0);
    parts.members[k].level_weight = std::min(weights[members + k], 100.0);
  }
}

/// Held-out estimates of the blend: each fold under the weights of the others.
std::vector<double> cross_fit(const Work& w, const BlendPlan& plan,
                              const std::vector<math::NormalEquations>& equations) {
  std::vector<double> out(w.data.rows() * w.models, 0.0);
  std::vector<route::BlendParts> parts(w.folds);
  for (std::size_t f = 0; f < w.folds; ++f) {
    parts[f].level = plan.parts.level;
    parts[f].contrast = plan.parts.contrast;
    parts[f].in_pool.assign(w.models, true);
    parts[f].safe_model = plan.parts.safe_model;
    set_weights(solve_without(equations, f), parts[f]);
  }
  std::vector<float> members(plan.members.size() * w.models);
  std::vector<float> quality(w.models);
  for (const std::uint32_t row : w.rows) {
    for (std::size_t k = 0; k < plan.members.size(); ++k)
      for (std::size_t m = 0; m < w.models; ++m)
        members[k * w.models + m] = static_cast<float>(w.cross.candidates[plan.members[k]].quality[row * w.models + m]);
    route::blend_estimates(parts[w.fold_of[row]], members, quality);
    for (std::size_t m = 0; m < w.models; ++m) out[row * w.models + m] = static_cast<double>(quality[m]);
  }
  return out;
}

/// The means alone: members have routers, which are not copied.
BlendPlan copy_of(const BlendPlan& plan) {
  BlendPlan copy;
  copy.parts.level = plan.parts.level;
  copy.parts.contrast = plan.parts.contrast;
  copy.parts.in_pool.assign(plan.parts.contrast.size(), true);
  copy.parts.safe_model = plan.parts.safe_model;
  return copy;
}

/// Weights and held-out estimates of some members.
void weigh(const Work& w, std::vector<std::size_t> members, BlendPlan& plan) {
  plan.members = choose_members(w, std::move(members), plan.parts);
  const auto equations = fold_equations(w, plan.members, plan.parts);
  set_weights(solve_without(equations, w.folds), plan.parts);
  plan.estimate = cross_fit(w, plan, equations);
}

/// What a choice between the models of a pool gives on held-out rows, mean over the exchange rates.
class PoolScore {
 public:
  PoolScore(const Work& w, std::span<const double> estimate, std::span<const double> rates)
      : w_(w), estimate_(estimate), rates_(rates) {}

  /// Per row of `w.rows`: realised utility of argmax over `pool`, averaged over the rates.
  [[nodiscard]] double row_value(std::uint32_t row, const std::vector<std::size_t>& pool) const noexcept {
    return row_value(row, pool, {});
  }
  /// With the margin of `parts` taken from all but its safe model.
  [[nodiscard]] double row_value(std::uint32_t row, const std::vector<std::size_t>& pool,
                                 const route::BlendParts& parts) const noexcept {
    double total = 0;
    for (const double rate : rates_) {
      std::size_t chosen = pool.front();
      double best = -INFINITY;
      for (const std::size_t m : pool) {
        const double value = predicted(row, m, rate) - (m == parts.safe_model ? 0 : parts.margin);
        if (value > best) {
          best = value;
          chosen = m;
        }
      }
      total += realised(row, chosen, rate);
    }
    return total / static_cast<double>(rates_.size());
  }
  [[nodiscard]] double predicted(std::uint32_t row, std::size_t m, double rate) const noexcept {
    const std::size_t at = row * w_.models + m;
    return estimate_[at] - rate * w_.cross.cost_usd[at];
  }
  [[nodiscard]] double realised(std::uint32_t row, std::size_t m, double rate) const noexcept {
    const trace::Cell& cell = w_.data.cell(row, m);
    return or_zero(cell.quality) - rate * or_zero(cell.cost_usd);
  }
  [[nodiscard]] std::span<const double> rates() const noexcept { return rates_; }

 private:
  const Work& w_;
  std::span<const double> estimate_;
  std::span<const double> rates_;
};

/// Models in the order in which forward selection takes them, the safe one first, on the rows given. O(models^2 rows).
std::vector<std::size_t> forward_order(const Work& w, const PoolScore& score, const std::vector<std::uint32_t>& rows,
                                       std::size_t safe) {
  const std::size_t rates = score.rates().size();
  std::vector<double> best_predicted(rows.size() * rates);
  std::vector<double> best_realised(rows.size() * rates);
  std::vector<std::size_t> order{safe};
  std::vector<bool> taken(w.models, false);
  const auto take = [&](std::size_t m) {
    taken[m] = true;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      for (std::size_t r = 0; r < rates; ++r) {
        const double value = score.predicted(rows[i], m, score.rates()[r]);
        if (order.size() > 1 && value <= best_predicted[i * rates + r]) continue;
        best_predicted[i * rates + r] = value;
        best_realised[i * rates + r] = score.realised(rows[i], m, score.rates()[r]);
      }
    }
  };
  take(safe);
  while (order.size() < w.models) {
    std::size_t next = w.models;
    double next_gain = -INFINITY;
    for (std::size_t m = 0; m < w.models; ++m) {
      if (taken[m]) continue;
      double gain = 0;
      for (std::size_t i = 0; i < rows.size(); ++i)
        for (std::size_t r = 0; r < rates; ++r)
          if (score.predicted(rows[i], m, score.rates()[r]) > best_predicted[i * rates + r])
            gain += score.realised(rows[i], m, score.rates()[r]) - best_realised[i * rates + r];
      if (gain <= next_gain) continue;
      next_gain = gain;
      next = m;
    }
    order.push_back(next);
    take(next);
  }
  return order;
}

std::vector<std::uint32_t> rows_of(const Work& w, std::size_t fold, bool held) {
  std::vector<std::uint32_t> rows;
  for (const std::uint32_t row : w.rows)
    if ((w.fold_of[row] == fold) == held) rows.push_back(row);
  return rows;
}

/// Whether the mean of a - b is above `errors` of its standard errors.
bool ahead(std::span<const double> a, std::span<const double> b, double errors) {
  std::vector<double> difference(a.size());
  for (std::size_t i = 0; i < a.size(); ++i) difference[i] = a[i] - b[i];
  return math::mean(difference) > errors * math::standard_error(difference);
}

/// All models, or the best smaller pool where it is seen to be better.
void choose_pool(const Work& w, const PoolScore& score, route::BlendParts& parts) {
  if (w.models <= 2) return;
  std::vector<std::vector<double>> value(w.models);  // by pool size - 1, rows in fold order
  for (std::size_t f = 0; f < w.folds; ++f) {
    const auto order = forward_order(w, score, rows_of(w, f, false), parts.safe_model);
    const auto held = rows_of(w, f, true);
    std::vector<std::size_t> pool;
    for (std::size_t size = 1; size <= w.models; ++size) {
      pool.push_back(order[size - 1]);
      for (const std::uint32_t row : held) value[size - 1].push_back(score.row_value(row, pool));
    }
  }
  std::size_t best = w.models - 1;
  for (std::size_t s = 0; s + 1 < w.models; ++s)
    if (math::mean(value[s]) > math::mean(value[best])) best = s;
  const std::size_t chosen = ahead(value[best], value.back(), kPoolErrors) ? best : w.models - 1;
  const auto order = forward_order(w, score, w.rows, parts.safe_model);
  parts.in_pool.assign(w.models, false);
  for (std::size_t s = 0; s <= chosen; ++s) parts.in_pool[order[s]] = true;
}

/// Draws a row's estimates towards the mean contrasts: contrast = C_m + strength * (contrast - C_m).
void weaken(const Work& w, const route::BlendParts& parts, double strength, std::span<double> row) noexcept {
  double level = 0;
  for (const double value : row) level += value / static_cast<double>(w.models);
  for (std::size_t m = 0; m < w.models; ++m)
    row[m] = level + parts.contrast[m] + strength * (row[m] - level - parts.contrast[m]);
}

/// How strongly requests may move the models apart. Weights of least squares predict best; a choice of the highest of
/// many noisy estimates may want less. The strength of the highest held-out utility, mean over the exchange rates.
void choose_strength(const Work& w, std::span<const double> rates, BlendPlan& plan) {
  std::vector<std::size_t> pool;
  for (std::size_t m = 0; m < w.models; ++m)
    if (plan.parts.in_pool[m]) pool.push_back(m);
  double best = -INFINITY;
  double chosen = 1;
  std::vector<double> best_estimate;
  for (const double strength : kStrengths) {
    std::vector<double> estimate = plan.estimate;
    for (const std::uint32_t row : w.rows)
      weaken(w, plan.parts, strength, std::span(estimate).subspan(row * w.models, w.models));
    const PoolScore score(w, estimate, rates);
    double total = 0;
    for (const std::uint32_t row : w.rows) total += score.row_value(row, pool);
    if (total <= best) continue;
    best = total;
    chosen = strength;
    best_estimate = std::move(estimate);
  }
  plan.estimate = std::move(best_estimate);
  for (route::BlendMember& member : plan.parts.members) member.contrast_weight *= chosen;
}

/// The smallest margin of the highest held-out utility, mean over the exchange rates.
void choose_margin(const Work& w, const PoolScore& score, route::BlendParts& parts) {
  std::vector<std::size_t> pool;
  for (std::size_t m = 0; m < w.models; ++m)
    if (parts.in_pool[m]) pool.push_back(m);
  route::BlendParts trial;
  trial.safe_model = parts.safe_model;
  double best = -INFINITY;
  for (const double margin : kMargins) {
    trial.margin = margin;
    double total = 0;
    for (const std::uint32_t row : w.rows) total += score.row_value(row, pool, trial);
    if (total <= best) continue;
    best = total;
    parts.margin = margin;
  }
}

/// Realised utility of the plan and of the mean qualities alone, row by row, mean over the exchange rates.
void compare_with_means(const Work& w, std::span<const double> rates, BlendPlan& plan) {
  const PoolScore planned(w, plan.estimate, rates);
  std::vector<double> means(plan.estimate.size());
  for (std::size_t i = 0; i < means.size(); ++i) means[i] = plan.parts.level + plan.parts.contrast[i % w.models];
  const PoolScore simple(w, means, rates);
  std::vector<std::size_t> all(w.models);
  std::iota(all.begin(), all.end(), std::size_t{0});
  std::vector<std::size_t> pool;
  for (const std::size_t m : all)
    if (plan.parts.in_pool[m]) pool.push_back(m);
  for (const std::uint32_t row : w.rows) {
    plan.value.push_back(planned.row_value(row, pool, plan.parts));
    plan.value_of_means.push_back(simple.row_value(row, all));
  }
}

/// Blends of the candidates of tier 1, of tiers 1 and 2, and so on: the first that no later one is seen to beat.
/// Squared error alone would take in members whose noise wins choices between many models.
void choose_tier(const Work& w, const std::vector<std::size_t>& members, std::span<const int> tiers,
                 std::span<const double> rates, BlendPlan& plan) {
  std::vector<std::size_t> all(w.models);
  std::iota(all.begin(), all.end(), std::size_t{0});
  std::vector<double> best;
  const int last = *std::max_element(tiers.begin(), tiers.end());
  for (int tier = 1; tier <= last; ++tier) {
    std::vector<std::size_t> taken;
    for (const std::size_t c : members)
      if (tiers[c] <= tier) taken.push_back(c);
    if (taken.empty()) continue;
    BlendPlan next = copy_of(plan);
    weigh(w, std::move(taken), next);
    const PoolScore score(w, next.estimate, rates);
    std::vector<double> value;
    for (const std::uint32_t row : w.rows) value.push_back(score.row_value(row, all));
    if (!best.empty() && !ahead(value, best, kTierErrors)) continue;
    best = std::move(value);
    plan = std::move(next);
  }
}

/// Makes the held-out estimates those of the finished plan: margin and pool included.
void finish_estimates(const Work& w, BlendPlan& plan) {
  for (const std::uint32_t row : w.rows) {
    double level = 0;
    double lowest = INFINITY;
    for (std::size_t m = 0; m < w.models; ++m) {
      const double value = plan.estimate[row * w.models + m];
      level += value / static_cast<double>(w.models);
      if (plan.parts.in_pool[m]) lowest = std::min(lowest, value);
    }
    for (std::size_t m = 0; m < w.models; ++m) {
      double& value = plan.estimate[row * w.models + m];
      if (!plan.parts.in_pool[m]) value = std::min(level + plan.parts.contrast[m], lowest);
      if (m != plan.parts.safe_model) value -= plan.parts.margin;
    }
  }
}

}  // namespace

std::vector<double> exchange_rates(const Dataset& data, const std::optional<core::Worth>& worth) {
  std::vector<double> rates{0.0};
  if (worth && worth->answer_usd > 0) rates.push_back(1 / worth->answer_usd);
  std::vector<double> quality(data.models(), 0.0);
  std::vector<double> cost(data.models(), 0.0);
  std::vector<double> count(data.models(), 0.0);
  double recorded = 0;
  for (std::size_t i = 0; i < data.rows(); ++i) {
    for (std::size_t m = 0; m < data.models(); ++m) {
      const trace::Cell& cell = data.cell(i, m);
      recorded += std::isnan(cell.quality) ? 0 : 1;
      if (std::isnan(cell.quality) || std::isnan(cell.cost_usd)) continue;
      quality[m] += cell.quality;
      cost[m] += cell.cost_usd;
      count[m] += 1;
    }
  }
  // Where many cells have no cost, those would look free.
  if (std::accumulate(count.begin(), count.end(), 0.0) < kPricedMin * recorded) return {0.0};
  double best = -1;
  double unit = 0;
  for (std::size_t m = 0; m < data.models(); ++m) {
    if (count[m] == 0 || quality[m] / count[m] <= best || !(cost[m] > 0)) continue;
    best = quality[m] / count[m];
    unit = cost[m] / count[m];
  }
  if (unit > 0)
    for (const double share : kCostShares) rates.push_back(share / unit);
  return rates;
}

Status refuse_seen(const Dataset& data, std::span<const std::uint32_t> fold_of, const HeldOut& held,
                   std::size_t candidate) {
  for (std::size_t i = 0; i < data.rows(); ++i) {
    if (fold_of[i] == kNotUsed) continue;
    if (fold_of[i] >= held.seen.size() || held.seen[fold_of[i]] == nullptr)
      return fail(ErrorKind::kInvalidInput, "candidate {}: nothing says what its estimates of fold {} were fitted on",
                  candidate, fold_of[i]);
    const SeenPrompts& seen = *held.seen[fold_of[i]];
    if (std::binary_search(seen.begin(), seen.end(), data.prompt_key(i)))
      return fail(ErrorKind::kInvalidInput, "candidate {} has seen row '{}' that it is scored on; it cannot be blended",
                  candidate, data.row(i).id);
  }
  return {};
}

Result<BlendPlan> plan_blend(const Dataset& data, std::span<const std::uint32_t> fold_of, std::size_t folds,
                             const CrossValidation& cross, std::span<const int> tiers, std::span<const double> rates) {
  Work w{data, fold_of, folds, cross, {}, data.models()};
  for (std::size_t i = 0; i < data.rows(); ++i)
    if (fold_of[i] != kNotUsed) w.rows.push_back(static_cast<std::uint32_t>(i));
  std::vector<std::size_t> members;
  for (std::size_t c = 0; c < cross.candidates.size(); ++c) {
    CHECK_OK(refuse_seen(data, fold_of, cross.candidates[c], c));
    if (!cross.candidates[c].preference) members.push_back(c);
  }
  if (members.empty()) return fail(ErrorKind::kInvalidInput, "no candidate is a value estimator; nothing to blend");
  BlendPlan plan;
  set_means(w, plan.parts);
  choose_tier(w, members, tiers, rates, plan);
  choose_pool(w, PoolScore(w, plan.estimate, rates), plan.parts);
  choose_strength(w, rates, plan);
  choose_margin(w, PoolScore(w, plan.estimate, rates), plan.parts);
  compare_with_means(w, rates, plan);
  finish_estimates(w, plan);
  return plan;
}

}  // namespace thalamus::learn
