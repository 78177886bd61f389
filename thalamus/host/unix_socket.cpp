#include "thalamus/host/unix_socket.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

namespace thalamus::host {
namespace {

using Protocol = UnixSocket::Protocol;
using boost::system::error_code;

std::string folder_of(const std::string& path) {
  const auto folder = std::filesystem::path(path).parent_path();
  return folder.empty() ? "." : folder.string();
}

/// Makes the path free: nothing there, or a socket that nobody listens on any more.
Status clear_stale(boost::asio::io_context& context, const std::string& path, const Protocol::endpoint& endpoint) {
  struct ::stat found{};
  if (::lstat(path.c_str(), &found) != 0) {
    if (errno == ENOENT && ::access(folder_of(path).c_str(), F_OK) == 0) return {};
    const int code = errno;
    return fail_at(path, ErrorKind::kEnvironment, "cannot listen: {}; make the folder {}, or choose another path",
                   std::strerror(code), folder_of(path));
  }
  if (!S_ISSOCK(found.st_mode))
    return fail_at(path, ErrorKind::kConflict, "something that is no socket lies there; choose another path");
  Protocol::socket probe(context);
  error_code error;
  probe.connect(endpoint, error);
  if (!error)
    return fail_at(path, ErrorKind::kConflict,
                   "another process listens on this socket; stop it or choose another path");
  if (error != boost::asio::error::connection_refused)
    return fail_at(path, ErrorKind::kEnvironment, "cannot tell whether this socket is in use: {}", error.message());
  if (::unlink(path.c_str()) != 0 && errno != ENOENT)
    return fail_at(path, ErrorKind::kEnvironment, "cannot remove the socket of an earlier run: {}",
                   std::strerror(errno));
  return {};
}

}  // namespace

Result<UnixSocket> UnixSocket::listen(boost::asio::io_context& context, const std::string& path) {
  Protocol::endpoint endpoint;
  try {
    endpoint = Protocol::endpoint(path);
  } catch (const boost::system::system_error&) {
    return fail_at(path, ErrorKind::kInvalidInput,
                   "{} bytes are too many for a Unix socket's path, about 107 is the limit; choose a shorter one",
                   path.size());
  }
  CHECK_OK(clear_stale(context, path, endpoint));
  Protocol::acceptor acceptor(context);
  error_code error;
  acceptor.open(endpoint.protocol(), error);
  const ::mode_t before = ::umask(0077);
  if (!error) acceptor.bind(endpoint, error);
  ::umask(before);
  if (error == boost::asio::error::address_in_use)
    return fail_at(path, ErrorKind::kConflict, "another process took this socket just now; choose another path");
  if (!error) acceptor.listen(boost::asio::socket_base::max_listen_connections, error);
  if (error)
    return fail_at(path, ErrorKind::kEnvironment, "cannot listen: {}; check the rights on {}", error.message(),
                   folder_of(path));
  UnixSocket out(std::move(acceptor), path);
  struct ::stat made{};
  if (::lstat(path.c_str(), &made) == 0) {
    out.device_ = made.st_dev;
    out.inode_ = made.st_ino;
  }
  return out;
}

void UnixSocket::remove() const noexcept {
  struct ::stat found{};
  const bool ours = ::lstat(path_.c_str(), &found) == 0 && found.st_dev == device_ && found.st_ino == inode_;
  if (ours) ::unlink(path_.c_str());
}

}  // namespace thalamus::host
