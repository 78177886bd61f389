// The life of one request, read top to bottom: `run_chat` decodes, decides, drives the strategy's calls and records.
#include "thalamus/gateway/turn.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "thalamus/base/hash.h"
#include "thalamus/base/json_writer.h"
#include "thalamus/base/log.h"
#include "thalamus/base/text.h"
#include "thalamus/dispatch/affinity.h"
#include "thalamus/gateway/call.h"
#include "thalamus/gateway/decision.h"
#include "thalamus/gateway/error_answer.h"
#include "thalamus/gateway/response_store.h"
#include "thalamus/gateway/slow_features.h"
#include "thalamus/net/asio.h"
#include "thalamus/route/explain.h"

namespace thalamus::gateway {
namespace {

/// Everything of one turn; lives in the handler's coroutine frame.
struct TurnState {
  CoreState& core;
  std::shared_ptr<const Runtime> runtime;
  const wire::Format& format;  ///< the client's
  net::HttpRequest& http;
  StoredTurn& stored;
  net::Responder& responder;
  core::Request request;
  Decision decision;
  core::Outcome outcome;
  std::optional<Error> last_failure;
  bool last_was_client_fault = false;
  bool worth_retry = true;                 ///< false: only the operator can mend the last failure
  std::optional<Nanoseconds> retry_after;  ///< as the last failure states
  Nanoseconds calling{};                   ///< calls that failed, each from its start to its failure
  Nanoseconds encoding{};                  ///< work on requests for targets
  Nanoseconds handling{};                  ///< work on what targets sent
  std::uint32_t context_needed = 0;        ///< more than this many tokens: a target that small has refused
  std::vector<std::uint16_t> tried;        ///< targets that did not answer, those that were passed over included
  bool committed = false;
  int status = 200;
  std::string answer;
  std::optional<TraceParent> parent;  ///< the caller's span
  std::string traceparent;            ///< ours, for upstreams; empty where this turn is not told to a collector
};

/// The turn can be ended by the stop of the gateway for as long as this lives.
class Endable {
 public:
  Endable(CoreState& core, net::Cancellation& gone) : core_(core), gone_(gone) { core_.turns.insert(&gone_); }
  ~Endable() { core_.turns.erase(&gone_); }
  Endable(const Endable&) = delete;
  Endable& operator=(const Endable&) = delete;

 private:
  CoreState& core_;
  net::Cancellation& gone_;
};

/// A structured field (RFC 8941): a list of places with their reasons. Only what a header may hold is kept.
std::string loss_header(const wire::Losses& losses) {
  constexpr std::size_t kShownMax = 16;
  std::string out;
  const auto quote = [&out](std::string_view text) {
    out.push_back('"');
    for (const char c : text.substr(0, 160)) {
      if (c == '"' || c == '\\') out.push_back('\\');
      out.push_back(c >= 0x20 && c < 0x7f ? c : '?');
    }
    out.push_back('"');
  };
  for (std::size_t i = 0; i < losses.size() && i < kShownMax; ++i) {
    if (i > 0) out += ", ";
    quote(losses[i].path);
    out += ";reason=";
    quote(losses[i].reason);
  }
  if (losses.size() > kShownMax) out += fmt::format(", \"\";more={}", losses.size() - kShownMax);
  return out;
}

Status unknown_format(std::string_view name) {
  const auto known = wire::format_names();
  return fail_at("header x-thalamus-format", ErrorKind::kInvalidInput, "unknown format '{}'{}; known: {}",
                 name.substr(0, 40), base::did_you_mean(name.substr(0, 40), known), fmt::join(known, ", "));
}

/// Where the time went until now. `upstream`: at targets, those that failed included; `last`: "first" for the first
/// content of a stream, else "total".
std::string server_timing(const TurnState& turn, Nanoseconds upstream, std::string_view last, Nanoseconds now) {
  ServerTiming timing;
  if (turn.decision.duration.value > 0) timing.add("decide", turn.decision.duration);
  if (turn.outcome.queue.value > 0) timing.add("queue", turn.outcome.queue);
  if (upstream.value > 0) timing.add("upstream", upstream);
  timing.add(last, now - turn.http.arrived);
  return timing.text();
}

/// What an error's answer says of its decision: the target that was asked last, if any was.
net::Headers error_headers(const TurnState& turn) {
  net::Headers headers;
  if (!turn.outcome.attempts.empty())
    headers.add("x-thalamus-target", turn.decision.route->targets[turn.outcome.attempts.back().target].name);
  headers.add("server-timing", server_timing(turn, turn.calling, "total", turn.core.shared.clock.now()));
  return headers;
}

net::Awaitable<void> send_error(TurnState& turn, Error error) {
  if (error.kind == ErrorKind::kCancelled && turn.core.ending) error = stopping_error();
  turn.status = base::http_status(error.kind);
  turn.outcome.failure = error.kind;
  if (turn.responder.started() || error.kind == ErrorKind::kCancelled) co_return;
  const RetryAdvice advice{.after = turn.retry_after, .useful = turn.worth_retry};
  const net::Headers headers = error_headers(turn);
  error = turn.stored.own_place(std::move(error));
  co_await answer_error(turn.responder, turn.format, error, turn.decision.id, advice, headers);
}

core::Answer tool_answer(const TurnState& turn, const tool::Solution& solution, std::string_view tool) {
  core::Answer answer;
  answer.id = turn.decision.id;
  answer.created_unix_s = turn.core.shared.clock.unix_ns() / 1'000'000'000;
  answer.model = std::string(tool);
  answer.text = solution.text();
  answer.usage.known = true;
  return answer;
}

/// One call from its slot to its first content; the attempt is recorded, good or bad.
struct RunningCall {
  std::unique_ptr<Call> call;
  std::uint16_t target = 0;
  Nanoseconds started{};
  bool holds_slot = false;
};

/// What the answer says of its decision.
net::Headers answer_headers(const TurnState& turn, const RunningCall& running) {
  const RouteRuntime& route = *turn.decision.route;
  const CallFacts& facts = running.call->facts();
  net::Headers headers;
  headers.add("x-thalamus-target", route.targets[running.target].name);
  add_request_id(turn.decision.id, headers);
  if (!facts.losses.empty()) headers.add("x-thalamus-loss", loss_header(facts.losses));
  const bool upstream = running.target < route.model_count;
  const Nanoseconds at_this = upstream ? facts.first_content - running.started : Nanoseconds{};
  headers.add("server-timing", server_timing(turn, turn.calling + at_this, turn.request.stream ? "first" : "total",
                                             facts.first_content));
  if (turn.decision.contract.explain) headers.add("x-thalamus-reason", turn.decision.reason_text(turn.core.estimates));
  return headers;
}

/// Of the session, or of what every turn of a long conversation begins with; nothing where there is no choice.
std::optional<std::uint64_t> affinity_of(const TurnState& turn, const UpstreamTarget& target) {
  constexpr std::size_t kPiecesMax = 8;
  const dispatch::EndpointSet& endpoints = *target.controls->endpoints;
  if (endpoints.size() < 2) return {};
  const std::string& session = turn.decision.contract.session;
  if (!session.empty()) return dispatch::affinity_of(session, {}, endpoints.affinity_prefix_bytes());
  std::array<std::string_view, kPiecesMax> pieces;
  std::size_t count = 0;
  std::size_t bytes = 0;
  for (const core::ToolDefinition& tool : turn.request.tools) bytes += tool.description.size() + tool.parameters.size();
  bool begins = true;  // up to the first user message
  for (const core::Message& message : turn.request.messages) {
    for (const core::Part& part : message.parts) {
      if (begins && count < kPiecesMax) pieces[count++] = part.text;
      bytes += part.text.size();
    }
    begins = begins && message.role != core::Role::kUser;
  }
  return dispatch::affinity_of({}, {std::span(pieces).first(count), bytes}, endpoints.affinity_prefix_bytes());
}

dispatch::PlanRest rest_of_plan(const TurnState& turn, std::uint16_t target) {
  const auto targets = turn.decision.plan.targets();
  return targets.empty() || targets.back() == target ? dispatch::PlanRest::kLastTarget
                                                     : dispatch::PlanRest::kMoreTargets;
}

std::string_view betas_of(const TurnState& turn) {
  const std::string_view name = turn.format.beta_header();
  return name.empty() ? name : turn.http.headers.get(name).value_or("");
}

std::unique_ptr<Call> make_call(TurnState& turn, std::uint16_t target) {
  const RouteRuntime& route = *turn.decision.route;
  CallContext context{
      .request = turn.request,
      .body = turn.http.body,
      .betas = betas_of(turn),
      .format = turn.format,
      .decision_id = turn.decision.id,
      .clock = turn.core.shared.clock,
      .arrived = turn.http.arrived,
      .rng = turn.core.rng,
      .client_gone = &turn.responder.client_gone(),
      .wait = turn.decision.wait,
      .affinity = target < route.model_count ? affinity_of(turn, *route.upstream[target]) : std::nullopt,
      .rest = rest_of_plan(turn, target),
      .input_tokens = static_cast<std::uint32_t>(turn.core.estimates.input_tokens),
      .keep_answer = turn.runtime->config().trace.content == KeepContent::kYes,
      .traceparent = turn.traceparent,
      .strict = route.strict,
      .ending = &turn.core.ending};
  if (target >= route.model_count)
    return make_answer_call(context, tool_answer(turn, *turn.decision.solution, route.targets[target].name));
  return make_upstream_call(context, *route.upstream[target], turn.core.client);
}

void note_tried(TurnState& turn, std::uint16_t target) {
  if (std::find(turn.tried.begin(), turn.tried.end(), target) == turn.tried.end()) turn.tried.push_back(target);
}

void end_call(TurnState& turn, RunningCall& running, const Status& status) {
  const RouteRuntime& route = *turn.decision.route;
  const Nanoseconds now = turn.core.shared.clock.now();
  const CallFacts& facts = running.call->facts();
  core::Attempt attempt{
      .target = running.target, .status = facts.status, .failure = {}, .duration = now - running.started};
  if (!status) attempt.failure = status.error().kind;
  for (core::Attempt earlier : facts.earlier) {
    earlier.target = running.target;
    turn.outcome.attempts.push_back(earlier);
    turn.core.shared.telemetry.call(turn.core.index, route.targets[running.target].name, earlier);
  }
  if (facts.called) {
    turn.outcome.attempts.push_back(attempt);
    turn.core.shared.telemetry.call(turn.core.index, route.targets[running.target].name, attempt);
  }
  if (running.holds_slot) {
    const bool cancelled = !status && status.error().kind == ErrorKind::kCancelled;
    route.policy->finish({.target = route.policy_index[running.target],
                          .ok = status.has_value(),
                          .target_fault = !status && !cancelled && !facts.client_fault,
                          .duration = attempt.duration,
                          .unused = !facts.called},
                         now);
    running.holds_slot = false;
  }
  turn.encoding = turn.encoding + facts.encoding;
  turn.handling = turn.handling + facts.handling;
  if (!status) {
    turn.calling = turn.calling + attempt.duration;
    note_tried(turn, running.target);
    if (!facts.called && !turn.outcome.attempts.empty()) return;  // what a call said tells more
    turn.last_failure = status.error();
    turn.last_was_client_fault = facts.client_fault;
    turn.retry_after = facts.retry_after;
    turn.worth_retry = !facts.operators_fault;
    if (facts.needs_context)
      turn.context_needed = std::max(turn.context_needed, route.targets[running.target].context_tokens);
  }
}

/// A target that is known to hold no more than one that the request was too long for is not asked.
bool holds_too_little(const TurnState& turn, std::uint16_t target) {
  const std::uint32_t context = turn.decision.route->targets[target].context_tokens;
  return turn.context_needed > 0 && context > 0 && context <= turn.context_needed;
}

net::Awaitable<Status> begin_call(TurnState& turn, RunningCall& running) {
  running.started = turn.core.shared.clock.now();
  if (holds_too_little(turn, running.target)) {
    note_tried(turn, running.target);
    co_return std::unexpected(*turn.last_failure);
  }
  if (running.target < turn.decision.route->model_count) {
    const RouteRuntime& route = *turn.decision.route;
    // Nearly always there is a slot at once: no wait, no coroutine.
    if (route.policy->admit(route.policy_index[running.target], running.started) != dispatch::Admission::kAdmitted) {
      Status slot =
          co_await wait_for_slot(turn.core, route, running.target, running.started, turn.responder.client_gone());
      const Nanoseconds waited = turn.core.shared.clock.now() - running.started;
      turn.outcome.queue = turn.outcome.queue + waited;
      if (!slot) {
        note_tried(turn, running.target);
        turn.last_failure = slot.error();
        co_return slot;
      }
      running.started = turn.core.shared.clock.now();
    }
    running.holds_slot = true;
  }
  running.call = make_call(turn, running.target);
  Status begun = co_await running.call->begin();
  if (!begun) end_call(turn, running, begun);
  co_return begun;
}

net::Awaitable<Status> deliver_call(TurnState& turn, RunningCall& running) {
  const net::Headers headers = answer_headers(turn, running);
  turn.committed = true;
  turn.outcome.answered_by = running.target;
  Status delivered = co_await running.call->deliver(turn.responder, headers);
  end_call(turn, running, delivered);
  const CallFacts& facts = running.call->facts();
  const core::Target& target = turn.decision.route->targets[running.target];
  turn.outcome.usage = facts.usage;
  turn.outcome.cost = core::cost_of(facts.usage, target.prices);
  turn.outcome.finish = facts.finish;
  turn.outcome.first_token = facts.first_content - turn.http.arrived;
  if (!delivered) {
    turn.outcome.failure = delivered.error().kind;
    const bool cancelled = delivered.error().kind == ErrorKind::kCancelled;
    turn.outcome.finish = cancelled ? core::Finish::kCancelled : core::Finish::kError;
  }
  turn.core.shared.telemetry.usage(turn.core.index, target.name, facts.usage, turn.outcome.cost);
  turn.answer = facts.answer;
  co_return delivered;
}

compose::Event failed_event(const TurnState& turn, const RunningCall& running, compose::CallId id,
                            const Status& status) {
  if (status.error().kind == ErrorKind::kCancelled && turn.responder.client_gone().cancelled())
    return {.kind = compose::EventKind::kClientGone, .call = id, .failure = ErrorKind::kCancelled, .retryable = false};
  const bool retryable = running.call == nullptr || running.call->facts().retryable;
  return {.kind = compose::EventKind::kFailed, .call = id, .failure = status.error().kind, .retryable = retryable};
}

/// Carries out the strategy's steps until it is done. The steps of today's strategies keep one call in flight, so a
/// call is awaited in place.
net::Awaitable<void> drive(TurnState& turn, compose::Strategy& strategy) {
  RunningCall running;
  compose::Event event{};
  for (std::size_t steps = 0; steps < compose::kStepsMax; ++steps) {
    const compose::Step step = strategy.next(event);
    event = {.kind = compose::EventKind::kContinue, .call = step.call};
    switch (step.kind) {
      case compose::StepKind::kCall: {
        running = {};
        running.target = step.target;
        Status begun = co_await begin_call(turn, running);
        event = begun ? compose::Event{.kind = compose::EventKind::kContent, .call = step.call}
                      : failed_event(turn, running, step.call, begun);
        break;
      }
      case compose::StepKind::kCommit: {
        Status delivered = co_await deliver_call(turn, running);
        event = delivered ? compose::Event{.kind = compose::EventKind::kCompleted, .call = step.call}
                          : failed_event(turn, running, step.call, delivered);
        break;
      }
      case compose::StepKind::kCancel: running.call.reset(); break;
      case compose::StepKind::kWait: break;
      case compose::StepKind::kDone: co_return;
    }
  }
  turn.last_failure = Error{ErrorKind::kInternal, "the strategy did not end within its step limit", {}};
}

/// What the client is told when no target answered.
Error final_error(const TurnState& turn) {
  const Error& last = *turn.last_failure;
  if (turn.last_was_client_fault || turn.tried.size() <= 1) return last;
  return {last.kind,
          fmt::format("none of the {} targets tried of '{}' answered; the last said: {}", turn.tried.size(),
                      turn.decision.route->name, last.message),
          last.where};
}

/// Whether this turn is told to the collector: the caller's own word counts, otherwise the share.
void choose_span(TurnState& turn) {
  const Shared& shared = turn.core.shared;
  if (shared.spans == nullptr) return;
  if (const auto header = turn.http.headers.get("traceparent")) turn.parent = parse_traceparent(*header);
  const double sample = shared.spans->options().sample;
  const bool told = turn.parent ? turn.parent->sampled : sample >= 1 || turn.core.rng.uniform() < sample;
  if (told) turn.traceparent = traceparent_of(turn.decision.id, turn.parent);
}

/// For the access log and the collector, where either wants it.
void tell(TurnState& turn) {
  Shared& shared = turn.core.shared;
  const bool spans = !turn.traceparent.empty();
  if (!spans && !shared.access_log) return;
  TurnSummary summary;
  summary.arrived_unix_ns = shared.clock.unix_ns() - turn.outcome.total.value;
  summary.decide = turn.decision.duration;
  summary.decision_id = turn.decision.id;
  summary.format = turn.format.name();
  summary.key = turn.decision.key;
  summary.path = turn.http.path;
  summary.model = turn.request.model;
  summary.stream = turn.request.stream;
  summary.status = turn.status;
  summary.outcome = turn.outcome;
  summary.parent = turn.parent;
  if (const RouteRuntime* route = turn.decision.route; route != nullptr) {
    summary.route = route->name;
    for (const core::Attempt& attempt : turn.outcome.attempts) {
      const bool model = attempt.target < route->model_count;
      summary.attempted.push_back(route->targets[attempt.target].name);
      summary.addresses.push_back(model ? route->upstream[attempt.target]->replicas.front().host : std::string());
    }
    if (!summary.attempted.empty()) summary.target = summary.attempted.back();
    if (const auto by = turn.outcome.answered_by) {
      summary.target = route->targets[*by].name;
      if (*by < route->model_count) {
        summary.address = route->upstream[*by]->replicas.front().host;
        summary.upstream_model = route->upstream[*by]->model_id;
      }
    }
  }
  if (shared.access_log) base::log_info("{}", access_line(summary));
  if (spans) shared.spans->add(std::move(summary));
}

/// The gateway's own work on this turn, phase by phase; a phase that did not come is not counted.
void count_phases(const TurnState& turn) {
  Telemetry& telemetry = turn.core.shared.telemetry;
  const auto count = [&](Phase phase, Nanoseconds duration) {
    if (duration.value > 0) telemetry.phase_seconds(turn.core.index, phase, duration.seconds());
  };
  const Decision& decision = turn.decision;
  count(Phase::kDecode, decision.decoding);
  if (decision.duration.value > 0) count(Phase::kDecide, decision.duration - decision.decoding);
  count(Phase::kEncode, turn.encoding);
  count(Phase::kAnswer, turn.handling);
}

void record(TurnState& turn) {
  Shared& shared = turn.core.shared;
  const Nanoseconds total = shared.clock.now() - turn.http.arrived;
  turn.outcome.total = total;
  const std::string_view route = turn.decision.route != nullptr ? std::string_view(turn.decision.route->name) : "";
  shared.telemetry.request(turn.core.index, route, turn.status);
  shared.telemetry.turn_seconds(turn.core.index, total.seconds());
  count_phases(turn);
  tell(turn);
  if (shared.records == nullptr || turn.decision.route == nullptr) return;
  core::Turn record = turn.decision.to_turn(turn.runtime->generation());
  record.arrived_unix_ns = shared.clock.unix_ns() - total.value;
  record.prompt_hash = turn.decision.prompt_hash;
  if (turn.runtime->config().trace.content == KeepContent::kYes) {
    record.content = std::move(turn.http.body);
    record.answer = std::move(turn.answer);
  }
  record.outcome = std::move(turn.outcome);
  if (!shared.records->append(std::move(record))) shared.telemetry.record_dropped(turn.core.index);
}

net::Awaitable<void> run_calls(TurnState& turn) {
  const RouteRuntime& route = *turn.decision.route;
  if (turn.decision.plan.empty()) {
    co_await send_error(turn, turn.decision.infeasible_error());
    co_return;
  }
  auto strategy = route.strategy->make(turn.decision.plan, route.strategy_options);
  if (!strategy) {
    co_await send_error(turn, strategy.error());
    co_return;
  }
  co_await drive(turn, **strategy);
  if (turn.committed) co_return;
  if (!turn.last_failure) turn.last_failure = Error{ErrorKind::kUnavailable, "no target was tried", {}};
  const Error error = final_error(turn);
  co_await send_error(turn, error);
}

}  // namespace

net::Awaitable<void> run_chat(CoreState& core, std::shared_ptr<const Runtime> runtime, const wire::Format& format,
                              net::HttpRequest& http, net::Responder& responder) {
  StoredTurn stored(core, *runtime, format, http, responder);
  TurnState turn{.core = core,
                 .runtime = std::move(runtime),
                 .format = format,
                 .http = http,
                 .stored = stored,
                 .responder = stored.responder(),
                 .request = {},
                 .decision = {},
                 .outcome = {},
                 .last_failure = {},
                 .retry_after = {},
                 .tried = {},
                 .answer = {},
                 .parent = {},
                 .traceparent = {}};
  const Endable endable(core, responder.client_gone());
  core.shared.telemetry.in_flight(core.index, 1);
  turn.decision.id = decision_name(core);
  Status prepared = stored.recall();
  if (prepared) prepared = prepare(core, *turn.runtime, format, http, turn.request, turn.decision);
  if (stored.keeps()) std::erase(turn.request.unread, "store");
  choose_span(turn);
  if (prepared && turn.decision.stands_in) co_await decide_with_slow_features(core, turn.request, turn.decision);
  if (!prepared) {
    co_await send_error(turn, prepared.error());
  } else {
    core.shared.telemetry.decision_seconds(core.index, turn.decision.duration.seconds());
    co_await run_calls(turn);
    stored.keep();
  }
  const Nanoseconds ended = core.shared.clock.now();
  record(turn);
  core.shared.telemetry.phase_seconds(core.index, Phase::kRecord, (core.shared.clock.now() - ended).seconds());
  core.shared.telemetry.in_flight(core.index, -1);
}

net::Awaitable<void> run_decision(CoreState& core, std::shared_ptr<const Runtime> runtime, net::HttpRequest& http,
                                  net::Responder& responder, const std::string& id) {
  core::Request request;
  Decision decision;
  const auto named = http.headers.get("x-thalamus-format");
  const wire::Format* format = wire::find_format(named.value_or("openai"));
  decision.id = id;
  Status prepared;
  if (format == nullptr) {
    prepared = unknown_format(*named);
  } else {
    StoredTurn stored(core, *runtime, *format, http, responder);
    prepared = stored.recall();
    if (prepared) prepared = prepare(core, *runtime, *format, http, request, decision);
    if (!prepared) prepared = std::unexpected(stored.own_place(prepared.error()));
  }
  if (prepared && decision.stands_in) co_await decide_with_slow_features(core, request, decision);
  if (!prepared) {
    if (format == nullptr) format = wire::find_format("openai");
    co_await answer_error(responder, *format, prepared.error(), decision.id);
    co_return;
  }
  net::Headers headers;
  headers.add("content-type", "application/json");
  headers.add("x-thalamus-decision", decision.id);
  const std::string body = decision.to_json(core.estimates);
  Status sent = co_await responder.send(200, headers, body);
  static_cast<void>(sent);
}

}  // namespace thalamus::gateway
