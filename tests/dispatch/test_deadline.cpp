#include "thalamus/dispatch/deadline.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "thalamus/base/rng.h"

namespace thalamus::dispatch {
namespace {

constexpr TimeLimits kTarget{.connect = Nanoseconds::from_ms(5'000),
                             .first_token = Nanoseconds::from_ms(30'000),
                             .idle = Nanoseconds::from_ms(20'000),
                             .total = Nanoseconds::from_ms(600'000)};

Nanoseconds at_ms(std::int64_t ms) { return Nanoseconds::from_ms(ms); }

AttemptLimits limits_of(const ClientWait& client, AnswerShape shape, const AttemptTimes& times) {
  const auto limits = attempt_limits(kTarget, client, shape, times);
  EXPECT_TRUE(limits.has_value());
  return limits.value_or(AttemptLimits{});
}

std::string error_of(const ClientWaitHeaders& headers) {
  const auto wait = parse_client_wait(headers);
  return wait ? "" : wait.error().text();
}

TEST(ClientWait, IsReadFromTheHeaders) {
  const auto wait = parse_client_wait({.deadline_ms = "1500", .read_timeout_s = "600.0", .timeout_s = "5"});
  ASSERT_TRUE(wait.has_value());
  EXPECT_EQ(wait->whole, at_ms(1'500));
  EXPECT_EQ(wait->silence, at_ms(600'000));
  EXPECT_EQ(wait->head, at_ms(6'000)) << "the client cut the fraction off";
  const auto none = parse_client_wait({});
  ASSERT_TRUE(none.has_value());
  EXPECT_FALSE(none->whole || none->silence || none->head);
  EXPECT_FALSE(parse_client_wait({.read_timeout_s = "None"})->silence.has_value());
  EXPECT_FALSE(parse_client_wait({.timeout_s = "NOT_GIVEN"})->head.has_value()) << "as Anthropic's Python client says";
  EXPECT_FALSE(parse_client_wait({.timeout_s = "None"})->head.has_value());
  EXPECT_EQ(parse_client_wait({.timeout_s = "0"})->head, at_ms(1'000));
  EXPECT_EQ(parse_client_wait({.deadline_ms = "1e300"})->whole, kClientWaitMax);
}

TEST(ClientWait, RefusesWhatCannotBeMeant) {
  EXPECT_EQ(
      error_of({.deadline_ms = "0"}),
      "header x-thalamus-deadline-ms: expected milliseconds as a number above zero, got '0'; send such a number or "
      "leave the header out");
  EXPECT_EQ(
      error_of({.read_timeout_s = "-3"}),
      "header x-stainless-read-timeout: expected seconds as a number above zero, got '-3'; send such a number or leave "
      "the header out");
  EXPECT_EQ(
      error_of({.timeout_s = "-1"}),
      "header x-stainless-timeout: expected seconds as a number that is not negative, got '-1'; send such a number or "
      "leave the header out");
  for (const auto* text : {"", " ", "soon", "1s", "nan", "inf", "0.0", "1e-300", "0x10", "1,5"}) {
    EXPECT_FALSE(parse_client_wait({.deadline_ms = text}).has_value()) << "'" << text << "'";
    EXPECT_FALSE(parse_client_wait({.read_timeout_s = text}).has_value()) << "'" << text << "'";
  }
  EXPECT_LT(error_of({.deadline_ms = std::string(10'000, 'x')}).size(), 250U) << "a long value is not repeated whole";
}

TEST(AttemptLimits, AreTheTargetsWithoutAClient) {
  for (const auto shape : {AnswerShape::kStream, AnswerShape::kBuffered}) {
    const auto limits = limits_of({}, shape, {.arrived = at_ms(0), .now = at_ms(1'000)});
    EXPECT_EQ(limits.connect_by, at_ms(6'000));
    EXPECT_EQ(limits.first_token_by, at_ms(31'000));
    EXPECT_EQ(limits.idle, at_ms(20'000));
    EXPECT_EQ(limits.end_by, at_ms(601'000));
    EXPECT_EQ(limits.first_token_bound, BoundBy::kTarget);
  }
}

TEST(AttemptLimits, ADeadlineBindsEverything) {
  const ClientWait client{.whole = at_ms(4'000), .silence = {}, .head = {}};
  const auto limits = limits_of(client, AnswerShape::kStream, {.arrived = at_ms(0), .now = at_ms(1'000)});
  EXPECT_EQ(limits.end_by, at_ms(3'960)) << "a hundredth is left for telling";
  EXPECT_EQ(limits.first_token_by, at_ms(3'960));
  EXPECT_EQ(limits.connect_by, at_ms(3'960));
  EXPECT_EQ(limits.end_bound, BoundBy::kClientDeadline);
  EXPECT_EQ(describe(limits.end_bound), "x-thalamus-deadline-ms");
}

TEST(AttemptLimits, AReadTimeoutBindsThePausesOfAStreamAndTheWholeOfABufferedAnswer) {
  const ClientWait client{.whole = {}, .silence = at_ms(10'000), .head = {}};
  const AttemptTimes times{.arrived = at_ms(0), .now = at_ms(2'000)};
  const auto stream = limits_of(client, AnswerShape::kStream, times);
  EXPECT_EQ(stream.first_token_by, at_ms(9'900));
  EXPECT_EQ(stream.idle, at_ms(9'900));
  EXPECT_EQ(stream.idle_bound, BoundBy::kClientTimeout);
  EXPECT_EQ(stream.end_by, at_ms(602'000)) << "a stream may go on as long as it flows";
  const auto buffered = limits_of(client, AnswerShape::kBuffered, times);
  EXPECT_EQ(buffered.end_by, at_ms(9'900));
  EXPECT_EQ(buffered.end_bound, BoundBy::kClientTimeout);
  EXPECT_EQ(buffered.idle, at_ms(20'000));
}

TEST(AttemptLimits, ARetryHasOnlyWhatIsLeft) {
  const ClientWait client{.whole = at_ms(4'000), .silence = {}, .head = {}};
  EXPECT_EQ(limits_of(client, AnswerShape::kStream, {.arrived = at_ms(0), .now = at_ms(3'900)}).end_by, at_ms(3'960));
  const auto late = attempt_limits(kTarget, client, AnswerShape::kStream, {.arrived = at_ms(0), .now = at_ms(3'960)});
  ASSERT_FALSE(late.has_value());
  EXPECT_EQ(late.error().kind, ErrorKind::kTimeout);
  EXPECT_EQ(late.error().message,
            "x-thalamus-deadline-ms: 3960 ms have passed of 4000; nothing is left for an attempt");
}

TEST(AttemptLimits, KeepsAReserveForAnotherTarget) {
  const ClientWait client{.whole = at_ms(10'000), .silence = {}, .head = {}};
  AttemptTimes times{.arrived = at_ms(0), .now = at_ms(0), .reserve = at_ms(3'000)};
  auto limits = limits_of(client, AnswerShape::kStream, times);
  EXPECT_EQ(limits.first_token_by, at_ms(6'900));
  EXPECT_EQ(limits.end_by, at_ms(9'900)) << "once it answers it has all the time";
  EXPECT_EQ(limits_of(client, AnswerShape::kBuffered, times).end_by, at_ms(6'900));
  times.reserve = at_ms(60'000);
  EXPECT_EQ(limits_of(client, AnswerShape::kStream, times).first_token_by, at_ms(4'950)) << "half at most";
  EXPECT_EQ(limits_of({}, AnswerShape::kStream, times).first_token_by, at_ms(30'000)) << "of a client's time only";
}

TEST(AttemptLimits, AreOrderedAndNeverLongerThanAnyOfTheirSources) {
  const std::uint64_t seed = 21;
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  base::Rng rng(seed);
  const auto span = [&] { return Nanoseconds{1 + static_cast<std::int64_t>(rng.below(20'000'000'000))}; };
  const auto maybe = [&]() -> std::optional<Nanoseconds> {
    if (rng.below(2) == 0) return std::nullopt;
    return span();
  };
  for (int i = 0; i < 20'000; ++i) {
    const TimeLimits target{.connect = span(), .first_token = span(), .idle = span(), .total = span()};
    const ClientWait client{.whole = maybe(), .silence = maybe(), .head = maybe()};
    AttemptTimes times{.arrived = span(), .now = {}, .reserve = rng.below(2) == 0 ? Nanoseconds{} : span()};
    times.now = times.arrived + (rng.below(2) == 0 ? Nanoseconds{} : span());
    const auto shape = rng.below(2) == 0 ? AnswerShape::kStream : AnswerShape::kBuffered;
    const auto limits = attempt_limits(target, client, shape, times);
    if (!limits) {
      ASSERT_TRUE(client.whole || client.silence || client.head);
      continue;
    }
    ASSERT_LE(limits->connect_by, limits->first_token_by);
    ASSERT_LE(limits->first_token_by, limits->end_by);
    ASSERT_GT(limits->first_token_by, times.now);
    ASSERT_GT(limits->idle, Nanoseconds{});
    ASSERT_LE(limits->end_by, times.now + target.total);
    ASSERT_LE(limits->first_token_by, times.now + target.first_token);
    ASSERT_LE(limits->idle, target.idle);
    ASSERT_TRUE(!client.whole || limits->end_by <= times.arrived + *client.whole);
    ASSERT_TRUE(!client.head || limits->first_token_by <= times.arrived + *client.head);
    ASSERT_TRUE(!client.silence || limits->first_token_by <= times.arrived + *client.silence);
  }
}

}  // namespace
}  // namespace thalamus::dispatch
