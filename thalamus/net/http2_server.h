/// The server's half of one HTTP/2 connection: its session, its stream of bytes, and one handler at work for each
/// request. Private to the sources of `net`.
#pragma once

#include <array>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <string>
#include <unordered_map>

#include "thalamus/net/http2_server_session.h"
#include "thalamus/net/http2_transport.h"

namespace thalamus::net {

class Http2Responder;

/// The address a peer's name stands for is this machine's own.
[[nodiscard]] bool is_loopback(std::string_view peer) noexcept;

class Http2ServerConnection final : public Http2Transport, public Gate::Member {
 public:
  Http2ServerConnection(asio::any_io_executor executor, std::unique_ptr<Stream> stream, const ServerLimits& limits,
                        const Handler& handler, const ErrorBody& error_body, const base::Clock& clock, Gate& gate);

  /// Serves until the connection has ended and its last handler has returned. `begun` was read of it already.
  [[nodiscard]] Awaitable<void> run(std::string begun);

  void gate_closed() noexcept override;
  void gate_aborted() noexcept override;

 protected:
  void produce(std::string& out) override;
  void written() override;

 private:
  friend class Http2Responder;

  [[nodiscard]] std::shared_ptr<Http2ServerConnection> shared_self() {
    return std::static_pointer_cast<Http2ServerConnection>(shared_from_this());
  }
  [[nodiscard]] Awaitable<void> read_all(std::string begun);
  void take(std::string_view bytes);
  void handle_events();
  void begin_drain();
  void leave();
  void end_if_finished();
  void linger();
  void arm_timer();
  void check_deadlines();
  [[nodiscard]] static Awaitable<void> handle(std::shared_ptr<Http2ServerConnection> self,
                                              std::shared_ptr<Http2Stream> stream);
  [[nodiscard]] Awaitable<void> answer(Http2Responder& responder);
  [[nodiscard]] Awaitable<void> call_handler(Http2Responder& responder);
  [[nodiscard]] std::string_view date();

  const ServerLimits& limits_;
  const Handler& handler_;
  const ErrorBody& error_body_;
  Gate& gate_;
  Http2ServerSession session_;
  std::array<char, 16U << 10> buffer_;
  std::unordered_map<std::int32_t, Http2Responder*> responders_;  ///< of the handlers that run
  asio::steady_timer timer_;
  asio::steady_timer handlers_done_;
  Nanoseconds armed_ = kNever;
  Nanoseconds close_at_ = kNever;  ///< once everything is said
  std::size_t discarded_ = 0;
  std::size_t running_ = 0;
  bool receiving_ = true;
  bool gone_ = false;
  std::string date_;
  std::int64_t date_second_ = -1;
};

/// The answer to one request of an HTTP/2 connection.
class Http2Responder final : public Responder {
 public:
  Http2Responder(std::shared_ptr<Http2ServerConnection> connection, std::shared_ptr<Http2Stream> stream);
  ~Http2Responder() override;
  Http2Responder(const Http2Responder&) = delete;
  Http2Responder& operator=(const Http2Responder&) = delete;

  [[nodiscard]] Awaitable<Status> send(int status, const Headers& headers, std::string_view body) override;
  [[nodiscard]] Awaitable<Status> start(int status, const Headers& headers, std::string_view first) override;
  [[nodiscard]] Awaitable<Status> write(std::string_view bytes) override;
  [[nodiscard]] Awaitable<Status> finish() override;
  [[nodiscard]] bool started() const noexcept override { return answer_ != Answer::kNone; }
  [[nodiscard]] Cancellation& client_gone() noexcept override { return client_gone_; }

  [[nodiscard]] Http2Stream& stream() noexcept { return *stream_; }
  /// The answer is not complete and never will be.
  void abandon() noexcept;
  /// The session tells of this stream: something has gone out, or all is over.
  void wake();

 private:
  enum class Answer : std::uint8_t { kNone, kStreaming, kComplete };
  [[nodiscard]] bool bodyless(int status) const noexcept;
  [[nodiscard]] Status begin(int status, const Headers& headers, std::optional<std::size_t> content_length,
                             Http2ServerSession::AnswerBody body);
  [[nodiscard]] Awaitable<Status> settle();

  std::shared_ptr<Http2ServerConnection> connection_;
  std::shared_ptr<Http2Stream> stream_;
  Cancellation client_gone_;
  asio::steady_timer progress_;
  Answer answer_ = Answer::kNone;
  bool mute_ = false;
};

}  // namespace thalamus::net
