#include "thalamus/route/pair.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "thalamus/base/text.h"
#include "thalamus/math/curves.h"
#include "thalamus/math/stats.h"
#include "thalamus/route/table.h"

namespace thalamus::route {
namespace {

constexpr double kAboveAll = 1e-3;  // how far a threshold that nobody reaches lies above the highest score
constexpr float kOutside = 2;       // scores are shares, so the pair's preferences lie within [-1, 1]
constexpr float kRankOutside = 1000;

/// Mean recorded cost of each model; NaN without any.
std::vector<double> cost_means(const TrainingSet& data) {
  std::vector<double> sum(data.models.size(), 0.0);
  std::vector<double> count(data.models.size(), 0.0);
  for (std::size_t i = 0; i < data.cost_usd.size(); ++i) {
    if (std::isnan(data.cost_usd[i])) continue;
    sum[i % sum.size()] += static_cast<double>(data.cost_usd[i]);
    count[i % sum.size()] += 1;
  }
  for (std::size_t m = 0; m < sum.size(); ++m) sum[m] = count[m] > 0 ? sum[m] / count[m] : NAN;
  return sum;
}

/// The recorded model of the best mean; equal means go to the name that sorts first, not to a column.
std::size_t best_mean(const TrainingSet& data, const ModelMeans& means, std::size_t except) {
  std::size_t best = data.models.size();
  for (std::size_t m = 0; m < data.models.size(); ++m) {
    if (m == except) continue;
    const auto better = [&](std::size_t a, std::size_t b) {
      if ((means.count[a] > 0) != (means.count[b] > 0)) return means.count[a] > 0;
      return means.mean[a] != means.mean[b] ? means.mean[a] > means.mean[b] : data.models[a] < data.models[b];
    };
    if (best == data.models.size() || better(m, best)) best = m;
  }
  return best;
}

std::size_t cheapest_on_hull(const TrainingSet& data, const ModelMeans& means, std::size_t strong) {
  const auto costs = cost_means(data);
  std::vector<math::CurvePoint> points;
  for (std::size_t m = 0; m < data.models.size(); ++m)
    if (!std::isnan(costs[m]) && means.count[m] > 0) points.push_back({costs[m], means.mean[m], m});
  const auto hull = math::non_decreasing_hull(std::move(points));
  if (!hull.empty() && !std::isnan(costs[strong]) && hull.front().label != strong) return hull.front().label;
  return best_mean(data, means, strong);
}

/// Rows by score descending.
std::vector<std::size_t> by_score(const std::vector<double>& score) {
  std::vector<std::size_t> order(score.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return score[a] != score[b] ? score[a] > score[b] : a < b; });
  return order;
}

/// Calls `visit(strong calls, threshold, total outcome)` for each cut between different scores, fewest calls first.
template <class Visit>
void each_cut(const PairOutcomes& outcomes, Visit&& visit) {
  const auto order = by_score(outcomes.score);
  double total = std::accumulate(outcomes.weak.begin(), outcomes.weak.end(), 0.0);
  visit(0, outcomes.score[order.front()] + kAboveAll, total);
  for (std::size_t k = 0; k < order.size(); ++k) {
    total += outcomes.strong[order[k]] - outcomes.weak[order[k]];
    const double here = outcomes.score[order[k]];
    if (k + 1 == order.size()) {
      visit(k + 1, here - kAboveAll, total);
    } else if (outcomes.score[order[k + 1]] != here) {
      visit(k + 1, here / 2 + outcomes.score[order[k + 1]] / 2, total);
    }
  }
}

}  // namespace

Result<std::size_t> model_index(const TrainingSet& data, std::string_view name) {
  const auto found = std::find(data.models.begin(), data.models.end(), name);
  if (found != data.models.end()) return static_cast<std::size_t>(found - data.models.begin());
  return fail(ErrorKind::kNotFound, "the table has no model '{}'{}", name, base::did_you_mean(name, data.models));
}

Result<Pair> choose_pair(const TrainingSet& data, std::string_view strong, std::string_view weak) {
  if (data.models.size() < 2)
    return fail(ErrorKind::kInvalidInput, "a two-model router needs two models; the table has {}", data.models.size());
  const ModelMeans means = model_means(data);
  Pair pair;
  std::size_t named_weak = data.models.size();
  if (!weak.empty()) {
    TRY(named_weak, model_index(data, weak));
  }
  if (strong.empty()) {
    pair.strong = best_mean(data, means, named_weak);
  } else {
    TRY(pair.strong, model_index(data, strong));
  }
  pair.weak = weak.empty() ? cheapest_on_hull(data, means, pair.strong) : named_weak;
  if (pair.weak == pair.strong)
    return fail(ErrorKind::kInvalidInput, "strong and weak are both '{}'; name two models", weak);
  return pair;
}

double choose_threshold(const PairOutcomes& outcomes, double strong_share) {
  if (outcomes.score.empty()) return 0;
  if (strong_share >= 0) {
    if (strong_share == 0) return *std::max_element(outcomes.score.begin(), outcomes.score.end()) + kAboveAll;
    if (strong_share == 1) return *std::min_element(outcomes.score.begin(), outcomes.score.end()) - kAboveAll;
    return math::quantile(outcomes.score, 1 - strong_share);
  }
  double best = -INFINITY;
  double threshold = 0;
  each_cut(outcomes, [&](std::size_t, double at, double total) {
    if (total > best + 1e-9) {
      best = total;
      threshold = at;
    }
  });
  return threshold;
}

double threshold_within(const PairOutcomes& outcomes, double drop) {
  if (outcomes.score.empty()) return 0;
  const double always = std::accumulate(outcomes.strong.begin(), outcomes.strong.end(), 0.0);
  const double floor = always - drop * static_cast<double>(outcomes.score.size()) - 1e-9;
  double threshold = 0;
  bool found = false;
  each_cut(outcomes, [&](std::size_t, double at, double total) {
    if (found || total < floor) return;
    threshold = at;
    found = true;
  });
  return threshold;
}

double mean_pairwise_difference(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const auto n = static_cast<double>(values.size());
  double sum = 0;
  // The k-th smallest is added k times and taken off n - 1 - k times, over ordered pairs twice.
  for (std::size_t k = 0; k < values.size(); ++k) sum += values[k] * (2 * static_cast<double>(k) - (n - 1));
  return 2 * sum / (n * n);
}

PairPolicy::PairPolicy(const TrainingSet& data, Pair pair, double alpha) : pair_(pair), alpha_(alpha) {
  const ModelMeans means = model_means(data);
  for (std::size_t m = 0; m < data.models.size(); ++m) {
    rest_.push_back(static_cast<float>(means.mean[m]) - kOutside);
    sd_.push_back(static_cast<float>(probability_sd(means.mean[m], means.count[m])));
  }
}

void PairPolicy::fill(double score, std::span<float> preference, std::span<float> sd) const noexcept {
  std::copy_n(rest_.begin(), preference.size(), preference.begin());
  std::copy_n(sd_.begin(), sd.size(), sd.begin());
  const auto half = static_cast<float>(std::clamp((score - alpha_) / 2, -0.9, 0.9));
  preference[pair_.strong] = half;
  preference[pair_.weak] = -half;
}

void PairPolicy::save(base::ByteWriter& out) const {
  out.put(static_cast<std::uint32_t>(pair_.strong));
  out.put(static_cast<std::uint32_t>(pair_.weak));
  out.put(alpha_);
  out.put_array(rest_);
  out.put_array(sd_);
}

Result<PairPolicy> PairPolicy::load(base::ByteReader& in, std::size_t models, std::string_view what) {
  PairPolicy policy;
  TRY(const auto strong, in.get<std::uint32_t>());
  TRY(const auto weak, in.get<std::uint32_t>());
  TRY(policy.alpha_, in.get<double>());
  TRY(policy.rest_, load_finite(in, models, what));
  TRY(policy.sd_, load_finite(in, models, what));
  if (strong >= models || weak >= models || strong == weak || !std::isfinite(policy.alpha_) ||
      std::any_of(policy.sd_.begin(), policy.sd_.end(), [](float sd) { return sd < 0; }))
    return fail(ErrorKind::kCorrupt, "{}: the pair {}, {}, its threshold or a deviation is out of bounds", what, strong,
                weak);
  policy.pair_ = {strong, weak};
  return policy;
}

Result<RankPolicy> RankPolicy::fit(const TrainingSet& data, std::span<const std::uint32_t> rows,
                                   std::span<const double> scores, const PairOptions& options) {
  TRY(const Pair pair, choose_pair(data, options.strong, options.weak));
  const std::size_t models = data.models.size();
  RankPolicy policy;
  policy.lower_.assign(models, options.weak.empty() ? 0.0F : kRankOutside);
  policy.lower_[pair.strong] = policy.lower_[pair.weak] = 0;
  PairOutcomes outcomes;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto score = scores.subspan(i * models, models);
    std::size_t rival = models;
    for (std::size_t m = 0; m < models; ++m) {
      if (m == pair.strong || policy.lower_[m] > 0) continue;
      if (rival == models || score[m] > score[rival]) rival = m;
    }
    if (!data.recorded(rows[i], pair.strong) || !data.recorded(rows[i], rival)) continue;
    outcomes.score.push_back(score[pair.strong] - score[rival]);
    outcomes.strong.push_back(static_cast<double>(data.quality_of(rows[i], pair.strong)));
    outcomes.weak.push_back(static_cast<double>(data.quality_of(rows[i], rival)));
  }
  policy.lower_[pair.strong] = static_cast<float>(choose_threshold(outcomes, options.strong_share));
  return policy;
}

void RankPolicy::apply(std::span<float> scores) const noexcept {
  for (std::size_t m = 0; m < scores.size(); ++m)
    scores[m] = std::clamp(scores[m], -kRankScoreMax, kRankScoreMax) - lower_[m];
}

RankPolicy RankPolicy::without(std::size_t model) const {
  RankPolicy policy = *this;
  policy.lower_.erase(policy.lower_.begin() + static_cast<std::ptrdiff_t>(model));
  return policy;
}

RankPolicy RankPolicy::with_model(std::size_t like) const {
  RankPolicy policy = *this;
  policy.lower_.push_back(lower_[like]);
  return policy;
}

void RankPolicy::save(base::ByteWriter& out) const { out.put_array(lower_); }

Result<RankPolicy> RankPolicy::load(base::ByteReader& in, std::size_t models, std::string_view what) {
  RankPolicy policy;
  TRY(policy.lower_, load_finite(in, models, what));
  return policy;
}

}  // namespace thalamus::route
