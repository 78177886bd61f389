#include "thalamus/route/risk.h"

#include <algorithm>
#include <cmath>

#include "thalamus/math/dense_net.h"
#include "thalamus/route/pool.h"

namespace thalamus::route {
namespace {

constexpr std::size_t kRowsMax = 20'000;
constexpr std::uint32_t kFolds = 5;

/// Rows with at least one recorded model, a sample of them where there are many.
std::vector<std::uint32_t> rows_with_outcomes(const TrainingSet& data, base::Rng& rng) {
  std::vector<std::uint32_t> all;
  for (std::uint32_t row = 0; row < data.rows; ++row) {
    bool any = false;
    for (std::size_t m = 0; m < data.models.size(); ++m) any = any || data.recorded(row, m);
    if (any) all.push_back(row);
  }
  std::vector<std::uint32_t> rows;
  for (const std::uint32_t i : math::sample_rows(all.size(), kRowsMax, rng)) rows.push_back(all[i]);
  return rows;
}

double risk_label(const TrainingSet& data, std::size_t row) {
  double sum = 0;
  double count = 0;
  for (std::size_t m = 0; m < data.models.size(); ++m) {
    if (!data.recorded(row, m)) continue;
    sum += static_cast<double>(data.quality_of(row, m));
    count += 1;
  }
  return std::clamp(1 - sum / count, 0.0, 1.0);
}

}  // namespace

Result<RiskHead::Fitted> RiskHead::fit(const TrainingSet& data, double penalty, base::Rng& rng) {
  Fitted result;
  result.rows = rows_with_outcomes(data, rng);
  if (result.rows.empty()) return fail(ErrorKind::kInvalidInput, "risk: no row has a recorded quality");
  const TrainingSet set = take_rows(data, result.rows);
  std::vector<double> targets;
  for (std::size_t row = 0; row < set.rows; ++row) {
    result.label.push_back(risk_label(set, row));
    targets.push_back(1 - result.label.back());
    targets.push_back(result.label.back());
  }
  const auto folds = feature_folds(set, kFolds);
  math::LogisticOptions options{.penalty = penalty};
  if (!(penalty > 0)) {
    TRY(options.penalty, math::choose_logistic_penalty(set.dense, set.dense_size, targets, 2, folds, options));
  }
  TRY(const auto held, math::hold_out_logistic(set.dense, set.dense_size, targets, 2, folds, kFolds, options));
  for (std::size_t row = 0; row < set.rows; ++row) result.risk.push_back(held.probability[row * 2 + 1]);
  result.head.calibration_ = math::Calibration::isotonic(result.risk, result.label);
  for (double& risk : result.risk) risk = result.head.calibration_.apply(risk);
  TRY(result.head.head_, math::Logistic::fit(set.dense, set.dense_size, targets, 2, options));
  return result;
}

double RiskHead::risk(std::span<const float> dense) const noexcept {
  return calibration_.apply(head_.probability(dense));
}

void RiskHead::save(base::ByteWriter& out) const {
  head_.save(out);
  calibration_.save(out);
}

Result<RiskHead> RiskHead::load(base::ByteReader& in, std::size_t dense_size, std::string_view what) {
  RiskHead result;
  TRY(result.head_, math::Logistic::load(in, dense_size, 2, what));
  TRY(result.calibration_, math::Calibration::load(in));
  return result;
}

RiskAction risk_action(double risk, double low, double high) noexcept {
  if (risk < low) return RiskAction::kCheapest;
  return risk > high ? RiskAction::kEscalate : RiskAction::kRoute;
}

RewriteChoice rank_rewrites(double risk, std::span<const Rewrite> rewrites, const RewriteRule& rule) noexcept {
  if (risk <= rule.risk_max) return {RewriteVerdict::kOriginal, 0};
  RewriteChoice choice{RewriteVerdict::kEscalate, 0};
  double best = risk - rule.improvement_min;
  for (std::size_t i = 0; i < std::min(rewrites.size(), rule.rewrites_max); ++i) {
    if (rewrites[i].similarity < rule.similarity_min || rewrites[i].risk > best) continue;
    if (choice.verdict == RewriteVerdict::kRewrite && rewrites[i].risk == best) continue;
    best = rewrites[i].risk;
    choice = {RewriteVerdict::kRewrite, i};
  }
  return choice;
}

}  // namespace thalamus::route
