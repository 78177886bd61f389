#include "thalamus/eval/report_html.h"

#include <fmt/format.h>

#include <algorithm>

#include "thalamus/eval/report_parts.h"

namespace thalamus::eval {
namespace {

constexpr std::string_view kStyle = R"css(
:root{--bg:#fbfbf9;--ink:#1d2125;--soft:#5c656e;--line:#dcdfe2;--card:#fff;--up:#0a7d4b;--down:#b3352b;
--c0:#1f6fd6;--c1:#d1641a;--c2:#1c8f63;--c3:#9a4fc4;--c4:#b88a00;--c5:#c2386f;--c6:#2a97a8;--other:#b6bcc2}
@media (prefers-color-scheme:dark){:root{--bg:#14171a;--ink:#e6e8ea;--soft:#9aa3ab;--line:#33393f;--card:#1b1f23;
--up:#4cc38a;--down:#f2786d;--c0:#6aa9f7;--c1:#f0995c;--c2:#54c79a;--c3:#c08be6;--c4:#dcb441;--c5:#ee7fae;
--c6:#63c6d6;--other:#5a636b}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:1060px;padding:32px 22px 60px;background:var(--bg);color:var(--ink);
font:15px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
h1{font-size:25px;line-height:1.25;margin:0 0 4px;overflow-wrap:anywhere}h2{font-size:18px;margin:34px 0 8px}
p{margin:6px 0 12px;max-width:78ch}.sub{color:var(--soft);margin-bottom:18px}
.words{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:12px 18px}
.words p{margin:5px 0}
.note{color:var(--soft);font-size:13.5px}
.scroll{overflow-x:auto;border:1px solid var(--line);border-radius:8px;background:var(--card)}
table{border-collapse:collapse;width:100%;font-size:13px;font-variant-numeric:tabular-nums}
th,td{padding:5px 10px;border-bottom:1px solid var(--line);white-space:nowrap;text-align:right;font-weight:400}
thead th{font-weight:600;color:var(--soft);font-size:12px;vertical-align:bottom}
tbody tr:last-child>*{border-bottom:0}
.first{text-align:left;font-weight:500;position:sticky;left:0;background:var(--card)}td.l{text-align:left}
tr.reference>*{background:color-mix(in srgb,var(--c0) 9%,var(--card))}
td small,th small{color:var(--soft)}td.up{color:var(--up)}td.down{color:var(--down)}
td.heat{color:var(--ink)}
td.heat.up{background:color-mix(in srgb,var(--up) calc(var(--s)*45%),transparent)}
td.heat.down{background:color-mix(in srgb,var(--down) calc(var(--s)*45%),transparent)}
svg{width:100%;height:auto;display:block;background:var(--card);border:1px solid var(--line);border-radius:8px}
svg text{font:12px system-ui,-apple-system,"Segoe UI",Roboto,Arial,sans-serif;fill:var(--soft)}
svg .name,svg .label{fill:var(--ink)}svg .label{font-size:11px;paint-order:stroke;stroke:var(--card);
stroke-width:3px}
.grid{stroke:var(--line);stroke-width:1}
.curve{fill:none;stroke-width:2.2;stroke-linejoin:round}.whisker{stroke-width:2.4;stroke-linecap:round}
.c0{stroke:var(--c0)}.c1{stroke:var(--c1)}.c2{stroke:var(--c2)}.c3{stroke:var(--c3)}.c4{stroke:var(--c4)}
.c5{stroke:var(--c5)}.c6{stroke:var(--c6)}.c-other{stroke:var(--other)}.curve.c-other{stroke-width:1.2}
.fill{stroke:var(--card);stroke-width:1}.c0.fill{fill:var(--c0)}.c1.fill{fill:var(--c1)}.c2.fill{fill:var(--c2)}
.c3.fill{fill:var(--c3)}.c4.fill{fill:var(--c4)}.c5.fill{fill:var(--c5)}.c6.fill{fill:var(--c6)}
.c-other.fill{fill:var(--other)}
.zero{stroke:var(--ink);stroke-dasharray:6 4}.oracle{stroke:var(--soft);stroke-dasharray:2 4}
.diagonal{stroke:var(--other);stroke-width:1.2;stroke-dasharray:4 4}
.single{fill:var(--card);stroke:var(--ink);stroke-width:1.4}
.mark-best{stroke:var(--ink);stroke-width:1.4;stroke-dasharray:5 4}
.mark-lookup{stroke:var(--c1);stroke-width:1.4;stroke-dasharray:2 3}
.legend{font-size:12.5px;color:var(--soft);display:flex;flex-wrap:wrap;gap:4px 18px;max-width:none;margin-top:8px}
.key{display:inline-block;width:18px;height:3px;border-radius:2px;margin-right:6px;vertical-align:middle}
.b0{background:var(--c0)}.b1{background:var(--c1)}.b2{background:var(--c2)}.b3{background:var(--c3)}
.b4{background:var(--c4)}.b5{background:var(--c5)}.b6{background:var(--c6)}
.key.dash{height:0;width:24px;border-radius:0;background:none;border-top:2px dashed var(--ink)}
.key.dash.lookup{border-color:var(--c1)}
.key.dash.oracle{border-top:2px dotted var(--soft)}
.key.round{width:9px;height:9px;border-radius:50%;border:1.4px solid var(--ink)}
.small-plots{display:grid;grid-template-columns:repeat(auto-fill,minmax(250px,1fr));gap:14px}
figure{margin:0}figcaption{font-size:12.5px;color:var(--soft);margin-top:4px}
)css";

std::string section(std::string_view title, std::string_view note, const std::string& body) {
  if (body.empty()) return {};
  return fmt::format("<h2>{}</h2>{}{}\n", title, note.empty() ? "" : fmt::format(R"(<p class="note">{}</p>)", note),
                     body);
}

const MethodScore* best_by(const Evaluation& evaluation, double (*value)(const MethodScore&)) {
  const MethodScore* best = nullptr;
  for (const auto& method : evaluation.methods)
    if (best == nullptr || value(method) > value(*best)) best = &method;
  return best;
}

std::string verdict(const math::Interval& delta) {
  if (delta.low > 0) return "its 95 % interval lies above zero";
  if (delta.high < 0) return "its 95 % interval lies below zero";
  return "its 95 % interval includes zero, so this table does not tell the two apart";
}

std::string reference_words(const Evaluation& evaluation) {
  if (evaluation.family.empty()) return {};
  std::vector<std::string> better;
  std::size_t worse = 0;
  for (const auto& row : evaluation.family) {
    if (row.difference.interval.low > 0)
      better.push_back(fmt::format("{} ({}, {:+.4f})", row.name, row.metric, row.difference.interval.mean));
    worse += row.difference.interval.high < 0 ? 1 : 0;
  }
  std::string out = fmt::format("<p>Against {} comparisons taken together (Holm), {} is ahead of {}; ",
                                evaluation.family.size(), escaped(evaluation.reference), worse);
  if (better.empty()) return out + "nothing is ahead of it.</p>";
  return out + "ahead of it: " + escaped(fmt::format("{}", fmt::join(better, ", "))) + ".</p>";
}

std::string cost_words(const Evaluation& evaluation) {
  if (!evaluation.has_costs()) return "<p>The table records no costs that differ, so only quality is compared.</p>";
  const MethodScore* best = best_by(evaluation, [](const MethodScore& m) { return m.curve ? m.curve->aiq : 0.0; });
  if (best == nullptr || !best->curve) return {};
  std::string out = fmt::format(
      "<p>Over the whole range of costs {} has the best curve: average quality {:.4f}, {:+.4f} against mixing single "
      "models.",
      escaped(best->name), best->curve->aiq, best->curve->aiq_over_zero_router);
  if (best->curve->cost_ratio_at_best_single)
    out += fmt::format(
        " It reaches the best single model's quality at {:.0f} % of its cost (on the test rows, read off "
        "the curve in hindsight).",
        *best->curve->cost_ratio_at_best_single * 100);
  return out + "</p>";
}

std::string robustness_words(const Evaluation& evaluation) {
  if (evaluation.robustness.empty()) return {};
  std::size_t gates = 0;
  std::size_t passed = 0;
  for (const auto& row : evaluation.robustness) {
    gates += row.passed ? 1 : 0;
    passed += row.passed.value_or(false) ? 1 : 0;
  }
  return fmt::format("<p>Robustness: {} of {} gates passed over all methods.</p>", passed, gates);
}

std::string page(const Evaluation& evaluation) {
  const Highlight marks = highlight(evaluation);
  std::string out = fmt::format(
      "<h1>Routers compared on {}</h1><p class=\"sub\">Protocol {}: {} training rows, {} test rows{}, {} models, {} "
      "tasks. Made by thalamus eval.</p>",
      escaped(evaluation.table), escaped(evaluation.protocol), evaluation.n_train, evaluation.n_test,
      evaluation.splits > 1 ? fmt::format(", {} splits", evaluation.splits) : "", evaluation.models.size(),
      evaluation.tasks.size());
  out += R"(<div class="words">)" + summary_words(evaluation) + "</div>";
  if (!evaluation.methods.empty()) {
    out += section("Quality", "Decided by quality unless a worth was given. Bars are 95 % intervals over test rows.",
                   quality_figure(evaluation, marks));
    out += section("Methods", "Differences are paired over rows; green and red where the interval excludes zero.",
                   methods_table(evaluation));
    out +=
        section("Quality against cost",
                "Hulls of the exact curves over every worth of an answer; dots are the decisions by quality alone. A "
                "router is of use only above the dashed line.",
                curve_figure(evaluation, marks));
    out += section("Curve and selection metrics", "", curves_table(evaluation));
    if (!evaluation.family.empty())
      out += section("All against " + escaped(evaluation.reference),
                     "Paired bootstrap; levels and p-values by Holm, so that the rows of a metric hold together.",
                     family_table(evaluation));
    out += section("Calibration", "Estimated against recorded quality in 15 bins of equal mass.",
                   calibration_figure(evaluation, marks));
    out += section("Tasks", "Colour: above or below the best single model on that task, full from ten points on.",
                   tasks_table(evaluation, marks));
    out += section("Time of a decision", "From request text to plan, one core; dot p50, bar to p99.",
                   latency_figure(evaluation, marks));
  }
  if (!evaluation.robustness.empty())
    out += section("Robustness",
                   "At the worth where half of the test requests go to strong models (the better half by training "
                   "mean), unless one was given. Difficulty of the generated pairs is ours, not recorded.",
                   robustness_table(evaluation));
  out +=
      section("Baselines",
              "best_single and task_lookup are chosen on training rows; the oracles and the zero router see the test.",
              baselines_table(evaluation));
  std::string notes;
  for (const auto& note : evaluation.notes) notes += "<li>" + escaped(note) + "</li>";
  return out + section("Notes", "", notes.empty() ? "" : "<ul>" + notes + "</ul>");
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      default: out.push_back(c);
    }
  }
  return out;
}

std::string short_name(std::string_view model) {
  const std::size_t slash = model.rfind('/');
  return std::string(slash == std::string_view::npos ? model : model.substr(slash + 1));
}

std::string fitting_name(std::string_view name) {
  constexpr std::size_t kFittingBytes = 24;
  if (name.size() <= kFittingBytes) return std::string(name);
  name.remove_prefix(name.size() - kFittingBytes);
  while (!name.empty() && (static_cast<unsigned char>(name.front()) & 0xC0U) == 0x80U) name.remove_prefix(1);
  return "\xe2\x80\xa6" + std::string(name);
}

std::string summary_words(const Evaluation& evaluation) {
  if (evaluation.methods.empty()) return "<p>No method was evaluated.</p>";
  const MethodScore* best = best_by(evaluation, [](const MethodScore& m) { return m.quality; });
  const auto equals = std::count_if(evaluation.methods.begin(), evaluation.methods.end(),
                                    [&](const MethodScore& m) { return &m != best && m.quality == best->quality; });
  std::string out = fmt::format(
      "<p>Of {} methods <b>{}</b> collects the most quality, {:.4f}{}. Against always using the best single model that "
      "is {:+.4f}: {}. Against the best model per task, which is told the task, {:+.4f}: {}.</p>",
      evaluation.methods.size(), escaped(best->name), best->quality,
      equals > 0 ? fmt::format(", as much as {} other{}", equals, equals == 1 ? "" : "s") : "",
      best->delta_best_single.mean, verdict(best->delta_best_single), best->delta_task_lookup.mean,
      verdict(best->delta_task_lookup));
  return out + cost_words(evaluation) + reference_words(evaluation) + robustness_words(evaluation);
}

std::string to_html(const Evaluation& evaluation) {
  return fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
      "content=\"width=device-width, initial-scale=1\"><meta name=\"color-scheme\" content=\"light dark\">"
      "<title>Routers compared on {}</title><style>{}</style></head>\n<body>\n{}</body></html>\n",
      escaped(evaluation.table), kStyle, page(evaluation));
}

}  // namespace thalamus::eval
