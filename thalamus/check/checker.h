/// Grades an answer against what was expected. Pure functions of text.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "thalamus/base/result.h"

namespace thalamus::check {

/// What a task expects. Which members count depends on `checker`.
struct Expectation {
  std::string checker;  ///< a name of checkers.def: exact, number, regex, json_schema, set, contains, choice
  std::string value;    ///< expected text, number, pattern, letter; of `json_schema`: the expected JSON or ""
  std::vector<std::string> values;     ///< `set`: the items; `contains`: the required texts; `exact`: further accepted
                                       ///< forms; `choice`: the options' texts in the order A, B, ... (may be empty)
  double tolerance = 0;                ///< of `number`: relative
  std::vector<std::string> forbidden;  ///< of `contains`: texts that must not occur
  std::string schema;                  ///< of `json_schema`: the schema, or "" if only `value` is compared
  bool ordered = false;                ///< of `set`: the items' order counts, and so do repeated items
  bool match_case = false;             ///< of `exact`: upper and lower case differ
};

struct Grade {
  double quality = 0;      ///< [0,1]
  std::string normalised;  ///< the answer as the checker read it; what the answer hash is made of
  std::string reason;      ///< in words, for people
};

/// Longer answers are graded on their last bytes, where final answers stand.
inline constexpr std::size_t kAnswerLengthMax = 64U << 10U;

class Checker {
 public:
  virtual ~Checker() = default;
  /// Fails only if the expectation itself is unusable (a bad regex or schema).
  [[nodiscard]] virtual Result<Grade> grade(std::string_view answer, const Expectation& expected) const = 0;
};

struct CheckerRecord {
  std::string_view name;
  std::string_view help;
  const Checker& (*instance)();
};
[[nodiscard]] std::span<const CheckerRecord> checkers() noexcept;
[[nodiscard]] const CheckerRecord* find_checker(std::string_view name) noexcept;
/// Grades with the checker that `expected` names; an unknown name is an error with the nearest one.
[[nodiscard]] Result<Grade> grade(std::string_view answer, const Expectation& expected);

}  // namespace thalamus::check
