/// The bytes of a snapshot, and the part of estimating that needs no router. Internal to `route`.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "thalamus/core/estimate.h"
#include "thalamus/route/snapshot_parts.h"

namespace thalamus::route {

[[nodiscard]] std::string encode_snapshot(const Snapshot::Parts& parts);
[[nodiscard]] Result<std::unique_ptr<Snapshot::Parts>> decode_snapshot(std::string_view bytes);
/// kInvalidInput or kCorrupt unless all parts fit each other.
[[nodiscard]] Status check_snapshot_parts(const Snapshot::Parts& parts);

/// Which column a target has, and where its cost comes from.
struct AmountSource {
  std::optional<std::size_t> column;
  bool recorded_cost = false;
};
/// What the heads say of models that they do not know, for one request: computed when first needed.
struct UnseenAmounts {
  std::optional<Head::Prediction> tokens;
  std::optional<Head::Prediction> seconds;
};
/// Fills output tokens, seconds and cost of one target.
void fill_amounts(const Snapshot::Parts& parts, const AmountSource& source, const core::Prices& prices,
                  const feature::Description& description, std::span<const float> dense, UnseenAmounts& unseen,
                  core::Estimate& row) noexcept;

}  // namespace thalamus::route
