#include "thalamus/net/body_reader.h"

#include <algorithm>

#include "thalamus/net/http.h"

namespace thalamus::net {
namespace {

// Extensions and trailers of one message together; nothing of ours reads them.
constexpr std::size_t kOverheadBytesMax = 16U << 10;

int hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}
bool is_token_char(char c) noexcept { return is_token(std::string_view(&c, 1)); }
bool is_value_char(char c) noexcept { return is_field_value(std::string_view(&c, 1)); }

}  // namespace

void BodyReader::begin(Framing framing, std::uint64_t length, std::uint64_t bytes_max) noexcept {
  framing_ = framing;
  left_ = 0;
  room_ = bytes_max;
  overhead_ = 0;
  digits_ = 0;
  switch (framing) {
    case Framing::kNone: state_ = State::kDone; break;
    case Framing::kLength:
      left_ = length;
      state_ = length == 0 ? State::kDone : State::kData;
      break;
    case Framing::kChunked: state_ = State::kSizeFirst; break;
    case Framing::kToEnd: state_ = State::kData; break;
  }
}

BodyReader::Progress BodyReader::take_data(std::string_view bytes, std::size_t consumed) noexcept {
  const auto rest = bytes.substr(consumed);
  if (framing_ == Framing::kToEnd) {
    if (rest.size() > room_) {
      state_ = State::kBroken;
      return {consumed, Event::kTooLarge, {}};
    }
    room_ -= rest.size();
    return {bytes.size(), Event::kPiece, rest};
  }
  const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(left_, rest.size()));
  left_ -= size;
  if (left_ == 0) state_ = framing_ == Framing::kChunked ? State::kDataEnd : State::kDone;
  return {consumed + size, Event::kPiece, rest.substr(0, size)};
}

BodyReader::Progress BodyReader::next(std::string_view bytes) noexcept {
  std::size_t consumed = 0;
  while (state_ != State::kDone) {
    if (state_ == State::kBroken) return {consumed, Event::kMalformed, {}};
    if (consumed == bytes.size()) return {consumed, Event::kNeedMore, {}};
    if (state_ == State::kData) return take_data(bytes, consumed);
    if (!step(bytes[consumed++])) {
      state_ = State::kBroken;
      return {consumed, Event::kMalformed, {}};
    }
    // The size is complete: the limit is told before the data is awaited.
    if (state_ == State::kSizeEndLine && left_ > room_) {
      state_ = State::kBroken;
      return {consumed, Event::kTooLarge, {}};
    }
  }
  return {consumed, Event::kDone, {}};
}

bool BodyReader::step(char c) noexcept {
  switch (state_) {
    case State::kDataEnd: state_ = State::kDataEndLine; return c == '\r';
    case State::kDataEndLine: state_ = State::kSizeFirst; return c == '\n';
    case State::kSizeFirst:
    case State::kSize:
    case State::kExtension:
    case State::kSizeEndLine: return step_size(c);
    default: return step_trailer(c);
  }
}

bool BodyReader::step_size(char c) noexcept {
  if (state_ == State::kSizeEndLine) {
    room_ -= left_;
    digits_ = 0;
    state_ = left_ == 0 ? State::kTrailerFirst : State::kData;
    return c == '\n';
  }
  if (state_ == State::kExtension) {
    if (c == '\r') {
      state_ = State::kSizeEndLine;
      return true;
    }
    return is_value_char(c) && ++overhead_ <= kOverheadBytesMax;
  }
  if (const int digit = hex_digit(c); digit >= 0) {
    // Sixteen digits hold every size; more could only be leading zeros without end.
    if (++digits_ > 16) return false;
    left_ = (left_ << 4) + static_cast<std::uint64_t>(digit);
    state_ = State::kSize;
    return true;
  }
  if (state_ == State::kSizeFirst) return false;
  state_ = c == '\r' ? State::kSizeEndLine : State::kExtension;
  return c == '\r' || c == ';' || c == ' ' || c == '\t';
}

bool BodyReader::step_trailer(char c) noexcept {
  if (++overhead_ > kOverheadBytesMax) return false;
  switch (state_) {
    case State::kTrailerFirst:
      state_ = c == '\r' ? State::kLastEndLine : State::kTrailerName;
      return c == '\r' || is_token_char(c);
    case State::kTrailerName:
      if (c == ':') state_ = State::kTrailerValue;
      return c == ':' || is_token_char(c);
    case State::kTrailerValue:
      if (c == '\r') state_ = State::kTrailerEndLine;
      return c == '\r' || is_value_char(c);
    case State::kTrailerEndLine: state_ = State::kTrailerFirst; return c == '\n';
    case State::kLastEndLine: state_ = State::kDone; return c == '\n';
    default: return false;
  }
}

bool BodyReader::finish_at_end() noexcept {
  if (framing_ == Framing::kToEnd && state_ == State::kData) state_ = State::kDone;
  return done();
}

}  // namespace thalamus::net
