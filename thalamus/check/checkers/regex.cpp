/// Searches the trimmed answer for a pattern; anchors mean the answer's begin and end.
#include <fmt/format.h>

#include "thalamus/base/text.h"
#include "thalamus/check/bounded_regex.h"
#include "thalamus/check/checker.h"
#include "thalamus/check/normalise.h"
#include "thalamus/check/reading.h"

namespace thalamus::check {
namespace {

class RegexChecker final : public Checker {
 public:
  Result<Grade> grade(std::string_view answer, const Expectation& expected) const override {
    if (expected.value.empty())
      return fail(ErrorKind::kInvalidInput, "expected: checker 'regex' needs a pattern, the text is empty");
    TRY(const BoundedRegex pattern, BoundedRegex::compile(expected.value));
    const std::string_view text = base::trim(without_thinking(bounded_answer(answer)));
    Grade grade;
    grade.normalised = normalise(text);
    grade.quality = pattern.found_in(text) ? 1 : 0;
    grade.reason = fmt::format("{} {} the pattern {}", excerpt(text), grade.quality > 0 ? "matches" : "does not match",
                               excerpt(expected.value));
    return grade;
  }
};

const Checker& instance() {
  static const RegexChecker kChecker;
  return kChecker;
}

}  // namespace

CheckerRecord regex_checker();
CheckerRecord regex_checker() {
  return {"regex", "an ECMAScript pattern occurs in the trimmed answer; ^ and $ are its begin and end", &instance};
}

}  // namespace thalamus::check
