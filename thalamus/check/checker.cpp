#include "thalamus/check/checker.h"

#include <array>

#include "thalamus/base/text.h"

namespace thalamus::check {

#define CHECKER(name) [[nodiscard]] CheckerRecord name##_checker();
#include "thalamus/check/checkers.def"
#undef CHECKER

std::span<const CheckerRecord> checkers() noexcept {
  static const std::array kRecords = {
#define CHECKER(name) name##_checker(),
#include "thalamus/check/checkers.def"
#undef CHECKER
  };
  return kRecords;
}

const CheckerRecord* find_checker(std::string_view name) noexcept {
  for (const auto& record : checkers())
    if (record.name == name) return &record;
  return nullptr;
}

Result<Grade> grade(std::string_view answer, const Expectation& expected) {
  if (expected.checker == "judge")
    return fail(ErrorKind::kUnsupported, "checker: 'judge' needs a target that grades; the gateway's probe does this");
  if (const auto* record = find_checker(expected.checker)) return record->instance().grade(answer, expected);
  std::vector<std::string> names;
  for (const auto& record : checkers()) names.emplace_back(record.name);
  return fail(ErrorKind::kInvalidInput, "checker: there is no '{}'{}", expected.checker,
              base::did_you_mean(expected.checker, names));
}

}  // namespace thalamus::check
