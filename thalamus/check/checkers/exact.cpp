/// Exact comparison of the normalised answer, or of the result that the answer marks as final, with the accepted forms.
#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "thalamus/base/text.h"
#include "thalamus/check/checker.h"
#include "thalamus/check/normalise.h"
#include "thalamus/check/reading.h"

namespace thalamus::check {
namespace {

std::string canonical(std::string_view text, const Expectation& expected) {
  return expected.match_case ? normalise_keeping_case(text) : normalise(text);
}

std::string_view without_article(std::string_view text) noexcept {
  for (const std::string_view article : {"the ", "a ", "an ", "The ", "A ", "An "})
    if (text.starts_with(article) && text.size() > article.size()) return text.substr(article.size());
  return text;
}

class ExactChecker final : public Checker {
 public:
  Result<Grade> grade(std::string_view answer, const Expectation& expected) const override {
    std::vector<std::string> accepted;
    for (const auto& form : expected.values) accepted.push_back(canonical(form, expected));
    if (!expected.value.empty() || accepted.empty())
      accepted.insert(accepted.begin(), canonical(expected.value, expected));
    std::erase(accepted, std::string());
    if (accepted.empty())
      return fail(ErrorKind::kInvalidInput,
                  "expected: checker 'exact' got {}, which has no letter or digit to compare; "
                  "use 'regex'",
                  excerpt(expected.value));
    const Reading reading = read_answer(answer);
    Grade grade;
    const std::string whole = canonical(answer, expected);
    if (accepts(accepted, whole)) return right(std::move(grade), whole);
    if (reading.lines.empty()) {
      grade.reason = "the answer is empty";
      return grade;
    }
    if (reading.conflicting()) return several(std::move(grade), reading, accepted, expected);
    if (!reading.marked.empty())
      return compare(std::move(grade), reading.marked.front(), "final answer", accepted, expected);
    if (reading.fenced.size() == 1)
      return compare(std::move(grade), reading.fenced.front(), "code block", accepted, expected);
    return compare(std::move(grade), reading.lines.back(), "last line", accepted, expected);
  }

 private:
  static bool accepts(const std::vector<std::string>& accepted, std::string_view text) {
    return std::ranges::any_of(
        accepted, [&](const auto& form) { return form == text || without_article(form) == without_article(text); });
  }

  static Grade right(Grade grade, std::string_view read) {
    grade.quality = 1;
    grade.normalised = read;
    grade.reason = fmt::format("the answer is {}", excerpt(read));
    return grade;
  }

  /// Several marked results are one result if they read the same as an accepted form.
  static Grade several(Grade grade, const Reading& reading, const std::vector<std::string>& accepted,
                       const Expectation& expected) {
    const bool all = std::ranges::all_of(reading.marked, [&](const auto& result) {
      return accepts(accepted, canonical(result, expected)) ||
             accepts_in_sentence(accepted, canonical(result, expected));
    });
    grade.normalised = canonical(reading.marked.back(), expected);
    if (all) return right(std::move(grade), accepted.front());
    grade.reason = fmt::format("{} different final answers are given", reading.marked.size());
    return grade;
  }

  static Grade compare(Grade grade, std::string_view text, std::string_view what,
                       const std::vector<std::string>& accepted, const Expectation& expected) {
    const std::string read = canonical(text, expected);
    if (accepts(accepted, read)) return right(std::move(grade), read);
    if (const auto tail = accepts_in_sentence(accepted, read)) return right(std::move(grade), *tail);
    grade.normalised = read;
    grade.reason = fmt::format("the {} is {}, expected {}", what, excerpt(read), excerpt(accepted.front()));
    return grade;
  }

  /// "The capital of France is Paris" and "Paris is the capital of France" both state Paris, and nothing else.
  static std::optional<std::string> accepts_in_sentence(const std::vector<std::string>& accepted,
                                                        std::string_view read) {
    for (const std::string_view link : {" is ", " was ", " are ", " were ", ": ", " = ", " -> "}) {
      const auto at = read.rfind(link);
      if (at == std::string_view::npos) continue;
      const std::string tail = normalise_keeping_case(read.substr(at + link.size()));
      if (accepts(accepted, tail)) return tail;
    }
    for (const std::string_view link : {" is the ", " was the ", " is a ", " is an "}) {
      const auto at = read.find(link);
      if (at == std::string_view::npos) continue;
      const std::string head = normalise_keeping_case(read.substr(0, at));
      if (accepts(accepted, head)) return head;
    }
    return std::nullopt;
  }
};

const Checker& instance() {
  static const ExactChecker kChecker;
  return kChecker;
}

}  // namespace

CheckerRecord exact_checker();
CheckerRecord exact_checker() {
  return {"exact", "the normalised answer, or its marked final answer, equals an accepted text", &instance};
}

}  // namespace thalamus::check
