/// The Stream over any Asio socket, plain or TLS. Private to the sources of `net`.
///
/// One timer serves all operations of a stream: an operation only stores its deadline; the timer is moved when the new
/// deadline is earlier than the instant it waits for, and looks at the stored deadlines when it fires.
#pragma once

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/socket_base.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "thalamus/net/stream.h"

namespace thalamus::net {

inline constexpr auto kAsTuple = asio::as_tuple(asio::use_awaitable);

[[nodiscard]] inline std::chrono::steady_clock::time_point to_time_point(Nanoseconds instant) noexcept {
  return std::chrono::steady_clock::time_point(std::chrono::nanoseconds(instant.value));
}
[[nodiscard]] inline Nanoseconds steady_now() noexcept {
  return {std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
              .count()};
}

/// "127.0.0.1:4711" of the other end.
[[nodiscard]] std::string peer_name(const asio::ip::tcp::socket& socket);

template <class Socket>
class SocketStream final : public Stream {
 public:
  SocketStream(Socket socket, std::string peer)
      : Stream(std::move(peer)), state_(std::make_shared<State>(std::move(socket))) {}
  ~SocketStream() override { state_->close(); }
  SocketStream(const SocketStream&) = delete;
  SocketStream& operator=(const SocketStream&) = delete;

  Awaitable<Result<std::size_t>> read_some(asio::mutable_buffer buffer, Nanoseconds deadline) override {
    const auto state = state_;  // outlives the stream while an operation is pending
    if (state->closed) co_return std::unexpected(state->reason({}, "read"));
    state->read_deadline = deadline;
    state->read_timed_out = false;
    state->arm(deadline);
    const auto [error, size] = co_await state->socket.async_read_some(buffer, kAsTuple);
    state->read_deadline = kNever;
    if (!error) co_return size;
    if (!state->closed && error == asio::error::eof) co_return std::size_t{0};
    co_return std::unexpected(state->reason(error, "read"));
  }

  Awaitable<Status> write(std::span<const asio::const_buffer> buffers, Nanoseconds deadline) override {
    const auto state = state_;
    if (state->closed) co_return std::unexpected(state->reason({}, "write"));
    std::size_t sent = 0;
    const std::size_t total = asio::buffer_size(buffers);
    if constexpr (kPlain) {
      // Most answers fit the socket's buffer: one system call, no suspension.
      boost::system::error_code error;
      sent = state->socket.write_some(buffers, error);
      if (sent == total && !error) co_return Status{};
      if (error && error != asio::error::would_block) co_return std::unexpected(state->reason(error, "write"));
    }
    state->write_deadline = deadline;
    state->read_timed_out = false;
    state->arm(deadline);
    boost::system::error_code failed;
    if (sent == 0) {
      const auto [error, size] = co_await asio::async_write(state->socket, buffers, kAsTuple);
      failed = error;
      buffers = {};
    }
    for (const auto& buffer : buffers) {
      const std::size_t skip = std::min(sent, buffer.size());
      sent -= skip;
      const asio::const_buffer rest = buffer + skip;
      if (rest.size() == 0) continue;
      const auto [error, size] = co_await asio::async_write(state->socket, rest, kAsTuple);
      failed = error;
      if (failed) break;
    }
    state->write_deadline = kNever;
    if (failed) co_return std::unexpected(state->reason(failed, "write"));
    co_return Status{};
  }

  void finish_writing() noexcept override {
    if (state_->closed) return;
    if constexpr (kPlain) {
      boost::system::error_code ignored;
      state_->socket.shutdown(asio::socket_base::shutdown_send, ignored);
    } else {
      // TLS says goodbye itself; the peer's answer to it ends the operation, or `close` does.
      state_->socket.async_shutdown([state = state_](const boost::system::error_code&) {});
    }
  }
  bool interrupt_read() noexcept override {
    if (state_->closed) return false;
    state_->give_up_read();
    boost::system::error_code error;
    return state_->socket.lowest_layer().available(error) > 0 && !error;
  }
  void close() noexcept override { state_->close(); }

 private:
  static constexpr bool kPlain = std::is_same_v<typename Socket::lowest_layer_type, Socket> ||
                                 requires(Socket& socket) { socket.native_non_blocking(); };

  struct State : std::enable_shared_from_this<State> {
    explicit State(Socket&& connected) : socket(std::move(connected)), timer(socket.get_executor()) {
      boost::system::error_code ignored;
      if constexpr (kPlain) socket.non_blocking(true, ignored);
    }

    void arm(Nanoseconds deadline) {
      if (deadline >= armed) return;
      armed = deadline;
      timer.expires_at(to_time_point(deadline));
      timer.async_wait([self = this->shared_from_this()](const boost::system::error_code& error) {
        if (!error && !self->closed) self->check_deadlines();
      });
    }
    void check_deadlines() {
      armed = kNever;
      const Nanoseconds nearest = std::min(read_deadline, write_deadline);
      if (nearest > steady_now()) return arm(nearest);
      // Only the read is given up, so that an answer to the silence can still be written.
      if (write_deadline == kNever) return give_up_read();
      timed_out = true;
      close();
    }
    void give_up_read() noexcept {
      read_timed_out = true;
      boost::system::error_code ignored;
      socket.lowest_layer().cancel(ignored);
    }
    void close() noexcept {
      if (closed) return;
      closed = true;
      boost::system::error_code ignored;
      socket.lowest_layer().close(ignored);
      timer.cancel();
    }
    [[nodiscard]] Error reason(const boost::system::error_code& error, const char* what) const {
      if (timed_out || read_timed_out)
        return {ErrorKind::kTimeout, fmt::format("the time for this {} is over", what), {}};
      if (closed) return {ErrorKind::kCancelled, "the connection was closed on this side", {}};
      if (error == asio::ssl::error::stream_truncated)
        return {ErrorKind::kUpstream, "the peer closed the connection without ending TLS", {}};
      return {ErrorKind::kUnavailable, fmt::format("{}: {}", what, error.message()), {}};
    }

    Socket socket;
    asio::steady_timer timer;
    Nanoseconds read_deadline = kNever;
    Nanoseconds write_deadline = kNever;
    Nanoseconds armed = kNever;
    bool closed = false;
    bool timed_out = false;
    bool read_timed_out = false;
  };

  std::shared_ptr<State> state_;
};

}  // namespace thalamus::net
