#include "thalamus/learn/train.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "thalamus/base/hash.h"
#include "thalamus/base/text.h"
#include "thalamus/learn/cross_validate.h"
#include "thalamus/learn/dataset.h"
#include "thalamus/learn/fit_blend.h"
#include "thalamus/learn/report_words.h"
#include "thalamus/learn/select.h"
#include "thalamus/math/stats.h"
#include "thalamus/route/snapshot_parts.h"

namespace thalamus::learn {
namespace {

constexpr std::size_t kDistinctPromptsMin = 8;  // fewer cannot be held back sensibly
constexpr std::size_t kFewRows = 200;           // below, the report warns
constexpr std::int64_t kFoldsMax = 20;
constexpr std::size_t kNestedPromptsMin = 60;  // fewer leave too little for folds within folds
constexpr double kCrossShare = 0.3;            // of the progress shown
constexpr std::size_t kOuterFolds = 3;
constexpr std::size_t kInnerFolds = 3;
constexpr std::size_t kSelectionRowsMax = 20'000;  // of cross-validation
constexpr std::size_t kFinalRowsMax = 200'000;     // of the last fit

Result<math::CalibrationKind> parse_calibration(const std::string& name) {
  if (name == "none") return math::CalibrationKind::kNone;
  if (name == "logistic") return math::CalibrationKind::kLogistic;
  if (name == "isotonic") return math::CalibrationKind::kIsotonic;
  const std::vector<std::string> known{"none", "logistic", "isotonic"};
  return fail(ErrorKind::kInvalidInput, "calibration: expected none, logistic or isotonic, got '{}'{}", name,
              base::did_you_mean(name, known));
}

/// The one candidate of a named method, its features and options checked before any work.
Result<Candidate> named_candidate(const TrainOptions& options) {
  TRY(const auto* method, route::require_method(options.method));
  Candidate candidate{options.method, options.options, {}, 1};
  bool dense = false;
  bool sparse = false;
  for (const std::string& text : options.features.empty() ? default_features(*method) : options.features) {
    TRY(auto spec, feature::parse_feature_spec(text));
    const bool is_sparse = feature::find_feature(spec.name)->sparse;
    sparse |= is_sparse;
    dense |= !is_sparse;
    candidate.features.push_back(std::move(spec));
  }
  if (method->needs.dense && !dense)
    return fail(ErrorKind::kInvalidInput, "method {} needs a dense feature; add signals or hash", method->name);
  if (method->needs.either && !dense && !sparse)
    return fail(ErrorKind::kInvalidInput, "method {} needs a feature; add signals, hash or tfidf", method->name);
  return candidate;
}

Status check_options(const TrainOptions& options) {
  if (options.folds < 2 || options.folds > kFoldsMax)
    return fail(ErrorKind::kInvalidInput, "folds: {} is outside 2..{}", options.folds, kFoldsMax);
  if (options.method == "auto" && (!options.options.empty() || !options.features.empty()))
    return fail(ErrorKind::kInvalidInput, "method auto chooses its own options and features; leave them out");
  if (options.worth && (!(options.worth->answer_usd > 0) || !(options.worth->second_usd >= 0)))
    return fail(ErrorKind::kInvalidInput, "worth: answer_usd must be positive and second_usd not negative");
  return {};
}

/// Working state of one training.
struct Training {
  const Dataset& data;
  const TrainOptions& options;
  math::CalibrationKind calibration_kind;
  base::Rng rng;
  TrainReport report;
  std::vector<Candidate> candidates;
  std::size_t chosen = 0;
  math::Calibration calibration;
  std::vector<std::uint32_t> fold_of;    ///< of the last cross-validation
  std::optional<CrossValidation> cross;  ///< kept where a blend is fitted from it
  std::optional<BlendPlan> plan;         ///< of method auto
};

std::vector<std::uint32_t> all_positions(const Dataset& data) {
  std::vector<std::uint32_t> positions(data.rows());
  std::iota(positions.begin(), positions.end(), 0U);
  return positions;
}

CandidateReport report_of(const Candidate& candidate) {
  CandidateReport report;
  report.method = candidate.method;
  report.options = candidate.options;
  for (const auto& spec : candidate.features) report.features.push_back(spec.name);
  return report;
}

/// Calibration error and Brier score where each fold is calibrated by the others.
void measure_calibration(const Pairs& pairs, std::size_t folds, math::CalibrationKind kind, TrainReport& report) {
  std::vector<double> probability(pairs.score.size());
  for (std::size_t f = 0; f < folds; ++f) {
    std::vector<double> score;
    std::vector<double> outcome;
    for (std::size_t i = 0; i < pairs.score.size(); ++i) {
      if (pairs.fold[i] == f) continue;
      score.push_back(pairs.score[i]);
      outcome.push_back(pairs.outcome[i]);
    }
    const auto calibration = math::Calibration::fit(kind, score, outcome);
    for (std::size_t i = 0; i < pairs.score.size(); ++i)
      if (pairs.fold[i] == f) probability[i] = calibration.apply(pairs.score[i]);
  }
  report.brier = math::brier(probability, pairs.outcome);
  report.calibration_error = math::calibration_error(probability, pairs.outcome);
}

void report_gain(Training& t, std::span<const double> quality, std::span<const double> single) {
  const std::size_t resamples =
      std::clamp<std::size_t>(20'000'000 / std::max<std::size_t>(1, single.size()), 200, 2000);
  const auto interval = math::paired_bootstrap(quality, single, resamples, t.rng.fork("bootstrap"));
  t.report.best_single_quality = math::mean(single);
  t.report.gain_over_best_single = interval.mean;
  t.report.gain_low = interval.low;
  t.report.gain_high = interval.high;
}

/// Quality of the best mean model of the other folds, for each used row.
std::vector<double> single_quality(const Training& t, const CrossValidation& cross) {
  std::vector<double> single;
  for (std::size_t i = 0; i < t.data.rows(); ++i) {
    if (t.fold_of[i] == kNotUsed) continue;
    const double quality = t.data.cell(i, static_cast<std::size_t>(cross.best_single[i])).quality;
    single.push_back(std::isnan(quality) ? 0.0 : quality);
  }
  return single;
}

/// Folds over all rows, or over a seeded sample of a table that is too large to learn from many times.
std::vector<std::uint32_t> selection_folds(const Training& t, std::size_t folds) {
  auto fold_of = assign_folds(t.data, folds, t.options.seed);
  if (t.data.rows() <= kSelectionRowsMax) return fold_of;
  auto order = all_positions(t.data);
  base::Rng rng = t.rng.fork("sample");
  rng.shuffle(order);
  for (std::size_t i = kSelectionRowsMax; i < order.size(); ++i) fold_of[order[i]] = kNotUsed;
  return fold_of;
}

/// Reports one candidate by its held-out estimates and gives what it scored.
Score add_report(Training& t, const CrossValidation& cross, const HeldOut& held, CandidateReport report,
                 const std::optional<core::Worth>& worth) {
  const Pairs pairs = held.preference ? Pairs{} : held_out_pairs(t.data, held, t.fold_of);
  t.calibration = math::Calibration::fit(t.calibration_kind, pairs.score, pairs.outcome);
  Score score = score_candidate(t.data, t.fold_of, cross, held, t.calibration, worth);
  report.quality = math::mean(score.quality);
  report.quality_se = math::standard_error(score.quality);
  report.utility = math::mean(score.utility);
  report.score = math::mean(score.score);
  t.report.candidates.push_back(std::move(report));
  return score;
}

/// Progress of one stage as a stretch of the whole.
Progress stage_of(const Training& t, double from, double to) {
  if (!t.options.progress) return {};
  return [&t, from, to](std::string_view stage, double done) {
    return t.options.progress(stage, from + (to - from) * done);
  };
}

/// Whether held-out rows show one to be better than another.
bool is_better(std::span<const double> one, std::span<const double> other) {
  std::vector<double> ahead(one.size());
  for (std::size_t i = 0; i < ahead.size(); ++i) ahead[i] = one[i] - other[i];
  return math::mean(ahead) > 0;
}

/// Nothing was seen to beat the first candidate, the means.
Status keep_simplest(Training& t) {
  t.plan.reset();
  t.chosen = 0;
  for (CandidateReport& candidate : t.report.candidates) candidate.weight = 0;
  t.report.candidates.back().chosen = false;
  t.report.candidates.front().chosen = true;
  const HeldOut& held = t.cross->candidates.front();
  const Pairs pairs = held_out_pairs(t.data, held, t.fold_of);
  t.calibration = math::Calibration::fit(t.calibration_kind, pairs.score, pairs.outcome);
  const auto worth = t.options.worth ? t.options.worth : derive_worth(t.data);
  const Score score = score_candidate(t.data, t.fold_of, *t.cross, held, t.calibration, worth);
  report_gain(t, score.quality, single_quality(t, *t.cross));
  measure_calibration(pairs, static_cast<std::size_t>(t.report.folds), t.calibration_kind, t.report);
  return {};
}

/// Chooses weights, pool and margin, and measures the whole choice in an outer cross-validation.
Status plan_auto(Training& t, std::size_t folds, std::size_t distinct, const std::optional<core::Worth>& worth) {
  const auto rates = exchange_rates(t.data, worth);
  TRY(t.plan, plan_blend(t.data, t.fold_of, folds, *t.cross, tiers_of(t.candidates), rates));
  for (std::size_t k = 0; k < t.plan->members.size(); ++k) {
    const route::BlendMember& member = t.plan->parts.members[k];
    t.report.candidates[t.plan->members[k]].weight = std::max(member.contrast_weight, member.level_weight);
  }
  const HeldOut blended{t.plan->estimate, false, {}};
  CandidateReport row;
  row.method = "blend";
  row.chosen = true;
  const Score score = add_report(t, *t.cross, blended, row, worth);
  if (!is_better(t.plan->value, t.plan->value_of_means)) return keep_simplest(t);
  measure_calibration(held_out_pairs(t.data, blended, t.fold_of), folds, t.calibration_kind, t.report);
  BlendReport report;
  const auto& models = t.data.table().models;
  for (std::size_t m = 0; m < models.size(); ++m)
    if (t.plan->parts.in_pool[m]) report.pool.push_back(models[m]);
  report.safe_model = models[t.plan->parts.safe_model];
  report.margin = t.plan->parts.margin;
  report.configurations = t.candidates.size();
  if (distinct < kNestedPromptsMin) {
    report_gain(t, score.quality, single_quality(t, *t.cross));
  } else {
    const auto outer_of = selection_folds(t, kOuterFolds);
    TRY(const auto nested, nested_score(t.data, outer_of, kOuterFolds, kInnerFolds, t.candidates, rates,
                                        t.rng.fork("nested"), stage_of(t, kCrossShare, 1)));
    report.outer_folds = static_cast<std::int64_t>(kOuterFolds);
    report_gain(t, nested.quality, nested.best_single);
  }
  t.report.blend = std::move(report);
  return {};
}

Status hold_out(Training& t) {
  const std::size_t distinct = distinct_prompts(t.data);
  t.report.duplicate_prompts = t.data.rows() - distinct;
  if (distinct < kDistinctPromptsMin || t.data.models() < 2) {
    for (const Candidate& candidate : t.candidates) t.report.candidates.push_back(report_of(candidate));
    t.report.candidates.front().chosen = true;
    if (t.options.method == "auto" && t.data.models() >= 2)
      t.report.warnings.push_back("too few different prompts for cross-validation; the means are used");
    return {};
  }
  const auto folds =
      static_cast<std::size_t>(std::min<std::int64_t>(t.options.folds, static_cast<std::int64_t>(distinct)));
  t.report.folds = static_cast<std::int64_t>(folds);
  t.fold_of = selection_folds(t, folds);
  const bool is_auto = t.options.method == "auto";
  TRY(t.cross, cross_validate(t.data, t.fold_of, folds, t.candidates, t.rng.fork("folds"),
                              stage_of(t, 0, is_auto ? kCrossShare : 1)));
  const auto worth = t.options.worth ? t.options.worth : derive_worth(t.data);
  if (worth) t.report.reference_worth = *worth;
  Score score;  // of the first candidate: the simplest, or the only one
  for (std::size_t c = 0; c < t.candidates.size(); ++c) {
    Score next = add_report(t, *t.cross, t.cross->candidates[c], report_of(t.candidates[c]), worth);
    if (c == 0) score = std::move(next);
  }
  if (is_auto) return plan_auto(t, folds, distinct, worth);
  t.report.candidates.front().chosen = true;
  const HeldOut& held = t.cross->candidates.front();
  report_gain(t, score.quality, single_quality(t, *t.cross));
  if (!held.preference)
    measure_calibration(held_out_pairs(t.data, held, t.fold_of), folds, t.calibration_kind, t.report);
  return {};
}

/// Per model: counted input tokens over the estimate, so that costs rest on the model's own vocabulary.
std::vector<double> input_token_ratios(const Dataset& data) {
  std::vector<double> counted(data.models(), 0.0);
  std::vector<double> estimated(data.models(), 0.0);
  feature::Description description;
  for (std::size_t i = 0; i < data.rows(); ++i) {
    bool described = false;
    for (std::size_t m = 0; m < data.models(); ++m) {
      const double tokens = data.cell(i, m).input_tokens;
      if (std::isnan(tokens)) continue;
      if (!described) data.describe(i, description);
      described = true;
      counted[m] += tokens;
      estimated[m] += static_cast<double>(description.input_tokens);
    }
  }
  for (std::size_t m = 0; m < data.models(); ++m)
    counted[m] = counted[m] > 0 && estimated[m] > 0 ? std::clamp(counted[m] / estimated[m], 0.05, 20.0) : 1.0;
  return counted;
}

std::vector<route::SnapshotModel> snapshot_models(const Dataset& data, const route::ModelMeans& means,
                                                  const Heads& heads) {
  std::vector<route::SnapshotModel> models;
  for (std::size_t m = 0; m < data.models(); ++m)
    models.push_back({data.table().models[m], std::clamp(means.mean[m], 0.0, 1.0),
                      static_cast<std::uint64_t>(means.count[m]), heads.output_tokens.known(m), heads.seconds.known(m),
                      heads.cost.known(m)});
  return models;
}

/// The router and its features, fitted on the rows given.
struct Fitted {
  feature::FeatureSet features;
  std::size_t router_dense_size = 0;
  std::unique_ptr<route::Router> router;
};

Result<Fitted> fit_one(Training& t, std::span<const std::uint32_t> positions, const base::Rng& rng) {
  const Candidate& candidate = t.candidates[t.chosen];
  TRY(const auto* method, route::require_method(candidate.method));
  Fitted out;
  std::vector<feature::FeatureSpec> specs = candidate.features;
  const bool has_signals =
      std::any_of(specs.begin(), specs.end(), [](const auto& spec) { return spec.name == "signals"; });
  if (!has_signals) specs.push_back({"signals", {}});
  TRY(out.features, feature::FeatureSet::fit(specs, t.data.source(positions), rng));
  out.router_dense_size = out.features.dense_size() - (has_signals ? 0 : feature::kSignalCount);
  const auto all = t.data.training_set(positions, out.features,
                                       {.tokens = method->needs.tokens, .documents = method->needs.documents});
  // The router does not see what only the heads read.
  const auto set = restrict_features(all, {0, out.router_dense_size, out.features.sparse_size() > 0});
  base::Rng method_rng = rng.fork(candidate.method);
  TRY(out.router, method->fit(set, candidate.options, method_rng));
  return out;
}

Result<Fitted> fit_planned(Training& t, std::span<const std::uint32_t> positions, const base::Rng& rng) {
  TRY(auto blend, fit_blend(t.data, positions, t.fold_of, t.candidates, *t.cross, *t.plan, rng));
  t.report.blend->distilled = blend.distilled;
  const std::size_t dense = blend.features.dense_size();
  return Fitted{std::move(blend.features), dense, std::move(blend.router)};
}

/// Fits what was chosen on all rows, or on a sample of a very large table.
Result<std::shared_ptr<const route::Snapshot>> fit_final(Training& t) {
  auto positions = all_positions(t.data);
  base::Rng rng = t.rng.fork("final");
  if (positions.size() > kFinalRowsMax) {
    base::Rng sample = rng.fork("sample");
    sample.shuffle(positions);
    positions.resize(kFinalRowsMax);
    std::sort(positions.begin(), positions.end());
    t.report.warnings.push_back(
        fmt::format("fitted on a sample of {} rows; more add little and take long", kFinalRowsMax));
  }
  TRY(auto fitted, t.plan ? fit_planned(t, positions, rng) : fit_one(t, positions, rng));
  route::Snapshot::Parts parts;
  parts.features = std::move(fitted.features);
  parts.router_dense_size = fitted.router_dense_size;
  parts.router = std::move(fitted.router);
  const auto set = t.data.training_set(positions, parts.features, {});
  TRY(auto heads, fit_heads(t.data, positions, set, HeadSet::kAll));
  const auto means = route::model_means(set);
  parts.header.models = snapshot_models(t.data, means, heads);
  const auto best = std::max_element(means.mean.begin(), means.mean.end()) - means.mean.begin();
  t.report.best_single = t.data.table().models[static_cast<std::size_t>(best)];
  if (t.report.folds == 0) t.report.best_single_quality = means.mean[static_cast<std::size_t>(best)];
  parts.header.method = t.plan ? "blend" : t.candidates[t.chosen].method;
  if (!t.plan) parts.header.options = t.candidates[t.chosen].options;
  parts.header.training_data_hash = t.data.table().content_hash;
  parts.header.training_rows = t.data.rows();
  parts.header.seed = t.options.seed;
  parts.header.calibration = t.calibration.kind() == math::CalibrationKind::kNone ? "none" : t.options.calibration;
  parts.header.calibration_error = t.report.calibration_error;
  parts.calibration = t.calibration;
  parts.input_token_ratio = input_token_ratios(t.data);
  parts.output_tokens = std::move(heads.output_tokens);
  parts.seconds = std::move(heads.seconds);
  parts.cost = std::move(heads.cost);
  return route::Snapshot::build(std::move(parts));
}

void add_warnings(Training& t, const route::SnapshotHeader& header) {
  auto& warnings = t.report.warnings;
  if (t.data.models() == 1) warnings.push_back("the table has one model; there is nothing to choose between");
  if (t.data.dropped() > 0)
    warnings.push_back(fmt::format("{} rows without any recorded quality were left out", t.data.dropped()));
  if (t.data.rows() < kFewRows)
    warnings.push_back(fmt::format("{} rows are few; estimates lean on the means", t.data.rows()));
  std::vector<std::string> no_seconds;
  std::vector<std::string> no_cost;
  for (const auto& model : header.models) {
    if (model.cells == 0) warnings.push_back(fmt::format("model '{}' has no recorded quality", model.name));
    if (!model.has_seconds) no_seconds.push_back(model.name);
    if (!model.has_tokens && !model.has_cost) no_cost.push_back(model.name);
  }
  const auto say = [&](std::string_view what, const std::vector<std::string>& names, std::string_view effect) {
    if (names.empty()) return;
    const bool all = names.size() == header.models.size();
    warnings.push_back(fmt::format("{} recorded for {}; {}", what,
                                   all ? "any model" : fmt::format("{}", fmt::join(names, ", ")), effect));
  };
  say("no seconds", no_seconds, "limits on latency and the worth of a second see a guess there");
  say("neither output tokens nor cost", no_cost, "cost is a guess there");
}

Result<TrainResult> train_on(const trace::OutcomeTable& table, const TrainOptions& options) {
  TRY(const auto kind, parse_calibration(options.calibration));
  TRY(const auto data, Dataset::make(table));
  if (data.rows() < 2)
    return fail(ErrorKind::kInvalidInput, "the outcome table has one row with recorded quality; at least 2 are needed");
  Training t{data, options, kind, base::Rng(options.seed), {}, {}, 0, {}, {}, {}, {}};
  t.report.rows = data.rows();
  t.report.rows_without_quality = data.dropped();
  if (options.method == "auto") {
    t.candidates = auto_candidates(data);
  } else {
    TRY(auto candidate, named_candidate(options));
    t.candidates.push_back(std::move(candidate));
  }
  CHECK_OK(hold_out(t));
  if (options.progress && !options.progress("fit on all rows", 1.0))
    return fail(ErrorKind::kCancelled, "training was interrupted");
  TRY(auto snapshot, fit_final(t));
  add_warnings(t, snapshot->header());
  t.report.words = report_words(t.report, data.models());
  return TrainResult{std::move(snapshot), std::move(t.report)};
}

}  // namespace

Result<TrainResult> train(const trace::OutcomeTable& table, const TrainOptions& options) {
  CHECK_OK(check_options(options));
  if (options.models.empty()) return train_on(table, options);
  trace::OutcomeTable kept = table;
  CHECK_OK(kept.keep_models(options.models));
  return train_on(kept, options);
}

}  // namespace thalamus::learn
