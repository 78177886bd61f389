#include "thalamus/eval/scoring.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "thalamus/base/assert.h"
#include "thalamus/math/elasticity.h"
#include "thalamus/math/stats.h"

namespace thalamus::eval {
namespace {

constexpr std::string_view kSinglePrefix = "single:";
constexpr std::size_t kDrawnPointsMax = 300;
constexpr std::size_t kPseudoVerticesMax = 256;

double known(double value) noexcept { return std::isnan(value) ? 0.0 : value; }

std::vector<double> task_means(std::span<const double> values, const Yardstick& yardstick) {
  std::vector<double> means(yardstick.tasks.size(), 0.0);
  for (std::size_t i = 0; i < values.size(); ++i) means[yardstick.task_of[i]] += values[i];
  for (std::size_t t = 0; t < means.size(); ++t) means[t] /= static_cast<double>(yardstick.tasks[t].rows);
  return means;
}

VertexOutcomes outcomes_of(const Yardstick& yardstick, std::span<const std::int32_t> choices) {
  VertexOutcomes result;
  for (std::size_t row = 0; row < choices.size(); ++row) {
    const std::size_t at = row * yardstick.outcomes.models + static_cast<std::size_t>(std::max(choices[row], 0));
    const bool none = choices[row] < 0;
    result.quality.push_back(none ? 0.0 : known(yardstick.outcomes.quality[at]));
    result.cost.push_back(none ? 0.0 : known(yardstick.outcomes.cost_usd[at]));
  }
  return result;
}

std::vector<math::CurvePoint> thinned(const std::vector<math::CurvePoint>& points) {
  if (points.size() <= kDrawnPointsMax) return points;
  std::vector<math::CurvePoint> kept;
  for (std::size_t i = 0; i < kDrawnPointsMax; ++i)
    kept.push_back(points[i * (points.size() - 1) / (kDrawnPointsMax - 1)]);
  return kept;
}

/// A hull of a great many vertices keeps its ends and an even selection; the AIQ changes by less than its last digit.
std::vector<math::CurvePoint> bounded(const std::vector<math::CurvePoint>& hull) {
  if (hull.size() <= kPseudoVerticesMax) return hull;
  std::vector<math::CurvePoint> kept;
  for (std::size_t i = 0; i < kPseudoVerticesMax; ++i)
    kept.push_back(hull[i * (hull.size() - 1) / (kPseudoVerticesMax - 1)]);
  return kept;
}

CurveScores score_curve(Decided& decided, const MethodScore& score, const Yardstick& yardstick) {
  CurveScores curve;
  const math::Sweep sweep = yardstick.sweep.sweep(decided.estimates);
  const auto swept = math::swept_curve(sweep);
  const auto points = math::as_curve(swept);
  curve.hull = bounded(math::non_decreasing_hull(points));
  curve.points = thinned(points);
  curve.aiq = math::average_quality(curve.hull, yardstick.cost_low, yardstick.cost_high);
  curve.aiq_over_zero_router =
      curve.aiq - math::average_quality(yardstick.zero_router, yardstick.cost_low, yardstick.cost_high);
  double best_in_hindsight = 0;
  for (const auto& vertex : yardstick.zero_router) best_in_hindsight = std::max(best_in_hindsight, vertex.quality);
  curve.deferral = math::deferral(curve.hull, yardstick.cost_high, best_in_hindsight);
  const auto& best = yardstick.baseline("best_single");
  curve.perf_gain = perf_gain(points, best.quality_mean);
  curve.cost_save = cost_save(points, best.quality_mean, best.cost_usd_mean);
  const auto cost = math::cost_at_quality(curve.hull, best.quality_mean);
  if (cost && best.cost_usd_mean > 0) curve.cost_ratio_at_best_single = *cost / best.cost_usd_mean;
  curve.oracle_gap_closed =
      oracle_gap_closed(score.quality, score.cost_usd_per_1k / 1000, yardstick.zero_router, yardstick.oracle);
  std::vector<VertexOutcomes> vertices;
  for (const auto& vertex : curve.hull)
    vertices.push_back(outcomes_of(yardstick, math::swept_choices(sweep, swept[vertex.label].lambda)));
  decided.aiq_pseudo = aiq_pseudo_values(curve.hull, vertices, yardstick.cost_low, yardstick.cost_high);
  return curve;
}

/// Estimates and outcomes of the recorded cells.
struct Pairs {
  std::vector<double> estimate;
  std::vector<double> outcome;
};

std::optional<double> mean_over_models(const learn::EstimateMatrix& estimates, const OutcomeMatrix& outcomes,
                                       std::optional<double> (*measure)(std::span<const double>,
                                                                        std::span<const double>)) {
  double sum = 0;
  std::size_t count = 0;
  for (std::size_t m = 0; m < outcomes.models; ++m) {
    Pairs pairs;
    for (std::size_t row = 0; row < outcomes.rows; ++row) {
      if (std::isnan(outcomes.quality_of(row, m))) continue;
      pairs.estimate.push_back(estimates.quality[row * estimates.models + m]);
      pairs.outcome.push_back(outcomes.quality_of(row, m));
    }
    const auto value = measure(pairs.estimate, pairs.outcome);
    if (!value) continue;
    sum += *value;
    ++count;
  }
  if (count == 0) return std::nullopt;
  return sum / static_cast<double>(count);
}

std::optional<double> mean_spearman(const learn::EstimateMatrix& estimates, const OutcomeMatrix& outcomes) {
  double sum = 0;
  std::size_t count = 0;
  for (std::size_t row = 0; row < outcomes.rows; ++row) {
    Pairs pairs;
    for (std::size_t m = 0; m < outcomes.models; ++m) {
      if (std::isnan(outcomes.quality_of(row, m))) continue;
      pairs.estimate.push_back(estimates.quality[row * estimates.models + m]);
      pairs.outcome.push_back(outcomes.quality_of(row, m));
    }
    if (const auto value = math::spearman(pairs.estimate, pairs.outcome)) {
      sum += *value;
      ++count;
    }
  }
  if (count == 0) return std::nullopt;
  return sum / static_cast<double>(count);
}

EstimateScores score_estimates(const Decided& decided, const Yardstick& yardstick) {
  EstimateScores scores;
  const learn::EstimateMatrix& estimates = decided.estimates;
  const OutcomeMatrix& outcomes = yardstick.outcomes;
  Pairs quality;
  Pairs cost;
  for (std::size_t i = 0; i < outcomes.quality.size(); ++i) {
    if (!std::isnan(outcomes.quality[i])) {
      quality.estimate.push_back(estimates.quality[i]);
      quality.outcome.push_back(outcomes.quality[i]);
    }
    if (!std::isnan(outcomes.cost_usd[i])) {
      cost.estimate.push_back(estimates.cost_usd[i]);
      cost.outcome.push_back(outcomes.cost_usd[i]);
    }
  }
  scores.brier = math::brier(quality.estimate, quality.outcome);
  scores.ece = math::calibration_error(quality.estimate, quality.outcome);
  scores.log_loss = math::log_loss(quality.estimate, quality.outcome);
  scores.bins = math::calibration_bins(quality.estimate, quality.outcome);
  scores.r_squared = math::r_squared(quality.estimate, quality.outcome);
  scores.auroc = mean_over_models(estimates, outcomes, math::auroc);
  scores.auprc = mean_over_models(estimates, outcomes, math::auprc);
  scores.spearman = mean_spearman(estimates, outcomes);
  scores.cost = math::amount_errors(cost.estimate, cost.outcome);
  std::vector<double> confidence;
  for (std::size_t row = 0; row < outcomes.rows; ++row)
    confidence.push_back(
        decided.choices[row] < 0
            ? 0
            : estimates.quality[row * estimates.models + static_cast<std::size_t>(decided.choices[row])]);
  scores.aurc = math::aurc(confidence, decided.quality);
  return scores;
}

std::optional<PairScores> score_pair(const Decided& decided, const Yardstick& yardstick) {
  if (yardstick.outcomes.models != 2) return std::nullopt;
  const auto& test = *yardstick.test;
  const bool second = yardstick.baseline(std::string(kSinglePrefix) + test.models[1]).quality_mean >
                      yardstick.baseline(std::string(kSinglePrefix) + test.models[0]).quality_mean;
  const std::size_t strong = second ? 1 : 0;
  const learn::EstimateMatrix& estimates = decided.estimates;
  const auto& values = estimates.has_preference ? estimates.preference : estimates.quality;
  std::vector<double> score;
  std::vector<double> length;
  std::vector<double> outcome[2];
  for (std::size_t row = 0; row < yardstick.outcomes.rows; ++row) {
    score.push_back(values[row * 2 + strong] - values[row * 2 + 1 - strong]);
    length.push_back(static_cast<double>(test.rows[row].prompt.size()));
    for (std::size_t m = 0; m < 2; ++m) outcome[m].push_back(known(yardstick.outcomes.quality_of(row, m)));
  }
  const auto metrics = math::pair_metrics(outcome[strong], outcome[1 - strong], score);
  return PairScores{test.models[strong],
                    metrics.apgr,
                    metrics.cpt50,
                    metrics.cpt80,
                    math::optimal_apgr(outcome[strong], outcome[1 - strong]),
                    math::pair_metrics(outcome[strong], outcome[1 - strong], length).apgr};
}

std::optional<ElasticityScore> score_elasticity(const MethodScore& score, const Yardstick& yardstick) {
  const learn::Baseline* base = nullptr;
  for (const auto& baseline : yardstick.baselines) {
    if (!baseline.name.starts_with(kSinglePrefix)) continue;
    if (base == nullptr || baseline.result.cost_usd_mean < base->result.cost_usd_mean) base = &baseline;
  }
  if (base == nullptr || !(base->result.cost_usd_mean > 0) || !(base->result.quality_mean > 0)) return std::nullopt;
  const auto found = math::elasticity(base->result.quality_mean, base->result.cost_usd_mean, score.quality,
                                      score.cost_usd_per_1k / 1000);
  ElasticityScore out{found.quality_gain, found.cost_gain, found.value};
  if (found.better_for_less) out.tep.reset();
  return out;
}

void score_outcomes(const Decided& decided, const Yardstick& yardstick, double lambda, MethodScore& score) {
  const OutcomeMatrix& outcomes = yardstick.outcomes;
  const auto mean_of = [&](std::string_view name) { return yardstick.baseline(name).quality_mean; };
  score.gains = gains(score.quality, mean_of("random"), mean_of("best_single"), mean_of("oracle"));
  score.optimality = optimality(outcomes, decided.choices);
  score.recall_at_rare = recall_at_rare(outcomes, decided.choices);
  score.regret = mean_regret(outcomes, decided.choices, lambda);
  score.selection_accuracy = selection_accuracy(outcomes, decided.choices);
  const auto& ranked = decided.estimates.has_preference ? decided.estimates.preference : decided.estimates.quality;
  score.hit2 = hit_at(outcomes, ranked, 2);
  score.hit3 = hit_at(outcomes, ranked, 3);
  score.arena = arena_score(score.quality, score.cost_usd_per_1k);
  if (yardstick.cost_high > 0) score.cost_of_pass = cost_of_pass(score.cost_usd_per_1k / 1000, score.quality);
  score.chosen.assign(outcomes.models, 0);
  for (const std::int32_t choice : decided.choices)
    if (choice >= 0) ++score.chosen[static_cast<std::size_t>(choice)];
}

}  // namespace

const learn::PolicyResult& Yardstick::baseline(std::string_view name) const {
  const auto found =
      std::find_if(baselines.begin(), baselines.end(), [&](const auto& baseline) { return baseline.name == name; });
  THALAMUS_ASSERT(found != baselines.end());
  return found->result;
}

Yardstick make_yardstick(std::span<const learn::Split> splits, const trace::OutcomeTable& joined) {
  Yardstick yardstick;
  yardstick.test = &joined;
  yardstick.outcomes = outcome_matrix(joined);
  yardstick.sweep = learn::SweepInput::of(joined);
  yardstick.baselines = learn::baselines(splits, joined);
  std::map<std::string_view, std::size_t> index;
  for (const trace::Row& row : joined.rows) {
    const auto [found, fresh] = index.emplace(row.task, yardstick.tasks.size());
    if (fresh) yardstick.tasks.push_back({row.task, 0});
    ++yardstick.tasks[found->second].rows;
    yardstick.task_of.push_back(found->second);
  }
  bool first = true;
  for (const auto& baseline : yardstick.baselines) {
    if (!baseline.name.starts_with(kSinglePrefix)) continue;
    const double cost = baseline.result.cost_usd_mean;
    yardstick.cost_low = first ? cost : std::min(yardstick.cost_low, cost);
    yardstick.cost_high = first ? cost : std::max(yardstick.cost_high, cost);
    first = false;
  }
  yardstick.zero_router = learn::zero_router_hull(joined);
  yardstick.oracle =
      math::non_decreasing_hull(math::as_curve(math::swept_curve(yardstick.sweep.oracle(joined.models.size()))));
  return yardstick;
}

MethodScore score_method(std::string name, Decided& decided, const Yardstick& yardstick, double lambda) {
  const learn::PolicyResult result = learn::score_choices(*yardstick.test, decided.choices, name);
  decided.quality = result.quality;
  MethodScore score;
  score.name = std::move(name);
  score.quality = result.quality_mean;
  score.quality_macro = result.quality_macro;
  score.cost_usd_per_1k = result.cost_usd_mean * 1000;
  score.seconds = result.seconds_mean;
  score.unrecorded = result.unrecorded;
  score.task_quality = task_means(result.quality, yardstick);
  score_outcomes(decided, yardstick, lambda, score);
  if (!decided.estimates.has_preference) score.estimates = score_estimates(decided, yardstick);
  if (yardstick.has_costs()) score.curve = score_curve(decided, score, yardstick);
  score.pair = score_pair(decided, yardstick);
  score.elasticity = score_elasticity(score, yardstick);
  return score;
}

std::optional<EnergyScores> score_energy(const Decided& decided, const trace::OutcomeTable& table,
                                         std::span<const double> watts) {
  if (watts.empty()) return std::nullopt;
  std::vector<double> power;
  std::vector<double> joules;
  for (std::size_t row = 0; row < decided.choices.size(); ++row) {
    if (decided.choices[row] < 0) return std::nullopt;
    const auto model = static_cast<std::size_t>(decided.choices[row]);
    if (std::isnan(watts[model])) return std::nullopt;
    power.push_back(watts[model]);
    joules.push_back(watts[model] * table.rows[row].cells[model].seconds);
  }
  const auto per_watt = intelligence_per_watt(decided.quality, power);
  if (!per_watt) return std::nullopt;
  const bool timed = std::none_of(joules.begin(), joules.end(), [](double value) { return std::isnan(value); });
  return EnergyScores{*per_watt, timed ? accuracy_per_joule(decided.quality, joules) : std::nullopt};
}

std::vector<double> aiq_pseudo_values(std::span<const math::CurvePoint> hull, std::span<const VertexOutcomes> vertices,
                                      double low, double high) {
  if (vertices.empty()) return {};
  const auto weights = math::average_quality_gradient(hull, low, high);
  const double aiq = math::average_quality(hull, low, high);
  std::vector<double> values(vertices.front().quality.size(), aiq);
  for (std::size_t v = 0; v < vertices.size(); ++v) {
    const double quality = math::mean(vertices[v].quality);
    const double cost = math::mean(vertices[v].cost);
    for (std::size_t i = 0; i < values.size(); ++i)
      values[i] += weights[v].by_quality * (vertices[v].quality[i] - quality) +
                   weights[v].by_cost * (vertices[v].cost[i] - cost);
  }
  return values;
}

std::vector<double> zero_router_pseudo_values(const Yardstick& yardstick) {
  if (!yardstick.has_costs()) return {};
  std::vector<VertexOutcomes> vertices;
  for (const auto& vertex : yardstick.zero_router)
    vertices.push_back(outcomes_of(
        yardstick, std::vector<std::int32_t>(yardstick.outcomes.rows, static_cast<std::int32_t>(vertex.label))));
  return aiq_pseudo_values(yardstick.zero_router, vertices, yardstick.cost_low, yardstick.cost_high);
}

void score_pareto(std::vector<MethodScore>& methods, const Yardstick& yardstick) {
  std::vector<math::CurvePoint> all = yardstick.zero_router;
  for (const MethodScore& method : methods)
    if (method.curve) all.insert(all.end(), method.curve->hull.begin(), method.curve->hull.end());
  const auto frontier = pareto_frontier(all);
  if (frontier.empty()) return;
  const auto [low, high] =
      std::minmax_element(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.quality < b.quality; });
  for (MethodScore& method : methods)
    if (method.curve)
      method.curve->pareto_distance = pareto_distance(
          method.curve->hull, frontier, yardstick.cost_high - yardstick.cost_low, high->quality - low->quality);
}

}  // namespace thalamus::eval
