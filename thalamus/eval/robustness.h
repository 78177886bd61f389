/// The robustness suite, offline and at the level of decisions: variants, triggers, length, position, category against
/// difficulty, the knob, the order of models, and poisoned training rows (arXiv 2504.07113; gates of RouterArena's and
/// our own protocol).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "thalamus/base/result.h"
#include "thalamus/core/contract.h"
#include "thalamus/route/snapshot.h"
#include "thalamus/trace/outcome_table.h"

namespace thalamus::eval {

/// One test of one method.
struct RobustnessRow {
  std::string method;
  std::string test;
  double value = 0;
  std::string gate;            ///< "< 0.10"; empty where the value is reported only
  std::optional<bool> passed;  ///< nothing where there is no gate
  std::string note;
};

struct RobustnessOptions {
  std::optional<core::Worth> worth;  ///< none: the knob at which half of the test requests go to strong models
  std::uint64_t seed = 1;
  std::size_t rows_max = 300;       ///< test rows that are perturbed
  std::size_t learned_max = 1'500;  ///< training rows of the tests that learn anew
  std::size_t fills = 8;            ///< items of each half of each template
};

/// What all tests of one method share.
struct RobustnessSubject {
  std::string method;  ///< a registered method, auto, or snapshot:FILE (which cannot be learned anew)
  const route::Snapshot* snapshot = nullptr;
  const trace::OutcomeTable* training = nullptr;
  const trace::OutcomeTable* test = nullptr;
};

/// All tests that apply. A "strong" model is one of the better half by mean training quality.
[[nodiscard]] Result<std::vector<RobustnessRow>> robustness_of(const RobustnessSubject& subject,
                                                               const RobustnessOptions& options);

/// One line a test, methods in columns of a group.
[[nodiscard]] std::string to_text(const std::vector<RobustnessRow>& rows);

}  // namespace thalamus::eval
