/// The dates tool, part one: questions about the calendar.
#include <fmt/core.h>

#include <algorithm>

#include "thalamus/base/text.h"
#include "thalamus/tool/dates_clock.h"
#include "thalamus/tool/dates_parse.h"
#include "thalamus/tool/rules_tool.h"

namespace thalamus::tool {
namespace {

constexpr TextLimits kLimits = {.bytes_max = 2048, .letters_max = 600};
constexpr std::int64_t kStepMax = 4'000'000;

std::string described(std::int64_t day) { return fmt::format("{} ({})", date_of(day).text(), name(weekday_of(day))); }

/// Britain went from 2 to 14 September 1752: what lies in that month, or in that year across it, has two answers.
bool is_british_gap(std::int64_t day) { return day >= day_number({1752, 9, 1}) && day <= day_number({1752, 9, 30}); }
bool spans_british_gap(std::int64_t from, std::int64_t to) {
  if (from > to) std::swap(from, to);
  const bool across = from <= day_number({1752, 9, 30}) && to >= day_number({1752, 9, 1});
  return is_british_gap(from) || is_british_gap(to) ||
         (across && from >= day_number({1752, 1, 1}) && to <= day_number({1752, 12, 31}));
}

bool in_range(std::int64_t day) { return day >= day_number({kYearMin, 1, 1}) && day <= day_number({kYearMax, 12, 31}); }

std::optional<Solution> weekday_answer(const Match& match, std::int64_t day, std::string working) {
  const Style& style = match.style();
  if (!in_range(day) || !style.is_unrounded() || style.number_only || style.separator.has_value()) return std::nullopt;
  if (!style.allows({"weekday", "day", "name", "word", "week"})) return std::nullopt;
  return solution(style, std::string(name(weekday_of(day))), std::move(working));
}

std::optional<Solution> date_answer(const Match& match, std::int64_t day, const std::string& working) {
  const Style& style = match.style();
  if (!in_range(day) || !style.is_unrounded() || style.number_only || style.separator.has_value()) return std::nullopt;
  if (!style.allows({"date"})) return std::nullopt;
  return solution(style, date_of(day).text(), working + " = " + described(day));
}

/// "45 days", or "45" where only a number is wanted.
std::optional<Solution> count_answer(const Match& match, std::int64_t count, std::string_view unit,
                                     std::string working) {
  const Style& style = match.style();
  if (!style.is_unrounded() || style.separator.has_value()) return std::nullopt;
  if (!style.allows({"number", "integer", "numeric", "numerical", "days", "weeks", "months", "years", "whole", "count",
                     "day", "digits"})) {
    return std::nullopt;
  }
  const bool bare = unit.empty() || style.terse || style.number_only;
  return solution(style, bare ? std::to_string(count) : fmt::format("{} {}{}", count, unit, count == 1 ? "" : "s"),
                  std::move(working));
}

std::optional<Solution> weekday_question(const Match& match) {
  const auto day = day_in(match, 'a');
  if (!day.has_value() || is_british_gap(*day)) return std::nullopt;
  return weekday_answer(match, *day,
                        fmt::format("{} is day {} of its year.", date_of(*day).text(), day_of_year(date_of(*day))));
}

/// The unit of a slot: "days", "weeks", "months", "years", "business".
std::optional<std::string> step_unit(const Match& match, char slot) {
  std::string text = base::lower_ascii(match.text(slot));
  if (text == "business days" || text == "working days" || text == "business day" || text == "working day" ||
      text == "weekdays" || text == "workdays") {
    return "business";
  }
  if (!text.ends_with('s')) text.push_back('s');
  if (text == "days" || text == "weeks" || text == "months" || text == "years") return text;
  if (text == "fortnights") return text;
  return std::nullopt;
}

std::optional<std::int64_t> moved(std::int64_t day, std::int64_t count, const std::string& unit) {
  if (count > kStepMax || count < -kStepMax) return std::nullopt;
  if (unit == "days") return day + count;
  if (unit == "weeks") return day + count * 7;
  if (unit == "fortnights") return day + count * 14;
  if (unit == "business") return add_business_days(day, count);
  if (count > 120'000 || count < -120'000) return std::nullopt;
  const auto date = add_months(date_of(day), unit == "years" ? count * 12 : count);
  if (!date.has_value() || date->year < kYearMin || date->year > kYearMax) return std::nullopt;
  return day_number(*date);
}

/// The date of slot `a` (today, if it is empty) moved by the slots n, u and, if there, m, v.
std::optional<std::int64_t> moved_date(const Match& match, int sign) {
  const auto start = match.span('a').empty() ? today(match.context) : day_in(match, 'a');
  const auto number = match.number('n');
  const auto unit = step_unit(match, 'u');
  if (!start.has_value() || !number.has_value() || !unit.has_value()) return std::nullopt;
  const auto count = number->to_int64();
  if (!count.has_value() || *count < 0) return std::nullopt;
  auto day = moved(*start, sign * *count, *unit);
  if (day.has_value() && spans_british_gap(*start, *day)) return std::nullopt;
  if (!day.has_value() || match.span('m').empty()) return day;
  // "2 weeks and 3 days": only days and weeks commute, and only they are taken.
  const auto more = match.number('m');
  const auto other = step_unit(match, 'v');
  const auto more_count = more.has_value() ? more->to_int64() : std::nullopt;
  if (!other.has_value() || !more_count.has_value() || *more_count < 0) return std::nullopt;
  if ((*unit != "weeks" && *unit != "days") || (*other != "weeks" && *other != "days")) return std::nullopt;
  const auto last = moved(*day, sign * *more_count, *other);
  return last.has_value() && spans_british_gap(*start, *last) ? std::nullopt : last;
}

std::string step_text(const Match& match, int sign) {
  const auto start = match.span('a').empty() ? today(match.context) : day_in(match, 'a');
  std::string text =
      fmt::format("{} {} {} {}", described(start.value_or(0)), sign > 0 ? "+" : "-", match.text('n'), match.text('u'));
  if (!match.span('m').empty()) text += fmt::format(" and {} {}", match.text('m'), match.text('v'));
  if (step_unit(match, 'u') == "business") text += " (Monday to Friday, holidays not considered)";
  if (match.span('a').empty()) text += " (today in UTC)";
  return text;
}

std::optional<Solution> shifted(const Match& match, int sign) {
  const auto day = moved_date(match, sign);
  return day.has_value() ? date_answer(match, *day, step_text(match, sign)) : std::nullopt;
}
std::optional<Solution> date_after(const Match& match) { return shifted(match, 1); }
std::optional<Solution> date_before(const Match& match) { return shifted(match, -1); }

std::optional<Solution> shifted_weekday(const Match& match, int sign) {
  const auto day = moved_date(match, sign);
  return day.has_value() ? weekday_answer(match, *day, step_text(match, sign) + " = " + date_of(*day).text())
                         : std::nullopt;
}
std::optional<Solution> weekday_after(const Match& match) { return shifted_weekday(match, 1); }
std::optional<Solution> weekday_before(const Match& match) { return shifted_weekday(match, -1); }

/// "If today is Monday, what day will it be in 100 days?"
std::optional<Solution> named_weekday(const Match& match, int sign) {
  const auto start = weekday_named(base::lower_ascii(match.text('w')));
  const auto number = match.number('n');
  const auto unit = step_unit(match, 'u');
  const auto count = number.has_value() ? number->to_int64() : std::nullopt;
  if (!start.has_value() || !count.has_value() || (unit != "days" && unit != "weeks")) return std::nullopt;
  if (*count < 0 || *count > 1'000'000'000) return std::nullopt;
  const std::int64_t days = unit == "weeks" ? 0 : *count % 7;
  const auto weekday = static_cast<std::int64_t>(*start) + sign * days + 7;
  const std::int64_t monday = day_number({2024, 1, 1});
  return weekday_answer(match, monday + weekday % 7,
                        fmt::format("{} {} {} {}; {} mod 7 = {}", name(*start), sign > 0 ? "+" : "-", *count, *unit,
                                    unit == "weeks" ? *count * 7 : *count, days));
}
std::optional<Solution> named_weekday_after(const Match& match) { return named_weekday(match, 1); }
std::optional<Solution> named_weekday_before(const Match& match) { return named_weekday(match, -1); }

/// Days, weeks, months or years from slot a to slot b.
std::optional<Solution> span_between(const Match& match, std::int64_t from, std::int64_t to) {
  const auto unit = step_unit(match, 'u');
  if (!unit.has_value()) return std::nullopt;
  if (from > to) std::swap(from, to);
  if (spans_british_gap(from, to)) return std::nullopt;
  const std::string working = fmt::format("{} to {}: {} days", described(from), described(to), to - from);
  if (*unit == "days") return count_answer(match, to - from, "day", working);
  if (*unit == "weeks") {
    if ((to - from) % 7 != 0) return std::nullopt;
    return count_answer(match, (to - from) / 7, "week", working);
  }
  const Date a = date_of(from);
  const Date b = date_of(to);
  if (*unit == "months" && a.day == b.day) {
    return count_answer(match, (b.year - a.year) * 12 + b.month - a.month, "month", working);
  }
  if (*unit == "years" && a.day == b.day && a.month == b.month) {
    return count_answer(match, b.year - a.year, "year", working);
  }
  if (*unit != "business") return std::nullopt;
  // (from, to] and [from, to) must agree; where they differ the question has two answers.
  const std::int64_t count = business_days_after(from, to);
  if (count != business_days_after(from - 1, to - 1)) return std::nullopt;
  return count_answer(match, count, "business day",
                      working + ", counted Monday to Friday without the first day, holidays not considered");
}

std::optional<Solution> between(const Match& match) {
  const auto from = day_in(match, 'a');
  const auto to = day_in(match, 'b');
  return from.has_value() && to.has_value() ? span_between(match, *from, *to) : std::nullopt;
}

std::optional<Solution> between_inclusive(const Match& match) {
  const auto from = day_in(match, 'a');
  const auto to = day_in(match, 'b');
  if (!from.has_value() || !to.has_value() || *to < *from || spans_british_gap(*from, *to)) return std::nullopt;
  const auto unit = step_unit(match, 'u');
  const std::string working = fmt::format("{} to {}, both included", described(*from), described(*to));
  if (unit == "days") return count_answer(match, *to - *from + 1, "day", working);
  if (unit != "business") return std::nullopt;
  return count_answer(match, business_days_after(*from - 1, *to), "business day",
                      working + ", Monday to Friday, holidays not considered");
}

/// From slot a on, up to but without slot b.
std::optional<Solution> between_half_open(const Match& match) {
  const auto from = day_in(match, 'a');
  const auto to = day_in(match, 'b');
  if (!from.has_value() || !to.has_value() || *to < *from || spans_british_gap(*from, *to)) return std::nullopt;
  const auto unit = step_unit(match, 'u');
  const std::string working = fmt::format("{} included, {} not", described(*from), described(*to));
  if (unit == "days") return count_answer(match, *to - *from, "day", working);
  if (unit != "business") return std::nullopt;
  return count_answer(match, business_days_after(*from - 1, *to - 1), "business day",
                      working + ", Monday to Friday, holidays not considered");
}

std::optional<Solution> until(const Match& match) {
  const auto now = today(match.context);
  const auto day = day_in(match, 'a');
  if (!now.has_value() || !day.has_value() || *day < *now) return std::nullopt;
  return span_between(match, *now, *day);
}
std::optional<Solution> since(const Match& match) {
  const auto now = today(match.context);
  const auto day = day_in(match, 'a');
  if (!now.has_value() || !day.has_value() || *day > *now) return std::nullopt;
  return span_between(match, *day, *now);
}

std::optional<std::int32_t> year_in(const Match& match, char slot) {
  const Span span = match.span(slot);
  if (span.end != span.begin + 1 || match.phrase()[span.begin].lower.size() != 4) return std::nullopt;
  const auto value = match.number(slot);
  const auto year = value.has_value() ? value->to_int64() : std::nullopt;
  if (!year.has_value() || *year < kYearMin || *year > kYearMax) return std::nullopt;
  return static_cast<std::int32_t>(*year);
}

std::optional<Solution> leap(const Match& match) {
  const auto year = year_in(match, 'y');
  if (!year.has_value() || !match.style().is_unrounded() || !match.style().allows({"yes", "word"})) return std::nullopt;
  const bool yes = is_leap_year(*year);
  std::string_view why = "it is not divisible by 4";
  if (*year % 400 == 0) {
    why = "it is divisible by 400";
  } else if (*year % 100 == 0) {
    why = "it is divisible by 100 but not by 400";
  } else if (yes) {
    why = "it is divisible by 4 and not by 100";
  }
  return solution(match.style(), yes ? "Yes" : "No",
                  fmt::format("{} is {} leap year: {}.", *year, yes ? "a" : "not a", why));
}

std::optional<Solution> month_length(const Match& match) {
  const auto month = month_named(base::lower_ascii(match.text('m')));
  if (!month.has_value()) return std::nullopt;
  if (match.span('y').empty()) {
    if (*month == 2) return std::nullopt;
    return count_answer(match, days_in_month(2023, *month), "day", std::string(match.text('m')));
  }
  const auto year = year_in(match, 'y');
  if (!year.has_value() || is_british_gap(day_number({*year, *month, 1}))) return std::nullopt;
  return count_answer(match, days_in_month(*year, *month), "day",
                      fmt::format("{} is {} leap year.", *year, is_leap_year(*year) ? "a" : "not a"));
}

std::optional<Solution> year_length(const Match& match) {
  const auto year = year_in(match, 'y');
  if (!year.has_value() || *year == 1752) return std::nullopt;
  return count_answer(match, is_leap_year(*year) ? 366 : 365, "day",
                      fmt::format("{} is {} leap year.", *year, is_leap_year(*year) ? "a" : "not a"));
}

std::optional<Solution> ordinal_day(const Match& match) {
  const auto day = day_in(match, 'a');
  if (!day.has_value()) return std::nullopt;
  const Date date = date_of(*day);
  if (spans_british_gap(day_number({date.year, 1, 1}), *day)) return std::nullopt;
  return count_answer(match, day_of_year(date), "",
                      fmt::format("{} in a year of {} days", date.text(), is_leap_year(date.year) ? 366 : 365));
}

std::optional<Solution> week_number(const Match& match) {
  const auto day = day_in(match, 'a');
  if (!day.has_value() || !match.style().allows({"number", "integer", "week"})) return std::nullopt;
  const IsoWeek week = iso_week(date_of(*day));
  if (!match.style().is_unrounded() || match.style().separator.has_value()) return std::nullopt;
  return solution(match.style(), std::to_string(week.week),
                  fmt::format("{} lies in ISO week {}-W{:02}.", described(*day), week.year, week.week));
}

std::optional<Solution> years_apart(const Match& match) {
  const auto a = year_in(match, 'a');
  const auto b = year_in(match, 'b');
  if (!a.has_value() || !b.has_value()) return std::nullopt;
  const std::int32_t count = std::max(*a, *b) - std::min(*a, *b);
  return count_answer(match, count, "year", fmt::format("{} - {}", std::max(*a, *b), std::min(*a, *b)));
}

std::optional<Solution> age(const Match& match) {
  const auto born = day_in(match, 'a');
  const auto on = day_in(match, 'b');
  if (!born.has_value() || !on.has_value() || *on < *born || spans_british_gap(*born, *on)) return std::nullopt;
  const Date birth = date_of(*born);
  const Date then = date_of(*on);
  if (birth.month == 2 && birth.day == 29 && !is_leap_year(then.year)) return std::nullopt;
  return count_answer(match, full_years(birth, then), "year",
                      fmt::format("full years from {} to {}", birth.text(), then.text()));
}

std::optional<Solution> date_itself(const Match& match) {
  const auto day = match.span('a').empty() ? today(match.context) : day_in(match, 'a');
  if (!day.has_value()) return std::nullopt;
  return date_answer(match, *day, "UTC");
}

std::optional<Solution> weekday_today(const Match& match) {
  const auto day = today(match.context);
  if (!day.has_value()) return std::nullopt;
  return weekday_answer(match, *day, fmt::format("Today is {} in UTC.", date_of(*day).text()));
}

std::span<const Rule> span_rules() {
  static const std::vector<Rule> kRules = compile_rules(
      {
          {{"how many <step u> (are|were|will be|is|lie|fall|passed|pass|elapsed) [there] (between|from) [the dates] "
            "<date a> (and|to|until|till|through) <date b>",
            "how many <step u> (between|from) <date a> (and|to|until|till) <date b>",
            "how many <step u> (passed|elapsed|pass|elapse) between <date a> and <date b>",
            "how many <step u> (is it|are there|does it take to get) from <date a> (to|until|till) <date b>",
            "how many <step u> separate <date a> (and|from) <date b>", "how many <step u> after <date a> is <date b>",
            "how many <step u> before <date b> is <date a>",
            "[WHAT|count] [the] number of <step u> (between|from) <date a> (and|to|until|till) <date b>",
            "[WHAT] the (difference|gap|interval) in <step u> between <date a> and <date b>",
            "[WHAT] the difference between <date a> and <date b> in <step u>"},
           between},
          {{"how many <step u> [are|were|will be] [there] (between|from) <date a> (and|to|until|through) <date b> "
            "[,|{] "
            "(inclusive|including both dates|including both days|including both ends|counting both days|counting both "
            "dates|both included|both dates included|including both) [}]"},
           between_inclusive},
          {{"how many <step u> [{ monday to friday }|{ mon - fri }|, monday to friday ,] (are|were|lie) [there] from "
            "<date a> "
            "[{ included }|included] [up] to but (not including|excluding|without) <date b>",
            "how many <step u> [{ monday to friday }|{ mon - fri }] (are|were|lie) [there] between <date a> { included "
            "} and "
            "<date b> { (not included|excluded) }"},
           between_half_open},
          {{"how many <step u> ({ monday to friday }|{ mon - fri }) (are|were|lie) [there] (between|from) <date a> "
            "(and|to) "
            "<date b>"},
           between},
          {{"how many <step u> (until|till|to|are left until|are there until|is it until|remain until|are there till|"
            "left until|are there to go until) <date a>"},
           until},
          {{"how many <step u> (since|have passed since|has it been since|have elapsed since|is it since|are there "
            "since) <date a>"},
           since},
          {{"how many years (are|were|is|lie) [there] between [the years|the year] <n a> and [the year] <n b>",
            "how many years between [the years] <n a> and <n b>",
            "how many years (are there|is it|passed) from <n a> to <n b>"},
           years_apart},
          {{"how old (is|was|will be|would be) (someone|a person|somebody) [who was] born on <date a> [be] (on|as of) "
            "<date b>",
            "how old (will|would) (someone|a person|somebody) [who was] born on <date a> be on <date b>",
            "how many full years (are|were) [there] between <date a> and <date b>",
            "if (someone|a person|i|you|she|he) (was|were|is) born on <date a> , how old (will|would|are|is) "
            "(they|the person|i|you|she|he) [be] on <date b>"},
           age},
      },
      date_slots());
  return kRules;
}

std::span<const Rule> shift_rules() {
  static const std::vector<Rule> kRules = compile_rules(
      {
          {{"(what|which) (date is|is the date|date was|date will it be|date is it|date will be|date falls|date comes|"
            "calendar date is|was the date|will be the date|date would be|date lies|will the date be) [exactly] <n n> "
            "<step u> [and <n m> <step v>] (after|from|following|later than) <date a>",
            "[WHAT] the date [that is] [exactly] <n n> <step u> [and <n m> <step v>] (after|from|following|later than) "
            "<date a>",
            "add <n n> <step u> [and <n m> <step v>] to [the date] <date a>", "[WHAT] <date a> (plus|+) <n n> <step u>",
            "if today is <date a> [,] (what is the date|what date is it|what date will it be|what will the date "
            "be|what "
            "will be the date) (in|after) <n n> <step u>",
            "if today is <date a> [,] (what is the date|what date is it|what date will it be|what will the date "
            "be|what "
            "is the date going to be) <n n> <step u> (from now|from today|later)",
            "start from <date a> [and] add <n n> <step u>"},
           date_after},
          {{"(what|which) (date is|is the date|date was|date was it|was the date|date is it|date falls|calendar date "
            "was|"
            "date lies|date comes) [exactly] <n n> <step u> [and <n m> <step v>] (before|prior to|earlier than) <date "
            "a>",
            "[WHAT] the date [that is|that was] [exactly] <n n> <step u> [and <n m> <step v>] (before|prior to) <date "
            "a>",
            "subtract <n n> <step u> [and <n m> <step v>] from [the date] <date a>",
            "[WHAT] <date a> (minus|-) <n n> <step u>",
            "if today is <date a> [,] (what was the date|what date was it) <n n> <step u> (ago|earlier)"},
           date_before},
          {{"what (date will it be|is the date|will the date be|will be the date|date is it) in <n n> <step u>",
            "what (date will it be|will the date be|is the date|date is) <n n> <step u> (from now|later)",
            "[WHAT] the date in <n n> <step u>"},
           date_after},
          {{"what (date was it|was the date|date was) <n n> <step u> ago"}, date_before},
          {{"(what|which) (day of the week|weekday) (is it|is|will it be|was|was it|falls|will be|would it be|comes) "
            "[exactly] <n n> <step u> [and <n m> <step v>] (after|from|following) <date a>",
            "on (what|which) (day of the week|weekday) (is|falls|will be) the day <n n> <step u> after <date a>",
            "if today is <date a> [,] what (day of the week|weekday) (will it be|is it) in <n n> <step u>",
            "what (day of the week|weekday) will it be in <n n> <step u>"},
           weekday_after},
          {{"(what|which) (day of the week|weekday) (is it|is|was|was it|falls) [exactly] <n n> <step u> [and <n m> "
            "<step "
            "v>] (before|prior to) <date a>",
            "what (day of the week|weekday) was it <n n> <step u> ago"},
           weekday_before},
          {{"if (today is|it is|it's|today's) [a] <weekday w> [today] [,] (what|which) (day of the week|day|weekday) "
            "(will it be|is it|will be|comes|it will be) (in|after) <n n> <step u>",
            "if (today is|it is|it's|today's) [a] <weekday w> [today] [,] (what|which) (day of the week|day|weekday) "
            "(will it be|is it|is|will be) <n n> <step u> (from now|later|from today|after today)",
            "(what|which) (day of the week|day|weekday) (is|comes|is it|falls|will it be) <n n> <step u> after [a] "
            "<weekday w>",
            "today is [a] <weekday w> [.|,|;] (what|which) (day of the week|day|weekday) (will it be|is it) in <n n> "
            "<step u>",
            "today is [a] <weekday w> [.|,|;] (what|which) (day of the week|day|weekday) (will it be|is it) <n n> "
            "<step "
            "u> (from now|later|from today)"},
           named_weekday_after},
          {{"if (today is|it is|it's) [a] <weekday w> [today] [,] (what|which) (day of the week|day|weekday) (was "
            "it|is "
            "it|was) <n n> <step u> (ago|earlier|before|before today)",
            "(what|which) (day of the week|day|weekday) (is|comes|was|falls) <n n> <step u> before [a] <weekday w>"},
           named_weekday_before},
      },
      date_slots());
  return kRules;
}

std::span<const Rule> calendar_rules() {
  static const std::vector<Rule> kRules = compile_rules(
      {
          {{"[on] (what|which) (day of the week|weekday|day) (is|was|will be|was it on|is it on|will it be on|falls "
            "on|fell "
            "on|were|is it|was it) [on] [the date] <date a>",
            "[on] (what|which) (day of the week|weekday|day) (does|did|will|is|was) [the date] <date a> (fall|fall on|"
            "land on|land|occur|be|on)",
            "(what|which) (weekday|day of the week) [on] <date a>",
            "<date a> (is|was|falls on|fell on) (what|which) (day "
            "of the week|weekday)",
            "[WHAT|name] the (day of the week|weekday) (of|for|on|that corresponds to|corresponding to) [the date] "
            "<date a>",
            "what (is|was) the (day of the week|weekday) on <date a>", "<date a> (day of the week|weekday)"},
           weekday_question},
          {{"is [the year] <n y> a leap year", "was [the year] <n y> a leap year",
            "will [the year] <n y> be a leap year", "is <n y> a leap year or not"},
           leap},
          {{"how many days (are|were|will be) [there] in <month m> [of|in|,] [<n y>]",
            "how many days (does|did|will) <month m> [of|in] [<n y>] have",
            "how many days in <month m> [of|in] [<n y>]", "[WHAT] the number of days in <month m> [of|in] [<n y>]"},
           month_length},
          {{"how many days (are|were|will be) [there] in [the year] <n y>",
            "how many days (does|did|will) [the year] <n y> "
            "have",
            "how many days in the year <n y>"},
           year_length},
          {{"(what|which) day of the year (is|was) <date a>", "(what|which) day number of the year (is|was) <date a>",
            "[WHAT] the (day of the year|day - of - year|ordinal date|ordinal day|day number) (of|for) <date a>",
            "what day number (is|was) <date a>", "[WHAT] the day number of <date a> (in|within) (its|the) year"},
           ordinal_day},
          {{"(what|which) iso week [number] (is|was|contains|does) <date a> [in|fall in|belong to|fall into]",
            "[WHAT] the iso [8601] week [number] (of|for|containing) <date a>",
            "[in] (what|which) iso [8601] week [number] (is|was|does|did) <date a> [fall|fall in|lie]"},
           week_number},
          {{"what is the date today", "what is today's date", "what's today's date", "today's date",
            "what date is it today", "what's the date today", "what date is today", "what is the current date",
            "what date is (<date a>)"},
           date_itself},
          {{"what day is it today", "what day is it", "what day of the week is it today", "what day is today",
            "what day of the week is it", "what weekday is it today"},
           weekday_today},
      },
      date_slots());
  return kRules;
}

}  // namespace

ToolRecord dates_tool() {
  return {"dates", "weekdays, differences, date and clock arithmetic, durations, time zones",
          "What day of the week was 2024-02-29?", []() -> const Tool& {
            static constexpr RuleTable kTables[] = {calendar_rules, span_rules, shift_rules, clock_rules, zone_rules};
            static const RulesTool kTool(kLimits, kTables);
            return kTool;
          }};
}

}  // namespace thalamus::tool
