#include "thalamus/net/http1_exchange.h"

#include <array>

#include "thalamus/net/deadline.h"

namespace thalamus::net {
namespace {

constexpr std::size_t kInterimAnswersMax = 16;
constexpr std::size_t kReserveMax = 1U << 20;

asio::const_buffer to_buffer(std::string_view bytes) noexcept { return {bytes.data(), bytes.size()}; }

}  // namespace

Awaitable<Result<std::size_t>> Http1Exchange::receive(Nanoseconds deadline) {
  connection_->make_room();
  auto& buffer = connection_->buffer;
  auto received = co_await connection_->stream->read_some(
      asio::buffer(buffer.data() + connection_->end, buffer.size() - connection_->end), deadline);
  if (received) connection_->end += *received;
  if (received && *received == 0) ended_ = true;
  co_return received;
}

Awaitable<Status> Http1Exchange::begin(std::string_view body, ResponseParser::Body expected) {
  const std::array<asio::const_buffer, 2> buffers{to_buffer(connection_->head), to_buffer(body)};
  const Nanoseconds write_deadline = earlier(limits_.deadline, clock_.now(), limits_.first_byte_timeout);
  const std::span used = std::span<const asio::const_buffer>(buffers).first(body.empty() ? 1 : 2);
  Status written = co_await connection_->stream->write(used, write_deadline);
  const bool fatal = !written && (written.error().kind == ErrorKind::kTimeout || cancelled_);
  if (fatal) co_return std::unexpected(failed(std::move(written).error()));
  // A server may answer, 413 say, and close before it read everything: what it said counts.
  Status answered = co_await receive_head(expected);
  if (!answered) co_return answered;
  if (!written) ended_ = true;
  co_return answered;
}

Awaitable<Status> Http1Exchange::receive_head(ResponseParser::Body expected) {
  const Nanoseconds deadline = earlier(limits_.deadline, clock_.now(), limits_.first_byte_timeout);
  connection_->begin = connection_->end = 0;
  connection_->parser.begin(parse_limits(), expected);
  bool any = false;
  std::size_t interim = 0;
  for (;;) {
    if (!connection_->held().empty()) {
      const auto progress = connection_->parser.parse(connection_->held());
      if (!progress) co_return std::unexpected(failed(progress.error()));
      connection_->begin += progress->consumed;
      if (progress->event == ParseEvent::kHead) {
        status_ = connection_->parser.status();
        if (status_ >= 200) break;
        if (status_ == 101 || ++interim > kInterimAnswersMax)
          co_return std::unexpected(failed({ErrorKind::kUpstream, "unexpected interim answers", {}}));
        connection_->parser.begin(parse_limits(), expected);
        continue;
      }
    }
    const auto received = co_await receive(deadline);
    if (received && *received > 0) {
      any = true;
      continue;
    }
    const bool over = received || (received.error().kind != ErrorKind::kTimeout && !cancelled_);
    ended_early_ = over && !any;
    if (received)
      co_return std::unexpected(
          failed({ErrorKind::kUpstream, "the server closed the connection without an answer", {}}));
    Error error = received.error();
    if (over) error.kind = ErrorKind::kUpstream;
    if (error.kind == ErrorKind::kTimeout) error.message = "no answer in time";
    co_return std::unexpected(failed(std::move(error)));
  }
  headers_ = connection_->parser.headers();
  head_done_ = true;
  co_return Status{};
}

Awaitable<Result<std::string_view>> Http1Exchange::read() {
  if (connection_ == nullptr) co_return std::string_view{};
  if (cancelled_) co_return std::unexpected(named({ErrorKind::kCancelled, "the call was cancelled", {}}));
  if (failed_) co_return std::unexpected(named({ErrorKind::kUpstream, "the answer failed before", {}}));
  for (;;) {
    const auto progress = connection_->parser.parse(connection_->held());
    if (!progress) co_return std::unexpected(failed(progress.error()));
    connection_->begin += progress->consumed;
    if (progress->event == ParseEvent::kBody) co_return connection_->parser.piece();
    if (progress->event == ParseEvent::kDone) {
      release();
      co_return std::string_view{};
    }
    const auto received =
        co_await receive(earlier(std::min(limits_.deadline, read_until_), clock_.now(), limits_.idle_timeout));
    if (received && *received > 0) continue;
    if (received) {
      if (connection_->parser.finish_at_end()) {
        release();
        co_return std::string_view{};
      }
      co_return std::unexpected(failed({ErrorKind::kUpstream, "the answer was cut short", {}}));
    }
    Error error = received.error();
    if (error.kind == ErrorKind::kTimeout) error.message = "the answer stalled";
    const bool own = error.kind == ErrorKind::kTimeout || error.kind == ErrorKind::kCancelled;
    if (!own) error = {ErrorKind::kUpstream, "the answer was cut short: " + error.message, {}};
    co_return std::unexpected(failed(std::move(error)));
  }
}

Awaitable<Result<std::string>> Http1Exchange::read_all(std::size_t size_max) {
  std::string body;
  if (connection_ != nullptr) {
    const auto length = connection_->parser.content_length().value_or(0);
    if (length > size_max)
      co_return std::unexpected(
          failed({ErrorKind::kTooLarge,
                  fmt::format("the answer's body of {} bytes is longer than {}", length, size_max),
                  {}}));
    body.reserve(static_cast<std::size_t>(std::min<std::uint64_t>(length, kReserveMax)));
  }
  for (;;) {
    const auto piece = co_await read();
    if (!piece) co_return std::unexpected(piece.error());
    if (piece->empty()) co_return body;
    if (piece->size() > size_max - body.size())
      co_return std::unexpected(
          failed({ErrorKind::kTooLarge, fmt::format("the answer's body is longer than {} bytes", size_max), {}}));
    body.append(*piece);
  }
}

}  // namespace thalamus::net
