#include "thalamus/eval/robustness_point.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "thalamus/base/json_writer.h"
#include "thalamus/base/rng.h"

namespace thalamus::eval {
namespace {

constexpr std::size_t kKnobsTried = 64;

}  // namespace

math::Sweep predicted_sweep(const learn::EstimateMatrix& estimates) noexcept {
  const auto& quality = estimates.has_preference ? estimates.preference : estimates.quality;
  return {estimates.rows, estimates.models, quality, estimates.cost_usd, quality, estimates.cost_usd};
}

void set_prompt(trace::Row& row, std::string prompt) {
  base::JsonWriter out;
  out.begin_array().begin_object().field("role", "user").field("content", prompt).end_object().end_array();
  row.messages = out.take();
  row.prompt = std::move(prompt);
}

trace::OutcomeTable sample_rows(const trace::OutcomeTable& table, std::size_t most, std::uint64_t seed) {
  std::vector<std::size_t> order(table.rows.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  if (order.size() > most) {
    base::Rng rng = base::Rng(seed).fork("sample");
    rng.shuffle(order);
    order.resize(most);
    std::sort(order.begin(), order.end());
  }
  trace::OutcomeTable sample;
  sample.models = table.models;
  sample.content_hash = table.content_hash;
  for (const std::size_t row : order) sample.rows.push_back(table.rows[row]);
  return sample;
}

OperatingPoint OperatingPoint::find(const RobustnessSubject& subject, const RobustnessOptions& options) {
  OperatingPoint point;
  const OutcomeMatrix training = outcome_matrix(*subject.training);
  std::vector<double> mean(training.models, 0.0);
  for (std::size_t m = 0; m < training.models; ++m) {
    double count = 0;
    for (std::size_t row = 0; row < training.rows; ++row) {
      if (std::isnan(training.quality_of(row, m))) continue;
      mean[m] += training.quality_of(row, m);
      count += 1;
    }
    if (count > 0) mean[m] /= count;
  }
  point.ranking_.resize(mean.size());
  std::iota(point.ranking_.begin(), point.ranking_.end(), std::size_t{0});
  std::sort(point.ranking_.begin(), point.ranking_.end(),
            [&](std::size_t a, std::size_t b) { return mean[a] != mean[b] ? mean[a] > mean[b] : a < b; });
  point.strong_.assign(mean.size(), false);
  for (std::size_t i = 0; i < std::max<std::size_t>(1, mean.size() / 2); ++i) point.strong_[point.ranking_[i]] = true;

  point.sample_ = sample_rows(*subject.test, options.rows_max, options.seed);
  point.outcomes_ = outcome_matrix(point.sample_);
  point.estimates_ = learn::estimate_table(*subject.snapshot, point.sample_);
  const auto [low, high] = std::minmax_element(point.estimates_.cost_usd.begin(), point.estimates_.cost_usd.end());
  point.has_costs_ = !point.estimates_.cost_usd.empty() && *high > *low;
  if (options.worth && options.worth->answer_usd > 0) {
    point.lambda_ = 1 / options.worth->answer_usd;
  } else if (point.has_costs_ && !point.estimates_.has_preference) {
    point.lambda_ = point.find_knob();
  }
  point.choices_ = point.decide(point.estimates_);
  return point;
}

double OperatingPoint::find_knob() const {
  const math::Sweep sweep = predicted_sweep(estimates_);
  const auto points = math::swept_curve(sweep);
  double best = 0;
  double best_distance = 2;
  for (std::size_t i = 0; i < kKnobsTried; ++i) {
    const double lambda = points[i * (points.size() - 1) / (kKnobsTried - 1)].lambda;
    const double distance = std::abs(strong_share(math::swept_choices(sweep, lambda)) - 0.5);
    if (distance < best_distance) {
      best_distance = distance;
      best = lambda;
    }
  }
  return best;
}

std::vector<std::int32_t> OperatingPoint::decide(const route::Snapshot& snapshot,
                                                 const trace::OutcomeTable& table) const {
  return decide(learn::estimate_table(snapshot, table));
}

std::vector<std::int32_t> OperatingPoint::decide(const learn::EstimateMatrix& estimates) const {
  return math::swept_choices(predicted_sweep(estimates), estimates.has_preference ? 0 : lambda_);
}

double OperatingPoint::strong_share(std::span<const std::int32_t> choices) const noexcept {
  if (choices.empty()) return 0;
  const auto count = std::count_if(choices.begin(), choices.end(), [&](std::int32_t c) { return strong(c); });
  return static_cast<double>(count) / static_cast<double>(choices.size());
}

}  // namespace thalamus::eval
