// The signals of a Description, standardised: (value - mean) / sd over the training texts, clipped, divided by the
// square root of their number so that the block is about as long as a unit vector. A signal that was constant in
// training stays 0. O(signals).
#include <algorithm>
#include <cmath>

#include "thalamus/feature/feature.h"

namespace thalamus::feature {
namespace {

constexpr float kClip = 4.0F;

struct SignalsOptions {
  double scale = 1.0;
  template <class Visitor>
  void fields(Visitor& visit) {
    visit("scale", scale, base::Range<double>{0.01, 100}, "length of the block relative to a unit vector");
  }
};

class Signals final : public Feature {
 public:
  Signals(std::vector<float> center, std::vector<float> factor)
      : center_(std::move(center)), factor_(std::move(factor)) {}

  [[nodiscard]] std::string_view name() const noexcept override { return "signals"; }
  [[nodiscard]] std::size_t dense_size() const noexcept override { return kSignalCount; }

  void transform(const Description& description, std::span<float> out) const noexcept override {
    const std::size_t n = std::min(out.size(), kSignalCount);
    for (std::size_t i = 0; i < n; ++i) {
      // factor = scale / (sd * sqrt(count)); clipping in units of sd.
      const float standard = (description.signals[i] - center_[i]) * factor_[i];
      out[i] = std::clamp(standard, -clip_, clip_);
    }
  }

  void save(base::ByteWriter& out) const override {
    out.put_array(center_);
    out.put_array(factor_);
    out.put(clip_);
  }

  void set_clip(float clip) noexcept { clip_ = clip; }

 private:
  std::vector<float> center_;
  std::vector<float> factor_;
  float clip_ = kClip;
};

Result<std::unique_ptr<Feature>> fit_signals(const DescriptionSource& source, const base::OptionMap& values,
                                             base::Rng&) {
  TRY(const auto options, base::parse_options<SignalsOptions>(values));
  std::vector<double> sum(kSignalCount, 0.0);
  std::vector<double> square(kSignalCount, 0.0);
  Description description;
  for (std::size_t row = 0; row < source.rows; ++row) {
    source.read(row, description);
    for (std::size_t i = 0; i < kSignalCount; ++i) {
      const auto value = static_cast<double>(description.signals[i]);
      sum[i] += value;
      square[i] += value * value;
    }
  }
  const auto n = static_cast<double>(std::max<std::size_t>(1, source.rows));
  const double length = options.scale / std::sqrt(static_cast<double>(kSignalCount));
  std::vector<float> center(kSignalCount, 0.0F);
  std::vector<float> factor(kSignalCount, 0.0F);
  for (std::size_t i = 0; i < kSignalCount; ++i) {
    const double mean = sum[i] / n;
    const double variance = square[i] / n - mean * mean;
    center[i] = static_cast<float>(mean);
    if (variance > 1e-9) factor[i] = static_cast<float>(length / std::sqrt(variance));
  }
  auto feature = std::make_unique<Signals>(std::move(center), std::move(factor));
  feature->set_clip(kClip * static_cast<float>(length));
  return feature;
}

Result<std::unique_ptr<Feature>> load_signals(base::ByteReader& in) {
  TRY(auto center, in.get_array<float>());
  TRY(auto factor, in.get_array<float>());
  TRY(const auto clip, in.get<float>());
  const auto finite = [](float value) { return std::isfinite(value); };
  if (center.size() != kSignalCount || factor.size() != kSignalCount || !(clip > 0) || !std::isfinite(clip) ||
      !std::all_of(center.begin(), center.end(), finite) || !std::all_of(factor.begin(), factor.end(), finite))
    return fail(ErrorKind::kCorrupt, "feature signals: expected {} finite means and factors", kSignalCount);
  auto feature = std::make_unique<Signals>(std::move(center), std::move(factor));
  feature->set_clip(clip);
  return feature;
}

}  // namespace

FeatureRecord signals_record() {
  return {.name = "signals",
          .help = "cheap facts of the request: lengths, scripts, marks, word classes, tools",
          .source = "",
          .latency_class_us = 1,
          .schema_hash = signal_schema_hash(),
          .sparse = false,
          .reads = {.signals = true, .tokens = false, .letters = false},
          .options = &base::list_options<SignalsOptions>,
          .fit = &fit_signals,
          .load = &load_signals};
}

}  // namespace thalamus::feature
