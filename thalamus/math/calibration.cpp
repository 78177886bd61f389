// Platt: Probabilistic outputs for support vector machines (1999), with a prior that pulls slope and offset to the
// identity; isotonic regression by pool-adjacent-violators (Zadrozny and Elkan, KDD 2002).
#include "thalamus/math/calibration.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace thalamus::math {
namespace {

constexpr double kEdge = 0.02;         // logit inside [edge, 1 - edge], its tangent outside
constexpr double kMinimumRise = 1e-6;  // per unit of score where isotonic regression is flat
constexpr std::size_t kKnotsMax = 32;

double logit(double p) noexcept { return std::log(p / (1 - p)); }

// A strictly increasing, unbounded stretch of scores that equals the logit where that is safe.
double stretch(double score) noexcept {
  if (score < kEdge) return logit(kEdge) + (score - kEdge) / (kEdge * (1 - kEdge));
  if (score > 1 - kEdge) return logit(1 - kEdge) + (score - (1 - kEdge)) / (kEdge * (1 - kEdge));
  return logit(score);
}

double stretch_slope(double score) noexcept {
  const double inside = std::clamp(score, kEdge, 1 - kEdge);
  return 1 / (inside * (1 - inside));
}

double sigmoid(double x) noexcept { return x >= 0 ? 1 / (1 + std::exp(-x)) : std::exp(x) / (1 + std::exp(x)); }

struct Block {
  double x_sum;
  double y_sum;
  double weight;
  [[nodiscard]] double y() const noexcept { return y_sum / weight; }
  [[nodiscard]] double x() const noexcept { return x_sum / weight; }
};

std::vector<Block> pool_violators(std::span<const double> score, std::span<const double> outcome) {
  std::vector<std::size_t> order(score.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return score[a] != score[b] ? score[a] < score[b] : a < b; });
  // Pre-pooled in groups of equal mass, so that a knot rests on many pairs.
  const std::size_t groups = std::min(kKnotsMax, std::max<std::size_t>(1, score.size() / 20));
  std::vector<Block> blocks;
  for (std::size_t g = 0; g < groups; ++g) {
    Block block{0, 0, 0};
    for (std::size_t i = score.size() * g / groups; i < score.size() * (g + 1) / groups; ++i) {
      block.x_sum += score[order[i]];
      block.y_sum += outcome[order[i]];
      block.weight += 1;
    }
    if (block.weight == 0) continue;
    blocks.push_back(block);
    while (blocks.size() >= 2 &&
           (blocks[blocks.size() - 2].y() >= blocks.back().y() || blocks[blocks.size() - 2].x() >= blocks.back().x())) {
      const Block last = blocks.back();
      blocks.pop_back();
      blocks.back().x_sum += last.x_sum;
      blocks.back().y_sum += last.y_sum;
      blocks.back().weight += last.weight;
    }
  }
  return blocks;
}

}  // namespace

Calibration Calibration::logistic(std::span<const double> score, std::span<const double> outcome) {
  Calibration result;
  result.kind_ = CalibrationKind::kLogistic;
  constexpr double kPrior = 2.0;  // in pairs: few data stay near the identity
  double slope = 1;
  double offset = 0;
  for (int step = 0; step < 50; ++step) {
    double gradient_slope = kPrior * (slope - 1);
    double gradient_offset = kPrior * offset;
    double h_ss = kPrior;
    double h_so = 0;
    double h_oo = kPrior;
    for (std::size_t i = 0; i < score.size(); ++i) {
      const double x = stretch(score[i]);
      const double p = sigmoid(slope * x + offset);
      const double w = std::max(p * (1 - p), 1e-9);
      gradient_slope += (p - outcome[i]) * x;
      gradient_offset += p - outcome[i];
      h_ss += w * x * x;
      h_so += w * x;
      h_oo += w;
    }
    const double determinant = h_ss * h_oo - h_so * h_so;
    if (!(determinant > 0)) break;
    double move_slope = (h_oo * gradient_slope - h_so * gradient_offset) / determinant;
    double move_offset = (h_ss * gradient_offset - h_so * gradient_slope) / determinant;
    const double longest = std::max(std::abs(move_slope), std::abs(move_offset));
    if (longest > 1) {
      move_slope /= longest;
      move_offset /= longest;
    }
    slope = std::max(slope - move_slope, 0.05);  // never reverses the order
    offset -= move_offset;
    if (longest < 1e-10) break;
  }
  result.slope_ = slope;
  result.offset_ = offset;
  return result;
}

Calibration Calibration::isotonic(std::span<const double> score, std::span<const double> outcome) {
  Calibration result;
  result.kind_ = CalibrationKind::kIsotonic;
  for (const Block& block : pool_violators(score, outcome)) {
    result.knots_x_.push_back(block.x());
    result.knots_y_.push_back(std::clamp(block.y(), 0.001, 0.999));
  }
  if (result.knots_x_.empty()) return {};
  return result;
}

Calibration Calibration::fit(CalibrationKind kind, std::span<const double> score, std::span<const double> outcome) {
  if (score.empty()) return {};
  switch (kind) {
    case CalibrationKind::kNone: return {};
    case CalibrationKind::kLogistic: return logistic(score, outcome);
    case CalibrationKind::kIsotonic: return isotonic(score, outcome);
  }
  return {};
}

double Calibration::apply(double score) const noexcept {
  switch (kind_) {
    case CalibrationKind::kNone: return std::clamp(score, 0.0, 1.0);
    case CalibrationKind::kLogistic: return sigmoid(slope_ * stretch(score) + offset_);
    case CalibrationKind::kIsotonic: break;
  }
  // Beyond the outer knots the value approaches 0 and 1 without reaching them, so the order is kept there too.
  if (score <= knots_x_.front()) return knots_y_.front() * std::exp(std::min(0.0, score - knots_x_.front()));
  if (score >= knots_x_.back()) return 1 - (1 - knots_y_.back()) * std::exp(std::min(0.0, knots_x_.back() - score));
  const auto above = std::upper_bound(knots_x_.begin(), knots_x_.end(), score) - knots_x_.begin();
  const auto i = static_cast<std::size_t>(above);
  const double share = (score - knots_x_[i - 1]) / (knots_x_[i] - knots_x_[i - 1]);
  return std::clamp(knots_y_[i - 1] + share * (knots_y_[i] - knots_y_[i - 1]), 0.0, 1.0);
}

Calibration::Mapped Calibration::map(double score) const noexcept {
  const double value = apply(score);
  if (kind_ == CalibrationKind::kLogistic)
    return {value, std::max(kMinimumRise, slope_ * value * (1 - value) * stretch_slope(score))};
  constexpr double kStep = 1e-3;  // across the corners between knots
  return {value, std::max(kMinimumRise, (apply(score + kStep) - apply(score - kStep)) / (2 * kStep))};
}

void Calibration::save(base::ByteWriter& out) const {
  out.put(kind_);
  out.put(slope_);
  out.put(offset_);
  out.put_array(knots_x_);
  out.put_array(knots_y_);
}

Result<Calibration> Calibration::load(base::ByteReader& in) {
  Calibration result;
  TRY(const auto kind, in.get<std::uint8_t>());
  if (kind > static_cast<std::uint8_t>(CalibrationKind::kIsotonic))
    return fail(ErrorKind::kCorrupt, "calibration: unknown kind {}", kind);
  result.kind_ = static_cast<CalibrationKind>(kind);
  TRY(result.slope_, in.get<double>());
  TRY(result.offset_, in.get<double>());
  TRY(result.knots_x_, in.get_array<double>());
  TRY(result.knots_y_, in.get_array<double>());
  if (!(result.slope_ > 0) || !std::isfinite(result.slope_) || !std::isfinite(result.offset_))
    return fail(ErrorKind::kCorrupt, "calibration: slope and offset must be finite, the slope positive");
  const auto& x = result.knots_x_;
  const auto& y = result.knots_y_;
  bool valid = x.size() == y.size() && (result.kind_ != CalibrationKind::kIsotonic || !x.empty());
  for (std::size_t i = 0; valid && i < x.size(); ++i) {
    valid = std::isfinite(x[i]) && y[i] >= 0 && y[i] <= 1;
    if (i > 0) valid = valid && x[i - 1] < x[i] && y[i - 1] <= y[i];
  }
  if (!valid) return fail(ErrorKind::kCorrupt, "calibration: knots must ascend and lie in [0,1]");
  return result;
}

}  // namespace thalamus::math
