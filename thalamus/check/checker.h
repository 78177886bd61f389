/// Grades an answer against what was expected. Pure functions of text.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "thalamus/base/result.h"

namespace thalamus::check {

/// What a task expects. Which members count depends on `checker`.
struct Expectation {
  std::string checker;               ///< a name of checkers.def: exact, number, regex, json_schema, set, contains, choice
  std::string value;                 ///< expected text, number, pattern, schema or letter
  std::vector<std::string> values;   ///< of `set` and `contains`; for `exact`: further accepted forms
  double tolerance = 0;              ///< of `number`: relative
};

struct Grade {
  double quality = 0;       ///< [0,1]
  std::string normalised;   ///< the answer as the checker read it; what the answer hash is made of
  std::string reason;       ///< in words, for people
};

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
[[nodiscard]] Result<Grade> grade(std::string_view answer, const Expectation& expected);

}  // namespace thalamus::check
