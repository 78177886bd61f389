#include "thalamus/gateway/turn_summary.h"

#include <algorithm>

#include "thalamus/base/error.h"
#include "thalamus/base/json_writer.h"

namespace thalamus::gateway {
namespace {

constexpr std::size_t kPathShownMax = 200;  // of a client's words

void write_arrival(base::JsonWriter& out, std::int64_t unix_ns) {
  out.begin_object().field("time_unix_s", static_cast<double>(unix_ns / 1'000'000) / 1e3);
}

/// Nearer to what a person would write than the product with 1e-9.
double billionths(std::int64_t count) { return static_cast<double>(count) / 1e9; }

bool is_identifier(std::string_view text) noexcept {
  return text.find_first_not_of("0123456789abcdef") == std::string_view::npos &&
         text.find_first_not_of('0') != std::string_view::npos;
}

}  // namespace

std::optional<TraceParent> parse_traceparent(std::string_view header) {
  constexpr std::size_t kLength = 55;  // 00-<32>-<16>-<2>
  if (header.size() != kLength || !header.starts_with("00-") || header[35] != '-' || header[52] != '-') return {};
  const std::string_view trace = header.substr(3, 32);
  const std::string_view span = header.substr(36, 16);
  const std::string_view flags = header.substr(53, 2);
  const bool hexadecimal = flags.find_first_not_of("0123456789abcdef") == std::string_view::npos;
  if (!is_identifier(trace) || !is_identifier(span) || !hexadecimal) return {};
  const char low = flags[1];
  const int digit = low <= '9' ? low - '0' : low - 'a' + 10;
  return TraceParent{std::string(trace), std::string(span), (digit & 1) != 0};
}

std::string access_line(const TurnSummary& turn) {
  const core::Outcome& outcome = turn.outcome;
  base::JsonWriter out;
  write_arrival(out, turn.arrived_unix_ns);
  out.field("request", turn.decision_id).field("path", std::string_view(turn.path).substr(0, kPathShownMax));
  out.field("format", turn.format).field("key", turn.key);
  out.field("route", turn.route).field("model", turn.model).field("target", turn.target);
  out.field("stream", turn.stream).field("status", turn.status);
  if (outcome.failure) out.field("failure", base::label(*outcome.failure));
  out.field("attempts", static_cast<std::uint64_t>(outcome.attempts.size()));
  if (outcome.usage.known || outcome.usage.input > 0) {
    out.field("input_tokens", outcome.usage.input).field("cached_input_tokens", outcome.usage.cached_input);
    out.field("cache_write_tokens", outcome.usage.cache_write).field("output_tokens", outcome.usage.output);
    out.field("reasoning_tokens", outcome.usage.reasoning).field("cost_usd", billionths(outcome.cost.value));
    if (!outcome.usage.known) out.field("usage_estimated", true);
  }
  out.field("decide_s", billionths(turn.decide.value)).field("queue_s", billionths(outcome.queue.value));
  out.field("first_token_s", billionths(outcome.first_token.value))
      .field("total_s", billionths(outcome.total.value))
      .end_object();
  return out.take();
}

std::string access_line(const PlainSummary& request) {
  base::JsonWriter out;
  write_arrival(out, request.arrived_unix_ns);
  out.field("request", request.request_id).field("method", request.method);
  out.field("path", request.path.substr(0, kPathShownMax)).field("endpoint", request.endpoint);
  out.field("status", request.status).field("total_s", billionths(request.total.value)).end_object();
  return out.take();
}

}  // namespace thalamus::gateway
