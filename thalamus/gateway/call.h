/// One call of one target, as the turn drives it: begin, then either deliver or drop.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "thalamus/base/clock.h"
#include "thalamus/base/rng.h"
#include "thalamus/core/answer.h"
#include "thalamus/core/outcome.h"
#include "thalamus/core/request.h"
#include "thalamus/dispatch/deadline.h"
#include "thalamus/dispatch/policy.h"
#include "thalamus/dispatch/target_call.h"
#include "thalamus/net/http_client.h"
#include "thalamus/net/http_server.h"
#include "thalamus/wire/format.h"

namespace thalamus::gateway {

struct UpstreamTarget;

/// What a call borrows from its turn; outlived by the turn.
struct CallContext {
  const core::Request& request;
  std::string_view body;       ///< the client's bytes
  std::string_view betas;      ///< of the client's header for them, see wire::Format::beta_header
  const wire::Format& format;  ///< the client's protocol
  std::string_view decision_id;
  const base::Clock& clock;
  Nanoseconds arrived{};
  base::Rng& rng;  ///< the core's
  net::Cancellation* client_gone = nullptr;
  dispatch::ClientWait wait;              ///< how long the client waits
  std::optional<std::uint64_t> affinity;  ///< of the session, or of the prompt's beginning
  dispatch::PlanRest rest = dispatch::PlanRest::kLastTarget;
  std::uint32_t input_tokens = 0;  ///< estimated
  bool keep_answer = false;        ///< the operator opted in to recording content
  std::string_view traceparent;    ///< sent to the upstream; empty: none
  bool strict = false;             ///< a translation that loses something is refused
  const bool* ending = nullptr;    ///< the core's: what is cancelled now, the gateway's stop has cancelled
};

/// What a call learned; valid after begin, complete after deliver.
struct CallFacts {
  bool called = true;  ///< false: the target was passed over, nothing was sent and no connection tried
  int status = 0;      ///< of the upstream; 0 where there was none
  core::Usage usage;
  core::Finish finish = core::Finish::kUnknown;
  Nanoseconds first_content{};             ///< instant; zero where none came
  bool retryable = true;                   ///< of a failure: another target may do better
  bool needs_context = false;              ///< of a failure: only a target with more context may
  std::optional<Nanoseconds> retry_after;  ///< of a failure: when it is worth asking again
  std::vector<core::Attempt> earlier;      ///< attempts at this target before the last; their target is not filled in
  bool operators_fault = false;            ///< of a failure: nothing but another configuration helps
  bool client_fault = false;               ///< of a failure: the upstream says the request itself is wrong
  std::string answer;                      ///< kept only if the operator opted in
  wire::Losses losses;                     ///< what the translation could not carry
  Nanoseconds encoding{};                  ///< work on the request before it was sent
  Nanoseconds handling{};                  ///< work on what the upstream sent: read, checked, translated
};

class Call {
 public:
  virtual ~Call() = default;
  /// Runs until the first content (stream) or the whole answer (buffered) is here. Nothing has reached the client yet.
  [[nodiscard]] virtual net::Awaitable<Status> begin() = 0;
  /// The commit: sends everything to the client. kCancelled where the client went away.
  [[nodiscard]] virtual net::Awaitable<Status> deliver(net::Responder& responder, const net::Headers& headers) = 0;
  [[nodiscard]] const CallFacts& facts() const noexcept { return facts_; }

 protected:
  CallFacts facts_;
};

/// A call over the network. Where client and target speak the same protocol bytes are forwarded, not re-serialised;
/// elsewhere the request, the answer and each piece of a stream are translated.
[[nodiscard]] std::unique_ptr<Call> make_upstream_call(const CallContext& context, const UpstreamTarget& target,
                                                       net::HttpClient& client);
/// An exact answer, made in process, that streams like a model.
[[nodiscard]] std::unique_ptr<Call> make_answer_call(const CallContext& context, core::Answer answer);

}  // namespace thalamus::gateway
