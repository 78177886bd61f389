#include "thalamus/tool/dates_civil.h"

#include <fmt/core.h>

#include <array>

namespace thalamus::tool {
namespace {

constexpr std::int64_t kDaysPerEra = 146'097;  // 400 years
constexpr std::int64_t kEpochDay = 719'468;    // 0000-03-01 to 1970-01-01

std::int64_t floor_divide(std::int64_t a, std::int64_t b) noexcept { return a / b - (a % b < 0 ? 1 : 0); }

/// Business days in (-infinity, day], up to a constant. Day 0 is a Thursday, day -3 a Monday.
std::int64_t business_index(std::int64_t day) noexcept {
  const std::int64_t monday_based = day + 3;
  const std::int64_t week = floor_divide(monday_based, 7);
  const std::int64_t in_week = monday_based - week * 7;  // 0 is Monday
  return week * 5 + (in_week < 5 ? in_week + 1 : 5);
}

}  // namespace

std::string Date::text() const { return fmt::format("{:04}-{:02}-{:02}", year, month, day); }

bool is_leap_year(std::int32_t year) noexcept { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

std::int32_t days_in_month(std::int32_t year, std::int32_t month) noexcept {
  constexpr std::array<std::int32_t, 12> kDays = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return month == 2 && is_leap_year(year) ? 29 : kDays[static_cast<std::size_t>(month - 1)];
}

bool is_valid(const Date& date) noexcept {
  return date.month >= 1 && date.month <= 12 && date.day >= 1 && date.day <= days_in_month(date.year, date.month);
}

std::int64_t day_number(const Date& date) noexcept {
  const std::int64_t year = date.year - (date.month <= 2 ? 1 : 0);
  const std::int64_t era = floor_divide(year, 400);
  const std::int64_t year_of_era = year - era * 400;
  const std::int64_t month_from_march = (date.month + 9) % 12;
  const std::int64_t day_of_march_year = (153 * month_from_march + 2) / 5 + date.day - 1;
  const std::int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_march_year;
  return era * kDaysPerEra + day_of_era - kEpochDay;
}

Date date_of(std::int64_t day) noexcept {
  const std::int64_t shifted = day + kEpochDay;
  const std::int64_t era = floor_divide(shifted, kDaysPerEra);
  const std::int64_t day_of_era = shifted - era * kDaysPerEra;
  const std::int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const std::int64_t day_of_march_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::int64_t month_from_march = (5 * day_of_march_year + 2) / 153;
  const auto month = static_cast<std::int32_t>(month_from_march < 10 ? month_from_march + 3 : month_from_march - 9);
  const auto year = static_cast<std::int32_t>(year_of_era + era * 400 + (month <= 2 ? 1 : 0));
  return {year, month, static_cast<std::int32_t>(day_of_march_year - (153 * month_from_march + 2) / 5 + 1)};
}

Weekday weekday_of(std::int64_t day) noexcept {
  const std::int64_t monday_based = day + 3;
  return static_cast<Weekday>(monday_based - floor_divide(monday_based, 7) * 7);
}

std::string_view name(Weekday weekday) noexcept {
  constexpr std::array<std::string_view, 7> kNames = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                                      "Friday", "Saturday", "Sunday"};
  return kNames[static_cast<std::size_t>(weekday)];
}

std::int32_t day_of_year(const Date& date) noexcept {
  return static_cast<std::int32_t>(day_number(date) - day_number({date.year, 1, 1})) + 1;
}

IsoWeek iso_week(const Date& date) noexcept {
  const std::int64_t day = day_number(date);
  const Date thursday = date_of(day - static_cast<std::int64_t>(weekday_of(day)) + 3);
  return {thursday.year, (day_of_year(thursday) - 1) / 7 + 1};
}

std::optional<Date> add_months(const Date& date, std::int64_t months) noexcept {
  const std::int64_t total = std::int64_t{date.year} * 12 + date.month - 1 + months;
  const std::int64_t year = floor_divide(total, 12);
  const Date moved{static_cast<std::int32_t>(year), static_cast<std::int32_t>(total - year * 12) + 1, date.day};
  return is_valid(moved) ? std::optional<Date>(moved) : std::nullopt;
}

std::int32_t full_years(const Date& from, const Date& to) noexcept {
  const bool reached = to.month > from.month || (to.month == from.month && to.day >= from.day);
  return to.year - from.year - (reached ? 0 : 1);
}

std::int64_t business_days_after(std::int64_t from, std::int64_t to) noexcept {
  return business_index(to) - business_index(from);
}

std::int64_t add_business_days(std::int64_t from, std::int64_t count) noexcept {
  const auto is_weekend = [](std::int64_t day) { return weekday_of(day) >= Weekday::kSaturday; };
  // From a weekend, counting begins as if from the Friday before it, or backwards as if from the Monday after it.
  while (count != 0 && is_weekend(from)) from += count > 0 ? -1 : 1;
  const std::int64_t weeks = floor_divide(count, 5);
  std::int64_t day = from + weeks * 7;
  for (std::int64_t rest = count - weeks * 5; rest > 0;) {
    ++day;
    if (!is_weekend(day)) --rest;
  }
  return day;
}

}  // namespace thalamus::tool
