/// All required texts occur as words in the answer, and none of the forbidden ones.
#include <fmt/format.h>

#include "thalamus/check/checker.h"
#include "thalamus/check/normalise.h"
#include "thalamus/check/reading.h"

namespace thalamus::check {
namespace {

class ContainsChecker final : public Checker {
 public:
  Result<Grade> grade(std::string_view answer, const Expectation& expected) const override {
    std::vector<std::string> required = expected.values;
    if (!expected.value.empty()) required.push_back(expected.value);
    if (required.empty() && expected.forbidden.empty())
      return fail(ErrorKind::kInvalidInput, "expected: checker 'contains' needs at least one text");
    Grade grade;
    grade.normalised = normalise(answer);
    for (const auto& text : expected.forbidden) {
      TRY(const std::string item, usable(text));
      if (!contains_word(grade.normalised, item)) continue;
      grade.reason = fmt::format("the answer has {}, which is forbidden", excerpt(text));
      return grade;
    }
    for (const auto& text : required) {
      TRY(const std::string item, usable(text));
      if (contains_word(grade.normalised, item)) continue;
      grade.reason = fmt::format("the answer does not have {}", excerpt(text));
      return grade;
    }
    grade.quality = grade.normalised.empty() ? 0 : 1;
    grade.reason = grade.normalised.empty() ? "the answer is empty" : "the answer has all required texts";
    return grade;
  }

 private:
  static Result<std::string> usable(const std::string& text) {
    std::string item = normalise(text);
    if (item.empty())
      return fail(ErrorKind::kInvalidInput, "expected: checker 'contains' got {}, which has nothing to look for",
                  excerpt(text));
    return item;
  }
};

const Checker& instance() {
  static const ContainsChecker kChecker;
  return kChecker;
}

}  // namespace

CheckerRecord contains_checker();
CheckerRecord contains_checker() {
  return {"contains", "all texts occur as words, in any case, and none of the forbidden ones", &instance};
}

}  // namespace thalamus::check
