// A call of a remote or managed model: `dispatch::TargetCall` says which endpoint is tried when, this file does it.
// Where no hedge can come, the one attempt is awaited in place; otherwise attempts run beside each other and ring.
#include <fmt/format.h>

#include <chrono>
#include <vector>

#include "thalamus/gateway/call.h"
#include "thalamus/gateway/upstream_attempt.h"
#include "thalamus/gateway/upstream_target.h"
#include "thalamus/net/asio.h"
#include "thalamus/wire/foreign_thoughts.h"
#include "thalamus/wire/json_splice.h"
#include "thalamus/wire/translate.h"

namespace thalamus::gateway {
namespace {

namespace asio = boost::asio;
using dispatch::TargetEvent;
using dispatch::TargetStep;

constexpr std::string_view kHeader = "header ";

TargetEvent happened(TargetEvent::Kind kind, dispatch::AttemptId attempt = 0) {
  TargetEvent event;
  event.kind = kind;
  event.attempt = attempt;
  return event;
}

class UpstreamCall final : public Call {
 public:
  UpstreamCall(const CallContext& context, const UpstreamTarget& target, net::HttpClient& client)
      : context_(context),
        target_(target),
        client_(client),
        call_(*target.controls, request_of(context), context.rng) {}

  net::Awaitable<Status> begin() override {
    const Nanoseconds begun = now();
    Status made = make_body();
    if (!made) {
      facts_.called = false;
      facts_.retryable = true;
      co_return made;
    }
    wire::add_members(body_, target_.extra_body);
    facts_.encoding = now() - begun;
    TargetStep step = call_.next(happened(TargetEvent::Kind::kStart), now());
    for (;;) {
      switch (step.kind) {
        case TargetStep::Kind::kAttempt: set_up(step); break;
        case TargetStep::Kind::kDrop: drop(step.attempt); break;
        case TargetStep::Kind::kCommit: {
          winner_ = step.attempt;
          co_await settle();
          take_facts();
          co_return Status{};
        }
        case TargetStep::Kind::kWait: {
          TargetEvent event = co_await wait(step.until);
          step = call_.next(event, now());
          continue;
        }
        case TargetStep::Kind::kDone:
        case TargetStep::Kind::kGiveUp: {
          co_await settle();
          co_return give_up();
        }
      }
      step = call_.next(happened(TargetEvent::Kind::kContinue), now());
    }
  }

  net::Awaitable<Status> deliver(net::Responder& responder, const net::Headers& headers) override {
    Try& won = *tries_[winner_];
    Status delivered = co_await won.attempt.deliver(responder, headers);
    take_facts();
    TargetEvent event = happened(TargetEvent::Kind::kCompleted, winner_);
    if (!delivered) {
      event.kind = TargetEvent::Kind::kFailed;
      event.verdict = won.attempt.verdict();
    }
    static_cast<void>(call_.next(event, now()));
    co_return delivered;
  }

 private:
  struct Try {
    Try(const CallContext& context, const UpstreamTarget& target, net::HttpClient& client)
        : attempt(context, target, client) {}
    UpstreamAttempt attempt;
    dispatch::EndpointChoice choice;
    dispatch::AttemptLimits limits;
    Nanoseconds started{};
    Nanoseconds ended{};
    Status result;
    net::Cancellation cancellation;  // of an attempt that runs beside others
    bool pending = false;            // set up, not begun
    bool running = false;            // its coroutine is under way
    bool over = false;               // its result is there
    bool told = false;               // to the state machine
    bool dropped = false;
  };

  static dispatch::TargetRequest request_of(const CallContext& context) {
    dispatch::TargetRequest request;
    request.arrived = context.arrived;
    request.client = context.wait;
    request.shape = context.request.stream ? dispatch::AnswerShape::kStream : dispatch::AnswerShape::kBuffered;
    request.affinity = context.affinity;
    request.rest = context.rest;
    return request;
  }

  [[nodiscard]] Nanoseconds now() const { return context_.clock.now(); }

  // The request as the target takes it.
  Status make_body() {
    if (&context_.format == target_.format || context_.format.embeddings()) {
      CHECK_OK(forward_body());
    } else {
      translate_body();
    }
    if (!context_.strict || facts_.losses.empty()) return {};
    facts_.client_fault = true;
    const wire::Loss& first = facts_.losses.front();
    const bool header = first.path.starts_with(kHeader);
    return fail_at(header ? first.path : "body." + first.path, ErrorKind::kInvalidInput,
                   "cannot be said to target '{}', which speaks {}: {}; leave it out, or take `strict` from the route",
                   target_.name, target_.format->name(), first.reason);
  }

  // The client's bytes, but for what the gateway itself has put into its conversation.
  Status forward_body() {
    const bool thoughts = wire::holds_thoughts(context_.request);
    const auto mended =
        thoughts ? wire::without_foreign_thoughts(context_.format.name(), context_.body, facts_.losses) : std::nullopt;
    TRY(body_, context_.format.forward(mended ? *mended : context_.body, {.model = target_.model_id}));
    return {};
  }

  void translate_body() {
    const core::Request* request = &context_.request;
    core::Request weaker;
    if (!target_.takes_reasoning && (!request->reasoning_effort.empty() || request->reasoning_tokens)) {
      weaker = *request;
      weaker.reasoning_effort.clear();
      weaker.reasoning_tokens.reset();
      request = &weaker;
      facts_.losses.push_back({"request.reasoning_effort", "the target does not state the ability `reasoning_effort`"});
    }
    body_ = wire::translate(context_.format, context_.body, *request, *target_.format, target_.model_id, facts_.losses);
    if (!context_.betas.empty())
      facts_.losses.push_back({std::string(kHeader).append(context_.format.beta_header()),
                               "features that the target's protocol does not have"});
  }

  void set_up(const TargetStep& step) {
    auto made = std::make_unique<Try>(context_, target_, client_);
    made->choice = step.choice;
    made->limits = step.limits;
    made->started = now();
    made->pending = true;
    tries_.push_back(std::move(made));  // attempts are numbered as they are made
  }

  void drop(dispatch::AttemptId id) {
    Try& dropped = *tries_[id];
    dropped.dropped = true;
    dropped.told = true;
    if (dropped.running) dropped.cancellation.cancel();
    if (dropped.over) dropped.attempt.abandon();
  }

  // What happens next: an attempt's first content or failure, the timer, or the client going away.
  net::Awaitable<TargetEvent> wait(std::optional<Nanoseconds> until) {
    if (!until && !tries_.empty() && tries_.back()->pending) {
      Try& alone = *tries_.back();
      alone.pending = false;
      alone.result = co_await alone.attempt.begin(alone.choice, alone.limits, body_, context_.client_gone);
      alone.ended = now();
      alone.over = true;
      co_return event_of(tries_.size() - 1);
    }
    auto executor = co_await asio::this_coro::executor;
    if (!bell_) bell_.emplace(executor);
    for (const auto& made : tries_)
      if (made->pending) asio::co_spawn(executor, run(*made), asio::detached);
    for (;;) {
      for (std::size_t i = 0; i < tries_.size(); ++i)
        if (tries_[i]->over && !tries_[i]->told) co_return event_of(i);
      if (context_.client_gone->cancelled()) co_return happened(TargetEvent::Kind::kCancel);
      const Nanoseconds left = until ? *until - now() : Nanoseconds::from_ms(86'400'000);
      if (left.value <= 0) co_return happened(TargetEvent::Kind::kTimer);
      bell_->expires_after(std::chrono::nanoseconds(left.value));
      const auto watch = context_.client_gone->add([this] { bell_->cancel(); });
      auto [error] = co_await bell_->async_wait(asio::as_tuple(asio::use_awaitable));
      static_cast<void>(error);
      context_.client_gone->remove(watch);
    }
  }

  // An attempt beside others. The call outlives it: `settle` waits.
  net::Awaitable<void> run(Try& made) {
    made.pending = false;
    made.running = true;
    const auto watch = context_.client_gone->add([&made] { made.cancellation.cancel(); });
    made.result = co_await made.attempt.begin(made.choice, made.limits, body_, &made.cancellation);
    context_.client_gone->remove(watch);
    made.ended = now();
    made.running = false;
    made.over = true;
    bell_->cancel();
  }

  TargetEvent event_of(std::size_t index) {
    Try& made = *tries_[index];
    made.told = true;
    TargetEvent event = happened(made.result ? TargetEvent::Kind::kContent : TargetEvent::Kind::kFailed,
                                 static_cast<dispatch::AttemptId>(index));
    if (!made.result) event.verdict = made.attempt.verdict();
    return event;
  }

  // Until no attempt is under way but the winner.
  net::Awaitable<void> settle() {
    for (const auto& made : tries_) {
      while (made->running) {
        bell_->expires_after(std::chrono::hours(1));
        auto [error] = co_await bell_->async_wait(asio::as_tuple(asio::use_awaitable));
        static_cast<void>(error);
      }
    }
  }

  // The last attempt that failed says why.
  Status give_up() {
    const dispatch::FailureVerdict& verdict = call_.verdict();
    facts_.retryable = verdict.may_try.next_target || verdict.may_try.larger_context;
    facts_.needs_context = verdict.may_try.larger_context;
    facts_.client_fault = verdict.client_fault;
    facts_.operators_fault = verdict.failure == dispatch::FailureClass::kKeyDead ||
                             verdict.failure == dispatch::FailureClass::kNotThere || every_key_is_dead();
    facts_.retry_after = verdict.retry_after;
    const Try* last = nullptr;  // that was made
    const Try* told = nullptr;  // that has failed by itself
    for (const auto& made : tries_) {
      if (!made->pending) last = made.get();
      if (made->over && !made->result && !made->dropped) told = made.get();
    }
    if (told != nullptr) last = told;
    facts_.called = last != nullptr;
    if (last != nullptr) {
      facts_.status = last->attempt.facts().status;
      list_earlier(last);
    }
    if (call_.error()) return std::unexpected(*call_.error());
    if (told != nullptr) return std::unexpected(told->result.error());
    if (verdict.failure == dispatch::FailureClass::kCancelled)
      return fail(ErrorKind::kCancelled, "{}: the client went away", target_.name);
    if (every_key_is_dead())
      return fail(ErrorKind::kUpstream, "{}: the provider has refused every key (check the provider's key)",
                  target_.name);
    return fail(ErrorKind::kUnavailable, "{}: no endpoint takes calls now: each is resting or has failed too often",
                target_.name);
  }

  [[nodiscard]] bool every_key_is_dead() const {
    const dispatch::EndpointSet& endpoints = *target_.controls->endpoints;
    for (std::size_t i = 0; i < endpoints.keys(); ++i)
      if (!endpoints.key_view(i).dead) return false;
    return true;
  }

  // The winner's facts, and what was lost on the way to them.
  void take_facts() {
    const Try& won = *tries_[winner_];
    wire::Losses losses = std::move(facts_.losses);
    const Nanoseconds encoding = facts_.encoding;
    facts_ = won.attempt.facts();
    facts_.losses = std::move(losses);
    facts_.encoding = encoding;
    list_earlier(&won);
  }

  void list_earlier(const Try* last) {
    facts_.earlier.clear();
    for (const auto& made : tries_) {
      if (made.get() == last || made->pending) continue;
      core::Attempt attempt;
      attempt.status = made->attempt.facts().status;
      attempt.failure = made->result ? ErrorKind::kCancelled : made->result.error().kind;
      attempt.duration = made->ended - made->started;
      facts_.earlier.push_back(attempt);
    }
  }

  CallContext context_;
  const UpstreamTarget& target_;
  net::HttpClient& client_;
  std::string body_;
  std::vector<std::unique_ptr<Try>> tries_;
  dispatch::AttemptId winner_ = 0;
  std::optional<asio::steady_timer> bell_;
  dispatch::TargetCall call_;
};

}  // namespace

std::unique_ptr<Call> make_upstream_call(const CallContext& context, const UpstreamTarget& target,
                                         net::HttpClient& client) {
  return std::make_unique<UpstreamCall>(context, target, client);
}

}  // namespace thalamus::gateway
