/// Any bytes: a table that reads back equal, or an error. Plain, gzip and zstd by their magic numbers.
#include "thalamus/trace/outcome_table.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace thalamus::trace;
  TableLimits limits;
  limits.line_bytes_max = 64U << 10;
  limits.rows_max = 1000;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  (void)parse_outcome_table(bytes, "fuzz", limits);
  const auto table = parse_requests(bytes, "fuzz", limits);
  if (!table) return 0;
  std::string again;
  for (const Row& row : table->rows) again += encode_row(*table, row) + "\n";
  limits.line_bytes_max = 1U << 20;
  const auto back = parse_requests(again, "again", limits);
  if (!back || back->rows.size() != table->rows.size() || back->models != table->models) std::abort();
  return 0;
}
