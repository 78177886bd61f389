/// Any bytes as a payload and as a segment: turns, or an error; never a crash, an endless loop or a huge allocation.
#include "thalamus/trace/record_log.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "thalamus/trace/segment.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace thalamus;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto turn = trace::decode_turn(bytes)) {
    const std::string again = trace::encode_turn(*turn);
    const auto back = trace::decode_turn(again);
    if (!back || trace::encode_turn(*back) != again) std::abort();
  }
  if (trace::check_segment_head(bytes)) {
    const auto scan = trace::scan_segment(bytes, [](std::string_view payload) -> Result<bool> {
      (void)trace::decode_turn(payload);
      return true;
    });
    if (!scan || scan->good_bytes + scan->torn_bytes > bytes.size()) std::abort();
  }
  return 0;
}
