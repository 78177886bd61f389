#include "thalamus/host/generation.h"

#include <algorithm>

#include "thalamus/base/text.h"

namespace thalamus::host {
namespace {

/// Bytes at the end of `text` that may be the beginning of a character whose rest has not come.
std::size_t incomplete_tail(std::string_view text) {
  for (std::size_t back = 1; back <= std::min<std::size_t>(3, text.size()); ++back) {
    const auto byte = static_cast<unsigned char>(text[text.size() - back]);
    if ((byte & 0xc0U) == 0x80) continue;
    const std::size_t length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return length > back ? back : 0;
  }
  return 0;
}

std::string repaired(std::string_view bytes) {
  std::string out;
  for (std::size_t position = 0; position < bytes.size();) base::append_utf8(out, base::next_code_point(bytes, position));
  return out;
}

}  // namespace

std::string Utf8Holder::feed(std::string_view bytes) {
  held_ += bytes;
  const std::size_t keep = incomplete_tail(held_);
  std::string out = repaired(std::string_view(held_).substr(0, held_.size() - keep));
  held_.erase(0, held_.size() - keep);
  return out;
}

std::string Utf8Holder::finish() {
  std::string out = repaired(held_);
  held_.clear();
  return out;
}

StopHolder::StopHolder(std::vector<std::string> stops) : stops_(std::move(stops)) {
  std::erase_if(stops_, [](const std::string& stop) { return stop.empty(); });
}

std::string StopHolder::feed(std::string_view text) {
  if (stopped_) return {};
  held_ += text;
  std::size_t first = std::string::npos;
  for (const auto& stop : stops_) first = std::min(first, held_.find(stop));
  if (first != std::string::npos) {
    stopped_ = true;
    std::string out = held_.substr(0, first);
    held_.clear();
    return out;
  }
  std::size_t keep = 0;
  for (const auto& stop : stops_) {
    for (std::size_t length = std::min(stop.size() - 1, held_.size()); length > keep; --length) {
      if (std::string_view(held_).ends_with(std::string_view(stop).substr(0, length))) {
        keep = length;
        break;
      }
    }
  }
  std::string out = held_.substr(0, held_.size() - keep);
  held_.erase(0, held_.size() - keep);
  return out;
}

std::string StopHolder::finish() {
  std::string out = std::move(held_);
  held_.clear();
  return out;
}

}  // namespace thalamus::host
