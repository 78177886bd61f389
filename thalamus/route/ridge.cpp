// Linear value estimator on frozen features (the CPU form of CARROT, arXiv 2502.03261): per model
// quality(x) = w . x + b, by ridge regression on the model's recorded rows; the penalty is chosen per model by
// generalised cross-validation unless given. O(models * dimensions).
#include "thalamus/math/ridge.h"

#include <algorithm>
#include <cmath>

#include "thalamus/math/kernels.h"
#include "thalamus/route/router.h"
#include "thalamus/route/table.h"

namespace thalamus::route {
namespace {

struct RidgeRouterOptions {
  double penalty = 0;
  template <class Visitor>
  void fields(Visitor& visit) {
    visit("penalty", penalty, base::Range<double>{0, 1e6}, "of squared weights; 0 chooses it per model");
  }
};

class RidgeRouter final : public Router {
 public:
  RidgeRouter(std::size_t size, std::vector<float> weights, std::vector<float> bias, std::vector<float> sd)
      : size_(size), weights_(std::move(weights)), bias_(std::move(bias)), sd_(std::move(sd)) {}

  void estimate(const FeatureView& request, Scratch&, std::span<float> quality,
                std::span<float> sd) const noexcept override {
    math::multiply(weights_, request.dense.first(size_), quality);
    for (std::size_t m = 0; m < quality.size(); ++m) {
      quality[m] += bias_[m];
      sd[m] = sd_[m];
    }
  }

  void save(base::ByteWriter& out) const override {
    out.put_array(weights_);
    out.put_array(bias_);
    out.put_array(sd_);
  }

 private:
  std::size_t size_;
  std::vector<float> weights_;
  std::vector<float> bias_;
  std::vector<float> sd_;
};

Result<std::unique_ptr<Router>> fit_ridge_router(const TrainingSet& data, const base::OptionMap& values, base::Rng&) {
  TRY(const auto options, base::parse_options<RidgeRouterOptions>(values));
  TRY(auto ridge, math::fit_ridge(data.dense, data.dense_size, data.quality, data.models.size(),
                                  math::RidgeOptions{.penalty = options.penalty}));
  const ModelMeans means = model_means(data);
  std::vector<float> sd;
  for (std::size_t m = 0; m < data.models.size(); ++m) {
    if (means.count[m] == 0) ridge.bias[m] = static_cast<float>(means.mean[m]);
    const double floor = probability_sd(means.mean[m], means.count[m]);
    sd.push_back(static_cast<float>(std::max(ridge.prediction_sd[m], floor)));
  }
  return std::make_unique<RidgeRouter>(data.dense_size, std::move(ridge.weights), std::move(ridge.bias), std::move(sd));
}

Result<std::unique_ptr<Router>> load_ridge_router(base::ByteReader& in, const Shape& shape) {
  TRY(auto weights, load_finite(in, shape.models * shape.dense_size, "ridge"));
  TRY(auto bias, load_finite(in, shape.models, "ridge"));
  TRY(auto sd, load_finite(in, shape.models, "ridge"));
  return std::make_unique<RidgeRouter>(shape.dense_size, std::move(weights), std::move(bias), std::move(sd));
}

}  // namespace

MethodRecord ridge_method() {
  return {.name = "ridge",
          .help = "linear regression of each model's quality on the features",
          .source = "arXiv:2502.03261",
          .latency_class_us = 10,
          .needs = {.dense = true, .either = false, .tokens = false},
          .options = &base::list_options<RidgeRouterOptions>,
          .fit = &fit_ridge_router,
          .load = &load_ridge_router};
}

}  // namespace thalamus::route
