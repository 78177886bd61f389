#include "thalamus/gateway/upstream_attempt.h"

#include <fmt/format.h>

#include <algorithm>

#include "thalamus/gateway/error_answer.h"
#include "thalamus/gateway/upstream_target.h"
#include "thalamus/wire/error_words.h"
#include "thalamus/wire/secrets.h"
#include "thalamus/wire/usage.h"

namespace thalamus::gateway {
namespace {

using dispatch::TransportEnd;

constexpr std::size_t kErrorBodyMax = 64U << 10;
constexpr std::size_t kAnswerBodyMax = 64U << 20;
constexpr std::size_t kBufferedBeforeContentMax = 1U << 20;

bool is_event_stream(const net::Headers& headers) {
  const auto type = headers.get("content-type");
  return type && type->starts_with("text/event-stream");
}

bool is_thought(core::DeltaKind kind) noexcept {
  return kind == core::DeltaKind::kReasoning || kind == core::DeltaKind::kReasoningSignature ||
         kind == core::DeltaKind::kReasoningEncrypted;
}

bool is_credential_status(int status) noexcept { return status == 401 || status == 402 || status == 403; }

/// What the HTTP client's failure means while an answer is waited for or read.
TransportEnd transport_of(ErrorKind kind, TransportEnd timeout, TransportEnd broken) noexcept {
  switch (kind) {
    case ErrorKind::kCancelled: return TransportEnd::kCancelled;
    case ErrorKind::kTimeout: return timeout;
    case ErrorKind::kUnavailable: return TransportEnd::kConnectFailed;
    case ErrorKind::kTooLarge: return TransportEnd::kMalformed;
    default: return broken;
  }
}

dispatch::FailureVerdict verdict_of(TransportEnd transport, int status) noexcept {
  dispatch::FailureFacts facts;
  facts.transport = transport;
  facts.status = status;
  return dispatch::classify(facts);
}

Error gone(const Error& error) {
  return {ErrorKind::kCancelled, "the client went away: " + error.message, error.where};
}

}  // namespace

UpstreamAttempt::UpstreamAttempt(const CallContext& context, const UpstreamTarget& target, net::HttpClient& client)
    : context_(context),
      target_(target),
      client_(client),
      limits_{},
      guard_(target.slow_stream),
      spoken_(context.format.embeddings() ? context.format : *target.format),
      translate_(&context.format != &spoken_) {}

std::unexpected<Error> UpstreamAttempt::failed(TransportEnd transport, Error error) {
  verdict_ = verdict_of(transport, facts_.status);
  error.message = fmt::format("{}: {}", target_.name, wire::mask_values(std::move(error.message), target_.secrets));
  // Too large is what the provider sent, not what the client did.
  if (error.kind == ErrorKind::kTooLarge) error.kind = ErrorKind::kUpstream;
  return std::unexpected(std::move(error));
}

std::unexpected<Error> UpstreamAttempt::failed(TransportEnd transport, std::string_view words) {
  verdict_ = verdict_of(transport, facts_.status);
  return fail(ErrorKind::kUpstream, "{} {}", target_.name, words);
}

net::Awaitable<Status> UpstreamAttempt::begin(const dispatch::EndpointChoice& choice,
                                              const dispatch::AttemptLimits& limits, std::string_view body,
                                              net::Cancellation* cancellation) {
  limits_ = limits;
  net::HttpCall http;
  http.path = spoken_.embeddings() ? std::string(spoken_.endpoints().upstream) : target_.path;
  http.headers = target_.headers[choice.key];
  if (!translate_ && !context_.betas.empty()) add_betas(http.headers);
  if (!context_.traceparent.empty()) http.headers.set("traceparent", std::string(context_.traceparent));
  http.body = body;
  const Nanoseconds now = context_.clock.now();
  net::CallLimits bounds;
  bounds.connect_timeout = limits.connect_by - now;
  bounds.first_byte_timeout = limits.first_token_by - now;
  bounds.idle_timeout = limits.idle;
  bounds.deadline = limits.end_by;
  auto exchange = co_await client_.send(target_.replicas[choice.replica], http, bounds, cancellation);
  if (!exchange) {
    const ErrorKind kind = exchange.error().kind;
    co_return failed(transport_of(kind, TransportEnd::kFirstTokenTimeout, TransportEnd::kReset),
                     std::move(exchange).error());
  }
  exchange_ = std::move(*exchange);
  facts_.status = exchange_->status();
  Status read;
  if (facts_.status != 200) {
    read = co_await read_refusal();
  } else if (context_.request.stream) {
    read = co_await begin_stream();
  } else {
    read = co_await read_whole();
  }
  co_return read;
}

// Behind those that the configuration asks for.
void UpstreamAttempt::add_betas(net::Headers& headers) const {
  const std::string name(spoken_.beta_header());
  const auto configured = headers.get(name);
  std::string all = configured ? std::string(*configured) + "," : std::string();
  headers.set(name, all.append(context_.betas));
}

net::Awaitable<Status> UpstreamAttempt::read_refusal() {
  auto body = co_await exchange_->read_all(kErrorBodyMax);
  const std::string text = body ? std::move(*body) : std::string();
  std::string message = text.empty() ? "no readable error body" : spoken_.read_error(text);
  message = wire::mask_values(std::move(message), target_.secrets);
  const wire::ErrorWords words = wire::read_error_words(text);
  const net::Headers& headers = exchange_->headers();
  dispatch::FailureFacts facts;
  facts.status = facts_.status;
  facts.type = words.type;
  facts.code = words.code;
  facts.message = message;
  facts.retry_after = headers.get("retry-after").value_or("");
  facts.retry_after_ms = headers.get("retry-after-ms").value_or("");
  facts.should_retry = headers.get("x-should-retry").value_or("");
  facts.now_unix_s = context_.clock.unix_ns() / 1'000'000'000;
  verdict_ = dispatch::classify(facts);
  co_return fail(verdict_.error, "{} answered {}: {}{}", target_.name, facts_.status, message,
                 is_credential_status(facts_.status) ? " (check the provider's key)" : "");
}

net::Awaitable<Status> UpstreamAttempt::read_whole() {
  auto body = co_await exchange_->read_all(kAnswerBodyMax);
  if (!body) {
    const ErrorKind kind = body.error().kind;
    co_return failed(transport_of(kind, TransportEnd::kIdleTimeout, TransportEnd::kCut), std::move(body).error());
  }
  const Nanoseconds begun = context_.clock.now();
  body_ = std::move(*body);
  auto read = spoken_.read_answer(body_);
  if (!read) {
    const wire::ErrorWords words = wire::read_error_words(body_);
    const bool says_why = !words.type.empty() || !words.code.empty();
    if (says_why) co_return reported("answer", words, spoken_.read_error(body_));
    co_return failed(TransportEnd::kMalformed, Error{ErrorKind::kUpstream, read.error().text(), {}});
  }
  if (read->empty) co_return failed(TransportEnd::kEmpty, "gave an empty answer");
  facts_.usage = read->answer.usage;
  facts_.finish = read->answer.finish;
  facts_.first_content = context_.clock.now();
  said_bytes_ = read->answer.text.size() + read->answer.refusal.size();
  for (const core::ToolCall& call : read->answer.tool_calls) said_bytes_ += call.name.size() + call.arguments.size();
  finished_ = true;
  if (context_.keep_answer) facts_.answer = read->answer.text.empty() ? read->answer.refusal : read->answer.text;
  if (translate_) {
    core::Answer& answer = read->answer;
    answer.id = context_.decision_id;
    if (!context_.request.shows_thoughts) answer.reasoning.clear();
    answer.created_unix_s = context_.clock.unix_ns() / 1'000'000'000;
    body_ = context_.format.encode_answer(answer, context_.body);
  }
  facts_.handling = context_.clock.now() - begun;
  co_return Status{};
}

// Reads frames until the first one with content; what came so far waits in `outgoing_`.
net::Awaitable<Status> UpstreamAttempt::begin_stream() {
  if (!is_event_stream(exchange_->headers()))
    co_return failed(TransportEnd::kMalformed,
                     fmt::format("answered a stream request with '{}' instead of text/event-stream",
                                 exchange_->headers().get("content-type").value_or("no content type")));
  stream_ = spoken_.read_stream();
  exchange_->read_until(limits_.first_token_by);
  while (facts_.first_content.value == 0) {
    Status progress = co_await read_piece();
    if (!progress) co_return progress;
    if (facts_.first_content.value != 0) break;
    if (ended_) co_return failed(TransportEnd::kEmpty, "ended its stream without any content");
    if (context_.clock.now() > limits_.first_token_by)
      co_return failed(TransportEnd::kFirstTokenTimeout,
                       Error{ErrorKind::kTimeout, "no content within the limit for the first token", {}});
    if (outgoing_.size() > kBufferedBeforeContentMax)
      co_return failed(TransportEnd::kMalformed, fmt::format("sent {} bytes without any content", outgoing_.size()));
  }
  guard_.pause(context_.clock.now());  // until the client has it
  co_return Status{};
}

// The frames of a translation begin with the model that answers, which the upstream says with its first words.
void UpstreamAttempt::start_writer(const wire::FrameFacts& frame) {
  const bool says_something = !deltas_.empty() || frame.content || frame.finished || frame.done;
  if (writer_ != nullptr || (frame.model.empty() && !says_something)) return;
  wire::StreamHead head;
  head.id = context_.decision_id;
  head.created_unix_s = context_.clock.unix_ns() / 1'000'000'000;
  head.model = frame.model.empty() ? target_.model_id : frame.model;
  head.with_usage = context_.request.include_usage;
  head.input_tokens = context_.input_tokens;
  head.request = context_.body;
  writer_ = context_.format.write_stream(std::move(head));
  writer_->start(outgoing_);
}

// One read of the upstream; whole events go to `outgoing_`.
net::Awaitable<Status> UpstreamAttempt::read_piece() {
  auto piece = co_await exchange_->read();
  if (!piece) {
    const ErrorKind kind = piece.error().kind;
    if (kind == ErrorKind::kTimeout && guard_.too_slow(context_.clock.now())) co_return failed_as_slow();
    const bool waits_for_content = facts_.first_content.value == 0 && context_.clock.now() >= limits_.first_token_by;
    const TransportEnd late = waits_for_content ? TransportEnd::kFirstTokenTimeout : TransportEnd::kIdleTimeout;
    Error error = std::move(piece).error();
    if (kind == ErrorKind::kTimeout && context_.clock.now() >= limits_.end_by)
      error.message = "the time for the whole answer is over";
    co_return failed(transport_of(kind, late, TransportEnd::kCut), std::move(error));
  }
  if (piece->empty()) {
    ended_ = true;
    if (!finished_) co_return failed(TransportEnd::kCut, "cut its stream before the end");
    end_translation();
    co_return Status{};
  }
  const Nanoseconds begun = context_.clock.now();
  Status fed = reader_.feed(*piece);
  if (!fed) co_return failed(TransportEnd::kMalformed, fed.error());
  const std::size_t bytes = piece->size();
  while (reader_.next(event_)) {
    Status taken = take_event();
    if (!taken) co_return taken;
  }
  const Nanoseconds now = context_.clock.now();
  facts_.handling = facts_.handling + (now - begun);
  if (facts_.first_content.value == 0) co_return Status{};
  guard_.add(now, bytes);
  if (!ended_ && guard_.too_slow(now)) co_return failed_as_slow();
  co_return Status{};
}

std::unexpected<Error> UpstreamAttempt::failed_as_slow() {
  return failed(TransportEnd::kSlowStream,
                Error{ErrorKind::kTimeout, "the stream was slower than its floor (slow_stream)", {}});
}

// An error under the status 200: its words say what it means.
std::unexpected<Error> UpstreamAttempt::reported(std::string_view where, const wire::ErrorWords& words,
                                                 std::string_view message) {
  dispatch::FailureFacts facts;
  facts.status = facts_.status;
  facts.type = words.type;
  facts.code = words.code;
  facts.message = message;
  verdict_ = dispatch::classify(facts);
  return fail(ErrorKind::kUpstream, "{} reported inside its {}: {}", target_.name, where,
              wire::mask_values(std::string(message), target_.secrets));
}

Status UpstreamAttempt::take_event() {
  if (event_.comment_only || event_.data.empty()) return {};
  deltas_.clear();
  auto read = stream_->read(event_, translate_ ? &deltas_ : nullptr);
  if (!read) return failed(TransportEnd::kMalformed, std::move(read).error());
  const wire::FrameFacts& frame = *read;
  if (frame.failed) return reported("stream", wire::read_error_words(event_.data), frame.failure);
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
  said_bytes_ += frame.text.size();
  if (context_.keep_answer) facts_.answer += frame.text;
  if (translate_) {
    start_writer(frame);
    if (!frame.service_tier.empty()) service_tier_ = frame.service_tier;
    for (const core::Delta& delta : deltas_)
      if (context_.request.shows_thoughts || !is_thought(delta.kind)) writer_->write(delta, outgoing_);
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

void UpstreamAttempt::end_translation() {
  if (!translate_ || told_end_ || facts_.first_content.value == 0) return;
  told_end_ = true;
  writer_->end({.finish = facts_.finish, .usage = facts_.usage, .service_tier = service_tier_}, outgoing_);
}

// A provider counts at the end: of an answer that was cut, or whose provider does not count, we know what we saw.
void UpstreamAttempt::estimate_usage() {
  constexpr std::size_t kBytesPerToken = 4;
  if (facts_.usage.known && finished_) return;
  const auto seen = static_cast<std::uint32_t>((said_bytes_ + kBytesPerToken - 1) / kBytesPerToken);
  facts_.usage.input = std::max(facts_.usage.input, context_.input_tokens);
  facts_.usage.output = std::max(facts_.usage.output, seen);
  facts_.usage.known = false;
}

net::Awaitable<Status> UpstreamAttempt::deliver(net::Responder& responder, const net::Headers& headers) {
  Status delivered = co_await send_all(responder, headers);
  estimate_usage();
  co_return delivered;
}

net::Awaitable<Status> UpstreamAttempt::send_all(net::Responder& responder, const net::Headers& headers) {
  net::Headers all = headers;
  if (!context_.request.stream) {
    all.set("content-type", "application/json");
    Status sent = co_await responder.send(200, all, body_);
    if (!sent) co_return failed(TransportEnd::kCancelled, gone(sent.error()));
    co_return Status{};
  }
  all.set("content-type", "text/event-stream");
  all.set("cache-control", "no-cache");
  Status started = co_await responder.start(200, all, outgoing_);
  if (!started) co_return failed(TransportEnd::kCancelled, gone(started.error()));
  outgoing_.clear();
  guard_.resume(context_.clock.now());
  Status pumped = co_await pump(responder);
  co_return pumped;
}

net::Awaitable<Status> UpstreamAttempt::pump(net::Responder& responder) {
  while (!ended_) {
    // Silence is as slow as a trickle: the wait ends where no piece could mend the stream any more.
    exchange_->read_until(guard_.too_slow_from().value_or(net::kNever));
    Status progress = co_await read_piece();
    if (!progress) {
      Error failure = std::move(progress).error();
      if (failure.kind == ErrorKind::kCancelled && *context_.ending) failure = stopping_error();
      if (failure.kind != ErrorKind::kCancelled) co_await tell(responder, failure);
      co_return std::unexpected(failure);
    }
    if (outgoing_.empty()) continue;
    guard_.pause(context_.clock.now());
    Status written = co_await responder.write(outgoing_);
    guard_.resume(context_.clock.now());
    if (!written) co_return failed(TransportEnd::kCancelled, gone(written.error()));
    outgoing_.clear();
  }
  Status finished = co_await responder.finish();
  if (!finished) co_return failed(TransportEnd::kCancelled, gone(finished.error()));
  co_await drain();
  co_return Status{};
}

// Content has left: the failure is told in the protocol's own frame, after what was whole before it.
net::Awaitable<void> UpstreamAttempt::tell(net::Responder& responder, const Error& failure) {
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
net::Awaitable<void> UpstreamAttempt::drain() {
  exchange_->read_until(net::kNever);
  auto rest = co_await exchange_->read_all(kErrorBodyMax);
  static_cast<void>(rest);
}

}  // namespace thalamus::gateway
