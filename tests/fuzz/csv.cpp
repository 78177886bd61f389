/// Any bytes: records that write and read back equal, or an error.
#include "thalamus/eval/csv.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "thalamus/eval/dataset_files.h"

namespace {

using Records = std::vector<std::vector<std::string>>;

/// False where the bytes are refused.
bool read(std::string_view bytes, const thalamus::eval::CsvLimits& limits, Records& records) {
  auto reader = thalamus::eval::CsvReader::from_bytes(bytes, limits);
  if (!reader) return false;
  std::vector<std::string> fields;
  for (;;) {
    const auto more = reader->next(fields);
    if (!more) return false;
    if (!*more) return true;
    records.push_back(fields);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  (void)thalamus::eval::joined_list(bytes);
  Records records;
  if (!read(bytes, {.record_bytes_max = 64U << 10, .fields_max = 256}, records)) return 0;
  std::string again;
  for (const auto& record : records) {
    for (std::size_t i = 0; i < record.size(); ++i) {
      if (i > 0) again.push_back(',');
      thalamus::eval::append_csv_field(again, record[i]);
    }
    again.push_back('\n');
  }
  Records back;
  if (!read(again, {}, back) || back != records) std::abort();
  return 0;
}
