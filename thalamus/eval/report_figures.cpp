// The figures of the page.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "thalamus/eval/report_parts.h"
#include "thalamus/eval/svg.h"

namespace thalamus::eval {
namespace {

constexpr double kLogFrom = 12;  // dearest over cheapest from which a log axis is used
constexpr int kSegmentSteps = 24;
constexpr std::size_t kLabelledModels = 6;
constexpr double kWide = 860;
constexpr std::string_view kSingle = "single:";

std::string colour_class(int colour) { return colour < 0 ? "c-other" : fmt::format("c{}", colour); }

double baseline_quality(const Evaluation& evaluation, std::string_view name) {
  for (const auto& baseline : evaluation.baselines)
    if (baseline.name == name) return baseline.quality;
  return 0;
}

/// Straight between vertices in linear cost, so that a log axis bends it; flat to both ends.
std::vector<std::pair<double, double>> hull_line(const std::vector<math::CurvePoint>& hull, double from, double to) {
  std::vector<std::pair<double, double>> line;
  if (hull.empty()) return line;
  for (std::size_t i = 0; i + 1 < hull.size(); ++i) {
    for (int step = 0; step < kSegmentSteps; ++step) {
      const double t = static_cast<double>(step) / kSegmentSteps;
      line.emplace_back((hull[i].cost + t * (hull[i + 1].cost - hull[i].cost)) * 1000,
                        hull[i].quality + t * (hull[i + 1].quality - hull[i].quality));
    }
  }
  line.emplace_back(hull.back().cost * 1000, hull.back().quality);
  if (line.back().first < to) line.emplace_back(to, hull.back().quality);
  if (line.front().first < from) line.front().first = from;
  return line;
}

std::string legend(const Evaluation& evaluation, const Highlight& marks, const std::vector<std::string>& others) {
  std::string out = R"(<p class="legend">)";
  for (const std::size_t i : marks.methods)
    out += fmt::format(R"(<span><i class="key b{}"></i>{}</span>)", marks.colour_of(i),
                       escaped(evaluation.methods[i].name));
  for (const auto& other : others) out += other;
  return out + "</p>";
}

}  // namespace

int Highlight::colour_of(std::size_t method) const noexcept {
  const auto found = std::find(methods.begin(), methods.end(), method);
  return found == methods.end() ? -1 : static_cast<int>(found - methods.begin());
}

Highlight highlight(const Evaluation& evaluation) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < evaluation.methods.size(); ++i) order.push_back(i);
  const auto value = [&](std::size_t i) {
    const MethodScore& method = evaluation.methods[i];
    const bool reference = method.name == evaluation.reference;
    return (reference ? 10.0 : 0.0) + (method.curve ? method.curve->aiq : method.quality);
  };
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return value(a) != value(b) ? value(a) > value(b) : a < b; });
  if (order.size() > kColoursMax) order.resize(kColoursMax);
  return {order};
}

std::string quality_figure(const Evaluation& evaluation, const Highlight& marks) {
  const double best = baseline_quality(evaluation, "best_single");
  const double lookup = baseline_quality(evaluation, "task_lookup");
  double low = std::min(best, lookup);
  double high = std::max(best, lookup);
  for (const auto& method : evaluation.methods) {
    low = std::min(low, method.quality_ci.low);
    high = std::max(high, method.quality_ci.high);
  }
  const double margin = std::max(0.01, (high - low) * 0.05);
  const Axis x{std::max(0.0, low - margin), std::min(1.0, high + margin), Scale::kLinear, ""};
  constexpr double kRow = 22;
  constexpr double kNames = 190;
  const double height = 34 + kRow * static_cast<double>(evaluation.methods.size());
  const auto at = [&](double value) { return kNames + (value - x.low) / (x.high - x.low) * (kWide - kNames - 20); };
  std::string body;
  for (const double value : ticks(x, 6))
    body += fmt::format(
        R"(<line class="grid" x1="{0:.1f}" y1="4" x2="{0:.1f}" y2="{1:.1f}"/><text class="tick" x="{0:.1f}" )"
        R"(y="{2:.1f}" )"
        R"(text-anchor="middle">{3}</text>)",
        at(value), height - 24, height - 8, tick_label(value));
  body +=
      fmt::format(R"(<line class="mark-best" x1="{0:.1f}" y1="4" x2="{0:.1f}" y2="{1:.1f}"/>)", at(best), height - 24);
  body += fmt::format(R"(<line class="mark-lookup" x1="{0:.1f}" y1="4" x2="{0:.1f}" y2="{1:.1f}"/>)", at(lookup),
                      height - 24);
  for (std::size_t i = 0; i < evaluation.methods.size(); ++i) {
    const MethodScore& method = evaluation.methods[i];
    const double y = 16 + kRow * static_cast<double>(i);
    const auto colour = colour_class(marks.colour_of(i));
    body += fmt::format(R"(<text class="name" x="{:.1f}" y="{:.1f}" text-anchor="end">{}</text>)", kNames - 10, y + 4,
                        escaped(fitting_name(method.name)));
    body += fmt::format(R"(<line class="{} whisker" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>)", colour,
                        at(method.quality_ci.low), y, at(method.quality_ci.high), y);
    body += fmt::format(R"(<circle class="{} fill" cx="{:.1f}" cy="{:.1f}" r="4.5"><title>)"
                        R"({}: {:.4f} [{:.4f}, {:.4f}]</title></circle>)",
                        colour, at(method.quality), y, escaped(method.name), method.quality, method.quality_ci.low,
                        method.quality_ci.high);
  }
  return fmt::format(R"(<svg viewBox="0 0 {:.0f} {:.0f}" role="img" aria-label="Quality with intervals">{}</svg>)"
                     R"(<p class="legend"><span><i class="key dash best"></i>best single model (by training)</span>)"
                     R"(<span><i class="key dash lookup"></i>best model per task, told the task</span></p>)",
                     kWide, height, body);
}

std::string curve_figure(const Evaluation& evaluation, const Highlight& marks) {
  if (!evaluation.has_costs()) return {};
  const double from = evaluation.cost_low_usd * 1000;
  const double to = evaluation.cost_high_usd * 1000;
  const bool log = from > 0 && to / from > kLogFrom;
  double low = 1;
  double high = 0;
  const auto widen = [&](const std::vector<math::CurvePoint>& points) {
    for (const auto& point : points) {
      low = std::min(low, point.quality);
      high = std::max(high, point.quality);
    }
  };
  widen(evaluation.zero_router);
  for (const auto& method : evaluation.methods)
    if (method.curve) widen(method.curve->hull);
  widen(evaluation.oracle_curve);
  for (const auto& baseline : evaluation.baselines)
    if (baseline.name.starts_with(kSingle)) widen({{baseline.cost_usd_per_1k / 1000, baseline.quality}});
  Plot plot(kWide, 430,
            {log ? from * 0.8 : 0, to * 1.05, log ? Scale::kLog : Scale::kLinear,
             log ? "mean cost, USD per 1,000 requests (log scale)" : "mean cost, USD per 1,000 requests"},
            {std::max(0.0, low - 0.02), std::min(1.0, high + 0.015), Scale::kLinear, "quality"});
  plot.line(hull_line(evaluation.oracle_curve, from, to), "curve oracle");
  for (std::size_t i = 0; i < evaluation.methods.size(); ++i)
    if (evaluation.methods[i].curve && marks.colour_of(i) < 0)
      plot.line(hull_line(evaluation.methods[i].curve->hull, from, to), "curve c-other");
  plot.line(hull_line(evaluation.zero_router, from, to), "curve zero");
  for (std::size_t n = marks.methods.size(); n-- > 0;) {
    const MethodScore& method = evaluation.methods[marks.methods[n]];
    if (!method.curve) continue;
    const auto colour = colour_class(static_cast<int>(n));
    plot.line(hull_line(method.curve->hull, from, to), "curve " + colour);
    plot.dot(method.cost_usd_per_1k, method.quality, colour + " fill", method.name + ", decided by quality", 4);
  }
  std::size_t labelled = 0;
  for (const auto& baseline : evaluation.baselines) {
    if (!baseline.name.starts_with(kSingle)) continue;
    const std::string model = baseline.name.substr(kSingle.size());
    plot.dot(baseline.cost_usd_per_1k, baseline.quality, "single", model, 3);
    const bool on_hull = std::any_of(evaluation.zero_router.begin(), evaluation.zero_router.end(),
                                     [&](const auto& vertex) { return evaluation.models[vertex.label] == model; });
    if (on_hull && labelled++ < kLabelledModels)
      plot.text(baseline.cost_usd_per_1k, baseline.quality, short_name(model), "label", 6, 14);
  }
  return plot.take("Quality against cost") +
         legend(evaluation, marks,
                {R"(<span><i class="key dash zero"></i>zero router: mixtures of single models</span>)",
                 R"(<span><i class="key dash oracle"></i>oracle, told the outcomes</span>)",
                 R"(<span><i class="key round"></i>single model</span>)"});
}

std::string calibration_figure(const Evaluation& evaluation, const Highlight& marks) {
  std::string out = R"(<div class="small-plots">)";
  for (std::size_t n = 0; n < marks.methods.size(); ++n) {
    const MethodScore& method = evaluation.methods[marks.methods[n]];
    if (!method.estimates) continue;
    Plot plot(280, 250, {0, 1, Scale::kLinear, "estimated"}, {0, 1, Scale::kLinear, "recorded"});
    plot.line({{0, 0}, {1, 1}}, "curve diagonal");
    std::vector<std::pair<double, double>> points;
    for (const auto& bin : method.estimates->bins) points.emplace_back(bin.forecast, bin.outcome);
    const auto colour = colour_class(static_cast<int>(n));
    plot.line(points, "curve " + colour);
    for (const auto& bin : method.estimates->bins)
      plot.dot(bin.forecast, bin.outcome, colour + " fill",
               fmt::format("{} outcomes: estimated {:.3f}, recorded {:.3f}", bin.count, bin.forecast, bin.outcome), 3);
    out += fmt::format("<figure>{}<figcaption>{}: error {:.3f}, Brier {:.3f}</figcaption></figure>",
                       plot.take("Calibration of " + method.name), escaped(method.name), method.estimates->ece,
                       method.estimates->brier);
  }
  return out + "</div>";
}

std::string latency_figure(const Evaluation& evaluation, const Highlight& marks) {
  double low = 1e9;
  double high = 1;
  for (const auto& method : evaluation.methods) {
    low = std::min(low, std::max(0.1, method.route_us_p50));
    high = std::max(high, method.route_us_p99);
  }
  const Axis x{low * 0.7, high * 1.3, Scale::kLog, ""};
  constexpr double kRow = 20;
  constexpr double kNames = 190;
  const double height = 34 + kRow * static_cast<double>(evaluation.methods.size());
  const auto at = [&](double value) {
    return kNames + (std::log(std::max(value, x.low)) - std::log(x.low)) / (std::log(x.high) - std::log(x.low)) *
                        (kWide - kNames - 20);
  };
  std::string body;
  for (const double value : ticks(x, 6))
    body += fmt::format(
        R"(<line class="grid" x1="{0:.1f}" y1="4" x2="{0:.1f}" y2="{1:.1f}"/><text class="tick" x="{0:.1f}" )"
        R"(y="{2:.1f}" )"
        R"(text-anchor="middle">{3}</text>)",
        at(value), height - 24, height - 8, time_label(value));
  for (std::size_t i = 0; i < evaluation.methods.size(); ++i) {
    const MethodScore& method = evaluation.methods[i];
    const double y = 15 + kRow * static_cast<double>(i);
    const auto colour = colour_class(marks.colour_of(i));
    body += fmt::format(R"(<text class="name" x="{:.1f}" y="{:.1f}" text-anchor="end">{}</text>)", kNames - 10, y + 4,
                        escaped(fitting_name(method.name)));
    body += fmt::format(R"(<line class="{} whisker" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>)", colour,
                        at(method.route_us_p50), y, at(method.route_us_p99), y);
    body +=
        fmt::format(R"(<circle class="{} fill" cx="{:.1f}" cy="{:.1f}" r="4"><title>)"
                    R"({}: p50 {:.1f} us, p99 {:.1f} us</title></circle>)",
                    colour, at(method.route_us_p50), y, escaped(method.name), method.route_us_p50, method.route_us_p99);
  }
  return fmt::format(R"(<svg viewBox="0 0 {:.0f} {:.0f}" role="img" aria-label="Time of a decision">{}</svg>)", kWide,
                     height, body);
}

}  // namespace thalamus::eval
