// The registry of policies: one row per line of policies.def.
#include "thalamus/dispatch/policy.h"

#include <algorithm>
#include <array>

namespace thalamus::dispatch {

#define POLICY(name) [[nodiscard]] PolicyRecord name##_record() noexcept;
#include "thalamus/dispatch/policies.def"
#undef POLICY

std::span<const PolicyRecord> policies() noexcept {
  static const std::array rows{
#define POLICY(name) name##_record(),
#include "thalamus/dispatch/policies.def"
#undef POLICY
  };
  return rows;
}

const PolicyRecord* find_policy(std::string_view name) noexcept {
  const auto rows = policies();
  const auto found = std::find_if(rows.begin(), rows.end(), [&](const auto& row) { return row.name == name; });
  return found == rows.end() ? nullptr : &*found;
}

}  // namespace thalamus::dispatch
