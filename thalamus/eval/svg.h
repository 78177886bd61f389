/// Drawing with axes into inline SVG. Colours are classes of the page's style sheet, so that light and dark both work.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace thalamus::eval {

enum class Scale : std::uint8_t { kLinear, kLog };

struct Axis {
  double low = 0;
  double high = 1;
  Scale scale = Scale::kLinear;
  std::string label;
};

/// A plot with two axes. Points outside the axes are clipped to the frame.
class Plot {
 public:
  Plot(double width, double height, Axis x, Axis y);
  void line(const std::vector<std::pair<double, double>>& points, std::string_view css_class);
  void dot(double x, double y, std::string_view css_class, std::string_view title, double radius = 3.5);
  void text(double x, double y, std::string_view words, std::string_view css_class, double dx = 6, double dy = -6);
  /// The whole SVG element; `title` is what a screen reader says.
  [[nodiscard]] std::string take(std::string_view title) const;

 private:
  [[nodiscard]] double px(double x) const;
  [[nodiscard]] double py(double y) const;
  void draw_grid();
  double width_;
  double height_;
  Axis x_;
  Axis y_;
  std::string body_;
};

/// Round values between the bounds, about `count` of them (powers of ten with 2 and 5 on a log axis).
[[nodiscard]] std::vector<double> ticks(const Axis& axis, int count);
[[nodiscard]] std::string tick_label(double value);
/// Microseconds in the unit that keeps the number short: "20 us", "5 ms", "2 s".
[[nodiscard]] std::string time_label(double microseconds);

}  // namespace thalamus::eval
