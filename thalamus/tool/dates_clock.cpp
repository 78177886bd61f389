#include "thalamus/tool/dates_clock.h"

#include <fmt/core.h>

#include "thalamus/tool/dates_parse.h"
#include "thalamus/tool/dates_zone.h"
#include "thalamus/tool/rules_tool.h"

namespace thalamus::tool {
namespace {

constexpr std::int64_t kDay = 86'400;

bool is_plain(const Match& match, std::initializer_list<std::string_view> nouns) {
  const Style& style = match.style();
  return style.is_unrounded() && !style.separator.has_value() && style.allows(nouns);
}

std::optional<ClockMatch> clock_in(const Match& match, char slot) {
  const Span span = match.span(slot);
  if (span.empty()) return std::nullopt;
  auto clock = match_clock(match.phrase(), span.begin, span.end);
  if (!clock.has_value() || clock->end != span.end) return std::nullopt;
  return clock;
}

/// A duration of whole seconds, at most ten years.
std::optional<std::int64_t> seconds_in(const Match& match, char slot, std::uint32_t parts_min = 1) {
  const Span span = match.span(slot);
  if (span.empty()) return std::nullopt;
  const auto duration = match_duration(match.phrase(), span.begin, span.end);
  if (!duration.has_value() || duration->end != span.end || duration->parts < parts_min) return std::nullopt;
  const auto seconds = duration->seconds.to_int64();
  if (!seconds.has_value() || *seconds > kDay * 3660) return std::nullopt;
  return seconds;
}

std::string duration_text(std::int64_t seconds) {
  std::string text;
  const auto part = [&](std::int64_t count, std::string_view unit) {
    if (count == 0) return;
    text += fmt::format("{}{} {}{}", text.empty() ? "" : " ", count, unit, count == 1 ? "" : "s");
  };
  part(seconds / 3600, "hour");
  part(seconds / 60 % 60, "minute");
  part(seconds % 60, "second");
  return text.empty() ? "0 minutes" : text;
}

std::string_view unit_name(std::int64_t seconds) {
  switch (seconds) {
    case 1: return "second";
    case 60: return "minute";
    case 3600: return "hour";
    case 86'400: return "day";
    default: return "week";
  }
}

/// `seconds` in the unit of slot u, exact or not at all beyond six digits.
std::optional<Solution> in_unit(const Match& match, std::int64_t seconds, std::string working) {
  const auto unit = duration_unit(match.phrase(), match.span('u').begin);
  const Style& style = match.style();
  if (!unit.has_value() || style.separator.has_value() || style.form == Form::kPercent ||
      !style.allows({"number", "integer", "numeric", "hours", "minutes", "seconds", "days", "weeks", "count"})) {
    return std::nullopt;
  }
  const Rational value = Rational(seconds) / Rational(*unit);
  std::string text;
  if (style.decimals.has_value()) {
    text = value.fixed_text(*style.decimals);
  } else if (style.form == Form::kFraction) {
    text = value.fraction_text();
  } else if (const auto exact = value.short_text(10); exact.has_value() && style.is_unrounded()) {
    text = *exact;
  } else {
    return std::nullopt;
  }
  if (style.terse || style.number_only) return solution(style, text, "");
  const std::string full = fmt::format("{} {}{}", text, unit_name(*unit), text == "1" ? "" : "s");
  return solution(style, full, std::move(working) + " = " + full);
}

std::optional<Solution> duration_in_unit(const Match& match) {
  // One part alone ("3 hours in minutes") is the units tool's.
  const auto seconds = seconds_in(match, 'd', 2);
  if (!seconds.has_value()) return std::nullopt;
  return in_unit(match, *seconds, std::string(match.text('d')));
}

std::optional<Solution> duration_split(const Match& match) {
  const auto seconds = seconds_in(match, 'd');
  if (!seconds.has_value() || !is_plain(match, {"hours", "minutes", "seconds", "duration", "time"}))
    return std::nullopt;
  const bool with_seconds = match.span('s').begin != match.span('s').end;
  if (!with_seconds && *seconds % 60 != 0) return std::nullopt;
  return solution(match.style(), duration_text(*seconds),
                  fmt::format("{} = {}", match.text('d'), duration_text(*seconds)));
}

std::optional<Solution> duration_sum(const Match& match, int sign) {
  const auto a = seconds_in(match, 'd');
  const auto b = seconds_in(match, 'e');
  if (!a.has_value() || !b.has_value() || !is_plain(match, {"hours", "minutes", "seconds", "duration", "time"})) {
    return std::nullopt;
  }
  if (match.phrase().size() < 5 || *a + sign * *b < 0 || *a >= kDay * 4 || *b >= kDay * 4) return std::nullopt;
  const std::string text = duration_text(*a + sign * *b);
  return solution(match.style(), text,
                  fmt::format("{} {} {} = {}", match.text('d'), sign > 0 ? "+" : "-", match.text('e'), text));
}
std::optional<Solution> durations_added(const Match& match) { return duration_sum(match, 1); }

/// A clock time moved by a duration, wrapping over midnight and saying so.
std::optional<Solution> clock_moved(const Match& match, int sign) {
  const auto clock = clock_in(match, 'c');
  const auto seconds = seconds_in(match, 'd');
  if (!clock.has_value() || !seconds.has_value() || *seconds >= kDay || !is_plain(match, {"time"})) return std::nullopt;
  // "1:30" without am or pm: two-digit hours read as a 24-hour clock, others not.
  const std::string& hour = match.phrase()[match.span('c').begin].lower;
  if (clock->form == ClockForm::kUnclear && hour.size() != 2) return std::nullopt;
  const std::int64_t moved = clock->second_of_day + sign * *seconds;
  const std::int64_t wrapped = (moved % kDay + kDay) % kDay;
  std::string text = clock_text(wrapped, clock->form);
  std::string working = fmt::format("{} {} {} = {}", match.text('c'), sign > 0 ? "+" : "-", match.text('d'), text);
  if (moved >= kDay) working += " (the next day)";
  if (moved < 0) working += " (the day before)";
  return solution(match.style(), std::move(text), std::move(working));
}
std::optional<Solution> clock_after(const Match& match) { return clock_moved(match, 1); }
std::optional<Solution> clock_before(const Match& match) { return clock_moved(match, -1); }

/// Seconds from slot a to slot b, over midnight only where both are clear.
std::optional<std::int64_t> clock_span(const Match& match) {
  const auto a = clock_in(match, 'a');
  const auto b = clock_in(match, 'b');
  if (!a.has_value() || !b.has_value()) return std::nullopt;
  const bool unclear = a->form == ClockForm::kUnclear || b->form == ClockForm::kUnclear;
  if (unclear && (a->form == ClockForm::k12 || b->form == ClockForm::k12)) return std::nullopt;
  std::int64_t seconds = b->second_of_day - a->second_of_day;
  if (unclear && seconds <= 0) return std::nullopt;
  if (seconds == 0) return std::nullopt;
  if (seconds < 0) seconds += kDay;
  return seconds;
}

std::string span_working(const Match& match, std::int64_t seconds) {
  const auto a = clock_in(match, 'a');
  const bool over = a.has_value() && a->second_of_day + seconds >= kDay;
  return fmt::format("{} to {}{}", match.text('a'), match.text('b'), over ? " (over midnight)" : "");
}

std::optional<Solution> clock_between(const Match& match) {
  const auto seconds = clock_span(match);
  if (!seconds.has_value() || match.style().number_only || !is_plain(match, {"time", "duration", "hours", "minutes"})) {
    return std::nullopt;
  }
  const std::string text = duration_text(*seconds);
  return solution(match.style(), text, span_working(match, *seconds) + " = " + text);
}

std::optional<Solution> clock_between_unit(const Match& match) {
  const auto seconds = clock_span(match);
  return seconds.has_value() ? in_unit(match, *seconds, span_working(match, *seconds)) : std::nullopt;
}

std::optional<Solution> reform(const Match& match, ClockForm form) {
  const auto clock = clock_in(match, 'c');
  if (!clock.has_value() || !is_plain(match, {"time"})) return std::nullopt;
  const bool usable = form == ClockForm::k24 ? clock->form == ClockForm::k12 : clock->form != ClockForm::k12;
  if (!usable) return std::nullopt;
  if (form == ClockForm::k12 && match.phrase()[match.span('c').begin].kind == TokenKind::kWord) return std::nullopt;
  const std::string text = clock_text(clock->second_of_day, form);
  return solution(match.style(), text, fmt::format("{} = {}", match.text('c'), text));
}
std::optional<Solution> to_24(const Match& match) { return reform(match, ClockForm::k24); }
std::optional<Solution> to_12(const Match& match) { return reform(match, ClockForm::k12); }

void ends_zone(const Phrase& phrase, std::uint32_t begin, std::uint32_t limit, std::vector<std::uint32_t>& ends) {
  if (const auto zone = match_zone(phrase, begin, limit); zone.has_value()) ends.push_back(zone->end);
}

std::optional<Zone> zone_in(const Match& match, char slot) {
  const Span span = match.span(slot);
  if (span.empty()) return std::nullopt;
  const auto zone = match_zone(match.phrase(), span.begin, span.end);
  return zone.has_value() && zone->end == span.end ? load_zone(*zone) : std::nullopt;
}

/// Is a zone of slots f and t named by an abbreviation that its place does not use at that time?
bool any_out_of_season(const Match& match, std::int64_t unix_s) {
  for (const char slot : {'f', 't'}) {
    const Span span = match.span(slot);
    if (span.empty()) continue;
    const auto zone = match_zone(match.phrase(), span.begin, span.end);
    if (zone.has_value() && is_out_of_season(*zone, unix_s)) return true;
  }
  return false;
}

/// Is the difference of two zones the same in every week around `now`? Then a time without a date converts.
std::optional<std::int32_t> constant_difference(const Zone& from, const Zone& to, std::int64_t now) {
  const std::int32_t first = to.offset_at(now) - from.offset_at(now);
  for (std::int64_t week = -53; week <= 53; ++week) {
    const std::int64_t instant = now + week * 7 * kDay;
    if (to.offset_at(instant) - from.offset_at(instant) != first) return std::nullopt;
  }
  return first;
}

/// Clock c in zone f (on date d, if given) as clock in zone t.
std::optional<Solution> between_zones(const Match& match) {
  const auto clock = clock_in(match, 'c');
  const auto from = zone_in(match, 'f');
  const auto to = zone_in(match, 't');
  if (!clock.has_value() || !from.has_value() || !to.has_value() || !is_plain(match, {"time"})) return std::nullopt;
  const std::string& hour = match.phrase()[match.span('c').begin].lower;
  if (clock->form == ClockForm::kUnclear && hour.size() != 2) return std::nullopt;
  std::int64_t local = 0;
  std::string shift;
  if (!match.span('d').empty()) {
    const auto day = day_in(match, 'd');
    if (!day.has_value()) return std::nullopt;
    const auto instant = from->instant_of(*day * kDay + clock->second_of_day);
    if (!instant.has_value() || any_out_of_season(match, *instant)) return std::nullopt;
    const std::int64_t there = *instant + to->offset_at(*instant);
    const std::int64_t there_day = (there - ((there % kDay + kDay) % kDay)) / kDay;
    if (there_day != *day) shift = " on " + date_of(there_day).text();
    local = there - there_day * kDay;
  } else {
    if (!from->is_fixed() && !to->is_fixed() && match.context.unix_s <= 0) return std::nullopt;
    if ((!from->is_fixed() || !to->is_fixed()) && match.context.unix_s <= 0) return std::nullopt;
    if (any_out_of_season(match, match.context.unix_s)) return std::nullopt;
    const auto difference = constant_difference(*from, *to, match.context.unix_s);
    if (!difference.has_value()) return std::nullopt;
    const std::int64_t moved = clock->second_of_day + *difference;
    if (moved >= kDay) shift = " the next day";
    if (moved < 0) shift = " the day before";
    local = (moved % kDay + kDay) % kDay;
  }
  const std::string text = clock_text(local, clock->form) + shift;
  return solution(match.style(), text,
                  fmt::format("{} in {} = {} in {}", match.text('c'), from->name(), text, to->name()));
}

std::optional<Solution> now_in_zone(const Match& match) {
  const auto zone = zone_in(match, 't');
  if (!zone.has_value() || !today(match.context).has_value() || !is_plain(match, {"time"})) return std::nullopt;
  if (any_out_of_season(match, match.context.unix_s)) return std::nullopt;
  const std::int64_t local = match.context.unix_s + zone->offset_at(match.context.unix_s);
  const std::string text = clock_text(local % kDay / 60 * 60, ClockForm::k24);
  return solution(match.style(), text,
                  fmt::format("In {} it is {} {}.", zone->name(), date_of(local / kDay).text(), text));
}

}  // namespace

std::span<const Rule> clock_rules() {
  static const std::vector<Rule> kRules = compile_rules(
      {
          {{"how many <dunit u> (are|is) [there] in <duration d>", "how many <dunit u> in <duration d>",
            "(convert|express|change|WHAT) <duration d> (to|into|in|as) <dunit u>",
            "how many <dunit u> (does|do|make|is|are) <duration d> [equal|make|last]", "<duration d> (in|to) <dunit u>",
            "[WHAT] the number of <dunit u> in <duration d>"},
           duration_in_unit},
          {{"(convert|express|change|write|WHAT|how long is|how much is) <duration d> (to|into|in|as) hours and "
            "minutes",
            "(convert|express|change|write|WHAT|how long is|how much is) <duration d> (to|into|in|as) (hours , minutes "
            "[,] and <word s>|minutes and <word s>)"},
           duration_split},
          {{"add <duration d> (to|and) <duration e>", "[WHAT] [the sum of] <duration d> (plus|and|+) <duration e>"},
           durations_added},
          {{"add <duration d> to <clock c>", "[WHAT] <clock c> (plus|+) <duration d>",
            "(what time is it|what time is|what time will it be|what is the time|WHAT the time|what will the time "
            "be|what "
            "time comes|at what time is it) [exactly] <duration d> (after|past|from|later than) <clock c>",
            "if [it is|it's|the time is|it is now|it is currently] <clock c> [now] [,] (what time will it be|what time "
            "is "
            "it|what will the time be|what time will it be) (in|after) <duration d>",
            "if [it is|it's|the time is|it is now|it is currently] <clock c> [now] [,] (what time will it be|what time "
            "is "
            "it) <duration d> (later|from now)",
            "(it is|it's|the time is) <clock c> [now] [,|.] what time will it be in <duration d>",
            "(a|the) (meeting|film|movie|train|flight|class|lesson|concert|show|train journey|journey|trip) (starts|"
            "begins|leaves|departs) at <clock c> and (lasts|takes|runs for|runs) <duration d> [,|.] (when does it end|"
            "what time does it end|at what time does it end|when does it arrive|at what time does it arrive|what time "
            "does it arrive|when does it finish|what time does it finish)"},
           clock_after},
          {{"subtract <duration d> from <clock c>", "[WHAT] <clock c> (minus|-) <duration d>",
            "(what time is it|what time is|what time was it|what time was|what is the time|WHAT the time) [exactly] "
            "<duration d> (before|prior to|earlier than) <clock c>",
            "if [it is|it's|the time is|it is now] <clock c> [now] [,] what time was it <duration d> (ago|earlier)"},
           clock_before},
          {{"how long (is it|is|is the time) (from|between) <clock a> (to|until|till|and) <clock b>",
            "how much time (is there|is|passes|elapses|has passed|passed|elapsed) (from|between) <clock a> "
            "(to|until|till|"
            "and) <clock b>",
            "[WHAT] the (time|duration|elapsed time|time difference|difference|interval) (from|between) <clock a> (to|"
            "until|till|and) <clock b>",
            "how (long|many hours and minutes) [are there|is it|are] (from|between) <clock a> (to|until|till|and) "
            "<clock "
            "b>"},
           clock_between},
          {{"how many <dunit u> (are|is|pass|elapse) [there|it] (from|between) <clock a> (to|until|till|and) <clock b>",
            "how many <dunit u> (from|between) <clock a> (to|until|till|and) <clock b>",
            "[WHAT] the number of <dunit u> (from|between) <clock a> (to|until|till|and) <clock b>"},
           clock_between_unit},
          {{"(convert|change|write|express|WHAT) [the time] <clock c> (to|into|in|as|using) [a|the] (24 - hour|24 hour|"
            "military) (time|format|clock|notation|clock time|clock format|time format)"},
           to_24},
          {{"(convert|change|write|express|WHAT) [the time] <clock c> (to|into|in|as|using) [a|the] (12 - hour|12 "
            "hour) "
            "(time|format|clock|notation|clock time|clock format|time format)"},
           to_12},
      },
      date_slots());
  return kRules;
}

std::span<const Rule> zone_rules() {
  static const std::vector<SlotType> kTypes = [] {
    std::vector<SlotType> types(date_slots().begin(), date_slots().end());
    types.push_back({"zone", ends_zone});
    return types;
  }();
  static const std::vector<Rule> kRules = compile_rules(
      {
          {{"what time is it [now|right now|currently] in <zone t> [now|right now|currently|at the moment]",
            "[WHAT] the [current|local] time in <zone t> [now|right now]", "[WHAT] the current time in <zone t>"},
           now_in_zone},
          {{"(convert|change|translate|WHAT) <clock c> [in] <zone f> [on <date d>] (to|into|in) <zone t> [on <date d>]",
            "what time is <clock c> [in] <zone f> [on <date d>] in <zone t> [on <date d>]",
            "(if|when) [it is|it's|the time is] <clock c> [in] <zone f> [on <date d>] [,] what time is it [in|at] "
            "<zone t>",
            "what time is it in <zone t> (when|if) it is <clock c> [in] <zone f> [on <date d>]",
            "<clock c> [in] <zone f> (to|in|into) <zone t>"},
           between_zones},
      },
      kTypes);
  return kRules;
}

}  // namespace thalamus::tool
