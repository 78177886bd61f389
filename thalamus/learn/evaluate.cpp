#include "thalamus/learn/evaluate.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <tuple>

#include "thalamus/base/text.h"
#include "thalamus/route/decide.h"

namespace thalamus::learn {
namespace {

const trace::Cell kNoCell{};

const trace::Cell& cell_of(const trace::Row& row, std::size_t model) noexcept {
  return model < row.cells.size() ? row.cells[model] : kNoCell;
}

double or_zero(double value) noexcept { return std::isnan(value) ? 0.0 : value; }

void finish(PolicyResult& result, const trace::OutcomeTable& table) {
  result.quality_mean = math::mean(result.quality);
  result.cost_usd_mean = math::mean(result.cost_usd);
  result.seconds_mean = math::mean(result.seconds);
  std::map<std::string_view, std::pair<double, double>> tasks;
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    auto& [sum, count] = tasks[table.rows[i].task];
    sum += result.quality[i];
    count += 1;
  }
  double macro = 0;
  for (const auto& [task, total] : tasks) macro += total.first / total.second;
  result.quality_macro = tasks.empty() ? 0 : macro / static_cast<double>(tasks.size());
}

/// Mean recorded quality of each model over some rows; missing cells are left out.
std::vector<double> means_over(const trace::OutcomeTable& table, const std::vector<std::size_t>& rows) {
  std::vector<double> mean(table.models.size(), -1.0);
  for (std::size_t m = 0; m < mean.size(); ++m) {
    double sum = 0;
    double count = 0;
    for (const std::size_t r : rows) {
      if (!cell_of(table.rows[r], m).recorded()) continue;
      sum += cell_of(table.rows[r], m).quality;
      count += 1;
    }
    if (count > 0) mean[m] = sum / count;
  }
  return mean;
}

std::map<std::string, std::vector<std::size_t>> rows_by_task(const trace::OutcomeTable& table) {
  std::map<std::string, std::vector<std::size_t>> tasks;
  for (std::size_t r = 0; r < table.rows.size(); ++r) tasks[table.rows[r].task].push_back(r);
  return tasks;
}

std::vector<std::size_t> all_rows(const trace::OutcomeTable& table) {
  std::vector<std::size_t> rows(table.rows.size());
  std::iota(rows.begin(), rows.end(), std::size_t{0});
  return rows;
}

/// Index in `test` of the best mean in `training` over some rows, compared by name; -1 where no name matches.
std::int32_t best_model(const trace::OutcomeTable& training, const std::vector<std::size_t>& rows,
                        const trace::OutcomeTable& test) {
  const auto means = means_over(training, rows);
  std::int32_t best = -1;
  double best_mean = -1;
  for (std::size_t m = 0; m < test.models.size(); ++m) {
    const auto found = std::find(training.models.begin(), training.models.end(), test.models[m]);
    if (found == training.models.end()) continue;
    const double mean = means[static_cast<std::size_t>(found - training.models.begin())];
    if (mean > best_mean) {
      best_mean = mean;
      best = static_cast<std::int32_t>(m);
    }
  }
  return best;
}

std::vector<std::int32_t> lookup_choices(const trace::OutcomeTable& training, const trace::OutcomeTable& test) {
  const auto tasks = rows_by_task(training);
  const std::int32_t fallback = best_model(training, all_rows(training), test);
  std::map<std::string_view, std::int32_t> best;
  for (const auto& [task, rows] : tasks) best[task] = best_model(training, rows, test);
  std::vector<std::int32_t> choices;
  for (const trace::Row& row : test.rows) {
    const auto found = best.find(row.task);
    choices.push_back(found == best.end() ? fallback : found->second);
  }
  return choices;
}

enum class FreeFailures : std::uint8_t { kNo, kYes };

PolicyResult oracle(const trace::OutcomeTable& table, FreeFailures free, std::string name) {
  std::vector<std::int32_t> choices;
  std::vector<bool> nobody;
  for (const trace::Row& row : table.rows) {
    std::int32_t best = -1;
    for (std::size_t m = 0; m < table.models.size(); ++m) {
      const trace::Cell& cell = cell_of(row, m);
      if (!cell.recorded()) continue;
      const trace::Cell& champion = best < 0 ? cell : cell_of(row, static_cast<std::size_t>(best));
      const bool better = cell.quality > champion.quality ||
                          (cell.quality == champion.quality && or_zero(cell.cost_usd) < or_zero(champion.cost_usd));
      if (best < 0 || better) best = static_cast<std::int32_t>(m);
    }
    choices.push_back(best);
    nobody.push_back(best < 0 || cell_of(row, static_cast<std::size_t>(best)).quality == 0);
  }
  PolicyResult result = score_choices(table, choices, std::move(name));
  if (free == FreeFailures::kYes) {
    for (std::size_t i = 0; i < nobody.size(); ++i)
      if (nobody[i]) result.cost_usd[i] = 0;
    finish(result, table);
  }
  return result;
}

PolicyResult expected_random(const trace::OutcomeTable& table) {
  PolicyResult result;
  result.name = "random";
  const auto models = static_cast<double>(std::max<std::size_t>(1, table.models.size()));
  for (const trace::Row& row : table.rows) {
    double quality = 0;
    double cost = 0;
    double seconds = 0;
    for (std::size_t m = 0; m < table.models.size(); ++m) {
      const trace::Cell& cell = cell_of(row, m);
      quality += or_zero(cell.quality) / models;
      cost += or_zero(cell.cost_usd) / models;
      seconds += or_zero(cell.seconds) / models;
      result.unrecorded += cell.recorded() ? 0 : 1;
    }
    result.quality.push_back(quality);
    result.cost_usd.push_back(cost);
    result.seconds.push_back(seconds);
  }
  finish(result, table);
  return result;
}

/// Row by row the expected outcome of the hull's mixture at a cost.
PolicyResult zero_router(const trace::OutcomeTable& test, double cost) {
  const auto hull = zero_router_hull(test);
  std::size_t above = 0;
  while (above + 1 < hull.size() && hull[above].cost < cost) ++above;
  const std::size_t below = above == 0 || hull[above].cost < cost ? above : above - 1;
  const double width = hull[above].cost - hull[below].cost;
  const double share = width > 0 ? (cost - hull[below].cost) / width : 1;
  const auto single = [&](std::size_t vertex) {
    return score_choices(
        test, std::vector<std::int32_t>(test.rows.size(), static_cast<std::int32_t>(hull[vertex].label)), "");
  };
  const PolicyResult cheap = single(below);
  PolicyResult result = single(above);
  result.name = "zero_router";
  result.unrecorded = std::max(result.unrecorded, cheap.unrecorded);
  for (std::size_t i = 0; i < result.quality.size(); ++i) {
    result.quality[i] = (1 - share) * cheap.quality[i] + share * result.quality[i];
    result.cost_usd[i] = (1 - share) * cheap.cost_usd[i] + share * result.cost_usd[i];
    result.seconds[i] = (1 - share) * cheap.seconds[i] + share * result.seconds[i];
  }
  finish(result, test);
  return result;
}

}  // namespace

PolicyResult score_choices(const trace::OutcomeTable& table, std::span<const std::int32_t> choices, std::string name) {
  PolicyResult result;
  result.name = std::move(name);
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    const std::int32_t choice = i < choices.size() ? choices[i] : -1;
    const trace::Cell& cell = choice < 0 ? kNoCell : cell_of(table.rows[i], static_cast<std::size_t>(choice));
    if (choice >= 0 && !cell.recorded()) ++result.unrecorded;
    result.quality.push_back(or_zero(cell.quality));
    result.cost_usd.push_back(or_zero(cell.cost_usd));
    result.seconds.push_back(or_zero(cell.seconds));
  }
  finish(result, table);
  return result;
}

EstimateMatrix estimate_table(const route::Snapshot& snapshot, const trace::OutcomeTable& table,
                              std::span<const core::Target> targets) {
  std::vector<core::Target> own;
  if (targets.empty()) {
    for (const std::string& model : table.models) {
      own.emplace_back();
      own.back().name = model;
    }
    targets = own;
  }
  route::TargetMap map = snapshot.map_targets(targets);
  map.recorded_cost = !own.empty();
  EstimateMatrix matrix;
  matrix.rows = table.rows.size();
  matrix.models = std::min(targets.size(), core::kTargetsMax);
  const std::size_t cells = matrix.rows * matrix.models;
  for (auto* column : {&matrix.quality, &matrix.quality_sd, &matrix.cost_usd, &matrix.seconds, &matrix.preference})
    column->reserve(cells);
  feature::Description description;
  route::Scratch scratch;
  core::Estimates estimates;
  for (const trace::Row& row : table.rows) {
    feature::describe_row(row.prompt, row.messages, row.tools, description);
    snapshot.estimate(description, map, targets, scratch, estimates);
    matrix.has_preference = estimates.has_preference;
    for (std::size_t m = 0; m < matrix.models; ++m) {
      matrix.quality.push_back(estimates[m].quality);
      matrix.quality_sd.push_back(estimates[m].quality_sd);
      matrix.cost_usd.push_back(estimates[m].cost_usd);
      matrix.seconds.push_back(estimates[m].seconds);
      matrix.preference.push_back(estimates[m].preference);
    }
  }
  return matrix;
}

std::vector<std::int32_t> choose(const EstimateMatrix& estimates, const core::Contract& contract,
                                 std::span<const core::Target> targets) {
  const std::vector<core::Target> unnamed(targets.empty() ? estimates.models : 0);
  if (targets.empty()) targets = unnamed;
  std::vector<std::int32_t> choices;
  choices.reserve(estimates.rows);
  core::Estimates row;
  core::Plan plan;
  base::Rng rng(0);
  for (std::size_t i = 0; i < estimates.rows; ++i) {
    row.reset(estimates.models);
    row.has_preference = estimates.has_preference;
    for (std::size_t m = 0; m < estimates.models; ++m) {
      const std::size_t at = i * estimates.models + m;
      row[m].quality = estimates.quality[at];
      row[m].quality_sd = estimates.quality_sd[at];
      row[m].cost_usd = estimates.cost_usd[at];
      row[m].seconds = estimates.seconds[at];
      row[m].preference = estimates.preference[at];
    }
    route::decide(row, contract, targets, {}, {}, rng, plan, {.explore_rate = 0});
    choices.push_back(plan.empty() ? -1 : static_cast<std::int32_t>(plan.first()));
  }
  return choices;
}

SweepInput SweepInput::of(const trace::OutcomeTable& table) {
  SweepInput input;
  for (const trace::Row& row : table.rows) {
    for (std::size_t m = 0; m < table.models.size(); ++m) {
      input.quality.push_back(cell_of(row, m).quality);
      input.cost_usd.push_back(cell_of(row, m).cost_usd);
    }
  }
  return input;
}

math::Sweep SweepInput::sweep(const EstimateMatrix& estimates) const noexcept {
  return {estimates.rows,     estimates.models, estimates.has_preference ? estimates.preference : estimates.quality,
          estimates.cost_usd, quality,          cost_usd};
}

math::Sweep SweepInput::oracle(std::size_t models) const noexcept {
  return {models == 0 ? 0 : quality.size() / models, models, quality, cost_usd, quality, cost_usd};
}

std::vector<math::CurvePoint> realised_curve(const EstimateMatrix& estimates, const trace::OutcomeTable& table) {
  const SweepInput input = SweepInput::of(table);
  return math::as_curve(math::swept_curve(input.sweep(estimates)));
}

std::vector<Baseline> baselines(const trace::OutcomeTable& training, const trace::OutcomeTable& test) {
  const Split split{&training, &test};
  return baselines(std::span(&split, 1), test);
}

std::vector<Baseline> baselines(std::span<const Split> splits, const trace::OutcomeTable& joined) {
  std::vector<std::int32_t> best_single;
  std::vector<std::int32_t> task_lookup;
  for (const Split& split : splits) {
    const std::int32_t best = best_model(*split.training, all_rows(*split.training), *split.test);
    best_single.insert(best_single.end(), split.test->rows.size(), best);
    const auto looked_up = lookup_choices(*split.training, *split.test);
    task_lookup.insert(task_lookup.end(), looked_up.begin(), looked_up.end());
  }
  std::vector<Baseline> rows;
  const auto add = [&](PolicyResult result) { rows.push_back({result.name, std::move(result)}); };
  add(expected_random(joined));
  add(score_choices(joined, best_single, "best_single"));
  const double best_single_cost = rows.back().result.cost_usd_mean;
  add(score_choices(joined, task_lookup, "task_lookup"));
  add(score_choices(joined, lookup_choices(joined, joined), "dataset_oracle"));
  add(oracle(joined, FreeFailures::kNo, "oracle"));
  add(oracle(joined, FreeFailures::kYes, "oracle_free"));
  add(zero_router(joined, best_single_cost));
  for (std::size_t m = 0; m < joined.models.size(); ++m) {
    const std::vector<std::int32_t> always(joined.rows.size(), static_cast<std::int32_t>(m));
    add(score_choices(joined, always, "single:" + joined.models[m]));
  }
  return rows;
}

std::vector<math::CurvePoint> zero_router_hull(const trace::OutcomeTable& table) {
  std::vector<math::CurvePoint> points;
  for (std::size_t m = 0; m < table.models.size(); ++m) {
    const auto result =
        score_choices(table, std::vector<std::int32_t>(table.rows.size(), static_cast<std::int32_t>(m)), "");
    points.push_back({result.cost_usd_mean, result.quality_mean, m});
  }
  return math::non_decreasing_hull(std::move(points));
}

Result<math::PairMetrics> pair_metrics(const trace::OutcomeTable& table, std::size_t strong, std::size_t weak,
                                       std::span<const double> score) {
  if (strong >= table.models.size() || weak >= table.models.size() || strong == weak)
    return fail(ErrorKind::kInvalidInput, "two different models of the table are needed, got columns {} and {}", strong,
                weak);
  if (score.size() != table.rows.size())
    return fail(ErrorKind::kInvalidInput, "{} scores for {} rows", score.size(), table.rows.size());
  std::vector<double> strong_quality;
  std::vector<double> weak_quality;
  for (const trace::Row& row : table.rows) {
    strong_quality.push_back(or_zero(cell_of(row, strong).quality));
    weak_quality.push_back(or_zero(cell_of(row, weak).quality));
  }
  return math::pair_metrics(strong_quality, weak_quality, score);
}

}  // namespace thalamus::learn
