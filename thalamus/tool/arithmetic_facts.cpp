#include "thalamus/tool/arithmetic_facts.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "thalamus/tool/arithmetic_expression.h"
#include "thalamus/tool/rules_tool.h"

namespace thalamus::tool {
namespace {

constexpr std::uint64_t kFactorMax = 10'000'000'000;  // trial division stays below 1e5

__extension__ using Wide = unsigned __int128;

std::uint64_t multiply_modulo(std::uint64_t a, std::uint64_t b, std::uint64_t m) noexcept {
  return static_cast<std::uint64_t>(Wide{a} * b % m);
}

std::uint64_t power_modulo(std::uint64_t base, std::uint64_t exponent, std::uint64_t m) noexcept {
  std::uint64_t result = 1;
  for (base %= m; exponent > 0; exponent >>= 1) {
    if ((exponent & 1U) != 0) result = multiply_modulo(result, base, m);
    base = multiply_modulo(base, base, m);
  }
  return result;
}

std::optional<std::uint64_t> whole(const Match& match, char name) {
  const auto value = match.number(name);
  if (!value.has_value() || !value->is_integer()) return std::nullopt;
  return value->numerator().to_uint64();
}

std::optional<Solution> yes_no(const Match& match, bool yes, std::string working) {
  if (!match.style().is_unrounded() || !match.style().allows({"yes", "word", "true", "false"})) return std::nullopt;
  const auto& nouns = match.style().nouns;
  const bool truth = std::find(nouns.begin(), nouns.end(), "true") != nouns.end();
  return solution(match.style(), truth ? (yes ? "True" : "False") : (yes ? "Yes" : "No"), std::move(working));
}

std::uint64_t smallest_factor(std::uint64_t n) noexcept {
  for (std::uint64_t d = 2; d * d <= n && d <= 100'000; d += d == 2 ? 1 : 2) {
    if (n % d == 0) return d;
  }
  return n;
}

std::optional<Solution> prime(const Match& match) {
  const auto n = whole(match, 'a');
  if (!n.has_value()) return std::nullopt;
  if (is_prime(*n)) return yes_no(match, true, fmt::format("{} has no divisors but 1 and itself.", *n));
  if (*n < 2) return yes_no(match, false, fmt::format("{} is less than 2.", *n));
  const std::uint64_t factor = smallest_factor(*n);
  if (factor == *n) return yes_no(match, false, fmt::format("{} fails the Miller-Rabin test.", *n));
  return yes_no(match, false, fmt::format("{} = {} × {}", *n, factor, *n / factor));
}

std::optional<Solution> parity(const Match& match) {
  const auto n = whole(match, 'a');
  if (!n.has_value()) return std::nullopt;
  const bool odd = *n % 2 == 1;
  const std::string_view asked = match.text('p');
  if (asked != "odd" && asked != "even") return std::nullopt;
  return yes_no(match, (asked == "odd") == odd, fmt::format("{} is {}.", *n, odd ? "odd" : "even"));
}

std::optional<Solution> divisible(const Match& match) {
  const auto a = whole(match, 'a');
  const auto b = whole(match, 'b');
  if (!a.has_value() || !b.has_value() || *b == 0) return std::nullopt;
  return yes_no(match, *a % *b == 0, fmt::format("{} = {} × {} + {}", *a, *b, *a / *b, *a % *b));
}

std::optional<Solution> factorise(const Match& match) {
  const auto n = whole(match, 'a');
  if (!n.has_value() || *n < 2 || *n > kFactorMax || !match.style().is_unrounded()) return std::nullopt;
  if (!match.style().allows({"number", "numbers", "expression", "product"}) || match.style().separator.has_value()) {
    return std::nullopt;
  }
  std::string text;
  for (std::uint64_t rest = *n; rest > 1;) {
    const std::uint64_t factor = smallest_factor(rest);
    int count = 0;
    for (; rest % factor == 0; rest /= factor) ++count;
    text += fmt::format("{}{}", text.empty() ? "" : " × ", factor);
    if (count > 1) text += fmt::format("^{}", count);
  }
  return solution(match.style(), text, fmt::format("{} = {}", *n, text));
}

std::optional<Solution> divisors(const Match& match) {
  const auto n = whole(match, 'a');
  if (!n.has_value() || *n < 1 || *n > 1'000'000'000 || !match.style().is_unrounded()) return std::nullopt;
  if (!match.style().allows({"number", "numbers", "list", "integers", "items"})) return std::nullopt;
  std::vector<std::uint64_t> low;
  std::vector<std::uint64_t> high;
  for (std::uint64_t d = 1; d * d <= *n; ++d) {
    if (*n % d != 0) continue;
    low.push_back(d);
    if (d != *n / d) high.push_back(*n / d);
  }
  low.insert(low.end(), high.rbegin(), high.rend());
  const std::string separator = match.style().separator.value_or(", ");
  const bool count_only = match.phrase().is(match.question.begin, "how");
  if (count_only) return solution(match.style(), std::to_string(low.size()), fmt::format("the divisors of {}", *n));
  std::string text;
  for (const std::uint64_t d : low) text += (text.empty() ? "" : separator) + std::to_string(d);
  return solution(match.style(), text, fmt::format("{} has {} divisors.", *n, low.size()));
}

/// "which is larger, 9.11 or 9.9?"
std::optional<Solution> compare(const Match& match) {
  const auto a = match.number('a');
  const auto b = match.number('b');
  if (!a.has_value() || !b.has_value() || *a == *b || !match.style().is_unrounded()) return std::nullopt;
  if (!match.style().allows({"number", "numbers"})) return std::nullopt;
  const std::string_view word = match.text('w');
  constexpr std::string_view kLarger[] = {"larger",  "bigger",  "greater",  "higher", "more",
                                          "largest", "biggest", "greatest", "highest"};
  constexpr std::string_view kSmaller[] = {"smaller", "less", "lower", "lesser", "smallest", "lowest", "least"};
  const bool larger = std::find(std::begin(kLarger), std::end(kLarger), word) != std::end(kLarger);
  if (!larger && std::find(std::begin(kSmaller), std::end(kSmaller), word) == std::end(kSmaller)) return std::nullopt;
  const bool first = (*a > *b) == larger;
  return solution(match.style(), std::string(first ? match.text('a') : match.text('b')),
                  fmt::format("{} {} {}", match.text('a'), *a > *b ? ">" : "<", match.text('b')));
}

std::optional<Solution> is_compared(const Match& match) {
  const auto a = match.number('a');
  const auto b = match.number('b');
  if (!a.has_value() || !b.has_value()) return std::nullopt;
  const std::string_view word = match.text('w');
  const std::string working =
      fmt::format("{} {} {}", match.text('a'), *a > *b ? ">" : (*a < *b ? "<" : "="), match.text('b'));
  if (word == "larger" || word == "bigger" || word == "greater" || word == "higher" || word == "more") {
    return yes_no(match, *a > *b, working);
  }
  if (word == "smaller" || word == "less" || word == "lower") return yes_no(match, *a < *b, working);
  return std::nullopt;
}

std::optional<unsigned> base_of(std::string_view word) {
  if (word == "binary") return 2;
  if (word == "octal") return 8;
  if (word == "decimal" || word == "denary") return 10;
  if (word == "hexadecimal" || word == "hex") return 16;
  return std::nullopt;
}

std::optional<Solution> rebased(const Match& match, unsigned from, unsigned to) {
  std::string digits(match.text('a'));
  if (from == 16 && digits.starts_with("0x")) digits.erase(0, 2);
  if (from == 2 && digits.starts_with("0b")) digits.erase(0, 2);
  digits.erase(std::remove(digits.begin(), digits.end(), from == 10 ? ',' : '_'), digits.end());
  if (digits.size() > 120 || from == to) return std::nullopt;
  const auto value = BigInt::parse(digits, from);
  if (!value.has_value() || !match.style().is_unrounded()) return std::nullopt;
  if (!match.style().allows({"number", "digits", "numeric", "string"})) return std::nullopt;
  std::string text = value->text(to);
  return solution(match.style(), text, fmt::format("{} in base {} = {} in base {}", match.text('a'), from, text, to));
}

/// From decimal, or from what the prefix says.
std::optional<Solution> to_base(const Match& match) {
  const auto to = base_of(match.phrase()[match.span('t').begin].lower);
  if (!to.has_value()) return std::nullopt;
  const std::string digits(match.text('a'));
  const unsigned from = digits.starts_with("0x") ? 16 : (digits.starts_with("0b") ? 2 : 10);
  if (from == 10 && (digits.size() > 1 && digits.front() == '0')) return std::nullopt;
  return rebased(match, from, *to);
}

std::optional<Solution> between_bases(const Match& match) {
  const auto from = base_of(match.phrase()[match.span('f').begin].lower);
  const auto to = base_of(match.phrase()[match.span('t').begin].lower);
  if (!from.has_value() || !to.has_value()) return std::nullopt;
  return rebased(match, *from, *to);
}

std::optional<Solution> roman(const Match& match) {
  const auto n = whole(match, 'a');
  if (!n.has_value() || *n < 1 || *n > 3999 || !match.style().is_unrounded()) return std::nullopt;
  if (!match.style().allows({"number"})) return std::nullopt;
  constexpr std::pair<unsigned, std::string_view> kNumerals[] = {
      {1000, "M"}, {900, "CM"}, {500, "D"}, {400, "CD"}, {100, "C"}, {90, "XC"}, {50, "L"},
      {40, "XL"},  {10, "X"},   {9, "IX"},  {5, "V"},    {4, "IV"},  {1, "I"}};
  std::string text;
  std::uint64_t rest = *n;
  for (const auto& [value, numeral] : kNumerals) {
    for (; rest >= value; rest -= value) text += numeral;
  }
  return solution(match.style(), text, fmt::format("{} in Roman numerals", *n));
}

/// Digits of any base: one token, or a number and a word that touch ("1F", "3e8").
void ends_digits(const Phrase& phrase, std::uint32_t begin, std::uint32_t limit, std::vector<std::uint32_t>& ends) {
  if (phrase[begin].kind != TokenKind::kNumber && phrase[begin].kind != TokenKind::kWord) return;
  std::uint32_t end = begin + 1;
  while (end < limit && !phrase[end].spaced && phrase[end].kind != TokenKind::kSymbol && end < begin + 4) ++end;
  ends.push_back(end);
}

}  // namespace

bool is_prime(std::uint64_t n) noexcept {
  constexpr std::uint64_t kBases[] = {2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37};
  if (n < 2) return false;
  for (const std::uint64_t p : kBases) {
    if (n % p == 0) return n == p;
  }
  std::uint64_t odd = n - 1;
  int twos = 0;
  for (; odd % 2 == 0; odd /= 2) ++twos;
  for (const std::uint64_t base : kBases) {
    std::uint64_t x = power_modulo(base, odd, n);
    bool passes = x == 1 || x == n - 1;
    for (int i = 1; i < twos && !passes; ++i) {
      x = multiply_modulo(x, x, n);
      passes = x == n - 1;
    }
    if (!passes) return false;
  }
  return true;
}

std::span<const Rule> arithmetic_fact_rules() {
  static constexpr SlotType kTypes[] = {{"digits", ends_digits}};
  static const std::vector<Rule> kRules = compile_rules(
      {
          {{"is [the number] <n a> [a] prime [number]", "is [the number] <n a> prime or not"}, prime},
          {{"is [the number] <n a> [an] (<word p>) [number]"}, parity},
          {{"is <n a> [evenly] divisible by <n b>", "is <n a> a multiple of <n b>",
            "is <n b> a (factor|divisor) of "
            "<n a>",
            "does <n b> [evenly] divide <n a> [evenly]"},
           divisible},
          {{"[WHAT] the prime (factorization|factorisation|factors|decomposition) of [the number] <n a>",
            "(factorize|factorise|factor) [the number] <n a> [into primes|into prime factors]",
            "(write|express) <n a> as a product of (primes|prime factors|its prime factors)"},
           factorise},
          {{"[WHAT|list] [all] [of] [the] (factors|divisors|positive divisors|positive factors) of [the number] <n a>",
            "how many [positive] (divisors|factors) does [the number] <n a> have"},
           divisors},
          {{"which [number|one|of these] is [the] <word w> [:|,|-] <n a> or <n b>",
            "which is [the] <word w> [number] [:|,|-] <n a> or <n b>", "what is <word w> [:|,] <n a> or <n b>",
            "which [number] is <word w> between <n a> and <n b>", "what's <word w> [:|,] <n a> or <n b>",
            "is <n a> or <n b> <word w>"},
           compare},
          {{"is <n a> <word w> than <n b>"}, is_compared},
          {{"WHAT [the] [decimal] [number] <digits a> (in|to|into|as) "
            "[a] <word t> [number|notation|form]",
            "(convert|change|write|express|turn) [the] [decimal] [number] <digits a> [from decimal] (in|to|into|as) "
            "[a] <word t> [number|notation|form]"},
           to_base},
          {{"(convert|change|turn|write|express) [the] [number] <digits a> from <word f> (to|into) <word t>",
            "(convert|change|turn|write|express) (<word f>) [number] <digits a> (to|into|as|in) [a] <word t> [number]",
            "(convert|change|turn|write|express) the (<word f>) [number] <digits a> (to|into|as|in) [a] <word t> "
            "[number]",
            "WHAT [the] (<word f>) [number] <digits a> (to|into|as|in) [a] <word t> [number]"},
           between_bases},
          {{"(convert|change|write|express|WHAT) [the number] <n a> (to|in|into|as|using) [a] roman "
            "(numerals|numeral)"},
           roman},
      },
      kTypes);
  return kRules;
}

}  // namespace thalamus::tool
