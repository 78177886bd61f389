// One small net for all models, the plain neural baseline of router studies (used as such in RouterBench, arXiv
// 2403.12031): quality(x) = sigmoid(W2 relu(W1 x + b1) + b2), one output per model. Trained by cross-entropy over the
// recorded cells with Adam and early stopping. O(hidden * (dimensions + models)).
// Simplified: nothing; cost and seconds have heads of their own.
#include <algorithm>

#include "thalamus/route/net_parts.h"
#include "thalamus/route/router.h"

namespace thalamus::route {
namespace {

constexpr std::size_t kRowsMax = 20'000;

struct MlpOptions {
  std::int64_t hidden = 64;
  double rate = 1e-3;
  double weight_decay = 0.01;
  double input_noise = 0.2;
  std::int64_t epochs = 60;
  std::int64_t patience = 6;
  template <class Visitor>
  void fields(Visitor& visit) {
    using Whole = base::Range<std::int64_t>;
    visit("hidden", hidden, Whole{1, 1024}, "width of the hidden layer");
    visit("rate", rate, base::Range<double>{1e-6, 0.1}, "step size of Adam");
    visit("weight_decay", weight_decay, base::Range<double>{0, 10}, "decoupled, of weights");
    visit("input_noise", input_noise, base::Range<double>{0, 0.9}, "share of features dropped at each visit of a row");
    visit("epochs", epochs, Whole{1, 1000}, "passes over the rows at most");
    visit("patience", patience, Whole{1, 1000}, "passes without a better held-out loss before training stops");
  }
};

void forward_probabilities(const math::DenseNet& net, std::span<const float> input, std::span<float> workspace,
                           std::span<float> quality) noexcept {
  const auto logits = net.forward(input, workspace);
  for (std::size_t m = 0; m < quality.size(); ++m)
    quality[m] = static_cast<float>(math::sigmoid(static_cast<double>(logits[m])));
}

class MlpRouter final : public Router {
 public:
  MlpRouter(math::DenseNet net, std::vector<float> sd) : net_(std::move(net)), sd_(std::move(sd)) {}

  void estimate(const FeatureView& request, Scratch& scratch, std::span<float> quality,
                std::span<float> sd) const noexcept override {
    forward_probabilities(net_, request.dense, std::span(scratch.work).first(net_.workspace_size()), quality);
    std::copy(sd_.begin(), sd_.end(), sd.begin());
  }
  void prepare(Scratch& scratch) const override { grow_work(scratch, net_.workspace_size()); }
  void save(base::ByteWriter& out) const override {
    net_.save(out);
    out.put_array(sd_);
  }

 private:
  math::DenseNet net_;
  std::vector<float> sd_;
};

Result<std::unique_ptr<Router>> fit_mlp(const TrainingSet& data, const base::OptionMap& values, base::Rng& rng) {
  TRY(const auto options, base::parse_options<MlpOptions>(values));
  const OrderedSet ordered = order_models(data, kRowsMax, rng);
  const TrainingSet& set = ordered.set;
  const std::size_t models = set.models.size();
  const std::vector<math::LayerPlan> plan{{static_cast<std::size_t>(options.hidden), math::Activation::kRelu},
                                          {models, math::Activation::kIdentity, math::Start::kZero}};
  math::DenseNet net = math::DenseNet::make(set.dense_size, plan, rng);
  const ModelMeans means = model_means(set);
  for (std::size_t m = 0; m < models; ++m) net.bias(1)[m] = static_cast<float>(safe_logit(means.mean[m]));
  const math::RowLoss loss = [&](std::size_t row, std::span<const float> output, std::span<float> gradient) {
    double total = 0;
    for (std::size_t m = 0; m < models; ++m)
      if (set.recorded(row, m))
        total += math::logistic_loss(static_cast<double>(output[m]), static_cast<double>(set.quality_of(row, m)),
                                     gradient[m]);
    return total;
  };
  const math::DenseTraining training{.rate = options.rate,
                                     .weight_decay = options.weight_decay,
                                     .input_noise = options.input_noise,
                                     .batch = batch_of(set.rows),
                                     .epochs_max = static_cast<std::size_t>(options.epochs),
                                     .patience = static_cast<std::size_t>(options.patience),
                                     .rows_max = kRowsMax};
  TRY(const auto report, math::train_dense(net, set.dense, loss, training, rng));
  std::vector<float> workspace(net.workspace_size());
  const auto sd = residual_deviations(
      set, rows_to_judge(report, set.rows), static_cast<double>(options.hidden + 1),
      [&](std::size_t row, std::span<float> out) { forward_probabilities(net, set.dense_row(row), workspace, out); });
  net.rearrange_outputs(ordered.place);
  return std::make_unique<MlpRouter>(std::move(net), placed(sd, ordered.place));
}

Result<std::unique_ptr<Router>> load_mlp(base::ByteReader& in, const Shape& shape) {
  TRY(auto net, math::DenseNet::load(in, shape.dense_size, shape.models));
  TRY(auto sd, load_deviations(in, shape.models, "mlp"));
  return std::make_unique<MlpRouter>(std::move(net), std::move(sd));
}

}  // namespace

MethodRecord mlp_method() {
  return {.name = "mlp",
          .help = "a small net from the features to each model's quality",
          .source = "arXiv:2403.12031",
          .latency_class_us = 10,
          .needs = {.dense = true, .either = false, .tokens = false},
          .options = &base::list_options<MlpOptions>,
          .fit = &fit_mlp,
          .load = &load_mlp};
}

}  // namespace thalamus::route
