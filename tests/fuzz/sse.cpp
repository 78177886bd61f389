// A stream of events, whole and cut into pieces whose sizes the first bytes give: the same events, and no byte lost.
#include "thalamus/wire/sse.h"

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr std::size_t kLimit = 64;

void require(bool condition) {
  if (!condition) std::abort();
}

struct Taken {
  std::vector<std::string> events;
  std::string raw;
  bool failed = false;
};

Taken take(std::string_view stream, std::string_view sizes, std::size_t limit) {
  thalamus::wire::SseReader reader(limit);
  thalamus::wire::SseEvent event;
  Taken taken;
  std::size_t i = 0;
  while (!stream.empty() && !taken.failed) {
    std::size_t length = stream.size();
    if (!sizes.empty()) length = 1 + static_cast<unsigned char>(sizes[i++ % sizes.size()]) % 7U;
    taken.failed = !reader.feed(stream.substr(0, length));
    stream.remove_prefix(length < stream.size() ? length : stream.size());
    while (reader.next(event)) {
      require(event.raw.size() <= limit);
      if (!event.comment_only) taken.events.push_back(event.event + '\0' + event.data);
      taken.raw += event.raw;
    }
  }
  taken.raw += reader.rest();
  return taken;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::string_view sizes = input.substr(0, size < 4 ? size : 4);
  const std::string_view stream = input.substr(sizes.size());
  const Taken whole = take(stream, {}, SIZE_MAX);
  const Taken cut = take(stream, sizes, SIZE_MAX);
  require(!whole.failed && !cut.failed);
  require(whole.events == cut.events);
  require(whole.raw == stream);
  // Only the line feed after a carriage return that ended the last event may be left.
  require(cut.raw == stream || cut.raw + "\n" == stream);
  const Taken bounded = take(stream, sizes, kLimit);
  require(bounded.events.size() <= whole.events.size());
  std::string written;
  for (const std::string& event : whole.events)
    thalamus::wire::append_sse_event(written, "", std::string_view(event).substr(event.find('\0') + 1));
  require(take(written, {}, SIZE_MAX).events.size() == whole.events.size());
  return 0;
}
