/// The Exchange over an HTTP/1.1 connection, which it has to itself until the answer's end. Private to the sources of
/// `net`.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "thalamus/net/http1_parser.h"
#include "thalamus/net/http_client.h"

namespace thalamus::net {

/// A connection with the memory it reuses from call to call.
struct Http1ClientConnection {
  static constexpr std::size_t kBufferBytes = 16U << 10;
  std::unique_ptr<Stream> stream;
  std::vector<char> buffer = std::vector<char>(kBufferBytes);
  std::size_t begin = 0;
  std::size_t end = 0;
  ResponseParser parser;
  std::string head;
  Nanoseconds idle_since{};

  [[nodiscard]] std::string_view held() const noexcept { return {buffer.data() + begin, end - begin}; }
  void make_room() {
    if (begin == end) begin = end = 0;
    if (end < buffer.size()) return;
    if (begin > 0) {
      std::copy(buffer.begin() + static_cast<std::ptrdiff_t>(begin), buffer.end(), buffer.begin());
      end -= begin;
      begin = 0;
    } else {
      buffer.resize(buffer.size() * 2);  // ends at the parser's limits
    }
  }
};

/// Gives a connection back; empty function once the client is gone.
using GiveBack = std::function<void(std::unique_ptr<Http1ClientConnection>)>;

class Http1Exchange final : public Exchange {
 public:
  Http1Exchange(std::unique_ptr<Http1ClientConnection> connection, std::string name, const CallLimits& limits,
                const base::Clock& clock, Cancellation* cancellation, GiveBack give_back)
      : connection_(std::move(connection)),
        name_(std::move(name)),
        limits_(limits),
        clock_(clock),
        cancellation_(cancellation),
        give_back_(std::move(give_back)) {
    if (cancellation_ != nullptr) cancel_id_ = cancellation_->add([this] { cut(); });
  }
  ~Http1Exchange() override {
    if (cancellation_ != nullptr) cancellation_->remove(cancel_id_);
    if (connection_ == nullptr) return;
    // What is here already may hold the end of the body: the connection is spared then.
    if (!failed_ && head_done_ && skip_held()) release();
  }
  Http1Exchange(const Http1Exchange&) = delete;
  Http1Exchange& operator=(const Http1Exchange&) = delete;

  int status() const noexcept override { return status_; }
  const Headers& headers() const noexcept override { return headers_; }
  Awaitable<Result<std::string_view>> read() override;
  Awaitable<Result<std::string>> read_all(std::size_t size_max) override;

  /// Sends the request in connection->head and `body`, and receives the head of the answer.
  Awaitable<Status> begin(std::string_view body, ResponseParser::Body expected);
  /// True if not one byte of an answer came and the connection ended: another one may be tried.
  [[nodiscard]] bool is_stale() const noexcept { return ended_early_; }

 private:
  static constexpr std::size_t kHeadersMax = 256;

  Awaitable<Status> receive_head(ResponseParser::Body expected);
  Awaitable<Result<std::size_t>> receive(Nanoseconds deadline);
  [[nodiscard]] ParseLimits parse_limits() const noexcept {
    return {limits_.head_bytes_max, kHeadersMax, limits_.body_bytes_max};
  }
  [[nodiscard]] Error named(Error error) const {
    error.message = name_ + ": " + error.message;
    return error;
  }
  Error failed(Error error) {
    failed_ = true;
    connection_->stream->close();
    return named(std::move(error));
  }
  void cut() {
    cancelled_ = true;
    if (connection_ != nullptr) connection_->stream->close();
  }
  [[nodiscard]] bool skip_held() {
    for (;;) {
      const auto progress = connection_->parser.parse(connection_->held());
      if (!progress) return false;
      connection_->begin += progress->consumed;
      if (progress->event == ParseEvent::kDone) return true;
      if (progress->event == ParseEvent::kNeedMore) return false;
    }
  }
  void release() {
    auto connection = std::move(connection_);
    const bool reusable = connection->parser.keep_alive() && connection->held().empty() && !ended_ && !cancelled_;
    if (!reusable) return;
    connection->idle_since = clock_.now();
    give_back_(std::move(connection));
  }

  std::unique_ptr<Http1ClientConnection> connection_;
  std::string name_;
  CallLimits limits_;
  const base::Clock& clock_;
  Cancellation* cancellation_;
  std::uint64_t cancel_id_ = 0;
  GiveBack give_back_;
  Headers headers_;
  int status_ = 0;
  bool head_done_ = false;
  bool failed_ = false;
  bool cancelled_ = false;
  bool ended_ = false;
  bool ended_early_ = false;
};

}  // namespace thalamus::net
