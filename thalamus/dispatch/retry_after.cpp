#include "thalamus/dispatch/retry_after.h"

#include <algorithm>
#include <array>
#include <chrono>

#include "thalamus/base/text.h"

namespace thalamus::dispatch {
namespace {

constexpr std::array<std::string_view, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::array<std::string_view, 7> kDays{"Monday", "Tuesday",  "Wednesday", "Thursday",
                                                "Friday", "Saturday", "Sunday"};

/// Takes a text apart from the left. Once a piece does not fit, `ok` stays false.
class Scanner {
 public:
  explicit Scanner(std::string_view text) noexcept : rest_(text) {}

  void expect(std::string_view word) noexcept {
    if (!ok_ || !rest_.starts_with(word)) return reject();
    rest_.remove_prefix(word.size());
  }

  /// Exactly `digits` digits.
  int number(std::size_t digits) noexcept {
    if (!ok_ || rest_.size() < digits) return reject_number();
    int value = 0;
    for (std::size_t i = 0; i < digits; ++i) {
      if (rest_[i] < '0' || rest_[i] > '9') return reject_number();
      value = value * 10 + (rest_[i] - '0');
    }
    rest_.remove_prefix(digits);
    return value;
  }

  /// A day of the month as asctime writes it: two columns, the first may be a space.
  int padded_day() noexcept {
    if (!rest_.starts_with(' ')) return number(2);
    rest_.remove_prefix(1);
    return number(1);
  }

  /// 1 to 12.
  unsigned month() noexcept {
    for (std::size_t i = 0; i < kMonths.size(); ++i) {
      if (!rest_.starts_with(kMonths[i])) continue;
      rest_.remove_prefix(kMonths[i].size());
      return static_cast<unsigned>(i) + 1;
    }
    reject();
    return 0;
  }

  /// The name of a day, whole or its first three letters.
  void weekday(bool whole) noexcept {
    for (const auto name : kDays) {
      const auto word = whole ? name : name.substr(0, 3);
      if (!rest_.starts_with(word)) continue;
      rest_.remove_prefix(word.size());
      return;
    }
    reject();
  }

  [[nodiscard]] bool done() const noexcept { return ok_ && rest_.empty(); }

 private:
  void reject() noexcept { ok_ = false; }
  int reject_number() noexcept {
    ok_ = false;
    return 0;
  }

  std::string_view rest_;
  bool ok_ = true;
};

struct Moment {
  int year = 0;
  unsigned month = 0;
  int day = 0;
  int hour = 0;
  int minute = 0;
  int second = 0;
};

void read_time(Scanner& scanner, Moment& moment) noexcept {
  moment.hour = scanner.number(2);
  scanner.expect(":");
  moment.minute = scanner.number(2);
  scanner.expect(":");
  moment.second = scanner.number(2);
}

std::int64_t year_of(std::int64_t unix_s) noexcept {
  const std::chrono::sys_seconds instant{std::chrono::seconds(unix_s)};
  return static_cast<int>(std::chrono::year_month_day(std::chrono::floor<std::chrono::days>(instant)).year());
}

std::optional<std::int64_t> to_unix(const Moment& moment) noexcept {
  if (moment.hour > 23 || moment.minute > 59 || moment.second > 60) return std::nullopt;  // 60: a leap second
  const std::chrono::year_month_day date{std::chrono::year(moment.year), std::chrono::month(moment.month),
                                         std::chrono::day(static_cast<unsigned>(moment.day))};
  if (!date.ok()) return std::nullopt;
  const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  return days * 86'400 + moment.hour * 3'600 + moment.minute * 60 + moment.second;
}

// Sun, 06 Nov 1994 08:49:37 GMT
std::optional<std::int64_t> imf_fixdate(std::string_view text) noexcept {
  Scanner scanner(text);
  Moment moment;
  scanner.weekday(false);
  scanner.expect(", ");
  moment.day = scanner.number(2);
  scanner.expect(" ");
  moment.month = scanner.month();
  scanner.expect(" ");
  moment.year = scanner.number(4);
  scanner.expect(" ");
  read_time(scanner, moment);
  scanner.expect(" GMT");
  return scanner.done() ? to_unix(moment) : std::nullopt;
}

// Sunday, 06-Nov-94 08:49:37 GMT
std::optional<std::int64_t> rfc850_date(std::string_view text, std::int64_t now_unix_s) noexcept {
  Scanner scanner(text);
  Moment moment;
  scanner.weekday(true);
  scanner.expect(", ");
  moment.day = scanner.number(2);
  scanner.expect("-");
  moment.month = scanner.month();
  scanner.expect("-");
  moment.year = scanner.number(2);
  scanner.expect(" ");
  read_time(scanner, moment);
  scanner.expect(" GMT");
  if (!scanner.done()) return std::nullopt;
  const auto this_year = static_cast<int>(year_of(now_unix_s));
  moment.year += this_year / 100 * 100;
  if (moment.year > this_year + 50) moment.year -= 100;
  if (moment.year <= this_year - 50) moment.year += 100;
  return to_unix(moment);
}

// Sun Nov  6 08:49:37 1994
std::optional<std::int64_t> asctime_date(std::string_view text) noexcept {
  Scanner scanner(text);
  Moment moment;
  scanner.weekday(false);
  scanner.expect(" ");
  moment.month = scanner.month();
  scanner.expect(" ");
  moment.day = scanner.padded_day();
  scanner.expect(" ");
  read_time(scanner, moment);
  scanner.expect(" ");
  moment.year = scanner.number(4);
  return scanner.done() ? to_unix(moment) : std::nullopt;
}

// A plain decimal number: no sign, no exponent, so that nothing odd passes for a time.
std::optional<double> plain_decimal(std::string_view text) noexcept {
  if (text.empty() || text.front() < '0' || text.front() > '9') return std::nullopt;
  if (text.find_first_not_of("0123456789.") != std::string_view::npos) return std::nullopt;
  return base::parse_number<double>(text);
}

Nanoseconds bounded(double seconds) noexcept {
  return std::clamp(Nanoseconds::from_seconds(seconds), Nanoseconds{}, kRetryAfterMax);
}

// More digits than a double holds: a number all the same, and a long one.
bool is_all_digits(std::string_view text) noexcept {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

}  // namespace

std::optional<std::int64_t> parse_http_date(std::string_view text, std::int64_t now_unix_s) noexcept {
  if (const auto fixed = imf_fixdate(text)) return fixed;
  if (const auto old = rfc850_date(text, now_unix_s)) return old;
  return asctime_date(text);
}

std::optional<Nanoseconds> parse_retry_after(std::string_view text, std::int64_t now_unix_s) noexcept {
  text = base::trim(text);
  if (const auto seconds = plain_decimal(text)) return bounded(*seconds);
  if (is_all_digits(text)) return kRetryAfterMax;
  const auto date = parse_http_date(text, now_unix_s);
  if (!date) return std::nullopt;
  return bounded(static_cast<double>(*date - now_unix_s));
}

std::optional<Nanoseconds> parse_retry_after_ms(std::string_view text) noexcept {
  text = base::trim(text);
  if (const auto ms = plain_decimal(text)) return bounded(*ms * 1e-3);
  return is_all_digits(text) ? std::optional(kRetryAfterMax) : std::nullopt;
}

}  // namespace thalamus::dispatch
