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
constexpr std::array kMargins{0.0, 0.0025, 0.005, 0.01, 0.015, 0.02, 0.03, 0.04, 0.06, 0.08, 0.12};
constexpr std::array kCostShares{0.02, 0.1, 0.4};  // of the best single model's cost, in units of quality

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
    std::stable_sort(ranked.begin(), ranked.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
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

/// What a choice between the models of a pool gives on held-out rows, mean over the exchange rates.
class PoolScore {
 public:
  PoolScore(const Work& w, std::span<const double> estimate, std::span<const double> rates)
      : w_(w), estimate_(estimate), rates_(rates) {}

  /// Per row of `w.rows`: realised utility of argmax over `pool`, averaged over the rates.
  [[nodiscard]] double row_value(std::uint32_t row, const std::vector<std::size_t>& pool) const noexcept {
    double total = 0;
    for (const double rate : rates_) {
      std::size_t chosen = pool.front();
      double best = -INFINITY;
      for (const std::size_t m : pool) {
        const double value = predicted(row, m, rate);
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

/// The smallest pool that is not seen to be worse than the best size: within half a standard error of it.
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
  std::size_t best = 0;
  for (std::size_t s = 1; s < w.models; ++s)
    if (math::mean(value[s]) > math::mean(value[best])) best = s;
  std::size_t chosen = best;
  for (std::size_t s = 0; s < best; ++s) {
    std::vector<double> behind(value[s].size());
    for (std::size_t i = 0; i < behind.size(); ++i) behind[i] = value[best][i] - value[s][i];
    if (math::mean(behind) > 0.5 * math::standard_error(behind)) continue;
    chosen = s;
    break;
  }
  const auto order = forward_order(w, score, w.rows, parts.safe_model);
  parts.in_pool.assign(w.models, false);
  for (std::size_t s = 0; s <= chosen; ++s) parts.in_pool[order[s]] = true;
}

/// The smallest margin of the highest held-out quality when quality alone decides.
void choose_margin(const Work& w, const PoolScore& score, route::BlendParts& parts) {
  double best = -INFINITY;
  for (const double margin : kMargins) {
    double total = 0;
    for (const std::uint32_t row : w.rows) {
      std::size_t chosen = parts.safe_model;
      double top = score.predicted(row, chosen, 0) + margin;
      for (std::size_t m = 0; m < w.models; ++m) {
        if (!parts.in_pool[m] || score.predicted(row, m, 0) <= top) continue;
        top = score.predicted(row, m, 0);
        chosen = m;
      }
      total += score.realised(row, chosen, 0);
    }
    if (total <= best) continue;
    best = total;
    parts.margin = margin;
  }
}

/// Makes the held-out estimates those of the finished plan: margin and pool included.
void finish_estimates(const Work& w, BlendPlan& plan) {
  for (const std::uint32_t row : w.rows) {
    double level = 0;
    for (std::size_t m = 0; m < w.models; ++m) level += plan.estimate[row * w.models + m];
    level /= static_cast<double>(w.models);
    for (std::size_t m = 0; m < w.models; ++m) {
      double& value = plan.estimate[row * w.models + m];
      if (!plan.parts.in_pool[m]) value = level + plan.parts.contrast[m];
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
  for (std::size_t i = 0; i < data.rows(); ++i) {
    for (std::size_t m = 0; m < data.models(); ++m) {
      const trace::Cell& cell = data.cell(i, m);
      if (std::isnan(cell.quality) || std::isnan(cell.cost_usd)) continue;
      quality[m] += cell.quality;
      cost[m] += cell.cost_usd;
      count[m] += 1;
    }
  }
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
                             const CrossValidation& cross, std::span<const double> rates) {
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
  plan.members = choose_members(w, std::move(members), plan.parts);
  const auto equations = fold_equations(w, plan.members, plan.parts);
  set_weights(solve_without(equations, folds), plan.parts);
  plan.estimate = cross_fit(w, plan, equations);
  const PoolScore score(w, plan.estimate, rates);
  choose_pool(w, score, plan.parts);
  choose_margin(w, score, plan.parts);
  finish_estimates(w, plan);
  return plan;
}

}  // namespace thalamus::learn
