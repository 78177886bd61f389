// The registry of request-level methods: one row per line of methods.def.
#include "thalamus/route/router.h"

#include <algorithm>
#include <array>

#include "thalamus/base/text.h"

namespace thalamus::route {

#define ROUTER(name) [[nodiscard]] MethodRecord name##_method();
#include "thalamus/route/methods.def"
#undef ROUTER

std::span<const MethodRecord> methods() {
  static const std::array rows{
#define ROUTER(name) name##_method(),
#include "thalamus/route/methods.def"
#undef ROUTER
  };
  return rows;
}

const MethodRecord* find_method(std::string_view name) {
  const auto rows = methods();
  const auto found = std::find_if(rows.begin(), rows.end(), [&](const auto& row) { return row.name == name; });
  return found == rows.end() ? nullptr : &*found;
}

Result<const MethodRecord*> require_method(std::string_view name) {
  const MethodRecord* record = find_method(name);
  if (record != nullptr) return record;
  std::vector<std::string> names;
  for (const MethodRecord& row : methods()) names.emplace_back(row.name);
  return fail(ErrorKind::kNotFound, "unknown method '{}'{}", name, base::did_you_mean(name, names));
}

}  // namespace thalamus::route
