// Hybrid Preferences (arXiv 2410.19133): score ~ beta . counts of features among the human-labelled items, by ridge
// regression on some hundred simulated mixes; gain_i = beta . features_i; the linear form takes the items of most gain
// under the budget (solve::solve_budgeted_choice), the quadratic one the best predicted of simulated mixes. CPU form:
// the evaluator is the caller's. Counts are standardised before the regression, so gains do not depend on the scale of
// a feature. O(simulations * (items * features + evaluation)).
#include "thalamus/learn/hybrid_preferences.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "thalamus/math/dense_net.h"
#include "thalamus/math/ridge.h"
#include "thalamus/solve/budgeted_choice.h"

namespace thalamus::learn {
namespace {

constexpr std::size_t kQuadraticFeaturesMax = 64;  // 2,144 terms
constexpr std::size_t kMixesMin = 5;
constexpr std::size_t kHeldOutEvery = 5;

Status check_features(const MixFeatures& features) {
  if (features.features == 0 || features.values.empty() || features.values.size() % features.features != 0)
    return fail(ErrorKind::kInvalidInput, "{} numbers are no items of {} features", features.values.size(),
                features.features);
  if (!std::all_of(features.values.begin(), features.values.end(), [](float v) { return std::isfinite(v); }))
    return fail(ErrorKind::kInvalidInput, "a feature of an item is not a finite number");
  return {};
}

std::span<const float> item_row(const MixFeatures& features, std::size_t item) {
  return std::span(features.values).subspan(item * features.features, features.features);
}

/// How much a chance taste for features, a normal weight each, likes each item.
std::vector<double> random_taste(const MixFeatures& features, std::span<const std::uint32_t> items, base::Rng& rng) {
  std::vector<double> weight(features.features);
  for (double& value : weight) value = rng.normal();
  std::vector<double> result;
  for (const std::uint32_t item : items) {
    const auto row = item_row(features, item);
    double score = rng.normal();
    for (std::size_t f = 0; f < row.size(); ++f) score += weight[f] * static_cast<double>(row[f]);
    result.push_back(score);
  }
  return result;
}

/// Positions by score, highest first.
std::vector<std::size_t> ranked(const std::vector<double>& score) {
  std::vector<std::size_t> order(score.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return score[a] != score[b] ? score[a] > score[b] : a < b; });
  return order;
}

/// counts, and behind them all products of two where the form is quadratic.
std::vector<double> terms_of(std::span<const float> counts, bool quadratic) {
  std::vector<double> terms(counts.begin(), counts.end());
  for (std::size_t a = 0; a < counts.size() && quadratic; ++a)
    for (std::size_t b = a; b < counts.size(); ++b)
      terms.push_back(static_cast<double>(counts[a]) * static_cast<double>(counts[b]));
  return terms;
}

/// Columns brought to mean 0 and deviation 1; constant ones to 0.
struct Standardised {
  std::vector<double> mean;
  std::vector<double> factor;
  std::vector<float> x;
};
Standardised standardise(const std::vector<std::vector<double>>& rows) {
  const std::size_t size = rows.front().size();
  Standardised result{std::vector<double>(size, 0.0), std::vector<double>(size, 0.0), {}};
  for (const auto& row : rows)
    for (std::size_t c = 0; c < size; ++c) result.mean[c] += row[c] / static_cast<double>(rows.size());
  std::vector<double> square(size, 0.0);
  for (const auto& row : rows)
    for (std::size_t c = 0; c < size; ++c) square[c] += (row[c] - result.mean[c]) * (row[c] - result.mean[c]);
  for (std::size_t c = 0; c < size; ++c) {
    const double sd = std::sqrt(square[c] / static_cast<double>(rows.size()));
    // Relative to the mean, so that rounding of a constant column is not taken for a deviation.
    if (sd > 1e-6 * std::abs(result.mean[c])) result.factor[c] = 1 / sd;
  }
  for (const auto& row : rows)
    for (std::size_t c = 0; c < size; ++c)
      result.x.push_back(static_cast<float>((row[c] - result.mean[c]) * result.factor[c]));
  return result;
}

}  // namespace

std::vector<float> mix_counts(const MixFeatures& features, std::span<const std::uint32_t> items,
                              std::span<const std::uint8_t> human) {
  std::vector<double> sum(features.features, 0.0);
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (human[i] == 0) continue;
    const auto row = item_row(features, items[i]);
    for (std::size_t f = 0; f < row.size(); ++f) sum[f] += static_cast<double>(row[f]);
  }
  std::vector<float> counts;
  for (const double value : sum) counts.push_back(static_cast<float>(value / static_cast<double>(items.size())));
  return counts;
}

MixFeatures bin_features(const MixFeatures& raw, std::size_t bins) {
  std::vector<std::vector<float>> columns;
  for (std::size_t f = 0; f < raw.features; ++f) {
    std::vector<float> column;
    for (std::size_t i = 0; i < raw.items(); ++i) column.push_back(raw.values[i * raw.features + f]);
    std::vector<float> sorted = column;
    std::sort(sorted.begin(), sorted.end());
    const auto distinct = std::unique(sorted.begin(), sorted.end()) - sorted.begin();
    if (distinct <= 2 || bins < 2) {
      columns.push_back(std::move(column));
      continue;
    }
    sorted = column;
    std::sort(sorted.begin(), sorted.end());
    std::vector<float> edges;  // the first value of each bin but the lowest
    for (std::size_t b = 1; b < bins; ++b) edges.push_back(sorted[sorted.size() * b / bins]);
    for (std::size_t b = 0; b < bins; ++b) {
      std::vector<float> indicator;
      for (const float value : column) {
        const auto bin = static_cast<std::size_t>(std::upper_bound(edges.begin(), edges.end(), value) - edges.begin());
        indicator.push_back(bin == b ? 1.0F : 0.0F);
      }
      columns.push_back(std::move(indicator));
    }
  }
  MixFeatures result{columns.size(), {}};
  for (std::size_t i = 0; i < raw.items(); ++i)
    for (const auto& column : columns) result.values.push_back(column[i]);
  return result;
}

Result<SimulatedMixes> simulate_mixes(const MixFeatures& features, const MixEvaluator& evaluate,
                                      const HybridPreferencesOptions& options, base::Rng& rng) {
  CHECK_OK(check_features(features));
  SimulatedMixes mixes;
  mixes.features = features.features;
  for (std::int64_t mix = 0; mix < options.simulations; ++mix) {
    const auto items = math::sample_rows(features.items(), static_cast<std::size_t>(options.items), rng);
    const auto order = ranked(random_taste(features, items, rng));
    const auto humans = static_cast<std::size_t>(rng.below(items.size() + 1));
    std::vector<std::uint8_t> human(items.size(), 0);
    for (std::size_t i = 0; i < humans; ++i) human[order[i]] = 1;
    const double score = evaluate(items, human);
    if (!std::isfinite(score))
      return fail(ErrorKind::kInvalidInput, "the evaluation of mix {} is not a finite number", mix);
    const auto counts = mix_counts(features, items, human);
    mixes.counts.insert(mixes.counts.end(), counts.begin(), counts.end());
    mixes.score.push_back(static_cast<float>(score));
  }
  return mixes;
}

Result<MixResponse> MixResponse::fit(const SimulatedMixes& mixes, const HybridPreferencesOptions& options,
                                     base::Rng& rng) {
  MixResponse response;
  response.features_ = mixes.features;
  response.quadratic_ = options.form == "quadratic";
  if (mixes.features == 0 || mixes.score.size() < kMixesMin ||
      mixes.counts.size() != mixes.score.size() * mixes.features)
    return fail(ErrorKind::kInvalidInput, "{} mixes of {} features; at least {} are needed", mixes.score.size(),
                mixes.features, kMixesMin);
  if (response.quadratic_ && mixes.features > kQuadraticFeaturesMax)
    return fail(ErrorKind::kInvalidInput, "form: quadratic takes {} features at most, there are {}",
                kQuadraticFeaturesMax, mixes.features);
  std::vector<std::size_t> order(mixes.score.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  rng.shuffle(order);
  const auto counts_of = [&](std::size_t mix) {
    return std::span(mixes.counts).subspan(mix * mixes.features, mixes.features);
  };
  std::vector<std::vector<double>> rows;
  std::vector<float> score;
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (i % kHeldOutEvery == 0) continue;
    rows.push_back(terms_of(counts_of(order[i]), response.quadratic_));
    score.push_back(mixes.score[order[i]]);
  }
  const Standardised data = standardise(rows);
  TRY(const auto ridge, math::fit_ridge(data.x, data.mean.size(), score, 1, {.penalty = options.penalty}));
  response.bias_ = static_cast<double>(ridge.bias[0]);
  for (std::size_t c = 0; c < data.mean.size(); ++c) {
    response.coefficients_.push_back(static_cast<double>(ridge.weights[c]) * data.factor[c]);
    response.bias_ -= response.coefficients_.back() * data.mean[c];
  }
  double mean = 0;
  double held = 0;
  for (std::size_t i = 0; i < order.size(); i += kHeldOutEvery, held += 1)
    mean += static_cast<double>(mixes.score[order[i]]);
  mean /= held;
  double error = 0;
  double variance = 0;
  for (std::size_t i = 0; i < order.size(); i += kHeldOutEvery) {
    const auto actual = static_cast<double>(mixes.score[order[i]]);
    error += std::pow(actual - response.predict(counts_of(order[i])), 2);
    variance += (actual - mean) * (actual - mean);
  }
  response.held_out_r2_ = variance > 0 ? 1 - error / variance : NAN;
  return response;
}

double MixResponse::predict(std::span<const float> counts) const {
  const auto terms = terms_of(counts, quadratic_);
  return std::inner_product(terms.begin(), terms.end(), coefficients_.begin(), bias_);
}

double MixResponse::gain(std::span<const float> features, std::size_t items) const {
  double sum = 0;
  for (std::size_t f = 0; f < features_; ++f) sum += coefficients_[f] * static_cast<double>(features[f]);
  return sum / static_cast<double>(std::max<std::size_t>(1, items));
}

namespace {

/// Takes items by chance tastes until the budget, or a part of it, is spent; keeps the plan of the best prediction.
void search_plans(const MixFeatures& features, const MixResponse& response, std::span<const double> human_cost,
                  double budget, const HybridPreferencesOptions& options, base::Rng& rng, LabelPlan& best) {
  std::vector<std::uint32_t> items(features.items());
  std::iota(items.begin(), items.end(), 0U);
  LabelPlan none;
  none.human.assign(items.size(), 0);
  none.predicted = response.predict(mix_counts(features, items, none.human));
  if (none.predicted > best.predicted) best = std::move(none);
  for (std::int64_t round = 0; round < options.simulations; ++round) {
    LabelPlan plan;
    plan.human.assign(items.size(), 0);
    // Every other plan stops early: the best mix need not spend everything.
    const double limit = round % 2 == 0 ? budget : budget * rng.uniform();
    for (const std::size_t i : ranked(random_taste(features, items, rng))) {
      if (plan.cost + human_cost[i] > limit) continue;
      plan.human[i] = 1;
      plan.cost += human_cost[i];
    }
    plan.predicted = response.predict(mix_counts(features, items, plan.human));
    if (plan.predicted > best.predicted) best = std::move(plan);
  }
}

}  // namespace

Result<LabelPlan> plan_labels(const MixFeatures& features, const MixResponse& response,
                              std::span<const double> human_cost, double budget,
                              const HybridPreferencesOptions& options, base::Rng& rng) {
  CHECK_OK(check_features(features));
  if (human_cost.size() != features.items())
    return fail(ErrorKind::kInvalidInput, "{} costs for {} items", human_cost.size(), features.items());
  solve::ChoiceProblem problem{2, {}, {}, budget};
  for (std::size_t i = 0; i < features.items(); ++i) {
    problem.gain.insert(problem.gain.end(), {0.0, response.gain(item_row(features, i), features.items())});
    problem.cost.insert(problem.cost.end(), {0.0, human_cost[i]});
  }
  TRY(const auto choice, solve::solve_budgeted_choice(problem));
  CHECK_OK(solve::check_certificate(problem, choice));
  LabelPlan plan;
  plan.human.assign(choice.option.begin(), choice.option.end());
  plan.cost = choice.cost;
  plan.price = choice.price;
  plan.gap = choice.gap();
  std::vector<std::uint32_t> items(features.items());
  std::iota(items.begin(), items.end(), 0U);
  plan.predicted = response.predict(mix_counts(features, items, plan.human));
  if (response.quadratic()) search_plans(features, response, human_cost, budget, options, rng, plan);
  return plan;
}

Result<HybridPreferencesResult> run_hybrid_preferences(const MixFeatures& raw, const MixEvaluator& evaluate,
                                                       const HybridPreferencesOptions& options, base::Rng& rng) {
  CHECK_OK(check_features(raw));
  const MixFeatures features = bin_features(raw);
  TRY(const auto mixes, simulate_mixes(features, evaluate, options, rng));
  HybridPreferencesResult result;
  TRY(result.response, MixResponse::fit(mixes, options, rng));
  const std::vector<double> one_each(features.items(), 1.0);
  const double budget = std::floor(options.share * static_cast<double>(features.items()) + 1e-9);
  TRY(result.plan, plan_labels(features, result.response, one_each, budget, options, rng));
  return result;
}

BatchMethodRecord hybrid_preferences_record() {
  return {.name = "hybrid_preferences",
          .help = "which items get a human label and which a model's, under a budget",
          .source = "arXiv:2410.19133",
          .options = &base::list_options<HybridPreferencesOptions>};
}

}  // namespace thalamus::learn
