// CARROT (arXiv 2502.03261): estimate quality and cost of each model, then plug both into the utility. The quality half
// is here; cost comes from the snapshot's heads, which know the prices and the request's own input tokens, and the
// decision (argmax of quality - lambda * cost) is `decide`. form=knn: mean over the k nearest rows by cosine of the
// dense features, k from 2^1..2^9 by 5-fold cross-validation on the mean R2 of the models. form=linear: ridge
// regression, penalty per model by generalised cross-validation (CPU form of the authors' RoBERTa heads). Serving:
// O(rows * dimensions) and O(models * dimensions). Beyond kStoredRowsMax the neighbours are a seeded sample.
#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "thalamus/math/dense_net.h"
#include "thalamus/math/kernels.h"
#include "thalamus/math/ridge.h"
#include "thalamus/route/neighbors.h"

namespace thalamus::route {
namespace {

constexpr std::size_t kStoredRowsMax = 20'000;  // more are too slow to scan for each request
constexpr std::size_t kLinearRowsMax = 50'000;
constexpr std::size_t kQueriesMax = 2'000;  // rows that the choice of k asks
constexpr std::uint32_t kFolds = 5;
constexpr std::array<std::uint32_t, 9> kNeighborGrid{2, 4, 8, 16, 32, 64, 128, 256, 512};

struct CarrotOptions {
  std::string form = "knn";
  std::int64_t k = 0;
  double penalty = 0;
  template <class Visitor>
  void fields(Visitor& visit) {
    visit("form", form, base::Choices{{"knn", "linear"}}, "neighbours, or ridge regression");
    visit("k", k, base::Range<std::int64_t>{0, static_cast<std::int64_t>(kNeighborsMax)},
          "neighbours; 0 chooses 2 to 512 by 5-fold cross-validation");
    visit("penalty", penalty, base::Range<double>{0, 1e6}, "of squared weights in the linear form; 0 chooses it");
  }
};

/// Squared errors of each number of neighbours of the grid and each model, over asked rows.
class NeighborChoice {
 public:
  NeighborChoice(const TrainingSet& data, std::span<const float> unit_rows, const ModelMeans& means)
      : data_(data),
        rows_(unit_rows),
        means_(means),
        models_(data.models.size()),
        fold_of_(feature_folds(data, kFolds)),
        error_(kNeighborGrid.size() * models_, 0.0),
        spread_(models_, 0.0),
        scores_(data.rows),
        order_(data.rows) {}

  [[nodiscard]] std::uint32_t run(base::Rng& rng) {
    for (const std::uint32_t row : math::sample_rows(data_.rows, kQueriesMax, rng)) ask(row);
    std::uint32_t best = 64;
    double best_score = -INFINITY;
    for (std::size_t g = 0; g < kNeighborGrid.size(); ++g) {
      double score = 0;  // sum of R2 over the models that differ between rows
      for (std::size_t m = 0; m < models_; ++m)
        if (spread_[m] > 0) score += 1 - error_[g * models_ + m] / spread_[m];
      if (score > best_score + 1e-9) {
        best_score = score;
        best = kNeighborGrid[g];
      }
    }
    return best;
  }

 private:
  void ask(std::uint32_t row) {
    const auto x = rows_.subspan(row * data_.dense_size, data_.dense_size);
    order_.clear();
    for (std::uint32_t other = 0; other < data_.rows; ++other) {
      if (fold_of_[other] == fold_of_[row]) continue;
      scores_[other] = math::dot(x, rows_.subspan(other * data_.dense_size, data_.dense_size));
      order_.push_back(other);
    }
    const std::size_t depth = std::min<std::size_t>(order_.size(), kNeighborGrid.back());
    std::partial_sort(
        order_.begin(), order_.begin() + static_cast<std::ptrdiff_t>(depth), order_.end(),
        [&](std::uint32_t a, std::uint32_t b) { return scores_[a] != scores_[b] ? scores_[a] > scores_[b] : a < b; });
    for (std::size_t m = 0; m < models_; ++m) {
      if (!data_.recorded(row, m)) continue;
      const auto quality = static_cast<double>(data_.quality_of(row, m));
      spread_[m] += (quality - means_.mean[m]) * (quality - means_.mean[m]);
      double sum = 0;
      double count = 0;
      std::size_t at = 0;
      for (std::size_t g = 0; g < kNeighborGrid.size(); ++g) {
        for (; at < std::min<std::size_t>(depth, kNeighborGrid[g]); ++at) {
          if (!data_.recorded(order_[at], m)) continue;
          sum += static_cast<double>(data_.quality_of(order_[at], m));
          count += 1;
        }
        const double off = quality - (count > 0 ? sum / count : means_.mean[m]);
        error_[g * models_ + m] += off * off;
      }
    }
  }

  const TrainingSet& data_;
  std::span<const float> rows_;
  const ModelMeans& means_;
  std::size_t models_;
  std::vector<std::uint32_t> fold_of_;
  std::vector<double> error_;  ///< grid x models
  std::vector<double> spread_;
  std::vector<float> scores_;
  std::vector<std::uint32_t> order_;
};

/// Linear heads on the dense features.
class Linear final : public PoolRouter {
 public:
  Linear(std::size_t size, std::vector<float> weights, std::vector<float> bias, std::vector<float> sd)
      : size_(size), weights_(std::move(weights)), bias_(std::move(bias)), sd_(std::move(sd)) {}

  [[nodiscard]] static Result<std::unique_ptr<Linear>> fit(const TrainingSet& data, double penalty) {
    const std::size_t models = data.models.size();
    TRY(auto ridge, math::fit_ridge(data.dense, data.dense_size, data.quality, models, {.penalty = penalty}));
    const ModelMeans means = model_means(data);
    std::vector<float> sd;
    for (std::size_t m = 0; m < models; ++m) {
      if (means.count[m] == 0) ridge.bias[m] = static_cast<float>(means.mean[m]);
      const double floor = probability_sd(means.mean[m], means.count[m]);
      sd.push_back(static_cast<float>(std::max(ridge.prediction_sd[m], floor)));
    }
    return std::make_unique<Linear>(data.dense_size, std::move(ridge.weights), std::move(ridge.bias), std::move(sd));
  }

  void estimate(const FeatureView& request, Scratch&, std::span<float> quality,
                std::span<float> sd) const noexcept override {
    for (std::size_t m = 0; m < quality.size(); ++m) {
      quality[m] = bias_[m] + math::dot({weights_.data() + m * size_, size_}, request.dense);
      sd[m] = sd_[m];
    }
  }

  void save(base::ByteWriter& out) const override {
    out.put(std::uint8_t{1});
    out.put_array(weights_);
    out.put_array(bias_);
    out.put_array(sd_);
  }

  Result<std::unique_ptr<Router>> with_model(const TrainingSet& data, const base::OptionMap& values) const override {
    TRY(const auto options, base::parse_options<CarrotOptions>(values));
    CHECK_OK(check_new_model(data, size_));
    TRY(const auto added, fit(data, options.penalty));
    auto result = std::make_unique<Linear>(*this);
    result->weights_.insert(result->weights_.end(), added->weights_.begin(), added->weights_.end());
    result->bias_.push_back(added->bias_[0]);
    result->sd_.push_back(added->sd_[0]);
    return result;
  }

  Result<std::unique_ptr<Router>> without_model(std::size_t model) const override {
    CHECK_OK(check_removal(bias_.size(), model));
    return std::make_unique<Linear>(size_, without_row(weights_, size_, model), without_row(bias_, 1, model),
                                    without_row(sd_, 1, model));
  }

 private:
  std::size_t size_;
  std::vector<float> weights_;  ///< models x size
  std::vector<float> bias_;
  std::vector<float> sd_;
};

Result<std::unique_ptr<Router>> fit_carrot(const TrainingSet& all, const base::OptionMap& values, base::Rng& rng) {
  TRY(const auto options, base::parse_options<CarrotOptions>(values));
  const bool linear = options.form == "linear";
  const TrainingSet data = take_rows(all, math::sample_rows(all.rows, linear ? kLinearRowsMax : kStoredRowsMax, rng));
  if (linear) return Linear::fit(data, options.penalty);
  const ModelMeans means = model_means(data);
  std::vector<float> rows = unit_rows(data.dense, data.dense_size);
  NeighborTable table;
  table.k = options.k > 0 ? static_cast<std::uint32_t>(options.k) : NeighborChoice(data, rows, means).run(rng);
  table.models = data.models.size();
  table.set_labels(data.quality);
  for (const double mean : means.mean) table.means.push_back(static_cast<float>(mean));
  return std::make_unique<DenseNeighbors>(std::move(table), data.dense_size, std::move(rows));
}

Result<std::unique_ptr<Router>> load_carrot(base::ByteReader& in, const Shape& shape) {
  TRY(const auto form, in.get<std::uint8_t>());
  if (form == 0) return DenseNeighbors::load(in, shape, "carrot");
  if (form != 1) return fail(ErrorKind::kCorrupt, "carrot: there is no form {}", form);
  TRY(auto weights, load_finite(in, shape.models * shape.dense_size, "carrot"));
  TRY(auto bias, load_finite(in, shape.models, "carrot"));
  TRY(auto sd, load_finite(in, shape.models, "carrot"));
  return std::make_unique<Linear>(shape.dense_size, std::move(weights), std::move(bias), std::move(sd));
}

}  // namespace

MethodRecord carrot_method() {
  return {.name = "carrot",
          .help = "plug-in estimates of quality, by neighbours tuned on R2 or linear; cost by the heads",
          .source = "arXiv:2502.03261",
          .latency_class_us = 1000,
          .needs = {.dense = true, .either = false, .tokens = false},
          .options = &base::list_options<CarrotOptions>,
          .fit = &fit_carrot,
          .load = &load_carrot,
          .add_model = &add_model_to_pool,
          .remove_model = &remove_model_from_pool};
}

}  // namespace thalamus::route
