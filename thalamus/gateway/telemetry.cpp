#include "thalamus/gateway/telemetry.h"

#include <fmt/format.h>

#include <string>

#include "thalamus/base/error.h"

namespace thalamus::gateway {
namespace {

const std::vector<double> kDecisionBounds{5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 5e-3, 2e-2};
const std::vector<double> kTurnBounds{1e-3, 5e-3, 2e-2, 5e-2, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120};

// Label texts are short and their number is bounded by the configuration, so building one per request is the cost of
// two small strings; the registry's lock is held for the look-up only.
std::string labels(std::string_view first, std::string_view first_value, std::string_view second,
                   std::string_view second_value) {
  return base::label_text(first, first_value) + "," + base::label_text(second, second_value);
}

}  // namespace

Telemetry::Telemetry(base::Metrics& metrics)
    : metrics_(metrics),
      decision_(metrics.histogram("thalamus_decision_seconds", "Time from the complete request to the plan.",
                                  kDecisionBounds)),
      turn_(
          metrics.histogram("thalamus_turn_seconds", "Time from arrival to the last byte of the answer.", kTurnBounds)),
      records_dropped_(metrics.counter("thalamus_records_dropped_total", "Decision records that could not be kept.")),
      in_flight_(metrics.gauge("thalamus_requests_in_flight", "Requests being answered now.")) {
  metrics.counter("thalamus_requests_total", "Finished chat requests.", labels("route", "", "status", "200"));
}

void Telemetry::request(std::size_t core, std::string_view route, int status) {
  metrics_
      .counter("thalamus_requests_total", "Finished chat requests.",
               labels("route", route, "status", fmt::format_int(status).str()))
      .add(core);
}

void Telemetry::call(std::size_t core, std::string_view target, const core::Attempt& attempt) {
  const std::string_view result = attempt.failure ? base::label(*attempt.failure) : "ok";
  metrics_
      .counter("thalamus_target_calls_total", "Calls of targets by result.", labels("target", target, "result", result))
      .add(core);
}

void Telemetry::usage(std::size_t core, std::string_view target, const core::Usage& usage, NanoDollars cost) {
  const auto tokens = [&](std::string_view kind, std::uint64_t count) {
    if (count == 0) return;
    metrics_.counter("thalamus_tokens_total", "Tokens by kind.", labels("target", target, "kind", kind))
        .add(core, count);
  };
  tokens("input", usage.input);
  tokens("cached_input", usage.cached_input);
  tokens("output", usage.output);
  if (cost.value > 0) {
    metrics_.counter("thalamus_cost_nanodollars_total", "Money spent, in 1e-9 USD.", base::label_text("target", target))
        .add(core, static_cast<std::uint64_t>(cost.value));
  }
}

void Telemetry::target_up(std::string_view target, bool up) {
  metrics_
      .gauge("thalamus_target_up", "1 where the target's server is known to be up.", base::label_text("target", target))
      .set(up ? 1 : 0);
}

}  // namespace thalamus::gateway
