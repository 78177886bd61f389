/// The client's half of one HTTP/2 connection, shared by many exchanges at once. Private to the sources of `net`.
#pragma once

#include <array>
#include <boost/asio/steady_timer.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "thalamus/net/http2_fields.h"
#include "thalamus/net/http2_transport.h"
#include "thalamus/net/http_client.h"

namespace thalamus::net {

/// One request and its answer, kept by the exchange and, while the stream is open, by the connection.
struct Http2Call {
  explicit Http2Call(const asio::any_io_executor& executor) : changed(executor) {}

  std::int32_t id = 0;
  std::string_view out;   ///< of the request's body: not yet in frames
  std::string out_owned;  ///< holds `out` once its lender is gone
  bool sent = false;      ///< the request's last frame is out
  bool dropped = false;   ///< nobody waits for it; `out` may not be looked at
  bool bodyless = false;  ///< the answer to HEAD

  std::size_t head_bytes_max = 0;
  std::size_t body_bytes_max = 0;
  int status = 0;
  Headers headers;
  std::size_t head_bytes = 0;
  std::size_t interim = 0;
  bool head_done = false;
  std::string in;  ///< of the answer's body: not yet read
  std::size_t in_total = 0;
  bool ended = false;   ///< the answer is complete
  bool closed = false;  ///< the stream is over, in order or not
  std::optional<Error> error;
  bool unprocessed = false;    ///< the server says that it did nothing for this
  bool stale = false;          ///< the connection ended and was silent since the request
  std::uint64_t heard_at = 0;  ///< what the connection had received when this began
  asio::steady_timer changed;

  void wake() { changed.cancel(); }
};

class Http2ClientConnection final : public Http2Transport {
 public:
  /// Streams at once where the server has not said yet.
  static constexpr std::size_t kStreamsAssumed = 100;

  /// Takes over a connected stream and begins to read it.
  [[nodiscard]] static std::shared_ptr<Http2ClientConnection> start(const asio::any_io_executor& executor,
                                                                    std::unique_ptr<Stream> stream,
                                                                    const base::Clock& clock);
  Http2ClientConnection(asio::any_io_executor executor, std::unique_ptr<Stream> stream, const base::Clock& clock);
  ~Http2ClientConnection() override;

  /// False once the server wants no more, all its streams are taken, or `retire` was called.
  [[nodiscard]] bool can_open() const noexcept;
  /// Begins a request. kUnavailable where the connection cannot take it, and then nothing was sent.
  [[nodiscard]] Result<std::shared_ptr<Http2Call>> open(Http2Fields& fields, std::string_view body,
                                                        const CallLimits& limits, bool bodyless);
  /// So many bytes of the answer were read: as many more may come.
  void consumed(const Http2Call& call, std::size_t bytes);
  /// The exchange has no more use for the call; a stream still open is reset.
  void drop(Http2Call& call);
  /// Opens no stream any more; ends with its last one.
  void retire();
  /// A call waited in vain: until something is heard again, no stream is opened.
  void suspect();
  /// Ends at once.
  void close();

  [[nodiscard]] bool ended() const noexcept { return over_; }
  /// No exchange waits for anything of it.
  [[nodiscard]] bool idle() const noexcept;
  [[nodiscard]] Nanoseconds idle_since() const noexcept { return idle_since_; }
  [[nodiscard]] bool suspected() const noexcept { return suspected_; }

 protected:
  void produce(std::string& out) override;
  void written() override;

 private:
  static int on_begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* user);
  static int on_header(nghttp2_session*, const nghttp2_frame* frame, nghttp2_rcbuf* name, nghttp2_rcbuf* value,
                       std::uint8_t, void* user);
  static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* user);
  static int on_frame_sent(nghttp2_session*, const nghttp2_frame* frame, void* user);
  static int on_data(nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* data, std::size_t size,
                     void* user);
  static int on_stream_closed(nghttp2_session*, std::int32_t id, std::uint32_t code, void* user);
  static ssize_t read_body(nghttp2_session*, std::int32_t, std::uint8_t* buffer, std::size_t size, std::uint32_t* flags,
                           nghttp2_data_source* source, void* user);
  static Awaitable<void> read_all(std::shared_ptr<Http2ClientConnection> self);

  void make_session();
  [[nodiscard]] std::shared_ptr<Http2Call> find(std::int32_t id) const;
  void fail_call(Http2Call& call, Error error, std::uint32_t code);
  void close_if_useless();
  void end(const Error& error);

  Nghttp2Session session_;
  std::map<std::int32_t, std::shared_ptr<Http2Call>> calls_;
  std::array<char, 16U << 10> buffer_;
  Nanoseconds idle_since_;
  std::uint64_t heard_ = 0;
  bool retired_ = false;
  bool suspected_ = false;
  bool saying_goodbye_ = false;
  bool over_ = false;
};

/// The Exchange over a stream of an HTTP/2 connection.
class Http2Exchange final : public Exchange {
 public:
  Http2Exchange(std::shared_ptr<Http2ClientConnection> connection, std::string name, const CallLimits& limits,
                const base::Clock& clock, Cancellation* cancellation);
  ~Http2Exchange() override;
  Http2Exchange(const Http2Exchange&) = delete;
  Http2Exchange& operator=(const Http2Exchange&) = delete;

  [[nodiscard]] int status() const noexcept override { return call_->status; }
  [[nodiscard]] const Headers& headers() const noexcept override { return call_->headers; }
  [[nodiscard]] Awaitable<Result<std::string_view>> read() override;
  [[nodiscard]] Awaitable<Result<std::string>> read_all(std::size_t size_max) override;

  /// Sends the request and receives the head of the answer.
  [[nodiscard]] Awaitable<Status> begin(Http2Fields& fields, const HttpCall& call);
  /// After a failed `begin`: the server did nothing for this request.
  [[nodiscard]] bool is_unprocessed() const noexcept { return call_ == nullptr || call_->unprocessed; }
  /// After a failed `begin`: the connection had ended without a byte since the request.
  [[nodiscard]] bool is_stale() const noexcept { return call_ != nullptr && call_->stale; }

 private:
  [[nodiscard]] Awaitable<Status> receive_head();
  /// Until something changes or the deadline may be over.
  [[nodiscard]] Awaitable<void> wait(Nanoseconds deadline);
  [[nodiscard]] Error named(Error error) const {
    error.message = name_ + ": " + error.message;
    return error;
  }
  Error failed(Error error);
  void cut();

  std::shared_ptr<Http2ClientConnection> connection_;
  std::shared_ptr<Http2Call> call_;
  std::string name_;
  CallLimits limits_;
  const base::Clock& clock_;
  Cancellation* cancellation_;
  std::uint64_t cancel_id_ = 0;
  Nanoseconds sent_at_ = kNever;
  std::string piece_;
  bool failed_ = false;
  bool cancelled_ = false;
};

}  // namespace thalamus::net
