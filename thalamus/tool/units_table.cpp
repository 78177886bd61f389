#include "thalamus/tool/units_table.h"

#include <algorithm>
#include <unordered_map>

#include "thalamus/base/assert.h"
#include "thalamus/base/text.h"

namespace thalamus::tool {
namespace {

constexpr Dimensions kLength = {1, 0, 0, 0, 0, 0, 0};
constexpr Dimensions kArea = {2, 0, 0, 0, 0, 0, 0};
constexpr Dimensions kVolume = {3, 0, 0, 0, 0, 0, 0};
constexpr Dimensions kMass = {0, 1, 0, 0, 0, 0, 0};
constexpr Dimensions kTime = {0, 0, 1, 0, 0, 0, 0};
constexpr Dimensions kTemperature = {0, 0, 0, 1, 0, 0, 0};
constexpr Dimensions kData = {0, 0, 0, 0, 1, 0, 0};
constexpr Dimensions kAngle = {0, 0, 0, 0, 0, 1, 0};
constexpr Dimensions kCalendar = {0, 0, 0, 0, 0, 0, 1};
constexpr Dimensions kSpeed = {1, 0, -1, 0, 0, 0, 0};
constexpr Dimensions kPressure = {-1, 1, -2, 0, 0, 0, 0};
constexpr Dimensions kEnergy = {2, 1, -2, 0, 0, 0, 0};
constexpr Dimensions kPower = {2, 1, -3, 0, 0, 0, 0};
constexpr Dimensions kForce = {1, 1, -2, 0, 0, 0, 0};
constexpr Dimensions kDataRate = {0, 0, -1, 0, 1, 0, 0};

struct Entry {
  std::string_view label;
  Dimensions dimensions;
  std::string_view factor;   ///< a/b with decimals
  std::string_view names;    ///< lower-case forms, separated by |
  std::string_view symbols;  ///< forms whose case counts
  std::string_view another = {};
  std::string_view offset = {};
};

/// Sources: the SI brochure (9th edition); international yard and pound agreement (1959); NIST SP 811, appendix B.
constexpr Entry kEntries[] = {
    {"m", kLength, "1", "meter|meters|metre|metres", "m"},
    {"km", kLength, "1000", "km|kms|kilometer|kilometers|kilometre|kilometres", ""},
    {"cm", kLength, "0.01", "cm|cms|centimeter|centimeters|centimetre|centimetres", ""},
    {"mm", kLength, "0.001", "mm|millimeter|millimeters|millimetre|millimetres", ""},
    {"dm", kLength, "0.1", "dm|decimeter|decimeters|decimetre|decimetres", ""},
    {"µm", kLength, "1e-6", "micrometer|micrometers|micrometre|micrometres|micron|microns|µm|μm", "um"},
    {"nm", kLength, "1e-9", "nanometer|nanometers|nanometre|nanometres", "nm"},
    {"mi", kLength, "1609.344", "mile|miles|mi", ""},
    {"yd", kLength, "0.9144", "yard|yards|yd|yds", ""},
    {"ft", kLength, "0.3048", "foot|feet|ft", ""},
    {"in", kLength, "0.0254", "inch|inches|in", ""},
    {"nmi", kLength, "1852", "nautical mile|nautical miles|nmi", ""},
    {"ly", kLength, "9460730472580800", "light year|light years|light - year|light - years|lightyear|lightyears", "ly"},
    {"au", kLength, "149597870700", "astronomical unit|astronomical units", "AU"},
    {"kg", kMass, "1", "kg|kgs|kilogram|kilograms|kilogramme|kilogrammes|kilo|kilos", ""},
    {"g", kMass, "0.001", "gram|grams|gramme|grammes|gms", "g"},
    {"mg", kMass, "1e-6", "milligram|milligrams", "mg"},
    {"µg", kMass, "1e-9", "microgram|micrograms|µg|μg|mcg", ""},
    {"t", kMass, "1000", "tonne|tonnes|metric ton|metric tons|metric tonne|metric tonnes", ""},
    {"short tons", kMass, "907.18474", "short ton|short tons|us ton|us tons", ""},
    {"long tons", kMass, "1016.0469088", "long ton|long tons|imperial ton|imperial tons", ""},
    {"lb", kMass, "0.45359237", "pound|pounds|lb|lbs", ""},
    {"oz", kMass, "0.028349523125", "ounce|ounces|oz", ""},
    {"st", kMass, "6.35029318", "stone|stones|st", ""},
    {"ct", kMass, "0.0002", "carat|carats", ""},
    {"s", kTime, "1", "second|seconds|sec|secs", "s"},
    {"ms", kTime, "0.001", "millisecond|milliseconds|msec", "ms"},
    {"µs", kTime, "1e-6", "microsecond|microseconds|µs|μs", "us"},
    {"ns", kTime, "1e-9", "nanosecond|nanoseconds", "ns"},
    {"min", kTime, "60", "minute|minutes|min|mins", ""},
    {"h", kTime, "3600", "hour|hours|hr|hrs", "h"},
    {"days", kTime, "86400", "day|days", ""},
    {"weeks", kTime, "604800", "week|weeks", ""},
    {"fortnights", kTime, "1209600", "fortnight|fortnights", ""},
    {"months", kCalendar, "1", "month|months", ""},
    {"years", kCalendar, "12", "year|years|yr|yrs", ""},
    {"decades", kCalendar, "120", "decade|decades", ""},
    {"centuries", kCalendar, "1200", "century|centuries", ""},
    {"millennia", kCalendar, "12000", "millennium|millennia|millenniums", ""},
    {"K", kTemperature, "1", "kelvin|kelvins|degrees kelvin", "K"},
    {"°C", kTemperature, "1",
     "celsius|degrees celsius|degree celsius|° c|degrees c|deg c|centigrade|degrees centigrade|℃|"
     "° celsius|celcius|degrees celcius",
     "C", "", "273.15"},
    {"°F", kTemperature, "5/9",
     "fahrenheit|degrees fahrenheit|degree fahrenheit|° f|degrees f|deg f|℉|° fahrenheit|"
     "farenheit|degrees farenheit",
     "F", "", "45967/180"},
    {"m²", kArea, "1", "", "sqm"},
    {"ha", kArea, "10000", "hectare|hectares|ha", ""},
    {"acres", kArea, "4046.8564224", "acre|acres", ""},
    {"ares", kArea, "100", "ares", ""},
    {"L", kVolume, "0.001", "liter|liters|litre|litres|ltr|ltrs", "L|l"},
    {"mL", kVolume, "1e-6", "milliliter|milliliters|millilitre|millilitres|ml", ""},
    {"cL", kVolume, "1e-5", "centiliter|centiliters|centilitre|centilitres|cl", ""},
    {"dL", kVolume, "1e-4", "deciliter|deciliters|decilitre|decilitres|dl", ""},
    {"cm³", kVolume, "1e-6", "cc", ""},
    {"US gallons", kVolume, "0.003785411784", "us gallon|us gallons|u . s . gallons", ""},
    {"US quarts", kVolume, "0.000946352946", "us quart|us quarts", ""},
    {"US pints", kVolume, "0.000473176473", "us pint|us pints", ""},
    {"US cups", kVolume, "0.0002365882365", "us cup|us cups", ""},
    {"US fl oz", kVolume, "0.0000295735295625", "us fluid ounce|us fluid ounces|us fl oz", ""},
    {"imperial gallons", kVolume, "0.00454609", "imperial gallon|imperial gallons|uk gallon|uk gallons", ""},
    {"imperial pints", kVolume, "0.00056826125", "imperial pint|imperial pints|uk pint|uk pints", ""},
    {"imperial fl oz", kVolume, "0.0000284130625", "imperial fluid ounce|imperial fluid ounces|imperial fl oz", ""},
    {"gallons", kVolume, "0.003785411784", "gallon|gallons|gal", "", "0.00454609"},
    {"quarts", kVolume, "0.000946352946", "quart|quarts|qt|qts", "", "0.0011365225"},
    {"pints", kVolume, "0.000473176473", "pint|pints|pt", "", "0.00056826125"},
    {"fl oz", kVolume, "0.0000295735295625", "fluid ounce|fluid ounces|fl oz|fl . oz", "", "0.0000284130625"},
    {"tablespoons", kVolume, "0.00001478676478125", "us tablespoon|us tablespoons|us tbsp", ""},
    {"teaspoons", kVolume, "0.00000492892159375", "us teaspoon|us teaspoons|us tsp", ""},
    {"tbsp", kVolume, "0.000015", "tablespoon|tablespoons|tbsp", "", "0.00001478676478125"},
    {"tsp", kVolume, "0.000005", "teaspoon|teaspoons|tsp", "", "0.00000492892159375"},
    {"mph", kSpeed, "0.44704", "mph", ""},
    {"km/h", kSpeed, "5/18", "kph|kmh|kmph", ""},
    {"m/s", kSpeed, "1", "mps", ""},
    {"knots", kSpeed, "463/900", "knot|knots|kt|kts|kn", ""},
    {"J", kEnergy, "1", "joule|joules", "J"},
    {"kJ", kEnergy, "1000", "kilojoule|kilojoules|kj", ""},
    {"MJ", kEnergy, "1000000", "megajoule|megajoules", "MJ"},
    {"Wh", kEnergy, "3600", "watt hour|watt hours|watt - hour|watt - hours|wh", ""},
    {"kWh", kEnergy, "3600000", "kilowatt hour|kilowatt hours|kilowatt - hour|kilowatt - hours|kwh", ""},
    {"kcal", kEnergy, "4184", "kcal|kcals|kilocalorie|kilocalories", ""},
    {"eV", kEnergy, "1.602176634e-19", "electronvolt|electronvolts|electron volt|electron volts", "eV"},
    {"BTU", kEnergy, "1055.05585262", "btu|btus|british thermal units", ""},
    {"W", kPower, "1", "watt|watts", "W"},
    {"kW", kPower, "1000", "kilowatt|kilowatts|kw", ""},
    {"MW", kPower, "1000000", "megawatt|megawatts", "MW"},
    {"mW", kPower, "0.001", "milliwatt|milliwatts", "mW"},
    {"GW", kPower, "1000000000", "gigawatt|gigawatts", "GW"},
    {"metric hp", kPower, "735.49875", "metric horsepower|metric hp", ""},
    {"hp", kPower, "745.69987158227022", "mechanical horsepower|imperial horsepower", ""},
    {"N", kForce, "1", "newton|newtons", "N"},
    {"kN", kForce, "1000", "kilonewton|kilonewtons", "kN"},
    {"lbf", kForce, "4.4482216152605", "lbf|pound - force|pounds - force", ""},
    {"Pa", kPressure, "1", "pascal|pascals|pa", ""},
    {"hPa", kPressure, "100", "hectopascal|hectopascals|hpa", ""},
    {"kPa", kPressure, "1000", "kilopascal|kilopascals|kpa", ""},
    {"MPa", kPressure, "1000000", "megapascal|megapascals", "MPa"},
    {"bar", kPressure, "100000", "bar|bars", ""},
    {"mbar", kPressure, "100", "millibar|millibars|mbar", ""},
    {"atm", kPressure, "101325", "atm|atms|atmosphere|atmospheres|standard atmospheres", ""},
    {"mmHg", kPressure, "133.322387415", "mmhg", ""},
    {"Torr", kPressure, "101325/760", "torr", ""},
    {"psi", kPressure, "44482216152605/6451600000", "psi|pounds per square inch", ""},
    {"bits", kData, "1", "bit|bits", ""},
    {"bytes", kData, "8", "byte|bytes", "B"},
    {"kbit", kData, "1000", "kilobit|kilobits|kbit|kbits", "kb|Kb"},
    {"Mbit", kData, "1000000", "megabit|megabits|mbit|mbits", "Mb"},
    {"Gbit", kData, "1000000000", "gigabit|gigabits|gbit|gbits", "Gb"},
    {"Tbit", kData, "1000000000000", "terabit|terabits|tbit|tbits", "Tb"},
    {"KiB", kData, "8192", "kib|kibibyte|kibibytes", ""},
    {"MiB", kData, "8388608", "mib|mebibyte|mebibytes", ""},
    {"GiB", kData, "8589934592", "gib|gibibyte|gibibytes", ""},
    {"TiB", kData, "8796093022208", "tib|tebibyte|tebibytes", ""},
    {"kB", kData, "8000", "kilobyte|kilobytes", "kB|KB", "8192"},
    {"MB", kData, "8000000", "megabyte|megabytes", "MB", "8388608"},
    {"GB", kData, "8000000000", "gigabyte|gigabytes", "GB", "8589934592"},
    {"TB", kData, "8000000000000", "terabyte|terabytes", "TB", "8796093022208"},
    {"PB", kData, "8000000000000000", "petabyte|petabytes", "PB", "9007199254740992"},
    {"kbit/s", kDataRate, "1000", "kbps", ""},
    {"Mbit/s", kDataRate, "1000000", "", "Mbps|mbps"},
    {"Gbit/s", kDataRate, "1000000000", "", "Gbps|gbps"},
    {"degrees", kAngle, "1", "degree|degrees|° ", ""},
    {"arcminutes", kAngle, "1/60", "arcminute|arcminutes|arc minute|arc minutes|minutes of arc", ""},
    {"arcseconds", kAngle, "1/3600", "arcsecond|arcseconds|arc second|arc seconds|seconds of arc", ""},
    {"turns", kAngle, "360", "full turn|full turns|revolution|revolutions", ""},
    {"gradians", kAngle, "0.9", "gradian|gradians|gon|gons", ""},
    // 180 / pi, correct to 40 digits.
    {"radians", kAngle, "57.2957795130823208767981548141051703324055", "radian|radians|rad|rads", ""},
};

struct Tables {
  std::vector<Unit> units;
  std::unordered_map<std::string, std::size_t> names;
  std::unordered_map<std::string, std::size_t> symbols;
};

const Tables& tables() {
  static const Tables kTables = [] {
    Tables built;
    for (const Entry& entry : kEntries) {
      Unit unit;
      unit.dimensions = entry.dimensions;
      unit.factor = rational(entry.factor);
      if (!entry.another.empty()) unit.another = rational(entry.another);
      if (!entry.offset.empty()) unit.offset = rational(entry.offset);
      unit.label = std::string(entry.label);
      unit.is_rounded = entry.label == "radians";
      unit.binary_prefix = entry.label.size() == 3 && entry.label.ends_with("iB");
      const bool data = entry.dimensions[4] != 0;
      unit.decimal_only = data && entry.label.find("bit") != std::string_view::npos && entry.label != "bits";
      const std::size_t index = built.units.size();
      for (const std::string_view name : base::split(entry.names, '|')) {
        if (name.empty()) continue;
        THALAMUS_ASSERT(built.names.emplace(base::trim(name), index).second);
      }
      for (const std::string_view symbol : base::split(entry.symbols, '|')) {
        if (!symbol.empty()) built.symbols.emplace(symbol, index);
      }
      built.units.push_back(std::move(unit));
    }
    return built;
  }();
  return kTables;
}

/// The longest entry at `begin`, up to five tokens.
std::optional<UnitMatch> match_entry(const Phrase& phrase, std::uint32_t begin, std::uint32_t limit) {
  const Tables& table = tables();
  std::string name;
  std::optional<UnitMatch> best;
  for (std::uint32_t end = begin + 1; end <= limit && end <= begin + 5; ++end) {
    if (phrase[end - 1].kind == TokenKind::kNumber || phrase[end - 1].kind == TokenKind::kQuoted) break;
    if (end > begin + 1) name.push_back(' ');
    name += phrase[end - 1].lower;
    if (const auto found = table.names.find(name); found != table.names.end()) {
      best = UnitMatch{table.units[found->second], end};
    } else if (end == begin + 1) {
      const auto symbol = table.symbols.find(std::string(phrase.slice(begin, end)));
      if (symbol != table.symbols.end()) best = UnitMatch{table.units[symbol->second], end};
    }
  }
  return best;
}

bool has_offset(const Unit& unit) { return !unit.offset.is_zero(); }

Unit raised(const Unit& unit, std::int8_t exponent) {
  Unit result = unit;
  for (std::int8_t& dimension : result.dimensions) dimension = static_cast<std::int8_t>(dimension * exponent);
  result.factor = power(unit.factor, exponent);
  if (unit.another.has_value()) result.another = power(*unit.another, exponent);
  return result;
}

/// "square feet", "m^2", "cubic metres", "cm³".
std::optional<UnitMatch> match_powered(const Phrase& phrase, std::uint32_t begin, std::uint32_t limit) {
  std::int8_t exponent = 1;
  std::uint32_t at = begin;
  if (at < limit && (phrase.is(at, "square") || phrase.is(at, "sq"))) exponent = 2;
  if (at < limit && (phrase.is(at, "cubic") || phrase.is(at, "cu"))) exponent = 3;
  if (exponent != 1) ++at;
  if (at < limit && phrase.is(at, ".")) ++at;
  auto match = match_entry(phrase, at, limit);
  if (!match.has_value()) return std::nullopt;
  at = match->end;
  std::int8_t suffix = 1;
  if (at < limit && (phrase.is(at, "squared") || phrase.is(at, "²"))) suffix = 2;
  if (at < limit && (phrase.is(at, "cubed") || phrase.is(at, "³"))) suffix = 3;
  if (suffix != 1) {
    ++at;
  } else if (at + 1 < limit && phrase.is(at, "^") && (phrase.is(at + 1, "2") || phrase.is(at + 1, "3"))) {
    suffix = phrase.is(at + 1, "2") ? 2 : 3;
    at += 2;
  } else if (at < limit && !phrase[at].spaced && (phrase.is(at, "2") || phrase.is(at, "3"))) {
    suffix = phrase.is(at, "2") ? 2 : 3;  // m2
    ++at;
  }
  if (exponent != 1 && suffix != 1) return std::nullopt;
  if (suffix != 1) exponent = suffix;
  if (exponent != 1) {
    if (match->unit.dimensions != kLength) return std::nullopt;
    match->unit = raised(match->unit, exponent);
    match->unit.label += exponent == 2 ? "²" : "³";
  }
  match->end = at;
  return match;
}

}  // namespace

std::optional<UnitMatch> match_unit(const Phrase& phrase, std::uint32_t begin, std::uint32_t limit) {
  auto match = match_powered(phrase, begin, limit);
  while (match.has_value() && match->end + 1 < limit && (phrase.is(match->end, "/") || phrase.is(match->end, "per"))) {
    const auto below = match_powered(phrase, match->end + 1, limit);
    if (!below.has_value() || has_offset(below->unit) || has_offset(match->unit)) break;
    if (below->unit.another.has_value() || match->unit.label.find('/') != std::string::npos) break;
    const Unit inverse = raised(below->unit, -1);
    for (std::size_t i = 0; i < inverse.dimensions.size(); ++i) {
      match->unit.dimensions[i] = static_cast<std::int8_t>(match->unit.dimensions[i] + inverse.dimensions[i]);
    }
    match->unit.factor = match->unit.factor * inverse.factor;
    if (match->unit.another.has_value()) match->unit.another = *match->unit.another * inverse.factor;
    match->unit.is_rounded = match->unit.is_rounded || below->unit.is_rounded;
    match->unit.label += "/" + below->unit.label;
    match->end = below->end;
  }
  return match;
}

std::optional<Unit> unit_in(const Phrase& phrase, Span span) {
  if (span.empty()) return std::nullopt;
  auto match = match_unit(phrase, span.begin, span.end);
  if (!match.has_value() || match->end != span.end) return std::nullopt;
  return std::move(match->unit);
}

}  // namespace thalamus::tool
