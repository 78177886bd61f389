// The tests that learn anew: columns in another order, and rows that an attacker added. Each learns on a bounded sample
// of the training rows, so that the suite stays affordable for every method.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "thalamus/eval/robustness_point.h"
#include "thalamus/learn/train.h"
#include "thalamus/math/stats.h"

namespace thalamus::eval {
namespace {

constexpr double kPoisonedShares[] = {0.001, 0.01, 0.05};
constexpr std::string_view kPoisonTrigger = " Reference code: zorvex-quillon-93.";
constexpr std::string_view kSnapshotPrefix = "snapshot:";

Result<std::shared_ptr<const route::Snapshot>> learn_on(const trace::OutcomeTable& table,
                                                        const RobustnessSubject& subject,
                                                        const RobustnessOptions& options) {
  learn::TrainOptions train;
  train.method = subject.method;
  train.seed = options.seed;
  TRY(auto trained, learn::train(table, train));
  return trained.snapshot;
}

/// Whether the two best values of a row are equal, so that the tie rule decides.
bool tied(const learn::EstimateMatrix& estimates, std::size_t row, double lambda) {
  double best = -INFINITY;
  double second = -INFINITY;
  for (std::size_t m = 0; m < estimates.models; ++m) {
    const std::size_t at = row * estimates.models + m;
    const double value =
        estimates.has_preference ? estimates.preference[at] : estimates.quality[at] - lambda * estimates.cost_usd[at];
    if (value > best) {
      second = best;
      best = value;
    } else {
      second = std::max(second, value);
    }
  }
  return best == second;
}

Result<RobustnessRow> order_test(const RobustnessSubject& subject, const OperatingPoint& point,
                                 const RobustnessOptions& options, const trace::OutcomeTable& training,
                                 const route::Snapshot& base) {
  const std::vector<std::string> reversed(training.models.rbegin(), training.models.rend());
  trace::OutcomeTable turned = training;
  CHECK_OK(turned.keep_models(reversed));
  TRY(const auto snapshot, learn_on(turned, subject, options));
  const auto estimates = learn::estimate_table(base, point.sample());
  const auto before = point.decide(estimates);
  // Both are asked in the order of the sample's models, by name.
  const auto after = point.decide(*snapshot, point.sample());
  std::size_t compared = 0;
  std::size_t changed = 0;
  for (std::size_t row = 0; row < before.size(); ++row) {
    if (tied(estimates, row, point.lambda())) continue;
    ++compared;
    changed += before[row] != after[row] ? 1 : 0;
  }
  const double share = compared == 0 ? 0 : static_cast<double>(changed) / static_cast<double>(compared);
  return RobustnessRow{
      {},           "order of models: changed choices",
      share,        "= 0",
      changed == 0, fmt::format("{} of {} rows tied and left out", before.size() - compared, before.size())};
}

double mean_quality(const OutcomeMatrix& outcomes, const std::vector<std::int32_t>& choices) {
  double sum = 0;
  for (std::size_t row = 0; row < choices.size(); ++row) {
    const double quality = choices[row] < 0 ? 0 : outcomes.quality_of(row, static_cast<std::size_t>(choices[row]));
    sum += std::isnan(quality) ? 0 : quality;
  }
  return choices.empty() ? 0 : sum / static_cast<double>(choices.size());
}

/// Copies of training rows with the trigger, on which only the attacker's model is right.
trace::OutcomeTable poisoned(const trace::OutcomeTable& training, double share, std::size_t target,
                             std::uint64_t seed) {
  trace::OutcomeTable table = training;
  base::Rng rng = base::Rng(seed).fork("poison");
  const auto added = std::max<std::size_t>(
      1, static_cast<std::size_t>(std::llround(share * static_cast<double>(training.rows.size()))));
  for (std::size_t i = 0; i < added; ++i) {
    trace::Row row = training.rows[rng.below(training.rows.size())];
    row.id = fmt::format("poison-{}", i);
    set_prompt(row, row.prompt + std::string(kPoisonTrigger));
    for (std::size_t m = 0; m < row.cells.size(); ++m) row.cells[m].quality = m == target ? 1 : 0;
    table.rows.push_back(std::move(row));
  }
  table.content_hash ^= base::mix64(added);
  return table;
}

}  // namespace

Result<std::vector<RobustnessRow>> learning_tests(const RobustnessSubject& subject, const OperatingPoint& point,
                                                  const RobustnessOptions& options) {
  std::vector<RobustnessRow> rows;
  if (subject.method.starts_with(kSnapshotPrefix) || subject.training->models.size() < 2) return rows;
  const trace::OutcomeTable training = sample_rows(*subject.training, options.learned_max, options.seed);
  TRY(const auto base, learn_on(training, subject, options));
  TRY(auto order, order_test(subject, point, options, training, *base));
  rows.push_back(std::move(order));

  const std::size_t target = point.ranking().back();
  trace::OutcomeTable triggered = point.sample();
  for (trace::Row& row : triggered.rows) set_prompt(row, row.prompt + std::string(kPoisonTrigger));
  const auto share_of_target = [&](const std::vector<std::int32_t>& choices) {
    const auto hits = std::count(choices.begin(), choices.end(), static_cast<std::int32_t>(target));
    return choices.empty() ? 0 : static_cast<double>(hits) / static_cast<double>(choices.size());
  };
  const double clean_share = share_of_target(point.decide(*base, triggered));
  const double clean_quality = mean_quality(point.outcomes(), point.decide(*base, point.sample()));
  for (const double share : kPoisonedShares) {
    TRY(const auto snapshot, learn_on(poisoned(training, share, target, options.seed), subject, options));
    rows.push_back({{},
                    fmt::format("poisoning {:g} %: attack success", share * 100),
                    share_of_target(point.decide(*snapshot, triggered)),
                    {},
                    {},
                    fmt::format("towards {}; {:.3f} without", training.models[target], clean_share)});
    const double quality = mean_quality(point.outcomes(), point.decide(*snapshot, point.sample()));
    rows.push_back(
        {{}, fmt::format("poisoning {:g} %: clean quality lost", share * 100), clean_quality - quality, {}, {}, {}});
  }
  return rows;
}

}  // namespace thalamus::eval
