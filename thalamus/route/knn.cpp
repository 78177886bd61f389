// Nearest neighbours (arXiv 2505.12601): quality_m(x) = (sum of w_i q_im + shrinkage * mean_m) / (sum of w_i +
// shrinkage) over the k training rows of highest cosine whose cell is recorded; w_i = 1, or cosine^power. The paper's
// other form is model selection, weights=voting: each neighbour votes for the model that did best there, ties share the
// vote, and the shares are preferences. On the sparse feature the uniform form is the reference of
// methods/evaluation.md 7.3: cosines rounded to 1e-9, ties to the lower row, rows that share no term are never
// neighbours, global means where there is none. A new model is told by outcomes on stored rows. Serving is O(postings
// of the terms) on the sparse feature, O(rows * dimensions) on dense ones. Of more training rows than `rows` a seeded
// sample is kept, so that a decision and the snapshot stay bounded; the means are those of all rows.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "thalamus/base/hash.h"
#include "thalamus/route/neighbors.h"

namespace thalamus::route {
namespace {

struct KnnOptions {
  std::int64_t k = 50;
  std::string weights = "uniform";
  double power = 4;
  double shrinkage = 0;
  std::string space = "auto";
  std::int64_t rows = 50'000;
  template <class Visitor>
  void fields(Visitor& visit) {
    visit("k", k, base::Range<std::int64_t>{1, static_cast<std::int64_t>(kNeighborsMax)}, "neighbours");
    visit("weights", weights, base::Choices{{"uniform", "weighted", "voting"}},
          "all neighbours alike, by cosine^power, or one vote each for its best model");
    visit("power", power, base::Range<double>{0.1, 64}, "exponent of the weights");
    visit("shrinkage", shrinkage, base::Range<double>{0, 1e6}, "neighbours that the global mean counts for");
    visit("space", space, base::Choices{{"auto", "sparse", "dense"}},
          "features of the cosine; auto prefers the sparse");
    visit("rows", rows, base::Range<std::int64_t>{1, 4'000'000}, "training rows kept; of more a seeded sample");
  }
};

std::vector<std::uint64_t> row_keys(const SparseRows& rows) {
  std::vector<std::uint64_t> keys;
  keys.reserve(rows.offsets.size());
  for (std::size_t row = 0; row + 1 < rows.offsets.size(); ++row) {
    const std::uint64_t begin = rows.offsets[row];
    const std::uint64_t count = rows.offsets[row + 1] - begin;
    const std::string_view ids(reinterpret_cast<const char*>(rows.ids.data() + begin), count * sizeof(rows.ids[0]));
    const std::string_view values(reinterpret_cast<const char*>(rows.values.data() + begin),
                                  count * sizeof(rows.values[0]));
    keys.push_back(base::hash64(values, base::hash64(ids)));
  }
  return keys;
}

class SparseKnn final : public PoolRouter {
 public:
  SparseKnn(NeighborTable table, SparseRows rows) : table_(std::move(table)), rows_(std::move(rows)) {
    // The transposed matrix: for each term the rows that hold it.
    starts_.assign(rows_.columns + 1, 0);
    for (const std::uint32_t id : rows_.ids) ++starts_[id + 1];
    std::partial_sum(starts_.begin(), starts_.end(), starts_.begin());
    postings_.resize(rows_.ids.size());
    std::vector<std::uint64_t> next(starts_.begin(), starts_.end() - 1);
    for (std::size_t row = 0; row + 1 < rows_.offsets.size(); ++row)
      for (std::uint64_t i = rows_.offsets[row]; i < rows_.offsets[row + 1]; ++i)
        postings_[next[rows_.ids[i]]++] = {static_cast<std::uint32_t>(row), rows_.values[i]};
  }

  void estimate(const FeatureView& request, Scratch& scratch, std::span<float> quality,
                std::span<float> sd) const noexcept override {
    auto& scores = scratch.scores;
    auto& touched = scratch.indices;
    touched.clear();
    for (std::size_t i = 0; i < request.sparse.ids.size(); ++i) {
      const std::uint32_t id = request.sparse.ids[i];
      const double value = request.sparse.values[i];
      for (std::uint64_t p = starts_[id]; p < starts_[id + 1]; ++p) {
        const Posting& posting = postings_[p];
        if (scores[posting.row] == 0) touched.push_back(posting.row);
        scores[posting.row] += value * posting.weight;
      }
    }
    for (const std::uint32_t row : touched) scores[row] = std::round(scores[row] * 1e9) / 1e9;
    const std::size_t k = std::min<std::size_t>(table_.k, touched.size());
    if (k < touched.size()) {
      std::nth_element(
          touched.begin(), touched.begin() + static_cast<std::ptrdiff_t>(k), touched.end(),
          [&](std::uint32_t a, std::uint32_t b) { return scores[a] != scores[b] ? scores[a] > scores[b] : a < b; });
    }
    table_.answer(std::span(touched).first(k), [&](std::uint32_t row) { return scores[row]; }, scratch, quality, sd);
    for (const std::uint32_t row : touched) scores[row] = 0;
  }

  void prepare(Scratch& scratch) const override {
    scratch.scores.assign(std::max(scratch.scores.size(), table_.rows()), 0.0);
    scratch.indices.reserve(table_.rows());
  }

  [[nodiscard]] Output output() const noexcept override { return table_.output(); }

  void save(base::ByteWriter& out) const override {
    out.put(std::uint8_t{1});
    table_.save(out);
    out.put_array(rows_.offsets);
    out.put_array(rows_.ids);
    out.put_array(rows_.values);
  }

  Result<std::unique_ptr<Router>> with_model(const TrainingSet& data, const base::OptionMap&) const override {
    CHECK_OK(check_new_model(data, data.dense_size));
    if (data.sparse.columns != rows_.columns || data.sparse.offsets.size() != data.rows + 1)
      return fail(ErrorKind::kInvalidInput, "the new rows have {} sparse columns, the router was fitted on {}",
                  data.sparse.columns, rows_.columns);
    TRY(auto table, table_.with_model(data, row_keys(rows_), row_keys(data.sparse)));
    return std::make_unique<SparseKnn>(std::move(table), rows_);
  }

  Result<std::unique_ptr<Router>> without_model(std::size_t model) const override {
    CHECK_OK(check_removal(table_.models, model));
    return std::make_unique<SparseKnn>(table_.without_model(model), rows_);
  }

 private:
  struct Posting {
    std::uint32_t row;
    double weight;
  };
  NeighborTable table_;
  SparseRows rows_;
  std::vector<std::uint64_t> starts_;
  std::vector<Posting> postings_;
};

/// A seeded sample of the rows, in their order: what a neighbour search reads of them.
TrainingSet sample_of(const TrainingSet& data, std::size_t count, base::Rng& rng) {
  std::vector<std::size_t> rows(data.rows);
  std::iota(rows.begin(), rows.end(), std::size_t{0});
  rng.shuffle(rows);
  rows.resize(count);
  std::sort(rows.begin(), rows.end());
  const std::size_t models = data.models.size();
  TrainingSet kept;
  kept.models = data.models;
  kept.rows = count;
  kept.dense_size = data.dense_size;
  kept.sparse.columns = data.sparse.columns;
  for (const std::size_t row : rows) {
    const auto dense = data.dense_row(row);
    kept.dense.insert(kept.dense.end(), dense.begin(), dense.end());
    const auto quality = std::span(data.quality).subspan(row * models, models);
    kept.quality.insert(kept.quality.end(), quality.begin(), quality.end());
    if (data.sparse.columns == 0) continue;
    for (std::uint64_t i = data.sparse.offsets[row]; i < data.sparse.offsets[row + 1]; ++i) {
      kept.sparse.ids.push_back(data.sparse.ids[i]);
      kept.sparse.values.push_back(data.sparse.values[i]);
    }
    kept.sparse.offsets.push_back(kept.sparse.ids.size());
  }
  return kept;
}

Result<std::unique_ptr<Router>> fit_knn(const TrainingSet& all, const base::OptionMap& values, base::Rng& rng) {
  TRY(const auto options, base::parse_options<KnnOptions>(values));
  const auto rows_max = static_cast<std::size_t>(options.rows);
  TrainingSet sample;
  if (all.rows > rows_max) sample = sample_of(all, rows_max, rng);
  const TrainingSet& data = all.rows > rows_max ? sample : all;
  const bool has_sparse = data.sparse.columns > 0;
  if (options.space == "sparse" && !has_sparse)
    return fail(ErrorKind::kInvalidInput, "space: sparse needs a sparse feature; add the feature tfidf");
  if (options.space == "dense" && data.dense_size == 0)
    return fail(ErrorKind::kInvalidInput, "space: dense needs a dense feature; add signals or hash");
  NeighborTable table;
  table.k = static_cast<std::uint32_t>(options.k);
  table.weights = options.weights == "voting"     ? NeighborWeights::kVoting
                  : options.weights == "weighted" ? NeighborWeights::kWeighted
                                                  : NeighborWeights::kUniform;
  table.power = options.power;
  table.shrinkage = options.shrinkage;
  table.models = data.models.size();
  table.set_labels(data.quality);
  for (const double mean : model_means(all).mean) table.means.push_back(static_cast<float>(mean));
  if (options.space == "sparse" || (options.space == "auto" && has_sparse))
    return std::make_unique<SparseKnn>(std::move(table), data.sparse);
  return std::make_unique<DenseNeighbors>(std::move(table), data.dense_size, unit_rows(data.dense, data.dense_size));
}

Result<std::unique_ptr<Router>> load_knn(base::ByteReader& in, const Shape& shape) {
  TRY(const auto sparse, in.get<std::uint8_t>());
  if (sparse == 0) return DenseNeighbors::load(in, shape, "knn");
  TRY(auto table, NeighborTable::load(in, shape.models, "knn"));
  SparseRows rows;
  rows.columns = shape.sparse_size;
  TRY(rows.offsets, in.get_array<std::uint64_t>());
  TRY(rows.ids, in.get_array<std::uint32_t>());
  TRY(rows.values, in.get_array<double>());
  const bool sound =
      rows.offsets.size() == table.rows() + 1 && rows.offsets.front() == 0 && rows.offsets.back() == rows.ids.size() &&
      rows.ids.size() == rows.values.size() && std::is_sorted(rows.offsets.begin(), rows.offsets.end()) &&
      std::all_of(rows.ids.begin(), rows.ids.end(), [&](std::uint32_t id) { return id < rows.columns; }) &&
      std::all_of(rows.values.begin(), rows.values.end(), [](double v) { return v > 0 && v <= 1.001; });
  if (!sound) return fail(ErrorKind::kCorrupt, "knn: the stored rows do not fit the feature");
  return std::make_unique<SparseKnn>(std::move(table), std::move(rows));
}

}  // namespace

MethodRecord knn_method() {
  return {.name = "knn",
          .help = "mean quality of the most similar training requests, or their votes",
          .source = "arXiv:2505.12601",
          .latency_class_us = 1000,
          .needs = {.dense = false, .either = true, .tokens = false},
          .options = &base::list_options<KnnOptions>,
          .fit = &fit_knn,
          .load = &load_knn,
          .add_model = &add_model_to_pool,
          .remove_model = &remove_model_from_pool};
}

}  // namespace thalamus::route
