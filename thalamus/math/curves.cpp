#include "thalamus/math/curves.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <tuple>

#include "thalamus/math/stats.h"

namespace thalamus::math {

std::vector<CurvePoint> non_decreasing_hull(std::vector<CurvePoint> points) {
  std::sort(points.begin(), points.end(), [](const CurvePoint& a, const CurvePoint& b) {
    if (a.cost != b.cost) return a.cost < b.cost;
    return a.quality != b.quality ? a.quality > b.quality : a.label < b.label;
  });
  std::vector<CurvePoint> hull;
  double best = -std::numeric_limits<double>::infinity();
  for (const CurvePoint& point : points) {
    if (!(point.quality > best)) continue;
    best = point.quality;
    while (hull.size() >= 2) {
      const CurvePoint& a = hull[hull.size() - 2];
      const CurvePoint& b = hull.back();
      const double cross =
          (b.cost - a.cost) * (point.quality - a.quality) - (b.quality - a.quality) * (point.cost - a.cost);
      if (cross < 0) break;  // b lies above the chord
      hull.pop_back();
    }
    hull.push_back(point);
  }
  return hull;
}

double hull_quality(std::span<const CurvePoint> hull, double cost) noexcept {
  if (hull.empty()) return 0;
  if (cost <= hull.front().cost) return hull.front().quality;
  for (std::size_t i = 1; i < hull.size(); ++i) {
    if (cost > hull[i].cost) continue;
    const double share = (cost - hull[i - 1].cost) / (hull[i].cost - hull[i - 1].cost);
    return hull[i - 1].quality + share * (hull[i].quality - hull[i - 1].quality);
  }
  return hull.back().quality;
}

double average_quality(std::span<const CurvePoint> hull, double cost_low, double cost_high) noexcept {
  if (hull.empty() || !(cost_high > cost_low)) return 0;
  double area = 0;
  double at = cost_low;
  double quality = hull_quality(hull, cost_low);
  for (const CurvePoint& vertex : hull) {
    if (vertex.cost <= at) continue;
    if (vertex.cost >= cost_high) break;
    area += (vertex.cost - at) * (quality + vertex.quality) / 2;
    at = vertex.cost;
    quality = vertex.quality;
  }
  area += (cost_high - at) * (quality + hull_quality(hull, cost_high)) / 2;
  return area / (cost_high - cost_low);
}

std::optional<double> cost_at_quality(std::span<const CurvePoint> hull, double quality) noexcept {
  if (hull.empty() || hull.back().quality < quality) return std::nullopt;
  if (hull.front().quality >= quality) return hull.front().cost;
  for (std::size_t i = 1; i < hull.size(); ++i) {
    if (hull[i].quality < quality) continue;
    const double share = (quality - hull[i - 1].quality) / (hull[i].quality - hull[i - 1].quality);
    return hull[i - 1].cost + share * (hull[i].cost - hull[i - 1].cost);
  }
  return std::nullopt;
}

void envelope(std::span<const double> quality, std::span<const double> cost, std::vector<double>& breakpoints,
              std::vector<std::size_t>& winners) {
  breakpoints.clear();
  winners.clear();
  const std::size_t models = std::min(quality.size(), cost.size());
  if (models == 0) return;
  std::size_t current = 0;
  for (std::size_t m = 1; m < models; ++m) {
    if (quality[m] > quality[current] || (quality[m] == quality[current] && cost[m] < cost[current])) current = m;
  }
  winners.push_back(current);
  double lambda = 0;
  // Each step moves to a strictly cheaper line, so there are fewer steps than models.
  for (std::size_t step = 0; step < models; ++step) {
    std::size_t next = models;
    double next_lambda = std::numeric_limits<double>::infinity();
    for (std::size_t m = 0; m < models; ++m) {
      if (!(cost[m] < cost[current])) continue;
      const double crossing = std::max(lambda, (quality[current] - quality[m]) / (cost[current] - cost[m]));
      if (crossing < next_lambda || (crossing == next_lambda && cost[m] < cost[next])) {
        next = m;
        next_lambda = crossing;
      }
    }
    if (next == models) return;
    breakpoints.push_back(next_lambda);
    winners.push_back(next);
    current = next;
    lambda = next_lambda;
  }
}

namespace {

/// The models of one row that have an estimate, and the upper envelope of their lines.
class RowEnvelope {
 public:
  void read(const Sweep& sweep, std::size_t row) {
    models_.clear();
    quality_.clear();
    cost_.clear();
    for (std::size_t m = 0; m < sweep.models; ++m) {
      const double quality = sweep.estimated_quality[row * sweep.models + m];
      if (std::isnan(quality)) continue;
      const double cost = sweep.estimated_cost[row * sweep.models + m];
      models_.push_back(m);
      quality_.push_back(quality);
      cost_.push_back(std::isnan(cost) ? 0.0 : cost);
    }
    envelope(quality_, cost_, breakpoints, winners_);
  }
  [[nodiscard]] bool empty() const noexcept { return winners_.empty(); }
  [[nodiscard]] std::size_t winner(std::size_t interval) const noexcept { return models_[winners_[interval]]; }

  std::vector<double> breakpoints;

 private:
  std::vector<std::size_t> models_;
  std::vector<double> quality_;
  std::vector<double> cost_;
  std::vector<std::size_t> winners_;
};

double or_zero(double value) noexcept { return std::isnan(value) ? 0.0 : value; }

struct Change {
  double lambda;
  double quality;
  double cost;
};

}  // namespace

std::vector<SweptPoint> swept_curve(const Sweep& sweep) {
  std::vector<Change> changes;
  double quality = 0;
  double cost = 0;
  RowEnvelope row;
  const auto collected = [&](std::size_t r, std::size_t m) {
    const std::size_t at = r * sweep.models + m;
    return std::pair(or_zero(sweep.quality[at]), or_zero(sweep.cost[at]));
  };
  for (std::size_t r = 0; r < sweep.rows; ++r) {
    row.read(sweep, r);
    if (row.empty()) continue;
    auto current = collected(r, row.winner(0));
    quality += current.first;
    cost += current.second;
    for (std::size_t b = 0; b < row.breakpoints.size(); ++b) {
      const auto next = collected(r, row.winner(b + 1));
      changes.push_back({row.breakpoints[b], next.first - current.first, next.second - current.second});
      current = next;
    }
  }
  std::sort(changes.begin(), changes.end(), [](const Change& a, const Change& b) {
    return std::tie(a.lambda, a.quality, a.cost) < std::tie(b.lambda, b.quality, b.cost);
  });
  const auto n = static_cast<double>(std::max<std::size_t>(1, sweep.rows));
  std::vector<SweptPoint> points{{0, cost / n, quality / n}};
  for (std::size_t c = 0; c < changes.size(); ++c) {
    quality += changes[c].quality;
    cost += changes[c].cost;
    const bool last_of_lambda = c + 1 == changes.size() || changes[c + 1].lambda != changes[c].lambda;
    if (last_of_lambda) points.push_back({changes[c].lambda, cost / n, quality / n});
  }
  return points;
}

std::vector<std::int32_t> swept_choices(const Sweep& sweep, double lambda) {
  std::vector<std::int32_t> choices;
  choices.reserve(sweep.rows);
  RowEnvelope row;
  for (std::size_t r = 0; r < sweep.rows; ++r) {
    row.read(sweep, r);
    if (row.empty()) {
      choices.push_back(-1);
      continue;
    }
    const auto passed = std::upper_bound(row.breakpoints.begin(), row.breakpoints.end(), lambda);
    choices.push_back(
        static_cast<std::int32_t>(row.winner(static_cast<std::size_t>(passed - row.breakpoints.begin()))));
  }
  return choices;
}

std::vector<CurvePoint> as_curve(std::span<const SweptPoint> points) {
  std::vector<CurvePoint> curve;
  curve.reserve(points.size());
  for (const SweptPoint& point : points) curve.push_back({point.cost, point.quality, curve.size()});
  return curve;
}

Deferral deferral(std::span<const CurvePoint> hull, double dearest_cost, double quality) noexcept {
  Deferral result;
  if (hull.empty() || !(dearest_cost > 0)) return result;
  result.area = average_quality(hull, 0, dearest_cost);
  result.area50 = average_quality(hull, 0, dearest_cost / 2);
  if (const auto cost = cost_at_quality(hull, quality)) result.qnc = *cost / dearest_cost;
  return result;
}

std::vector<VertexWeight> average_quality_gradient(std::span<const CurvePoint> hull, double cost_low,
                                                   double cost_high) {
  std::vector<VertexWeight> weights(hull.size());
  if (hull.empty() || !(cost_high > cost_low)) return weights;
  const double range = cost_high - cost_low;
  // Flat parts: only the end's quality counts, and its cost moves where the flat part ends.
  const double left = std::clamp(hull.front().cost, cost_low, cost_high);
  weights.front().by_quality += (left - cost_low) / range;
  const double right = std::clamp(hull.back().cost, cost_low, cost_high);
  weights.back().by_quality += (cost_high - right) / range;
  // A segment from a to b, seen between the bounds: q(c) = q_a + t (q_b - q_a), t = (c - c_a) / (c_b - c_a).
  for (std::size_t i = 1; i < hull.size(); ++i) {
    const CurvePoint& a = hull[i - 1];
    const CurvePoint& b = hull[i];
    const double from = std::clamp(a.cost, cost_low, cost_high);
    const double to = std::clamp(b.cost, cost_low, cost_high);
    const double width = b.cost - a.cost;
    if (!(to > from) || !(width > 0)) continue;
    const double share = (to - from) / range;
    const double t = ((from + to) / 2 - a.cost) / width;  // mean of t over the part that is seen
    weights[i - 1].by_quality += share * (1 - t);
    weights[i].by_quality += share * t;
    // dq/dc_a = -slope (1 - t), dq/dc_b = -slope t; what happens at the ends cancels, as the curve is continuous.
    const double slope = (b.quality - a.quality) / width;
    weights[i - 1].by_cost -= share * slope * (1 - t);
    weights[i].by_cost -= share * slope * t;
  }
  return weights;
}

namespace {

// The share of strong calls at which the curve first reaches a level, by linear interpolation over points ascending in
// the share.
double share_at(const std::vector<CurvePoint>& points, double level) {
  for (std::size_t i = 0; i < points.size(); ++i) {
    if (points[i].quality < level) continue;
    if (i == 0 || points[i].quality == points[i - 1].quality) return points[i].cost;
    const double share = (level - points[i - 1].quality) / (points[i].quality - points[i - 1].quality);
    return points[i - 1].cost + share * (points[i].cost - points[i - 1].cost);
  }
  return 1;
}

}  // namespace

PairMetrics pair_metrics(std::span<const double> strong, std::span<const double> weak, std::span<const double> score) {
  PairMetrics result;
  const std::size_t n = std::min({strong.size(), weak.size(), score.size()});
  if (n == 0) return result;
  result.strong_mean = mean(strong.first(n));
  result.weak_mean = mean(weak.first(n));
  const std::vector<double> scores(score.begin(), score.begin() + static_cast<std::ptrdiff_t>(n));
  for (int decile = 10; decile >= 0; --decile) {
    const double threshold = quantile(scores, decile / 10.0);
    double strong_calls = 0;
    double sum = 0;
    for (std::size_t i = 0; i < n; ++i) {
      const bool to_strong = decile == 10 ? scores[i] > threshold : scores[i] >= threshold;
      strong_calls += to_strong ? 1 : 0;
      sum += to_strong ? strong[i] : weak[i];
    }
    const auto count = static_cast<double>(n);
    result.points.push_back({strong_calls / count, sum / count, static_cast<std::size_t>(decile)});
  }
  double area = 0;
  for (std::size_t i = 1; i < result.points.size(); ++i) {
    const CurvePoint& a = result.points[i - 1];
    const CurvePoint& b = result.points[i];
    area += (b.cost - a.cost) * (a.quality + b.quality) / 2;
  }
  const double span = result.points.back().cost - result.points.front().cost;
  const double gap = result.strong_mean - result.weak_mean;
  if (gap != 0) {
    result.apgr = (area - result.weak_mean * span) / (gap * (span > 0 ? span : 1));
    result.cpt50 = share_at(result.points, result.weak_mean + 0.5 * gap);
    result.cpt80 = share_at(result.points, result.weak_mean + 0.8 * gap);
  }
  return result;
}

double optimal_apgr(std::span<const double> strong, std::span<const double> weak) {
  const std::size_t n = std::min(strong.size(), weak.size());
  const double strong_mean = mean(strong.first(n));
  const double weak_mean = mean(weak.first(n));
  if (n == 0 || strong_mean == weak_mean) return 0;
  std::vector<double> gains;
  for (std::size_t i = 0; i < n; ++i)
    if (strong[i] > weak[i]) gains.push_back(strong[i] - weak[i]);
  std::sort(gains.begin(), gains.end(), std::greater<>());
  constexpr int kSteps = 10;
  const auto count = static_cast<double>(n);
  double area = 0;
  double before = weak_mean;
  std::size_t used = 0;
  double sum = 0;
  for (int step = 1; step <= kSteps; ++step) {
    const double calls = std::min(count * step / kSteps, static_cast<double>(gains.size()));
    for (; used < static_cast<std::size_t>(calls); ++used) sum += gains[used];
    const double part = calls - static_cast<double>(used);  // of the call that lies across the step
    const double now = weak_mean + (sum + (part > 0 ? part * gains[used] : 0.0)) / count;
    area += (before + now) / 2 / kSteps;
    before = now;
  }
  return (area - weak_mean) / (strong_mean - weak_mean);
}

}  // namespace thalamus::math
