#include "thalamus/tool/units_rates.h"

#include <fmt/core.h>

#include <algorithm>

#include "thalamus/tool/rules_tool.h"
#include "thalamus/tool/units_table.h"

namespace thalamus::tool {
namespace {

constexpr std::size_t kRatesMax = 8;

/// The number of a unit's name is not told from its ending alone, so names match if one is the other's plural.
bool same_name(std::string_view a, std::string_view b) {
  if (a == b) return true;
  if (a.size() > b.size()) std::swap(a, b);
  if (a.size() < 2) return false;
  if (b.starts_with(a) && (b.substr(a.size()) == "s" || b.substr(a.size()) == "es")) return true;
  return a.ends_with("y") && b.ends_with("ies") && a.substr(0, a.size() - 1) == b.substr(0, b.size() - 3);
}

bool is_unit_name(const Token& token) {
  constexpr std::string_view kNotUnits[] = {"is",   "are",   "of",      "the",   "in",    "a",       "an",
                                            "and",  "or",    "to",      "for",   "worth", "percent", "more",
                                            "less", "times", "dollars", "euros", "equal", "equals"};
  return token.kind == TokenKind::kWord && token.lower.size() >= 1 &&
         std::find(std::begin(kNotUnits), std::end(kNotUnits), token.lower) == std::end(kNotUnits);
}

void ends_name(const Phrase& phrase, std::uint32_t begin, std::uint32_t, std::vector<std::uint32_t>& ends) {
  if (is_unit_name(phrase[begin])) ends.push_back(begin + 1);
}

/// A count: a number, "a", "one", "each", "every".
void ends_count(const Phrase& phrase, std::uint32_t begin, std::uint32_t limit, std::vector<std::uint32_t>& ends) {
  if (const auto number = match_number(phrase, begin, limit); number.has_value()) {
    ends.push_back(number->end);
  } else if (phrase.is(begin, "a") || phrase.is(begin, "an") || phrase.is(begin, "each") || phrase.is(begin, "every")) {
    ends.push_back(begin + 1);
  }
}

constexpr SlotType kTypes[] = {{"name", ends_name}, {"count", ends_count}};

/// amount_a of name_a are amount_b of name_b.
struct Rate {
  Rational amount_a;
  std::string name_a;
  Rational amount_b;
  std::string name_b;
};

std::optional<Rational> count_in(const Phrase& phrase, Span span) {
  if (span.end == span.begin + 1 && phrase[span.begin].kind == TokenKind::kWord &&
      (phrase.is(span.begin, "a") || phrase.is(span.begin, "an") || phrase.is(span.begin, "each") ||
       phrase.is(span.begin, "every"))) {
    return Rational(1);
  }
  auto value = number_in(phrase, span);
  if (!value.has_value() || value->is_zero() || value->is_negative() || value->numerator().limbs() > 6 ||
      value->denominator().limbs() > 6) {
    return std::nullopt;
  }
  return value;
}

const std::vector<Pattern>& rate_patterns() {
  static const std::vector<Pattern> kPatterns = [] {
    std::vector<Pattern> patterns;
    for (const char* source :
         {"<count a> <name p> (is|are|equals|equal|is equal to|are equal to|is worth|are worth|makes|make|=|contains|"
          "contain|is the same as|is exactly|are the same as|holds|costs|is exchanged for|can be exchanged for|"
          "trades for|buys) <count b> <name q>",
          "there are <count b> <name q> (in|to|per) <count a> <name p>",
          "(the exchange rate|the rate) is <count b> <name q> (per|to|for each|for every) [<count a>] <name p>",
          "<count b> <name q> (per|make|make up|form) <count a> <name p>"}) {
      patterns.emplace_back(source, kTypes);
    }
    return patterns;
  }();
  return kPatterns;
}

/// Reads "If 1 a is 3 b and 1 b is 5 c" fully, or nothing.
std::optional<std::vector<Rate>> read_rates(const Phrase& phrase, Span span) {
  std::vector<Rate> rates;
  std::uint32_t at = span.begin;
  while (at < span.end) {
    if (rates.size() == kRatesMax) return std::nullopt;
    bool found = false;
    const std::uint32_t limit = std::min(span.end, at + 24);
    for (std::uint32_t stop = limit; stop > at && !found; --stop) {
      const bool closes = stop == span.end || phrase.is(stop, ",") || phrase.is(stop, ".") || phrase.is(stop, ";") ||
                          phrase.is(stop, "and") || phrase[stop].new_line;
      if (!closes) continue;
      for (const Pattern& pattern : rate_patterns()) {
        found = pattern.match(phrase, at, stop, [&](const Captures& captures) {
          const auto a = captures['a'].empty() ? std::optional<Rational>(1) : count_in(phrase, captures['a']);
          const auto b = count_in(phrase, captures['b']);
          if (!a.has_value() || !b.has_value()) return false;
          rates.push_back({*a, phrase[captures['p'].begin].lower, *b, phrase[captures['q'].begin].lower});
          return true;
        });
        if (found) break;
      }
      if (found) at = stop;
    }
    if (!found) return std::nullopt;
    while (at < span.end && (phrase.is(at, ",") || phrase.is(at, ".") || phrase.is(at, ";") || phrase.is(at, "and"))) {
      ++at;
    }
  }
  if (rates.empty()) return std::nullopt;
  return rates;
}

/// The one path of rates from one name to another; nothing if there is none or the rates form a cycle.
std::optional<Rational> factor_between(const std::vector<Rate>& rates, std::string_view from, std::string_view to) {
  std::vector<bool> used(rates.size());
  std::string here(from);
  Rational factor(1);
  for (std::size_t step = 0; step <= rates.size(); ++step) {
    if (same_name(here, to)) return factor;
    std::size_t next = rates.size();
    for (std::size_t i = 0; i < rates.size(); ++i) {
      const bool touches = same_name(rates[i].name_a, here) || same_name(rates[i].name_b, here);
      if (used[i] || !touches) continue;
      const bool direct = same_name(rates[i].name_a, to) || same_name(rates[i].name_b, to);
      if (next == rates.size() || direct) next = i;
    }
    if (next == rates.size()) return std::nullopt;
    used[next] = true;
    const Rate& rate = rates[next];
    const bool forward = same_name(rate.name_a, here);
    factor = factor * (forward ? rate.amount_b / rate.amount_a : rate.amount_a / rate.amount_b);
    here = forward ? rate.name_b : rate.name_a;
  }
  return std::nullopt;
}

/// Are the rates a simple chain (no name in three rates, no cycle)? Only then is the path above the only one.
bool is_chain(const std::vector<Rate>& rates) {
  std::vector<std::string> names;
  const auto add = [&](const std::string& name) {
    if (std::none_of(names.begin(), names.end(), [&](const std::string& other) { return same_name(other, name); })) {
      names.push_back(name);
    }
  };
  for (const Rate& rate : rates) {
    if (same_name(rate.name_a, rate.name_b)) return false;
    add(rate.name_a);
    add(rate.name_b);
  }
  for (const std::string& name : names) {
    const auto uses = std::count_if(rates.begin(), rates.end(), [&](const Rate& rate) {
      return same_name(rate.name_a, name) || same_name(rate.name_b, name);
    });
    if (uses > 2) return false;
  }
  return names.size() == rates.size() + 1;
}

/// Zorps can be cut; eggs, boxes, cars and people come in wholes. A name is taken as divisible if the question itself
/// cuts it, if it is a physical unit, or if all of the question is a list of equivalences ("1 snark is 6 quibs") with a
/// fraction among its rates that nobody is said to need, buy or fill.
bool is_divisible(const Match& match, const std::vector<Rate>& rates, std::string_view to) {
  const auto asked = match.span('q');
  if (unit_in(match.phrase(), asked).has_value()) return true;
  bool any_fraction = false;
  for (const Rate& rate : rates) {
    const bool fraction_a = !rate.amount_a.is_integer();
    const bool fraction_b = !rate.amount_b.is_integer();
    if ((fraction_a && same_name(rate.name_a, to)) || (fraction_b && same_name(rate.name_b, to))) return true;
    any_fraction = any_fraction || fraction_a || fraction_b;
  }
  constexpr std::string_view kInWholes[] = {"need",  "needed", "buy",   "buys",     "get",  "hold",  "holds", "contain",
                                            "there", "box",    "boxes", "contains", "fill", "make",  "makes", "form",
                                            "costs", "people", "cars",  "buses",    "bags", "packs", "per"};
  for (std::uint32_t at = match.question.begin; at < match.question.end; ++at) {
    const std::string& word = match.phrase()[at].lower;
    if (std::find(std::begin(kInWholes), std::end(kInWholes), word) != std::end(kInWholes)) return false;
  }
  return any_fraction;
}

/// amount `n` of name `p`, wanted in name `q`, under the rates of slot `r`.
std::optional<Solution> by_rate(const Match& match) {
  const auto rates = read_rates(match.phrase(), match.span('r'));
  const auto amount = count_in(match.phrase(), match.span('n'));
  if (!rates.has_value() || !amount.has_value() || !is_chain(*rates)) return std::nullopt;
  const std::string& from = match.phrase()[match.span('p').begin].lower;
  const std::string& to = match.phrase()[match.span('q').begin].lower;
  if (same_name(from, to)) return std::nullopt;
  const auto factor = factor_between(*rates, from, to);
  if (!factor.has_value()) return std::nullopt;
  if (!(*amount * *factor).is_integer() && !is_divisible(match, *rates, to)) return std::nullopt;
  std::string left;
  for (const Rate& rate : *rates) {
    left += fmt::format("{} {} = {} {}; ", rate.amount_a.significant_text(12), rate.name_a,
                        rate.amount_b.significant_text(12), rate.name_b);
  }
  return quantity_solution(match.style(), *amount * *factor, match.text('q'),
                           left + fmt::format("{} {}", match.text('n'), match.text('p')), false);
}

}  // namespace

std::span<const Rule> rate_rules() {
  // <r> is bounded by the question's own words, and must be rates wholly.
  static const std::vector<Rule> kRules = compile_rules(
      {
          {{"[if|suppose|suppose that|given that|assume|assume that|assuming|imagine that|say|when|let us say|given|"
            "knowing that|in a fictional system ,|in some market ,|in a certain land ,] <any r> [,|.|;|:] [then] "
            "how many <name q> (are|is|make|are in|is in|are there in|equal|are equal to|is equal to|are worth|do|does|"
            "can you get for|do you get for|would you get for|will you get for|for|in|will|can be exchanged for|"
            "are the same as|correspond to|would be|would equal) [you get for|you need for] <count n> <name p> [worth|"
            "equal|make|contain|buy|be|hold]",
            "[if|suppose|suppose that|given that|assume|assume that|assuming|given|imagine that|say] <any r> [,|.|;|:] "
            "[then] [please] (convert|express|what is|what's|what are|how much is|how much are|change) <count n> <name "
            "p> (to|into|in|worth in|expressed in) <name q>",
            "how many <name q> (are|is|make|equal|are equal to|are in|are there in|is equal to|are worth) <count n> "
            "<name p> "
            "[,] (if|given that|when|assuming|assuming that|where|given) <any r>",
            "(convert|express|what is) <count n> <name p> (to|into|in) <name q> [,] (if|given that|when|assuming|"
            "assuming that|where|using|given) <any r>"},
           by_rate},
      },
      kTypes);
  return kRules;
}

}  // namespace thalamus::tool
