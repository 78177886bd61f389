/// A Unix socket to listen on: a stale one is replaced, anything else at its path is left alone.
#pragma once

#include <sys/types.h>

#include <string>

#include "thalamus/base/result.h"
#include "thalamus/net/asio.h"

namespace thalamus::host {

class UnixSocket {
 public:
  using Protocol = boost::asio::local::stream_protocol;

  /// Listens, for this user only. kInvalidInput for a path that cannot be one, kConflict where somebody listens there
  /// or something else lies there, kEnvironment where the folder does not allow it.
  [[nodiscard]] static Result<UnixSocket> listen(boost::asio::io_context& context, const std::string& path);
  UnixSocket(UnixSocket&&) = default;
  UnixSocket& operator=(UnixSocket&&) = default;

  [[nodiscard]] Protocol::acceptor& acceptor() noexcept { return acceptor_; }
  /// Removes the file, unless another process has put its own there.
  void remove() const noexcept;

 private:
  UnixSocket(Protocol::acceptor acceptor, std::string path) : acceptor_(std::move(acceptor)), path_(std::move(path)) {}
  Protocol::acceptor acceptor_;
  std::string path_;
  ::dev_t device_ = 0;
  ::ino_t inode_ = 0;
};

}  // namespace thalamus::host
