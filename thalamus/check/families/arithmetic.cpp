/// Sums, products, bracketed expressions, percentages, quotients and roots.
#include <fmt/format.h>

#include "thalamus/check/families/family.h"

namespace thalamus::check {
namespace {

std::string ask(base::Rng& rng, std::string_view expression) {
  constexpr std::array<std::string_view, 5> kForms = {"What is {}?", "Calculate {}.", "Compute {}.", "How much is {}?",
                                                      "Work out {}."};
  return fmt::format(fmt::runtime(rng.pick(kForms)), expression);
}

Task easy(base::Rng& rng) {
  const std::int64_t a = rng.between(3, 99);
  const std::int64_t b = rng.between(2, 99);
  switch (rng.below(6)) {
    case 0: return number_question(rng, ask(rng, fmt::format("{} + {}", a, b)), a + b, 24);
    case 1: return number_question(rng, ask(rng, fmt::format("{} plus {}", a, b)), a + b, 24);
    case 2: return number_question(rng, ask(rng, fmt::format("{} - {}", a + b, b)), a, 24);
    case 3: return number_question(rng, ask(rng, fmt::format("{} minus {}", a + b, a)), b, 24);
    case 4: return number_question(rng, ask(rng, fmt::format("{} * {}", a, b % 11 + 2)), a * (b % 11 + 2), 24);
    default: return number_question(rng, ask(rng, fmt::format("{} times {}", a % 12 + 2, b)), (a % 12 + 2) * b, 24);
  }
}

Task medium(base::Rng& rng) {
  const std::int64_t a = rng.between(101, 999);
  const std::int64_t b = rng.between(12, 99);
  const std::int64_t c = rng.between(3, 19);
  switch (rng.below(6)) {
    case 0: return number_question(rng, ask(rng, fmt::format("{} * {}", a, b)), a * b, 24);
    case 1: return number_question(rng, ask(rng, fmt::format("({} + {}) * {}", a, b, c)), (a + b) * c, 24);
    case 2: return number_question(rng, ask(rng, fmt::format("{} * {} - {}", b, c, a)), b * c - a, 24);
    case 3: return number_question(rng, ask(rng, fmt::format("{} - {}", a * 10 + c, b * 37 + c)), a * 10 - b * 37, 24);
    case 4: return number_question(rng, ask(rng, fmt::format("{}% of {}", c * 5, a * 20)), a * c, 24);
    default: return number_question(rng, ask(rng, fmt::format("{} divided by {}", b * c * 7, c)), b * 7, 24);
  }
}

Task hard(base::Rng& rng) {
  const std::int64_t a = rng.between(1013, 9899);
  const std::int64_t b = rng.between(123, 987);
  const std::int64_t c = rng.between(23, 97);
  const std::int64_t d = rng.between(13, 89);
  switch (rng.below(6)) {
    case 0: return number_question(rng, ask(rng, fmt::format("{} * {}", a, b)), a * b, 24);
    case 1: return number_question(rng, ask(rng, fmt::format("{} * {} + {} * {}", b, c, a, d)), b * c + a * d, 24);
    case 2:
      return number_question(rng, ask(rng, fmt::format("({} - {}) * ({} + {})", a, b, c, d)), (a - b) * (c + d), 24);
    case 3: return number_question(rng, ask(rng, fmt::format("the square root of {}", (b + c) * (b + c))), b + c, 24);
    case 4:
      return number_question(rng, ask(rng, fmt::format("{} * {} * {} - {}", c, d, b % 90 + 11, a)),
                             c * d * (b % 90 + 11) - a, 24);
    default: {
      std::int64_t divisor = c;
      std::string value = rounded_quotient(a, divisor, 2);
      while (value.empty()) value = rounded_quotient(a, ++divisor, 2);
      return number_question(rng, ask(rng, fmt::format("{} / {}, rounded to two decimals", a, divisor)),
                             std::move(value), 24);
    }
  }
}

Task generate(Difficulty difficulty, base::Rng& rng) {
  if (difficulty == Difficulty::kEasy) return easy(rng);
  return difficulty == Difficulty::kMedium ? medium(rng) : hard(rng);
}

}  // namespace

FamilyRecord arithmetic_family();
FamilyRecord arithmetic_family() {
  return {"arithmetic", "sums, products, bracketed expressions, percentages, quotients, roots", true, &generate};
}

}  // namespace thalamus::check
