// The gateway's series: their names and labels as operators scrape them, and that no request can make new ones at will.
#include "thalamus/gateway/telemetry.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "turn_rig.h"

namespace thalamus::gateway {
namespace {

using testing::HasSubstr;
using testing::Not;

/// The lines that begin with a metric's name: its samples, without help and type.
std::string samples(const Telemetry& telemetry, std::string_view metric) {
  std::string out;
  const std::string text = telemetry.exposition();
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::size_t end = rest.find('\n');
    const std::string_view line = rest.substr(0, end);
    if (line.starts_with(metric)) out.append(line).append("\n");
    rest.remove_prefix(end + 1);
  }
  return out;
}

TEST(Telemetry, ShowsRequestsByRouteAndStatus) {
  base::Metrics metrics;
  Telemetry telemetry(metrics);
  EXPECT_EQ(samples(telemetry, "thalamus_requests_total"), "thalamus_requests_total{route=\"\",status=\"200\"} 0\n");
  telemetry.request(0, "auto", 200);
  telemetry.request(1, "auto", 200);
  telemetry.request(0, "auto", 502);
  telemetry.request(0, "", 404);
  EXPECT_EQ(samples(telemetry, "thalamus_requests_total"),
            "thalamus_requests_total{route=\"\",status=\"200\"} 0\n"
            "thalamus_requests_total{route=\"auto\",status=\"200\"} 2\n"
            "thalamus_requests_total{route=\"auto\",status=\"502\"} 1\n"
            "thalamus_requests_total{route=\"\",status=\"404\"} 1\n");
}

TEST(Telemetry, ShowsFailedHandshakesByReason) {
  base::Metrics metrics;
  Telemetry telemetry(metrics);
  telemetry.handshake_failed(0, net::HandshakeFailure::kTimeout);
  telemetry.handshake_failed(1, net::HandshakeFailure::kLimit);
  telemetry.handshake_failed(2, net::HandshakeFailure::kLimit);
  EXPECT_EQ(samples(telemetry, "thalamus_tls_handshake_failures_total"),
            "thalamus_tls_handshake_failures_total{reason=\"timeout\"} 1\n"
            "thalamus_tls_handshake_failures_total{reason=\"certificate\"} 0\n"
            "thalamus_tls_handshake_failures_total{reason=\"protocol\"} 0\n"
            "thalamus_tls_handshake_failures_total{reason=\"closed\"} 0\n"
            "thalamus_tls_handshake_failures_total{reason=\"limit\"} 2\n");
}

TEST(Telemetry, ShowsCallsByTargetAndResult) {
  base::Metrics metrics;
  Telemetry telemetry(metrics);
  core::Attempt attempt;
  telemetry.call(0, "small", attempt);
  telemetry.call(3, "small", attempt);
  attempt.failure = ErrorKind::kInvalidInput;
  telemetry.call(0, "small", attempt);
  attempt.failure = ErrorKind::kInternal;
  telemetry.call(0, "big", attempt);
  EXPECT_EQ(samples(telemetry, "thalamus_target_calls_total"),
            fmt::format("thalamus_target_calls_total{{target=\"small\",result=\"ok\"}} 2\n"
                        "thalamus_target_calls_total{{target=\"small\",result=\"{}\"}} 1\n"
                        "thalamus_target_calls_total{{target=\"big\",result=\"{}\"}} 1\n",
                        base::label(ErrorKind::kInvalidInput), base::label(ErrorKind::kInternal)));
}

TEST(Telemetry, ShowsTokensAndMoneyWhereThereWereAny) {
  base::Metrics metrics;
  Telemetry telemetry(metrics);
  telemetry.usage(0, "free", {}, {});
  EXPECT_EQ(samples(telemetry, "thalamus_tokens_total"), "");
  EXPECT_EQ(samples(telemetry, "thalamus_cost"), "");
  for (std::size_t core = 0; core < 2; ++core)
    telemetry.usage(core, "dear",
                    {.input = 7, .cached_input = 3, .output = 2, .reasoning = 1, .known = true, .cache_write = 2},
                    {40});
  EXPECT_EQ(samples(telemetry, "thalamus_tokens_total"),
            "thalamus_tokens_total{target=\"dear\",kind=\"input\"} 14\n"
            "thalamus_tokens_total{target=\"dear\",kind=\"cached_input\"} 6\n"
            "thalamus_tokens_total{target=\"dear\",kind=\"cache_write\"} 4\n"
            "thalamus_tokens_total{target=\"dear\",kind=\"output\"} 4\n"
            "thalamus_tokens_total{target=\"dear\",kind=\"reasoning\"} 2\n");
  EXPECT_EQ(samples(telemetry, "thalamus_cost"), "thalamus_cost_usd_total{target=\"dear\"} 8e-08\n");
}

TEST(Telemetry, ShowsTheGatewaysOwnTimeByPhase) {
  base::Metrics metrics;
  Telemetry telemetry(metrics);
  telemetry.phase_seconds(0, Phase::kDecide, 0.00003);
  telemetry.phase_seconds(1, Phase::kDecide, 0.003);
  telemetry.phase_seconds(0, Phase::kRecord, 0.5);
  EXPECT_EQ(samples(telemetry, "thalamus_phase_seconds_count"),
            "thalamus_phase_seconds_count{phase=\"decode\"} 0\n"
            "thalamus_phase_seconds_count{phase=\"decide\"} 2\n"
            "thalamus_phase_seconds_count{phase=\"encode\"} 0\n"
            "thalamus_phase_seconds_count{phase=\"answer\"} 0\n"
            "thalamus_phase_seconds_count{phase=\"record\"} 1\n");
  EXPECT_EQ(samples(telemetry, "thalamus_phase_seconds_bucket{phase=\"decide\",le=\"2e-05\"}"),
            "thalamus_phase_seconds_bucket{phase=\"decide\",le=\"2e-05\"} 0\n");
  EXPECT_EQ(samples(telemetry, "thalamus_phase_seconds_bucket{phase=\"decide\",le=\"5e-05\"}"),
            "thalamus_phase_seconds_bucket{phase=\"decide\",le=\"5e-05\"} 1\n");
}

TEST(Telemetry, ShowsRequestsThatAreNoTurn) {
  base::Metrics metrics;
  Telemetry telemetry(metrics);
  telemetry.other_request(0, Endpoint::kModels, 200);
  telemetry.other_request(1, Endpoint::kModels, 200);
  telemetry.other_request(0, Endpoint::kMalformed, 431);
  EXPECT_EQ(samples(telemetry, "thalamus_other_requests_total"),
            "thalamus_other_requests_total{endpoint=\"models\",status=\"200\"} 2\n"
            "thalamus_other_requests_total{endpoint=\"malformed\",status=\"431\"} 1\n");
}

TEST(Telemetry, ShowsWhatIsInFlightOnAllCores) {
  base::Metrics metrics;
  Telemetry telemetry(metrics);
  for (std::size_t core = 0; core < 3; ++core) telemetry.in_flight(core, 1);
  telemetry.in_flight(1, -1);
  EXPECT_EQ(samples(telemetry, "thalamus_requests_in_flight"), "thalamus_requests_in_flight 2\n");
}

TEST(Telemetry, MakesNoSeriesForNamesThatRequestsMakeUp) {
  TurnRig rig(
      "version: 1\nproviders: { p: { base_url: 'http://p:80/v1' } }\nmodels: [ { name: m, provider: p, id: m } ]\n"
      "routes: [ { name: auto, targets: [m] } ]\n");
  for (int i = 0; i < 5; ++i) {
    const std::string body = fmt::format(R"({{"model":"made-up-{}","messages":[{{"role":"user","content":"x"}}]}})", i);
    EXPECT_EQ(rig.ask(body, "/v1/chat/completions", 0).status, 404);
    EXPECT_EQ(rig.ask(body, fmt::format("/made-up-{}", i), 0).status, 404);
  }
  EXPECT_EQ(samples(rig.telemetry(), "thalamus_requests_total"),
            "thalamus_requests_total{route=\"\",status=\"200\"} 0\n"
            "thalamus_requests_total{route=\"\",status=\"404\"} 5\n");
  EXPECT_EQ(samples(rig.telemetry(), "thalamus_other_requests_total"),
            "thalamus_other_requests_total{endpoint=\"other\",status=\"404\"} 5\n");
  EXPECT_THAT(rig.telemetry().exposition(), Not(HasSubstr("made-up")));
}

}  // namespace
}  // namespace thalamus::gateway
