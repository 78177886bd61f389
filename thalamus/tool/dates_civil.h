/// The proleptic Gregorian calendar on day numbers. The algorithms shift the year to begin in March, so that the leap
/// day is the last one, and count in eras of 400 years.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace thalamus::tool {

struct Date {
  std::int32_t year = 1970;
  std::int32_t month = 1;  ///< 1 to 12
  std::int32_t day = 1;    ///< 1 to the days of the month
  auto operator<=>(const Date&) const = default;
  /// "2024-02-29"
  [[nodiscard]] std::string text() const;
};

enum class Weekday : std::uint8_t { kMonday, kTuesday, kWednesday, kThursday, kFriday, kSaturday, kSunday };

[[nodiscard]] bool is_leap_year(std::int32_t year) noexcept;
[[nodiscard]] std::int32_t days_in_month(std::int32_t year, std::int32_t month) noexcept;
[[nodiscard]] bool is_valid(const Date& date) noexcept;
/// Days since 1970-01-01.
[[nodiscard]] std::int64_t day_number(const Date& date) noexcept;
[[nodiscard]] Date date_of(std::int64_t day) noexcept;
[[nodiscard]] Weekday weekday_of(std::int64_t day) noexcept;
[[nodiscard]] std::string_view name(Weekday weekday) noexcept;
/// 1 for the first of January.
[[nodiscard]] std::int32_t day_of_year(const Date& date) noexcept;

struct IsoWeek {
  std::int32_t year;
  std::int32_t week;
};
/// ISO 8601: the week belongs to the year of its Thursday.
[[nodiscard]] IsoWeek iso_week(const Date& date) noexcept;
/// Nothing if the day does not exist in the month that is reached (31 January plus one month).
[[nodiscard]] std::optional<Date> add_months(const Date& date, std::int64_t months) noexcept;
/// Full years from `from` to `to`; `to` is not before `from`.
[[nodiscard]] std::int32_t full_years(const Date& from, const Date& to) noexcept;
/// Days from Monday to Friday with from < day <= to.
[[nodiscard]] std::int64_t business_days_after(std::int64_t from, std::int64_t to) noexcept;
/// The `count`-th business day after (or, negative, before) `from`.
[[nodiscard]] std::int64_t add_business_days(std::int64_t from, std::int64_t count) noexcept;

}  // namespace thalamus::tool
