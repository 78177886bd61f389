// An evaluation as a table for a terminal.
#include <fmt/format.h>

#include "thalamus/eval/evaluation.h"

namespace thalamus::eval {
namespace {

std::string signed_interval(const math::Interval& i) {
  return fmt::format("{:+.4f} [{:+.3f},{:+.3f}]", i.mean, i.low, i.high);
}

std::string number(const std::optional<double>& value, int digits = 4) {
  return value ? fmt::format("{:.{}f}", *value, digits) : "-";
}

/// A number that the table may not have recorded.
std::string recorded(bool known, double value, int digits = 4) { return known ? number(value, digits) : "-"; }

std::string baselines_text(const Evaluation& evaluation) {
  std::string out =
      fmt::format("{:44} {:>8} {:>8} {:>12} {:>9}\n", "baseline", "quality", "macro", "USD per 1k", "seconds");
  for (const auto& row : evaluation.baselines)
    out += fmt::format("{:44} {:8.4f} {:8.4f} {:>12} {:>9}\n", row.name, row.quality, row.quality_macro,
                       recorded(evaluation.costs_recorded, row.cost_usd_per_1k),
                       recorded(evaluation.seconds_recorded, row.seconds, 3));
  return out;
}

std::string methods_text(const Evaluation& evaluation) {
  std::string out = fmt::format("\n{:22} {:>7} {:>17} {:>7} {:>24} {:>24} {:>11} {:>8} {:>6} {:>6} {:>8} {:>8}\n",
                                "method", "quality", "95 % interval", "macro", "over task lookup", "over best single",
                                "USD per 1k", "seconds", "brier", "ece", "us p50", "us p99");
  for (const auto& row : evaluation.methods) {
    out += fmt::format(
        "{:22} {:7.4f} [{:.4f}, {:.4f}] {:7.4f} {:>24} {:>24} {:>11} {:>8} {:>6} {:>6} {:8.1f} {:8.1f}\n", row.name,
        row.quality, row.quality_ci.low, row.quality_ci.high, row.quality_macro, signed_interval(row.delta_task_lookup),
        signed_interval(row.delta_best_single), recorded(evaluation.costs_recorded, row.cost_usd_per_1k),
        recorded(evaluation.seconds_recorded, row.seconds, 3),
        row.estimates ? fmt::format("{:.3f}", row.estimates->brier) : "-",
        row.estimates ? fmt::format("{:.3f}", row.estimates->ece) : "-", row.route_us_p50, row.route_us_p99);
    if (row.unrecorded > 0)
      out += fmt::format("{:22} {} decisions for a model without a recorded outcome score 0\n", "", row.unrecorded);
  }
  return out;
}

std::string curves_text(const Evaluation& evaluation) {
  if (!evaluation.has_costs()) return {};
  std::string out =
      fmt::format("\n{:22} {:>7} {:>17} {:>9} {:>7} {:>7} {:>9} {:>9} {:>9} {:>10}\n", "quality-cost curve", "AIQ",
                  "95 % interval", "over zero", "area", "area50", "QNC", "cost save", "perf gain", "ParetoDist");
  out += fmt::format("{:22} {:7.4f}\n{:22} {:7.4f}\n", "zero_router", evaluation.zero_router_aiq, "oracle",
                     evaluation.oracle_aiq);
  for (const auto& row : evaluation.methods) {
    if (!row.curve) continue;
    const CurveScores& curve = *row.curve;
    out += fmt::format("{:22} {:7.4f} [{:.4f}, {:.4f}] {:+9.4f} {:7.4f} {:7.4f} {:>9} {:>9} {:+9.4f} {:10.4f}\n",
                       row.name, curve.aiq, curve.aiq_ci.low, curve.aiq_ci.high, curve.aiq_over_zero_router,
                       curve.deferral.area, curve.deferral.area50, number(curve.deferral.qnc), number(curve.cost_save),
                       curve.perf_gain, curve.pareto_distance);
  }
  return out;
}

std::string more_text(const Evaluation& evaluation) {
  std::string out = fmt::format(
      "\n{:22} {:>7} {:>8} {:>8} {:>7} {:>7} {:>7} {:>7} {:>7} {:>7} {:>7} {:>7} {:>7} {:>7}\n", "more", "Gain@R",
      "Gain@B", "Gap@O", "rare", "arena", "OptSel", "OptCost", "OptAcc", "regret", "select", "AUROC", "rank", "TEP");
  for (const auto& row : evaluation.methods) {
    const auto estimates = row.estimates.value_or(EstimateScores{});
    out += fmt::format(
        "{:22} {:7.4f} {:+8.4f} {:8.4f} {:>7} {:>7} {:7.4f} {:>7} {:7.4f} {:7.4f} {:7.4f} {:>7} {:>7} {:>7}\n",
        row.name, row.gains.over_random, row.gains.over_best, row.gains.to_oracle, number(row.recall_at_rare),
        recorded(evaluation.costs_recorded, row.arena), row.optimality.selection,
        recorded(evaluation.costs_recorded, row.optimality.cost), row.optimality.accuracy, row.regret,
        row.selection_accuracy, number(estimates.auroc), number(estimates.spearman),
        row.elasticity ? number(row.elasticity->tep) : "-");
    if (row.energy)
      out += fmt::format("{:22} intelligence per watt {:.4g}, accuracy per joule {}\n", "",
                         row.energy->intelligence_per_watt, number(row.energy->accuracy_per_joule, 6));
    if (row.pair)
      out += fmt::format("{:22} strong {}: APGR {:.4f}, CPT50 {:.4f}, CPT80 {:.4f}; length {:.4f}, optimal {:.4f}\n",
                         "", row.pair->strong, row.pair->apgr, row.pair->cpt50, row.pair->cpt80, row.pair->length_apgr,
                         row.pair->optimal_apgr);
  }
  return out;
}

std::string family_text(const Evaluation& evaluation) {
  if (evaluation.family.empty()) return {};
  std::string out = fmt::format("\nless {}, simultaneous 95 % (Holm)\n{:22} {:8} {:>26} {:>8} {:>8}\n",
                                evaluation.reference, "", "metric", "difference", "p", "p Holm");
  for (const auto& row : evaluation.family)
    out += fmt::format("{:22} {:8} {:>26} {:8.4f} {:8.4f}\n", row.name, row.metric,
                       signed_interval(row.difference.interval), row.difference.p, row.difference.p_adjusted);
  return out;
}

}  // namespace

std::string to_text(const Evaluation& evaluation) {
  std::string out = fmt::format("{}: protocol {}, {} training rows, {} test rows, {} models", evaluation.table,
                                evaluation.protocol, evaluation.n_train, evaluation.n_test, evaluation.models.size());
  if (evaluation.splits > 1) out += fmt::format(", {} splits (training rows of the first)", evaluation.splits);
  out += "\n\n" + baselines_text(evaluation);
  if (!evaluation.methods.empty())
    out += methods_text(evaluation) + curves_text(evaluation) + more_text(evaluation) + family_text(evaluation);
  out += to_text(evaluation.robustness);
  for (const auto& note : evaluation.notes) out += "note: " + note + "\n";
  return out;
}

}  // namespace thalamus::eval
