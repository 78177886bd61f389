// Baseline: always the same model, as a direct policy: preference 1 for it, less for the others in the order of their
// mean quality, so that fallbacks are sensible. O(models).
#include <algorithm>
#include <numeric>

#include "thalamus/base/text.h"
#include "thalamus/route/router.h"
#include "thalamus/route/table.h"

namespace thalamus::route {
namespace {

struct SingleOptions {
  std::string model;
  template <class Visitor>
  void fields(Visitor& visit) {
    visit("model", model, base::Choices{}, "the model's name; empty: the best mean in training");
  }
};

class Single final : public Router {
 public:
  explicit Single(std::vector<float> preference) : preference_(std::move(preference)) {}
  void estimate(const FeatureView&, Scratch&, std::span<float> quality, std::span<float> sd) const noexcept override {
    std::copy(preference_.begin(), preference_.end(), quality.begin());
    std::fill(sd.begin(), sd.end(), 0.0F);
  }
  void save(base::ByteWriter& out) const override { out.put_array(preference_); }
  [[nodiscard]] Output output() const noexcept override { return Output::kPreference; }

 private:
  std::vector<float> preference_;
};

Result<std::unique_ptr<Router>> fit_single(const TrainingSet& data, const base::OptionMap& values, base::Rng&) {
  TRY(const auto options, base::parse_options<SingleOptions>(values));
  const ModelMeans means = model_means(data);
  std::vector<std::size_t> order(data.models.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return means.mean[a] != means.mean[b] ? means.mean[a] > means.mean[b] : a < b;
  });
  if (!options.model.empty()) {
    const auto found = std::find(data.models.begin(), data.models.end(), options.model);
    if (found == data.models.end())
      return fail(ErrorKind::kNotFound, "model: the table has no model '{}'{}", options.model,
                  base::did_you_mean(options.model, data.models));
    const auto chosen = static_cast<std::size_t>(found - data.models.begin());
    const auto place = std::find(order.begin(), order.end(), chosen);
    std::rotate(order.begin(), place, place + 1);
  }
  std::vector<float> preference(order.size());
  for (std::size_t rank = 0; rank < order.size(); ++rank) preference[order[rank]] = 1.0F / static_cast<float>(1 + rank);
  return std::make_unique<Single>(std::move(preference));
}

Result<std::unique_ptr<Router>> load_single(base::ByteReader& in, const Shape& shape) {
  TRY(auto preference, load_finite(in, shape.models, "single"));
  return std::make_unique<Single>(std::move(preference));
}

}  // namespace

MethodRecord single_method() {
  return {.name = "single",
          .help = "always one model, the best of training unless named (baseline)",
          .source = "",
          .latency_class_us = 1,
          .needs = {},
          .options = &base::list_options<SingleOptions>,
          .fit = &fit_single,
          .load = &load_single};
}

}  // namespace thalamus::route
