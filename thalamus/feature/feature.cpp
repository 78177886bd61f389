// The registry of features: one row per line of features.def.
#include "thalamus/feature/feature.h"

#include <algorithm>
#include <array>

namespace thalamus::feature {

#define FEATURE(name) [[nodiscard]] FeatureRecord name##_record();
#include "thalamus/feature/features.def"
#undef FEATURE

void Feature::transform_sparse(const Description&, SparseVector& out) const noexcept { out.clear(); }

std::span<const FeatureRecord> features() {
  static const std::array rows{
#define FEATURE(name) name##_record(),
#include "thalamus/feature/features.def"
#undef FEATURE
  };
  return rows;
}

const FeatureRecord* find_feature(std::string_view name) {
  const auto rows = features();
  const auto found = std::find_if(rows.begin(), rows.end(), [&](const auto& row) { return row.name == name; });
  return found == rows.end() ? nullptr : &*found;
}

}  // namespace thalamus::feature
