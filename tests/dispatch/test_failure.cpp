#include "thalamus/dispatch/failure.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "thalamus/base/rng.h"
#include "thalamus/dispatch/retry_after.h"

namespace thalamus::dispatch {
namespace {

constexpr std::int64_t kNow = 784'111'777;  // Sun, 06 Nov 1994 08:49:37 GMT, the RFC's own example

FailureVerdict of_status(int status, std::string_view type = {}, std::string_view code = {},
                         std::string_view message = {}) {
  FailureFacts facts;
  facts.status = status;
  facts.type = type;
  facts.code = code;
  facts.message = message;
  return classify(facts);
}

FailureVerdict of_transport(TransportEnd transport) {
  FailureFacts facts;
  facts.transport = transport;
  return classify(facts);
}

TEST(RetryAfter, ReadsTheThreeFormsOfADate) {
  EXPECT_EQ(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT", kNow), kNow);
  EXPECT_EQ(parse_http_date("Sunday, 06-Nov-94 08:49:37 GMT", kNow), kNow);
  EXPECT_EQ(parse_http_date("Sun Nov  6 08:49:37 1994", kNow), kNow);
  EXPECT_EQ(parse_http_date("Thu, 29 Feb 2024 00:00:00 GMT", kNow), 1'709'164'800);
}

TEST(RetryAfter, TakesATwoDigitYearAsTheNearOne) {
  const std::int64_t in_2026 = 1'790'000'000;
  EXPECT_EQ(parse_http_date("Sunday, 06-Nov-94 08:49:37 GMT", in_2026), kNow);
  EXPECT_EQ(parse_http_date("Friday, 01-Jan-27 00:00:00 GMT", in_2026), 1'798'761'600);
}

TEST(RetryAfter, RefusesWhatIsNoDate) {
  for (const auto* text :
       {"", "Sun", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 UTC", "Sun, 31 Feb 2024 00:00:00 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT", "Sun, 06 Now 1994 08:49:37 GMT", "Xun, 06 Nov 1994 08:49:37 GMT",
        "Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT ", "Sun, 00 Nov 1994 08:49:37 GMT"})
    EXPECT_FALSE(parse_http_date(text, kNow).has_value()) << "'" << text << "'";
}

TEST(RetryAfter, IsSecondsOrADateAndBounded) {
  EXPECT_EQ(parse_retry_after("120", kNow), Nanoseconds::from_ms(120'000));
  EXPECT_EQ(parse_retry_after(" 0 ", kNow), Nanoseconds{});
  EXPECT_EQ(parse_retry_after("1.5", kNow), Nanoseconds::from_ms(1'500));
  EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 08:50:07 GMT", kNow), Nanoseconds::from_ms(30'000));
  EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 08:49:07 GMT", kNow), Nanoseconds{});
  EXPECT_EQ(parse_retry_after("999999", kNow), kRetryAfterMax);
  EXPECT_EQ(parse_retry_after("Thu, 29 Feb 2096 00:00:00 GMT", kNow), kRetryAfterMax);
  EXPECT_EQ(parse_retry_after(std::string(400, '9'), kNow), kRetryAfterMax);
  for (const auto* text : {"", "-1", "+1", "1e3", "soon", "0x10", "1 2", ".5", "inf", "nan", "1.2.3"})
    EXPECT_FALSE(parse_retry_after(text, kNow).has_value()) << "'" << text << "'";
}

TEST(RetryAfter, ReadsMilliseconds) {
  EXPECT_EQ(parse_retry_after_ms("250"), Nanoseconds::from_ms(250));
  EXPECT_EQ(parse_retry_after_ms("0.5"), Nanoseconds{500'000});
  EXPECT_EQ(parse_retry_after_ms("99999999999"), kRetryAfterMax);
  EXPECT_FALSE(parse_retry_after_ms("-5").has_value());
  EXPECT_FALSE(parse_retry_after_ms("").has_value());
}

TEST(RetryAfter, SurvivesAnyBytes) {
  const std::uint64_t seed = 5;
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  base::Rng rng(seed);
  const std::string dates = "Sun, 06 Nov 1994 08:49:37 GMT";
  for (int i = 0; i < 20'000; ++i) {
    std::string text = dates.substr(0, rng.below(dates.size() + 1));
    for (auto n = rng.below(4); n > 0 && !text.empty(); --n)
      text[rng.below(text.size())] = static_cast<char>(rng.below(256));
    const auto wait = parse_retry_after(text, kNow);
    ASSERT_TRUE(!wait || (*wait >= Nanoseconds{} && *wait <= kRetryAfterMax)) << text;
  }
}

TEST(Failure, ADeadKeyIsLeftForAnotherKeyOrTarget) {
  for (const int status : {401, 402, 403}) {
    const auto verdict = of_status(status);
    EXPECT_EQ(verdict.failure, FailureClass::kKeyDead) << status;
    EXPECT_FALSE(verdict.may_try.same_endpoint);
    EXPECT_FALSE(verdict.may_try.other_replica);
    EXPECT_TRUE(verdict.may_try.other_key && verdict.may_try.next_target);
    EXPECT_FALSE(verdict.against_replica || verdict.client_fault);
  }
  EXPECT_EQ(of_status(429, "insufficient_quota", "insufficient_quota").failure, FailureClass::kKeyDead);
  EXPECT_EQ(of_status(400, "invalid_request_error", "", "Your credit balance is too low").failure,
            FailureClass::kKeyDead);
}

TEST(Failure, ALimitRotatesTheKeyOrWaits) {
  FailureFacts facts;
  facts.status = 429;
  facts.retry_after = "7";
  auto verdict = classify(facts);
  EXPECT_EQ(verdict.failure, FailureClass::kRateLimited);
  EXPECT_TRUE(verdict.may_try.other_key && verdict.may_try.same_endpoint);
  EXPECT_FALSE(verdict.against_replica);
  EXPECT_EQ(verdict.error, base::ErrorKind::kLimitExceeded);
  EXPECT_EQ(verdict.retry_after, Nanoseconds::from_ms(7'000));
  facts.retry_after_ms = "1500";
  EXPECT_EQ(classify(facts).retry_after, Nanoseconds::from_ms(1'500)) << "the finer header wins";
  facts.should_retry = "false";
  EXPECT_FALSE(classify(facts).may_try.same_endpoint);
  EXPECT_TRUE(classify(facts).may_try.other_key);
}

TEST(Failure, TransientOnesMayBeTriedAgainAndCountAgainstTheReplica) {
  for (const int status : {408, 409, 500, 502, 503, 504, 520, 529, 599}) {
    const auto verdict = of_status(status);
    EXPECT_TRUE(verdict.failure == FailureClass::kTransient || verdict.failure == FailureClass::kOverloaded) << status;
    EXPECT_TRUE(verdict.may_try.same_endpoint && verdict.may_try.other_replica && verdict.may_try.next_target);
    EXPECT_TRUE(verdict.against_replica) << status;
  }
  for (const auto transport : {TransportEnd::kConnectFailed, TransportEnd::kConnectTimeout, TransportEnd::kReset,
                               TransportEnd::kCut, TransportEnd::kFirstTokenTimeout, TransportEnd::kIdleTimeout,
                               TransportEnd::kSlowStream, TransportEnd::kMalformed, TransportEnd::kEmpty}) {
    EXPECT_EQ(of_transport(transport).failure, FailureClass::kTransient);
    EXPECT_TRUE(of_transport(transport).may_try.same_endpoint && of_transport(transport).against_replica);
  }
}

TEST(Failure, SomeTransportFailuresAreNotTriedOnTheSameEndpoint) {
  for (const auto transport : {TransportEnd::kTlsFailed, TransportEnd::kTotalTimeout}) {
    EXPECT_FALSE(of_transport(transport).may_try.same_endpoint);
    EXPECT_TRUE(of_transport(transport).may_try.other_replica);
  }
}

TEST(Failure, AWrongRequestIsNeverTriedAgain) {
  for (const int status : {400, 422, 405, 415, 451}) {
    const auto verdict = of_status(status, "invalid_request_error");
    EXPECT_EQ(verdict.failure, FailureClass::kInvalid) << status;
    const MayTry& may = verdict.may_try;
    EXPECT_FALSE(may.same_endpoint || may.other_key || may.other_replica || may.next_target || may.larger_context);
    EXPECT_TRUE(verdict.client_fault);
  }
  FailureFacts facts;
  facts.status = 400;
  facts.should_retry = "true";
  EXPECT_FALSE(classify(facts).may_try.same_endpoint) << "whatever the other side says";
}

TEST(Failure, AnOverflowGoesToMoreContextOnly) {
  const std::vector<FailureVerdict> verdicts{
      of_status(400, "invalid_request_error", "context_length_exceeded"),
      of_status(400, "invalid_request_error", "", "prompt is too long: 210000 tokens > 200000 maximum"),
      of_status(400, "exceed_context_size_error"), of_status(413, "request_too_large"),
      of_status(200, "invalid_request_error", "", "This model's Maximum Context Length is 8192 tokens")};
  for (const auto& verdict : verdicts) {
    EXPECT_EQ(verdict.failure, FailureClass::kContextOverflow);
    EXPECT_TRUE(verdict.may_try.larger_context);
    EXPECT_FALSE(verdict.may_try.next_target || verdict.may_try.same_endpoint);
    EXPECT_EQ(verdict.error, base::ErrorKind::kTooLarge);
  }
}

TEST(Failure, AFilterAndAMissingModelGoToTheNextTarget) {
  for (const auto& verdict :
       {of_status(400, "", "content_filter"), of_status(403, "", "content_policy_violation"),
        of_status(404, "not_found_error"), of_status(400, "", "model_not_found"), of_status(302)}) {
    EXPECT_TRUE(verdict.may_try.next_target);
    EXPECT_FALSE(verdict.may_try.same_endpoint || verdict.may_try.other_key || verdict.may_try.other_replica);
    EXPECT_FALSE(verdict.against_replica);
  }
  EXPECT_EQ(of_status(404).failure, FailureClass::kNotThere);
  EXPECT_EQ(of_status(400, "", "content_filter").failure, FailureClass::kContentFiltered);
}

TEST(Failure, AnErrorInsideA200IsReadByItsWords) {
  EXPECT_EQ(of_status(200, "overloaded_error").failure, FailureClass::kOverloaded);
  EXPECT_EQ(of_status(200, "rate_limit_error").failure, FailureClass::kRateLimited);
  EXPECT_EQ(of_status(200, "authentication_error").failure, FailureClass::kKeyDead);
  EXPECT_EQ(of_status(200, "invalid_request_error").failure, FailureClass::kInvalid);
  EXPECT_EQ(of_status(200, "server_error", "rate_limit_exceeded").failure, FailureClass::kRateLimited);
  EXPECT_EQ(of_status(200, "something_new").failure, FailureClass::kTransient);
  EXPECT_EQ(of_status(503, "invalid_request_error").failure, FailureClass::kOverloaded) << "a status of 5xx stands";
  EXPECT_EQ(of_status(500, "invalid_request_error").failure, FailureClass::kTransient);
}

TEST(Failure, ACancellationAsksForNothing) {
  const auto verdict = of_transport(TransportEnd::kCancelled);
  EXPECT_EQ(verdict.failure, FailureClass::kCancelled);
  EXPECT_FALSE(verdict.may_try.next_target || verdict.against_replica || verdict.client_fault);
}

TEST(Failure, TimeOutsAreToldAsSuch) {
  EXPECT_EQ(of_transport(TransportEnd::kFirstTokenTimeout).error, base::ErrorKind::kTimeout);
  EXPECT_EQ(of_status(408).error, base::ErrorKind::kTimeout);
  EXPECT_EQ(of_transport(TransportEnd::kConnectFailed).error, base::ErrorKind::kUnavailable);
  EXPECT_EQ(of_transport(TransportEnd::kCut).error, base::ErrorKind::kUpstream);
}

TEST(Failure, EveryStatusHasAVerdictThatIsConsistent) {
  for (int status = 100; status < 1000; ++status) {
    const auto verdict = of_status(status);
    const MayTry& may = verdict.may_try;
    EXPECT_NE(label(verdict.failure), "unknown");
    EXPECT_FALSE(verdict.client_fault && verdict.against_replica) << status;
    EXPECT_FALSE(verdict.client_fault && may.same_endpoint) << status;
    EXPECT_TRUE(!may.next_target || !may.larger_context) << status;
    EXPECT_EQ(client_should_retry(status), status == 408 || status == 409 || status == 429 || status >= 500);
  }
}

}  // namespace
}  // namespace thalamus::dispatch
