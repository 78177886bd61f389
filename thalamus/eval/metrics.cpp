#include "thalamus/eval/metrics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "thalamus/math/stats.h"

namespace thalamus::eval {
namespace {

// RouterArena's published constants.
constexpr double kArenaBeta = 0.1;
constexpr double kArenaCostMax = 200;
constexpr double kArenaCostMin = 0.0044;
constexpr double kArenaFreeMs = 10;

double relative(double difference, double reference) noexcept { return reference == 0 ? 0 : difference / reference; }

bool right(double quality) noexcept { return quality >= kRightQuality; }  // false for NaN

double known(double value) noexcept { return std::isnan(value) ? 0.0 : value; }

struct Chosen {
  double quality = 0;
  double cost = 0;
  bool recorded = false;
};

Chosen chosen(const OutcomeMatrix& outcomes, std::size_t row, std::int32_t choice) noexcept {
  if (choice < 0 || static_cast<std::size_t>(choice) >= outcomes.models) return {};
  const auto model = static_cast<std::size_t>(choice);
  const double quality = outcomes.quality_of(row, model);
  if (std::isnan(quality)) return {};
  return {quality, known(outcomes.cost_of(row, model)), true};
}

double best_quality(const OutcomeMatrix& outcomes, std::size_t row) noexcept {
  double best = 0;
  for (std::size_t m = 0; m < outcomes.models; ++m) best = std::max(best, known(outcomes.quality_of(row, m)));
  return best;
}

}  // namespace

OutcomeMatrix outcome_matrix(const trace::OutcomeTable& table) {
  OutcomeMatrix matrix{table.rows.size(), table.models.size(), {}, {}};
  matrix.quality.reserve(matrix.rows * matrix.models);
  matrix.cost_usd.reserve(matrix.rows * matrix.models);
  for (const trace::Row& row : table.rows) {
    for (std::size_t m = 0; m < matrix.models; ++m) {
      matrix.quality.push_back(m < row.cells.size() ? row.cells[m].quality : trace::kMissing);
      matrix.cost_usd.push_back(m < row.cells.size() ? row.cells[m].cost_usd : trace::kMissing);
    }
  }
  return matrix;
}

Gains gains(double quality, double random, double best_single, double oracle) noexcept {
  return {relative(quality - random, random), relative(quality - best_single, best_single),
          relative(oracle - quality, oracle)};
}

double perf_gain(std::span<const math::CurvePoint> configurations, double best_single) noexcept {
  if (configurations.empty()) return 0;
  double best = configurations.front().quality;
  for (const auto& point : configurations) best = std::max(best, point.quality);
  return relative(best - best_single, best_single);
}

std::optional<double> cost_save(std::span<const math::CurvePoint> configurations, double best_single,
                                double best_single_cost) noexcept {
  std::optional<double> least;
  for (const auto& point : configurations)
    if (point.quality >= best_single && (!least || point.cost < *least)) least = point.cost;
  if (!least || !(best_single_cost > 0)) return std::nullopt;
  return 1 - *least / best_single_cost;
}

std::vector<math::CurvePoint> pareto_frontier(std::vector<math::CurvePoint> points) {
  std::sort(points.begin(), points.end(),
            [](const auto& a, const auto& b) { return a.cost != b.cost ? a.cost < b.cost : a.quality > b.quality; });
  std::vector<math::CurvePoint> frontier;
  for (const auto& point : points)
    if (frontier.empty() || point.quality > frontier.back().quality) frontier.push_back(point);
  return frontier;
}

double pareto_distance(std::span<const math::CurvePoint> configurations, std::span<const math::CurvePoint> frontier,
                       double cost_range, double quality_range) noexcept {
  if (configurations.empty() || frontier.empty()) return 0;
  double sum = 0;
  for (const auto& point : configurations) {
    double nearest = std::numeric_limits<double>::infinity();
    for (const auto& edge : frontier) {
      const double x = cost_range > 0 ? (point.cost - edge.cost) / cost_range : 0;
      const double y = quality_range > 0 ? (point.quality - edge.quality) / quality_range : 0;
      nearest = std::min(nearest, std::hypot(x, y));
    }
    sum += nearest;
  }
  return sum / static_cast<double>(configurations.size());
}

std::optional<double> recall_at_rare(const OutcomeMatrix& outcomes, std::span<const std::int32_t> choices) noexcept {
  std::size_t rare = 0;
  std::size_t found = 0;
  for (std::size_t row = 0; row < std::min(outcomes.rows, choices.size()); ++row) {
    std::size_t solvers = 0;
    for (std::size_t m = 0; m < outcomes.models; ++m) solvers += right(outcomes.quality_of(row, m)) ? 1 : 0;
    if (solvers == 0 || solvers > 2) continue;
    ++rare;
    found += right(chosen(outcomes, row, choices[row]).quality) ? 1 : 0;
  }
  if (rare == 0) return std::nullopt;
  return static_cast<double>(found) / static_cast<double>(rare);
}

double arena_score(double quality, double usd_per_1k) noexcept {
  const double cost = std::clamp(usd_per_1k, kArenaCostMin, kArenaCostMax);
  const double scaled =
      (std::log2(kArenaCostMax) - std::log2(cost)) / (std::log2(kArenaCostMax) - std::log2(kArenaCostMin));
  const double sum = kArenaBeta * quality + scaled;
  return sum > 0 ? (1 + kArenaBeta) * quality * scaled / sum : 0;
}

double arena_latency(double milliseconds) noexcept {
  return milliseconds <= kArenaFreeMs + 1 ? 1 : 1 / (milliseconds - kArenaFreeMs);
}

Optimality optimality(const OutcomeMatrix& outcomes, std::span<const std::int32_t> choices) noexcept {
  Optimality result;
  double selected = 0;
  double ratios = 0;
  double quality = 0;
  double oracle = 0;
  for (std::size_t row = 0; row < std::min(outcomes.rows, choices.size()); ++row) {
    const Chosen own = chosen(outcomes, row, choices[row]);
    quality += own.quality;
    oracle += best_quality(outcomes, row);
    double cheapest = std::numeric_limits<double>::infinity();
    for (std::size_t m = 0; m < outcomes.models; ++m)
      if (right(outcomes.quality_of(row, m))) cheapest = std::min(cheapest, known(outcomes.cost_of(row, m)));
    if (std::isinf(cheapest)) continue;
    ++result.solvable;
    selected += right(own.quality) && own.cost <= cheapest ? 1 : 0;
    if (own.recorded) ratios += own.cost <= cheapest ? 1 : cheapest / own.cost;
  }
  const auto solvable = static_cast<double>(std::max<std::size_t>(1, result.solvable));
  result.selection = selected / solvable;
  result.cost = ratios / solvable;
  result.accuracy = relative(quality, oracle);
  return result;
}

double mean_regret(const OutcomeMatrix& outcomes, std::span<const std::int32_t> choices, double lambda) noexcept {
  double sum = 0;
  const std::size_t rows = std::min(outcomes.rows, choices.size());
  for (std::size_t row = 0; row < rows; ++row) {
    const Chosen own = chosen(outcomes, row, choices[row]);
    const double utility = own.quality - lambda * own.cost;
    double best = utility;
    for (std::size_t m = 0; m < outcomes.models; ++m) {
      const double quality = outcomes.quality_of(row, m);
      if (!std::isnan(quality)) best = std::max(best, quality - lambda * known(outcomes.cost_of(row, m)));
    }
    sum += best - utility;
  }
  return rows == 0 ? 0 : sum / static_cast<double>(rows);
}

double selection_accuracy(const OutcomeMatrix& outcomes, std::span<const std::int32_t> choices) noexcept {
  double hits = 0;
  const std::size_t rows = std::min(outcomes.rows, choices.size());
  for (std::size_t row = 0; row < rows; ++row) {
    const Chosen own = chosen(outcomes, row, choices[row]);
    hits += own.recorded && own.quality >= best_quality(outcomes, row) ? 1 : 0;
  }
  return rows == 0 ? 0 : hits / static_cast<double>(rows);
}

double hit_at(const OutcomeMatrix& outcomes, std::span<const double> estimate, std::size_t k) {
  double hits = 0;
  std::vector<std::size_t> order(outcomes.models);
  const std::size_t top = std::min(k, outcomes.models);
  for (std::size_t row = 0; row < outcomes.rows; ++row) {
    const auto values = estimate.subspan(row * outcomes.models, outcomes.models);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(),
              [&](std::size_t a, std::size_t b) { return values[a] != values[b] ? values[a] > values[b] : a < b; });
    const bool hit = std::any_of(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(top),
                                 [&](std::size_t m) { return right(outcomes.quality_of(row, m)); });
    hits += hit ? 1 : 0;
  }
  return outcomes.rows == 0 ? 0 : hits / static_cast<double>(outcomes.rows);
}

std::optional<double> oracle_gap_closed(double quality, double cost, std::span<const math::CurvePoint> zero_router,
                                        std::span<const math::CurvePoint> oracle) noexcept {
  const double floor = math::hull_quality(zero_router, cost);
  const double gap = math::hull_quality(oracle, cost) - floor;
  if (!(gap > 0)) return std::nullopt;
  return (quality - floor) / gap;
}

std::optional<double> cost_of_pass(double mean_cost, double mean_quality) noexcept {
  if (!(mean_quality > 0)) return std::nullopt;
  return mean_cost / mean_quality;
}

std::optional<double> intelligence_per_watt(std::span<const double> quality, std::span<const double> watts) noexcept {
  const double power = math::mean(watts);
  if (!(power > 0)) return std::nullopt;
  return math::mean(quality) / power;
}

std::optional<double> accuracy_per_joule(std::span<const double> quality, std::span<const double> joules) noexcept {
  return intelligence_per_watt(quality, joules);  // the same ratio of means, over energy
}

double coverage(const OutcomeMatrix& outcomes, std::span<const std::size_t> local) noexcept {
  double covered = 0;
  for (std::size_t row = 0; row < outcomes.rows; ++row) {
    double best_local = -1;
    double best_other = -1;
    for (std::size_t m = 0; m < outcomes.models; ++m) {
      const double quality = outcomes.quality_of(row, m);
      if (std::isnan(quality)) continue;
      double& best = std::find(local.begin(), local.end(), m) != local.end() ? best_local : best_other;
      best = std::max(best, quality);
    }
    covered += best_local >= 0 && best_local >= best_other ? 1 : 0;
  }
  return outcomes.rows == 0 ? 0 : covered / static_cast<double>(outcomes.rows);
}

LocalRouting local_routing(double accuracy, double coverage, double oracle_saving, Mistakes mistakes) noexcept {
  LocalRouting result;
  result.saving = accuracy * oracle_saving;
  if (mistakes == Mistakes::kOneSided) return result;
  // A wrongly local request saves as much as a rightly local one does on average.
  result.wrong_locals = (1 - accuracy) * (1 - coverage);
  if (coverage > 0) result.saving += result.wrong_locals * oracle_saving / coverage;
  return result;
}

}  // namespace thalamus::eval
