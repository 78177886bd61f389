/// Sums, means, common divisors and the like over lists of numbers.
#include <algorithm>

#include "thalamus/tool/arithmetic_expression.h"

namespace thalamus::tool {

std::optional<Value> fold(Fold kind, const std::vector<Value>& values, Evaluator& evaluator) {
  const bool pair_only = kind == Fold::kDifference || kind == Fold::kQuotient;
  if (values.size() < 2 || (pair_only && values.size() != 2)) return std::nullopt;
  const bool exact = std::all_of(values.begin(), values.end(), [](const Value& value) { return value.is_exact(); });
  if (!exact && kind != Fold::kSum && kind != Fold::kProduct) return std::nullopt;
  if (kind == Fold::kDifference) {
    // Of a smaller and a larger number the order is not clear.
    if (values[0].low < values[1].low) return std::nullopt;
    return evaluator.subtract(values[0], values[1]);
  }
  if (kind == Fold::kQuotient) return evaluator.divide(values[0], values[1]);
  if (kind == Fold::kMedian) {
    std::vector<Value> sorted = values;
    std::sort(sorted.begin(), sorted.end(), [](const Value& a, const Value& b) { return a.low < b.low; });
    const Value& upper = sorted[sorted.size() / 2];
    if (sorted.size() % 2 == 1) return upper;
    const auto sum = evaluator.add(sorted[sorted.size() / 2 - 1], upper);
    return sum.has_value() ? evaluator.divide(*sum, Value(2)) : std::nullopt;
  }
  std::optional<Value> total = values[0];
  for (std::size_t i = 1; i < values.size() && total.has_value(); ++i) {
    const Value& next = values[i];
    const bool integers = total->low.is_integer() && next.low.is_integer() && !total->low.is_zero() &&
                          !next.low.is_zero() && !total->low.is_negative() && !next.low.is_negative();
    switch (kind) {
      case Fold::kSum:
      case Fold::kMean: total = evaluator.add(*total, next); break;
      case Fold::kProduct: total = evaluator.multiply(*total, next); break;
      case Fold::kMin: total = next.low < total->low ? next : *total; break;
      case Fold::kMax: total = next.low > total->low ? next : *total; break;
      default: {
        if (!integers || total->low.numerator().bit_length() + next.low.numerator().bit_length() > 2000) {
          return std::nullopt;
        }
        const BigInt common = gcd(total->low.numerator(), next.low.numerator());
        total = kind == Fold::kGcd ? std::optional<Value>(Rational(common))
                                   : evaluator.multiply(*total, Rational(next.low.numerator() / common));
      }
    }
  }
  if (kind == Fold::kMean && total.has_value()) {
    return evaluator.divide(*total, Value(static_cast<std::int64_t>(values.size())));
  }
  return total;
}

}  // namespace thalamus::tool
