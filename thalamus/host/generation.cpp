#include "thalamus/host/generation.h"

#include <algorithm>

#include "thalamus/base/text.h"

namespace thalamus::host {
namespace {

unsigned byte_at(std::string_view text, std::size_t i) noexcept { return static_cast<unsigned char>(text[i]); }

/// Length of the character that `lead` begins; 0 where it begins none.
std::size_t length_of(unsigned lead) noexcept {
  if (lead >= 0xc2 && lead <= 0xdf) return 2;
  if (lead >= 0xe0 && lead <= 0xef) return 3;
  return lead >= 0xf0 && lead <= 0xf4 ? 4 : 0;
}

/// Whether `second` may follow `lead`: no overlong form, no surrogate, nothing above U+10FFFF.
bool may_follow(unsigned lead, unsigned second) noexcept {
  const unsigned low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  const unsigned high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  return second >= low && second <= high;
}

/// Bytes at the end of `text` that are the beginning of a character whose rest may still come.
std::size_t incomplete_tail(std::string_view text) noexcept {
  for (std::size_t back = 1; back <= std::min<std::size_t>(3, text.size()); ++back) {
    const std::size_t at = text.size() - back;
    const unsigned lead = byte_at(text, at);
    if ((lead & 0xc0U) == 0x80) continue;
    if (length_of(lead) <= back) return 0;
    return back == 1 || may_follow(lead, byte_at(text, at + 1)) ? back : 0;
  }
  return 0;
}

std::string repaired(std::string_view bytes) {
  std::string out;
  for (std::size_t at = 0; at < bytes.size();) base::append_utf8(out, base::next_code_point(bytes, at));
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
  std::size_t begin = std::string::npos;
  std::size_t end = std::string::npos;
  for (const auto& stop : stops_) {
    const std::size_t at = held_.find(stop);
    if (at == std::string::npos) continue;
    if (at + stop.size() < end || (at + stop.size() == end && at < begin)) {
      begin = at;
      end = at + stop.size();
    }
  }
  if (begin != std::string::npos) {
    stopped_ = true;
    std::string out = held_.substr(0, begin);
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
