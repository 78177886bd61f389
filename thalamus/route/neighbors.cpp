#include "thalamus/route/neighbors.h"

#include <numeric>
#include <unordered_map>

#include "thalamus/base/hash.h"
#include "thalamus/math/kernels.h"

namespace thalamus::route {
namespace {

std::vector<std::uint64_t> row_keys(std::span<const float> rows, std::size_t size, std::size_t count) {
  std::vector<std::uint64_t> keys(count);
  for (std::size_t row = 0; row < count; ++row) {
    const auto values = rows.subspan(row * size, size);
    keys[row] = base::hash64({reinterpret_cast<const char*>(values.data()), values.size_bytes()});
  }
  return keys;
}

}  // namespace

void NeighborTable::set_labels(std::span<const float> quality) {
  labels.reserve(quality.size());
  for (const float q : quality) labels.push_back(std::round(static_cast<double>(q) * 1e6) / 1e6);
}

void NeighborTable::vote(std::uint32_t row, std::span<double> sum, std::span<double> weight) const noexcept {
  const double* outcomes = labels.data() + static_cast<std::size_t>(row) * models;
  double best = -1;
  double tied = 0;
  for (std::size_t m = 0; m < models; ++m) {
    if (std::isnan(outcomes[m]) || outcomes[m] < best) continue;
    tied = outcomes[m] > best ? 1 : tied + 1;
    best = outcomes[m];
  }
  if (tied == 0) return;
  for (std::size_t m = 0; m < models; ++m) {
    if (outcomes[m] == best) sum[m] += 1 / tied;
    weight[m] += 1;
  }
}

void NeighborTable::save(base::ByteWriter& out) const {
  out.put(k);
  out.put(weights);
  out.put(power);
  out.put(shrinkage);
  std::vector<float> quality;
  quality.reserve(labels.size());
  for (const double label : labels) quality.push_back(static_cast<float>(label));
  out.put_array(quality);
  out.put_array(means);
}

Result<NeighborTable> NeighborTable::load(base::ByteReader& in, std::size_t models, std::string_view what) {
  NeighborTable table;
  table.models = models;
  TRY(table.k, in.get<std::uint32_t>());
  TRY(const auto weights, in.get<std::uint8_t>());
  TRY(table.power, in.get<double>());
  TRY(table.shrinkage, in.get<double>());
  TRY(const auto quality, in.get_array<float>());
  TRY(table.means, load_finite(in, models, what));
  if (table.k < 1 || table.k > kNeighborsMax || weights > 2 || !(table.power > 0) || !(table.power <= 64) ||
      !(table.shrinkage >= 0) || !(table.shrinkage <= 1e6) || quality.empty() || quality.size() % models != 0 ||
      quality.size() / models > UINT32_MAX)
    return fail(ErrorKind::kCorrupt, "{}: an option or the number of outcomes is out of bounds", what);
  if (!std::all_of(quality.begin(), quality.end(), [](float q) { return std::isnan(q) || (q >= 0 && q <= 1); }))
    return fail(ErrorKind::kCorrupt, "{}: a quality lies outside [0,1]", what);
  table.weights = static_cast<NeighborWeights>(weights);
  table.set_labels(quality);
  return table;
}

Result<NeighborTable> NeighborTable::with_model(const TrainingSet& data, std::span<const std::uint64_t> stored_keys,
                                                std::span<const std::uint64_t> new_keys) const {
  std::unordered_map<std::uint64_t, std::vector<std::uint32_t>> places;  // of each key, the last stored row first
  for (std::size_t row = stored_keys.size(); row > 0; --row)
    places[stored_keys[row - 1]].push_back(static_cast<std::uint32_t>(row - 1));
  std::vector<float> column(rows(), NAN);
  std::size_t matched = 0;
  for (std::size_t row = 0; row < data.rows; ++row) {
    const auto place = places.find(new_keys[row]);
    if (place == places.end() || place->second.empty()) continue;
    column[place->second.back()] = data.quality[row];
    place->second.pop_back();
    matched += data.recorded(row, 0) ? 1 : 0;
  }
  if (matched == 0)
    return fail(ErrorKind::kInvalidInput, "no recorded row of the new model is one of the {} stored requests", rows());
  NeighborTable added;
  added.set_labels(column);
  NeighborTable result = *this;
  result.labels = with_column(labels, models, added.labels);
  result.means.push_back(static_cast<float>(model_means(data).mean[0]));
  result.models += 1;
  return result;
}

NeighborTable NeighborTable::without_model(std::size_t model) const {
  NeighborTable result = *this;
  result.labels = without_column(labels, models, model);
  result.means = without_column(means, models, model);
  result.models -= 1;
  return result;
}

void DenseNeighbors::estimate(const FeatureView& request, Scratch& scratch, std::span<float> quality,
                              std::span<float> sd) const noexcept {
  const std::size_t rows = table_.rows();
  const auto length = static_cast<double>(std::sqrt(math::dot(request.dense, request.dense)));
  scratch.indices.resize(rows);
  std::iota(scratch.indices.begin(), scratch.indices.end(), 0U);
  auto& scores = scratch.scores;
  for (std::size_t row = 0; row < rows; ++row) {
    const auto product = static_cast<double>(math::dot({rows_.data() + row * size_, size_}, request.dense));
    scores[row] = length > 0 ? product / length : 0.0;
  }
  const std::size_t k = std::min<std::size_t>(table_.k, rows);
  if (k < rows) {
    std::nth_element(
        scratch.indices.begin(), scratch.indices.begin() + static_cast<std::ptrdiff_t>(k), scratch.indices.end(),
        [&](std::uint32_t a, std::uint32_t b) { return scores[a] != scores[b] ? scores[a] > scores[b] : a < b; });
  }
  table_.answer(
      std::span(scratch.indices).first(k), [&](std::uint32_t row) { return scores[row]; }, scratch, quality, sd);
  std::fill_n(scores.begin(), rows, 0.0);
}

void DenseNeighbors::prepare(Scratch& scratch) const {
  scratch.scores.assign(std::max(scratch.scores.size(), table_.rows()), 0.0);
  scratch.indices.reserve(table_.rows());
}

void DenseNeighbors::save(base::ByteWriter& out) const {
  out.put(std::uint8_t{0});
  table_.save(out);
  out.put_array(rows_);
}

Result<std::unique_ptr<Router>> DenseNeighbors::load(base::ByteReader& in, const Shape& shape, std::string_view what) {
  TRY(auto table, NeighborTable::load(in, shape.models, what));
  TRY(auto rows, load_finite(in, table.rows() * shape.dense_size, what));
  return std::make_unique<DenseNeighbors>(std::move(table), shape.dense_size, std::move(rows));
}

Result<std::unique_ptr<Router>> DenseNeighbors::with_model(const TrainingSet& data, const base::OptionMap&) const {
  CHECK_OK(check_new_model(data, size_));
  const std::vector<float> added = unit_rows(data.dense, size_);
  TRY(auto table, table_.with_model(data, row_keys(rows_, size_, table_.rows()), row_keys(added, size_, data.rows)));
  return std::make_unique<DenseNeighbors>(std::move(table), size_, rows_);
}

Result<std::unique_ptr<Router>> DenseNeighbors::without_model(std::size_t model) const {
  CHECK_OK(check_removal(table_.models, model));
  return std::make_unique<DenseNeighbors>(table_.without_model(model), size_, rows_);
}

std::vector<float> unit_rows(std::vector<float> rows, std::size_t size) {
  for (std::size_t at = 0; size > 0 && at < rows.size(); at += size) math::normalize(std::span(rows).subspan(at, size));
  return rows;
}

}  // namespace thalamus::route
