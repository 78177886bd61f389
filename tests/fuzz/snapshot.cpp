// Any bytes are refused or give a snapshot that estimates finite numbers. The first byte chooses whether the checksum
// is repaired, so that the fuzzer gets past it.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "thalamus/base/hash.h"
#include "thalamus/route/snapshot.h"

namespace {

void try_snapshot(std::string_view bytes) {
  const auto snapshot = thalamus::route::Snapshot::load(bytes);
  if (!snapshot) {
    if (snapshot.error().message.empty()) std::abort();
    return;
  }
  thalamus::feature::Description description;
  thalamus::feature::describe_text("What is 3 plus 4? Translate apple.", "", description);
  const auto targets = (*snapshot)->own_targets();
  thalamus::route::Scratch scratch;
  thalamus::core::Estimates estimates;
  (*snapshot)->estimate(description, (*snapshot)->map_own(), targets, scratch, estimates);
  for (std::size_t t = 0; t < estimates.size(); ++t)
    if (!(estimates[t].quality >= 0 && estimates[t].quality <= 1)) std::abort();
  if ((*snapshot)->bytes().empty()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  if ((data[0] & 1U) != 0 && bytes.size() > 24) {
    bytes.resize(bytes.size() - 4);
    const std::uint64_t length = bytes.size() - 20;
    bytes.replace(0, 8, "THALSNAP");
    bytes[8] = 1;
    bytes[9] = 0;
    bytes.replace(12, 8, reinterpret_cast<const char*>(&length), 8);
    const std::uint32_t crc = thalamus::base::crc32c(bytes);
    bytes.append(reinterpret_cast<const char*>(&crc), 4);
  }
  try_snapshot(bytes);
  return 0;
}
