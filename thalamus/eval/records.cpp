#include "thalamus/eval/records.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "thalamus/base/json_writer.h"
#include "thalamus/route/explain.h"

namespace thalamus::eval {
namespace {

std::string iso_time(std::int64_t unix_ns) {
  const std::time_t seconds = unix_ns / 1'000'000'000;
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(seconds), (unix_ns / 1'000'000) % 1000);
}

std::string_view target_name(const core::Turn& turn, std::uint16_t index) {
  return index < turn.targets.size() ? std::string_view(turn.targets[index]) : "?";
}

std::string_view word(core::Finish finish) {
  switch (finish) {
    case core::Finish::kStop: return "stop";
    case core::Finish::kLength: return "length";
    case core::Finish::kToolCalls: return "tool_calls";
    case core::Finish::kContentFilter: return "content_filter";
    case core::Finish::kError: return "error";
    case core::Finish::kCancelled: return "cancelled";
    case core::Finish::kUnknown: return "unknown";
  }
  return "unknown";
}

void write_targets(base::JsonWriter& out, const core::Turn& turn) {
  out.key("targets").begin_array();
  for (std::size_t i = 0; i < turn.targets.size(); ++i) {
    out.begin_object().field("name", turn.targets[i]);
    if (i < turn.propensity.size()) out.field("propensity", static_cast<double>(turn.propensity[i]));
    if (i < turn.estimates.size()) {
      const core::Estimate& row = turn.estimates[i];
      out.key("estimate").begin_object().field("quality", row.quality).field("quality_sd", row.quality_sd);
      out.field("cost_usd", row.cost_usd).field("seconds", row.seconds).field("output_tokens", row.output_tokens);
      out.end_object();
    }
    out.end_object();
  }
  out.end_array();
}

void write_outcome(base::JsonWriter& out, const core::Turn& turn) {
  const core::Outcome& outcome = turn.outcome;
  out.key("outcome").begin_object().field("finish", word(outcome.finish));
  if (outcome.answered_by) out.field("answered_by", target_name(turn, *outcome.answered_by));
  if (outcome.failure) out.field("failure", base::label(*outcome.failure));
  const core::Usage& usage = outcome.usage;
  if (usage.known || usage.input > 0 || usage.output > 0) {
    out.field("input_tokens", usage.input).field("cached_input_tokens", usage.cached_input);
    out.field("cache_write_tokens", usage.cache_write).field("output_tokens", usage.output);
    out.field("reasoning_tokens", usage.reasoning);
    if (!usage.known) out.field("usage_estimated", true);
  }
  out.field("cost_nanodollars", outcome.cost.value).field("queue_ms", outcome.queue.ms());
  out.field("first_token_ms", outcome.first_token.ms()).field("total_ms", outcome.total.ms());
  if (outcome.quality) out.field("quality", *outcome.quality);
  out.key("attempts").begin_array();
  for (const core::Attempt& attempt : outcome.attempts) {
    out.begin_object().field("target", target_name(turn, attempt.target)).field("status", attempt.status);
    out.field("ms", attempt.duration.ms());
    if (attempt.failure) out.field("failure", base::label(*attempt.failure));
    out.end_object();
  }
  out.end_array().end_object();
}

}  // namespace

std::string record_line(const core::Turn& turn) {
  const core::Outcome& outcome = turn.outcome;
  const std::string result =
      outcome.answered_by ? std::string(target_name(turn, *outcome.answered_by)) : std::string("-");
  return fmt::format("{}  {}  {:12} {:12} {:14} {:9.1f} ms  {:6} tokens  {:.6f} USD", iso_time(turn.arrived_unix_ns),
                     turn.decision_id, turn.route, result,
                     outcome.failure ? std::string(base::label(*outcome.failure)) : std::string(word(outcome.finish)),
                     outcome.total.ms(), outcome.usage.output, outcome.cost.usd());
}

std::string record_json(const core::Turn& turn) {
  base::JsonWriter out;
  out.begin_object().field("decision_id", turn.decision_id).field("arrived", iso_time(turn.arrived_unix_ns));
  out.field("route", turn.route).field("generation", turn.configuration_generation);
  out.field("snapshot", fmt::format("{:016x}", turn.snapshot_hash)).field("rule", route::word(turn.reason));
  out.field("binding", route::words(turn.binding)).key("plan").begin_array();
  for (const std::uint16_t target : turn.plan) out.value(target_name(turn, target));
  out.end_array();
  write_targets(out, turn);
  write_outcome(out, turn);
  out.field("prompt_hash", fmt::format("{:016x}", turn.prompt_hash)).key("features").begin_array();
  for (const float value : turn.features) out.value(static_cast<double>(value));
  out.end_array();
  if (!turn.content.empty()) out.field("content", turn.content).field("answer", turn.answer);
  out.end_object();
  return out.take();
}

}  // namespace thalamus::eval
