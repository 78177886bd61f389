/// The tool that is a table of rules: all four tools are.
#pragma once

#include "thalamus/tool/may_answer.h"
#include "thalamus/tool/question.h"
#include "thalamus/tool/tool.h"

namespace thalamus::tool {

using RuleTable = std::span<const Rule> (*)();

/// Tries the rules of its tables, in order, on texts within its limits.
class RulesTool final : public Tool {
 public:
  /// Compiles the tables now (some milliseconds), so that no request pays for it.
  RulesTool(TextLimits limits, std::span<const RuleTable> tables) : limits_(limits), tables_(tables) {
    for (const RuleTable table : tables_) (void)table();
  }
  [[nodiscard]] Claim claims(const core::Request& request, const Context& context) const override {
    return solve(request, context).has_value() ? Claim::kCertain : Claim::kNone;
  }
  [[nodiscard]] std::optional<Solution> solve(const core::Request& request, const Context& context) const override {
    const auto question = read_question(request, limits_);
    if (!question.has_value()) return std::nullopt;
    for (const RuleTable table : tables_) {
      // The conversation is read only once there is an answer: most requests have none, and pay nothing.
      if (auto found = apply(table(), *question, context); found.has_value()) {
        return may_answer(request) && fits(*found, request) ? std::move(found) : std::nullopt;
      }
    }
    return std::nullopt;
  }

 private:
  /// No text has more tokens than bytes.
  static bool fits(const Solution& found, const core::Request& request) {
    return !request.max_output_tokens.has_value() || found.text().size() <= *request.max_output_tokens;
  }

  TextLimits limits_;
  std::span<const RuleTable> tables_;  ///< static tables
};

/// Several wordings with one answer: the rules of each source text.
struct Wordings {
  std::initializer_list<std::string_view> sources;
  std::optional<Solution> (*handler)(const Match&);
};
/// Compiles tables; `WHAT` in a source stands for the frames of a request to compute something.
[[nodiscard]] std::vector<Rule> compile_rules(std::initializer_list<Wordings> wordings,
                                              std::span<const SlotType> types = {});

}  // namespace thalamus::tool
