#include "thalamus/route/table.h"

namespace thalamus::route {

Result<std::vector<float>> load_finite(base::ByteReader& in, std::size_t size, std::string_view what) {
  TRY(auto values, in.get_array<float>());
  if (values.size() != size)
    return fail(ErrorKind::kCorrupt, "{}: {} numbers where {} were expected", what, values.size(), size);
  if (!std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); }))
    return fail(ErrorKind::kCorrupt, "{}: a number is not finite", what);
  return values;
}

Result<ShrunkTable> load_table(base::ByteReader& in, std::size_t cells, std::size_t models, std::string_view what) {
  ShrunkTable table;
  table.models = models;
  TRY(table.mean, load_finite(in, cells * models, what));
  TRY(table.sd, load_finite(in, cells * models, what));
  return table;
}

}  // namespace thalamus::route
