/// The bytes of a snapshot, and the part of estimating that needs no router. Internal to `route`.
#pragma once

#include <array>
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

/// What the heads say of the targets of one request: output tokens, seconds and cost. What holds for all targets is
/// computed once, when first needed.
class Amounts {
 public:
  /// `logs` has room for kHeads x models; borrowed like the rest. Where most models are targets, the products with the
  /// features are made for all models together.
  Amounts(const Snapshot::Parts& parts, const feature::Description& description, std::span<const float> dense,
          std::span<float> logs, std::size_t targets) noexcept;

  /// Fills one target. `column` is its model; without one the mean over the models stands for it. `recorded_cost`:
  /// costs as the table has them rather than by `prices`.
  void fill(std::optional<std::size_t> column, bool recorded_cost, const core::Prices& prices,
            core::Estimate& row) noexcept;

  static constexpr std::size_t kHeads = 3;

 private:
  enum class Which : std::uint8_t { kTokens, kSeconds, kCost };
  [[nodiscard]] const Head& head(Which which) const noexcept;
  [[nodiscard]] Head::Prediction known(Which which, std::size_t column) noexcept;
  [[nodiscard]] Head::Prediction mean_of_known(Which which) noexcept;
  [[nodiscard]] Head::Prediction predict(Which which, const std::optional<std::size_t>& column) noexcept;

  const Snapshot::Parts& parts_;
  const feature::Description& description_;
  std::span<const float> dense_;
  std::span<float> logs_;
  bool together_;
  std::array<bool, kHeads> have_logs_{};
  std::array<std::optional<Head::Prediction>, kHeads> unseen_;
};

}  // namespace thalamus::route
