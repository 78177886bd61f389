// The registry of strategies: one row per line of strategies.def.
#include "thalamus/compose/strategy.h"

#include <algorithm>
#include <array>

namespace thalamus::compose {

#define STRATEGY(name) [[nodiscard]] StrategyRecord name##_record() noexcept;
#include "thalamus/compose/strategies.def"
#undef STRATEGY

std::span<const StrategyRecord> strategies() noexcept {
  static const std::array rows{
#define STRATEGY(name) name##_record(),
#include "thalamus/compose/strategies.def"
#undef STRATEGY
  };
  return rows;
}

const StrategyRecord* find_strategy(std::string_view name) noexcept {
  const auto rows = strategies();
  const auto found = std::find_if(rows.begin(), rows.end(), [&](const auto& row) { return row.name == name; });
  return found == rows.end() ? nullptr : &*found;
}

}  // namespace thalamus::compose
