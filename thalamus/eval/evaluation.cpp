#include "thalamus/eval/evaluation.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "thalamus/base/clock.h"
#include "thalamus/base/text.h"
#include "thalamus/eval/protocols.h"
#include "thalamus/eval/scoring.h"
#include "thalamus/learn/train.h"
#include "thalamus/route/decide.h"
#include "thalamus/route/router.h"

namespace thalamus::eval {
namespace {

constexpr std::string_view kSnapshotPrefix = "snapshot:";
constexpr std::string_view kAll = "all";
constexpr std::size_t kTimedRowsMax = 2'000;
constexpr std::size_t kUntimedRows = 32;  // the first rows grow buffers and fill caches

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
  const auto decide = [&](const trace::Row& row) {
    feature::describe_row(row.prompt, row.messages, row.tools, description);
    estimates.reset(targets.size());
    snapshot.estimate(description, map, targets, scratch, estimates);
    route::decide(estimates, contract, targets, {}, {.input_tokens = description.input_tokens}, rng, plan);
  };
  for (std::size_t i = 0; i < std::min(table.rows.size(), kUntimedRows); ++i) decide(table.rows[i]);
  for (std::size_t i = 0; i < std::min(table.rows.size(), kTimedRowsMax); ++i) {
    const Nanoseconds begun = clock.now();
    decide(table.rows[i]);
    microseconds.push_back((clock.now() - begun).seconds() * 1e6);
  }
  score.route_us_p50 = math::quantile(microseconds, 0.5);
  score.route_us_p99 = math::quantile(microseconds, 0.99);
}

void append(learn::EstimateMatrix& to, const learn::EstimateMatrix& from) {
  to.rows += from.rows;
  to.models = from.models;
  to.has_preference |= from.has_preference;
  const auto add = [](std::vector<double>& a, const std::vector<double>& b) { a.insert(a.end(), b.begin(), b.end()); };
  add(to.quality, from.quality);
  add(to.quality_sd, from.quality_sd);
  add(to.cost_usd, from.cost_usd);
  add(to.seconds, from.seconds);
  add(to.preference, from.preference);
}

/// Snapshots are read once more when their turn comes; here only what would make the whole evaluation pointless.
Status check_snapshots(const std::vector<std::string>& methods, const std::vector<std::string>& models,
                       std::vector<std::string>& notes) {
  for (const auto& method : methods) {
    if (!method.starts_with(kSnapshotPrefix)) continue;
    const std::string file = method.substr(kSnapshotPrefix.size());
    TRY(const auto snapshot, route::Snapshot::load_file(file));
    const auto own = snapshot->own_targets();
    const auto knows = [&](const std::string& model) {
      return std::any_of(own.begin(), own.end(), [&](const core::Target& target) { return target.name == model; });
    };
    const auto known = static_cast<std::size_t>(std::count_if(models.begin(), models.end(), knows));
    if (known == 0)
      return fail_at(file, ErrorKind::kInvalidInput, "the snapshot knows none of the table's {} models ({})",
                     models.size(), fmt::join(models, ", "));
    if (known < models.size())
      notes.push_back(fmt::format("{}: {} of {} models of the table are not in the snapshot", method,
                                  models.size() - known, models.size()));
  }
  return {};
}

/// The watts of each model, NaN where unknown.
Result<std::vector<double>> watts_of(const EvaluationOptions& options, const std::vector<std::string>& models) {
  std::vector<double> watts(options.watts.empty() ? 0 : models.size(), trace::kMissing);
  for (const auto& [name, value] : options.watts) {
    const auto found = std::find(models.begin(), models.end(), name);
    if (found == models.end())
      return fail(ErrorKind::kNotFound, "watts are given for '{}', which the table has not{}", name,
                  base::did_you_mean(name, models));
    if (!(value > 0) || !std::isfinite(value))
      return fail(ErrorKind::kInvalidInput, "watts of '{}': expected a finite number above 0, got {}", name, value);
    watts[static_cast<std::size_t>(found - models.begin())] = value;
  }
  return watts;
}

/// One evaluation under way.
struct Run {
  const std::vector<Fold>& folds;
  const trace::OutcomeTable& joined;
  const EvaluationOptions& options;
  Yardstick yardstick;
  core::Contract contract;
  double lambda = 0;
  std::vector<double> watts;
  Evaluation out;
  std::vector<Decided> decided;  ///< of out.methods, without the estimates
};

Status run_method(Run& run, const std::string& name) {
  Decided decided;
  const base::SystemClock clock;
  double train_seconds = 0;
  std::shared_ptr<const route::Snapshot> snapshot;
  for (const Fold& fold : run.folds) {
    const Nanoseconds begun = clock.now();
    TRY(snapshot, snapshot_of(name, fold.training, run.options.seed));
    train_seconds += (clock.now() - begun).seconds();
    const auto estimates = learn::estimate_table(*snapshot, fold.test);
    const auto choices = learn::choose(estimates, run.contract, std::vector<core::Target>(fold.test.models.size()));
    append(decided.estimates, estimates);
    decided.choices.insert(decided.choices.end(), choices.begin(), choices.end());
  }
  MethodScore score = score_method(name, decided, run.yardstick, run.lambda);
  score.energy = score_energy(decided, run.joined, run.watts);
  score.train_seconds = name.starts_with(kSnapshotPrefix) ? 0 : train_seconds;
  time_decisions(*snapshot, run.folds.back().test, run.contract, score);
  if (run.options.robustness) {
    RobustnessOptions options;
    options.worth = run.options.worth;
    options.seed = run.options.seed;
    const RobustnessSubject subject{name, snapshot.get(), &run.folds.back().training, &run.folds.back().test};
    TRY(auto rows, robustness_of(subject, options));
    std::move(rows.begin(), rows.end(), std::back_inserter(run.out.robustness));
  }
  decided.estimates = {};
  run.out.methods.push_back(std::move(score));
  run.decided.push_back(std::move(decided));
  return {};
}

/// Intervals of all means and differences from one bootstrap over the test rows.
void add_intervals(Run& run) {
  std::vector<std::vector<double>> columns{run.yardstick.baseline("best_single").quality,
                                           run.yardstick.baseline("task_lookup").quality};
  const std::size_t first = columns.size();
  for (const Decided& decided : run.decided) columns.push_back(decided.quality);
  const base::Rng rng(run.options.seed);
  const auto means = math::ResampledMeans::draw(columns, run.options.resamples, rng.fork("quality"));
  std::size_t reference = columns.size();
  for (std::size_t i = 0; i < run.out.methods.size(); ++i) {
    MethodScore& method = run.out.methods[i];
    method.quality_ci = means.mean(first + i);
    method.delta_best_single = means.difference(first + i, 0);
    method.delta_task_lookup = means.difference(first + i, 1);
    if (method.name == run.options.reference) reference = first + i;
  }
  if (reference == columns.size()) return;
  run.out.reference = run.options.reference;
  std::vector<std::string> names{"best_single", "task_lookup"};
  std::vector<std::size_t> others{0, 1};
  for (std::size_t i = 0; i < run.out.methods.size(); ++i) {
    if (first + i == reference) continue;
    names.push_back(run.out.methods[i].name);
    others.push_back(first + i);
  }
  const auto family = math::holm_family(means, others, reference);
  for (std::size_t i = 0; i < family.size(); ++i) run.out.family.push_back({names[i], "quality", family[i]});
}

/// The same of the AIQ, by its first-order expansion over rows.
void add_curve_intervals(Run& run) {
  if (!run.yardstick.has_costs()) return;
  std::vector<std::vector<double>> columns{zero_router_pseudo_values(run.yardstick)};
  std::vector<std::string> names{"zero_router"};
  std::vector<MethodScore*> owners{nullptr};
  for (std::size_t i = 0; i < run.out.methods.size(); ++i) {
    if (run.decided[i].aiq_pseudo.empty()) continue;
    columns.push_back(run.decided[i].aiq_pseudo);
    names.push_back(run.out.methods[i].name);
    owners.push_back(&run.out.methods[i]);
  }
  const base::Rng rng(run.options.seed);
  const auto means = math::ResampledMeans::draw(columns, run.options.resamples, rng.fork("aiq"));
  std::size_t reference = columns.size();
  for (std::size_t c = 1; c < columns.size(); ++c) {
    owners[c]->curve->aiq_ci = means.mean(c);
    if (names[c] == run.options.reference) reference = c;
  }
  if (reference == columns.size()) return;
  std::vector<std::size_t> others;
  for (std::size_t c = 0; c < columns.size(); ++c)
    if (c != reference) others.push_back(c);
  const auto family = math::holm_family(means, others, reference);
  for (std::size_t i = 0; i < family.size(); ++i) run.out.family.push_back({names[others[i]], "aiq", family[i]});
}

void describe(Run& run) {
  Evaluation& out = run.out;
  const Yardstick& yardstick = run.yardstick;
  out.n_train = run.folds.front().training.rows.size();
  out.n_test = run.joined.rows.size();
  out.splits = run.folds.size();
  out.models = run.joined.models;
  out.tasks = yardstick.tasks;
  for (const trace::Row& row : run.joined.rows)
    for (const trace::Cell& cell : row.cells) {
      out.costs_recorded |= !std::isnan(cell.cost_usd);
      out.seconds_recorded |= !std::isnan(cell.seconds);
    }
  out.cost_low_usd = yardstick.cost_low;
  out.cost_high_usd = yardstick.cost_high;
  if (yardstick.has_costs()) {
    out.zero_router = yardstick.zero_router;
    out.oracle_curve = yardstick.oracle;
    out.zero_router_aiq = math::average_quality(yardstick.zero_router, yardstick.cost_low, yardstick.cost_high);
    out.oracle_aiq = math::average_quality(yardstick.oracle, yardstick.cost_low, yardstick.cost_high);
  }
  for (const auto& baseline : yardstick.baselines) {
    BaselineScore score{baseline.name,
                        baseline.result.quality_mean,
                        baseline.result.quality_macro,
                        baseline.result.cost_usd_mean * 1000,
                        baseline.result.seconds_mean,
                        std::vector<double>(out.tasks.size(), 0.0)};
    for (std::size_t row = 0; row < baseline.result.quality.size(); ++row)
      score.task_quality[yardstick.task_of[row]] +=
          baseline.result.quality[row] / static_cast<double>(out.tasks[yardstick.task_of[row]].rows);
    out.baselines.push_back(std::move(score));
  }
}

Status check_folds(const std::vector<Fold>& folds) {
  if (folds.empty()) return fail(ErrorKind::kInvalidInput, "there is nothing to evaluate: no split has test rows");
  for (const Fold& fold : folds) {
    if (fold.training.models != fold.test.models)
      return fail(ErrorKind::kInvalidInput,
                  "the training and the test table have different models; keep the same with --models");
    if (fold.test.rows.empty() || fold.training.rows.empty())
      return fail(ErrorKind::kInvalidInput, "a split has no {}",
                  fold.test.rows.empty() ? "test rows with recorded quality" : "training rows");
  }
  return {};
}

}  // namespace

std::vector<std::string> expand_methods(const std::vector<std::string>& methods) {
  std::vector<std::string> names;
  const auto add = [&](std::string name) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(std::move(name));
  };
  for (const auto& method : methods) {
    if (method != kAll) {
      add(method);
      continue;
    }
    for (const auto& record : route::methods())
      if (record.name != "single") add(std::string(record.name));
    add("auto");
  }
  return names;
}

Status check_method_names(const std::vector<std::string>& methods) {
  std::vector<std::string> known = expand_methods({std::string(kAll)});
  known.insert(known.end(), {"single", std::string(kAll)});
  for (const auto& method : methods) {
    if (method.starts_with(kSnapshotPrefix) || std::find(known.begin(), known.end(), method) != known.end()) continue;
    return fail(ErrorKind::kNotFound, "there is no method '{}'{}; `thalamus methods` lists them", method,
                base::did_you_mean(method, known));
  }
  return {};
}

Result<Evaluation> evaluate(trace::OutcomeTable training, trace::OutcomeTable test, const EvaluationOptions& options) {
  std::vector<Fold> folds;
  folds.push_back({std::move(training), std::move(test)});
  return evaluate(std::move(folds), options);
}

Result<Evaluation> evaluate(std::vector<Fold> folds, const EvaluationOptions& options) {
  CHECK_OK(check_method_names(options.methods));
  std::size_t unrecorded = 0;
  for (Fold& fold : folds) unrecorded += drop_unrecorded(fold.test);
  std::erase_if(folds, [&](const Fold& fold) { return folds.size() > 1 && fold.test.rows.empty(); });
  CHECK_OK(check_folds(folds));
  const std::vector<std::string> methods = expand_methods(options.methods);
  std::vector<std::string> notes;
  if (unrecorded > 0)
    notes.push_back(fmt::format("{} test rows without any recorded quality are left out", unrecorded));
  CHECK_OK(check_snapshots(methods, folds.front().test.models, notes));
  TRY(auto watts, watts_of(options, folds.front().test.models));
  trace::OutcomeTable joined_rows;
  std::vector<learn::Split> splits;
  for (const Fold& fold : folds) splits.push_back({&fold.training, &fold.test});
  if (folds.size() > 1) {
    joined_rows.models = folds.front().test.models;
    for (const Fold& fold : folds)
      joined_rows.rows.insert(joined_rows.rows.end(), fold.test.rows.begin(), fold.test.rows.end());
  }
  const trace::OutcomeTable& joined = folds.size() > 1 ? joined_rows : folds.front().test;
  Run run{folds, joined, options, make_yardstick(splits, joined), contract_of(options), 0, std::move(watts), {}, {}};
  if (options.worth && options.worth->answer_usd > 0) run.lambda = 1 / options.worth->answer_usd;
  describe(run);
  run.out.notes = std::move(notes);
  run.out.n_test_unrecorded = unrecorded;
  for (const auto& name : methods) {
    if (options.progress) options.progress(name);
    if (const Status done = run_method(run, name); !done) {
      if (options.methods.size() == 1 && options.methods[0] != kAll) return std::unexpected(done.error());
      run.out.notes.push_back(fmt::format("{}: not evaluated: {}", name, done.error().text()));
    }
  }
  score_pareto(run.out.methods, run.yardstick);
  add_intervals(run);
  add_curve_intervals(run);
  return std::move(run.out);
}

}  // namespace thalamus::eval
