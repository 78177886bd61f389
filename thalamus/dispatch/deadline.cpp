#include "thalamus/dispatch/deadline.h"

#include <algorithm>

#include "thalamus/base/text.h"

namespace thalamus::dispatch {
namespace {

constexpr std::int64_t kTellShare = 100;
constexpr std::size_t kShownMax = 40;

// How the Python clients write a time-out that was switched off, or that nobody gave.
bool says_nothing(std::string_view text) noexcept { return text == "None" || text == "NOT_GIVEN"; }

Result<std::optional<Nanoseconds>> parse_span(std::string_view header, std::optional<std::string_view> value,
                                              double unit_s, std::string_view unit) {
  if (!value) return std::nullopt;
  const std::string_view text = base::trim(*value);
  if (says_nothing(text)) return std::nullopt;
  const auto number = base::parse_number<double>(text);
  if (!number || !(*number > 0) || *number * unit_s < 1e-9)
    return fail_at("header " + std::string(header), ErrorKind::kInvalidInput,
                   "expected {} as a number above zero, got '{}'; send such a number or leave the header out", unit,
                   text.substr(0, kShownMax));
  return std::min(Nanoseconds::from_seconds(*number * unit_s), kClientWaitMax);
}

// Whole seconds, cut off: "0" is a time-out of less than one second, and "5" one of less than six.
Result<std::optional<Nanoseconds>> parse_cut_seconds(std::optional<std::string_view> value) {
  if (!value) return std::nullopt;
  const std::string_view text = base::trim(*value);
  if (says_nothing(text)) return std::nullopt;
  const auto number = base::parse_number<double>(text);
  if (!number || *number < 0)
    return fail_at(
        "header " + std::string(kTimeoutHeader), ErrorKind::kInvalidInput,
        "expected seconds as a number that is not negative, got '{}'; send such a number or leave the header "
        "out",
        text.substr(0, kShownMax));
  return std::min(Nanoseconds::from_seconds(*number + 1), kClientWaitMax);
}

struct Bound {
  Nanoseconds at;
  BoundBy by = BoundBy::kTarget;
  void tighten(Nanoseconds other, BoundBy other_by) noexcept {
    if (other < at) *this = {other, other_by};
  }
};

// The instant until which an answer is still of use: a little before the client gives up, so that it is told.
Nanoseconds useful_until(Nanoseconds arrived, Nanoseconds wait) noexcept {
  return arrived + wait - std::min(Nanoseconds{wait.value / kTellShare}, kTellMax);
}

Status check_left(const Bound& bound, const ClientWait& client, const AttemptTimes& times) {
  if (bound.at > times.now) return {};
  const Nanoseconds waited = times.now - times.arrived;
  if (bound.by == BoundBy::kClientDeadline)
    return fail(ErrorKind::kTimeout, "{}: {:.0f} ms have passed of {:.0f}; nothing is left for an attempt",
                kDeadlineHeader, waited.ms(), client.whole->ms());
  return fail(ErrorKind::kTimeout,
              "the client's own time-out has passed after {:.0f} ms; nothing is left for an attempt", waited.ms());
}

// Moves `bound` forward to leave `reserve` to others, unless this attempt would then have less than they.
void keep_back(Bound& bound, const AttemptTimes& times) noexcept {
  if (bound.by == BoundBy::kTarget || times.reserve <= Nanoseconds{}) return;
  const Nanoseconds left = bound.at - times.now;
  bound.at = bound.at - std::min(times.reserve, Nanoseconds{left.value / 2});
}

}  // namespace

std::string_view describe(BoundBy bound) noexcept {
  switch (bound) {
    case BoundBy::kTarget: return "the target's limit";
    case BoundBy::kClientDeadline: return kDeadlineHeader;
    case BoundBy::kClientTimeout: return "the client's own time-out";
  }
  return "a limit";
}

Result<ClientWait> parse_client_wait(const ClientWaitHeaders& headers) {
  ClientWait wait;
  TRY(wait.whole, parse_span(kDeadlineHeader, headers.deadline_ms, 1e-3, "milliseconds"));
  TRY(wait.silence, parse_span(kReadTimeoutHeader, headers.read_timeout_s, 1, "seconds"));
  TRY(wait.head, parse_cut_seconds(headers.timeout_s));
  return wait;
}

Result<AttemptLimits> attempt_limits(const TimeLimits& target, const ClientWait& client, AnswerShape shape,
                                     const AttemptTimes& times) {
  const bool buffered = shape == AnswerShape::kBuffered;
  Bound end{times.now + target.total};
  if (client.whole) end.tighten(useful_until(times.arrived, *client.whole), BoundBy::kClientDeadline);
  Bound first{times.now + target.first_token};
  for (const auto& span : {client.silence, client.head})
    if (span) (buffered ? end : first).tighten(useful_until(times.arrived, *span), BoundBy::kClientTimeout);
  first.tighten(end.at, end.by);
  CHECK_OK(check_left(first, client, times));
  if (buffered) keep_back(end, times);
  keep_back(first, times);
  first.tighten(end.at, end.by);
  Bound idle{target.idle};
  if (client.silence && !buffered) idle.tighten(useful_until(Nanoseconds{}, *client.silence), BoundBy::kClientTimeout);
  return AttemptLimits{.connect_by = std::min(times.now + target.connect, first.at),
                       .first_token_by = first.at,
                       .idle = idle.at,
                       .end_by = end.at,
                       .first_token_bound = first.by,
                       .idle_bound = idle.by,
                       .end_bound = end.by};
}

}  // namespace thalamus::dispatch
