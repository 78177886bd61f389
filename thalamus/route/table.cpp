#include "thalamus/route/table.h"

namespace thalamus::route {

namespace {

/// Sums and counts of cells x models.
struct Tally {
  std::vector<double> sum;
  std::vector<double> count;
};

Tally tally_cells(const TrainingSet& data, std::size_t cells, std::span<const std::uint32_t> cell_of_row) {
  const std::size_t models = data.models.size();
  Tally tally{std::vector<double>(cells * models, 0.0), std::vector<double>(cells * models, 0.0)};
  for (std::size_t row = 0; row < data.rows; ++row) {
    for (std::size_t m = 0; m < models; ++m) {
      if (!data.recorded(row, m)) continue;
      tally.sum[cell_of_row[row] * models + m] += static_cast<double>(data.quality_of(row, m));
      tally.count[cell_of_row[row] * models + m] += 1;
    }
  }
  return tally;
}

/// How much easier than usual each cell is: the mean over its outcomes of outcome - mean of the model.
std::vector<double> cell_ease(const Tally& tally, std::size_t cells, const ModelMeans& means) {
  const std::size_t models = means.mean.size();
  std::vector<double> ease(cells, 0.0);
  for (std::size_t c = 0; c < cells; ++c) {
    double sum = 0;
    double count = 0;
    for (std::size_t m = 0; m < models; ++m) {
      sum += tally.sum[c * models + m] - tally.count[c * models + m] * means.mean[m];
      count += tally.count[c * models + m];
    }
    // A cell with few outcomes says little of its ease.
    ease[c] = sum / (count + static_cast<double>(models));
  }
  return ease;
}

}  // namespace

ShrunkTable fit_bayes_table(const TrainingSet& data, std::size_t cells, std::span<const std::uint32_t> cell_of_row) {
  const std::size_t models = data.models.size();
  const ModelMeans means = model_means(data);
  const Tally tally = tally_cells(data, cells, cell_of_row);
  const std::vector<double> ease = cell_ease(tally, cells, means);
  ShrunkTable table{models, std::vector<float>(cells * models), std::vector<float>(cells * models)};
  for (std::size_t m = 0; m < models; ++m) {
    const double chance = std::max(means.mean[m] * (1 - means.mean[m]), 1e-4);  // variance of one outcome
    double excess = 0;
    double weight = 0;
    for (std::size_t c = 0; c < cells; ++c) {
      const double count = tally.count[c * models + m];
      if (count < 2) continue;
      const double off = tally.sum[c * models + m] / count - std::clamp(means.mean[m] + ease[c], 0.0, 1.0);
      excess += count * (off * off - chance / count);
      weight += count;
    }
    const double spread = std::max(weight > 0 ? excess / weight : 0.0, 1e-5);
    for (std::size_t c = 0; c < cells; ++c) {
      const double prior = std::clamp(means.mean[m] + ease[c], 0.0, 1.0);
      const double lean = chance / spread;
      const double total = tally.count[c * models + m] + lean;
      const double mean = (tally.sum[c * models + m] + lean * prior) / total;
      table.mean[c * models + m] = static_cast<float>(mean);
      table.sd[c * models + m] = static_cast<float>(probability_sd(mean, total));
    }
  }
  return table;
}

Result<std::vector<float>> load_finite(base::ByteReader& in, std::size_t size, std::string_view what) {
  TRY(auto values, in.get_array<float>());
  if (values.size() != size)
    return fail(ErrorKind::kCorrupt, "{}: {} numbers where {} were expected", what, values.size(), size);
  if (!std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); }))
    return fail(ErrorKind::kCorrupt, "{}: a number is not finite", what);
  return values;
}

Result<ShrunkTable> load_table(base::ByteReader& in, std::size_t cells, std::size_t models, std::string_view what) {
  ShrunkTable table;
  table.models = models;
  TRY(table.mean, load_finite(in, cells * models, what));
  TRY(table.sd, load_finite(in, cells * models, what));
  return table;
}

}  // namespace thalamus::route
