#include "thalamus/eval/evaluation.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "thalamus/base/clock.h"
#include "thalamus/base/json_writer.h"
#include "thalamus/learn/evaluate.h"
#include "thalamus/learn/train.h"
#include "thalamus/route/decide.h"
#include "thalamus/route/router.h"

namespace thalamus::eval {
namespace {

constexpr std::string_view kSnapshotPrefix = "snapshot:";
constexpr std::string_view kSinglePrefix = "single:";
constexpr std::size_t kTimedRowsMax = 2'000;

Result<std::shared_ptr<const route::Snapshot>> snapshot_of(const std::string& method,
                                                           const trace::OutcomeTable& training, std::uint64_t seed) {
  if (method.starts_with(kSnapshotPrefix)) return route::Snapshot::load_file(method.substr(kSnapshotPrefix.size()));
  learn::TrainOptions options;
  options.method = method;
  options.seed = seed;
  TRY(auto trained, learn::train(training, options));
  return trained.snapshot;
}

core::Contract contract_of(const EvaluationOptions& options) {
  core::Contract contract;
  contract.worth = options.worth;
  return contract;
}

/// The whole path from request text to plan, row by row.
void time_decisions(const route::Snapshot& snapshot, const trace::OutcomeTable& table, const core::Contract& contract,
                    MethodScore& score) {
  const std::vector<core::Target> targets = snapshot.own_targets();
  const route::TargetMap map = snapshot.map_own();
  const base::SystemClock clock;
  base::Rng rng(1);
  feature::Description description;
  description.reserve();
  route::Scratch scratch;
  snapshot.prepare(scratch);
  core::Estimates estimates;
  core::Plan plan;
  std::vector<double> microseconds;
  for (std::size_t i = 0; i < std::min(table.rows.size(), kTimedRowsMax); ++i) {
    const trace::Row& row = table.rows[i];
    const Nanoseconds begun = clock.now();
    feature::describe_row(row.prompt, row.messages, row.tools, description);
    estimates.reset(targets.size());
    snapshot.estimate(description, map, targets, scratch, estimates);
    route::decide(estimates, contract, targets, {}, {.input_tokens = description.input_tokens}, rng, plan);
    microseconds.push_back((clock.now() - begun).seconds() * 1e6);
  }
  score.route_us_p50 = math::quantile(microseconds, 0.5);
  score.route_us_p99 = math::quantile(microseconds, 0.99);
}

/// Estimated against recorded quality over all recorded cells.
void score_calibration(const learn::EstimateMatrix& estimates, const trace::OutcomeTable& table, MethodScore& score) {
  if (estimates.has_preference) return;
  std::vector<double> probability;
  std::vector<double> outcome;
  for (std::size_t row = 0; row < table.rows.size(); ++row) {
    for (std::size_t model = 0; model < table.models.size(); ++model) {
      const trace::Cell& cell = table.rows[row].cells[model];
      if (!cell.recorded()) continue;
      probability.push_back(estimates.quality[row * estimates.models + model]);
      outcome.push_back(cell.quality);
    }
  }
  score.brier = math::brier(probability, outcome);
  score.ece = math::calibration_error(probability, outcome);
}

struct Reference {
  const learn::PolicyResult* best_single = nullptr;
  const learn::PolicyResult* task_lookup = nullptr;
  double cost_low = 0;
  double cost_high = 0;
};

Reference reference_of(const std::vector<learn::Baseline>& baselines) {
  Reference reference;
  for (const auto& baseline : baselines) {
    if (baseline.name == "best_single") reference.best_single = &baseline.result;
    if (baseline.name == "task_lookup") reference.task_lookup = &baseline.result;
  }
  bool first = true;
  for (const auto& baseline : baselines) {
    if (!baseline.name.starts_with(kSinglePrefix)) continue;
    const double cost = baseline.result.cost_usd_mean;
    reference.cost_low = first ? cost : std::min(reference.cost_low, cost);
    reference.cost_high = first ? cost : std::max(reference.cost_high, cost);
    first = false;
  }
  return reference;
}

void score_curve(const learn::EstimateMatrix& estimates, const trace::OutcomeTable& test, const Reference& reference,
                 MethodScore& score) {
  if (estimates.has_preference || reference.cost_high <= reference.cost_low) return;
  const auto hull = math::non_decreasing_hull(learn::realised_curve(estimates, test));
  score.aiq = math::average_quality(hull, reference.cost_low, reference.cost_high);
  if (reference.best_single == nullptr || reference.best_single->cost_usd_mean <= 0) return;
  if (const auto cost = math::cost_at_quality(hull, reference.best_single->quality_mean))
    score.cost_ratio_at_best_single_quality = *cost / reference.best_single->cost_usd_mean;
}

MethodScore score_method(const std::string& name, const route::Snapshot& snapshot, const trace::OutcomeTable& test,
                         const Reference& reference, const EvaluationOptions& options) {
  MethodScore score;
  score.name = name;
  const core::Contract contract = contract_of(options);
  const learn::EstimateMatrix estimates = learn::estimate_table(snapshot, test);
  const std::vector<core::Target> targets(test.models.size());
  const auto choices = learn::choose(estimates, contract, targets);
  const learn::PolicyResult result = learn::score_choices(test, choices, name);
  score.quality = result.quality_mean;
  score.cost_usd_per_1k = result.cost_usd_mean * 1000;
  score.seconds = result.seconds_mean;
  score.unrecorded = result.unrecorded;
  const base::Rng rng(options.seed);
  score.quality_ci = math::paired_bootstrap(result.quality, {}, options.resamples, rng.fork("quality"));
  if (reference.task_lookup != nullptr)
    score.delta_task_lookup =
        math::paired_bootstrap(result.quality, reference.task_lookup->quality, options.resamples, rng.fork("lookup"));
  if (reference.best_single != nullptr)
    score.delta_best_single =
        math::paired_bootstrap(result.quality, reference.best_single->quality, options.resamples, rng.fork("single"));
  score_calibration(estimates, test, score);
  score_curve(estimates, test, reference, score);
  time_decisions(snapshot, test, contract, score);
  return score;
}

std::vector<std::string> expand(const std::vector<std::string>& methods) {
  std::vector<std::string> names;
  for (const auto& method : methods) {
    if (method != "all") {
      names.push_back(method);
      continue;
    }
    for (const auto& record : route::methods())
      if (record.name != "single") names.emplace_back(record.name);
    names.emplace_back("auto");
  }
  return names;
}

void write_interval(base::JsonWriter& out, std::string_view name, const math::Interval& interval) {
  out.key(name).begin_array().value(interval.low).value(interval.high).end_array();
}

}  // namespace

Result<Evaluation> evaluate(const trace::OutcomeTable& training, const trace::OutcomeTable& test,
                            const EvaluationOptions& options) {
  if (training.models != test.models)
    return fail(ErrorKind::kInvalidInput,
                "the training and the test table have different models; keep the same with --models");
  Evaluation out;
  out.n_train = training.rows.size();
  out.n_test = test.rows.size();
  out.models = test.models;
  const auto baselines = learn::baselines(training, test);
  for (const auto& baseline : baselines)
    out.baselines.push_back({baseline.name, baseline.result.quality_mean, baseline.result.cost_usd_mean * 1000,
                             baseline.result.seconds_mean});
  const Reference reference = reference_of(baselines);
  for (const auto& name : expand(options.methods)) {
    if (options.progress) options.progress(name);
    auto snapshot = snapshot_of(name, training, options.seed);
    if (!snapshot) {
      if (options.methods.size() == 1 && options.methods[0] != "all") return std::unexpected(snapshot.error());
      out.notes.push_back(fmt::format("{}: not evaluated: {}", name, snapshot.error().text()));
      continue;
    }
    out.methods.push_back(score_method(name, **snapshot, test, reference, options));
  }
  return out;
}

std::string to_text(const Evaluation& evaluation) {
  std::string out = fmt::format("{}: {} training rows, {} test rows, {} models\n\n", evaluation.table,
                                evaluation.n_train, evaluation.n_test, evaluation.models.size());
  out += fmt::format("{:28} {:>8} {:>12} {:>9}\n", "baseline", "quality", "USD per 1k", "seconds");
  for (const auto& row : evaluation.baselines)
    out += fmt::format("{:28} {:8.4f} {:12.4f} {:9.3f}\n", row.name, row.quality, row.cost_usd_per_1k, row.seconds);
  out += fmt::format("\n{:16} {:>7} {:>17} {:>24} {:>24} {:>11} {:>8} {:>6} {:>6} {:>9} {:>9}\n", "method", "quality",
                     "95 % interval", "over task lookup", "over best single", "USD per 1k", "seconds", "brier", "ece",
                     "us p50", "us p99");
  const auto interval = [](const math::Interval& i) {
    return fmt::format("{:+.4f} [{:+.3f},{:+.3f}]", i.mean, i.low, i.high);
  };
  for (const auto& row : evaluation.methods) {
    out +=
        fmt::format("{:16} {:7.4f} [{:.4f}, {:.4f}] {:>24} {:>24} {:11.4f} {:8.3f} {:6.3f} {:6.3f} {:9.1f} {:9.1f}\n",
                    row.name, row.quality, row.quality_ci.low, row.quality_ci.high, interval(row.delta_task_lookup),
                    interval(row.delta_best_single), row.cost_usd_per_1k, row.seconds, row.brier, row.ece,
                    row.route_us_p50, row.route_us_p99);
    if (row.unrecorded > 0)
      out += fmt::format("{:16} {} decisions for a model without a recorded outcome score 0\n", "", row.unrecorded);
  }
  for (const auto& note : evaluation.notes) out += "note: " + note + "\n";
  return out;
}

std::string to_json(const Evaluation& evaluation) {
  base::JsonWriter out;
  out.begin_object().field("table", evaluation.table);
  out.field("n_train", static_cast<std::uint64_t>(evaluation.n_train));
  out.field("n_test", static_cast<std::uint64_t>(evaluation.n_test)).key("models").begin_array();
  for (const auto& model : evaluation.models) out.value(model);
  out.end_array().key("baselines").begin_object();
  for (const auto& row : evaluation.baselines) {
    out.key(row.name).begin_object().field("quality", row.quality).field("cost_usd_per_1k", row.cost_usd_per_1k);
    out.field("seconds", row.seconds).end_object();
  }
  out.end_object().key("methods").begin_array();
  for (const auto& row : evaluation.methods) {
    out.begin_object().field("name", row.name).field("quality", row.quality);
    write_interval(out, "quality_ci95", row.quality_ci);
    out.field("cost_usd_per_1k", row.cost_usd_per_1k).field("seconds", row.seconds);
    out.field("delta_task_lookup", row.delta_task_lookup.mean);
    write_interval(out, "delta_task_lookup_ci95", row.delta_task_lookup);
    out.field("delta_best_single", row.delta_best_single.mean);
    write_interval(out, "delta_best_single_ci95", row.delta_best_single);
    out.field("cost_ratio_at_best_single_quality", row.cost_ratio_at_best_single_quality).field("aiq", row.aiq);
    out.field("brier", row.brier).field("ece", row.ece).field("route_us_p50", row.route_us_p50);
    out.field("route_us_p99", row.route_us_p99).field("unrecorded", row.unrecorded).end_object();
  }
  out.end_array().key("notes").begin_array();
  for (const auto& note : evaluation.notes) out.value(note);
  out.end_array().end_object();
  return out.take() + "\n";
}

}  // namespace thalamus::eval
