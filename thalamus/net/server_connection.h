/// The server's half of one HTTP/1.1 connection. Private to the sources of `net`.
///
/// While a handler runs, one read stays pending on the stream: it notices the client going away, and what it receives
/// is the beginning of the next request.
#pragma once

#include <array>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "thalamus/net/http1_parser.h"
#include "thalamus/net/http_server.h"

namespace thalamus::net {

class ServerConnection final : public Responder,
                               public Gate::Member,
                               public std::enable_shared_from_this<ServerConnection> {
 public:
  ServerConnection(asio::any_io_executor executor, std::unique_ptr<Stream> stream, const ServerLimits& limits,
                   const Handler& handler, const ErrorBody& error_body, const base::Clock& clock, Gate& gate);

  /// Serves until the connection ends, or until it turns out to be HTTP/2. Started once.
  [[nodiscard]] Awaitable<void> run();
  /// After `run`: true if the client began with HTTP/2's preface. The stream and what was read of it go to `serve`.
  [[nodiscard]] bool is_http2() const noexcept { return http2_; }
  [[nodiscard]] std::unique_ptr<Stream> take_stream() noexcept { return std::move(stream_); }
  [[nodiscard]] std::string_view received() const noexcept { return {buffer_.data() + begin_, end_ - begin_}; }

  [[nodiscard]] Awaitable<Status> send(int status, const Headers& headers, std::string_view body) override;
  [[nodiscard]] Awaitable<Status> start(int status, const Headers& headers, std::string_view first) override;
  [[nodiscard]] Awaitable<Status> write(std::string_view bytes) override;
  [[nodiscard]] Awaitable<Status> finish() override;
  [[nodiscard]] bool started() const noexcept override { return answer_ != Answer::kNone; }
  [[nodiscard]] Cancellation& client_gone() noexcept override { return *client_gone_; }

  void gate_closed() noexcept override;
  void gate_aborted() noexcept override;

 private:
  enum class Phase : std::uint8_t { kIdle, kHead, kBody, kHandler, kClosing };
  enum class ReadEnd : std::uint8_t { kRequest, kClosed, kRefused, kHttp2 };
  enum class Answer : std::uint8_t { kNone, kStreaming, kComplete };
  struct StartWatch;

  // Reading.
  [[nodiscard]] Awaitable<ReadEnd> read_request();
  [[nodiscard]] std::optional<ReadEnd> parse_received();
  [[nodiscard]] bool may_be_http2() const noexcept;
  [[nodiscard]] Awaitable<Result<std::size_t>> receive();
  [[nodiscard]] Awaitable<Status> join_watch(Nanoseconds deadline);
  [[nodiscard]] static Awaitable<void> watch(std::shared_ptr<ServerConnection> self);
  [[nodiscard]] Nanoseconds read_deadline() const noexcept;
  [[nodiscard]] bool idles_at_stop() const noexcept;
  void make_room();
  void begin_request();

  // Answering.
  [[nodiscard]] Awaitable<bool> serve_requests();
  [[nodiscard]] Awaitable<void> answer();
  [[nodiscard]] Awaitable<void> call_handler();
  [[nodiscard]] Awaitable<void> refuse();
  [[nodiscard]] Awaitable<void> linger();
  void bound_silence();
  [[nodiscard]] Status begin_head(int status, const Headers& headers);
  [[nodiscard]] Awaitable<Status> put(std::span<const asio::const_buffer> buffers);
  [[nodiscard]] bool bodyless(int status) const noexcept;

  asio::any_io_executor executor_;
  std::unique_ptr<Stream> stream_;
  const ServerLimits& limits_;
  const Handler& handler_;
  const ErrorBody& error_body_;
  const base::Clock& clock_;
  Gate& gate_;

  RequestParser parser_;
  HttpRequest request_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  bool fresh_ = false;  ///< bytes that the parser has not seen
  Phase phase_ = Phase::kIdle;
  bool first_ = true;
  bool wants_continue_ = false;
  Nanoseconds phase_began_{};
  Refusal refusal_;

  std::unique_ptr<asio::steady_timer> silence_;  ///< of a stop
  asio::steady_timer watch_done_;
  bool watching_ = false;
  bool peer_ended_ = false;
  std::uint64_t serial_ = 0;

  std::optional<Cancellation> client_gone_;
  std::string head_;
  std::string date_;
  std::int64_t date_second_ = -1;
  Answer answer_ = Answer::kNone;
  bool chunked_ = false;
  bool mute_ = false;  ///< HEAD, 204 and 304: the body is not sent
  bool closing_ = false;
  bool write_failed_ = false;
  bool handling_ = false;
  bool http2_ = false;
};

}  // namespace thalamus::net
