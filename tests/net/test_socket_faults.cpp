// FailCounter for real sockets, and that it does what it says. The executable's own definitions of the system calls
// come before those of the C library, which they call.
#include "socket_faults.h"

#include <dlfcn.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "tcp_rig.h"

namespace thalamus::net {
namespace {

struct Watched {
  SocketSide side = SocketSide::kClient;
  std::uint16_t port = 0;
  FailCounter* counter = nullptr;  ///< null: nothing is watched
};
Watched watched;

std::uint16_t port_of(const sockaddr_in& address) noexcept {
  return address.sin_family == AF_INET ? ntohs(address.sin_port) : std::uint16_t{0};
}

template <class Name>
bool has_port(Name name, int socket) noexcept {
  sockaddr_in address{};
  socklen_t size = sizeof(address);
  return name(socket, reinterpret_cast<sockaddr*>(&address), &size) == 0 && port_of(address) == watched.port;
}

/// The server's end has the port, the client's is connected to it.
bool is_watched(int socket) noexcept {
  if (watched.counter == nullptr) return false;
  return watched.side == SocketSide::kServer ? has_port(&::getsockname, socket) : has_port(&::getpeername, socket);
}

int break_off(int socket) noexcept {
  static_cast<void>(::shutdown(socket, SHUT_RDWR));
  errno = ECONNRESET;
  return -1;
}

bool next_fails() noexcept { return watched.counter->next_fails(); }

template <class Function>
Function* following(const char* name) noexcept {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

template <class Call>
ssize_t sent(int socket, Call call) {
  return is_watched(socket) && next_fails() ? break_off(socket) : call();
}

template <class Call>
ssize_t received(int socket, Call call) {
  const ssize_t size = call();
  const bool waits = size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
  if (waits || !is_watched(socket)) return size;
  const int kept = errno;
  if (next_fails()) return break_off(socket);
  errno = kept;
  return size;
}

}  // namespace

SocketFaults::SocketFaults(SocketSide side, std::uint16_t port, FailCounter& counter) noexcept {
  watched = {side, port, &counter};
}
SocketFaults::~SocketFaults() { watched = {}; }

namespace {

TEST(SocketFaults, CountsOneSidesOperationsAndBreaksTheConnectionAtOne) {
  for (const SocketSide side : {SocketSide::kClient, SocketSide::kServer}) {
    asio::io_context context{1};
    tcp::acceptor acceptor(context, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    FailCounter counter;
    counter.fail_at = side == SocketSide::kClient ? 3 : 2;  // connect or accept is the first
    const SocketFaults faults(side, acceptor.local_endpoint().port(), counter);
    tcp::socket client(context);
    client.connect(acceptor.local_endpoint());
    tcp::socket server = acceptor.accept();
    boost::system::error_code error;
    std::array<char, 8> got{};
    client.write_some(asio::buffer("ab", 2), error);
    EXPECT_FALSE(error);
    EXPECT_EQ(server.read_some(asio::buffer(got), error), side == SocketSide::kClient ? 2U : 0U);
    if (side == SocketSide::kClient) client.write_some(asio::buffer("cd", 2), error);
    EXPECT_TRUE(counter.hit);
    EXPECT_EQ(error, asio::error::connection_reset);
    tcp::socket& other = side == SocketSide::kClient ? server : client;
    EXPECT_EQ(other.read_some(asio::buffer(got), error), 0U);
    EXPECT_EQ(error, asio::error::eof) << "the peer is told as well";
  }
}

}  // namespace

}  // namespace thalamus::net

using namespace thalamus::net;

extern "C" {

ssize_t send(int socket, const void* data, size_t size, int flags) {
  static auto* const next = following<ssize_t(int, const void*, size_t, int)>("send");
  return sent(socket, [&] { return next(socket, data, size, flags); });
}

ssize_t sendmsg(int socket, const msghdr* message, int flags) {
  static auto* const next = following<ssize_t(int, const msghdr*, int)>("sendmsg");
  return sent(socket, [&] { return next(socket, message, flags); });
}

ssize_t recv(int socket, void* data, size_t size, int flags) {
  static auto* const next = following<ssize_t(int, void*, size_t, int)>("recv");
  return received(socket, [&] { return next(socket, data, size, flags); });
}

ssize_t recvmsg(int socket, msghdr* message, int flags) {
  static auto* const next = following<ssize_t(int, msghdr*, int)>("recvmsg");
  return received(socket, [&] { return next(socket, message, flags); });
}

int connect(int socket, const sockaddr* address, socklen_t size) {
  static auto* const next = following<int(int, const sockaddr*, socklen_t)>("connect");
  const bool ours = watched.counter != nullptr && watched.side == SocketSide::kClient && size >= sizeof(sockaddr_in) &&
                    port_of(*reinterpret_cast<const sockaddr_in*>(address)) == watched.port;
  if (ours && next_fails()) {
    errno = ECONNREFUSED;
    return -1;
  }
  return next(socket, address, size);
}

int accept(int socket, sockaddr* address, socklen_t* size) {
  static auto* const next = following<int(int, sockaddr*, socklen_t*)>("accept");
  const int accepted = next(socket, address, size);
  if (accepted < 0 || !is_watched(socket) || watched.side != SocketSide::kServer || !next_fails()) return accepted;
  static_cast<void>(::close(accepted));
  errno = ECONNABORTED;
  return -1;
}

}  // extern "C"
