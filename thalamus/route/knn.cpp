// Nearest neighbours (arXiv 2505.12601): quality_m(x) = (sum of w_i q_im + shrinkage * mean_m) / (sum of w_i +
// shrinkage) over the k training rows of highest cosine whose cell is recorded; w_i = 1, or cosine^power. On the sparse
// feature this is the reference of methods/evaluation.md 7.3: cosines rounded to 1e-9, ties to the lower row, rows that
// share no term are never neighbours, global means where there is none. Serving is O(postings of the terms) on the
// sparse feature, O(rows * dimensions) on dense ones.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "thalamus/math/kernels.h"
#include "thalamus/route/router.h"
#include "thalamus/route/table.h"

namespace thalamus::route {
namespace {

struct KnnOptions {
  std::int64_t k = 50;
  std::string weights = "uniform";
  double power = 4;
  double shrinkage = 0;
  std::string space = "auto";
  template <class Visitor>
  void fields(Visitor& visit) {
    visit("k", k, base::Range<std::int64_t>{1, 1024}, "neighbours");
    visit("weights", weights, base::Choices{{"uniform", "weighted"}}, "all neighbours alike, or by cosine^power");
    visit("power", power, base::Range<double>{0.1, 64}, "exponent of the weights");
    visit("shrinkage", shrinkage, base::Range<double>{0, 1e6}, "neighbours that the global mean counts for");
    visit("space", space, base::Choices{{"auto", "sparse", "dense"}},
          "features of the cosine; auto prefers the sparse");
  }
};

/// Options and outcomes that both forms share.
struct KnnCore {
  std::uint32_t k = 50;
  bool weighted = false;
  double power = 4;
  double shrinkage = 0;
  std::size_t models = 0;
  std::vector<double> labels;  ///< rows x models; NaN where not recorded
  std::vector<float> means;

  [[nodiscard]] std::size_t rows() const noexcept { return models == 0 ? 0 : labels.size() / models; }

  /// Takes outcomes as they are stored. Decimal fractions get back the digits that a float lost, so that means which
  /// are equal on paper tie.
  void set_labels(std::span<const float> quality) {
    labels.reserve(quality.size());
    for (const float q : quality) labels.push_back(std::round(static_cast<double>(q) * 1e6) / 1e6);
  }

  /// `neighbors` are rows; `cosine(row)` their similarity.
  template <class Cosine>
  void average(std::span<const std::uint32_t> neighbors, Cosine&& cosine, Scratch& scratch, std::span<float> out,
               std::span<float> sd) const noexcept {
    const std::span<double> sum(scratch.sums.data(), models);
    const std::span<double> weight(scratch.sums.data() + models, models);
    std::fill(sum.begin(), sum.end(), 0.0);
    std::fill(weight.begin(), weight.end(), 0.0);
    for (const std::uint32_t row : neighbors) {
      const double w = weighted ? std::pow(std::max(cosine(row), 0.0), power) : 1.0;
      const double* row_labels = labels.data() + static_cast<std::size_t>(row) * models;
      for (std::size_t m = 0; m < models; ++m) {
        if (std::isnan(row_labels[m])) continue;
        sum[m] += w * row_labels[m];
        weight[m] += w;
      }
    }
    for (std::size_t m = 0; m < models; ++m) {
      const double total = weight[m] + shrinkage;
      const auto mean = static_cast<double>(means[m]);
      const double value = total > 0 ? (sum[m] + shrinkage * mean) / total : mean;
      out[m] = static_cast<float>(value);
      sd[m] = static_cast<float>(probability_sd(value, total));
    }
  }

  void save(base::ByteWriter& out) const {
    out.put(k);
    out.put(weighted);
    out.put(power);
    out.put(shrinkage);
    std::vector<float> quality;
    quality.reserve(labels.size());
    for (const double label : labels) quality.push_back(static_cast<float>(label));
    out.put_array(quality);
    out.put_array(means);
  }
};

class SparseKnn final : public Router {
 public:
  SparseKnn(KnnCore core, SparseRows rows) : core_(std::move(core)), rows_(std::move(rows)) {
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
    const std::size_t k = std::min<std::size_t>(core_.k, touched.size());
    if (k < touched.size()) {
      std::nth_element(
          touched.begin(), touched.begin() + static_cast<std::ptrdiff_t>(k), touched.end(),
          [&](std::uint32_t a, std::uint32_t b) { return scores[a] != scores[b] ? scores[a] > scores[b] : a < b; });
    }
    core_.average(std::span(touched).first(k), [&](std::uint32_t row) { return scores[row]; }, scratch, quality, sd);
    for (const std::uint32_t row : touched) scores[row] = 0;
  }

  void prepare(Scratch& scratch) const override {
    scratch.scores.assign(std::max(scratch.scores.size(), core_.rows()), 0.0);
    scratch.indices.reserve(core_.rows());
  }

  void save(base::ByteWriter& out) const override {
    out.put(true);
    core_.save(out);
    out.put_array(rows_.offsets);
    out.put_array(rows_.ids);
    out.put_array(rows_.values);
  }

 private:
  struct Posting {
    std::uint32_t row;
    double weight;
  };
  KnnCore core_;
  SparseRows rows_;
  std::vector<std::uint64_t> starts_;
  std::vector<Posting> postings_;
};

class DenseKnn final : public Router {
 public:
  DenseKnn(KnnCore core, std::size_t size, std::vector<float> rows)
      : core_(std::move(core)), size_(size), rows_(std::move(rows)) {}

  void estimate(const FeatureView& request, Scratch& scratch, std::span<float> quality,
                std::span<float> sd) const noexcept override {
    const std::size_t rows = core_.rows();
    const auto length = static_cast<double>(std::sqrt(math::dot(request.dense, request.dense)));
    scratch.indices.resize(rows);
    std::iota(scratch.indices.begin(), scratch.indices.end(), 0U);
    auto& scores = scratch.scores;
    for (std::size_t row = 0; row < rows; ++row) {
      const auto product = static_cast<double>(math::dot({rows_.data() + row * size_, size_}, request.dense));
      scores[row] = length > 0 ? product / length : 0.0;
    }
    const std::size_t k = std::min<std::size_t>(core_.k, rows);
    if (k < rows) {
      std::nth_element(
          scratch.indices.begin(), scratch.indices.begin() + static_cast<std::ptrdiff_t>(k), scratch.indices.end(),
          [&](std::uint32_t a, std::uint32_t b) { return scores[a] != scores[b] ? scores[a] > scores[b] : a < b; });
    }
    core_.average(
        std::span(scratch.indices).first(k), [&](std::uint32_t row) { return scores[row]; }, scratch, quality, sd);
    std::fill_n(scores.begin(), rows, 0.0);
  }

  void prepare(Scratch& scratch) const override {
    scratch.scores.assign(std::max(scratch.scores.size(), core_.rows()), 0.0);
    scratch.indices.reserve(core_.rows());
  }

  void save(base::ByteWriter& out) const override {
    out.put(false);
    core_.save(out);
    out.put_array(rows_);
  }

 private:
  KnnCore core_;
  std::size_t size_;
  std::vector<float> rows_;  ///< rows x size, each of unit length
};

Result<std::unique_ptr<Router>> fit_knn(const TrainingSet& data, const base::OptionMap& values, base::Rng&) {
  TRY(const auto options, base::parse_options<KnnOptions>(values));
  const bool has_sparse = data.sparse.columns > 0;
  if (options.space == "sparse" && !has_sparse)
    return fail(ErrorKind::kInvalidInput, "space: sparse needs a sparse feature; add the feature tfidf");
  if (options.space == "dense" && data.dense_size == 0)
    return fail(ErrorKind::kInvalidInput, "space: dense needs a dense feature; add signals or hash");
  KnnCore core;
  core.k = static_cast<std::uint32_t>(options.k);
  core.weighted = options.weights == "weighted";
  core.power = options.power;
  core.shrinkage = options.shrinkage;
  core.models = data.models.size();
  core.set_labels(data.quality);
  for (const double mean : model_means(data).mean) core.means.push_back(static_cast<float>(mean));
  if (options.space == "sparse" || (options.space == "auto" && has_sparse))
    return std::make_unique<SparseKnn>(std::move(core), data.sparse);
  std::vector<float> rows = data.dense;
  for (std::size_t row = 0; row < data.rows; ++row)
    math::normalize(std::span(rows).subspan(row * data.dense_size, data.dense_size));
  return std::make_unique<DenseKnn>(std::move(core), data.dense_size, std::move(rows));
}

Result<KnnCore> load_core(base::ByteReader& in, const Shape& shape) {
  KnnCore core;
  core.models = shape.models;
  TRY(core.k, in.get<std::uint32_t>());
  TRY(const auto weighted, in.get<std::uint8_t>());
  TRY(core.power, in.get<double>());
  TRY(core.shrinkage, in.get<double>());
  TRY(const auto quality, in.get_array<float>());
  TRY(core.means, load_finite(in, shape.models, "knn"));
  core.weighted = weighted != 0;
  if (core.k < 1 || core.k > 1024 || !(core.power > 0) || !(core.power <= 64) || !(core.shrinkage >= 0) ||
      !(core.shrinkage <= 1e6) || quality.empty() || quality.size() % shape.models != 0 ||
      quality.size() / shape.models > UINT32_MAX)
    return fail(ErrorKind::kCorrupt, "knn: an option or the number of outcomes is out of bounds");
  if (!std::all_of(quality.begin(), quality.end(), [](float q) { return std::isnan(q) || (q >= 0 && q <= 1); }))
    return fail(ErrorKind::kCorrupt, "knn: a quality lies outside [0,1]");
  core.set_labels(quality);
  return core;
}

Result<std::unique_ptr<Router>> load_knn(base::ByteReader& in, const Shape& shape) {
  TRY(const auto sparse, in.get<std::uint8_t>());
  TRY(auto core, load_core(in, shape));
  if (sparse == 0) {
    TRY(auto rows, load_finite(in, core.rows() * shape.dense_size, "knn"));
    return std::make_unique<DenseKnn>(std::move(core), shape.dense_size, std::move(rows));
  }
  SparseRows rows;
  rows.columns = shape.sparse_size;
  TRY(rows.offsets, in.get_array<std::uint64_t>());
  TRY(rows.ids, in.get_array<std::uint32_t>());
  TRY(rows.values, in.get_array<double>());
  const bool sound =
      rows.offsets.size() == core.rows() + 1 && rows.offsets.front() == 0 && rows.offsets.back() == rows.ids.size() &&
      rows.ids.size() == rows.values.size() && std::is_sorted(rows.offsets.begin(), rows.offsets.end()) &&
      std::all_of(rows.ids.begin(), rows.ids.end(), [&](std::uint32_t id) { return id < rows.columns; }) &&
      std::all_of(rows.values.begin(), rows.values.end(), [](double v) { return v > 0 && v <= 1.001; });
  if (!sound) return fail(ErrorKind::kCorrupt, "knn: the stored rows do not fit the feature");
  return std::make_unique<SparseKnn>(std::move(core), std::move(rows));
}

}  // namespace

MethodRecord knn_method() {
  return {.name = "knn",
          .help = "mean quality of the most similar training requests",
          .source = "arXiv:2505.12601",
          .latency_class_us = 1000,
          .needs = {.dense = false, .either = true, .tokens = false},
          .options = &base::list_options<KnnOptions>,
          .fit = &fit_knn,
          .load = &load_knn};
}

}  // namespace thalamus::route
