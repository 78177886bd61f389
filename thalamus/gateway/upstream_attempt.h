/// One attempt at one endpoint of a target: the request goes out, and the answer is read up to its first content, then
/// relayed. In the client's own protocol bytes are forwarded, in another one they are translated.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "thalamus/dispatch/deadline.h"
#include "thalamus/dispatch/failure.h"
#include "thalamus/dispatch/slow_stream.h"
#include "thalamus/gateway/call.h"
#include "thalamus/wire/error_words.h"
#include "thalamus/wire/sse.h"

namespace thalamus::gateway {

struct UpstreamTarget;

class UpstreamAttempt {
 public:
  /// All is borrowed and outlives the attempt.
  UpstreamAttempt(const CallContext& context, const UpstreamTarget& target, net::HttpClient& client);

  /// Sends `body` and reads until the first content (stream) or the whole answer (buffered) is here.
  [[nodiscard]] net::Awaitable<Status> begin(const dispatch::EndpointChoice& choice,
                                             const dispatch::AttemptLimits& limits, std::string_view body,
                                             net::Cancellation* cancellation);
  /// Sends everything to the client. After a failure the client has been told in the protocol's own frame.
  [[nodiscard]] net::Awaitable<Status> deliver(net::Responder& responder, const net::Headers& headers);

  /// Closes the connection to the upstream; nothing is delivered any more.
  void abandon() noexcept { exchange_.reset(); }

  [[nodiscard]] const CallFacts& facts() const noexcept { return facts_; }
  /// Of a failure: what it means and what may be tried.
  [[nodiscard]] const dispatch::FailureVerdict& verdict() const noexcept { return verdict_; }

 private:
  net::Awaitable<Status> read_refusal();
  net::Awaitable<Status> read_whole();
  net::Awaitable<Status> begin_stream();
  net::Awaitable<Status> read_piece();
  net::Awaitable<Status> send_all(net::Responder& responder, const net::Headers& headers);
  net::Awaitable<Status> pump(net::Responder& responder);
  net::Awaitable<void> tell(net::Responder& responder, const Error& failure);
  net::Awaitable<void> drain();
  void add_betas(net::Headers& headers) const;
  void start_writer(const wire::FrameFacts& frame);
  Status take_event();
  void end_translation();
  void estimate_usage();
  /// The failure of a kind of transport, with the target's name before its words.
  std::unexpected<Error> failed(dispatch::TransportEnd transport, Error error);
  std::unexpected<Error> failed(dispatch::TransportEnd transport, std::string_view words);
  std::unexpected<Error> failed_as_slow();
  std::unexpected<Error> reported(std::string_view where, const wire::ErrorWords& words, std::string_view message);

  const CallContext& context_;
  const UpstreamTarget& target_;
  net::HttpClient& client_;
  CallFacts facts_;
  dispatch::FailureVerdict verdict_;
  dispatch::AttemptLimits limits_;
  dispatch::SlowStreamGuard guard_;
  std::unique_ptr<net::Exchange> exchange_;
  std::string body_;      // of a buffered answer
  std::string outgoing_;  // whole frames that wait for the client
  wire::SseReader reader_;
  wire::SseEvent event_;
  const wire::Format& spoken_;  // with the upstream
  bool translate_;
  std::unique_ptr<wire::StreamReader> stream_;
  std::unique_ptr<wire::StreamWriter> writer_;  // where translate_, once the upstream has said its model
  std::string service_tier_;
  std::vector<core::Delta> deltas_;  // of one event
  std::size_t said_bytes_ = 0;       // text of the answer so far
  bool told_end_ = false;            // the writer's end is in outgoing_
  bool finished_ = false;            // a finish reason or the end mark came
  bool ended_ = false;               // nothing more will come
};

}  // namespace thalamus::gateway
