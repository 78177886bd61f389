// The two-model router whose score is one class of a logistic head: routellm_bert and hybrid_llm differ in classes and
// targets alone.
#include <algorithm>

#include "thalamus/math/dense_net.h"
#include "thalamus/math/logistic.h"
#include "thalamus/route/pair.h"
#include "thalamus/route/pool.h"

namespace thalamus::route {
namespace {

constexpr std::size_t kRowsMax = 20'000;  // more are sampled
constexpr std::uint32_t kFolds = 5;       // of the scores that the threshold rests on
constexpr std::size_t kClassesMax = 4;

class PairHead final : public Router {
 public:
  PairHead(math::Logistic head, PairPolicy policy) : head_(std::move(head)), policy_(std::move(policy)) {}

  void estimate(const FeatureView& request, Scratch& scratch, std::span<float> quality,
                std::span<float> sd) const noexcept override {
    const std::span<double> p(scratch.sums.data(), head_.classes());
    head_.probabilities(request.dense, p);
    policy_.fill(p[0], quality, sd);
  }
  void save(base::ByteWriter& out) const override {
    out.put(static_cast<std::uint32_t>(head_.classes()));
    head_.save(out);
    policy_.save(out);
  }
  [[nodiscard]] Output output() const noexcept override { return Output::kPreference; }

 private:
  math::Logistic head_;
  PairPolicy policy_;
};

/// Rows of a sample in which both models are recorded.
TrainingSet both_recorded(const TrainingSet& data, Pair pair, base::Rng& rng) {
  std::vector<std::uint32_t> rows;
  for (std::size_t row = 0; row < data.rows; ++row)
    if (data.recorded(row, pair.strong) && data.recorded(row, pair.weak))
      rows.push_back(static_cast<std::uint32_t>(row));
  std::vector<std::uint32_t> kept;
  for (const std::uint32_t i : math::sample_rows(rows.size(), kRowsMax, rng)) kept.push_back(rows[i]);
  return take_rows(data, kept);
}

void balance(std::vector<double>& targets, std::size_t classes) {
  std::vector<double> totals(classes, 0.0);
  for (std::size_t i = 0; i < targets.size(); ++i) totals[i % classes] += targets[i];
  for (std::size_t i = 0; i < targets.size(); ++i)
    if (totals[i % classes] > 0) targets[i] /= totals[i % classes];
}

}  // namespace

Result<std::unique_ptr<Router>> fit_pair_head(const TrainingSet& data, const PairHeadPlan& plan,
                                              const PairTarget& target, base::Rng& rng) {
  const TrainingSet set = both_recorded(data, plan.pair, rng);
  if (set.rows == 0)
    return fail(ErrorKind::kInvalidInput, "no row has both '{}' and '{}' recorded", data.models[plan.pair.strong],
                data.models[plan.pair.weak]);
  PairOutcomes outcomes;
  std::vector<double> targets(set.rows * plan.classes, 0.0);
  for (std::size_t row = 0; row < set.rows; ++row) {
    outcomes.strong.push_back(static_cast<double>(set.quality_of(row, plan.pair.strong)));
    outcomes.weak.push_back(static_cast<double>(set.quality_of(row, plan.pair.weak)));
    target(outcomes.strong.back(), outcomes.weak.back(), std::span(targets).subspan(row * plan.classes, plan.classes));
  }
  if (plan.balanced) balance(targets, plan.classes);
  const auto folds = feature_folds(set, kFolds);
  math::LogisticOptions options{.penalty = plan.penalty, .iterations_max = 100, .tolerance = 1e-4};
  if (!(plan.penalty > 0)) {
    TRY(options.penalty,
        math::choose_logistic_penalty(set.dense, set.dense_size, targets, plan.classes, folds, options));
  }
  TRY(const auto held,
      math::hold_out_logistic(set.dense, set.dense_size, targets, plan.classes, folds, kFolds, options));
  for (std::size_t row = 0; row < set.rows; ++row) outcomes.score.push_back(held.probability[row * plan.classes]);
  const double alpha = plan.quality_drop >= 0 ? threshold_within(outcomes, plan.quality_drop)
                                              : choose_threshold(outcomes, plan.strong_share);
  TRY(auto head, math::Logistic::fit(set.dense, set.dense_size, targets, plan.classes, options));
  return std::make_unique<PairHead>(std::move(head), PairPolicy(data, plan.pair, alpha));
}

Result<std::unique_ptr<Router>> load_pair_head(base::ByteReader& in, const Shape& shape, std::string_view what) {
  TRY(const auto classes, in.get<std::uint32_t>());
  if (classes < 2 || classes > kClassesMax)
    return fail(ErrorKind::kCorrupt, "{}: {} classes are out of bounds", what, classes);
  TRY(auto head, math::Logistic::load(in, shape.dense_size, classes, what));
  TRY(auto policy, PairPolicy::load(in, shape.models, what));
  return std::make_unique<PairHead>(std::move(head), std::move(policy));
}

}  // namespace thalamus::route
