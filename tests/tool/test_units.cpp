/// Round trips of the unit table and what units may not be mixed.
#include "tests/tool/tool_fixture.h"
#include "thalamus/base/rng.h"
#include "thalamus/tool/units_table.h"

namespace thalamus::tool {
namespace {

std::optional<Unit> unit(const char* text) {
  const auto phrase = Phrase::read(text);
  return unit_in(*phrase, {0, static_cast<std::uint32_t>(phrase->size())});
}

TEST(Units, ThereAndBackIsTheSameNumber) {
  constexpr std::uint64_t kSeed = 3;
  base::Rng rng(kSeed);
  const std::vector<std::vector<const char*>> groups = {
      {"km", "miles", "feet", "inches", "nautical miles", "light years"},
      {"kg", "pounds", "ounces", "stone", "metric tons"},
      {"degrees Celsius", "°F", "kelvin"},
      {"square feet", "m²", "acres", "cm^2", "hectares"},
      {"litres", "cubic metres", "US gallons", "imperial pints", "cm³"},
      {"km/h", "mph", "metres per second", "knots", "feet per minute"},
      {"bytes", "KiB", "Mbit", "GiB"},
      {"kWh", "joules", "kcal", "BTU"}};
  for (const auto& group : groups) {
    for (int i = 0; i < 40; ++i) {
      const auto a = unit(rng.pick(group));
      const auto b = unit(rng.pick(group));
      ASSERT_TRUE(a.has_value() && b.has_value());
      ASSERT_EQ(a->dimensions, b->dimensions);
      const Rational value(BigInt(rng.between(-5000, 5000)), BigInt(rng.between(1, 64)));
      const Rational there = (value * a->factor + a->offset - b->offset) / b->factor;
      ASSERT_EQ((there * b->factor + b->offset - a->offset) / a->factor, value);
    }
  }
}

TEST(Units, CaseCountsOnlyWhereItMustNot) {
  EXPECT_EQ(unit("MW")->factor, Rational(1'000'000));
  EXPECT_EQ(unit("mW")->factor, rational("0.001"));
  EXPECT_EQ(unit("KM")->factor, Rational(1000));
  EXPECT_EQ(unit("Mb")->factor, Rational(1'000'000));
  EXPECT_EQ(unit("MB")->factor, Rational(8'000'000));
  EXPECT_FALSE(unit("mb").has_value());
}

TEST(Units, ReadingsThatDifferAreNotChosen) {
  EXPECT_FALSE(answer("units", "Convert 3 gallons to litres.").has_value());
  EXPECT_EQ(answer("units", "How many pints are in 3 gallons?"), "24 pints");
  EXPECT_FALSE(answer("units", "How many MB are in 3 GB?").has_value());
  EXPECT_EQ(answer("units", "Convert 3 GB to GiB."), "2.793968 GiB");
}

TEST(Rates, ChainsAreFollowedAndCyclesRefused) {
  EXPECT_EQ(answer("units", "If 1 ant is 2 bobs and 1 bob is 3 cats, how many cats are 4 ants?"), "24 cats");
  EXPECT_FALSE(answer("units", "If 1 ant is 2 bobs, 1 bob is 3 cats and 1 cat is 5 ants, how many cats are 4 ants?")
                   .has_value());
  EXPECT_FALSE(answer("units", "If 1 ant is 2 bobs and 1 bob is nice, how many bobs are 4 ants?").has_value());
}

}  // namespace
}  // namespace thalamus::tool
