#include "thalamus/gateway/turn_summary.h"

#include <algorithm>

#include "thalamus/base/error.h"
#include "thalamus/base/json_writer.h"

namespace thalamus::gateway {
namespace {

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
  const std::int64_t arrived_ms = turn.arrived_unix_ns / 1'000'000;
  out.begin_object().field("time_unix_s", static_cast<double>(arrived_ms) / 1e3);
  out.field("decision", turn.decision_id).field("format", turn.format).field("key", turn.key);
  out.field("route", turn.route).field("model", turn.model).field("target", turn.target);
  out.field("stream", turn.stream).field("status", turn.status);
  if (outcome.failure) out.field("failure", base::label(*outcome.failure));
  out.field("attempts", static_cast<std::uint64_t>(outcome.attempts.size()));
  if (outcome.usage.known || outcome.usage.input > 0) {
    out.field("input_tokens", outcome.usage.input).field("cached_input_tokens", outcome.usage.cached_input);
    out.field("output_tokens", outcome.usage.output).field("cost_usd", outcome.cost.usd());
    if (!outcome.usage.known) out.field("usage_estimated", true);
  }
  out.field("decide_s", turn.decide.seconds()).field("queue_s", outcome.queue.seconds());
  out.field("first_token_s", outcome.first_token.seconds()).field("total_s", outcome.total.seconds()).end_object();
  return out.take();
}

}  // namespace thalamus::gateway
