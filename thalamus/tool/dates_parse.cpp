#include "thalamus/tool/dates_parse.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "thalamus/base/text.h"

namespace thalamus::tool {
namespace {

constexpr std::array<std::string_view, 12> kMonths = {"january",   "february", "march",    "april",
                                                      "may",       "june",     "july",     "august",
                                                      "september", "october",  "november", "december"};
constexpr std::array<std::string_view, 7> kWeekdays = {"monday", "tuesday",  "wednesday", "thursday",
                                                       "friday", "saturday", "sunday"};

/// A plain number token of `digits_min` to `digits_max` digits.
std::optional<std::int32_t> integer_at(const Phrase& phrase, std::uint32_t at, std::uint32_t limit,
                                       std::size_t digits_min, std::size_t digits_max) {
  if (at >= limit || phrase[at].kind != TokenKind::kNumber) return std::nullopt;
  const std::string& text = phrase[at].lower;
  if (text.size() < digits_min || text.size() > digits_max) return std::nullopt;
  return base::parse_number<std::int32_t>(text);
}

std::optional<DateMatch> checked(std::int32_t year, std::int32_t month, std::int32_t day, std::uint32_t end) {
  const Date date{year, month, day};
  if (year < kYearMin || year > kYearMax || !is_valid(date)) return std::nullopt;
  return DateMatch{date, std::nullopt, end};
}

bool tight(const Phrase& phrase, std::uint32_t at) { return !phrase[at].spaced; }

/// 2024-02-29, 2024/02/29, 25/12/2024, 25.12.2024.
std::optional<DateMatch> match_numeric(const Phrase& phrase, std::uint32_t begin, std::uint32_t limit) {
  if (begin + 2 < limit && phrase[begin].kind == TokenKind::kNumber && phrase.is(begin + 1, ".")) {
    // "25.12" "." "2024"
    const std::string& text = phrase[begin].lower;
    const auto point = text.find('.');
    const auto year = integer_at(phrase, begin + 2, limit, 4, 4);
    if (point == std::string::npos || !year.has_value() || !tight(phrase, begin + 2)) return std::nullopt;
    const auto day = base::parse_number<std::int32_t>(std::string_view(text).substr(0, point));
    const auto month = base::parse_number<std::int32_t>(std::string_view(text).substr(point + 1));
    if (!day.has_value() || !month.has_value()) return std::nullopt;
    return checked(*year, *month, *day, begin + 3);
  }
  if (begin + 4 >= limit || !tight(phrase, begin + 1) || !tight(phrase, begin + 2) || !tight(phrase, begin + 3) ||
      !tight(phrase, begin + 4) || phrase[begin + 1].lower != phrase[begin + 3].lower ||
      (!phrase.is(begin + 1, "-") && !phrase.is(begin + 1, "/"))) {
    return std::nullopt;
  }
  const auto first = integer_at(phrase, begin, limit, 1, 4);
  const auto second = integer_at(phrase, begin + 2, limit, 1, 2);
  const auto third = integer_at(phrase, begin + 4, limit, 1, 4);
  if (!first.has_value() || !second.has_value() || !third.has_value()) return std::nullopt;
  if (phrase[begin].lower.size() == 4 && phrase[begin + 4].lower.size() <= 2) {
    return checked(*first, *second, *third, begin + 5);
  }
  if (phrase[begin].lower.size() > 2 || phrase[begin + 4].lower.size() != 4) return std::nullopt;
  if (*first <= 12 && *second <= 12 && *first != *second) return std::nullopt;
  return *first > 12 ? checked(*third, *second, *first, begin + 5) : checked(*third, *first, *second, begin + 5);
}

std::uint32_t skip_ordinal_ending(const Phrase& phrase, std::uint32_t at, std::uint32_t limit) {
  const bool ending = at < limit && tight(phrase, at) &&
                      (phrase.is(at, "st") || phrase.is(at, "nd") || phrase.is(at, "rd") || phrase.is(at, "th"));
  return ending ? at + 1 : at;
}

/// "July 4, 1776", "July 4th 1776".
std::optional<DateMatch> match_month_first(const Phrase& phrase, std::uint32_t begin, std::uint32_t limit) {
  const auto month = month_named(phrase[begin].lower);
  if (!month.has_value() || phrase[begin].kind != TokenKind::kWord) return std::nullopt;
  std::uint32_t at = begin + 1;
  if (at < limit && phrase.is(at, ".")) ++at;
  const auto day = integer_at(phrase, at, limit, 1, 2);
  if (!day.has_value()) return std::nullopt;
  at = skip_ordinal_ending(phrase, at + 1, limit);
  if (at < limit && (phrase.is(at, ",") || phrase.is(at, "of") || phrase.is(at, "in"))) ++at;
  const auto year = integer_at(phrase, at, limit, 4, 4);
  if (!year.has_value()) return std::nullopt;
  return checked(*year, *month, *day, at + 1);
}

/// "4 July 1776", "the 4th of July, 1776".
std::optional<DateMatch> match_day_first(const Phrase& phrase, std::uint32_t begin, std::uint32_t limit) {
  std::uint32_t at = begin;
  if (phrase.is(at, "the")) ++at;
  const auto day = integer_at(phrase, at, limit, 1, 2);
  if (!day.has_value()) return std::nullopt;
  at = skip_ordinal_ending(phrase, at + 1, limit);
  if (at < limit && phrase.is(at, "of")) ++at;
  if (at >= limit) return std::nullopt;
  const auto month = phrase[at].kind == TokenKind::kWord ? month_named(phrase[at].lower) : std::nullopt;
  if (!month.has_value()) return std::nullopt;
  ++at;
  if (at < limit && (phrase.is(at, ",") || phrase.is(at, ".") || phrase.is(at, "of") || phrase.is(at, "in"))) ++at;
  const auto year = integer_at(phrase, at, limit, 4, 4);
  if (!year.has_value()) return std::nullopt;
  return checked(*year, *month, *day, at + 1);
}

void ends_date(const Phrase& phrase, std::uint32_t begin, std::uint32_t limit, std::vector<std::uint32_t>& ends) {
  if (const auto date = match_date(phrase, begin, limit); date.has_value()) ends.push_back(date->end);
}
void ends_clock(const Phrase& phrase, std::uint32_t begin, std::uint32_t limit, std::vector<std::uint32_t>& ends) {
  if (const auto clock = match_clock(phrase, begin, limit); clock.has_value()) ends.push_back(clock->end);
}
void ends_duration(const Phrase& phrase, std::uint32_t begin, std::uint32_t limit, std::vector<std::uint32_t>& ends) {
  if (const auto span = match_duration(phrase, begin, limit); span.has_value()) ends.push_back(span->end);
}
void ends_duration_unit(const Phrase& phrase, std::uint32_t begin, std::uint32_t, std::vector<std::uint32_t>& ends) {
  if (phrase[begin].lower.size() > 2 && duration_unit(phrase, begin).has_value()) ends.push_back(begin + 1);
}
void ends_weekday(const Phrase& phrase, std::uint32_t begin, std::uint32_t, std::vector<std::uint32_t>& ends) {
  if (weekday_named(phrase[begin].lower).has_value()) ends.push_back(begin + 1);
}
/// "days", "business days": what a date is moved by.
void ends_step(const Phrase& phrase, std::uint32_t begin, std::uint32_t limit, std::vector<std::uint32_t>& ends) {
  constexpr std::string_view kSteps[] = {"day",  "days",  "week",      "weeks",      "month",    "months",
                                         "year", "years", "fortnight", "fortnights", "weekdays", "workdays"};
  constexpr std::string_view kBusiness[] = {"business", "working", "work"};
  std::uint32_t at = begin;
  const auto has = [&](std::span<const std::string_view> words) {
    return at < limit && std::find(words.begin(), words.end(), phrase[at].lower) != words.end();
  };
  if (has(kBusiness)) {
    ++at;
    if (at < limit && (phrase.is(at, "days") || phrase.is(at, "day"))) ends.push_back(at + 1);
  } else if (has(kSteps)) {
    ends.push_back(at + 1);
  }
}
void ends_month(const Phrase& phrase, std::uint32_t begin, std::uint32_t, std::vector<std::uint32_t>& ends) {
  if (month_named(phrase[begin].lower).has_value()) ends.push_back(begin + 1);
}

}  // namespace

std::optional<std::int32_t> month_named(std::string_view lower) {
  for (std::size_t i = 0; i < kMonths.size(); ++i) {
    const bool short_form = lower.size() == 3 && kMonths[i].starts_with(lower);
    if (lower == kMonths[i] || short_form || (lower == "sept" && i == 8)) return static_cast<std::int32_t>(i + 1);
  }
  return std::nullopt;
}

std::optional<Weekday> weekday_named(std::string_view lower) {
  for (std::size_t i = 0; i < kWeekdays.size(); ++i) {
    if (lower == kWeekdays[i]) return static_cast<Weekday>(i);
  }
  return std::nullopt;
}

std::optional<DateMatch> match_date(const Phrase& phrase, std::uint32_t begin, std::uint32_t limit) {
  if (begin >= limit) return std::nullopt;
  constexpr std::pair<std::string_view, std::int32_t> kRelative[] = {
      {"today", 0}, {"now", 0}, {"tomorrow", 1}, {"yesterday", -1}};
  for (const auto& [word, offset] : kRelative) {
    if (phrase.is(begin, word)) return DateMatch{{}, offset, begin + 1};
  }
  // "Thursday, July 4, 1776": the weekday must be right.
  if (const auto weekday = weekday_named(phrase[begin].lower); weekday.has_value()) {
    const std::uint32_t next = phrase.is(begin + 1, ",") ? begin + 2 : begin + 1;
    if (next >= limit || weekday_named(phrase[next].lower).has_value()) return std::nullopt;
    const auto date = match_date(phrase, next, limit);
    if (!date.has_value() || date->from_today.has_value() || weekday_of(day_number(date->date)) != *weekday) {
      return std::nullopt;
    }
    return date;
  }
  if (auto date = match_numeric(phrase, begin, limit); date.has_value()) return date;
  if (auto date = match_month_first(phrase, begin, limit); date.has_value()) return date;
  return match_day_first(phrase, begin, limit);
}

std::optional<std::int64_t> today(const Context& context) {
  constexpr std::int64_t kClockMax = 253'402'300'799;  // the end of year 9999
  if (context.unix_s <= 0 || context.unix_s > kClockMax) return std::nullopt;
  return context.unix_s / 86'400;
}

std::optional<std::int64_t> day_in(const Match& match, char slot) {
  const Span span = match.span(slot);
  if (span.empty()) return std::nullopt;
  const auto date = match_date(match.phrase(), span.begin, span.end);
  if (!date.has_value() || date->end != span.end) return std::nullopt;
  if (!date->from_today.has_value()) return day_number(date->date);
  const auto base = today(match.context);
  return base.has_value() ? std::optional<std::int64_t>(*base + *date->from_today) : std::nullopt;
}

std::optional<ClockMatch> match_clock(const Phrase& phrase, std::uint32_t begin, std::uint32_t limit) {
  if (begin >= limit) return std::nullopt;
  if (phrase.is(begin, "noon") || phrase.is(begin, "midday"))
    return ClockMatch{43'200, false, ClockForm::k12, begin + 1};
  if (phrase.is(begin, "midnight")) return ClockMatch{0, false, ClockForm::k12, begin + 1};
  const auto hour = integer_at(phrase, begin, limit, 1, 2);
  if (!hour.has_value()) return std::nullopt;
  ClockMatch clock;
  std::uint32_t at = begin + 1;
  std::int32_t minute = 0;
  std::int32_t second = 0;
  bool has_minutes = false;
  if (at + 1 < limit && phrase.is(at, ":") && tight(phrase, at) && tight(phrase, at + 1)) {
    const auto read = integer_at(phrase, at + 1, limit, 2, 2);
    if (!read.has_value() || *read > 59) return std::nullopt;
    minute = *read;
    has_minutes = true;
    at += 2;
    if (at + 1 < limit && phrase.is(at, ":") && tight(phrase, at)) {
      const auto more = integer_at(phrase, at + 1, limit, 2, 2);
      if (!more.has_value() || *more > 59) return std::nullopt;
      second = *more;
      clock.has_seconds = true;
      at += 2;
    }
  }
  if (at < limit && (phrase.is(at, "am") || phrase.is(at, "pm"))) {
    if (*hour < 1 || *hour > 12) return std::nullopt;
    clock.form = ClockForm::k12;
    clock.second_of_day = ((*hour % 12) + (phrase.is(at, "pm") ? 12 : 0)) * 3600 + minute * 60 + second;
    clock.end = at + 1;
    return clock;
  }
  if (!has_minutes || *hour > 23) return std::nullopt;
  const bool clear = *hour >= 13 || *hour == 0 || phrase[begin].lower.front() == '0';
  clock.form = clear ? ClockForm::k24 : ClockForm::kUnclear;
  clock.second_of_day = *hour * 3600 + minute * 60 + second;
  clock.end = at;
  return clock;
}

std::string clock_text(std::int64_t second_of_day, ClockForm form) {
  const std::int64_t hour = second_of_day / 3600;
  const std::int64_t minute = second_of_day / 60 % 60;
  const std::int64_t second = second_of_day % 60;
  const std::string tail = second == 0 ? fmt::format("{:02}", minute) : fmt::format("{:02}:{:02}", minute, second);
  if (form != ClockForm::k12) return fmt::format("{:02}:{}", hour, tail);
  return fmt::format("{}:{} {}", hour % 12 == 0 ? 12 : hour % 12, tail, hour < 12 ? "AM" : "PM");
}

std::optional<std::int64_t> duration_unit(const Phrase& phrase, std::uint32_t at) {
  struct Entry {
    std::string_view name;
    std::int64_t seconds;
  };
  constexpr Entry kUnits[] = {{"second", 1},   {"seconds", 1},   {"sec", 1},        {"secs", 1},       {"s", 1},
                              {"minute", 60},  {"minutes", 60},  {"min", 60},       {"mins", 60},      {"m", 60},
                              {"hour", 3600},  {"hours", 3600},  {"hr", 3600},      {"hrs", 3600},     {"h", 3600},
                              {"day", 86'400}, {"days", 86'400}, {"week", 604'800}, {"weeks", 604'800}};
  for (const Entry& entry : kUnits) {
    if (phrase.is(at, entry.name)) return entry.seconds;
  }
  return std::nullopt;
}

std::optional<DurationMatch> match_duration(const Phrase& phrase, std::uint32_t begin, std::uint32_t limit) {
  DurationMatch total;
  std::uint32_t at = begin;
  std::int64_t last_unit = 1LL << 40;
  while (at < limit && total.parts < 6) {
    std::uint32_t next = at;
    if (total.parts > 0 && (phrase.is(next, "and") || phrase.is(next, ","))) ++next;
    if (total.parts > 0 && phrase.is(next, "and")) ++next;
    if (next >= limit) break;
    std::optional<NumberMatch> count;
    if (phrase.is(next, "a") || phrase.is(next, "an")) {
      // "an hour and a half"
      if (total.parts > 0 && phrase.is(next + 1, "half") && next + 1 < limit) {
        total.seconds = total.seconds + Rational(last_unit) * rational("0.5");
        ++total.parts;
        at = next + 2;
        break;
      }
      count = NumberMatch{1, next + 1};
    } else if (phrase.is(next, "half") && (phrase.is(next + 1, "an") || phrase.is(next + 1, "a"))) {
      count = NumberMatch{rational("0.5"), next + 2};
    } else {
      count = match_number(phrase, next, limit);
    }
    if (!count.has_value() || count->end >= limit || count->value.is_negative()) break;
    if (count->value.numerator().limbs() > 2 || count->value.denominator().limbs() > 2) break;
    const auto unit = duration_unit(phrase, count->end);
    if (!unit.has_value() || *unit >= last_unit) break;
    total.seconds = total.seconds + count->value * Rational(*unit);
    last_unit = *unit;
    ++total.parts;
    at = count->end + 1;
  }
  if (total.parts == 0) return std::nullopt;
  total.end = at;
  return total;
}

std::span<const SlotType> date_slots() {
  static constexpr SlotType kSlots[] = {
      {"date", ends_date},       {"clock", ends_clock}, {"duration", ends_duration}, {"dunit", ends_duration_unit},
      {"weekday", ends_weekday}, {"month", ends_month}, {"step", ends_step}};
  return kSlots;
}

}  // namespace thalamus::tool
