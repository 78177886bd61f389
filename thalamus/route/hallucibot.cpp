// HalluciBot (arXiv 2404.12535), CPU form: the "query risk head". risk(x) = P(a model of the pool answers wrongly) by a
// calibrated logistic head on frozen features; the label is free in an outcome table: 1 - mean quality over the models,
// which stand for the paper's agents. As a router quality_m(x) = mean_m + slope_m * (risk(x) - mean risk), the slope by
// least squares on held-out risks. O(dimensions + models). Simplified: no paraphrases, no consensus head; one number a
// request can tell hard from easy and robust models from fragile ones, never one subject from another.
#include <algorithm>
#include <cmath>

#include "thalamus/route/pool.h"
#include "thalamus/route/risk.h"
#include "thalamus/route/table.h"

namespace thalamus::route {
namespace {

constexpr double kSlopePrior = 5;  // rows of unit risk variance that pull a slope to -1, the pool's own

struct HallucibotOptions {
  double penalty = 0;
  template <class Visitor>
  void fields(Visitor& visit) {
    visit("penalty", penalty, base::Range<double>{0, 100}, "of squared weights; 0 chooses it on held-out rows");
  }
};

/// One model's quality as a line in the risk.
struct Line {
  float mean = 0.5F;
  float slope = -1;
  float center = 0;  ///< mean risk of the model's rows
  float sd = 0.5F;
};

Line fit_line(std::span<const double> risk, std::span<const double> quality, double prior_mean) {
  Line line;
  line.mean = static_cast<float>(prior_mean);
  line.sd = static_cast<float>(probability_sd(prior_mean, static_cast<double>(quality.size())));
  if (quality.empty()) return line;
  const auto n = static_cast<double>(quality.size());
  double risk_mean = 0;
  double quality_mean = 0;
  for (std::size_t i = 0; i < quality.size(); ++i) {
    risk_mean += risk[i] / n;
    quality_mean += quality[i] / n;
  }
  double square = 0;
  double product = 0;
  for (std::size_t i = 0; i < quality.size(); ++i) {
    square += (risk[i] - risk_mean) * (risk[i] - risk_mean);
    product += (risk[i] - risk_mean) * (quality[i] - quality_mean);
  }
  constexpr double kPriorSquare = kSlopePrior / 12;  // a uniform risk has variance 1/12
  line.mean = static_cast<float>(quality_mean);
  line.center = static_cast<float>(risk_mean);
  line.slope = static_cast<float>((product - kPriorSquare) / (square + kPriorSquare));
  return line;
}

class Hallucibot final : public PoolRouter {
 public:
  Hallucibot(std::size_t size, RiskHead head, std::vector<Line> lines)
      : size_(size), head_(std::move(head)), lines_(std::move(lines)) {}

  void estimate(const FeatureView& request, Scratch&, std::span<float> quality,
                std::span<float> sd) const noexcept override {
    const auto risk = static_cast<float>(head_.risk(request.dense));
    for (std::size_t m = 0; m < quality.size(); ++m) {
      const Line& line = lines_[m];
      quality[m] = std::clamp(line.mean + line.slope * (risk - line.center), 0.0F, 1.0F);
      sd[m] = line.sd;
    }
  }
  void save(base::ByteWriter& out) const override {
    head_.save(out);
    for (const Line& line : lines_) {
      out.put(line.mean);
      out.put(line.slope);
      out.put(line.center);
      out.put(line.sd);
    }
  }
  /// The pool's risk stays; the newcomer gets its own line in it.
  [[nodiscard]] Result<std::unique_ptr<Router>> with_model(const TrainingSet& data,
                                                           const base::OptionMap& options) const override {
    TRY(const auto parsed, base::parse_options<HallucibotOptions>(options));
    static_cast<void>(parsed);
    CHECK_OK(check_new_model(data, size_));
    std::vector<double> risk;
    std::vector<double> quality;
    for (std::size_t row = 0; row < data.rows; ++row) {
      if (!data.recorded(row, 0)) continue;
      risk.push_back(head_.risk(data.dense_row(row)));
      quality.push_back(static_cast<double>(data.quality_of(row, 0)));
    }
    auto lines = lines_;
    lines.push_back(fit_line(risk, quality, model_means(data).mean[0]));
    return std::make_unique<Hallucibot>(size_, head_, std::move(lines));
  }
  [[nodiscard]] Result<std::unique_ptr<Router>> without_model(std::size_t model) const override {
    CHECK_OK(check_removal(lines_.size(), model));
    return std::make_unique<Hallucibot>(size_, head_, without_row(lines_, 1, model));
  }
  [[nodiscard]] const RiskHead& head() const noexcept { return head_; }

 private:
  std::size_t size_;
  RiskHead head_;
  std::vector<Line> lines_;
};

Result<std::unique_ptr<Router>> fit_hallucibot(const TrainingSet& data, const base::OptionMap& values, base::Rng& rng) {
  TRY(const auto options, base::parse_options<HallucibotOptions>(values));
  TRY(auto fitted, RiskHead::fit(data, options.penalty, rng));
  const ModelMeans means = model_means(data);
  std::vector<Line> lines;
  for (std::size_t m = 0; m < data.models.size(); ++m) {
    std::vector<double> risk;
    std::vector<double> quality;
    for (std::size_t i = 0; i < fitted.rows.size(); ++i) {
      if (!data.recorded(fitted.rows[i], m)) continue;
      risk.push_back(fitted.risk[i]);
      quality.push_back(static_cast<double>(data.quality_of(fitted.rows[i], m)));
    }
    lines.push_back(fit_line(risk, quality, means.mean[m]));
  }
  return std::make_unique<Hallucibot>(data.dense_size, std::move(fitted.head), std::move(lines));
}

Result<std::unique_ptr<Router>> load_hallucibot(base::ByteReader& in, const Shape& shape) {
  TRY(auto head, RiskHead::load(in, shape.dense_size, "hallucibot"));
  std::vector<Line> lines(shape.models);
  for (Line& line : lines) {
    TRY(line.mean, in.get<float>());
    TRY(line.slope, in.get<float>());
    TRY(line.center, in.get<float>());
    TRY(line.sd, in.get<float>());
    if (!(line.mean >= 0) || !(line.mean <= 1) || !std::isfinite(line.slope) || !std::isfinite(line.center) ||
        !(line.sd >= 0) || !std::isfinite(line.sd))
      return fail(ErrorKind::kCorrupt, "hallucibot: a model's line is out of bounds");
  }
  return std::make_unique<Hallucibot>(shape.dense_size, std::move(head), std::move(lines));
}

}  // namespace

const RiskHead& risk_head(const Router& router) noexcept { return static_cast<const Hallucibot&>(router).head(); }

MethodRecord hallucibot_method() {
  return {.name = "hallucibot",
          .help = "risk of a wrong answer by any model, and each model's quality as a line in it",
          .source = "arXiv:2404.12535",
          .latency_class_us = 10,
          .needs = {.dense = true, .either = false, .tokens = false},
          .options = &base::list_options<HallucibotOptions>,
          .fit = &fit_hallucibot,
          .load = &load_hallucibot,
          .add_model = &add_model_to_pool,
          .remove_model = &remove_model_from_pool};
}

}  // namespace thalamus::route
