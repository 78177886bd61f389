/// Finished requests as OpenTelemetry spans: OTLP/HTTP with JSON (opentelemetry.io/docs/specs/otlp), attributes by the
/// semantic conventions for generative AI.
#pragma once

#include <span>
#include <string>

#include "thalamus/gateway/turn_summary.h"

namespace thalamus::gateway {

/// Names of the attributes: `latest` as of semantic conventions 1.37 (gen_ai.provider.name, gen_ai.usage.input_tokens),
/// `legacy` as of 1.26 (gen_ai.system, gen_ai.usage.prompt_tokens).
enum class SemanticConventions : std::uint8_t { kLatest, kLegacy };

/// One span for each turn, and one below it for each call of a target.
[[nodiscard]] std::string encode_spans(std::span<const TurnSummary> turns, SemanticConventions names);
/// The `traceparent` that a call of this turn carries upstream: the turn's own span, sampled.
[[nodiscard]] std::string traceparent_of(const std::string& decision_id, const std::optional<TraceParent>& parent);

}  // namespace thalamus::gateway
