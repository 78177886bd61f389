// Duan: Smearing estimate, a nonparametric retransformation method (JASA 1983). Few rows give the mean alone.
#include "thalamus/route/head.h"

#include <algorithm>
#include <cmath>

#include "thalamus/math/kernels.h"
#include "thalamus/math/ridge.h"
#include "thalamus/route/table.h"

namespace thalamus::route {
namespace {

constexpr double kRowsMin = 20;  // below, features are not used

bool finite_row(double a, double b, double c, double d, double e, double f) noexcept {
  return std::isfinite(a) && std::isfinite(b) && std::isfinite(c) && std::isfinite(d) && std::isfinite(e) &&
         std::isfinite(f);
}

}  // namespace

Result<Head> Head::fit(std::span<const float> dense, std::size_t size, std::span<const float> values,
                       std::size_t models, double offset) {
  Head head;
  head.offset_ = offset;
  head.size_ = size;
  head.rows_.assign(models, Row{});
  head.weights_.assign(models * size, 0.0F);
  const std::size_t rows = models == 0 ? 0 : values.size() / models;
  std::vector<float> logs(values.size(), NAN);
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (std::isnan(values[i])) continue;
    const auto value = static_cast<double>(values[i]);
    Row& row = head.rows_[i % models];
    row.low = row.count == 0 ? value : std::min(row.low, value);
    row.high = row.count == 0 ? value : std::max(row.high, value);
    row.bias += std::log(value + offset);
    row.count += 1;
    logs[i] = static_cast<float>(std::log(value + offset));
  }
  for (std::size_t m = 0; m < models; ++m) {
    Row& row = head.rows_[m];
    if (row.count > 0) row.bias /= row.count;
    if (row.count < kRowsMin || row.high <= row.low)
      for (std::size_t i = 0; i < rows; ++i) logs[i * models + m] = NAN;
  }
  if (size > 0) {
    TRY(auto ridge, math::fit_ridge(dense, size, logs, models, math::RidgeOptions{}));
    head.weights_ = std::move(ridge.weights);
    for (std::size_t m = 0; m < models; ++m)
      if (head.rows_[m].count >= kRowsMin && head.rows_[m].high > head.rows_[m].low)
        head.rows_[m].bias = static_cast<double>(ridge.bias[m]);
  }
  for (std::size_t m = 0; m < models; ++m) {
    Row& row = head.rows_[m];
    double smear = 0;
    double square = 0;
    const std::span<const float> weights(head.weights_.data() + m * size, size);
    for (std::size_t i = 0; i < rows; ++i) {
      if (std::isnan(values[i * models + m])) continue;
      const double predicted = row.bias + static_cast<double>(math::dot(weights, dense.subspan(i * size, size)));
      const double residual = std::log(static_cast<double>(values[i * models + m]) + offset) - predicted;
      smear += std::exp(residual);
      square += residual * residual;
    }
    if (row.count == 0) continue;
    row.smearing = std::clamp(smear / row.count, 0.5, 4.0);
    row.log_sd = std::sqrt(square / row.count);
  }
  head.set_spreads();
  return head;
}

void Head::set_spreads() noexcept {
  for (Row& row : rows_) row.spread = std::sqrt(std::expm1(std::min(row.log_sd * row.log_sd, 4.0)));
}

bool Head::any() const noexcept {
  return std::any_of(rows_.begin(), rows_.end(), [](const Row& row) { return row.count > 0; });
}

Head::Prediction Head::predict_known(std::size_t model, std::span<const float> dense) const noexcept {
  return predict_from(model, math::dot({weights_.data() + model * size_, size_}, dense));
}

void Head::predict_logs(std::span<const float> dense, std::span<float> logs) const noexcept {
  math::multiply(weights_, dense.first(size_), logs.first(rows_.size()));
}

Head::Prediction Head::predict_from(std::size_t model, float log) const noexcept {
  const Row& row = rows_[model];
  const double log_value = row.bias + static_cast<double>(log);
  const double value = std::exp(std::min(log_value, 80.0)) * row.smearing - offset_;
  const double mean = std::clamp(value, row.low, row.high);
  return {mean, std::min((mean + offset_) * row.spread, row.high - row.low)};
}

Head::Prediction Head::predict(std::size_t model, std::span<const float> dense) const noexcept {
  return known(model) ? predict_known(model, dense) : predict_unseen(dense);
}

Head::Prediction Head::predict_unseen(std::span<const float> dense) const noexcept {
  double sum = 0;
  double count = 0;
  for (std::size_t m = 0; m < rows_.size(); ++m) {
    if (!known(m)) continue;
    sum += predict_known(m, dense).mean;
    count += 1;
  }
  const double mean = count > 0 ? sum / count : 0;
  return {mean, mean};
}

void Head::save(base::ByteWriter& out) const {
  out.put(offset_);
  for (const Row& row : rows_) {
    out.put(row.count);
    out.put(row.low);
    out.put(row.high);
    out.put(row.bias);
    out.put(row.smearing);
    out.put(row.log_sd);
  }
  out.put_array(weights_);
}

Result<Head> Head::load(base::ByteReader& in, std::size_t models, std::size_t size, std::string_view what) {
  Head head;
  head.size_ = size;
  TRY(head.offset_, in.get<double>());
  for (std::size_t m = 0; m < models; ++m) {
    Row row;
    TRY(row.count, in.get<double>());
    TRY(row.low, in.get<double>());
    TRY(row.high, in.get<double>());
    TRY(row.bias, in.get<double>());
    TRY(row.smearing, in.get<double>());
    TRY(row.log_sd, in.get<double>());
    if (!finite_row(row.count, row.low, row.high, row.bias, row.smearing, row.log_sd) || row.low < 0 ||
        row.high < row.low || row.count < 0)
      return fail(ErrorKind::kCorrupt, "{} head: the numbers of model {} are out of bounds", what, m);
    head.rows_.push_back(row);
  }
  if (!(head.offset_ > 0) || !std::isfinite(head.offset_))
    return fail(ErrorKind::kCorrupt, "{} head: the offset must be positive", what);
  TRY(head.weights_, load_finite(in, models * size, what));
  head.set_spreads();
  return head;
}

}  // namespace thalamus::route
