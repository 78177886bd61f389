// The tables of the page.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "thalamus/eval/report_parts.h"

namespace thalamus::eval {
namespace {

std::string cell(const std::string& content, std::string_view css_class = "n") {
  return fmt::format(R"(<td class="{}">{}</td>)", css_class, content);
}

std::string number(double value, int digits = 4) {
  return std::isnan(value) ? "&ndash;" : fmt::format("{:.{}f}", value, digits);
}
std::string number(const std::optional<double>& value, int digits = 4) {
  return value ? number(*value, digits) : "&ndash;";
}

/// Green where the whole interval is above zero, red where it is below.
std::string difference(const math::Interval& interval) {
  const char* css = interval.low > 0 ? "n up" : interval.high < 0 ? "n down" : "n";
  return cell(fmt::format(R"({:+.4f} <small>[{:+.4f}, {:+.4f}]</small>)", interval.mean, interval.low, interval.high),
              css);
}

std::string head(const std::vector<std::string>& columns) {
  std::string out = R"(<div class="scroll"><table><thead><tr>)";
  for (std::size_t c = 0; c < columns.size(); ++c)
    out += fmt::format("<th{}>{}</th>", c == 0 ? " class=\"first\"" : "", columns[c]);
  return out + "</tr></thead><tbody>";
}
constexpr std::string_view kTail = "</tbody></table></div>";

std::string row_head(const std::string& name, bool strong) {
  return fmt::format(R"(<tr{}><th class="first" scope="row">{}</th>)", strong ? R"( class="reference")" : "",
                     escaped(name));
}

}  // namespace

std::string methods_table(const Evaluation& evaluation) {
  const bool costs = evaluation.has_costs();
  std::vector<std::string> columns{"method", "quality <small>95 %</small>", "macro", "over task lookup",
                                   "over best single"};
  if (costs) columns.insert(columns.end(), {"USD / 1k", "AIQ <small>95 %</small>", "cost at best single's quality"});
  columns.insert(columns.end(), {"Brier", "calibration error", "&micro;s p50", "&micro;s p99", "training s"});
  std::string out = head(columns);
  for (const auto& row : evaluation.methods) {
    out += row_head(row.name, row.name == evaluation.reference);
    out += cell(
        fmt::format("{:.4f} <small>[{:.4f}, {:.4f}]</small>", row.quality, row.quality_ci.low, row.quality_ci.high));
    out += cell(number(row.quality_macro)) + difference(row.delta_task_lookup) + difference(row.delta_best_single);
    if (costs) {
      out += cell(number(row.cost_usd_per_1k));
      out += cell(row.curve ? fmt::format("{:.4f} <small>[{:.4f}, {:.4f}]</small>", row.curve->aiq,
                                          row.curve->aiq_ci.low, row.curve->aiq_ci.high)
                            : "&ndash;");
      const auto ratio = row.curve ? row.curve->cost_ratio_at_best_single : std::nullopt;
      out += cell(ratio ? fmt::format("{:.1f} %", *ratio * 100) : "never");
    }
    out += cell(row.estimates ? number(row.estimates->brier, 3) : "&ndash;");
    out += cell(row.estimates ? number(row.estimates->ece, 3) : "&ndash;");
    out += cell(number(row.route_us_p50, 1)) + cell(number(row.route_us_p99, 1)) + cell(number(row.train_seconds, 1));
    out += "</tr>";
  }
  return out + std::string(kTail);
}

std::string baselines_table(const Evaluation& evaluation) {
  std::string out = head({"baseline", "quality", "macro", "USD / 1k", "seconds"});
  for (const auto& row : evaluation.baselines)
    out += row_head(row.name, false) + cell(number(row.quality)) + cell(number(row.quality_macro)) +
           cell(number(evaluation.costs_recorded ? row.cost_usd_per_1k : NAN)) +
           cell(number(evaluation.seconds_recorded ? row.seconds : NAN, 3)) + "</tr>";
  return out + std::string(kTail);
}

std::string curves_table(const Evaluation& evaluation) {
  std::string out = head({"method",
                          "over zero router",
                          "area",
                          "area&thinsp;50",
                          "QNC",
                          "cost save",
                          "perf gain",
                          "Pareto distance",
                          "oracle gap closed",
                          "arena",
                          "OptSel",
                          "OptCost",
                          "OptAcc",
                          "recall@rare",
                          "selection",
                          "AUROC",
                          "rank corr.",
                          "TEP",
                          "accuracy / W",
                          "accuracy / J"});
  for (const auto& row : evaluation.methods) {
    out += row_head(row.name, row.name == evaluation.reference);
    const auto& curve = row.curve;
    out += cell(curve ? fmt::format("{:+.4f}", curve->aiq_over_zero_router) : "&ndash;");
    out += cell(curve ? number(curve->deferral.area) : "&ndash;");
    out += cell(curve ? number(curve->deferral.area50) : "&ndash;");
    out += cell(curve ? number(curve->deferral.qnc, 3) : "&ndash;");
    out += cell(curve ? number(curve->cost_save, 3) : "&ndash;");
    out += cell(curve ? fmt::format("{:+.4f}", curve->perf_gain) : "&ndash;");
    out += cell(curve ? number(curve->pareto_distance) : "&ndash;");
    out += cell(curve ? number(curve->oracle_gap_closed, 3) : "&ndash;");
    out += cell(number(evaluation.costs_recorded ? row.arena : NAN)) + cell(number(row.optimality.selection, 3)) +
           cell(number(evaluation.costs_recorded ? row.optimality.cost : NAN, 3)) +
           cell(number(row.optimality.accuracy, 3));
    out += cell(number(row.recall_at_rare, 3)) + cell(number(row.selection_accuracy, 3));
    out += cell(row.estimates ? number(row.estimates->auroc, 3) : "&ndash;");
    out += cell(row.estimates ? number(row.estimates->spearman, 3) : "&ndash;");
    out += cell(row.elasticity ? number(row.elasticity->tep) : "&ndash;");
    out += cell(row.energy ? number(row.energy->intelligence_per_watt, 6) : "&ndash;");
    out += cell(row.energy ? number(row.energy->accuracy_per_joule, 6) : "&ndash;") + "</tr>";
  }
  return out + std::string(kTail);
}

std::string family_table(const Evaluation& evaluation) {
  std::string out = head(
      {"less " + escaped(evaluation.reference), "metric", "difference <small>simultaneous</small>", "p", "p, Holm"});
  for (const auto& row : evaluation.family)
    out += row_head(row.name, false) + cell(row.metric, "l") + difference(row.difference.interval) +
           cell(number(row.difference.p)) + cell(number(row.difference.p_adjusted)) + "</tr>";
  return out + std::string(kTail);
}

std::string tasks_table(const Evaluation& evaluation, const Highlight& marks) {
  std::vector<std::string> columns{"task", "rows", "best single", "task lookup", "task oracle"};
  for (const std::size_t i : marks.methods) columns.push_back(escaped(fitting_name(evaluation.methods[i].name)));
  std::string out = head(columns);
  const auto baseline = [&](std::string_view name) -> const BaselineScore* {
    for (const auto& row : evaluation.baselines)
      if (row.name == name) return &row;
    return nullptr;
  };
  const BaselineScore* best = baseline("best_single");
  const BaselineScore* lookup = baseline("task_lookup");
  const BaselineScore* oracle = baseline("dataset_oracle");
  if (best == nullptr || lookup == nullptr || oracle == nullptr) return {};
  for (std::size_t t = 0; t < evaluation.tasks.size(); ++t) {
    const auto& task = evaluation.tasks[t];
    out += row_head(task.name.empty() ? "(none)" : task.name, false) + cell(fmt::format("{}", task.rows));
    for (const auto* row : {best, lookup, oracle}) out += cell(number(row->task_quality[t]));
    for (const std::size_t i : marks.methods) {
      const double value = evaluation.methods[i].task_quality[t];
      const double over = value - best->task_quality[t];
      const double strength = std::min(1.0, std::abs(over) / 0.1);  // full colour from ten points on
      out += fmt::format(R"(<td class="n heat {}" style="--s:{:.2f}">{:.4f}</td>)", over >= 0 ? "up" : "down", strength,
                         value);
    }
    out += "</tr>";
  }
  return out + std::string(kTail);
}

std::string robustness_table(const Evaluation& evaluation) {
  std::vector<std::string> tests;
  std::vector<std::string> methods;
  std::map<std::pair<std::string, std::string>, const RobustnessRow*> rows;
  const auto note = [](std::vector<std::string>& names, const std::string& name) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  };
  std::map<std::string, std::string> gates;
  for (const RobustnessRow& row : evaluation.robustness) {
    note(tests, row.test);
    note(methods, row.method);
    rows[{row.test, row.method}] = &row;
    gates[row.test] = row.gate;
  }
  std::vector<std::string> columns{"test", "gate"};
  for (const auto& method : methods) columns.push_back(escaped(method));
  std::string out = head(columns);
  for (const auto& test : tests) {
    out += row_head(test, false) + cell(gates[test].empty() ? "reported" : escaped(gates[test]), "l");
    for (const auto& method : methods) {
      const auto found = rows.find({test, method});
      if (found == rows.end()) {
        out += cell("&ndash;");
        continue;
      }
      const RobustnessRow& row = *found->second;
      const char* css = !row.passed ? "n" : *row.passed ? "n up" : "n down";
      out += fmt::format(R"(<td class="{}" title="{}">{:.3f}{}</td>)", css, escaped(row.note), row.value,
                         !row.passed   ? ""
                         : *row.passed ? " &#10003;"
                                       : " &#10007;");
    }
    out += "</tr>";
  }
  return out + std::string(kTail);
}

}  // namespace thalamus::eval
