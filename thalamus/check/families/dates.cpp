/// Weekdays, days between dates, dates some days away. Proleptic Gregorian calendar, computed with std::chrono's
/// calendar types (no clock, no time zone).
#include <chrono>

#include <fmt/format.h>

#include "thalamus/check/families/family.h"

namespace thalamus::check {
namespace {

using Days = std::chrono::sys_days;

constexpr std::array<std::string_view, 12> kMonths = {"January",   "February", "March",    "April",
                                                      "May",       "June",     "July",     "August",
                                                      "September", "October",  "November", "December"};
constexpr std::array<std::string_view, 7> kWeekdays = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                       "Thursday", "Friday", "Saturday"};

std::string iso(Days day) {
  const std::chrono::year_month_day date{day};
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                     static_cast<unsigned>(date.day()));
}

std::string long_form(Days day, bool month_first) {
  const std::chrono::year_month_day date{day};
  const auto month = kMonths[static_cast<unsigned>(date.month()) - 1];
  const unsigned number = static_cast<unsigned>(date.day());
  const int year = static_cast<int>(date.year());
  return month_first ? fmt::format("{} {}, {}", month, number, year) : fmt::format("{} {} {}", number, month, year);
}

std::string shown(base::Rng& rng, Days day) {
  switch (rng.below(4)) {
    case 0: return long_form(day, true);
    case 1: return long_form(day, false);
    default: return iso(day);
  }
}

Days any_day(base::Rng& rng, int first_year, int last_year) {
  const Days first = std::chrono::year{first_year} / 1 / 1;
  const Days last = std::chrono::year{last_year} / 12 / 31;
  return first + std::chrono::days{rng.between(0, (last - first).count())};
}

Task date_task(const std::string& question, Days answer) {
  return text_task(question + " Answer in the form YYYY-MM-DD.", iso(answer), 32,
                   {long_form(answer, true), long_form(answer, false)});
}

Task days_between(base::Rng& rng, Days from, Days to) {
  const auto count = (to - from).count();
  const std::string a = iso(from);
  const std::string b = iso(to);
  switch (rng.below(4)) {
    case 0: return number_question(rng, fmt::format("How many days are between {} and {}?", a, b), count, 32);
    case 1:
      return number_question(
          rng, fmt::format("How many days are there from {} to {}?", long_form(from, false), long_form(to, false)),
          count, 32);
    case 2: return number_question(rng, fmt::format("How many days lie between {} and {}?", a, b), count, 32);
    default:
      return number_question(
          rng, fmt::format("What is the number of days between {} and {}?", long_form(from, true), long_form(to, true)),
          count, 32);
  }
}

Task shifted(base::Rng& rng, Days from, std::int64_t count) {
  const std::string day = shown(rng, from);
  switch (rng.below(4)) {
    case 0:
      return date_task(fmt::format("What date is {} days after {}?", count, day), from + std::chrono::days{count});
    case 1:
      return date_task(fmt::format("Which date is {} days before {}?", count, day), from - std::chrono::days{count});
    case 2:
      return date_task(fmt::format("What is the date {} days after {}?", count, day), from + std::chrono::days{count});
    default:
      return date_task(fmt::format("What date was {} days before {}?", count, day), from - std::chrono::days{count});
  }
}

Task weekday(base::Rng& rng, Days day) {
  constexpr std::array<std::string_view, 4> kForms = {"Which weekday was {}?", "What day of the week was {}?",
                                                      "On which weekday did {} fall?", "What weekday was {}?"};
  const std::string date = shown(rng, day);
  const std::string name(kWeekdays[std::chrono::weekday{day}.c_encoding()]);
  return text_question(rng, fmt::format(fmt::runtime(rng.pick(kForms)), date), "weekday", name, 24);
}

/// Mondays to Fridays from the first date (included) to the second (not included).
std::int64_t business_days(Days from, Days to) {
  std::int64_t count = 0;
  for (Days day = from; day < to; day += std::chrono::days{1}) {
    const unsigned name = std::chrono::weekday{day}.c_encoding();
    if (name != 0 && name != 6) ++count;
  }
  return count;
}

Task generate(Difficulty difficulty, base::Rng& rng) {
  if (difficulty == Difficulty::kEasy) {
    // Both dates in one month: counting within it is enough.
    const std::chrono::year_month_day month{any_day(rng, 1950, 2049)};
    const auto first = static_cast<unsigned>(rng.between(1, 12));
    const Days from = month.year() / month.month() / std::chrono::day{first};
    if (rng.below(2) == 0) return days_between(rng, from, from + std::chrono::days{rng.between(2, 16)});
    const std::int64_t count = rng.between(2, 14);
    const std::string date = shown(rng, from);
    return date_task(
        fmt::format("{} {} days after {}?", rng.below(2) == 0 ? "What date is" : "Which date is", count, date),
        from + std::chrono::days{count});
  }
  const Days day = any_day(rng, 1900, 2049);
  if (difficulty == Difficulty::kMedium) {
    if (rng.below(2) == 0) return days_between(rng, day, day + std::chrono::days{rng.between(20, 90)});
    return shifted(rng, day, rng.between(15, 60));
  }
  switch (rng.below(4)) {
    case 0: return days_between(rng, day, day + std::chrono::days{rng.between(150, 4000)});
    case 1: return shifted(rng, day, rng.between(100, 1500));
    case 2: {
      const Days to = day + std::chrono::days{rng.between(20, 120)};
      return number_question(
          rng,
          fmt::format("How many business days (Monday to Friday) are there from {} up to but not including {}?",
                      iso(day), iso(to)),
          business_days(day, to), 32);
    }
    default: return weekday(rng, day);
  }
}

}  // namespace

FamilyRecord dates_family();
FamilyRecord dates_family() {
  return {"dates", "weekdays, days between dates, dates some days away, business days", true, &generate};
}

}  // namespace thalamus::check
