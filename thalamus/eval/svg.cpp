#include "thalamus/eval/svg.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "thalamus/eval/report_parts.h"

namespace thalamus::eval {
namespace {

constexpr double kLeft = 58;
constexpr double kRight = 16;
constexpr double kTop = 12;
constexpr double kBottom = 44;
constexpr int kTicks = 6;

double share_of(const Axis& axis, double value) {
  if (axis.scale == Scale::kLinear) return (value - axis.low) / (axis.high - axis.low);
  return (std::log(std::max(value, axis.low)) - std::log(axis.low)) / (std::log(axis.high) - std::log(axis.low));
}

}  // namespace

std::vector<double> ticks(const Axis& axis, int count) {
  std::vector<double> values;
  if (!(axis.high > axis.low)) return values;
  if (axis.scale == Scale::kLog) {
    const bool few_decades = std::log10(axis.high / axis.low) <= 3;
    for (double decade = std::pow(10, std::floor(std::log10(axis.low))); decade <= axis.high; decade *= 10)
      for (const double step : {1.0, 2.0, 5.0})
        if ((step == 1 || few_decades) && decade * step >= axis.low && decade * step <= axis.high)
          values.push_back(decade * step);
    return values;
  }
  const double rough = (axis.high - axis.low) / count;
  const double power = std::pow(10, std::floor(std::log10(rough)));
  const double step = power * (rough / power < 1.5 ? 1 : rough / power < 3.5 ? 2 : rough / power < 7.5 ? 5 : 10);
  for (double value = std::ceil(axis.low / step) * step; value <= axis.high + step * 1e-9; value += step)
    values.push_back(std::abs(value) < step * 1e-9 ? 0 : value);
  return values;
}

std::string tick_label(double value) { return fmt::format("{:.4g}", value); }

std::string time_label(double microseconds) {
  if (microseconds < 1e3) return fmt::format("{:.4g} us", microseconds);
  return microseconds < 1e6 ? fmt::format("{:.4g} ms", microseconds / 1e3)
                            : fmt::format("{:.4g} s", microseconds / 1e6);
}

Plot::Plot(double width, double height, Axis x, Axis y)
    : width_(width), height_(height), x_(std::move(x)), y_(std::move(y)) {
  draw_grid();
}

double Plot::px(double x) const { return kLeft + std::clamp(share_of(x_, x), 0.0, 1.0) * (width_ - kLeft - kRight); }
double Plot::py(double y) const {
  return height_ - kBottom - std::clamp(share_of(y_, y), 0.0, 1.0) * (height_ - kTop - kBottom);
}

void Plot::draw_grid() {
  for (const double value : ticks(x_, kTicks))
    body_ += fmt::format(
        R"(<line class="grid" x1="{0:.1f}" y1="{1:.1f}" x2="{0:.1f}" y2="{2:.1f}"/><text class="tick" x="{0:.1f}" )"
        R"(y="{3:.1f}" text-anchor="middle">{4}</text>)",
        px(value), kTop, height_ - kBottom, height_ - kBottom + 16, tick_label(value));
  for (const double value : ticks(y_, kTicks))
    body_ += fmt::format(
        R"(<line class="grid" x1="{0:.1f}" y1="{1:.1f}" x2="{2:.1f}" y2="{1:.1f}"/><text class="tick" x="{3:.1f}" )"
        R"(y="{4:.1f}" text-anchor="end">{5}</text>)",
        kLeft, py(value), width_ - kRight, kLeft - 7, py(value) + 4, tick_label(value));
  body_ += fmt::format(R"(<text class="axis" x="{:.1f}" y="{:.1f}" text-anchor="middle">{}</text>)",
                       (kLeft + width_ - kRight) / 2, height_ - 6, escaped(x_.label));
  body_ += fmt::format(
      R"svg(<text class="axis" transform="translate(14 {:.1f}) rotate(-90)" text-anchor="middle">{}</text>)svg",
      (kTop + height_ - kBottom) / 2, escaped(y_.label));
}

void Plot::line(const std::vector<std::pair<double, double>>& points, std::string_view css_class) {
  if (points.empty()) return;
  body_ += fmt::format(R"(<polyline class="{}" points=")", css_class);
  for (const auto& [x, y] : points) body_ += fmt::format("{:.1f},{:.1f} ", px(x), py(y));
  body_ += R"("/>)";
}

void Plot::dot(double x, double y, std::string_view css_class, std::string_view title, double radius) {
  body_ += fmt::format(R"(<circle class="{}" cx="{:.1f}" cy="{:.1f}" r="{:.1f}"><title>{}</title></circle>)", css_class,
                       px(x), py(y), radius, escaped(title));
}

void Plot::text(double x, double y, std::string_view words, std::string_view css_class, double dx, double dy) {
  const bool flip = px(x) > width_ - 130;  // near the right edge the words stand on the left
  body_ += fmt::format(R"(<text class="{}" x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>)", css_class,
                       px(x) + (flip ? -dx : dx), py(y) + dy, flip ? "end" : "start", escaped(words));
}

std::string Plot::take(std::string_view title) const {
  return fmt::format(R"(<svg viewBox="0 0 {:.0f} {:.0f}" role="img" aria-label="{}">{}</svg>)", width_, height_,
                     escaped(title), body_);
}

}  // namespace thalamus::eval
