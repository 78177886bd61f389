// A call of a remote or managed model. In the client's own protocol the client's bytes go on but for the edits of
// `ForwardEdits`, and the upstream's bytes come back but for the usage that the client did not ask for. In another
// protocol both directions are translated: `translate_` says which.
#include <fmt/format.h>

#include <algorithm>

#include "thalamus/gateway/call.h"
#include "thalamus/gateway/runtime.h"
#include "thalamus/wire/json_splice.h"
#include "thalamus/wire/sse.h"
#include "thalamus/wire/usage.h"

namespace thalamus::gateway {
namespace {

constexpr std::size_t kErrorBodyMax = 64U << 10;
constexpr std::size_t kAnswerBodyMax = 64U << 20;
constexpr std::size_t kBufferedBeforeContentMax = 1U << 20;

struct FailureClass {
  ErrorKind kind;
  bool retryable;
  bool client_fault;
};

/// What an upstream's error status means for the turn: whose fault it is and whether another target may do better.
FailureClass classify(int status, std::string_view message) {
  switch (status) {
    case 400:
    case 422:
      // Another target may have a longer context; anything else wrong with the request is wrong everywhere.
      if (message.find("context") != std::string_view::npos && message.find("length") != std::string_view::npos)
        return {ErrorKind::kTooLarge, true, true};
      return {ErrorKind::kInvalidInput, false, true};
    case 413: return {ErrorKind::kTooLarge, true, true};
    case 401:
    case 402:
    case 403: return {ErrorKind::kUpstream, true, false};
    case 408: return {ErrorKind::kTimeout, true, false};
    case 429: return {ErrorKind::kLimitExceeded, true, false};
    case 503: return {ErrorKind::kUnavailable, true, false};
    default: return {ErrorKind::kUpstream, true, false};
  }
}

bool is_event_stream(const net::Headers& headers) {
  const auto type = headers.get("content-type");
  return type && type->starts_with("text/event-stream");
}

class UpstreamCall final : public Call {
 public:
  UpstreamCall(const CallContext& context, const UpstreamTarget& target, const dispatch::TargetLimits& limits,
               net::HttpClient& client)
      : context_(context),
        target_(target),
        limits_(limits),
        client_(client),
        translate_(&context.format != target.format) {}

  net::Awaitable<Status> begin() override {
    Status made = make_body();
    if (!made) co_return made;
    wire::add_members(forwarded_, target_.extra_body);
    net::HttpCall http;
    http.path = target_.path;
    http.headers = target_.headers;
    if (!context_.traceparent.empty()) http.headers.set("traceparent", std::string(context_.traceparent));
    http.body = forwarded_;
    net::CallLimits limits;
    limits.connect_timeout = limits_.connect_timeout;
    limits.first_byte_timeout = limits_.first_byte_timeout;
    limits.idle_timeout = limits_.idle_timeout;
    limits.deadline = context_.clock.now() + limits_.total_timeout;
    auto exchange = co_await client_.send(target_.endpoint, http, limits, context_.client_gone);
    if (!exchange) {
      Error error = std::move(exchange).error();
      error.message = fmt::format("{}: {}", target_.name, error.message);
      co_return std::unexpected(std::move(error));
    }
    exchange_ = std::move(*exchange);
    facts_.status = exchange_->status();
    if (exchange_->status() != 200) {
      Status refused = co_await read_refusal();
      co_return refused;
    }
    if (context_.request.stream) {
      Status streaming = co_await begin_stream();
      co_return streaming;
    }
    Status whole = co_await read_whole();
    co_return whole;
  }

  net::Awaitable<Status> deliver(net::Responder& responder, const net::Headers& headers) override {
    net::Headers all = headers;
    if (!context_.request.stream) {
      all.set("content-type", "application/json");
      Status sent = co_await responder.send(200, all, body_);
      co_return sent;
    }
    all.set("content-type", "text/event-stream");
    all.set("cache-control", "no-cache");
    Status started = co_await responder.start(200, all, outgoing_);
    if (!started) co_return std::unexpected(gone(started.error()));
    outgoing_.clear();
    Status pumped = co_await pump(responder);
    co_return pumped;
  }

 private:
  // The request as the target takes it.
  Status make_body() {
    if (!translate_) {
      TRY(forwarded_, target_.format->forward(context_.body, {.model = target_.model_id}));
      return {};
    }
    const core::Request* request = &context_.request;
    core::Request weaker;
    if (!target_.takes_reasoning && (!request->reasoning_effort.empty() || request->reasoning_tokens)) {
      weaker = *request;
      weaker.reasoning_effort.clear();
      weaker.reasoning_tokens.reset();
      request = &weaker;
      facts_.losses.push_back({"reasoning", "the target does not state the ability `reasoning_effort`"});
    }
    forwarded_ = target_.format->encode_request(*request, target_.model_id, &facts_.losses);
    if (!context_.strict || facts_.losses.empty()) return {};
    facts_.client_fault = true;
    const wire::Loss& first = facts_.losses.front();
    return fail_at("body." + first.path, ErrorKind::kInvalidInput,
                   "cannot be said to target '{}', which speaks {}: {}; leave it out, or take `strict` from the route",
                   target_.name, target_.format->name(), first.reason);
  }

  net::Awaitable<Status> read_refusal() {
    auto body = co_await exchange_->read_all(kErrorBodyMax);
    const std::string message = body ? target_.format->read_error(*body) : std::string("no readable error body");
    const FailureClass failure = classify(exchange_->status(), message);
    facts_.retryable = failure.retryable;
    facts_.client_fault = failure.client_fault;
    const bool credential = exchange_->status() == 401 || exchange_->status() == 402 || exchange_->status() == 403;
    co_return fail(failure.kind, "{} answered {}: {}{}", target_.name, exchange_->status(), message,
                   credential ? " (check the provider's key)" : "");
  }

  net::Awaitable<Status> read_whole() {
    auto body = co_await exchange_->read_all(kAnswerBodyMax);
    if (!body) co_return std::unexpected(std::move(body).error());
    body_ = std::move(*body);
    auto read = target_.format->read_answer(body_);
    if (!read) co_return fail(ErrorKind::kUpstream, "{}: {}", target_.name, read.error().text());
    if (read->empty) co_return fail(ErrorKind::kUpstream, "{} gave an empty answer", target_.name);
    facts_.usage = read->answer.usage;
    facts_.finish = read->answer.finish;
    facts_.first_content = context_.clock.now();
    if (context_.keep_answer) facts_.answer = read->answer.text.empty() ? read->answer.refusal : read->answer.text;
    if (translate_) {
      core::Answer& answer = read->answer;
      answer.id = context_.decision_id;
      answer.created_unix_s = context_.clock.unix_ns() / 1'000'000'000;
      body_ = context_.format.encode_answer(answer);
    }
    co_return Status{};
  }

  // Reads frames until the first one with content; what came so far waits in `outgoing_`.
  net::Awaitable<Status> begin_stream() {
    if (!is_event_stream(exchange_->headers()))
      co_return fail(ErrorKind::kUpstream, "{} answered a stream request with '{}' instead of text/event-stream",
                     target_.name, exchange_->headers().get("content-type").value_or("no content type"));
    stream_ = target_.format->read_stream();
    if (translate_) start_writer();
    while (facts_.first_content.value == 0) {
      Status progress = co_await read_piece();
      if (!progress) co_return progress;
      if (ended_ && facts_.first_content.value == 0)
        co_return fail(ErrorKind::kUpstream, "{} ended its stream without any content", target_.name);
      if (outgoing_.size() > kBufferedBeforeContentMax)
        co_return fail(ErrorKind::kUpstream, "{} sent {} bytes without any content", target_.name, outgoing_.size());
    }
    co_return Status{};
  }

  void start_writer() {
    wire::StreamHead head;
    head.id = context_.decision_id;
    head.created_unix_s = context_.clock.unix_ns() / 1'000'000'000;
    head.model = target_.model_id;
    head.with_usage = context_.request.include_usage;
    writer_ = context_.format.write_stream(std::move(head));
    writer_->start(outgoing_);
  }

  // One read of the upstream; whole events go to `outgoing_`.
  net::Awaitable<Status> read_piece() {
    auto piece = co_await exchange_->read();
    if (!piece) co_return std::unexpected(std::move(piece).error());
    if (piece->empty()) {
      ended_ = true;
      if (!finished_) co_return fail(ErrorKind::kUpstream, "{} cut its stream before the end", target_.name);
      end_translation();
      co_return Status{};
    }
    Status fed = reader_.feed(*piece);
    if (!fed) co_return fed;
    while (reader_.next(event_)) {
      Status taken = take_event();
      if (!taken) co_return taken;
    }
    co_return Status{};
  }

  Status take_event() {
    if (event_.comment_only || event_.data.empty()) return {};
    deltas_.clear();
    TRY(const wire::FrameFacts frame, stream_->read(event_, translate_ ? &deltas_ : nullptr));
    if (frame.failed) {
      facts_.retryable = true;
      return fail(ErrorKind::kUpstream, "{} reported inside its stream: {}", target_.name, frame.failure);
    }
    if (frame.carries_usage) facts_.usage = frame.usage;
    if (frame.finished) {
      facts_.finish = frame.finish;
      finished_ = true;
    }
    if (frame.done) {
      finished_ = true;
      ended_ = true;
    }
    if (frame.content && facts_.first_content.value == 0) facts_.first_content = context_.clock.now();
    if (context_.keep_answer) facts_.answer += frame.text;
    if (translate_) {
      for (const core::Delta& delta : deltas_) writer_->write(delta, outgoing_);
      if (ended_) end_translation();
      return {};
    }
    const bool asked = context_.request.include_usage;
    if (frame.usage_only && !asked) return {};
    if (!asked && frame.names_usage) {
      wire::append_sse_event(outgoing_, event_.event, wire::strip_usage(event_.data));
    } else {
      outgoing_ += event_.raw;
    }
    return {};
  }

  void end_translation() {
    if (!translate_ || told_end_ || facts_.first_content.value == 0) return;
    told_end_ = true;
    writer_->end({.finish = facts_.finish, .stop_sequence = {}, .usage = facts_.usage}, outgoing_);
  }

  net::Awaitable<Status> pump(net::Responder& responder) {
    while (!ended_) {
      Status progress = co_await read_piece();
      if (!progress) {
        const Error failure = std::move(progress).error();
        if (failure.kind != ErrorKind::kCancelled) co_await tell(responder, failure);
        co_return std::unexpected(failure);
      }
      if (outgoing_.empty()) continue;
      Status written = co_await responder.write(outgoing_);
      if (!written) co_return std::unexpected(gone(written.error()));
      outgoing_.clear();
    }
    Status finished = co_await responder.finish();
    if (!finished) co_return std::unexpected(gone(finished.error()));
    co_await drain();
    co_return Status{};
  }

  // Content has left: the failure is told in the protocol's own frame, after what was whole before it.
  net::Awaitable<void> tell(net::Responder& responder, const Error& failure) {
    if (translate_) {
      writer_->fail(failure, outgoing_);
    } else {
      outgoing_ += context_.format.encode_stream_error(failure);
    }
    Status written = co_await responder.write(outgoing_);
    if (written) {
      Status finished = co_await responder.finish();
      static_cast<void>(finished);
    }
  }

  // Reads the end of the body after the protocol's own end, so that the connection can be used again.
  net::Awaitable<void> drain() {
    auto rest = co_await exchange_->read_all(kErrorBodyMax);
    static_cast<void>(rest);
  }

  [[nodiscard]] static Error gone(const Error& error) {
    return {ErrorKind::kCancelled, "the client went away: " + error.message, error.where};
  }

  CallContext context_;
  const UpstreamTarget& target_;
  const dispatch::TargetLimits& limits_;
  net::HttpClient& client_;
  std::string forwarded_;
  std::unique_ptr<net::Exchange> exchange_;
  std::string body_;      // of a buffered answer
  std::string outgoing_;  // whole frames that wait for the client
  wire::SseReader reader_;
  wire::SseEvent event_;
  bool translate_;
  std::unique_ptr<wire::StreamReader> stream_;
  std::unique_ptr<wire::StreamWriter> writer_;  // where translate_
  std::vector<core::Delta> deltas_;             // of one event
  bool told_end_ = false;                       // the writer's end is in outgoing_
  bool finished_ = false;                       // a finish reason or the end mark came
  bool ended_ = false;                          // nothing more will come
};

}  // namespace

std::unique_ptr<Call> make_upstream_call(const CallContext& context, const UpstreamTarget& target,
                                         const dispatch::TargetLimits& limits, net::HttpClient& client) {
  return std::make_unique<UpstreamCall>(context, target, limits, client);
}

}  // namespace thalamus::gateway
