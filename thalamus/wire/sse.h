/// Server-sent events (WHATWG HTML, section 9.2), both directions.
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <string_view>

#include "thalamus/base/result.h"

namespace thalamus::wire {

struct SseEvent {
  std::string event;          ///< empty for the default type
  std::string data;           ///< data lines joined by a newline
  std::string raw;            ///< the bytes as received, with the blank line that ends them: what is forwarded
  bool comment_only = false;  ///< no data line: a keep-alive; forwarded or dropped, never interpreted
};

/// Takes bytes cut anywhere (inside CRLF, inside UTF-8) and gives whole events. The raw bytes of all events together
/// are the stream. Each byte is looked at a fixed number of times, however the stream is cut.
class SseReader {
 public:
  explicit SseReader(std::size_t event_bytes_max = 8U << 20) noexcept : event_bytes_max_(event_bytes_max) {}
  /// Take all events with `next` before the next bytes. kTooLarge once an event passes the limit, and from then on.
  [[nodiscard]] Status feed(std::string_view bytes);
  /// True and fills `event` while whole events are there.
  [[nodiscard]] bool next(SseEvent& event);
  /// Bytes of an unfinished event that the end of the stream cut off.
  [[nodiscard]] std::string_view rest() const noexcept;

 private:
  void scan();
  void read_line(std::string_view line, SseEvent& event, bool& has_data) const;

  std::string buffer_;
  std::size_t consumed_ = 0;      // end of the events given out
  std::size_t scanned_ = 0;       // line ends are known up to here
  std::size_t line_begin_ = 0;    // of the unfinished line
  std::size_t block_begin_ = 0;   // of the unfinished event
  std::deque<std::size_t> ends_;  // of whole events not given out yet
  std::size_t event_bytes_max_;
  bool after_return_ = false;  // the byte before scanned_ is a carriage return that ended a line
  bool too_large_ = false;
  bool at_start_ = true;  // the next event given out is the stream's first, which may have a byte order mark
};

/// "event: name\ndata: ...\n\n"; a newline in `data` becomes a further data line.
void append_sse_event(std::string& out, std::string_view event, std::string_view data);

}  // namespace thalamus::wire
