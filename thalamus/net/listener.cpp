#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/socket_base.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <chrono>
#include <map>
#include <optional>

#include "thalamus/base/log.h"
#include "thalamus/net/deadline.h"
#include "thalamus/net/http1_writer.h"
#include "thalamus/net/http_server.h"
#include "thalamus/net/stream_tcp.h"
#include "thalamus/net/tls_identity.h"

namespace thalamus::net {
namespace {

using asio::ip::tcp;
using boost::system::error_code;
constexpr auto kAsTuple = asio::as_tuple(asio::use_awaitable);

// Past connections_max these many more are told so; the rest is closed without a word.
constexpr std::size_t kRefusedAtOnceMax = 256;
constexpr auto kRefusalPatience = Nanoseconds::from_ms(1'000);
constexpr auto kAcceptPause = std::chrono::milliseconds(50);
// Of one acceptor: more than its queue holds, and an end even where clients come as fast as they are taken.
constexpr int kTakenAtStopMax = 2 * asio::socket_base::max_listen_connections;

std::string shown(const std::string& address, std::uint16_t port) {
  const bool v6 = address.find(':') != std::string::npos;
  return v6 ? fmt::format("[{}]:{}", address, port) : fmt::format("{}:{}", address, port);
}

Result<asio::ip::address> to_ip(const std::string& address) {
  if (address == "localhost") return asio::ip::address(asio::ip::address_v4::loopback());
  error_code error;
  auto ip = asio::ip::make_address(address, error);
  if (error)
    return fail(ErrorKind::kInvalidInput,
                "cannot listen on '{}': expected an IP address such as 127.0.0.1, ::1 or 0.0.0.0", address);
  return ip;
}

/// An open socket with SO_REUSEADDR; `shared` adds SO_REUSEPORT. Failures are the system's.
error_code open_bound(tcp::acceptor& acceptor, const tcp::endpoint& endpoint, bool shared) {
  error_code error;
  acceptor.open(endpoint.protocol(), error);
  if (error) return error;
  acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (error) return error;
  if (endpoint.address().is_v6()) acceptor.set_option(asio::ip::v6_only(!endpoint.address().is_unspecified()), error);
  if (shared) {
    const int on = 1;
    if (::setsockopt(acceptor.native_handle(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) != 0)
      return {errno, boost::system::system_category()};
  }
  acceptor.bind(endpoint, error);
  if (error) return error;
  acceptor.listen(tcp::acceptor::max_listen_connections, error);
  return error;
}

Error explain(const error_code& error, const std::string& name) {
  if (error == asio::error::address_in_use)
    return {ErrorKind::kConflict,
            fmt::format("{} is in use by another process; choose another `listen` address or stop it", name),
            {}};
  if (error == asio::error::access_denied)
    return {
        ErrorKind::kEnvironment,
        fmt::format("listening on {} is not permitted; ports below 1024 need a privilege, choose a higher one", name),
        {}};
  return {ErrorKind::kEnvironment, fmt::format("cannot listen on {}: {}", name, error.message()), {}};
}

}  // namespace

/// The socket of the exclusive bind, until the first acceptor takes it over.
struct Listener::Held {
  asio::io_context context;  // never run: the socket only lies here
  std::optional<tcp::acceptor> acceptor;
  tcp::endpoint endpoint;
};

Result<Listener> Listener::bind(const std::string& address, std::uint16_t port) {
  TRY(const auto ip, to_ip(address));
  auto held = std::make_shared<Held>();
  held->acceptor.emplace(held->context);
  // Without SO_REUSEPORT the kernel refuses a port that anybody listens on.
  if (const auto error = open_bound(*held->acceptor, tcp::endpoint(ip, port), false))
    return std::unexpected(explain(error, shown(address, port)));
  error_code error;
  held->endpoint = held->acceptor->local_endpoint(error);
  // From here on our own further acceptors may join.
  const int on = 1;
  if (error || ::setsockopt(held->acceptor->native_handle(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) != 0)
    return fail(ErrorKind::kEnvironment, "cannot share {} between cores: SO_REUSEPORT is not available",
                shown(address, port));
  Listener listener;
  listener.address_ = address;
  listener.port_ = held->endpoint.port();
  listener.held_ = std::move(held);
  return listener;
}

Result<tcp::acceptor> Listener::acceptor(asio::io_context& context) const {
  error_code error;
  if (held_->acceptor) {
    const auto descriptor = held_->acceptor->release(error);
    held_->acceptor.reset();
    tcp::acceptor first(context);
    if (!error) first.assign(held_->endpoint.protocol(), descriptor, error);
    if (error) return std::unexpected(explain(error, shown(address_, port_)));
    return first;
  }
  tcp::acceptor further(context);
  if (error = open_bound(further, held_->endpoint, true); error)
    return std::unexpected(explain(error, shown(address_, port_)));
  return further;
}

namespace {

/// "503, try again in a second" to one connection too many, without waiting for its request.
Awaitable<void> refuse_connection(std::unique_ptr<Stream> stream, const char* reason, const ErrorBody* error_body,
                                  const base::Clock* clock, Gate* gate) {
  const Gate::Pass pass(*gate);
  const ErrorAnswer error = (*error_body)(503, reason, {});
  std::string head;
  append_status_line(head, 503);
  if (!append_fields(head, error.headers)) co_return;
  head.append("Content-Type: application/json\r\nRetry-After: 1\r\nConnection: close\r\nContent-Length: ");
  append_number(head, error.body.size());
  head.append("\r\n\r\n");
  const std::array<asio::const_buffer, 2> buffers{asio::buffer(head), asio::buffer(error.body)};
  const Nanoseconds deadline = clock->now() + kRefusalPatience;
  const Status told = co_await stream->write(buffers, deadline);
  if (!told) co_return;
  // What the client has sent must be read, or the close would reset the connection under the answer.
  stream->finish_writing();
  std::array<char, 4096> discarded{};
  for (;;) {
    const auto received = co_await stream->read_some(asio::buffer(discarded), deadline);
    if (!received || *received == 0) co_return;
  }
}

/// Connections by client address, for one acceptor. A provider hands whole /64 networks to one IPv6 client.
class AddressCount : public std::enable_shared_from_this<AddressCount> {
 public:
  using Key = std::array<unsigned char, 16>;
  /// Holds one connection's place.
  class Place {
   public:
    Place(std::shared_ptr<AddressCount> count, const Key& key) : count_(std::move(count)), key_(key) {}
    Place(Place&& other) noexcept : count_(std::move(other.count_)), key_(other.key_) {}
    Place& operator=(Place&& other) noexcept {
      std::swap(count_, other.count_);
      std::swap(key_, other.key_);
      return *this;
    }
    ~Place() {
      if (count_ != nullptr) count_->leave(key_);
    }

   private:
    std::shared_ptr<AddressCount> count_;
    Key key_;
  };

  [[nodiscard]] static Key key_of(const asio::ip::address& address) {
    Key key{};
    const auto v6 = address.is_v6() ? address.to_v6() : asio::ip::make_address_v6(asio::ip::v4_mapped, address.to_v4());
    const auto bytes = v6.to_bytes();
    std::copy_n(bytes.begin(), v6.is_v4_mapped() ? 16 : 8, key.begin());
    return key;
  }
  [[nodiscard]] std::optional<Place> enter(const Key& key, std::size_t places_max) {
    std::size_t& count = counts_[key];
    if (count >= places_max) return std::nullopt;
    ++count;
    return Place(shared_from_this(), key);
  }

 private:
  void leave(const Key& key) {
    const auto found = counts_.find(key);
    if (found != counts_.end() && --found->second == 0) counts_.erase(found);
  }
  std::map<Key, std::size_t> counts_;  ///< as many as there are connections at most
};

using Place = std::optional<AddressCount::Place>;

/// What the loop hands to each connection; its owner keeps it until the gate is empty.
struct Service {
  const ServerLimits* limits;
  const Handler* handler;
  const ErrorBody* error_body;
  const base::Clock* clock;
  Gate* gate;
  std::shared_ptr<TlsIdentity> identity;
};

Awaitable<void> serve_plain(std::unique_ptr<Stream> stream, Service service, Place) {
  co_await serve_connection(std::move(stream), *service.limits, *service.handler, *service.error_body, *service.clock,
                            *service.gate);
}

/// A handshake is inside the gate too. A stop gives it half of the patience: the other half is for the request.
class Handshaking final : public Gate::Member, public std::enable_shared_from_this<Handshaking> {
 public:
  Handshaking(const asio::any_io_executor& executor, const Service& service) : service_(service), timer_(executor) {}
  void gate_closed() noexcept override {
    const Nanoseconds half{service_.limits->stop_patience.value / 2};
    timer_.expires_after(std::chrono::nanoseconds(service_.gate->patience_left(half).value));
    timer_.async_wait([weak = weak_from_this()](const error_code& error) {
      const auto self = weak.lock();
      if (!error && self != nullptr) self->cancellation_.cancel();
    });
  }
  void gate_aborted() noexcept override { cancellation_.cancel(); }
  [[nodiscard]] Cancellation& cancellation() noexcept { return cancellation_; }

 private:
  Service service_;
  Cancellation cancellation_;
  asio::steady_timer timer_;
};

HandshakeFailure reason_of(ErrorKind kind) noexcept {
  switch (kind) {
    case ErrorKind::kTimeout: return HandshakeFailure::kTimeout;
    case ErrorKind::kForbidden: return HandshakeFailure::kCertificate;
    case ErrorKind::kInvalidInput: return HandshakeFailure::kProtocol;
    default: return HandshakeFailure::kClosed;
  }
}

/// Scanners and clients that do not trust us fail all day: a count, and a line for whoever looks for it.
void tell_failure(const Service& service, HandshakeFailure reason, std::string_view details) {
  service.gate->handshake_failed(reason);
  base::log_line(base::LogLevel::kDebug, fmt::format("not served over TLS ({}): {}", label(reason), details));
}

Awaitable<Result<std::unique_ptr<Stream>>> shake_hands(tcp::socket socket, Service service) {
  const auto handshaking = std::make_shared<Handshaking>(socket.get_executor(), service);
  const Gate::Pass pass(*service.gate, handshaking.get());
  if (service.gate->closed()) handshaking->gate_closed();
  const auto offers = service.limits->streams_max > 0 ? HttpVersion::kAuto : HttpVersion::kHttp1;
  const Nanoseconds deadline = later(service.clock->now(), service.limits->head_timeout);
  auto stream = co_await accept_tls(std::move(socket), std::move(service.identity), offers, deadline,
                                    handshaking->cancellation());
  if (!stream) tell_failure(service, reason_of(stream.error().kind), stream.error().message);
  co_return stream;
}

Awaitable<void> serve_tls(tcp::socket socket, Service service, Place) {
  auto stream = co_await shake_hands(std::move(socket), service);
  if (!stream) co_return;
  co_await serve_connection(std::move(*stream), *service.limits, *service.handler, *service.error_body, *service.clock,
                            *service.gate);
}

void refuse(std::unique_ptr<Stream> stream, const asio::any_io_executor& executor, const char* reason,
            const Service& service) {
  asio::co_spawn(executor,
                 refuse_connection(std::move(stream), reason, service.error_body, service.clock, service.gate),
                 asio::detached);
}

/// Why this connection is one too many; null if it is not.
const char* reason_to_refuse(const Service& service) {
  const bool full = service.gate->inside() >= service.limits->connections_max;
  return full ? "too many connections; try again in a second" : nullptr;
}

void begin_connection(tcp::socket socket, const Service& service, AddressCount& addresses) {
  const auto executor = socket.get_executor();
  const ServerLimits& limits = *service.limits;
  const char* refusal = reason_to_refuse(service);
  Place place;
  error_code error;
  const auto remote = socket.remote_endpoint(error);
  if (refusal == nullptr && limits.connections_per_address_max > 0 && !error) {
    place = addresses.enter(AddressCount::key_of(remote.address()), limits.connections_per_address_max);
    if (!place) refusal = "too many connections from this address; try again in a second";
  }
  if (refusal == nullptr && service.identity != nullptr) {
    asio::co_spawn(executor, serve_tls(std::move(socket), service, std::move(place)), asio::detached);
  } else if (refusal == nullptr) {
    asio::co_spawn(executor, serve_plain(make_tcp_stream(std::move(socket)), service, std::move(place)),
                   asio::detached);
  } else if (service.identity == nullptr) {
    refuse(make_tcp_stream(std::move(socket)), executor, refusal, service);
  } else {
    tell_failure(service, HandshakeFailure::kLimit,
                 fmt::format("{}: {}", shown(remote.address().to_string(), remote.port()), refusal));
  }
}

void begin_connection(asio::local::stream_protocol::socket socket, const Service& service, AddressCount&) {
  const auto executor = socket.get_executor();
  error_code error;
  const auto here = socket.local_endpoint(error);
  auto stream = make_unix_stream(std::move(socket), error ? std::string() : here.path());
  if (const char* refusal = reason_to_refuse(service)) return refuse(std::move(stream), executor, refusal, service);
  asio::co_spawn(executor, serve_plain(std::move(stream), service, Place()), asio::detached);
}

/// The loop on one acceptor. A stop takes what the kernel has accepted so far, which closing the acceptor would reset.
template <class Acceptor>
class AcceptLoop final : public Gate::Member {
 public:
  AcceptLoop(Acceptor& acceptor, Service service)
      : acceptor_(acceptor),
        service_(std::move(service)),
        pause_(acceptor.get_executor()),
        notice_(*service_.gate, *this) {}

  Awaitable<void> run() {
    if (service_.gate->closed()) gate_closed();
    for (;;) {
      auto [error, socket] = co_await acceptor_.async_accept(kAsTuple);
      // Accepted before the stop, it may be, and heard of afterwards.
      if (!error) begin(std::move(socket));
      if (!acceptor_.is_open() || error == asio::error::operation_aborted) co_return;
      if (!error) continue;
      // Out of descriptors, most likely; the connections in flight will give some back.
      base::log_warning("accept: {}; pausing", error.message());
      pause_.expires_after(kAcceptPause);
      co_await pause_.async_wait(kAsTuple);
    }
  }

  void gate_closed() noexcept override {
    if (!acceptor_.is_open()) return;
    error_code error;
    acceptor_.non_blocking(true, error);
    for (int taken = 0; taken < kTakenAtStopMax && !error; ++taken) {
      auto socket = acceptor_.accept(error);
      if (!error) begin(std::move(socket));
    }
    if (error && error != asio::error::would_block && error != asio::error::try_again)
      base::log_warning("accept: {}; connections that wait are lost by the stop", error.message());
    // The loop's own accept may have taken one that it has not been told of: the gate is not empty before it was.
    last_.emplace(*service_.gate);
    gate_aborted();
  }
  void gate_aborted() noexcept override {
    error_code ignored;
    acceptor_.close(ignored);
    pause_.cancel();
  }

 private:
  void begin(typename Acceptor::protocol_type::socket socket) {
    if (service_.gate->inside() < service_.limits->connections_max + kRefusedAtOnceMax)
      begin_connection(std::move(socket), service_, *addresses_);
  }

  Acceptor& acceptor_;
  Service service_;
  std::shared_ptr<AddressCount> addresses_ = std::make_shared<AddressCount>();
  asio::steady_timer pause_;
  std::optional<Gate::Pass> last_;
  Gate::Notice notice_;
};

}  // namespace

Awaitable<void> accept_loop(tcp::acceptor& acceptor, const ServerLimits& limits, const Handler& handler,
                            const ErrorBody& error_body, const base::Clock& clock, Gate& gate,
                            std::shared_ptr<TlsIdentity> identity) {
  AcceptLoop loop(acceptor, Service{&limits, &handler, &error_body, &clock, &gate, std::move(identity)});
  co_await loop.run();
}

Awaitable<void> accept_loop(asio::local::stream_protocol::acceptor& acceptor, const ServerLimits& limits,
                            const Handler& handler, const ErrorBody& error_body, const base::Clock& clock, Gate& gate) {
  AcceptLoop loop(acceptor, Service{&limits, &handler, &error_body, &clock, &gate, nullptr});
  co_await loop.run();
}

}  // namespace thalamus::net
