#include "thalamus/learn/select.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "thalamus/math/stats.h"
#include "thalamus/route/decide.h"

namespace thalamus::learn {
namespace {

constexpr std::size_t kPairsMax = 200'000;
constexpr std::size_t kNeighborRowsMax = 50'000;  // beyond, held-out neighbour searches take too long

double finite_or_zero(double value) noexcept { return std::isnan(value) ? 0.0 : value; }

/// Mean of a member over the recorded cells of each model; NaN where there is none.
std::vector<double> column_means(const Dataset& data, double trace::Cell::* member) {
  std::vector<double> sum(data.models(), 0.0);
  std::vector<double> count(data.models(), 0.0);
  for (std::size_t i = 0; i < data.rows(); ++i) {
    for (std::size_t m = 0; m < data.models(); ++m) {
      const double value = data.cell(i, m).*member;
      if (std::isnan(value)) continue;
      sum[m] += value;
      count[m] += 1;
    }
  }
  for (std::size_t m = 0; m < sum.size(); ++m) sum[m] = count[m] > 0 ? sum[m] / count[m] : NAN;
  return sum;
}

double largest(const std::vector<double>& values) noexcept {
  double top = 0;
  for (const double value : values)
    if (value > top) top = value;
  return top;
}

}  // namespace

std::vector<Candidate> auto_candidates(const Dataset& data) {
  const feature::FeatureSpec hash{"hash", {}};
  const feature::FeatureSpec signals{"signals", {}};
  const feature::FeatureSpec tfidf{"tfidf", {}};
  std::vector<Candidate> candidates{{"global_mean", {}, {}, 1}};
  if (data.models() < 2) return candidates;
  std::set<std::string> tasks;
  for (std::size_t i = 0; i < data.rows() && tasks.size() < 2; ++i) tasks.insert(data.row(i).task);
  if (tasks.size() > 1) {
    candidates.push_back({"task_posterior", {}, {}, 1});
    candidates.push_back({"task_posterior", {{"sharpness", "0.5"}}, {}, 1});
  }
  const base::OptionMap clusters{{"clusters", "24"}, {"shrinkage", "20"}};
  candidates.push_back({"kmeans", clusters, {hash, signals}, tasks.size() > 1 ? 4 : 1});
  candidates.push_back({"token_ridge", {}, {}, 2});
  candidates.push_back({"mlp", {}, {hash, signals}, 3});
  candidates.push_back({"prompt_length", {}, {}, 4});
  candidates.push_back({"ridge", {}, {signals}, 4});
  candidates.push_back({"ridge", {}, {hash, signals}, 4});
  if (data.rows() > kNeighborRowsMax) return candidates;
  candidates.push_back({"knn", {{"k", "100"}, {"shrinkage", "5"}}, {tfidf}, 4});
  return candidates;
}

std::vector<int> tiers_of(const std::vector<Candidate>& candidates) {
  std::vector<int> tiers;
  for (const Candidate& candidate : candidates) tiers.push_back(candidate.tier);
  return tiers;
}

std::optional<core::Worth> derive_worth(const Dataset& data) {
  const auto quality = column_means(data, &trace::Cell::quality);
  const auto cost = column_means(data, &trace::Cell::cost_usd);
  const auto seconds = column_means(data, &trace::Cell::seconds);
  std::size_t best = 0;
  for (std::size_t m = 1; m < quality.size(); ++m)
    if (quality[m] > quality[best] || std::isnan(quality[best])) best = m;
  const double dearest = largest(cost);
  const double slowest = largest(seconds);
  if (!(dearest > 0) && !(slowest > 0)) return std::nullopt;
  core::Worth worth{1.0, 0.0};
  if (dearest > 0) worth.answer_usd = 5 * (cost[best] > 0 ? cost[best] : dearest);
  if (slowest > 0) worth.second_usd = 0.1 * worth.answer_usd / slowest;
  return worth;
}

Score score_candidate(const Dataset& data, std::span<const std::uint32_t> fold_of, const CrossValidation& cross,
                      const HeldOut& held, const math::Calibration& calibration,
                      const std::optional<core::Worth>& worth) {
  const std::size_t models = data.models();
  const std::vector<core::Target> targets(models);
  core::Contract by_quality;
  core::Contract by_utility;
  by_utility.worth = worth;
  core::Estimates estimates;
  core::Plan plan;
  base::Rng rng(0);  // not drawn from: nothing is explored
  Score result;
  for (std::size_t i = 0; i < data.rows(); ++i) {
    if (fold_of[i] == kNotUsed) continue;
    estimates.reset(models);
    estimates.has_preference = held.preference;
    for (std::size_t m = 0; m < models; ++m) {
      const std::size_t at = i * models + m;
      estimates[m].quality = held.preference ? 0.0 : calibration.apply(held.quality[at]);
      estimates[m].preference = held.preference ? held.quality[at] : 0.0;
      estimates[m].cost_usd = cross.cost_usd[at];
      estimates[m].seconds = cross.seconds[at];
    }
    route::decide(estimates, by_quality, targets, {}, {}, rng, plan);
    const double quality = finite_or_zero(data.cell(i, plan.first()).quality);
    result.quality.push_back(quality);
    if (!worth) {
      result.utility.push_back(quality);
      result.score.push_back(quality);
      continue;
    }
    route::decide(estimates, by_utility, targets, {}, {}, rng, plan);
    const trace::Cell& cell = data.cell(i, plan.first());
    const double spent = finite_or_zero(cell.cost_usd) + worth->second_usd * finite_or_zero(cell.seconds);
    result.utility.push_back(finite_or_zero(cell.quality) - spent / worth->answer_usd);
    result.score.push_back(0.5 * quality + 0.5 * result.utility.back());
  }
  return result;
}

Pairs held_out_pairs(const Dataset& data, const HeldOut& held, std::span<const std::uint32_t> fold_of) {
  const std::size_t models = data.models();
  const std::size_t cells = data.rows() * models;
  // Whole rows are skipped, so that the models stay in proportion.
  const std::size_t stride = std::max<std::size_t>(1, cells / kPairsMax);
  Pairs pairs;
  for (std::size_t i = 0; i < data.rows(); i += stride) {
    if (fold_of[i] == kNotUsed) continue;
    for (std::size_t m = 0; m < models; ++m) {
      const double outcome = data.cell(i, m).quality;
      if (std::isnan(outcome)) continue;
      pairs.score.push_back(held.quality[i * models + m]);
      pairs.outcome.push_back(outcome);
      pairs.fold.push_back(fold_of[i]);
    }
  }
  return pairs;
}

}  // namespace thalamus::learn
