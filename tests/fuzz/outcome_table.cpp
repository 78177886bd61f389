/// Any bytes, as a table and as requests: what reads back equal, or an error. Plain, gzip and zstd by their magic
/// numbers.
#include "thalamus/trace/outcome_table.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

namespace {

using namespace thalamus::trace;
using Parse = thalamus::Result<OutcomeTable> (*)(std::string_view, const std::string&, const TableLimits&);

void reads_back(Parse parse, std::string_view bytes) {
  TableLimits limits;
  limits.line_bytes_max = 64U << 10;
  limits.rows_max = 1000;
  const auto table = parse(bytes, "fuzz", limits);
  if (!table) return;
  std::string again;
  for (const Row& row : table->rows) again += encode_row(*table, row) + "\n";
  limits.line_bytes_max = 1U << 20;
  const auto back = parse(again, "again", limits);
  if (!back || back->rows.size() != table->rows.size() || back->models != table->models) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  reads_back(&parse_outcome_table, bytes);
  reads_back(&parse_requests, bytes);
  return 0;
}
