#include "thalamus/net/http_client.h"

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <functional>
#include <optional>
#include <unordered_map>
#include <vector>

#include "thalamus/net/http1_parser.h"
#include "thalamus/net/http1_writer.h"

namespace thalamus::net {
namespace {

constexpr auto kAsTuple = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kBufferBytes = 16U << 10;
constexpr std::size_t kKeptBytesMax = 64U << 10;
constexpr std::size_t kHeadersMax = 256;
constexpr std::size_t kInterimAnswersMax = 16;
constexpr std::size_t kReserveMax = 1U << 20;

asio::const_buffer to_buffer(std::string_view bytes) noexcept { return {bytes.data(), bytes.size()}; }

Nanoseconds earlier(Nanoseconds instant, Nanoseconds now, Nanoseconds span) noexcept {
  // kNever and other spans beyond the clock's end do not wrap.
  if (span.value >= kNever.value - now.value) return instant;
  return std::min(instant, now + span);
}

std::string name_of(const Endpoint& endpoint) {
  return endpoint.unix_socket ? "unix:" + endpoint.host : fmt::format("{}:{}", endpoint.host, endpoint.port);
}

/// A connection with the memory it reuses from call to call.
struct Connection {
  std::unique_ptr<Stream> stream;
  std::vector<char> buffer = std::vector<char>(kBufferBytes);
  std::size_t begin = 0;
  std::size_t end = 0;
  ResponseParser parser;
  std::string head;
  Nanoseconds idle_since{};

  [[nodiscard]] std::string_view held() const noexcept { return {buffer.data() + begin, end - begin}; }
  void make_room() {
    if (begin == end) begin = end = 0;
    if (end < buffer.size()) return;
    if (begin > 0) {
      std::copy(buffer.begin() + static_cast<std::ptrdiff_t>(begin), buffer.end(), buffer.begin());
      end -= begin;
      begin = 0;
    } else {
      buffer.resize(buffer.size() * 2);  // ends at the parser's limits
    }
  }
};

struct EndpointHash {
  std::size_t operator()(const Endpoint& endpoint) const noexcept {
    return std::hash<std::string_view>{}(endpoint.host) ^ (static_cast<std::size_t>(endpoint.port) << 2) ^
           static_cast<std::size_t>(endpoint.tls ? 2 : 0) ^ static_cast<std::size_t>(endpoint.unix_socket ? 1 : 0);
  }
};
/// The base path does not matter to a connection.
struct EndpointEqual {
  bool operator()(const Endpoint& a, const Endpoint& b) const noexcept {
    return a.port == b.port && a.tls == b.tls && a.unix_socket == b.unix_socket && a.host == b.host &&
           a.ca_file == b.ca_file;
  }
};

}  // namespace

// ---- pool
// ------------------------------------------------------------------------------------------------------------

/// Outlives the client as long as an exchange holds it weakly; then connections are simply closed.
class HttpClient::Pool {
 public:
  /// The connection used last, or null.
  [[nodiscard]] std::unique_ptr<Connection> take(const Endpoint& endpoint) {
    const auto found = idle_.find(endpoint);
    if (found == idle_.end() || found->second.empty()) return nullptr;
    auto connection = std::move(found->second.back());
    found->second.pop_back();
    --count_;
    return connection;
  }
  void put(const Endpoint& endpoint, std::unique_ptr<Connection> connection) {
    if (count_ >= kIdleMax) return;
    auto& list = idle_[endpoint];
    if (list.size() >= kIdlePerEndpointMax) return;
    if (connection->buffer.size() > kKeptBytesMax) {
      connection->buffer.resize(kBufferBytes);
      connection->buffer.shrink_to_fit();
    }
    oldest_ = count_ == 0 ? connection->idle_since : std::min(oldest_, connection->idle_since);
    list.push_back(std::move(connection));
    ++count_;
  }
  void sweep(Nanoseconds now) {
    if (count_ == 0 || now - oldest_ < kIdleTime) return;
    oldest_ = now;
    for (auto entry = idle_.begin(); entry != idle_.end();) {
      auto& list = entry->second;
      // Last used last, so the old ones are in front.
      const auto fresh = std::find_if(list.begin(), list.end(),
                                      [&](const auto& connection) { return now - connection->idle_since < kIdleTime; });
      count_ -= static_cast<std::size_t>(fresh - list.begin());
      list.erase(list.begin(), fresh);
      if (!list.empty()) oldest_ = std::min(oldest_, list.front()->idle_since);
      entry = list.empty() ? idle_.erase(entry) : std::next(entry);
    }
  }
  void clear() noexcept {
    idle_.clear();
    count_ = 0;
  }
  [[nodiscard]] std::size_t count() const noexcept { return count_; }

 private:
  std::unordered_map<Endpoint, std::vector<std::unique_ptr<Connection>>, EndpointHash, EndpointEqual> idle_;
  std::size_t count_ = 0;
  Nanoseconds oldest_{};
};

// ---- exchange
// --------------------------------------------------------------------------------------------------------

namespace {

/// Gives a connection back; empty function once the client is gone.
using GiveBack = std::function<void(std::unique_ptr<Connection>)>;

class ClientExchange final : public Exchange {
 public:
  ClientExchange(std::unique_ptr<Connection> connection, std::string name, const CallLimits& limits,
                 const base::Clock& clock, Cancellation* cancellation, GiveBack give_back)
      : connection_(std::move(connection)),
        name_(std::move(name)),
        limits_(limits),
        clock_(clock),
        cancellation_(cancellation),
        give_back_(std::move(give_back)) {
    if (cancellation_ != nullptr) cancel_id_ = cancellation_->add([this] { cut(); });
  }
  ~ClientExchange() override {
    if (cancellation_ != nullptr) cancellation_->remove(cancel_id_);
    if (connection_ == nullptr) return;
    // What is here already may hold the end of the body: the connection is spared then.
    if (!failed_ && head_done_ && skip_held()) release();
  }
  ClientExchange(const ClientExchange&) = delete;
  ClientExchange& operator=(const ClientExchange&) = delete;

  int status() const noexcept override { return status_; }
  const Headers& headers() const noexcept override { return headers_; }
  Awaitable<Result<std::string_view>> read() override;
  Awaitable<Result<std::string>> read_all(std::size_t size_max) override;

  /// Sends the request in connection->head and `body`, and receives the head of the answer.
  Awaitable<Status> begin(std::string_view body, ResponseParser::Body expected);
  /// True if not one byte of an answer came and the connection ended: another one may be tried.
  [[nodiscard]] bool is_stale() const noexcept { return ended_early_; }

 private:
  Awaitable<Status> receive_head(ResponseParser::Body expected);
  Awaitable<Result<std::size_t>> receive(Nanoseconds deadline);
  [[nodiscard]] ParseLimits parse_limits() const noexcept {
    return {limits_.head_bytes_max, kHeadersMax, limits_.body_bytes_max};
  }
  [[nodiscard]] Error named(Error error) const {
    error.message = name_ + ": " + error.message;
    return error;
  }
  Error failed(Error error) {
    failed_ = true;
    connection_->stream->close();
    return named(std::move(error));
  }
  void cut() {
    cancelled_ = true;
    if (connection_ != nullptr) connection_->stream->close();
  }
  [[nodiscard]] bool skip_held() {
    for (;;) {
      const auto progress = connection_->parser.parse(connection_->held());
      if (!progress) return false;
      connection_->begin += progress->consumed;
      if (progress->event == ParseEvent::kDone) return true;
      if (progress->event == ParseEvent::kNeedMore) return false;
    }
  }
  void release() {
    auto connection = std::move(connection_);
    const bool reusable = connection->parser.keep_alive() && connection->held().empty() && !ended_ && !cancelled_;
    if (!reusable) return;
    connection->idle_since = clock_.now();
    give_back_(std::move(connection));
  }

  std::unique_ptr<Connection> connection_;
  std::string name_;
  CallLimits limits_;
  const base::Clock& clock_;
  Cancellation* cancellation_;
  std::uint64_t cancel_id_ = 0;
  GiveBack give_back_;
  Headers headers_;
  int status_ = 0;
  bool head_done_ = false;
  bool failed_ = false;
  bool cancelled_ = false;
  bool ended_ = false;
  bool ended_early_ = false;
};

Awaitable<Result<std::size_t>> ClientExchange::receive(Nanoseconds deadline) {
  connection_->make_room();
  auto& buffer = connection_->buffer;
  auto received = co_await connection_->stream->read_some(
      asio::buffer(buffer.data() + connection_->end, buffer.size() - connection_->end), deadline);
  if (received) connection_->end += *received;
  if (received && *received == 0) ended_ = true;
  co_return received;
}

Awaitable<Status> ClientExchange::begin(std::string_view body, ResponseParser::Body expected) {
  const std::array<asio::const_buffer, 2> buffers{to_buffer(connection_->head), to_buffer(body)};
  const Nanoseconds write_deadline = earlier(limits_.deadline, clock_.now(), limits_.first_byte_timeout);
  const std::span used = std::span<const asio::const_buffer>(buffers).first(body.empty() ? 1 : 2);
  Status written = co_await connection_->stream->write(used, write_deadline);
  const bool fatal = !written && (written.error().kind == ErrorKind::kTimeout || cancelled_);
  if (fatal) co_return std::unexpected(failed(std::move(written).error()));
  // A server may answer, 413 say, and close before it read everything: what it said counts.
  Status answered = co_await receive_head(expected);
  if (!answered) co_return answered;
  if (!written) ended_ = true;
  co_return answered;
}

Awaitable<Status> ClientExchange::receive_head(ResponseParser::Body expected) {
  const Nanoseconds deadline = earlier(limits_.deadline, clock_.now(), limits_.first_byte_timeout);
  connection_->begin = connection_->end = 0;
  connection_->parser.begin(parse_limits(), expected);
  bool any = false;
  std::size_t interim = 0;
  for (;;) {
    if (!connection_->held().empty()) {
      const auto progress = connection_->parser.parse(connection_->held());
      if (!progress) co_return std::unexpected(failed(progress.error()));
      connection_->begin += progress->consumed;
      if (progress->event == ParseEvent::kHead) {
        status_ = connection_->parser.status();
        if (status_ >= 200) break;
        if (status_ == 101 || ++interim > kInterimAnswersMax)
          co_return std::unexpected(failed({ErrorKind::kUpstream, "unexpected interim answers", {}}));
        connection_->parser.begin(parse_limits(), expected);
        continue;
      }
    }
    const auto received = co_await receive(deadline);
    if (received && *received > 0) {
      any = true;
      continue;
    }
    const bool over = received || (received.error().kind != ErrorKind::kTimeout && !cancelled_);
    ended_early_ = over && !any;
    if (received)
      co_return std::unexpected(
          failed({ErrorKind::kUpstream, "the server closed the connection without an answer", {}}));
    Error error = received.error();
    if (over) error.kind = ErrorKind::kUpstream;
    if (error.kind == ErrorKind::kTimeout) error.message = "no answer in time";
    co_return std::unexpected(failed(std::move(error)));
  }
  headers_ = connection_->parser.headers();
  head_done_ = true;
  co_return Status{};
}

Awaitable<Result<std::string_view>> ClientExchange::read() {
  if (connection_ == nullptr) co_return std::string_view{};
  if (cancelled_) co_return std::unexpected(named({ErrorKind::kCancelled, "the call was cancelled", {}}));
  if (failed_) co_return std::unexpected(named({ErrorKind::kUpstream, "the answer failed before", {}}));
  for (;;) {
    const auto progress = connection_->parser.parse(connection_->held());
    if (!progress) co_return std::unexpected(failed(progress.error()));
    connection_->begin += progress->consumed;
    if (progress->event == ParseEvent::kBody) co_return connection_->parser.piece();
    if (progress->event == ParseEvent::kDone) {
      release();
      co_return std::string_view{};
    }
    const auto received = co_await receive(earlier(limits_.deadline, clock_.now(), limits_.idle_timeout));
    if (received && *received > 0) continue;
    if (received) {
      if (connection_->parser.finish_at_end()) {
        release();
        co_return std::string_view{};
      }
      co_return std::unexpected(failed({ErrorKind::kUpstream, "the answer was cut short", {}}));
    }
    Error error = received.error();
    if (error.kind == ErrorKind::kTimeout) error.message = "the answer stalled";
    const bool own = error.kind == ErrorKind::kTimeout || error.kind == ErrorKind::kCancelled;
    if (!own) error = {ErrorKind::kUpstream, "the answer was cut short: " + error.message, {}};
    co_return std::unexpected(failed(std::move(error)));
  }
}

Awaitable<Result<std::string>> ClientExchange::read_all(std::size_t size_max) {
  std::string body;
  if (connection_ != nullptr) {
    const auto length = connection_->parser.content_length().value_or(0);
    if (length > size_max)
      co_return std::unexpected(
          failed({ErrorKind::kTooLarge,
                  fmt::format("the answer's body of {} bytes is longer than {}", length, size_max),
                  {}}));
    body.reserve(static_cast<std::size_t>(std::min<std::uint64_t>(length, kReserveMax)));
  }
  for (;;) {
    const auto piece = co_await read();
    if (!piece) co_return std::unexpected(piece.error());
    if (piece->empty()) co_return body;
    if (piece->size() > size_max - body.size())
      co_return std::unexpected(
          failed({ErrorKind::kTooLarge, fmt::format("the answer's body is longer than {} bytes", size_max), {}}));
    body.append(*piece);
  }
}

// ---- connecting
// ------------------------------------------------------------------------------------------------------

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

Status write_head(std::string& out, const Endpoint& endpoint, const HttpCall& call) {
  out.clear();
  CHECK_OK(append_request_line(out, call.method, endpoint.base_path, call.path));
  out.append("Host: ").append(host_field(endpoint)).append("\r\n");
  CHECK_OK(append_fields(out, call.headers, "Host"));
  const bool bodyless = call.method == "GET" || call.method == "HEAD" || call.method == "DELETE";
  if (!call.body.empty() || !bodyless) {
    out.append("Content-Length: ");
    append_number(out, call.body.size());
    out.append("\r\n");
  }
  out.append("\r\n");
  return {};
}

}  // namespace

// ---- client
// ----------------------------------------------------------------------------------------------------------

HttpClient::HttpClient(Connector& connector, const base::Clock& clock)
    : connector_(connector), clock_(clock), pool_(std::make_shared<Pool>()) {}
HttpClient::~HttpClient() = default;

void HttpClient::clear() noexcept { pool_->clear(); }
void HttpClient::sweep() noexcept { pool_->sweep(clock_.now()); }
std::size_t HttpClient::idle_connections() const noexcept { return pool_->count(); }

Awaitable<Result<std::unique_ptr<Exchange>>> HttpClient::send(const Endpoint& endpoint, const HttpCall& call,
                                                              const CallLimits& limits, Cancellation* cancellation) {
  const auto expected = call.method == "HEAD" ? ResponseParser::Body::kNone : ResponseParser::Body::kAsSaid;
  GiveBack give_back = [pool = std::weak_ptr(pool_), endpoint](std::unique_ptr<Connection> connection) {
    if (const auto alive = pool.lock()) alive->put(endpoint, std::move(connection));
  };
  sweep();
  for (bool pooled = true;; pooled = false) {
    if (cancellation != nullptr && cancellation->cancelled())
      co_return fail(ErrorKind::kCancelled, "{}: the call was cancelled", name_of(endpoint));
    if (clock_.now() >= limits.deadline)
      co_return fail(ErrorKind::kTimeout, "{}: the deadline was over before the call", name_of(endpoint));
    std::unique_ptr<Connection> connection;
    if (pooled) connection = pool_->take(endpoint);
    const bool reused = connection != nullptr;
    if (!reused) connection = std::make_unique<Connection>();
    if (auto written = write_head(connection->head, endpoint, call); !written)
      co_return std::unexpected(std::move(written).error());
    if (!reused) {
      const Nanoseconds deadline = earlier(limits.deadline, clock_.now(), limits.connect_timeout);
      auto stream = co_await connect(connector_, endpoint, deadline, cancellation);
      if (!stream) co_return std::unexpected(std::move(stream).error());
      connection->stream = std::move(*stream);
    }
    auto exchange = std::make_unique<ClientExchange>(std::move(connection), name_of(endpoint), limits, clock_,
                                                     cancellation, give_back);
    Status begun = co_await exchange->begin(call.body, expected);
    if (begun) co_return std::unique_ptr<Exchange>(std::move(exchange));
    const bool again = reused && exchange->is_stale();
    if (!again) co_return std::unexpected(std::move(begun).error());
    // The other idle connections to this server are most likely stale as well.
  }
}

}  // namespace thalamus::net
