/// Dates, clock times and durations as people write them.
#pragma once

#include <cstdint>
#include <optional>

#include "thalamus/tool/dates_civil.h"
#include "thalamus/tool/question.h"

namespace thalamus::tool {

inline constexpr std::int32_t kYearMin = 1583;  ///< the first full year of the Gregorian calendar
inline constexpr std::int32_t kYearMax = 9999;

/// A date in the text, or a day relative to today.
struct DateMatch {
  Date date;
  std::optional<std::int32_t> from_today;
  std::uint32_t end = 0;
};
/// Numeric dates only where day and month cannot be confused.
[[nodiscard]] std::optional<DateMatch> match_date(const Phrase& phrase, std::uint32_t begin, std::uint32_t limit);
/// The slot as a day number; relative days need a clock in the context.
[[nodiscard]] std::optional<std::int64_t> day_in(const Match& match, char slot);
/// Today's day number in UTC; nothing without a clock.
[[nodiscard]] std::optional<std::int64_t> today(const Context& context);

[[nodiscard]] std::optional<std::int32_t> month_named(std::string_view lower);
[[nodiscard]] std::optional<Weekday> weekday_named(std::string_view lower);

enum class ClockForm : std::uint8_t { k12, k24, kUnclear };
struct ClockMatch {
  std::int32_t second_of_day = 0;
  bool has_seconds = false;
  ClockForm form = ClockForm::kUnclear;
  std::uint32_t end = 0;
};
/// "10:30 AM", "3 pm", "17:45", "noon", "9:15" (unclear).
[[nodiscard]] std::optional<ClockMatch> match_clock(const Phrase& phrase, std::uint32_t begin, std::uint32_t limit);
/// "10:30 AM" or "17:45", with seconds if they are not zero or `with_seconds`.
[[nodiscard]] std::string clock_text(std::int64_t second_of_day, ClockForm form);

struct DurationMatch {
  Rational seconds;
  std::uint32_t parts = 0;
  std::uint32_t end = 0;
};
/// "3 hours 25 minutes", "2h 45m", "an hour and a half", "90 minutes"; weeks to seconds.
[[nodiscard]] std::optional<DurationMatch> match_duration(const Phrase& phrase, std::uint32_t begin,
                                                          std::uint32_t limit);
/// Seconds of a unit word from "week" to "second".
[[nodiscard]] std::optional<std::int64_t> duration_unit(const Phrase& phrase, std::uint32_t at);

/// The slot types "date", "clock", "duration", "dunit", "weekday", "month".
[[nodiscard]] std::span<const SlotType> date_slots();

}  // namespace thalamus::tool
