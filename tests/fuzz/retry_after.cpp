/// What an upstream writes into `Retry-After` and `retry-after-ms`, and what it says beside them. Input: eight bytes of
/// the present in seconds, then the value. A wait is never negative nor longer than kRetryAfterMax, whitespace around
/// the value changes nothing, and a date is what it says of itself when it is read again at another time.
#include "thalamus/dispatch/retry_after.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "thalamus/dispatch/failure.h"

namespace {

using namespace thalamus;
using namespace thalamus::dispatch;

void check_wait(std::optional<Nanoseconds> wait) {
  if (wait && (wait->value < 0 || *wait > kRetryAfterMax)) std::abort();
}

void check_date(std::string_view text, std::int64_t now) {
  const auto date = parse_http_date(text, now);
  if (!date) return;
  // Four digits name a year from 0 to 9999; two digits one near the present.
  constexpr std::int64_t kYearS = 31'556'952;
  if (*date < -1'971 * kYearS || *date > 8'031 * kYearS) std::abort();
  if (text.find(',') != std::string_view::npos && text.substr(0, text.find(',')).size() > 3) return;  // two digits
  if (parse_http_date(text, now + 1'000'000'000) != date) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::uint64_t bits = 0;
  if (size < sizeof bits) return 0;
  std::memcpy(&bits, data, sizeof bits);
  const auto now = static_cast<std::int64_t>(bits % 253'402'300'800);  // until the end of the year 9999
  const std::string_view text(reinterpret_cast<const char*>(data) + sizeof bits, size - sizeof bits);
  const auto wait = parse_retry_after(text, now);
  const auto wait_ms = parse_retry_after_ms(text);
  check_wait(wait);
  check_wait(wait_ms);
  const std::string padded = " \t" + std::string(text) + " ";
  if (parse_retry_after(padded, now) != wait || parse_retry_after_ms(padded) != wait_ms) std::abort();
  check_date(text, now);
  for (const int status : {200, 429, 503}) {
    FailureFacts facts;
    facts.status = status;
    facts.message = text;
    facts.retry_after = text;
    facts.retry_after_ms = text.substr(text.size() / 2);
    facts.should_retry = text.substr(0, 5);
    facts.now_unix_s = now;
    check_wait(classify(facts).retry_after);
  }
  return 0;
}
