/// Arithmetic expressions in signs and in plain words. What has two readings has none: the parser gives nothing.
#pragma once

#include <optional>
#include <vector>

#include "thalamus/tool/arithmetic_value.h"
#include "thalamus/tool/phrase.h"

namespace thalamus::tool {

struct Expression {
  Value value;
  std::uint32_t operations = 0;                  ///< 0: a bare number
  Preference preference = Preference::kDecimal;  ///< fraction, where the text calculates with fractions
  bool percent = false;                          ///< ends in a percent sign that no operand took
  bool has_word_operator = false;                ///< "plus", "the sum of"
};

enum class Tightness : std::uint8_t {
  kWhole,    ///< any expression
  kOperand,  ///< one operand: no + - * / outside parentheses
};

/// All of `span` as one expression.
[[nodiscard]] std::optional<Expression> parse_expression(const Phrase& phrase, Span span, Evaluator& evaluator,
                                                         Tightness tightness = Tightness::kWhole);
/// "3, 4 and 9": at least two operands separated by commas or "and".
[[nodiscard]] std::optional<std::vector<Value>> parse_list(const Phrase& phrase, Span span, Evaluator& evaluator);

/// Sums, products and the like over a list; nothing where it is not defined.
enum class Fold : std::uint8_t { kSum, kProduct, kDifference, kQuotient, kMean, kMedian, kGcd, kLcm, kMin, kMax };
[[nodiscard]] std::optional<Value> fold(Fold kind, const std::vector<Value>& values, Evaluator& evaluator);

}  // namespace thalamus::tool
