/// The body of an HTTP/1.1 message, freed from its framing: none, a length, chunks (RFC 9112 section 7.1) or all until
/// the end of the connection. Chunks are decoded here and not by Beast, whose decoder asserts on some malformed input
/// that arrives in pieces.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace thalamus::net {

class BodyReader {
 public:
  enum class Framing : std::uint8_t { kNone, kLength, kChunked, kToEnd };
  enum class Event : std::uint8_t { kNeedMore, kPiece, kDone, kTooLarge, kMalformed };
  struct Progress {
    std::size_t consumed = 0;
    Event event = Event::kNeedMore;
    std::string_view piece;  ///< a view into the bytes given
  };

  /// `length` counts for kLength only and may not pass `bytes_max`.
  void begin(Framing framing, std::uint64_t length, std::uint64_t bytes_max) noexcept;
  /// Consumes everything but bytes behind the end. After kTooLarge and kMalformed it cannot go on.
  [[nodiscard]] Progress next(std::string_view bytes) noexcept;
  [[nodiscard]] bool done() const noexcept { return state_ == State::kDone; }
  /// The connection ended: true if that completes the body.
  [[nodiscard]] bool finish_at_end() noexcept;
  [[nodiscard]] Framing framing() const noexcept { return framing_; }
  /// Bytes of a known length, or of the present chunk, still to come.
  [[nodiscard]] std::uint64_t bytes_left() const noexcept { return left_; }

 private:
  enum class State : std::uint8_t {
    kData,
    kDataEnd,      ///< expects CR behind a chunk's data
    kDataEndLine,  ///< expects LF behind that
    kSizeFirst,    ///< expects a digit
    kSize,
    kExtension,
    kSizeEndLine,
    kTrailerFirst,  ///< begin of a trailer line, or CR of the last one
    kTrailerName,
    kTrailerValue,
    kTrailerEndLine,
    kLastEndLine,
    kDone,
    kBroken,
  };
  /// One byte outside of data; false if it may not stand there.
  [[nodiscard]] bool step(char c) noexcept;
  [[nodiscard]] bool step_size(char c) noexcept;
  [[nodiscard]] bool step_trailer(char c) noexcept;
  Progress take_data(std::string_view bytes, std::size_t consumed) noexcept;

  Framing framing_ = Framing::kNone;
  State state_ = State::kDone;
  std::uint64_t left_ = 0;
  std::uint64_t room_ = 0;    ///< what the limit still allows
  std::size_t overhead_ = 0;  ///< bytes of extensions and trailers
  unsigned digits_ = 0;       ///< of the present chunk's size
};

}  // namespace thalamus::net
