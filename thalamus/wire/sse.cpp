#include "thalamus/wire/sse.h"

#include <algorithm>

#include "thalamus/wire/byte_scan.h"

namespace thalamus::wire {
namespace {

constexpr std::size_t kCompactBytesMin = 4096;
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

/// Takes the next line off `text`: its content, without the line end.
std::string_view take_line(std::string_view& text) noexcept {
  const char* const end = find_line_end(text.data(), text.data() + text.size());
  const std::string_view line(text.data(), static_cast<std::size_t>(end - text.data()));
  text.remove_prefix(line.size());
  text.remove_prefix(text.starts_with("\r\n") ? 2 : std::min<std::size_t>(1, text.size()));
  return line;
}

}  // namespace

Status SseReader::feed(std::string_view bytes) {
  if (consumed_ == buffer_.size() || (consumed_ >= kCompactBytesMin && consumed_ > buffer_.size() / 2)) {
    buffer_.erase(0, consumed_);
    scanned_ -= consumed_;
    line_begin_ -= consumed_;
    block_begin_ -= consumed_;
    for (std::size_t& end : ends_) end -= consumed_;
    consumed_ = 0;
  }
  if (!too_large_) {
    buffer_.append(bytes);
    scan();
  }
  if (!too_large_) return {};
  return fail(ErrorKind::kTooLarge, "an event of the stream is longer than {} bytes", event_bytes_max_);
}

// Finds the blank lines of the new bytes. A carriage return ends its line at once, so that no event waits for the byte
// after it; the line feed that may follow opens the next event's raw bytes and is no line of its own.
void SseReader::scan() {
  const char* const begin = buffer_.data();
  const char* const end = begin + buffer_.size();
  while (scanned_ < buffer_.size()) {
    if (after_return_) {
      after_return_ = false;
      if (begin[scanned_] == '\n') {
        line_begin_ = ++scanned_;
        continue;
      }
    }
    const char* const found = find_line_end(begin + scanned_, end);
    scanned_ = static_cast<std::size_t>(found - begin);
    if (found == end) break;
    const bool blank = scanned_ == line_begin_;
    after_return_ = *found == '\r';
    ++scanned_;
    // The line feed of a pair that is here already belongs to the line it ends.
    if (after_return_ && found + 1 != end) {
      after_return_ = false;
      if (found[1] == '\n') ++scanned_;
    }
    line_begin_ = scanned_;
    if (!blank) continue;
    too_large_ = too_large_ || scanned_ - block_begin_ > event_bytes_max_;
    if (too_large_) return;
    ends_.push_back(scanned_);
    block_begin_ = scanned_;
  }
  too_large_ = too_large_ || buffer_.size() - block_begin_ > event_bytes_max_;
}

bool SseReader::next(SseEvent& event) {
  if (ends_.empty()) return false;
  const std::size_t end = ends_.front();
  ends_.pop_front();
  const std::string_view raw = std::string_view(buffer_).substr(consumed_, end - consumed_);
  event.event.clear();
  event.data.clear();
  event.raw.assign(raw);
  std::string_view text = raw;
  if (at_start_ && text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  at_start_ = false;
  bool has_data = false;
  while (!text.empty()) read_line(take_line(text), event, has_data);
  event.comment_only = !has_data;
  consumed_ = end;
  return true;
}

void SseReader::read_line(std::string_view line, SseEvent& event, bool& has_data) const {
  const auto colon = line.find(':');
  const std::string_view name = line.substr(0, colon);
  std::string_view value = colon == std::string_view::npos ? std::string_view() : line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (name == "data") {
    if (has_data) event.data.push_back('\n');
    event.data.append(value);
    has_data = true;
  } else if (name == "event") {
    event.event.assign(value);
  }
  // Comments have an empty name; `id` and `retry` are the browser's.
}

std::string_view SseReader::rest() const noexcept {
  // The open part of the buffer may begin with the line feed of the pair that ended the last event.
  const std::string_view open = std::string_view(buffer_).substr(block_begin_);
  return open == "\n" && line_begin_ == buffer_.size() ? std::string_view() : open;
}

void append_sse_event(std::string& out, std::string_view event, std::string_view data) {
  if (!event.empty()) out.append("event: ").append(event).append("\n");
  for (bool more = true; more;) {
    const std::size_t before = data.size();
    const std::string_view line = take_line(data);
    out.append("data: ").append(line).append("\n");
    // A line end at the very end opens one more, empty line.
    more = before != line.size();
  }
  out.append("\n");
}

}  // namespace thalamus::wire
