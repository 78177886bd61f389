/// Conversions: real units exactly defined, and invented ones whose rate stands in the text.
#include <fmt/format.h>

#include "thalamus/check/families/family.h"

namespace thalamus::check {
namespace {

/// One `from` is `numerator / denominator` of `to`, exactly.
struct Rate {
  std::string_view from;
  std::string_view to;
  std::int64_t numerator;
  std::int64_t denominator;
};

constexpr std::array kWhole = {
    Rate{"kilometres", "metres", 1000, 1},
    Rate{"metres", "centimetres", 100, 1},
    Rate{"hours", "minutes", 60, 1},
    Rate{"minutes", "seconds", 60, 1},
    Rate{"kilograms", "grams", 1000, 1},
    Rate{"litres", "millilitres", 1000, 1},
    Rate{"days", "hours", 24, 1},
    Rate{"weeks", "days", 7, 1},
    Rate{"feet", "inches", 12, 1},
    Rate{"yards", "feet", 3, 1},
    Rate{"centimetres", "millimetres", 10, 1},
    Rate{"tonnes", "kilograms", 1000, 1},
    Rate{"pounds", "ounces", 16, 1},
};
constexpr std::array kExact = {
    Rate{"miles", "kilometres", 1609344, 1000000},
    Rate{"inches", "centimetres", 254, 100},
    Rate{"feet", "metres", 3048, 10000},
    Rate{"pounds", "kilograms", 45359237, 100000000},
    Rate{"yards", "metres", 9144, 10000},
    Rate{"kilometres", "miles", 1000000, 1609344},
    Rate{"kilograms", "pounds", 100000000, 45359237},
    Rate{"centimetres", "inches", 100, 254},
    Rate{"metres", "feet", 10000, 3048},
};

std::string question(base::Rng& rng, std::string_view amount, std::string_view from, std::string_view to) {
  switch (rng.below(3)) {
    case 0: return fmt::format("Convert {} {} to {}", amount, from, to);
    case 1: return fmt::format("How many {} are {} {}", to, amount, from);
    default: return fmt::format("What is {} {} in {}", amount, from, to);
  }
}

std::string ended(std::string text, std::string_view extra) {
  const bool order = text.starts_with("Convert");
  return fmt::format("{}{}{}", text, extra, order ? "." : "?");
}

Task real_whole(base::Rng& rng) {
  const Rate& rate = rng.pick(kWhole);
  const std::int64_t amount = rng.between(2, 99);
  return number_question(rng, ended(question(rng, std::to_string(amount), rate.from, rate.to), ""),
                         amount * rate.numerator, 32);
}

Task real_rounded(base::Rng& rng) {
  const Rate& rate = rng.pick(kExact);
  for (;;) {
    const std::int64_t tenths = rng.between(11, 989);
    if (tenths % 10 == 0) continue;
    std::string value = rounded_quotient(tenths * rate.numerator, rate.denominator * 10, 2);
    if (value.empty()) continue;
    return number_question(rng,
                           ended(question(rng, decimal(tenths, 1), rate.from, rate.to), ", rounded to two decimals"),
                           std::move(value), 40);
  }
}

Task temperature(base::Rng& rng) {
  const std::int64_t celsius = rng.between(-40, 60) * 5;
  const std::int64_t fahrenheit = celsius * 9 / 5 + 32;
  if (rng.below(2) == 0)
    return number_question(rng, fmt::format("Convert {} degrees Celsius to Fahrenheit.", celsius), fahrenheit, 32);
  return number_question(rng, fmt::format("Convert {} degrees Fahrenheit to Celsius.", fahrenheit), celsius, 32);
}

Task speed(base::Rng& rng) {
  for (;;) {
    const std::int64_t amount = rng.between(13, 299);
    const bool to_metres = rng.below(2) == 0;
    std::string value = to_metres ? rounded_quotient(amount * 10, 36, 2) : rounded_quotient(amount * 36, 10, 1);
    if (value.empty() || (to_metres && amount * 10 % 36 == 0)) continue;
    const std::string text = to_metres ? fmt::format("Convert {} km/h to m/s, rounded to two decimals.", amount)
                                       : fmt::format("Convert {} m/s to km/h, rounded to one decimal.", amount);
    return number_question(rng, text, std::move(value), 40);
  }
}

Strings invented(base::Rng& rng, std::size_t count) {
  Strings names;
  while (names.size() < count) {
    std::string name = made_up_word(rng, 1);
    bool fresh = !name.ends_with("x") && name.size() > 3;
    for (const auto& other : names) fresh = fresh && other != name;
    if (fresh) names.push_back(std::move(name));
  }
  return names;
}

Task invented_one(base::Rng& rng) {
  const auto unit = invented(rng, 2);
  const std::int64_t rate = rng.between(2, 12);
  const std::int64_t amount = rng.between(2, 20);
  std::string text;
  switch (rng.below(3)) {
    case 0:
      text =
          fmt::format("If 1 {} is {} {}s, how many {}s are {} {}s?", unit[0], rate, unit[1], unit[1], amount, unit[0]);
      break;
    case 1:
      text =
          fmt::format("1 {} equals {} {}s. How many {}s are {} {}s?", unit[0], rate, unit[1], unit[1], amount, unit[0]);
      break;
    default:
      text = fmt::format("1 {} = {} {}s. Convert {} {}s to {}s.", unit[0], rate, unit[1], amount, unit[0], unit[1]);
      break;
  }
  return number_question(rng, text, amount * rate, 32);
}

Task invented_chain(base::Rng& rng, std::size_t steps, bool backwards) {
  const auto unit = invented(rng, steps + 1);
  Strings rates;
  std::int64_t factor = 1;
  for (std::size_t i = 0; i < steps; ++i) {
    const std::int64_t rate = rng.between(3, 14);
    factor *= rate;
    rates.push_back(fmt::format("1 {} is {} {}s", unit[i], rate, unit[i + 1]));
  }
  const std::int64_t amount = rng.between(3, 29);
  const std::string given = join_and(rates);
  std::string text = backwards
                         ? fmt::format("If {}, how many {}s are {} {}s?", given, unit[0], amount * factor, unit[steps])
                         : fmt::format("If {}, how many {}s are {} {}s?", given, unit[steps], amount, unit[0]);
  return number_question(rng, text, backwards ? amount : amount * factor, 40);
}

Task generate(Difficulty difficulty, base::Rng& rng) {
  if (difficulty == Difficulty::kEasy) return rng.below(2) == 0 ? real_whole(rng) : invented_one(rng);
  if (difficulty == Difficulty::kMedium) {
    const auto kind = rng.below(8);
    if (kind == 0) return temperature(rng);
    return kind < 4 ? real_rounded(rng) : invented_chain(rng, 2, false);
  }
  const auto kind = rng.below(8);
  if (kind == 0) return speed(rng);
  if (kind < 4) return real_rounded(rng);
  return invented_chain(rng, kind < 6 ? 3 : 2, kind == 7);
}

}  // namespace

FamilyRecord units_family();
FamilyRecord units_family() {
  return {"units", "conversions of real units and of invented ones whose rate stands in the text", true, &generate};
}

}  // namespace thalamus::check
