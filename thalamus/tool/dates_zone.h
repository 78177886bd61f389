/// Offsets from UTC: fixed ones, abbreviations with one meaning, and the zones of the system's time zone database
/// (TZif files, RFC 8536), found by IANA name or by the name of a large city.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "thalamus/tool/phrase.h"

namespace thalamus::tool {

/// One zone. Between transitions the offset is constant; after the last one the file's rule text applies.
class Zone {
 public:
  [[nodiscard]] static Zone fixed(std::int32_t offset_s, std::string name);
  /// The bytes of a TZif file of version 2 or later; nothing if they are malformed.
  [[nodiscard]] static std::optional<Zone> parse(std::string_view bytes, std::string name);

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] bool is_fixed() const noexcept { return transitions_.empty() && !rule_.has_value(); }
  /// Seconds east of UTC at an instant.
  [[nodiscard]] std::int32_t offset_at(std::int64_t unix_s) const noexcept;
  /// The instant of a local time; nothing if the local time is skipped or happens twice.
  [[nodiscard]] std::optional<std::int64_t> instant_of(std::int64_t local_s) const noexcept;

 private:
  /// A POSIX TZ rule with months, weeks and days: "EST5EDT,M3.2.0,M11.1.0".
  struct Change {
    std::int32_t month;
    std::int32_t week;
    std::int32_t weekday;
    std::int32_t second;
  };
  struct Rule {
    std::int32_t standard;
    std::int32_t daylight;
    bool has_daylight;
    Change to_daylight;
    Change to_standard;
  };
  struct Transition {
    std::int64_t at;
    std::int32_t offset;
  };
  [[nodiscard]] static std::optional<Rule> parse_rule(std::string_view text);
  [[nodiscard]] static std::int32_t offset_by_rule(const Rule& rule, std::int64_t unix_s) noexcept;

  std::string name_;
  std::int32_t first_offset_ = 0;
  std::vector<Transition> transitions_;
  std::optional<Rule> rule_;
};

struct ZoneMatch {
  std::string name;                      ///< IANA name, or "UTC+2"
  std::optional<std::int32_t> offset_s;  ///< of a fixed offset
  std::uint32_t end = 0;
};
/// "UTC+5:30", "PST", "Tokyo", "New York time", "Europe/Berlin".
[[nodiscard]] std::optional<ZoneMatch> match_zone(const Phrase& phrase, std::uint32_t begin, std::uint32_t limit);
/// "EST" in July, "CEST" in January: the place keeps another time then, and the writer may have meant that.
[[nodiscard]] bool is_out_of_season(const ZoneMatch& match, std::int64_t unix_s);
/// Reads the zone's file on each call (a few kilobytes); nothing if the database or the zone is missing.
[[nodiscard]] std::optional<Zone> load_zone(const ZoneMatch& match);

}  // namespace thalamus::tool
