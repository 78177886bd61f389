// Baseline: every request gets each model's mean quality in training. Decides like the best single model where quality
// alone counts, and like the best single model for the worth where cost counts. O(models).
#include "thalamus/route/router.h"
#include "thalamus/route/table.h"

namespace thalamus::route {
namespace {

struct GlobalMeanOptions {
  template <class Visitor>
  void fields(Visitor&) {}
};

class GlobalMean final : public Router {
 public:
  explicit GlobalMean(ShrunkTable table) : table_(std::move(table)) {}
  void estimate(const FeatureView&, Scratch&, std::span<float> quality, std::span<float> sd) const noexcept override {
    std::copy(table_.mean.begin(), table_.mean.end(), quality.begin());
    std::copy(table_.sd.begin(), table_.sd.end(), sd.begin());
  }
  void save(base::ByteWriter& out) const override { table_.save(out); }

 private:
  ShrunkTable table_;
};

Result<std::unique_ptr<Router>> fit_global_mean(const TrainingSet& data, const base::OptionMap& values, base::Rng&) {
  TRY(const auto options, base::parse_options<GlobalMeanOptions>(values));
  static_cast<void>(options);
  return std::make_unique<GlobalMean>(ShrunkTable::fit(data, 1, 0.0, [](std::size_t) { return std::size_t{0}; }));
}

Result<std::unique_ptr<Router>> load_global_mean(base::ByteReader& in, const Shape& shape) {
  TRY(auto table, load_table(in, 1, shape.models, "global_mean"));
  return std::make_unique<GlobalMean>(std::move(table));
}

}  // namespace

MethodRecord global_mean_method() {
  return {.name = "global_mean",
          .help = "each model's mean quality in training, whatever the request (baseline)",
          .source = "",
          .latency_class_us = 1,
          .needs = {},
          .options = &base::list_options<GlobalMeanOptions>,
          .fit = &fit_global_mean,
          .load = &load_global_mean};
}

}  // namespace thalamus::route
