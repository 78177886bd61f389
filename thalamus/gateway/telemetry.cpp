#include "thalamus/gateway/telemetry.h"

#include <algorithm>
#include <array>
#include <vector>

#include "thalamus/base/error.h"

namespace thalamus::gateway {
namespace {

const std::vector<double> kDecisionBounds{5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 5e-3, 2e-2};
const std::vector<double> kPhaseBounds{1e-6, 2e-6, 5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 2e-2};
const std::vector<double> kTurnBounds{1e-3, 5e-3, 2e-2, 5e-2, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120};

// Kinds of the families: a number that the label's text is made from once.
constexpr std::size_t kStatusMin = 100;
constexpr std::size_t kStatusMax = 599;
constexpr std::size_t kResults = static_cast<std::size_t>(base::ErrorKind::kInternal) + 2;  // "ok" and each failure
constexpr std::array<std::string_view, 5> kTokenKinds = {"input", "cached_input", "cache_write", "output", "reasoning"};
enum TokenKind : std::size_t { kInput, kCachedInput, kCacheWrite, kOutput, kReasoning };
constexpr std::array<std::string_view, kPhases> kPhaseNames = {"decode", "decide", "encode", "answer", "record"};
constexpr std::array<std::string_view, kEndpoints> kEndpointNames = {"models", "count_tokens", "decision", "responses",
                                                                     "health", "admin",        "other",    "malformed"};
constexpr std::uint64_t kNanoDollarsPerDollar = 1'000'000'000;

std::string status_text(std::size_t kind) { return std::to_string(kind + kStatusMin); }
std::string result_text(std::size_t kind) {
  return std::string(kind == 0 ? "ok" : base::label(static_cast<base::ErrorKind>(kind - 1)));
}
std::string token_text(std::size_t kind) { return std::string(kTokenKinds[kind]); }

base::CounterFamily requests_family() {
  return {.name = "thalamus_requests_total",
          .help = "Finished chat requests.",
          .name_label = "route",
          .kind_label = "status",
          .kinds = kStatusMax - kStatusMin + 1,
          .kind_text = status_text};
}

base::CounterFamily other_requests_family() {
  return {.name = "thalamus_other_requests_total",
          .help =
              "Finished requests that are no turn: lists of models, counts, decisions, health, administration, and "
              "what no endpoint takes.",
          .name_label = "endpoint",
          .kind_label = "status",
          .kinds = kStatusMax - kStatusMin + 1,
          .kind_text = status_text};
}

base::CounterFamily calls_family() {
  return {.name = "thalamus_target_calls_total",
          .help = "Calls of targets by result.",
          .name_label = "target",
          .kind_label = "result",
          .kinds = kResults,
          .kind_text = result_text};
}

base::CounterFamily tokens_family() {
  return {.name = "thalamus_tokens_total",
          .help = "Tokens by kind.",
          .name_label = "target",
          .kind_label = "kind",
          .kinds = kTokenKinds.size(),
          .kind_text = token_text};
}

base::CounterFamily cost_family() {
  return {.name = "thalamus_cost_usd_total",
          .help = "Money spent, in US dollars.",
          .name_label = "target",
          .kind_label = {},
          .counts_per_unit = kNanoDollarsPerDollar};
}

std::size_t kind_of_status(int status) noexcept {
  const auto known = std::clamp(status, static_cast<int>(kStatusMin), static_cast<int>(kStatusMax));
  return static_cast<std::size_t>(known) - kStatusMin;
}

std::array<base::Histogram*, kPhases> phase_histograms(base::Metrics& metrics) {
  std::array<base::Histogram*, kPhases> out{};
  for (std::size_t i = 0; i < kPhases; ++i)
    out[i] = &metrics.histogram("thalamus_phase_seconds",
                                "Time that the gateway itself worked on a turn, by phase; no waiting for others.",
                                kPhaseBounds, base::label_text("phase", kPhaseNames[i]));
  return out;
}

std::array<base::Counter*, net::kHandshakeFailures> handshake_counters(base::Metrics& metrics) {
  std::array<base::Counter*, net::kHandshakeFailures> out{};
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] =
        &metrics.counter("thalamus_tls_handshake_failures_total", "Connections that failed before TLS was agreed on.",
                         base::label_text("reason", net::label(static_cast<net::HandshakeFailure>(i))));
  return out;
}

}  // namespace

std::string_view label(Endpoint endpoint) noexcept { return kEndpointNames[static_cast<std::size_t>(endpoint)]; }

Telemetry::Telemetry(base::Metrics& metrics)
    : metrics_(metrics),
      decision_(metrics.histogram("thalamus_decision_seconds", "Time from the complete request to the plan.",
                                  kDecisionBounds)),
      turn_(
          metrics.histogram("thalamus_turn_seconds", "Time from arrival to the last byte of the answer.", kTurnBounds)),
      phases_(phase_histograms(metrics)),
      records_dropped_(metrics.counter("thalamus_records_dropped_total", "Decision records that could not be kept.")),
      in_flight_(metrics.gauge("thalamus_requests_in_flight", "Requests being answered now.")),
      handshake_failures_(handshake_counters(metrics)),
      requests_(metrics, requests_family()),
      other_requests_(metrics, other_requests_family()),
      calls_(metrics, calls_family()),
      tokens_(metrics, tokens_family()),
      cost_(metrics, cost_family()) {
  requests_.add(0, "", 200 - kStatusMin, 0);  // the metric is there before the first request
}

void Telemetry::request(std::size_t core, std::string_view route, int status) {
  requests_.add(core, route, kind_of_status(status));
}

void Telemetry::other_request(std::size_t core, Endpoint endpoint, int status) {
  other_requests_.add(core, label(endpoint), kind_of_status(status));
}

void Telemetry::call(std::size_t core, std::string_view target, const core::Attempt& attempt) {
  calls_.add(core, target, attempt.failure ? static_cast<std::size_t>(*attempt.failure) + 1 : 0);
}

void Telemetry::usage(std::size_t core, std::string_view target, const core::Usage& usage, NanoDollars cost) {
  if (usage.input > 0) tokens_.add(core, target, kInput, usage.input);
  if (usage.cached_input > 0) tokens_.add(core, target, kCachedInput, usage.cached_input);
  if (usage.cache_write > 0) tokens_.add(core, target, kCacheWrite, usage.cache_write);
  if (usage.output > 0) tokens_.add(core, target, kOutput, usage.output);
  if (usage.reasoning > 0) tokens_.add(core, target, kReasoning, usage.reasoning);
  if (cost.value > 0) cost_.add(core, target, 0, static_cast<std::uint64_t>(cost.value));
}

void Telemetry::target_up(std::string_view target, bool up) {
  metrics_
      .gauge("thalamus_target_up", "1 where the target's server is known to be up.", base::label_text("target", target))
      .set(up ? 1 : 0);
}

}  // namespace thalamus::gateway
