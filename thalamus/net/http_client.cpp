#include "thalamus/net/http_client.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <optional>

#include "thalamus/net/client_pool.h"
#include "thalamus/net/deadline.h"
#include "thalamus/net/http1_exchange.h"
#include "thalamus/net/http1_writer.h"
#include "thalamus/net/http2_client.h"

namespace thalamus::net {
namespace {

constexpr auto kAsTuple = asio::as_tuple(asio::use_awaitable);
// A request that the server did not touch is sent so many times.
constexpr int kAttemptsMax = 4;

std::string name_of(const Endpoint& endpoint) {
  return endpoint.unix_socket ? "unix:" + endpoint.host : fmt::format("{}:{}", endpoint.host, endpoint.port);
}

/// A connect that may be given up: the attempt ends by its own deadline, and what it brings then is dropped.
struct Attempt {
  explicit Attempt(const asio::any_io_executor& executor) : done(executor) {}
  asio::steady_timer done;
  std::optional<Result<std::unique_ptr<Stream>>> outcome;
};

Awaitable<void> attempt_connect(Connector* connector, Endpoint endpoint, Nanoseconds deadline,
                                std::shared_ptr<Attempt> attempt) {
  auto outcome = co_await connector->connect(endpoint, deadline);
  attempt->outcome = std::move(outcome);
  attempt->done.cancel();
}

Awaitable<Result<std::unique_ptr<Stream>>> connect(Connector& connector, const Endpoint& endpoint, Nanoseconds deadline,
                                                   Cancellation* cancellation) {
  if (cancellation == nullptr) {
    auto stream = co_await connector.connect(endpoint, deadline);
    co_return stream;
  }
  const auto executor = co_await asio::this_coro::executor;
  const auto attempt = std::make_shared<Attempt>(executor);
  attempt->done.expires_at(std::chrono::steady_clock::time_point::max());
  asio::co_spawn(executor, attempt_connect(&connector, endpoint, deadline, attempt), asio::detached);
  const auto id = cancellation->add([attempt] { attempt->done.cancel(); });
  if (!attempt->outcome && !cancellation->cancelled()) co_await attempt->done.async_wait(kAsTuple);
  cancellation->remove(id);
  if (cancellation->cancelled()) co_return fail(ErrorKind::kCancelled, "the call was cancelled");
  if (!attempt->outcome) co_return fail(ErrorKind::kInternal, "connecting ended without an outcome");
  co_return std::move(*attempt->outcome);
}

bool carries_length(const HttpCall& call) noexcept {
  const bool bodyless = call.method == "GET" || call.method == "HEAD" || call.method == "DELETE";
  return !call.body.empty() || !bodyless;
}

Status write_head(std::string& out, const Endpoint& endpoint, const HttpCall& call) {
  out.clear();
  CHECK_OK(append_request_line(out, call.method, endpoint.base_path, call.path));
  out.append("Host: ").append(host_field(endpoint)).append("\r\n");
  CHECK_OK(append_fields(out, call.headers, "Host"));
  if (carries_length(call)) {
    out.append("Content-Length: ");
    append_number(out, call.body.size());
    out.append("\r\n");
  }
  out.append("\r\n");
  return {};
}

/// The same as `head`, which write_head wrote.
Result<Http2Fields> http2_head(std::string_view head, const Endpoint& endpoint, const HttpCall& call) {
  const auto line = head.substr(0, head.find("\r\n"));
  const auto first = line.find(' ') + 1;
  Http2Fields fields;
  fields.add(":method", call.method);
  fields.add(":scheme", endpoint.tls ? "https" : "http");
  fields.add(":authority", host_field(endpoint));
  fields.add(":path", line.substr(first, line.rfind(' ') - first));
  CHECK_OK(fields.append(call.headers));
  if (carries_length(call)) fields.add_number("content-length", call.body.size());
  return fields;
}

}  // namespace

// ---- client
// ----------------------------------------------------------------------------------------------------------

/// One call of `send`.
struct HttpClient::Sending {
  const Endpoint& endpoint;
  const HttpCall& call;
  const CallLimits& limits;
  Cancellation* cancellation;
  std::string head = {};
  bool may_reuse = true;  ///< a pooled connection of HTTP/1.1
  bool fresh = false;     ///< the HTTP/2 connection was opened for this call
  bool again = false;     ///< the last failure allows another attempt
  Nanoseconds connect_until{};
};

HttpClient::HttpClient(Connector& connector, const base::Clock& clock)
    : connector_(connector), clock_(clock), pool_(std::make_shared<Pool>()) {}
HttpClient::~HttpClient() = default;

void HttpClient::clear() noexcept { pool_->clear(); }
void HttpClient::sweep() noexcept { pool_->sweep(clock_.now()); }
std::size_t HttpClient::idle_connections() const noexcept { return pool_->count(); }

Awaitable<Result<std::unique_ptr<Exchange>>> HttpClient::send(const Endpoint& endpoint, const HttpCall& call,
                                                              const CallLimits& limits, Cancellation* cancellation) {
  sweep();
  Sending sending{endpoint, call, limits, cancellation};
  // Refused here, a call that cannot be sent costs no connection.
  if (auto written = write_head(sending.head, endpoint, call); !written)
    co_return std::unexpected(std::move(written).error());
  sending.connect_until = earlier(limits.deadline, clock_.now(), limits.connect_timeout);
  for (int attempt = 1;; ++attempt) {
    if (cancellation != nullptr && cancellation->cancelled())
      co_return fail(ErrorKind::kCancelled, "{}: the call was cancelled", name_of(endpoint));
    if (clock_.now() >= limits.deadline)
      co_return fail(ErrorKind::kTimeout, "{}: the deadline was over before the call", name_of(endpoint));
    sending.again = false;
    std::unique_ptr<Stream> stream;
    if (pool_->share(endpoint) == nullptr) {
      auto opened = co_await open(sending);
      if (!opened) co_return std::unexpected(std::move(opened).error());
      stream = std::move(*opened);
    }
    const bool shared = stream == nullptr && pool_->share(endpoint) != nullptr;
    Result<std::unique_ptr<Exchange>> outcome;
    if (shared) {
      outcome = co_await over_http2(sending);
    } else {
      outcome = co_await over_http1(sending, std::move(stream));
    }
    if (outcome || !sending.again || attempt == kAttemptsMax) co_return outcome;
    sending.fresh = false;
    sending.connect_until = earlier(limits.deadline, clock_.now(), limits.connect_timeout);
  }
}

/// A stream for HTTP/1.1; null where an idle connection is there, or one of HTTP/2 has come up.
Awaitable<Result<std::unique_ptr<Stream>>> HttpClient::open(Sending& sending) {
  const Endpoint& endpoint = sending.endpoint;
  const bool prior_knowledge = endpoint.version == HttpVersion::kHttp2 && !endpoint.tls;
  const bool expected = endpoint.version == HttpVersion::kHttp2 || pool_->spoke_http2(endpoint);
  if (sending.may_reuse && pool_->has_idle(endpoint)) co_return nullptr;
  while (expected && pool_->opening(endpoint) != nullptr) {
    auto waited = co_await wait_for_opening(sending);
    if (!waited) co_return std::unexpected(std::move(waited).error());
    if (pool_->share(endpoint) != nullptr) co_return nullptr;
  }
  const Pool::OpeningGuard opening(expected ? pool_ : nullptr, endpoint);
  auto stream = co_await connect(connector_, endpoint, sending.connect_until, sending.cancellation);
  if (!stream) {
    opening.fail(stream.error());
    co_return std::unexpected(std::move(stream).error());
  }
  const bool http2 = prior_knowledge || (*stream)->negotiated() == HttpVersion::kHttp2;
  if (!http2 && endpoint.version == HttpVersion::kHttp2)
    co_return fail(ErrorKind::kUnavailable, "{}: the server does not speak HTTP/2", name_of(endpoint));
  if (!http2) {
    pool_->note_http1(endpoint);
    co_return std::move(*stream);
  }
  const auto executor = co_await asio::this_coro::executor;
  pool_->add(endpoint, Http2ClientConnection::start(executor, std::move(*stream), clock_));
  sending.fresh = true;
  co_return nullptr;
}

Awaitable<Status> HttpClient::wait_for_opening(Sending& sending) {
  const auto opening = pool_->opening(sending.endpoint);
  asio::steady_timer timer(co_await asio::this_coro::executor);
  const Opening::Waiting waiting(opening, timer);
  std::uint64_t id = 0;
  if (sending.cancellation != nullptr) id = sending.cancellation->add([&timer] { timer.cancel(); });
  const std::int64_t left = (sending.connect_until - clock_.now()).value;
  if (sending.connect_until == kNever)
    timer.expires_at(std::chrono::steady_clock::time_point::max());
  else
    timer.expires_after(std::chrono::nanoseconds(std::max<std::int64_t>(left, 0)));
  co_await timer.async_wait(kAsTuple);
  if (sending.cancellation != nullptr) {
    sending.cancellation->remove(id);
    if (sending.cancellation->cancelled())
      co_return fail(ErrorKind::kCancelled, "{}: the call was cancelled", name_of(sending.endpoint));
  }
  // The one that opened may have been given up for reasons of its own; then the next one opens.
  const bool shared_fate =
      opening->error && opening->error->kind != ErrorKind::kCancelled && opening->error->kind != ErrorKind::kTimeout;
  if (shared_fate) co_return std::unexpected(*opening->error);
  if (!opening->done && clock_.now() >= sending.connect_until)
    co_return fail(ErrorKind::kTimeout, "{}: connecting took too long", name_of(sending.endpoint));
  co_return Status{};
}

Awaitable<Result<std::unique_ptr<Exchange>>> HttpClient::over_http2(Sending& sending) {
  auto fields = http2_head(sending.head, sending.endpoint, sending.call);
  if (!fields) co_return std::unexpected(std::move(fields).error());
  auto exchange = std::make_unique<Http2Exchange>(pool_->share(sending.endpoint), name_of(sending.endpoint),
                                                  sending.limits, clock_, sending.cancellation);
  Status begun = co_await exchange->begin(*fields, sending.call);
  if (begun) co_return std::unique_ptr<Exchange>(std::move(exchange));
  const ErrorKind kind = begun.error().kind;
  const bool own = kind == ErrorKind::kCancelled || kind == ErrorKind::kTimeout || kind == ErrorKind::kTooLarge;
  sending.again = !own && (exchange->is_unprocessed() || (exchange->is_stale() && !sending.fresh));
  co_return std::unexpected(std::move(begun).error());
}

Awaitable<Result<std::unique_ptr<Exchange>>> HttpClient::over_http1(Sending& sending, std::unique_ptr<Stream> stream) {
  const auto expected = sending.call.method == "HEAD" ? ResponseParser::Body::kNone : ResponseParser::Body::kAsSaid;
  GiveBack give_back = [pool = std::weak_ptr(pool_),
                        endpoint = sending.endpoint](std::unique_ptr<Http1ClientConnection> connection) {
    if (const auto alive = pool.lock()) alive->put(endpoint, std::move(connection));
  };
  const bool reused = stream == nullptr;
  std::unique_ptr<Http1ClientConnection> connection;
  if (reused) connection = pool_->take(sending.endpoint);
  if (reused && connection == nullptr) {
    // What was there a moment ago is gone: look again.
    sending.again = true;
    co_return fail(ErrorKind::kUnavailable, "{}: no connection is left", name_of(sending.endpoint));
  }
  if (!reused) {
    connection = std::make_unique<Http1ClientConnection>();
    connection->stream = std::move(stream);
  }
  connection->head.assign(sending.head);
  auto exchange = std::make_unique<Http1Exchange>(std::move(connection), name_of(sending.endpoint), sending.limits,
                                                  clock_, sending.cancellation, std::move(give_back));
  Status begun = co_await exchange->begin(sending.call.body, expected);
  if (begun) co_return std::unique_ptr<Exchange>(std::move(exchange));
  // The other idle connections to this server are most likely stale as well.
  sending.again = reused && exchange->is_stale();
  sending.may_reuse = false;
  co_return std::unexpected(std::move(begun).error());
}

}  // namespace thalamus::net
