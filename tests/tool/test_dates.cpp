/// Calendar laws over whole cycles, zone files, what a clock text means.
#include "tests/tool/tool_fixture.h"
#include "thalamus/base/rng.h"
#include "thalamus/tool/dates_civil.h"
#include "thalamus/tool/dates_parse.h"
#include "thalamus/tool/dates_zone.h"

namespace thalamus::tool {
namespace {

TEST(Civil, EachDayOfFourHundredYearsRoundTripsAndFollowsTheLast) {
  const std::int64_t first = day_number({1800, 1, 1});
  Date last = date_of(first - 1);
  for (std::int64_t day = first; day < first + 146'097 + 400; ++day) {
    const Date date = date_of(day);
    ASSERT_TRUE(is_valid(date));
    ASSERT_EQ(day_number(date), day);
    const bool new_month = date.day == 1;
    ASSERT_TRUE(new_month ? last.day == days_in_month(last.year, last.month) : date.day == last.day + 1);
    ASSERT_EQ(weekday_of(day), static_cast<Weekday>((static_cast<int>(weekday_of(day - 1)) + 1) % 7));
    last = date;
  }
  EXPECT_EQ(weekday_of(0), Weekday::kThursday);
  EXPECT_EQ(date_of(day_number({-1, 3, 1})), (Date{-1, 3, 1}));
}

TEST(Civil, BusinessDaysAgreeWithCountingOneByOne) {
  constexpr std::uint64_t kSeed = 5;
  base::Rng rng(kSeed);
  for (int i = 0; i < 300; ++i) {
    const std::int64_t from = rng.between(-20'000, 20'000);
    const std::int64_t to = from + rng.between(0, 60);
    std::int64_t count = 0;
    for (std::int64_t day = from + 1; day <= to; ++day) count += weekday_of(day) < Weekday::kSaturday ? 1 : 0;
    ASSERT_EQ(business_days_after(from, to), count);
    const std::int64_t steps = rng.between(1, 40);
    const std::int64_t moved = add_business_days(from, steps);
    ASSERT_EQ(business_days_after(from, moved), steps) << from << " " << steps;
    ASSERT_LT(weekday_of(moved), Weekday::kSaturday);
    const std::int64_t back = add_business_days(from, -steps);
    ASSERT_EQ(business_days_after(back - 1, from - 1), steps) << from << " -" << steps;
    ASSERT_LT(weekday_of(back), Weekday::kSaturday) << from << " -" << steps;
  }
}

TEST(Civil, MonthsMoveOnlyToDaysThatExist) {
  EXPECT_EQ(add_months({2024, 1, 31}, 2), (Date{2024, 3, 31}));
  EXPECT_FALSE(add_months({2024, 1, 31}, 1).has_value());
  EXPECT_FALSE(add_months({2024, 2, 29}, 12).has_value());
  EXPECT_EQ(add_months({2024, 1, 15}, -1), (Date{2023, 12, 15}));
}

TEST(Civil, IsoWeeksAtTheTurnOfTheYear) {
  EXPECT_EQ(iso_week({2024, 12, 30}).year, 2025);
  EXPECT_EQ(iso_week({2024, 12, 30}).week, 1);
  EXPECT_EQ(iso_week({2021, 1, 3}).week, 53);
  EXPECT_EQ(iso_week({2021, 1, 3}).year, 2020);
}

TEST(Dates, FormsOfOneDateAreOneDate) {
  for (const char* text : {"1776-07-04", "1776/07/04", "July 4, 1776", "July 4th, 1776", "4 July 1776",
                           "the 4th of July 1776", "Jul 4 1776", "Thursday, July 4, 1776"}) {
    const auto phrase = Phrase::read(text);
    const auto match = match_date(*phrase, 0, static_cast<std::uint32_t>(phrase->size()));
    ASSERT_TRUE(match.has_value()) << text;
    EXPECT_EQ(match->date, (Date{1776, 7, 4})) << text;
    EXPECT_EQ(match->end, phrase->size()) << text;
  }
}

TEST(Dates, UnclearAndImpossibleDatesAreNone) {
  for (const char* text : {"03/04/2024", "2023-02-29", "2024-13-01", "32 January 2024", "Friday, July 4, 1776",
                           "1066-10-14", "24-02-03", "July 1776", "2024 - 02 - 29"}) {
    const auto phrase = Phrase::read(text);
    EXPECT_FALSE(match_date(*phrase, 0, static_cast<std::uint32_t>(phrase->size())).has_value()) << text;
  }
}

TEST(Zones, ATruncatedOrFlippedFileIsRefusedOrReadWithinBounds) {
  const auto zone = load_zone({"Europe/Berlin", std::nullopt, 0});
  if (!zone.has_value()) GTEST_SKIP() << "no time zone database on this machine";
  std::ifstream file("/usr/share/zoneinfo/Europe/Berlin", std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(file)), {});
  ASSERT_TRUE(Zone::parse(bytes, "x").has_value());
  for (std::size_t size = 0; size + 1 < bytes.size(); ++size) {
    EXPECT_FALSE(Zone::parse(std::string_view(bytes).substr(0, size), "x").has_value()) << size;
  }
  constexpr std::uint64_t kSeed = 9;
  base::Rng rng(kSeed);
  for (int i = 0; i < 2000; ++i) {
    std::string flipped = bytes;
    flipped[rng.below(flipped.size())] = static_cast<char>(rng.below(256));
    if (const auto read = Zone::parse(flipped, "x"); read.has_value()) (void)read->offset_at(kNow);
  }
}

TEST(Zones, SkippedAndRepeatedLocalTimesHaveNoInstant) {
  const auto zone = load_zone({"America/New_York", std::nullopt, 0});
  if (!zone.has_value()) GTEST_SKIP() << "no time zone database on this machine";
  const auto local = [](Date date, int hour, int minute) {
    return day_number(date) * 86'400 + hour * 3600 + minute * 60;
  };
  EXPECT_FALSE(zone->instant_of(local({2024, 3, 10}, 2, 30)).has_value());
  EXPECT_FALSE(zone->instant_of(local({2024, 11, 3}, 1, 30)).has_value());
  EXPECT_EQ(zone->instant_of(local({2024, 7, 1}, 8, 0)), local({2024, 7, 1}, 12, 0));
  EXPECT_EQ(zone->instant_of(local({2054, 1, 1}, 8, 0)), local({2054, 1, 1}, 13, 0));
}

TEST(Zones, NamesCannotLeaveTheDatabase) {
  for (const char* text : {"Europe/../../etc", "../etc/passwd", "/etc/passwd", "Nowhere/City"}) {
    const auto phrase = Phrase::read(text);
    const auto match = match_zone(*phrase, 0, static_cast<std::uint32_t>(phrase->size()));
    if (match.has_value()) {
      EXPECT_EQ(match->name.find('.'), std::string::npos);
      EXPECT_FALSE(load_zone(*match).has_value()) << text;
    }
  }
}

}  // namespace
}  // namespace thalamus::tool
