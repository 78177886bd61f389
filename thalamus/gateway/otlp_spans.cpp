#include "thalamus/gateway/otlp_spans.h"

#include <fmt/format.h>

#include "thalamus/base/error.h"
#include "thalamus/base/hash.h"
#include "thalamus/base/json_writer.h"
#include "thalamus/base/rng.h"

namespace thalamus::gateway {
namespace {

using base::JsonWriter;

constexpr int kServer = 2;  // SpanKind
constexpr int kClient = 3;
constexpr int kStatusError = 2;

std::string_view finish_word(core::Finish finish) noexcept {
  switch (finish) {
    case core::Finish::kStop: return "stop";
    case core::Finish::kLength: return "length";
    case core::Finish::kToolCalls: return "tool_call";
    case core::Finish::kContentFilter: return "content_filter";
    case core::Finish::kError:
    case core::Finish::kCancelled: return "error";
    case core::Finish::kUnknown: break;
  }
  return "stop";
}

/// A decision's identifier is 32 digits, made anew for each request: also a trace's, where the caller has none.
std::string span_id_of(const std::string& decision_id, std::uint64_t part) {
  std::uint64_t id = base::mix64(base::hash64(decision_id) + part);
  if (id == 0) id = 1;
  return fmt::format("{:016x}", id);
}

constexpr std::string_view kChat = "chat";

/// As the GenAI conventions name what was asked for.
std::string_view operation(const TurnSummary& turn) noexcept {
  return turn.format == "embeddings" ? "embeddings" : kChat;
}

class SpanWriter {
 public:
  SpanWriter(JsonWriter& out, SemanticConventions names) : out_(out), latest_(names == SemanticConventions::kLatest) {}

  void turn(const TurnSummary& turn) {
    const std::string trace = turn.parent ? turn.parent->trace_id : turn.decision_id;
    const std::string own = span_id_of(turn.decision_id, 0);
    begin(trace, own, turn.parent ? turn.parent->span_id : std::string(),
          fmt::format("{} {}", operation(turn), turn.model), kServer);
    times(turn.arrived_unix_ns, turn.arrived_unix_ns + turn.outcome.total.value);
    out_.key("attributes").begin_array();
    request_attributes(turn);
    usage_attributes(turn.outcome);
    text("thalamus.decision.id", turn.decision_id);
    text("thalamus.route", turn.route);
    text("thalamus.target", turn.target);
    number("http.response.status_code", turn.status);
    if (turn.outcome.failure) text("error.type", base::label(*turn.outcome.failure));
    out_.end_array();
    end(turn.outcome.failure.has_value());
    std::int64_t begun = turn.arrived_unix_ns + turn.decide.value;
    for (std::size_t i = 0; i < turn.outcome.attempts.size(); ++i) begun = call(turn, trace, own, i, begun);
  }

 private:
  /// A call of a target; one follows the other. Gives the instant of its end.
  std::int64_t call(const TurnSummary& turn, const std::string& trace, const std::string& parent, std::size_t i,
                    std::int64_t begun) {
    const core::Attempt& attempt = turn.outcome.attempts[i];
    const std::string& target = i < turn.attempted.size() ? turn.attempted[i] : turn.target;
    begin(trace, span_id_of(turn.decision_id, i + 1), parent, "call " + target, kClient);
    times(begun, begun + attempt.duration.value);
    out_.key("attributes").begin_array();
    text("gen_ai.operation.name", operation(turn));
    text(latest_ ? "gen_ai.provider.name" : "gen_ai.system", "thalamus");
    text("gen_ai.request.model", target);
    text("thalamus.target", target);
    if (i < turn.addresses.size() && !turn.addresses[i].empty()) text("server.address", turn.addresses[i]);
    if (attempt.status != 0) number("http.response.status_code", attempt.status);
    if (attempt.failure) text("error.type", base::label(*attempt.failure));
    out_.end_array();
    end(attempt.failure.has_value());
    return begun + attempt.duration.value;
  }

  void begin(const std::string& trace, const std::string& own, const std::string& parent, const std::string& name,
             int kind) {
    out_.begin_object().field("traceId", trace).field("spanId", own);
    if (!parent.empty()) out_.field("parentSpanId", parent);
    out_.field("name", name).field("kind", kind);
  }
  // OTLP's JSON spells 64-bit numbers as strings.
  void times(std::int64_t from, std::int64_t to) {
    out_.field("startTimeUnixNano", fmt::format("{}", from)).field("endTimeUnixNano", fmt::format("{}", to));
  }
  void end(bool failed) {
    if (failed) out_.key("status").begin_object().field("code", kStatusError).end_object();
    out_.end_object();
  }

  void request_attributes(const TurnSummary& turn) {
    text("gen_ai.operation.name", operation(turn));
    text(latest_ ? "gen_ai.provider.name" : "gen_ai.system", "thalamus");
    text("gen_ai.request.model", turn.model);
    if (!turn.upstream_model.empty()) text("gen_ai.response.model", turn.upstream_model);
    if (!turn.address.empty()) text("server.address", turn.address);
    if (turn.outcome.finish == core::Finish::kUnknown || operation(turn) != kChat) return;
    out_.begin_object().field("key", "gen_ai.response.finish_reasons").key("value").begin_object();
    out_.key("arrayValue").begin_object().key("values").begin_array().begin_object();
    out_.field("stringValue", finish_word(turn.outcome.finish)).end_object().end_array().end_object();
    out_.end_object().end_object();
  }

  void usage_attributes(const core::Outcome& outcome) {
    if (!outcome.usage.known) return;
    number(latest_ ? "gen_ai.usage.input_tokens" : "gen_ai.usage.prompt_tokens", outcome.usage.input);
    number(latest_ ? "gen_ai.usage.output_tokens" : "gen_ai.usage.completion_tokens", outcome.usage.output);
    if (latest_) {
      number("gen_ai.usage.cache_read.input_tokens", outcome.usage.cached_input);
      number("gen_ai.usage.cache_creation.input_tokens", outcome.usage.cache_write);
    }
    out_.begin_object().field("key", "thalamus.cost_usd").key("value").begin_object();
    out_.field("doubleValue", outcome.cost.usd()).end_object().end_object();
  }

  void text(std::string_view key, std::string_view value) {
    out_.begin_object().field("key", key).key("value").begin_object().field("stringValue", value);
    out_.end_object().end_object();
  }
  void number(std::string_view key, std::int64_t value) {
    out_.begin_object().field("key", key).key("value").begin_object().field("intValue", fmt::format("{}", value));
    out_.end_object().end_object();
  }

  JsonWriter& out_;
  bool latest_;
};

}  // namespace

std::string encode_spans(std::span<const TurnSummary> turns, SemanticConventions names) {
  JsonWriter out;
  out.begin_object().key("resourceSpans").begin_array().begin_object();
  out.key("resource").begin_object().key("attributes").begin_array().begin_object();
  out.field("key", "service.name").key("value").begin_object().field("stringValue", "thalamus").end_object();
  out.end_object().end_array().end_object();
  out.key("scopeSpans").begin_array().begin_object();
  out.key("scope").begin_object().field("name", "thalamus").end_object();
  out.key("spans").begin_array();
  SpanWriter writer(out, names);
  for (const TurnSummary& turn : turns) writer.turn(turn);
  out.end_array().end_object().end_array().end_object().end_array().end_object();
  return out.take();
}

std::string traceparent_of(const std::string& decision_id, const std::optional<TraceParent>& parent) {
  return fmt::format("00-{}-{}-01", parent ? parent->trace_id : decision_id, span_id_of(decision_id, 0));
}

}  // namespace thalamus::gateway
