/// HTTP/2 by hand: what a test wants on the wire, whether it is allowed or not.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace thalamus::net {

enum FrameType : std::uint8_t {
  kData = 0,
  kHeaders = 1,
  kPriority = 2,
  kReset = 3,
  kSettings = 4,
  kPing = 6,
  kGoaway = 7,
  kWindowUpdate = 8,
  kContinuation = 9,
};
inline constexpr std::uint8_t kEndStream = 1;
inline constexpr std::uint8_t kAck = 1;
inline constexpr std::uint8_t kEndHeaders = 4;

inline std::string number(std::uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>((value >> shift) & 255U));
  return bytes;
}
inline std::uint32_t number_at(std::string_view bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4 && at + i < bytes.size(); ++i)
    value = (value << 8) | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

inline std::string frame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream, std::string_view payload = {}) {
  std::string bytes = number(static_cast<std::uint32_t>(payload.size())).substr(1);
  bytes.push_back(static_cast<char>(type));
  bytes.push_back(static_cast<char>(flags));
  return bytes + number(stream) + std::string(payload);
}

/// A header field, literal, never indexed (RFC 7541 section 6.2.2).
inline std::string field(std::string_view name, std::string_view value) {
  const auto length = [](std::size_t size) {
    std::string bytes;
    if (size < 127) return bytes + static_cast<char>(size);
    bytes.push_back(127);
    for (size -= 127; size >= 128; size /= 128) bytes.push_back(static_cast<char>(128 + size % 128));
    return bytes + static_cast<char>(size);
  };
  std::string bytes(1, '\0');
  return bytes + length(name.size()) + std::string(name) + length(value.size()) + std::string(value);
}

inline std::string request_block(std::string_view method, std::string_view path,
                                 const std::vector<std::pair<std::string, std::string>>& more = {}) {
  std::string block =
      field(":method", method) + field(":scheme", "http") + field(":authority", "h") + field(":path", path);
  for (const auto& [name, value] : more) block += field(name, value);
  return block;
}

inline std::string preface() { return "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(kSettings, 0, 0); }

inline std::string get(std::uint32_t stream, std::string_view path) {
  return frame(kHeaders, kEndHeaders | kEndStream, stream, request_block("GET", path));
}

struct Frame {
  std::uint8_t type = 0;
  std::uint8_t flags = 0;
  std::uint32_t stream = 0;
  std::string payload;
};

/// The whole frames in `bytes`.
inline std::vector<Frame> frames_of(std::string_view bytes) {
  std::vector<Frame> frames;
  while (bytes.size() >= 9) {
    const std::size_t size = number_at(bytes, 0) >> 8;
    if (bytes.size() < 9 + size) break;
    Frame one;
    one.type = static_cast<std::uint8_t>(bytes[3]);
    one.flags = static_cast<std::uint8_t>(bytes[4]);
    one.stream = number_at(bytes, 5);
    one.payload = std::string(bytes.substr(9, size));
    frames.push_back(std::move(one));
    bytes.remove_prefix(9 + size);
  }
  return frames;
}

/// Error code of the first GOAWAY or, on `stream`, RST_STREAM; -1 if there is none.
inline int goaway_code(const std::vector<Frame>& frames) {
  int code = -1;
  for (const Frame& one : frames)
    if (one.type == kGoaway) code = static_cast<int>(number_at(one.payload, 4));
  return code;
}
inline int reset_code(const std::vector<Frame>& frames, std::uint32_t stream) {
  for (const Frame& one : frames)
    if (one.type == kReset && one.stream == stream) return static_cast<int>(number_at(one.payload, 0));
  return -1;
}
inline std::string data_of(const std::vector<Frame>& frames, std::uint32_t stream) {
  std::string data;
  for (const Frame& one : frames)
    if (one.type == kData && one.stream == stream) data += one.payload;
  return data;
}

}  // namespace thalamus::net
