// Low-rank factorisation of the quality table, told from the request: q_m(x) = b_m + v_m . (A x + a), with r factors
// that all models share. Reduced-rank ridge regression (Mukherjee and Zhu, Statistical Analysis and Data Mining 2011;
// the factorisation that EmbedLLM, arXiv 2410.02223, learns by gradient): each model's ridge regression on its recorded
// rows completes the table, and the r leading eigenvectors V of the covariance of what they predict give
// A = V' W. The rank, unless given, is the one that errs least on held-back rows about the differences between models.
// A new model is a regression of its column on the factors. O(r * (dimensions + models)).
#include <algorithm>
#include <cmath>

#include "thalamus/math/dense_net.h"
#include "thalamus/math/kernels.h"
#include "thalamus/math/ridge.h"
#include "thalamus/math/symmetric.h"
#include "thalamus/route/pool.h"

namespace thalamus::route {
namespace {

constexpr std::size_t kRowsMax = 50'000;  // more are sampled
constexpr std::size_t kRankMax = 64;

struct LowRankOptions {
  std::int64_t rank = 0;
  double penalty = 0;
  template <class Visitor>
  void fields(Visitor& visit) {
    visit("rank", rank, base::Range<std::int64_t>{0, static_cast<std::int64_t>(kRankMax)},
          "factors; 0 chooses them on held-back rows");
    visit("penalty", penalty, base::Range<double>{0, 1e6}, "of squared weights; 0 chooses it per model");
  }
};

/// Factors of a request and what each model makes of them.
struct Factors {
  std::size_t size = 0;        ///< dense features
  std::size_t count = 0;       ///< r
  std::vector<float> map;      ///< r x size
  std::vector<float> origin;   ///< r
  std::vector<float> loading;  ///< models x r
  std::vector<float> bias;     ///< models
  std::vector<float> sd;       ///< models

  /// factors(x), `count` of them.
  void locate(std::span<const float> dense, std::span<float> out) const noexcept {
    for (std::size_t f = 0; f < count; ++f)
      out[f] = origin[f] + math::dot(std::span(map).subspan(f * size, size), dense);
  }
  [[nodiscard]] float quality(std::size_t model, std::span<const float> factors) const noexcept {
    return bias[model] + math::dot(std::span(loading).subspan(model * count, count), factors);
  }
};

class LowRank final : public PoolRouter {
 public:
  explicit LowRank(Factors factors) : factors_(std::move(factors)) {}

  void estimate(const FeatureView& request, Scratch& scratch, std::span<float> quality,
                std::span<float> sd) const noexcept override {
    const std::span<float> located = std::span(scratch.work).first(factors_.count);
    factors_.locate(request.dense, located);
    for (std::size_t m = 0; m < quality.size(); ++m) {
      quality[m] = factors_.quality(m, located);
      sd[m] = factors_.sd[m];
    }
  }

  void prepare(Scratch& scratch) const override {
    if (scratch.work.size() < factors_.count) scratch.work.resize(factors_.count);
  }

  void save(base::ByteWriter& out) const override {
    out.put(static_cast<std::uint32_t>(factors_.count));
    for (const auto* part : {&factors_.map, &factors_.origin, &factors_.loading, &factors_.bias, &factors_.sd})
      out.put_array(*part);
  }

  Result<std::unique_ptr<Router>> with_model(const TrainingSet& data, const base::OptionMap&) const override {
    CHECK_OK(check_new_model(data, factors_.size));
    std::vector<float> located(data.rows * factors_.count);
    for (std::size_t row = 0; row < data.rows; ++row)
      factors_.locate(data.dense_row(row), std::span(located).subspan(row * factors_.count, factors_.count));
    TRY(const auto ridge, math::fit_ridge(located, factors_.count, data.quality, 1, {}));
    const ModelMeans means = model_means(data);
    Factors factors = factors_;
    factors.loading.insert(factors.loading.end(), ridge.weights.begin(), ridge.weights.end());
    factors.bias.push_back(ridge.bias[0]);
    factors.sd.push_back(
        static_cast<float>(std::max(ridge.prediction_sd[0], probability_sd(means.mean[0], means.count[0]))));
    return std::make_unique<LowRank>(std::move(factors));
  }

  Result<std::unique_ptr<Router>> without_model(std::size_t model) const override {
    CHECK_OK(check_removal(factors_.bias.size(), model));
    Factors factors = factors_;
    factors.loading = without_row(factors.loading, factors.count, model);
    factors.bias = without_row(factors.bias, 1, model);
    factors.sd = without_row(factors.sd, 1, model);
    return std::make_unique<LowRank>(std::move(factors));
  }

 private:
  Factors factors_;
};

/// Every model's ridge regression and the directions in which their predictions vary together.
struct Completed {
  math::Ridge ridge;
  ModelMeans means;
  std::vector<double> center;  ///< mean prediction of each model over the rows
  math::SymmetricEigen directions;
};

Result<Completed> complete(const TrainingSet& data, double penalty) {
  const std::size_t models = data.models.size();
  Completed out;
  TRY(out.ridge, math::fit_ridge(data.dense, data.dense_size, data.quality, models, {.penalty = penalty}));
  out.means = model_means(data);
  for (std::size_t m = 0; m < models; ++m)
    if (out.means.count[m] == 0) out.ridge.bias[m] = static_cast<float>(out.means.mean[m]);
  std::vector<double> predicted(data.rows * models);
  out.center.assign(models, 0.0);
  for (std::size_t row = 0; row < data.rows; ++row) {
    for (std::size_t m = 0; m < models; ++m) {
      const float product =
          math::dot(std::span(out.ridge.weights).subspan(m * data.dense_size, data.dense_size), data.dense_row(row));
      predicted[row * models + m] = static_cast<double>(out.ridge.bias[m] + product);
      out.center[m] += predicted[row * models + m];
    }
  }
  for (double& value : out.center) value /= static_cast<double>(data.rows);
  std::vector<double> covariance(models * models, 0.0);
  for (std::size_t row = 0; row < data.rows; ++row) {
    double* p = predicted.data() + row * models;
    for (std::size_t m = 0; m < models; ++m) p[m] -= out.center[m];
    for (std::size_t i = 0; i < models; ++i)
      for (std::size_t j = i; j < models; ++j) covariance[i * models + j] += p[i] * p[j];
  }
  out.directions = math::decompose_symmetric(covariance, models);
  return out;
}

/// Keeps the `rank` leading directions V: W becomes V V' W, about the mean predictions.
Factors truncate(const Completed& completed, std::size_t size, std::size_t rank) {
  const std::size_t models = completed.center.size();
  Factors out;
  out.size = size;
  out.count = rank;
  out.loading.resize(models * rank);
  for (std::size_t f = 0; f < rank; ++f) {
    const double* direction = completed.directions.vectors.data() + f * models;
    std::vector<double> map(size, 0.0);
    double origin = 0;
    for (std::size_t m = 0; m < models; ++m) {
      for (std::size_t c = 0; c < size; ++c)
        map[c] += direction[m] * static_cast<double>(completed.ridge.weights[m * size + c]);
      origin += direction[m] * (static_cast<double>(completed.ridge.bias[m]) - completed.center[m]);
      out.loading[m * rank + f] = static_cast<float>(direction[m]);
    }
    for (const double value : map) out.map.push_back(static_cast<float>(value));
    out.origin.push_back(static_cast<float>(origin));
  }
  for (std::size_t m = 0; m < models; ++m) {
    out.bias.push_back(static_cast<float>(completed.center[m]));
    const double floor = probability_sd(completed.means.mean[m], completed.means.count[m]);
    out.sd.push_back(static_cast<float>(std::max(completed.ridge.prediction_sd[m], floor)));
  }
  return out;
}

Result<std::size_t> choose_rank(const TrainingSet& data, double penalty) {
  const std::size_t models = data.models.size();
  const std::size_t most = std::min({models, kRankMax, data.dense_size});
  const HeldBack parts = hold_back(data, 5);
  if (parts.held.rows == 0 || most < 2) return std::size_t{1};
  TRY(const auto completed, complete(parts.fitted, penalty));
  const Factors all = truncate(completed, data.dense_size, most);
  std::vector<double> error(most, 0.0);
  std::vector<float> located(most);
  std::vector<float> estimates(models);
  for (std::size_t row = 0; row < parts.held.rows; ++row) {
    all.locate(parts.held.dense_row(row), located);
    estimates = all.bias;
    for (std::size_t f = 0; f < most; ++f) {
      for (std::size_t m = 0; m < models; ++m) estimates[m] += all.loading[m * most + f] * located[f];
      error[f] += centered_squared_error(estimates, parts.held, row);
    }
  }
  return static_cast<std::size_t>(std::min_element(error.begin(), error.end()) - error.begin()) + 1;
}

Result<std::unique_ptr<Router>> fit_low_rank(const TrainingSet& all, const base::OptionMap& values, base::Rng& rng) {
  TRY(const auto options, base::parse_options<LowRankOptions>(values));
  const TrainingSet data = take_rows(all, math::sample_rows(all.rows, kRowsMax, rng));
  auto rank = static_cast<std::size_t>(options.rank);
  if (rank == 0) {
    TRY(rank, choose_rank(data, options.penalty));
  }
  TRY(const auto completed, complete(data, options.penalty));
  return std::make_unique<LowRank>(truncate(completed, data.dense_size, std::min(rank, data.models.size())));
}

Result<std::unique_ptr<Router>> load_low_rank(base::ByteReader& in, const Shape& shape) {
  Factors factors;
  TRY(const auto count, in.get<std::uint32_t>());
  if (count < 1 || count > kRankMax) return fail(ErrorKind::kCorrupt, "low_rank: {} factors are out of bounds", count);
  factors.size = shape.dense_size;
  factors.count = count;
  TRY(factors.map, load_finite(in, count * shape.dense_size, "low_rank"));
  TRY(factors.origin, load_finite(in, count, "low_rank"));
  TRY(factors.loading, load_finite(in, count * shape.models, "low_rank"));
  TRY(factors.bias, load_finite(in, shape.models, "low_rank"));
  TRY(factors.sd, load_finite(in, shape.models, "low_rank"));
  return std::make_unique<LowRank>(std::move(factors));
}

}  // namespace

MethodRecord low_rank_method() {
  return {.name = "low_rank",
          .help = "a few factors of the request that all models share, each model weighting them",
          .source = "arXiv:2410.02223",
          .latency_class_us = 10,
          .needs = {.dense = true, .either = false, .tokens = false},
          .options = &base::list_options<LowRankOptions>,
          .fit = &fit_low_rank,
          .load = &load_low_rank,
          .add_model = &add_model_to_pool,
          .remove_model = &remove_model_from_pool};
}

}  // namespace thalamus::route
