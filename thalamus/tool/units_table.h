/// Units of measure: dimensions, exact factors to the base units, and how they are written.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "thalamus/tool/phrase.h"
#include "thalamus/tool/rational.h"

namespace thalamus::tool {

/// Exponents of metre, kilogram, second, kelvin, bit, degree of arc, calendar month.
using Dimensions = std::array<std::int8_t, 7>;

struct Unit {
  Dimensions dimensions{};
  Rational factor = 1;              ///< to base units
  std::optional<Rational> another;  ///< the other reading: the imperial gallon beside the US one, 1024 beside 1000
  Rational offset;                  ///< base = factor * value + offset; temperatures alone
  bool is_rounded = false;          ///< the factor is a rounded number (pi)
  bool binary_prefix = false;       ///< KiB and its like: beside them KB can only mean 1000
  bool decimal_only = false;        ///< bits: their prefixes are decimal
  std::string label;                ///< "km"
};

struct UnitMatch {
  Unit unit;
  std::uint32_t end = 0;
};

/// The longest unit at `begin`: "km", "square feet", "miles per hour", "kg/m^3", "degrees Fahrenheit".
[[nodiscard]] std::optional<UnitMatch> match_unit(const Phrase& phrase, std::uint32_t begin, std::uint32_t limit);
/// The whole span as one unit.
[[nodiscard]] std::optional<Unit> unit_in(const Phrase& phrase, Span span);

}  // namespace thalamus::tool
