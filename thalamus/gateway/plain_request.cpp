#include "thalamus/gateway/plain_request.h"

#include <utility>

#include "thalamus/base/log.h"
#include "thalamus/gateway/decision.h"
#include "thalamus/gateway/endpoints.h"
#include "thalamus/gateway/error_answer.h"
#include "thalamus/gateway/turn_summary.h"
#include "thalamus/net/asio.h"

namespace thalamus::gateway {

PlainRequest::PlainRequest(CoreState& core, const net::HttpRequest& http, net::Responder& client, Endpoint endpoint)
    : core_(core),
      http_(http),
      client_(client),
      endpoint_(endpoint),
      id_(decision_name(core)),
      status_(base::http_status(ErrorKind::kCancelled)) {}

net::Headers PlainRequest::with_name_and_timing(net::Headers headers) const {
  if (endpoint_ != Endpoint::kDecision) headers.remove("x-thalamus-decision");  // nothing was decided
  if (!headers.get("x-request-id")) headers.add("x-request-id", id_);
  if (!headers.get("request-id")) headers.add("request-id", id_);
  if (!headers.get("server-timing")) {
    ServerTiming timing;
    timing.add("total", core_.shared.clock.now() - http_.arrived);
    headers.add("server-timing", timing.text());
  }
  return headers;
}

net::Awaitable<Status> PlainRequest::send(int status, const net::Headers& headers, std::string_view body) {
  status_ = status;
  const net::Headers all = with_name_and_timing(headers);
  Status sent = co_await client_.send(status, all, body);
  co_return sent;
}

net::Awaitable<Status> PlainRequest::start(int status, const net::Headers& headers, std::string_view first) {
  status_ = status;
  const net::Headers all = with_name_and_timing(headers);
  Status started = co_await client_.start(status, all, first);
  co_return started;
}

void PlainRequest::tell() {
  core_.shared.telemetry.other_request(core_.index, endpoint_, status_);
  if (!core_.shared.access_log) return;
  const Nanoseconds total = core_.shared.clock.now() - http_.arrived;
  base::log_info("{}", access_line(PlainSummary{.arrived_unix_ns = core_.shared.clock.unix_ns() - total.value,
                                                .request_id = id_,
                                                .method = http_.method,
                                                .path = http_.path,
                                                .endpoint = label(endpoint_),
                                                .status = status_,
                                                .total = total}));
}

net::ErrorBody telling_error_body(CoreState& core) {
  return [&core](int status, std::string_view message, std::string_view path) {
    const Shared& shared = core.shared;
    const std::string id = decision_name(core);
    shared.telemetry.other_request(core.index, Endpoint::kMalformed, status);
    if (shared.access_log)
      base::log_info("{}", access_line(PlainSummary{.arrived_unix_ns = shared.clock.unix_ns(),
                                                    .request_id = id,
                                                    .method = {},
                                                    .path = path,
                                                    .endpoint = label(Endpoint::kMalformed),
                                                    .status = status,
                                                    .total = {}}));
    net::Headers headers;
    headers.add("x-request-id", id);
    headers.add("request-id", id);
    return net::ErrorAnswer(named_error_body(status, message, path, id), std::move(headers));
  };
}

}  // namespace thalamus::gateway
