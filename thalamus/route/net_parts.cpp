#include "thalamus/route/net_parts.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "thalamus/route/pool.h"
#include "thalamus/route/table.h"

namespace thalamus::route {

OrderedSet order_models(const TrainingSet& data, std::size_t rows_max, base::Rng& rng) {
  const std::size_t models = data.models.size();
  OrderedSet result;
  result.rows = math::sample_rows(data.rows, rows_max, rng);
  result.set = take_rows(data, result.rows);
  std::vector<std::size_t> order(models);  // order[i]: the table's column of the i-th name
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return data.models[a] != data.models[b] ? data.models[a] < data.models[b] : a < b;
  });
  result.place.resize(models);
  for (std::size_t i = 0; i < models; ++i) result.place[order[i]] = i;
  const auto turn = [&](std::vector<float>& cells) {
    std::vector<float> row(models);
    for (std::size_t at = 0; at + models <= cells.size(); at += models) {
      for (std::size_t i = 0; i < models; ++i) row[i] = cells[at + order[i]];
      std::copy(row.begin(), row.end(), cells.begin() + static_cast<std::ptrdiff_t>(at));
    }
  };
  turn(result.set.quality);
  turn(result.set.cost_usd);
  for (std::size_t i = 0; i < models; ++i) result.set.models[i] = data.models[order[i]];
  return result;
}

double safe_logit(double probability) noexcept {
  const double p = std::clamp(probability, 0.005, 0.995);
  return std::log(p / (1 - p));
}

std::vector<float> residual_deviations(const TrainingSet& data, std::span<const std::uint32_t> rows, double degrees,
                                       const RowEstimate& estimate) {
  const std::size_t models = data.models.size();
  const ModelMeans means = model_means(data);
  std::vector<double> square(models, 0.0);
  std::vector<double> count(models, 0.0);
  std::vector<float> quality(models);
  for (const std::uint32_t row : rows) {
    estimate(row, quality);
    for (std::size_t m = 0; m < models; ++m) {
      if (!data.recorded(row, m)) continue;
      const double off = static_cast<double>(quality[m]) - static_cast<double>(data.quality_of(row, m));
      square[m] += off * off;
      count[m] += 1;
    }
  }
  std::vector<float> result;
  for (std::size_t m = 0; m < models; ++m) {
    const double residual = count[m] > 0 ? std::sqrt(square[m] / count[m]) : 0.5;
    const double share = means.count[m] > 0 ? std::min(1.0, degrees / means.count[m]) : 1.0;
    result.push_back(
        static_cast<float>(std::max(residual * std::sqrt(share), probability_sd(means.mean[m], means.count[m]))));
  }
  return result;
}

std::vector<std::uint32_t> rows_to_judge(const math::DenseReport& report, std::size_t rows) {
  if (!report.held_out_rows.empty()) return report.held_out_rows;
  std::vector<std::uint32_t> all(rows);
  std::iota(all.begin(), all.end(), 0U);
  return all;
}

Result<std::vector<float>> load_deviations(base::ByteReader& in, std::size_t models, std::string_view what) {
  TRY(auto sd, load_finite(in, models, what));
  if (!std::all_of(sd.begin(), sd.end(), [](float value) { return value >= 0; }))
    return fail(ErrorKind::kCorrupt, "{}: a deviation is negative", what);
  return sd;
}

}  // namespace thalamus::route
