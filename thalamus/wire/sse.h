/// Server-sent events (WHATWG HTML, section 9.2), both directions.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "thalamus/base/result.h"

namespace thalamus::wire {

struct SseEvent {
  std::string event;  ///< empty for the default type
  std::string data;   ///< data lines joined by a newline
  std::string raw;    ///< the bytes as received, with the blank line that ends them: what is forwarded
  bool comment_only = false;
};

/// Takes bytes cut anywhere (inside CRLF, inside UTF-8) and gives whole events.
class SseReader {
 public:
  explicit SseReader(std::size_t event_bytes_max = 8U << 20) noexcept : event_bytes_max_(event_bytes_max) {}
  /// kTooLarge once an event passes the limit.
  [[nodiscard]] Status feed(std::string_view bytes);
  /// True and fills `event` while whole events are there.
  [[nodiscard]] bool next(SseEvent& event);
  /// Bytes of an unfinished event that the end of the stream cut off.
  [[nodiscard]] std::string_view rest() const noexcept;

 private:
  std::string buffer_;
  std::size_t consumed_ = 0;
  std::size_t scanned_ = 0;
  std::size_t event_bytes_max_;
};

/// "event: name\ndata: ...\n\n"; a newline in `data` becomes a further data line.
void append_sse_event(std::string& out, std::string_view event, std::string_view data);

}  // namespace thalamus::wire
