#include "thalamus/tool/dates_zone.h"

#include <fmt/core.h>

#include <algorithm>

#include "thalamus/base/file.h"
#include "thalamus/base/text.h"
#include "thalamus/tool/dates_civil.h"

namespace thalamus::tool {
namespace {

constexpr std::string_view kDatabase = "/usr/share/zoneinfo/";
constexpr std::uint64_t kFileBytesMax = 65'536;
constexpr std::uint32_t kTransitionsMax = 4000;
constexpr std::int32_t kOffsetMax = 26 * 3600;

/// Big-endian reading with bounds.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}
  [[nodiscard]] bool has(std::size_t count) const noexcept { return bytes_.size() - at_ >= count; }
  std::string_view take(std::size_t count) noexcept {
    const auto part = bytes_.substr(at_, count);
    at_ += count;
    return part;
  }
  std::int64_t number(std::size_t size) noexcept {
    std::uint64_t value = 0;
    for (const char c : take(size)) value = (value << 8) | static_cast<unsigned char>(c);
    if (size == 4) return static_cast<std::int32_t>(static_cast<std::uint32_t>(value));
    return static_cast<std::int64_t>(value);
  }
  [[nodiscard]] std::string_view rest() const noexcept { return bytes_.substr(at_); }

 private:
  std::string_view bytes_;
  std::size_t at_ = 0;
};

struct Counts {
  std::uint32_t is_utc, is_standard, leap, transitions, types, characters;
  [[nodiscard]] std::size_t block(std::size_t time_size) const {
    return std::size_t{transitions} * (time_size + 1) + std::size_t{types} * 6 + characters +
           std::size_t{leap} * (time_size + 4) + is_standard + is_utc;
  }
};

std::optional<Counts> read_header(Reader& reader) {
  if (!reader.has(44) || reader.take(4) != "TZif" || reader.take(1) < "2") return std::nullopt;
  (void)reader.take(15);
  std::uint32_t values[6];
  for (std::uint32_t& value : values) value = static_cast<std::uint32_t>(reader.number(4));
  if (std::any_of(std::begin(values), std::end(values), [](std::uint32_t v) { return v > kTransitionsMax; })) {
    return std::nullopt;
  }
  return Counts{values[0], values[1], values[2], values[3], values[4], values[5]};
}

/// Cursor over a POSIX TZ text.
class RuleReader {
 public:
  explicit RuleReader(std::string_view text) : text_(text) {}
  [[nodiscard]] bool done() const noexcept { return at_ == text_.size(); }
  bool take(char c) noexcept {
    if (done() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  [[nodiscard]] char peek() const noexcept { return done() ? '\0' : text_[at_]; }
  bool name() {
    const std::size_t begin = at_;
    if (take('<')) {
      while (!done() && text_[at_] != '>') ++at_;
      return take('>');
    }
    while (!done() && ((text_[at_] | 0x20) >= 'a' && (text_[at_] | 0x20) <= 'z')) ++at_;
    return at_ - begin >= 3;
  }
  std::optional<std::int32_t> integer() {
    std::int32_t value = 0;
    const std::size_t begin = at_;
    while (!done() && text_[at_] >= '0' && text_[at_] <= '9' && at_ - begin < 4)
      value = value * 10 + (text_[at_++] - '0');
    return at_ == begin ? std::nullopt : std::optional<std::int32_t>(value);
  }
  /// [+-]hh[:mm[:ss]]
  std::optional<std::int32_t> time() {
    const bool negative = take('-');
    if (!negative) (void)take('+');
    std::int32_t total = 0;
    for (const std::int32_t unit : {3600, 60, 1}) {
      const auto part = integer();
      if (!part.has_value()) return std::nullopt;
      total += *part * unit;
      if (!take(':')) break;
    }
    return negative ? -total : total;
  }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
};

struct Alias {
  std::string_view words;  ///< lower case, separated by |
  std::string_view zone;
};
constexpr Alias kCities[] = {
    {"new york|new york city|nyc|boston|washington dc|miami|eastern", "America/New_York"},
    {"chicago|houston|dallas", "America/Chicago"},
    {"denver", "America/Denver"},
    {"phoenix", "America/Phoenix"},
    {"los angeles|san francisco|seattle|la|pacific", "America/Los_Angeles"},
    {"toronto", "America/Toronto"},
    {"vancouver", "America/Vancouver"},
    {"mexico city", "America/Mexico_City"},
    {"sao paulo|são paulo", "America/Sao_Paulo"},
    {"buenos aires", "America/Argentina/Buenos_Aires"},
    {"bogota", "America/Bogota"},
    {"lima", "America/Lima"},
    {"honolulu|hawaii", "Pacific/Honolulu"},
    {"anchorage", "America/Anchorage"},
    {"london|uk", "Europe/London"},
    {"dublin", "Europe/Dublin"},
    {"lisbon", "Europe/Lisbon"},
    {"madrid", "Europe/Madrid"},
    {"paris", "Europe/Paris"},
    {"brussels", "Europe/Brussels"},
    {"amsterdam", "Europe/Amsterdam"},
    {"berlin|germany|munich|frankfurt", "Europe/Berlin"},
    {"zurich", "Europe/Zurich"},
    {"vienna", "Europe/Vienna"},
    {"rome", "Europe/Rome"},
    {"prague", "Europe/Prague"},
    {"warsaw", "Europe/Warsaw"},
    {"stockholm", "Europe/Stockholm"},
    {"oslo", "Europe/Oslo"},
    {"copenhagen", "Europe/Copenhagen"},
    {"helsinki", "Europe/Helsinki"},
    {"athens", "Europe/Athens"},
    {"istanbul", "Europe/Istanbul"},
    {"kyiv|kiev", "Europe/Kiev"},
    {"moscow", "Europe/Moscow"},
    {"cairo", "Africa/Cairo"},
    {"lagos", "Africa/Lagos"},
    {"nairobi", "Africa/Nairobi"},
    {"johannesburg|cape town", "Africa/Johannesburg"},
    {"dubai", "Asia/Dubai"},
    {"karachi", "Asia/Karachi"},
    {"mumbai|delhi|new delhi|bangalore|kolkata|india", "Asia/Kolkata"},
    {"dhaka", "Asia/Dhaka"},
    {"kathmandu", "Asia/Kathmandu"},
    {"bangkok", "Asia/Bangkok"},
    {"jakarta", "Asia/Jakarta"},
    {"singapore", "Asia/Singapore"},
    {"hong kong", "Asia/Hong_Kong"},
    {"beijing|shanghai|china", "Asia/Shanghai"},
    {"taipei", "Asia/Taipei"},
    {"manila", "Asia/Manila"},
    {"seoul", "Asia/Seoul"},
    {"tokyo|japan|osaka", "Asia/Tokyo"},
    {"perth", "Australia/Perth"},
    {"sydney", "Australia/Sydney"},
    {"melbourne", "Australia/Melbourne"},
    {"brisbane", "Australia/Brisbane"},
    {"auckland", "Pacific/Auckland"},
};
struct Abbreviation {
  std::string_view word;
  std::int32_t minutes;
  std::string_view place;  ///< whose clocks change between this time and another; empty if none do
};
/// Abbreviations with more than one common meaning (CST, IST, BST, AST) are not here.
constexpr Abbreviation kAbbreviations[] = {
    {"utc", 0, ""},
    {"gmt", 0, ""},
    {"est", -300, "America/New_York"},
    {"edt", -240, "America/New_York"},
    {"cdt", -300, "America/Chicago"},
    {"mst", -420, "America/Denver"},
    {"mdt", -360, "America/Denver"},
    {"pst", -480, "America/Los_Angeles"},
    {"pdt", -420, "America/Los_Angeles"},
    {"cet", 60, "Europe/Berlin"},
    {"cest", 120, "Europe/Berlin"},
    {"eet", 120, "Europe/Athens"},
    {"eest", 180, "Europe/Athens"},
    {"jst", 540, ""},
    {"kst", 540, ""},
    {"aest", 600, "Australia/Sydney"},
    {"aedt", 660, "Australia/Sydney"},
    {"nzst", 720, "Pacific/Auckland"},
    {"nzdt", 780, "Pacific/Auckland"},
    {"msk", 180, ""},
    {"akst", -540, "America/Anchorage"},
};

std::uint32_t skip_time_word(const Phrase& phrase, std::uint32_t at, std::uint32_t limit) {
  if (at < limit && phrase.is(at, "local")) ++at;
  return at < limit && phrase.is(at, "time") ? at + 1 : at;
}

/// "+5", "-3:30" after UTC or GMT, without spaces.
std::optional<ZoneMatch> match_offset(const Phrase& phrase, std::uint32_t begin, std::uint32_t limit) {
  std::uint32_t at = begin + 1;
  if (at + 1 >= limit || (!phrase.is(at, "+") && !phrase.is(at, "-")) || phrase[at].spaced || phrase[at + 1].spaced) {
    return std::nullopt;
  }
  const bool negative = phrase.is(at, "-");
  const auto hours = base::parse_number<std::int32_t>(phrase[at + 1].lower);
  if (!hours.has_value() || *hours > 14 || phrase[at + 1].lower.size() > 2) return std::nullopt;
  std::int32_t minutes = *hours * 60;
  at += 2;
  if (at + 1 < limit && phrase.is(at, ":") && !phrase[at].spaced) {
    const auto more = base::parse_number<std::int32_t>(phrase[at + 1].lower);
    if (!more.has_value() || *more > 59) return std::nullopt;
    minutes += *more;
    at += 2;
  }
  return ZoneMatch{std::string(phrase.slice(begin, at)), (negative ? -minutes : minutes) * 60, at};
}

/// "Europe/Berlin", "America/New_York".
std::optional<ZoneMatch> match_iana(const Phrase& phrase, std::uint32_t begin, std::uint32_t limit) {
  std::uint32_t at = begin;
  int parts = 0;
  while (at < limit && phrase[at].kind == TokenKind::kWord && parts < 3) {
    ++parts;
    ++at;
    if (at + 1 >= limit || !phrase.is(at, "/") || phrase[at].spaced || phrase[at + 1].spaced) break;
    ++at;
  }
  if (parts < 2) return std::nullopt;
  const std::string name(phrase.slice(begin, at));
  const bool plain = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '/' || c == '-';
  });
  if (!plain) return std::nullopt;
  return ZoneMatch{name, std::nullopt, at};
}

}  // namespace

Zone Zone::fixed(std::int32_t offset_s, std::string name) {
  Zone zone;
  zone.name_ = std::move(name);
  zone.first_offset_ = offset_s;
  return zone;
}

std::optional<Zone> Zone::parse(std::string_view bytes, std::string name) {
  Reader reader(bytes);
  const auto first = read_header(reader);
  if (!first.has_value() || !reader.has(first->block(4))) return std::nullopt;
  (void)reader.take(first->block(4));
  const auto counts = read_header(reader);
  if (!counts.has_value() || !reader.has(counts->block(8)) || counts->types == 0) return std::nullopt;
  std::vector<std::int64_t> times(counts->transitions);
  for (std::int64_t& time : times) time = reader.number(8);
  if (!std::is_sorted(times.begin(), times.end())) return std::nullopt;
  const std::string_view indices = reader.take(counts->transitions);
  std::vector<std::int32_t> offsets(counts->types);
  for (std::int32_t& offset : offsets) {
    offset = static_cast<std::int32_t>(reader.number(4));
    (void)reader.take(2);
    if (offset > kOffsetMax || offset < -kOffsetMax) return std::nullopt;
  }
  Zone zone;
  zone.name_ = std::move(name);
  zone.first_offset_ = offsets[0];
  for (std::size_t i = 0; i < times.size(); ++i) {
    const auto type = static_cast<unsigned char>(indices[i]);
    if (type >= offsets.size()) return std::nullopt;
    zone.transitions_.push_back({times[i], offsets[type]});
  }
  (void)reader.take(counts->block(8) - std::size_t{counts->transitions} * 9 - std::size_t{counts->types} * 6);
  const std::string_view footer = reader.rest();
  const auto close = footer.find('\n', 1);
  if (footer.empty() || footer.front() != '\n' || close == std::string_view::npos) return std::nullopt;
  const std::string_view rule = footer.substr(1, close - 1);
  if (!rule.empty()) {
    zone.rule_ = parse_rule(rule);
    if (!zone.rule_.has_value()) return std::nullopt;
  }
  return zone;
}

std::optional<Zone::Rule> Zone::parse_rule(std::string_view text) {
  RuleReader reader(text);
  Rule rule{};
  if (!reader.name()) return std::nullopt;
  const auto standard = reader.time();
  if (!standard.has_value()) return std::nullopt;
  rule.standard = -*standard;
  rule.daylight = rule.standard + 3600;
  if (reader.done()) return rule;
  rule.has_daylight = true;
  if (!reader.name()) return std::nullopt;
  if (reader.peek() != ',') {
    const auto daylight = reader.time();
    if (!daylight.has_value()) return std::nullopt;
    rule.daylight = -*daylight;
  }
  for (Change* change : {&rule.to_daylight, &rule.to_standard}) {
    if (!reader.take(',') || !reader.take('M')) return std::nullopt;
    const auto month = reader.integer();
    const auto week = reader.take('.') ? reader.integer() : std::nullopt;
    const auto weekday = reader.take('.') ? reader.integer() : std::nullopt;
    if (!month.has_value() || !week.has_value() || !weekday.has_value()) return std::nullopt;
    if (*month < 1 || *month > 12 || *week < 1 || *week > 5 || *weekday > 6) return std::nullopt;
    *change = {*month, *week, *weekday, 7200};
    if (reader.take('/')) {
      const auto second = reader.time();
      if (!second.has_value()) return std::nullopt;
      change->second = *second;
    }
  }
  return reader.done() ? std::optional<Rule>(rule) : std::nullopt;
}

std::int32_t Zone::offset_by_rule(const Rule& rule, std::int64_t unix_s) noexcept {
  if (!rule.has_daylight) return rule.standard;
  const std::int64_t local = unix_s + rule.standard;
  const std::int32_t year = date_of(local / 86'400 - (local % 86'400 < 0 ? 1 : 0)).year;
  const auto instant = [&](const Change& change, std::int32_t offset) {
    const std::int64_t first = day_number({year, change.month, 1});
    const auto first_weekday = (static_cast<std::int32_t>(weekday_of(first)) + 1) % 7;  // 0 is Sunday
    std::int32_t day = (change.weekday - first_weekday + 7) % 7 + (change.week - 1) * 7;
    if (day >= days_in_month(year, change.month)) day -= 7;
    return (first + day) * 86'400 + change.second - offset;
  };
  const std::int64_t start = instant(rule.to_daylight, rule.standard);
  const std::int64_t stop = instant(rule.to_standard, rule.daylight);
  const bool daylight = start < stop ? unix_s >= start && unix_s < stop : unix_s >= start || unix_s < stop;
  return daylight ? rule.daylight : rule.standard;
}

std::int32_t Zone::offset_at(std::int64_t unix_s) const noexcept {
  if (transitions_.empty() || unix_s >= transitions_.back().at) {
    if (rule_.has_value()) return offset_by_rule(*rule_, unix_s);
    return transitions_.empty() ? first_offset_ : transitions_.back().offset;
  }
  const auto after = std::upper_bound(transitions_.begin(), transitions_.end(), unix_s,
                                      [](std::int64_t at, const Transition& transition) { return at < transition.at; });
  return after == transitions_.begin() ? first_offset_ : std::prev(after)->offset;
}

std::optional<std::int64_t> Zone::instant_of(std::int64_t local_s) const noexcept {
  // Offsets a day before and a day after are the only candidates around one change.
  std::optional<std::int64_t> found;
  for (const std::int64_t probe : {local_s - 86'400, local_s + 86'400}) {
    const std::int64_t instant = local_s - offset_at(probe);
    if (instant + offset_at(instant) != local_s) continue;
    if (found.has_value() && *found != instant) return std::nullopt;
    found = instant;
  }
  return found;
}

std::optional<ZoneMatch> match_zone(const Phrase& phrase, std::uint32_t begin, std::uint32_t limit) {
  if (begin >= limit || phrase[begin].kind != TokenKind::kWord) return std::nullopt;
  if (phrase.is(begin, "utc") || phrase.is(begin, "gmt")) {
    if (auto offset = match_offset(phrase, begin, limit); offset.has_value()) return offset;
    const std::uint32_t next = begin + 1;
    if (next < limit && (phrase.is(next, "+") || phrase.is(next, "-"))) return std::nullopt;
  }
  for (const Abbreviation& entry : kAbbreviations) {
    if (!phrase.is(begin, entry.word)) continue;
    return ZoneMatch{std::string(phrase.slice(begin, begin + 1)), entry.minutes * 60,
                     skip_time_word(phrase, begin + 1, limit)};
  }
  if (auto iana = match_iana(phrase, begin, limit); iana.has_value()) {
    iana->end = skip_time_word(phrase, iana->end, limit);
    return iana;
  }
  for (std::uint32_t size = 3; size >= 1; --size) {
    if (begin + size > limit) continue;
    std::string words;
    for (std::uint32_t i = 0; i < size; ++i) words += (i == 0 ? "" : " ") + phrase[begin + i].lower;
    for (const Alias& alias : kCities) {
      const auto names = base::split(alias.words, '|');
      if (std::find(names.begin(), names.end(), words) == names.end()) continue;
      return ZoneMatch{std::string(alias.zone), std::nullopt, skip_time_word(phrase, begin + size, limit)};
    }
  }
  return std::nullopt;
}

bool is_out_of_season(const ZoneMatch& match, std::int64_t unix_s) {
  if (!match.offset_s.has_value()) return false;
  const std::string word = base::lower_ascii(match.name);
  const auto* const entry = std::find_if(std::begin(kAbbreviations), std::end(kAbbreviations),
                                         [&](const Abbreviation& abbreviation) { return abbreviation.word == word; });
  if (entry == std::end(kAbbreviations) || entry->place.empty()) return false;
  const auto place = load_zone({std::string(entry->place), std::nullopt, 0});
  return !place.has_value() || place->offset_at(unix_s) != *match.offset_s;
}

std::optional<Zone> load_zone(const ZoneMatch& match) {
  if (match.offset_s.has_value()) return Zone::fixed(*match.offset_s, match.name);
  // match_zone lets no dots through, so the path stays inside the database.
  const auto bytes = base::read_file(std::string(kDatabase) + match.name, kFileBytesMax);
  if (!bytes.has_value()) return std::nullopt;
  return Zone::parse(*bytes, match.name);
}

}  // namespace thalamus::tool
