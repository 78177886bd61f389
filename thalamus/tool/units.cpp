/// The units tool: conversion between units of one dimension, and travel at a constant speed.
#include <fmt/core.h>

#include <algorithm>

#include "thalamus/tool/rules_tool.h"
#include "thalamus/tool/units_rates.h"
#include "thalamus/tool/units_table.h"

namespace thalamus::tool {
namespace {

constexpr TextLimits kLimits = {.bytes_max = 2048, .letters_max = 600};
constexpr std::uint32_t kDigitsExact = 15;
constexpr std::uint32_t kDigitsRounded = 6;
constexpr std::uint32_t kDecimalsRounded = 6;
constexpr std::size_t kLimbsMax = 12;

/// "5 miles", "3 1/2 ft", "a mile", "5 feet 11 inches": in base units under both readings.
struct Quantity {
  Rational base;
  std::optional<Rational> base_another;
  Unit unit;  ///< of the first part
  Rational value;
  bool is_compound = false;
};

std::optional<NumberMatch> match_amount(const Phrase& phrase, std::uint32_t begin, std::uint32_t limit) {
  if (begin >= limit) return std::nullopt;
  if (phrase.is(begin, "a") || phrase.is(begin, "an")) {
    const bool scale =
        phrase.is(begin + 1, "hundred") || phrase.is(begin + 1, "thousand") || phrase.is(begin + 1, "million");
    if (!scale) return NumberMatch{1, begin + 1};
  }
  if (phrase.is(begin, "half") && (phrase.is(begin + 1, "a") || phrase.is(begin + 1, "an"))) {
    return NumberMatch{rational("0.5"), begin + 2};
  }
  auto number = match_number(phrase, begin, limit);
  if (number.has_value() && number->end < limit && phrase.is(number->end, "-")) ++number->end;  // 5-mile, five-mile
  return number;
}

/// One number and one unit, then further parts of smaller units.
std::optional<std::pair<Quantity, std::uint32_t>> match_quantity(const Phrase& phrase, std::uint32_t begin,
                                                                 std::uint32_t limit) {
  const auto amount = match_amount(phrase, begin, limit);
  if (!amount.has_value() || amount->value.numerator().limbs() > kLimbsMax ||
      amount->value.denominator().limbs() > kLimbsMax) {
    return std::nullopt;
  }
  const auto unit = match_unit(phrase, amount->end, limit);
  if (!unit.has_value()) return std::nullopt;
  Quantity quantity{amount->value * unit->unit.factor + unit->unit.offset, std::nullopt, unit->unit, amount->value};
  if (unit->unit.another.has_value()) quantity.base_another = amount->value * *unit->unit.another;
  std::uint32_t end = unit->end;
  Rational last_factor = unit->unit.factor;
  for (int part = 0; part < 3 && !unit->unit.another.has_value() && unit->unit.offset.is_zero(); ++part) {
    std::uint32_t next = end;
    if (next < limit && (phrase.is(next, "and") || phrase.is(next, ","))) ++next;
    if (next >= limit || phrase[next].kind != TokenKind::kNumber) break;
    const auto more = match_number(phrase, next, limit);
    const auto smaller = more.has_value() ? match_unit(phrase, more->end, limit) : std::nullopt;
    if (!smaller.has_value() || smaller->unit.dimensions != unit->unit.dimensions ||
        smaller->unit.factor >= last_factor || smaller->unit.another.has_value()) {
      break;
    }
    quantity.base = quantity.base + more->value * smaller->unit.factor;
    quantity.is_compound = true;
    last_factor = smaller->unit.factor;
    end = smaller->end;
  }
  return std::pair{std::move(quantity), end};
}

void ends_quantity(const Phrase& phrase, std::uint32_t begin, std::uint32_t limit, std::vector<std::uint32_t>& ends) {
  if (const auto match = match_quantity(phrase, begin, limit); match.has_value()) ends.push_back(match->second);
}

void ends_unit(const Phrase& phrase, std::uint32_t begin, std::uint32_t limit, std::vector<std::uint32_t>& ends) {
  if (const auto match = match_unit(phrase, begin, limit); match.has_value()) ends.push_back(match->end);
}

std::optional<Quantity> quantity_in(const Match& match, char name) {
  const Span span = match.span(name);
  if (span.empty()) return std::nullopt;
  auto found = match_quantity(match.phrase(), span.begin, span.end);
  if (!found.has_value() || found->second != span.end) return std::nullopt;
  return std::move(found->first);
}

/// The value of `quantity` in `target`, if all readings agree.
std::optional<Rational> converted(const Quantity& quantity, const Unit& target) {
  if (quantity.unit.dimensions != target.dimensions) return std::nullopt;
  const Rational plain = (quantity.base - target.offset) / target.factor;
  const bool decided =
      quantity.unit.binary_prefix || target.binary_prefix || quantity.unit.decimal_only || target.decimal_only;
  if (decided || (!quantity.unit.another.has_value() && !target.another.has_value())) return plain;
  const Rational base = quantity.base_another.value_or(quantity.base);
  const Rational other = (base - target.offset) / target.another.value_or(target.factor);
  return plain == other ? std::optional<Rational>(plain) : std::nullopt;
}

std::optional<Solution> convert(const Match& match) {
  const auto quantity = quantity_in(match, 'a');
  const auto target = unit_in(match.phrase(), match.span('u'));
  if (!quantity.has_value() || !target.has_value()) return std::nullopt;
  // Compound durations are the business of the dates tool.
  if (quantity->is_compound && quantity->unit.dimensions[2] == 1 && quantity->unit.dimensions[0] == 0) {
    return std::nullopt;
  }
  const bool temperature = target->dimensions[3] != 0;
  const bool below_zero = temperature && quantity->base.is_negative();
  if (below_zero || (!temperature && quantity->value.is_negative())) return std::nullopt;
  if (!quantity->is_compound && quantity->unit.label == target->label) return std::nullopt;
  const auto value = converted(*quantity, *target);
  if (!value.has_value()) return std::nullopt;
  const bool rounded = quantity->unit.is_rounded || target->is_rounded;
  return quantity_solution(match.style(), *value, target->label, match.text('a'), rounded);
}

/// Distance from speed and time, and time from distance and speed.
std::optional<Solution> how_far(const Match& match) {
  const auto speed = quantity_in(match, 's');
  const auto time = quantity_in(match, 't');
  constexpr Dimensions kSpeed = {1, 0, -1, 0, 0, 0, 0};
  constexpr Dimensions kTime = {0, 0, 1, 0, 0, 0, 0};
  if (!speed.has_value() || !time.has_value() || speed->is_compound || speed->value.is_negative()) return std::nullopt;
  if (speed->unit.dimensions != kSpeed || time->unit.dimensions != kTime || time->base.is_negative()) {
    return std::nullopt;
  }
  std::string label = "m";
  Rational factor(1);
  if (speed->unit.label == "mph" || speed->unit.label.starts_with("mi/")) {
    label = "miles";
    factor = rational("1609.344");
  } else if (speed->unit.label.starts_with("km/")) {
    label = "km";
    factor = Rational(1000);
  } else if (speed->unit.label.starts_with("ft/")) {
    label = "ft";
    factor = rational("0.3048");
  } else if (!speed->unit.label.starts_with("m/")) {
    return std::nullopt;
  }
  if (!match.span('u').empty()) {
    const auto asked = unit_in(match.phrase(), match.span('u'));
    if (!asked.has_value() || asked->dimensions != Dimensions{1, 0, 0, 0, 0, 0, 0}) return std::nullopt;
    label = asked->label;
    factor = asked->factor;
  }
  return quantity_solution(match.style(), speed->base * time->base / factor, label,
                           fmt::format("{} × {}", match.text('s'), match.text('t')), false);
}

void ends_letter_unit(const Phrase& phrase, std::uint32_t begin, std::uint32_t limit,
                      std::vector<std::uint32_t>& ends) {
  if (phrase[begin].kind != TokenKind::kNumber && !phrase.is(begin, "-")) return;
  ends_quantity(phrase, begin, limit, ends);
}

std::span<const Rule> conversion_rules() {
  static constexpr SlotType kTypes[] = {{"quantity", ends_quantity}, {"unit", ends_unit}, {"short", ends_letter_unit}};
  static const std::vector<Rule> kRules = compile_rules(
      {
          {{"(convert|change|turn|express|write|translate) [a length of|a distance of|a temperature of|a mass of|"
            "a weight of|a speed of|the temperature] <quantity a> (to|into|in|as) <unit u>",
            "WHAT <quantity a> (in|to|into|as|converted to|expressed in|when converted to) <unit u>",
            "<quantity a> (in|to|into|as|=) [how many] <unit u>",
            "<quantity a> (equals|is|is equal to|equal) how many "
            "<unit u>",
            "how many <unit u> (are|is) [there] in <quantity a>", "how many <unit u> in <quantity a>",
            "how many <unit u> (is|are|make|make up|equal|are equal to|is equal to|equals) <quantity a>",
            "how many <unit u> (does|do) <quantity a> (equal|make|contain|have|correspond to)",
            "what does <quantity a> equal in <unit u>",
            "how (long|far|heavy|fast|hot|tall|big|large|much) is <quantity "
            "a> in <unit u>",
            "[WHAT] the number of <unit u> in <quantity a>", "how many <unit u> (is|are) there in <quantity a>",
            "what (temperature|distance|length|weight|mass|speed) in <unit u> is <quantity a>"},
           convert},
          {{"[if] [you are|i am|a car is] (travelling|traveling|driving|moving|going) at [a constant speed of] "
            "<quantity s> [,] how far (will|do|would|can) (you|i|it) (travel|go|drive|get) in <quantity t>",
            "at [a [constant|steady] speed of] <quantity s> [,] how far (will|do|would|can) (you|i|a car|a train|it) "
            "(travel|go|drive|get) in <quantity t>",
            "at [a [constant|steady] speed of] <quantity s> [,] how far in <quantity t>",
            "how far (will|do|does|would|can) (you|i|a car|a train|it|a bus|a cyclist) (travel|go|drive) in <quantity "
            "t> "
            "at [a [constant|steady] speed of] <quantity s>",
            "how many <unit u> (will|do|does|would|can) (you|i|a car|a train|it) (travel|go|drive|cover) in <quantity "
            "t> "
            "at [a [constant|steady] speed of] <quantity s>"},
           how_far},
      },
      kTypes);
  return kRules;
}

}  // namespace

std::optional<Solution> quantity_solution(const Style& style, const Rational& value, std::string_view label,
                                          std::string_view left, bool rounded_factor) {
  if (style.separator.has_value() || style.form == Form::kPercent) return std::nullopt;
  if (!style.allows({"number", "numeric", "numerical", "integer", "amount", "quantity", "whole", "days", "hours",
                     "minutes", "seconds", "weeks", "months", "years", "converted", "measurement"})) {
    return std::nullopt;
  }
  std::string text;
  std::string remark;
  if (style.decimals.has_value() || style.nearest.has_value() || style.significant.has_value()) {
    if (style.form == Form::kFraction) return std::nullopt;
    const Rational unit = style.nearest.value_or(Rational(1));
    if (style.decimals.has_value()) {
      text = value.fixed_text(*style.decimals);
    } else if (style.significant.has_value()) {
      text = value.significant_text(*style.significant);
    } else if (unit < Rational(1)) {
      text = value.fixed_text(unit == rational("0.1") ? 1 : (unit == rational("0.01") ? 2 : 3));
    } else {
      text = (Rational((value / unit).nearest()) * unit).numerator().text();
    }
    if (Rational::parse(text) != value || rounded_factor) remark = " (rounded as asked)";
  } else if (style.form == Form::kFraction) {
    if (rounded_factor) return std::nullopt;
    text = value.fraction_text();
  } else if (const auto exact = value.short_text(kDigitsExact);
             exact.has_value() && !rounded_factor && exact->size() <= 30) {
    text = *exact;
  } else {
    text = value.rounded_text(kDigitsRounded, kDecimalsRounded);
    const bool by_digits = value.decimals_of(kDigitsRounded) >= kDecimalsRounded;
    if (rounded_factor || Rational::parse(text) != value) {
      remark = by_digits ? " (rounded to 6 significant digits)" : " (rounded to 6 decimal places)";
    }
  }
  const bool integer_asked = std::any_of(style.nouns.begin(), style.nouns.end(),
                                         [](const std::string& noun) { return noun == "integer" || noun == "whole"; });
  if (integer_asked && text.find_first_of("./") != std::string::npos) return std::nullopt;
  const std::string full = label.empty() ? text : fmt::format("{} {}", text, label);
  std::string working = fmt::format("{} {} {}{}", left, remark.empty() ? "=" : "≈", full, remark);
  return solution(style, style.number_only && !style.keep_units ? text : full, std::move(working));
}

ToolRecord units_tool() {
  return {"units", "exact unit conversion, rates given in the text, distance at a constant speed",
          "Convert 5 miles to kilometres.", []() -> const Tool& {
            static constexpr RuleTable kTables[] = {conversion_rules, rate_rules};
            static const RulesTool kTool(kLimits, kTables);
            return kTool;
          }};
}

}  // namespace thalamus::tool
