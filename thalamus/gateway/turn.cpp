// The life of one request, read top to bottom: `run_chat` decodes, decides, drives the strategy's calls and records.
#include "thalamus/gateway/turn.h"

#include <fmt/format.h>

#include <optional>

#include "thalamus/base/hash.h"
#include "thalamus/base/json_writer.h"
#include "thalamus/base/log.h"
#include "thalamus/base/text.h"
#include "thalamus/gateway/call.h"
#include "thalamus/gateway/decision.h"
#include "thalamus/gateway/slow_features.h"
#include "thalamus/net/asio.h"
#include "thalamus/route/explain.h"

namespace thalamus::gateway {
namespace {

namespace asio = boost::asio;

constexpr Nanoseconds kSlotPoll = Nanoseconds::from_ms(2);

/// Everything of one turn; lives in the handler's coroutine frame.
struct TurnState {
  CoreState& core;
  std::shared_ptr<const Runtime> runtime;
  const wire::Format& format;  ///< the client's
  net::HttpRequest& http;
  net::Responder& responder;
  core::Request request;
  Decision decision;
  core::Outcome outcome;
  std::optional<Error> last_failure;
  bool last_was_client_fault = false;
  bool committed = false;
  int status = 200;
  std::string answer;
  std::optional<TraceParent> parent;  ///< the caller's span
  std::string traceparent;            ///< ours, for upstreams; empty where this turn is not told to a collector
};

/// The decision's name is the request's, under the names that the official clients read.
void add_request_id(const std::string& id, net::Headers& headers) {
  headers.add("x-thalamus-decision", id);
  headers.add("x-request-id", id);
  headers.add("request-id", id);
}

/// Official clients ask these before their own rules, so that they retry exactly what may come out otherwise.
void add_retry_advice(ErrorKind kind, net::Headers& headers) {
  const bool busy = kind == ErrorKind::kLimitExceeded || kind == ErrorKind::kUnavailable;
  const bool passing = busy || kind == ErrorKind::kTimeout || kind == ErrorKind::kUpstream;
  headers.add("x-should-retry", passing ? "true" : "false");
  if (!busy) return;
  headers.add("retry-after", "1");
  headers.add("retry-after-ms", "1000");
}

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

net::Awaitable<void> send_error(TurnState& turn, const Error& error) {
  turn.status = base::http_status(error.kind);
  turn.outcome.failure = error.kind;
  if (turn.responder.started() || error.kind == ErrorKind::kCancelled) co_return;
  net::Headers headers;
  headers.add("content-type", "application/json");
  if (!turn.decision.id.empty()) add_request_id(turn.decision.id, headers);
  add_retry_advice(error.kind, headers);
  const std::string body = turn.format.encode_error(error, turn.decision.id);
  Status sent = co_await turn.responder.send(turn.status, headers, body);
  static_cast<void>(sent);
}

/// What the answer says of its decision; `Server-Timing` per W3C Server Timing, milliseconds.
net::Headers answer_headers(const TurnState& turn, std::uint16_t target, const CallFacts& facts) {
  const RouteRuntime& route = *turn.decision.route;
  net::Headers headers;
  headers.add("x-thalamus-target", route.targets[target].name);
  add_request_id(turn.decision.id, headers);
  if (!facts.losses.empty()) headers.add("x-thalamus-loss", loss_header(facts.losses));
  const Nanoseconds arrived = turn.http.arrived;
  const std::int64_t decide_us = turn.decision.duration.value / 1'000;
  const std::int64_t answer_us = (facts.first_content - arrived).value / 1'000;
  headers.add("server-timing",
              fmt::format("decide;dur={}.{:03}, {};dur={}.{:03}", decide_us / 1'000, decide_us % 1'000,
                          turn.request.stream ? "first" : "total", answer_us / 1'000, answer_us % 1'000));
  if (turn.decision.contract.explain) headers.add("x-thalamus-reason", turn.decision.reason_text(turn.core.estimates));
  return headers;
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

/// A place in a target's queue, given back whatever ends the wait.
class QueuePlace {
 public:
  QueuePlace(dispatch::Policy& policy, std::uint16_t slot) : policy_(policy), slot_(slot) {}
  QueuePlace(const QueuePlace&) = delete;
  QueuePlace& operator=(const QueuePlace&) = delete;
  ~QueuePlace() {
    if (taken_) static_cast<void>(policy_.queue(slot_, dispatch::QueueStep::kLeave));
  }
  [[nodiscard]] bool take() noexcept { return taken_ = taken_ || policy_.queue(slot_, dispatch::QueueStep::kEnter); }

 private:
  dispatch::Policy& policy_;
  std::uint16_t slot_;
  bool taken_ = false;
};

/// Waits for a slot of the target; kUnavailable where it is down, kLimitExceeded where its queue is full, kTimeout
/// where the wait takes too long.
net::Awaitable<Status> wait_for_slot(TurnState& turn, std::uint16_t target, Nanoseconds asked) {
  const RouteRuntime& route = *turn.decision.route;
  const std::string& name = route.targets[target].name;
  const std::uint16_t slot = route.policy_index[target];
  const base::Clock& clock = turn.core.shared.clock;
  QueuePlace place(*route.policy, slot);
  auto executor = co_await asio::this_coro::executor;
  asio::steady_timer timer(executor);
  for (;;) {
    const Nanoseconds now = clock.now();
    const dispatch::Admission admission = route.policy->admit(slot, now);
    if (admission == dispatch::Admission::kAdmitted) {
      turn.outcome.queue = turn.outcome.queue + (now - asked);
      co_return Status{};
    }
    if (admission == dispatch::Admission::kRefused && !route.policy->state(slot, now).healthy)
      co_return fail(ErrorKind::kUnavailable, "target '{}' is down", name);
    if (admission == dispatch::Admission::kRefused || !place.take())
      co_return fail(ErrorKind::kLimitExceeded, "the queue of target '{}' is full; try again later", name);
    if (now - asked > route.limits[target]->first_byte_timeout)
      co_return fail(ErrorKind::kTimeout, "no slot of target '{}' came free within {:.0f} s", name,
                     (now - asked).seconds());
    if (turn.responder.client_gone().cancelled()) co_return fail(ErrorKind::kCancelled, "the client went away");
    timer.expires_after(std::chrono::nanoseconds(kSlotPoll.value));
    auto [error] = co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    static_cast<void>(error);
  }
}

/// One call from its slot to its first content; the attempt is recorded, good or bad.
struct RunningCall {
  std::unique_ptr<Call> call;
  std::uint16_t target = 0;
  Nanoseconds started{};
  bool holds_slot = false;
};

std::unique_ptr<Call> make_call(TurnState& turn, std::uint16_t target) {
  const RouteRuntime& route = *turn.decision.route;
  CallContext context{.request = turn.request,
                      .body = turn.http.body,
                      .format = turn.format,
                      .decision_id = turn.decision.id,
                      .clock = turn.core.shared.clock,
                      .arrived = turn.http.arrived,
                      .client_gone = &turn.responder.client_gone(),
                      .keep_answer = turn.runtime->config().trace.content == KeepContent::kYes,
                      .traceparent = turn.traceparent,
                      .strict = route.strict};
  if (target >= route.model_count)
    return make_answer_call(context, tool_answer(turn, *turn.decision.solution, route.targets[target].name));
  return make_upstream_call(context, *route.upstream[target], *route.limits[target], turn.core.client);
}

void end_call(TurnState& turn, RunningCall& running, const Status& status) {
  const RouteRuntime& route = *turn.decision.route;
  const Nanoseconds now = turn.core.shared.clock.now();
  const CallFacts& facts = running.call->facts();
  core::Attempt attempt{
      .target = running.target, .status = facts.status, .failure = {}, .duration = now - running.started};
  if (!status) attempt.failure = status.error().kind;
  turn.outcome.attempts.push_back(attempt);
  turn.core.shared.telemetry.call(turn.core.index, route.targets[running.target].name, attempt);
  if (running.holds_slot) {
    const bool cancelled = !status && status.error().kind == ErrorKind::kCancelled;
    route.policy->finish({.target = route.policy_index[running.target],
                          .ok = status.has_value(),
                          .target_fault = !status && !cancelled && !facts.client_fault,
                          .duration = attempt.duration},
                         now);
    running.holds_slot = false;
  }
  if (!status) {
    turn.last_failure = status.error();
    turn.last_was_client_fault = facts.client_fault;
  }
}

net::Awaitable<Status> begin_call(TurnState& turn, RunningCall& running) {
  running.started = turn.core.shared.clock.now();
  if (running.target < turn.decision.route->model_count) {
    const RouteRuntime& route = *turn.decision.route;
    // Nearly always there is a slot at once: no wait, no coroutine.
    if (route.policy->admit(route.policy_index[running.target], running.started) != dispatch::Admission::kAdmitted) {
      Status slot = co_await wait_for_slot(turn, running.target, running.started);
      if (!slot) {
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
  const net::Headers headers = answer_headers(turn, running.target, running.call->facts());
  turn.committed = true;
  turn.outcome.answered_by = running.target;
  Status delivered = co_await running.call->deliver(turn.responder, headers);
  end_call(turn, running, delivered);
  const CallFacts& facts = running.call->facts();
  const core::Target& target = turn.decision.route->targets[running.target];
  turn.outcome.usage = facts.usage;
  turn.outcome.cost = core::cost_of(facts.usage, target.prices);
  turn.outcome.finish = delivered ? facts.finish : core::Finish::kError;
  turn.outcome.first_token = facts.first_content - turn.http.arrived;
  if (!delivered) turn.outcome.failure = delivered.error().kind;
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
  if (turn.last_was_client_fault || turn.outcome.attempts.size() <= 1) return last;
  return {last.kind,
          fmt::format("none of the {} targets tried of '{}' answered; the last said: {}", turn.outcome.attempts.size(),
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
  summary.model = turn.request.model;
  summary.stream = turn.request.stream;
  summary.status = turn.status;
  summary.outcome = turn.outcome;
  summary.parent = turn.parent;
  if (const RouteRuntime* route = turn.decision.route; route != nullptr) {
    summary.route = route->name;
    for (const core::Attempt& attempt : turn.outcome.attempts)
      summary.attempted.push_back(route->targets[attempt.target].name);
    if (const auto by = turn.outcome.answered_by) {
      summary.target = route->targets[*by].name;
      if (*by < route->model_count) {
        summary.address = route->upstream[*by]->endpoint.host;
        summary.upstream_model = route->upstream[*by]->model_id;
      }
    }
  }
  if (shared.access_log) base::log_info("{}", access_line(summary));
  if (spans) shared.spans->add(std::move(summary));
}

void record(TurnState& turn) {
  Shared& shared = turn.core.shared;
  const Nanoseconds total = shared.clock.now() - turn.http.arrived;
  turn.outcome.total = total;
  const std::string_view route = turn.decision.route != nullptr ? std::string_view(turn.decision.route->name) : "";
  shared.telemetry.request(turn.core.index, route, turn.status);
  shared.telemetry.turn_seconds(turn.core.index, total.seconds());
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
  TurnState turn{.core = core,
                 .runtime = std::move(runtime),
                 .format = format,
                 .http = http,
                 .responder = responder,
                 .request = {},
                 .decision = {},
                 .outcome = {},
                 .last_failure = {},
                 .answer = {},
                 .parent = {},
                 .traceparent = {}};
  core.shared.telemetry.in_flight(core.index, 1);
  auto prepared = prepare(core, *turn.runtime, format, http, turn.request, turn.decision);
  choose_span(turn);
  if (prepared && turn.decision.stands_in) co_await decide_with_slow_features(core, turn.request, turn.decision);
  if (!prepared) {
    co_await send_error(turn, prepared.error());
  } else {
    core.shared.telemetry.decision_seconds(core.index, turn.decision.duration.seconds());
    co_await run_calls(turn);
  }
  record(turn);
  core.shared.telemetry.in_flight(core.index, -1);
}

net::Awaitable<void> run_decision(CoreState& core, std::shared_ptr<const Runtime> runtime, net::HttpRequest& http,
                                  net::Responder& responder) {
  core::Request request;
  Decision decision;
  const auto named = http.headers.get("x-thalamus-format");
  const wire::Format* format = wire::find_format(named.value_or("openai"));
  auto prepared =
      format == nullptr ? unknown_format(*named) : prepare(core, *runtime, *format, http, request, decision);
  if (prepared && decision.stands_in) co_await decide_with_slow_features(core, request, decision);
  net::Headers headers;
  headers.add("content-type", "application/json");
  std::string body;
  int status = 200;
  if (!prepared) {
    status = base::http_status(prepared.error().kind);
    body = (format != nullptr ? format : wire::find_format("openai"))->encode_error(prepared.error(), decision.id);
  } else {
    headers.add("x-thalamus-decision", decision.id);
    body = decision.to_json(core.estimates);
  }
  Status sent = co_await responder.send(status, headers, body);
  static_cast<void>(sent);
}

}  // namespace thalamus::gateway
