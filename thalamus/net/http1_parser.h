/// HTTP/1.1 parsing apart from any transport (RFC 9112): bytes in, events out. Built on Boost.Beast's parser, which
/// sees only whole heads; line discipline and limits are checked here, before it.
///
/// Both parsers are fed the same way: the bytes that a call did not consume are given again, with more behind them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "thalamus/base/result.h"
#include "thalamus/net/http.h"

namespace thalamus::net {

/// A request target longer than this gets 414.
inline constexpr std::size_t kTargetBytesMax = 8U << 10;

struct ParseLimits {
  std::size_t head_bytes_max = 32U << 10;
  std::size_t headers_max = 128;
  std::size_t body_bytes_max = 32U << 20;
};

enum class ParseEvent : std::uint8_t {
  kNeedMore,  ///< call again with more bytes behind the unconsumed ones
  kHead,      ///< the head is complete; comes once
  kBody,      ///< a piece of the body (responses only: `piece`)
  kDone,      ///< the message is complete; the rest of the bytes belongs to the next one
};

struct ParseProgress {
  std::size_t consumed = 0;
  ParseEvent event = ParseEvent::kNeedMore;
};

/// Why a request is refused, and with which status. The connection cannot be used afterwards.
struct Refusal {
  int status = 400;
  std::string message;
};

/// Finds the end of a head as bytes arrive and refuses what would let two readers see two different messages.
class HeadScanner {
 public:
  enum class Found : std::uint8_t { kMore, kEnd, kBareLineFeed, kFolded, kTooLong };
  void reset() noexcept { *this = {}; }
  /// `bytes` is all of the head so far.
  [[nodiscard]] Found scan(std::string_view bytes, std::size_t head_bytes_max) noexcept;
  /// Size of the head after kEnd, its empty line included.
  [[nodiscard]] std::size_t size() const noexcept { return at_; }
  /// Size of the first line once it is complete, else 0.
  [[nodiscard]] std::size_t first_line_size() const noexcept { return first_line_size_; }

 private:
  std::size_t at_ = 0;  ///< scanned up to here
  std::size_t line_start_ = 0;
  std::size_t first_line_size_ = 0;
};

class RequestParser {
 public:
  explicit RequestParser(const ParseLimits& limits);
  ~RequestParser();
  RequestParser(const RequestParser&) = delete;
  RequestParser& operator=(const RequestParser&) = delete;

  /// Begins a new message, written into `request` (whose memory is reused); `request` outlives it.
  void begin(HttpRequest& request);
  /// Events come in the order kHead, kDone; the body is appended to the request.
  [[nodiscard]] std::expected<ParseProgress, Refusal> parse(std::string_view bytes);

  /// True from the first byte of a message that is not an empty line.
  [[nodiscard]] bool began() const noexcept;
  [[nodiscard]] bool head_done() const noexcept;
  // After kHead:
  [[nodiscard]] bool keep_alive() const noexcept;
  [[nodiscard]] bool is_http_1_0() const noexcept;
  [[nodiscard]] bool expects_continue() const noexcept;
  [[nodiscard]] bool has_body() const noexcept;
  /// Bytes of a body of known length still to come.
  [[nodiscard]] std::size_t body_bytes_left() const noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

class ResponseParser {
 public:
  ResponseParser();
  ~ResponseParser();
  ResponseParser(const ResponseParser&) = delete;
  ResponseParser& operator=(const ResponseParser&) = delete;

  enum class Body : std::uint8_t { kAsSaid, kNone };  ///< kNone: the answer to HEAD
  void begin(const ParseLimits& limits, Body body);
  /// kUpstream or kTooLarge; the connection cannot be used afterwards.
  [[nodiscard]] Result<ParseProgress> parse(std::string_view bytes);
  /// The peer ended the connection: true if that completes the message.
  [[nodiscard]] bool finish_at_end() noexcept;

  [[nodiscard]] int status() const noexcept;
  [[nodiscard]] const Headers& headers() const noexcept;
  [[nodiscard]] bool done() const noexcept;
  [[nodiscard]] bool keep_alive() const noexcept;
  [[nodiscard]] std::optional<std::uint64_t> content_length() const noexcept;
  /// After kBody: a view into the bytes given.
  [[nodiscard]] std::string_view piece() const noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace thalamus::net
