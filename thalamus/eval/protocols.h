/// How rows are divided between learning and scoring (protocols P-ID, P-LODO and P-CROSS; P-UNSEEN is in unseen.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "thalamus/base/result.h"
#include "thalamus/eval/evaluation.h"

namespace thalamus::eval {

enum class Protocol : std::uint8_t {
  kGiven,   ///< a training and a test table
  kId,      ///< one table, 70/30 at random within tasks
  kLodo,    ///< one table, each task left out in turn
  kUnseen,  ///< two thirds of the models train, the rest join afterwards
  kCross,   ///< two tables with some models in common
};
[[nodiscard]] Result<Protocol> parse_protocol(std::string_view name);
[[nodiscard]] std::string_view name_of(Protocol protocol) noexcept;
[[nodiscard]] std::vector<std::string> protocol_names();

/// Hash of a row's prompt and tools, trimmed, spaces collapsed, lower-cased: rows of equal keys are never divided.
[[nodiscard]] std::uint64_t prompt_key(const trace::Row& row);

/// Whether any model of the row has a recorded quality.
[[nodiscard]] bool has_outcome(const trace::Row& row) noexcept;
/// Removes the rows that have none, which nothing can be scored on; how many there were.
std::size_t drop_unrecorded(trace::OutcomeTable& table);

/// Test rows that the training data have already, so that a score on them says less than it seems to.
struct Leak {
  std::size_t prompts = 0;  ///< test rows whose prompt is a training row's
  std::size_t ids = 0;      ///< of the others, those whose id is a training row's
};
[[nodiscard]] Leak leak_of(const trace::OutcomeTable& training, const trace::OutcomeTable& test);
/// "N of M test rows are also in the training data (...)"; empty where there is none.
[[nodiscard]] std::string leak_words(const Leak& leak, std::size_t test_rows);
/// Rows of one table whose id an earlier row has, as joined tables may have.
[[nodiscard]] std::size_t repeated_ids(const trace::OutcomeTable& table);

/// `share` of the distinct prompts of each task for training. A prompt of several tasks goes with its first row.
[[nodiscard]] Fold split_within_tasks(const trace::OutcomeTable& table, double share, std::uint64_t seed);
/// A fold for each task, its rows left out of training together with all rows of the same prompts. More than
/// `kLeftOutMax` tasks are put into as many groups of about equal size.
inline constexpr std::size_t kLeftOutMax = 16;
[[nodiscard]] Result<std::vector<Fold>> leave_tasks_out(const trace::OutcomeTable& table);
/// The models that both tables have, in the order of the training table. kInvalidInput where they share fewer than two.
[[nodiscard]] Result<Fold> cross_tables(trace::OutcomeTable training, trace::OutcomeTable test);

inline constexpr double kTrainingShare = 0.7;
/// The folds of a protocol other than unseen. `test` is needed for given and cross, refused for the others.
[[nodiscard]] Result<std::vector<Fold>> folds_of(Protocol protocol, trace::OutcomeTable training,
                                                 std::optional<trace::OutcomeTable> test, std::uint64_t seed);

}  // namespace thalamus::eval
