#include "thalamus/math/curves.h"

#include <algorithm>
#include <cmath>
#include <limits>

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

}  // namespace thalamus::math
