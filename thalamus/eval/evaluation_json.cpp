// An evaluation as one JSON object. Keys are only ever added; what is unknown or never reached is null.
#include <cmath>

#include "thalamus/base/json_writer.h"
#include "thalamus/eval/evaluation.h"

namespace thalamus::eval {
namespace {

double or_null(const std::optional<double>& value) { return value.value_or(NAN); }  // NaN is written as null

void write_interval(base::JsonWriter& out, std::string_view name, const math::Interval& interval) {
  out.key(name).begin_array().value(interval.low).value(interval.high).end_array();
}

void write_numbers(base::JsonWriter& out, std::string_view name, const std::vector<double>& values) {
  out.key(name).begin_array();
  for (const double value : values) out.value(value);
  out.end_array();
}

void write_points(base::JsonWriter& out, std::string_view name, const std::vector<math::CurvePoint>& points) {
  out.key(name).begin_array();
  for (const auto& point : points) out.begin_array().value(point.cost * 1000).value(point.quality).end_array();
  out.end_array();
}

void write_curve(base::JsonWriter& out, const std::optional<CurveScores>& curve) {
  if (!curve) {
    out.key("curve").null();
    return;
  }
  out.key("curve").begin_object().field("aiq", curve->aiq);
  write_interval(out, "aiq_ci95", curve->aiq_ci);
  out.field("aiq_over_zero_router", curve->aiq_over_zero_router).field("area", curve->deferral.area);
  out.field("area50", curve->deferral.area50).field("qnc", or_null(curve->deferral.qnc));
  out.field("perf_gain", curve->perf_gain).field("cost_save", or_null(curve->cost_save));
  out.field("pareto_dist", curve->pareto_distance).field("oracle_gap_closed", or_null(curve->oracle_gap_closed));
  write_points(out, "hull_usd_per_1k_quality", curve->hull);
  out.end_object();
}

void write_estimates(base::JsonWriter& out, const std::optional<EstimateScores>& scores) {
  if (!scores) {
    out.key("estimates").null();
    return;
  }
  out.key("estimates").begin_object().field("log_loss", scores->log_loss).field("auroc", or_null(scores->auroc));
  out.field("auprc", or_null(scores->auprc)).field("spearman", or_null(scores->spearman));
  out.field("r2", or_null(scores->r_squared)).field("aurc", scores->aurc);
  out.field("cost_mape", scores->cost ? scores->cost->mape : NAN);
  out.field("cost_bias", scores->cost ? scores->cost->bias : NAN).key("bins").begin_array();
  for (const auto& bin : scores->bins)
    out.begin_array().value(bin.forecast).value(bin.outcome).value(std::uint64_t{bin.count}).end_array();
  out.end_array().end_object();
}

void write_pair(base::JsonWriter& out, const std::optional<PairScores>& pair) {
  if (!pair) return;
  out.key("pair").begin_object().field("strong", pair->strong).field("apgr", pair->apgr).field("cpt50", pair->cpt50);
  out.field("cpt80", pair->cpt80).field("optimal_apgr", pair->optimal_apgr);
  out.field("length_apgr", pair->length_apgr).end_object();
}

void write_reference_delta(base::JsonWriter& out, const Evaluation& evaluation, const std::string& name) {
  for (const FamilyRow& row : evaluation.family) {
    if (row.name != name) continue;
    const std::string prefix = row.metric == "quality" ? "delta_" : "aiq_delta_";
    out.field(prefix + evaluation.reference, row.difference.interval.mean);
    write_interval(out, prefix + evaluation.reference + "_ci95_holm", row.difference.interval);
    out.field(prefix + evaluation.reference + "_p_holm", row.difference.p_adjusted);
  }
}

/// TEP and intelligence per watt; null where costs or watts are unknown.
void write_efficiency(base::JsonWriter& out, const MethodScore& row) {
  out.field("tep", row.elasticity ? or_null(row.elasticity->tep) : NAN);
  out.field("tep_quality_gain", row.elasticity ? row.elasticity->quality_gain : NAN);
  out.field("tep_cost_gain", row.elasticity ? row.elasticity->cost_gain : NAN);
  out.field("intelligence_per_watt", row.energy ? row.energy->intelligence_per_watt : NAN);
  out.field("accuracy_per_joule", row.energy ? or_null(row.energy->accuracy_per_joule) : NAN);
}

void write_method(base::JsonWriter& out, const Evaluation& evaluation, const MethodScore& row) {
  out.begin_object().field("name", row.name).field("quality", row.quality);
  write_interval(out, "quality_ci95", row.quality_ci);
  const bool costs = evaluation.costs_recorded;
  out.field("cost_usd_per_1k", costs ? row.cost_usd_per_1k : NAN)
      .field("delta_task_lookup", row.delta_task_lookup.mean);
  write_interval(out, "delta_task_lookup_ci95", row.delta_task_lookup);
  out.field("delta_best_single", row.delta_best_single.mean);
  write_interval(out, "delta_best_single_ci95", row.delta_best_single);
  out.field("cost_ratio_at_best_single_quality", row.curve ? or_null(row.curve->cost_ratio_at_best_single) : NAN);
  out.field("aiq", row.curve ? row.curve->aiq : NAN);
  out.field("brier", row.estimates ? row.estimates->brier : NAN);
  out.field("ece", row.estimates ? row.estimates->ece : NAN);
  out.field("route_us_p50", row.route_us_p50).field("route_us_p99", row.route_us_p99);
  out.field("quality_macro", row.quality_macro).field("seconds", evaluation.seconds_recorded ? row.seconds : NAN);
  out.field("train_seconds", row.train_seconds).field("unrecorded", row.unrecorded);
  write_reference_delta(out, evaluation, row.name);
  out.field("gain_random", row.gains.over_random).field("gain_best", row.gains.over_best);
  out.field("gap_oracle", row.gains.to_oracle).field("recall_rare", or_null(row.recall_at_rare));
  out.field("arena", costs ? row.arena : NAN).field("opt_sel", row.optimality.selection);
  out.field("opt_cost", costs ? row.optimality.cost : NAN);
  out.field("opt_acc", row.optimality.accuracy).field("arena_latency", arena_latency(row.route_us_p50 / 1000));
  out.field("regret", row.regret).field("selection_accuracy", row.selection_accuracy);
  out.field("hit2", row.hit2).field("hit3", row.hit3).field("cost_of_pass_usd", or_null(row.cost_of_pass));
  write_efficiency(out, row);
  write_curve(out, row.curve);
  write_estimates(out, row.estimates);
  write_pair(out, row.pair);
  out.key("chosen").begin_object();
  for (std::size_t m = 0; m < row.chosen.size(); ++m)
    if (row.chosen[m] > 0) out.field(evaluation.models[m], row.chosen[m]);
  out.end_object();
  write_numbers(out, "task_quality", row.task_quality);
  out.end_object();
}

void write_family(base::JsonWriter& out, const Evaluation& evaluation) {
  out.key("family").begin_object().field("reference", evaluation.reference);
  out.field("method", "paired bootstrap, other - reference, levels and p-values by Holm").key("rows").begin_array();
  for (const FamilyRow& row : evaluation.family) {
    out.begin_object().field("name", row.name).field("metric", row.metric);
    out.field("delta", row.difference.interval.mean);
    write_interval(out, "ci95_holm", row.difference.interval);
    out.field("level", row.difference.level).field("p", row.difference.p);
    out.field("p_holm", row.difference.p_adjusted).end_object();
  }
  out.end_array().end_object();
}

void write_robustness(base::JsonWriter& out, const std::vector<RobustnessRow>& rows) {
  out.key("robustness").begin_array();
  for (const RobustnessRow& row : rows) {
    out.begin_object().field("method", row.method).field("test", row.test).field("value", row.value);
    out.field("gate", row.gate).key("passed");
    if (row.passed) {
      out.value(*row.passed);
    } else {
      out.null();
    }
    out.field("note", row.note).end_object();
  }
  out.end_array();
}

}  // namespace

std::string to_json(const Evaluation& evaluation) {
  base::JsonWriter out;
  out.begin_object().field("table", evaluation.table);
  out.field("n_train", std::uint64_t{evaluation.n_train});
  out.field("n_test", std::uint64_t{evaluation.n_test});
  out.field("n_test_unrecorded", std::uint64_t{evaluation.n_test_unrecorded}).key("models").begin_array();
  for (const auto& model : evaluation.models) out.value(model);
  out.end_array().key("baselines").begin_object();
  for (const auto& row : evaluation.baselines) {
    out.key(row.name).begin_object().field("quality", row.quality);
    out.field("cost_usd_per_1k", evaluation.costs_recorded ? row.cost_usd_per_1k : NAN);
    out.field("quality_macro", row.quality_macro).field("seconds", evaluation.seconds_recorded ? row.seconds : NAN);
    write_numbers(out, "task_quality", row.task_quality);
    out.end_object();
  }
  out.end_object().key("methods").begin_array();
  for (const auto& row : evaluation.methods) write_method(out, evaluation, row);
  out.end_array().field("protocol", evaluation.protocol).field("splits", std::uint64_t{evaluation.splits});
  out.key("tasks").begin_array();
  for (const auto& task : evaluation.tasks)
    out.begin_object().field("name", task.name).field("rows", std::uint64_t{task.rows}).end_object();
  out.end_array();
  if (evaluation.has_costs()) {
    out.key("curves").begin_object().field("zero_router_aiq", evaluation.zero_router_aiq);
    out.field("oracle_aiq", evaluation.oracle_aiq);
    write_points(out, "zero_router_hull_usd_per_1k_quality", evaluation.zero_router);
    out.end_object();
  }
  if (!evaluation.family.empty()) write_family(out, evaluation);
  if (!evaluation.robustness.empty()) write_robustness(out, evaluation.robustness);
  out.key("notes").begin_array();
  for (const auto& note : evaluation.notes) out.value(note);
  out.end_array().end_object();
  return out.take() + "\n";
}

}  // namespace thalamus::eval
