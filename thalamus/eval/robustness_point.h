/// Where on its quality-cost curve a method is tested, and its decisions there.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "thalamus/eval/metrics.h"
#include "thalamus/eval/robustness.h"
#include "thalamus/learn/evaluate.h"

namespace thalamus::eval {

/// Decisions of one snapshot on tables that have the models of the training table, at one lambda.
class OperatingPoint {
 public:
  /// Takes up to `rows_max` test rows, chosen by the seed, and finds the knob.
  [[nodiscard]] static OperatingPoint find(const RobustnessSubject& subject, const RobustnessOptions& options);

  [[nodiscard]] std::vector<std::int32_t> decide(const route::Snapshot& snapshot,
                                                 const trace::OutcomeTable& table) const;
  [[nodiscard]] std::vector<std::int32_t> decide(const learn::EstimateMatrix& estimates) const;
  [[nodiscard]] bool strong(std::int32_t choice) const noexcept {
    return choice >= 0 && strong_[static_cast<std::size_t>(choice)];
  }
  [[nodiscard]] double strong_share(std::span<const std::int32_t> choices) const noexcept;

  [[nodiscard]] double lambda() const noexcept { return lambda_; }
  [[nodiscard]] const trace::OutcomeTable& sample() const noexcept { return sample_; }
  [[nodiscard]] const OutcomeMatrix& outcomes() const noexcept { return outcomes_; }
  [[nodiscard]] const learn::EstimateMatrix& estimates() const noexcept { return estimates_; }
  [[nodiscard]] const std::vector<std::int32_t>& choices() const noexcept { return choices_; }
  /// Models by mean training quality, the best first.
  [[nodiscard]] const std::vector<std::size_t>& ranking() const noexcept { return ranking_; }
  [[nodiscard]] bool has_costs() const noexcept { return has_costs_; }

 private:
  [[nodiscard]] double find_knob() const;
  double lambda_ = 0;
  bool has_costs_ = false;
  std::vector<bool> strong_;
  std::vector<std::size_t> ranking_;
  trace::OutcomeTable sample_;
  OutcomeMatrix outcomes_;
  learn::EstimateMatrix estimates_;  ///< of the sample as recorded
  std::vector<std::int32_t> choices_;
};

/// The estimates as a rule to be swept; outcomes are the estimates themselves.
[[nodiscard]] math::Sweep predicted_sweep(const learn::EstimateMatrix& estimates) noexcept;
/// Puts another text into a row: one user message.
void set_prompt(trace::Row& row, std::string prompt);
/// Up to `most` rows in their order, chosen by the seed.
[[nodiscard]] trace::OutcomeTable sample_rows(const trace::OutcomeTable& table, std::size_t most, std::uint64_t seed);

/// The tests that learn anew: order of models, poisoned rows. Empty for a snapshot from a file.
[[nodiscard]] Result<std::vector<RobustnessRow>> learning_tests(const RobustnessSubject& subject,
                                                                const OperatingPoint& point,
                                                                const RobustnessOptions& options);

}  // namespace thalamus::eval
