#include <sys/socket.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <chrono>

#include "thalamus/base/log.h"
#include "thalamus/net/http1_writer.h"
#include "thalamus/net/http_server.h"
#include "thalamus/net/stream_tcp.h"

namespace thalamus::net {
namespace {

using asio::ip::tcp;
using boost::system::error_code;
constexpr auto kAsTuple = asio::as_tuple(asio::use_awaitable);

// Past connections_max these many more are told so; the rest is closed without a word.
constexpr std::size_t kRefusedAtOnceMax = 256;
constexpr auto kRefusalPatience = Nanoseconds::from_ms(1'000);
constexpr auto kAcceptPause = std::chrono::milliseconds(50);

std::string shown(const std::string& address, std::uint16_t port) {
  const bool v6 = address.find(':') != std::string::npos;
  return v6 ? fmt::format("[{}]:{}", address, port) : fmt::format("{}:{}", address, port);
}

Result<asio::ip::address> to_ip(const std::string& address) {
  if (address == "localhost") return asio::ip::address(asio::ip::address_v4::loopback());
  error_code error;
  const auto ip = asio::ip::make_address(address, error);
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
Awaitable<void> refuse_connection(std::unique_ptr<Stream> stream, const ErrorBody* error_body, const base::Clock* clock,
                                  Gate* gate) {
  const Gate::Pass pass(*gate);
  const std::string body = (*error_body)(503, "too many connections; try again in a second");
  std::string head;
  append_status_line(head, 503);
  head.append("Content-Type: application/json\r\nRetry-After: 1\r\nConnection: close\r\nContent-Length: ");
  append_number(head, body.size());
  head.append("\r\n\r\n");
  const std::array<asio::const_buffer, 2> buffers{asio::buffer(head), asio::buffer(body)};
  const Nanoseconds deadline = clock->now() + kRefusalPatience;
  const Status told = co_await stream->write(buffers, deadline);
  if (!told) co_return;
  // What the client has sent must be read, or the close would reset the connection under the answer.
  stream->finish_writing();
  std::array<char, 4096> discarded{};
  while (!gate->closed()) {
    const auto received = co_await stream->read_some(asio::buffer(discarded), deadline);
    if (!received || *received == 0) co_return;
  }
}

}  // namespace

Awaitable<void> accept_loop(tcp::acceptor& acceptor, const ServerLimits& limits, const Handler& handler,
                            const ErrorBody& error_body, const base::Clock& clock, Gate& gate) {
  const auto executor = acceptor.get_executor();
  asio::steady_timer pause(executor);
  for (;;) {
    auto [error, socket] = co_await acceptor.async_accept(kAsTuple);
    if (!acceptor.is_open() || gate.closed() || error == asio::error::operation_aborted) co_return;
    if (error) {
      // Out of descriptors, most likely; the connections in flight will give some back.
      base::log_warning("accept: {}; pausing", error.message());
      pause.expires_after(kAcceptPause);
      co_await pause.async_wait(kAsTuple);
      continue;
    }
    if (gate.inside() >= limits.connections_max + kRefusedAtOnceMax) continue;
    auto stream = make_tcp_stream(std::move(socket));
    if (gate.inside() >= limits.connections_max) {
      asio::co_spawn(executor, refuse_connection(std::move(stream), &error_body, &clock, &gate), asio::detached);
      continue;
    }
    asio::co_spawn(executor, serve_connection(std::move(stream), limits, handler, error_body, clock, gate),
                   asio::detached);
  }
}

}  // namespace thalamus::net
