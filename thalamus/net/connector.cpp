#include "thalamus/net/connector.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <optional>
#include <vector>

#include "thalamus/net/socket_stream.h"
#include "thalamus/net/stream_tcp.h"

namespace thalamus::net {
namespace {

using asio::ip::tcp;
using boost::system::error_code;

// A name may have many addresses; this many are tried within one deadline.
constexpr std::size_t kAddressesMax = 8;
// Sets of certificates kept in memory, one for each CA file that endpoints name.
constexpr std::size_t kTrustsMax = 64;

/// Another one for another file, or other content at the same path.
std::string stamp_of(const std::string& file) {
  struct ::stat facts{};
  if (file.empty() || ::stat(file.c_str(), &facts) != 0) return {};
  return fmt::format("{}:{}:{}:{}.{}", facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtim.tv_sec,
                     facts.st_mtim.tv_nsec);
}

void set_expiry(asio::steady_timer& timer, Nanoseconds deadline) {
  if (deadline == kNever)
    timer.expires_at(std::chrono::steady_clock::time_point::max());
  else
    timer.expires_at(to_time_point(deadline));
}

/// The system's resolver cannot be interrupted; the waiting for it can.
struct Resolution {
  explicit Resolution(asio::io_context& context) : resolver(context), done(context) {}
  tcp::resolver resolver;
  asio::steady_timer done;
  std::optional<error_code> error;
  std::vector<tcp::endpoint> endpoints;
};

Awaitable<Result<std::vector<tcp::endpoint>>> resolve(asio::io_context& context, const Endpoint& endpoint,
                                                      Nanoseconds deadline) {
  error_code not_numeric;
  const auto address = asio::ip::make_address(endpoint.host, not_numeric);
  if (!not_numeric) co_return std::vector<tcp::endpoint>(1, tcp::endpoint(address, endpoint.port));
  const auto resolution = std::make_shared<Resolution>(context);
  set_expiry(resolution->done, deadline);
  resolution->resolver.async_resolve(endpoint.host, std::to_string(endpoint.port), tcp::resolver::numeric_service,
                                     [resolution](const error_code& error, const tcp::resolver::results_type& results) {
                                       for (const auto& entry : results)
                                         if (resolution->endpoints.size() < kAddressesMax)
                                           resolution->endpoints.push_back(entry.endpoint());
                                       resolution->error = error;
                                       resolution->done.cancel();
                                     });
  co_await resolution->done.async_wait(kAsTuple);
  if (!resolution->error) co_return fail(ErrorKind::kTimeout, "{}: the name was not resolved in time", endpoint.host);
  if (*resolution->error || resolution->endpoints.empty())
    co_return fail(ErrorKind::kUnavailable, "{}: the name cannot be resolved: {}", endpoint.host,
                   resolution->error->message());
  co_return resolution->endpoints;
}

/// An address that does not answer must leave time for the others.
Nanoseconds share_of(Nanoseconds deadline, std::size_t addresses_left) noexcept {
  if (deadline == kNever) return kNever;
  const Nanoseconds now = steady_now();
  return now +
         Nanoseconds{std::max<std::int64_t>((deadline - now).value, 0) / static_cast<std::int64_t>(addresses_left)};
}

template <class Socket>
struct Connecting {
  explicit Connecting(asio::io_context& context) : socket(context), timer(context) {}
  Socket socket;
  asio::steady_timer timer;
  bool done = false;
  bool timed_out = false;
};

template <class Socket>
Awaitable<Result<Socket>> connect_socket(asio::io_context& context, typename Socket::endpoint_type endpoint,
                                         std::string name, Nanoseconds deadline) {
  const auto connecting = std::make_shared<Connecting<Socket>>(context);
  set_expiry(connecting->timer, deadline);
  connecting->timer.async_wait([connecting](const error_code& error) {
    if (error || connecting->done) return;
    connecting->timed_out = true;
    error_code ignored;
    connecting->socket.close(ignored);
  });
  const auto [error] = co_await connecting->socket.async_connect(endpoint, kAsTuple);
  connecting->done = true;
  connecting->timer.cancel();
  if (connecting->timed_out) co_return fail(ErrorKind::kTimeout, "{}: connecting took too long", name);
  if (error) co_return fail(ErrorKind::kUnavailable, "{}: cannot connect: {}", name, error.message());
  co_return std::move(connecting->socket);
}

}  // namespace

TcpConnector::TcpConnector(asio::io_context& context, ConnectorOptions options)
    : context_(context), options_(std::move(options)) {}
TcpConnector::~TcpConnector() = default;

Result<std::shared_ptr<TlsTrust>> TcpConnector::trust_for(const std::string& ca_file) {
  std::string stamp = stamp_of(ca_file);
  const auto known = trusts_.find(ca_file);
  if (known != trusts_.end() && known->second.stamp == stamp) return known->second.trust;
  std::vector<std::string> files;
  for (const std::string& file : {options_.extra_ca_file, ca_file})
    if (!file.empty()) files.push_back(file);
  auto trust = TlsTrust::load(files);
  // A file that is gone or half written takes nothing away from those who are trusted already.
  if (!trust && known != trusts_.end()) return known->second.trust;
  if (!trust) return std::unexpected(std::move(trust).error());
  if (known != trusts_.end() || trusts_.size() < kTrustsMax) trusts_[ca_file] = {std::move(stamp), *trust};
  return *trust;
}

Awaitable<Result<std::unique_ptr<Stream>>> TcpConnector::connect(const Endpoint& endpoint, Nanoseconds deadline) {
  if (endpoint.unix_socket) {
    if (endpoint.host.size() > 107)
      co_return fail(ErrorKind::kInvalidInput, "unix:{}: a socket path has at most 107 bytes", endpoint.host);
    const asio::local::stream_protocol::endpoint address(endpoint.host);
    auto socket = co_await connect_socket<asio::local::stream_protocol::socket>(context_, address,
                                                                                "unix:" + endpoint.host, deadline);
    if (!socket) co_return std::unexpected(std::move(socket).error());
    co_return make_unix_stream(std::move(*socket), endpoint.host);
  }
  std::shared_ptr<TlsTrust> trust;
  if (endpoint.tls) {
    auto found = trust_for(endpoint.ca_file);
    if (!found) co_return std::unexpected(std::move(found).error());
    trust = std::move(*found);
  }
  auto addresses = co_await resolve(context_, endpoint, deadline);
  if (!addresses) co_return std::unexpected(std::move(addresses).error());
  std::string host = endpoint.host;
  const std::string name = fmt::format("{}:{}", host, endpoint.port);
  const bool tls = endpoint.tls;
  const HttpVersion version = endpoint.version;
  Error last{ErrorKind::kUnavailable, name + ": no address", {}};
  std::size_t addresses_left = addresses->size();
  for (const tcp::endpoint& address : *addresses) {
    const Nanoseconds share = share_of(deadline, addresses_left--);
    auto socket = co_await connect_socket<tcp::socket>(context_, address, name, share);
    if (!socket) {
      last = std::move(socket).error();
      continue;
    }
    if (!tls) co_return make_tcp_stream(std::move(*socket));
    co_return co_await start_tls(std::move(*socket), trust, std::move(host), version, deadline);
  }
  co_return std::unexpected(std::move(last));
}

}  // namespace thalamus::net
