/// Numbers in a phrase, in digits and in English words up to the trillions.
#include <algorithm>
#include <array>
#include <utility>

#include "thalamus/tool/phrase.h"

namespace thalamus::tool {
namespace {

struct NumberWord {
  std::string_view word;
  int value;
};

constexpr NumberWord kUnits[] = {{"zero", 0},     {"one", 1},        {"two", 2},       {"three", 3},
                                 {"four", 4},     {"five", 5},       {"six", 6},       {"seven", 7},
                                 {"eight", 8},    {"nine", 9},       {"ten", 10},      {"eleven", 11},
                                 {"twelve", 12},  {"thirteen", 13},  {"fourteen", 14}, {"fifteen", 15},
                                 {"sixteen", 16}, {"seventeen", 17}, {"eighteen", 18}, {"nineteen", 19}};
constexpr NumberWord kTens[] = {{"twenty", 20}, {"thirty", 30},  {"forty", 40},  {"fourty", 40}, {"fifty", 50},
                                {"sixty", 60},  {"seventy", 70}, {"eighty", 80}, {"ninety", 90}};
constexpr NumberWord kOrdinals[] = {{"first", 1},        {"second", 2},      {"third", 3},       {"fourth", 4},
                                    {"fifth", 5},        {"sixth", 6},       {"seventh", 7},     {"eighth", 8},
                                    {"ninth", 9},        {"tenth", 10},      {"eleventh", 11},   {"twelfth", 12},
                                    {"thirteenth", 13},  {"fourteenth", 14}, {"fifteenth", 15},  {"sixteenth", 16},
                                    {"seventeenth", 17}, {"eighteenth", 18}, {"nineteenth", 19}, {"twentieth", 20},
                                    {"thirtieth", 30}};
struct Scale {
  std::string_view word;
  std::int64_t value;
};
constexpr Scale kScales[] = {
    {"trillion", 1'000'000'000'000}, {"billion", 1'000'000'000}, {"million", 1'000'000}, {"thousand", 1000}};

template <std::size_t size>
std::optional<int> find(const NumberWord (&table)[size], const Token& token) {
  if (token.kind != TokenKind::kWord) return std::nullopt;
  for (const NumberWord& entry : table) {
    if (entry.word == token.lower) return entry.value;
  }
  return std::nullopt;
}

const Scale* find_scale(const Token& token) {
  for (const Scale& scale : kScales) {
    if (token.kind == TokenKind::kWord && scale.word == token.lower) return &scale;
  }
  return nullptr;
}

/// 0 to 99: "seven", "twenty", "twenty-three", "twenty three".
std::optional<int> below_hundred(const Phrase& phrase, std::uint32_t& at, std::uint32_t limit) {
  if (at >= limit) return std::nullopt;
  if (const auto unit = find(kUnits, phrase[at]); unit.has_value()) {
    ++at;
    return unit;
  }
  const auto tens = find(kTens, phrase[at]);
  if (!tens.has_value()) return std::nullopt;
  ++at;
  std::uint32_t next = at;
  if (next + 1 < limit && phrase.is(next, "-") && !phrase[next].spaced && !phrase[next + 1].spaced) ++next;
  if (next < limit) {
    if (const auto unit = find(kUnits, phrase[next]); unit.has_value() && *unit >= 1 && *unit <= 9) {
      at = next + 1;
      return *tens + *unit;
    }
  }
  return tens;
}

/// 0 to 999 (and "fifteen hundred"): "two hundred and five".
std::optional<int> below_thousand(const Phrase& phrase, std::uint32_t& at, std::uint32_t limit) {
  std::optional<int> value;
  if (phrase.is(at, "a") && at + 1 < limit && phrase.is(at + 1, "hundred")) {
    value = 1;
    ++at;
  } else {
    value = below_hundred(phrase, at, limit);
  }
  if (!value.has_value() || *value == 0 || at >= limit || !phrase.is(at, "hundred")) return value;
  ++at;
  int total = *value * 100;
  std::uint32_t next = at;
  if (next < limit && phrase.is(next, "and")) ++next;
  if (const auto rest = below_hundred(phrase, next, limit); rest.has_value() && *rest > 0) {
    // "two hundred and five hundred" is two numbers, not 205 hundred.
    const bool starts_another = next < limit && phrase.is(next, "hundred");
    if (!starts_another) {
      total += *rest;
      at = next;
    }
  }
  return total;
}

}  // namespace

std::optional<NumberMatch> match_number_words(const Phrase& phrase, std::uint32_t begin, std::uint32_t limit) {
  std::uint32_t at = begin;
  std::int64_t total = 0;
  std::int64_t last_scale = 2'000'000'000'000;
  bool found = false;
  while (at < limit) {
    std::uint32_t next = at;
    if (found && phrase.is(next, "and")) ++next;
    if (found && next < limit && phrase.is(next, ",")) return std::nullopt;
    std::optional<int> group;
    if (!found && phrase.is(next, "a") && next + 1 < limit && find_scale(phrase[next + 1]) != nullptr) {
      group = 1;
      ++next;
    } else {
      group = below_thousand(phrase, next, limit);
    }
    if (!group.has_value()) break;
    const Scale* scale = next < limit ? find_scale(phrase[next]) : nullptr;
    if (scale != nullptr) {
      if (scale->value >= last_scale || *group == 0) break;
      total += *group * scale->value;
      last_scale = scale->value;
      at = next + 1;
      found = true;
      continue;
    }
    // A last group; after "and" it must be a plain remainder ("one thousand and one", not "two and three").
    if (found && (last_scale < 1000 || *group >= last_scale || *group == 0)) break;
    total += *group;
    at = next;
    found = true;
    last_scale = 1;
    break;
  }
  if (!found) return std::nullopt;
  Rational value(total);
  if (at + 1 < limit && phrase.is(at, "point")) {
    std::string digits;
    std::uint32_t next = at + 1;
    while (next < limit) {
      const auto digit = phrase.is(next, "oh") ? std::optional<int>(0) : find(kUnits, phrase[next]);
      if (!digit.has_value() || *digit > 9) break;
      digits.push_back(static_cast<char>('0' + *digit));
      ++next;
    }
    const auto part = digits.empty() ? std::nullopt : Rational::parse("0." + digits);
    if (part.has_value()) {
      value = value + *part;
      at = next;
    }
  }
  return NumberMatch{value, at};
}

std::optional<NumberMatch> match_number(const Phrase& phrase, std::uint32_t begin, std::uint32_t limit) {
  std::uint32_t at = begin;
  bool negative = false;
  if (at < limit && (phrase.is(at, "-") || phrase.is(at, "minus") || phrase.is(at, "negative"))) {
    if (phrase.is(at, "-") && at + 1 < limit && phrase[at + 1].spaced) return std::nullopt;
    negative = true;
    ++at;
  }
  if (at >= limit) return std::nullopt;
  std::optional<NumberMatch> match;
  if (phrase[at].kind == TokenKind::kNumber) {
    auto value = Rational::parse(phrase[at].lower);
    if (!value.has_value()) return std::nullopt;
    match = NumberMatch{*std::move(value), at + 1};
    const auto is_fraction_at = [&](std::uint32_t place) {
      return place + 2 < limit && phrase[place].kind == TokenKind::kNumber && phrase.is(place + 1, "/") &&
             !phrase[place + 1].spaced && phrase[place + 2].kind == TokenKind::kNumber && !phrase[place + 2].spaced;
    };
    std::uint32_t fraction = at;
    if (is_fraction_at(at + 1) && phrase[at + 1].spaced && match->value.is_integer()) fraction = at + 1;
    if (is_fraction_at(fraction)) {
      const auto above = Rational::parse(phrase[fraction].lower);
      const auto below = Rational::parse(phrase[fraction + 2].lower);
      if (!above.has_value() || !below.has_value() || below->is_zero()) return std::nullopt;
      const Rational part = *above / *below;
      if (fraction != at && part >= Rational(1)) return std::nullopt;
      match = NumberMatch{fraction == at ? part : match->value + part, fraction + 3};
    }
    if (match->end < limit && phrase[match->end].spaced) {
      if (const Scale* scale = find_scale(phrase[match->end]); scale != nullptr) {
        match = NumberMatch{match->value * Rational(scale->value), match->end + 1};
      }
    }
  } else {
    match = match_number_words(phrase, at, limit);
  }
  if (match.has_value() && negative) match->value = -match->value;
  return match;
}

std::optional<NumberMatch> match_ordinal(const Phrase& phrase, std::uint32_t begin, std::uint32_t limit) {
  if (begin >= limit) return std::nullopt;
  if (phrase[begin].kind == TokenKind::kNumber) {
    if (begin + 1 >= limit || phrase[begin + 1].spaced) return std::nullopt;
    const std::string& suffix = phrase[begin + 1].lower;
    if (suffix != "st" && suffix != "nd" && suffix != "rd" && suffix != "th") return std::nullopt;
    auto value = Rational::parse(phrase[begin].lower);
    if (!value.has_value() || !value->is_integer() || value->is_zero()) return std::nullopt;
    return NumberMatch{*std::move(value), begin + 2};
  }
  if (const auto direct = find(kOrdinals, phrase[begin]); direct.has_value()) return NumberMatch{*direct, begin + 1};
  const auto tens = find(kTens, phrase[begin]);
  if (!tens.has_value()) return std::nullopt;
  std::uint32_t at = begin + 1;
  if (at < limit && phrase.is(at, "-")) ++at;
  const auto unit = at < limit ? find(kOrdinals, phrase[at]) : std::nullopt;
  if (!unit.has_value() || *unit > 9) return std::nullopt;
  return NumberMatch{*tens + *unit, at + 1};
}

std::optional<Rational> number_in(const Phrase& phrase, Span span) {
  if (span.empty()) return std::nullopt;
  auto match = match_number(phrase, span.begin, span.end);
  if (!match.has_value() || match->end != span.end) return std::nullopt;
  return std::move(match->value);
}

}  // namespace thalamus::tool
