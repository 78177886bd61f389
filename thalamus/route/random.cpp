// Baseline: a uniformly random order, as a direct policy. The draw is a hash of the text and the seed of the fit, so
// the same request always gets the same order. O(models).
#include "thalamus/base/rng.h"
#include "thalamus/route/router.h"

namespace thalamus::route {
namespace {

struct RandomOptions {
  template <class Visitor>
  void fields(Visitor&) {}
};

class Random final : public Router {
 public:
  explicit Random(std::uint64_t seed) noexcept : seed_(seed) {}
  void estimate(const FeatureView& request, Scratch&, std::span<float> quality,
                std::span<float> sd) const noexcept override {
    std::uint64_t draw = seed_ ^ (request.description == nullptr ? 0 : request.description->text_hash);
    for (std::size_t m = 0; m < quality.size(); ++m) {
      draw = base::mix64(draw);
      quality[m] = static_cast<float>(draw >> 40) * 0x1p-24F;
      sd[m] = 0;
    }
  }
  void save(base::ByteWriter& out) const override { out.put(seed_); }
  [[nodiscard]] Output output() const noexcept override { return Output::kPreference; }

 private:
  std::uint64_t seed_;
};

Result<std::unique_ptr<Router>> fit_random(const TrainingSet&, const base::OptionMap& values, base::Rng& rng) {
  TRY(const auto options, base::parse_options<RandomOptions>(values));
  static_cast<void>(options);
  return std::make_unique<Random>(rng.next());
}

Result<std::unique_ptr<Router>> load_random(base::ByteReader& in, const Shape&) {
  TRY(const auto seed, in.get<std::uint64_t>());
  return std::make_unique<Random>(seed);
}

}  // namespace

MethodRecord random_method() {
  return {.name = "random",
          .help = "a random order, the same for the same text (baseline)",
          .source = "",
          .latency_class_us = 1,
          .needs = {},
          .options = &base::list_options<RandomOptions>,
          .fit = &fit_random,
          .load = &load_random};
}

}  // namespace thalamus::route
