/// What each target of a route would give, as columns in the order of the route's targets.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "thalamus/core/target.h"

namespace thalamus::core {

/// One target's row, for printing and recording.
struct Estimate {
  double quality = 0;  ///< probability of a good answer, [0,1]
  double quality_sd = 0;
  double cost_usd = 0;
  double cost_usd_sd = 0;
  double seconds = 0;
  double seconds_sd = 0;
  double output_tokens = 0;
  double preference = 0;  ///< of direct policies; 0 for value estimators
};

/// Fixed storage, so that filling it allocates nothing.
class Estimates {
 public:
  void reset(std::size_t count) noexcept {
    count_ = count < kTargetsMax ? count : kTargetsMax;
    for (std::size_t i = 0; i < count_; ++i) rows_[i] = {};
    input_tokens = 0;
    has_preference = false;
  }
  [[nodiscard]] std::size_t size() const noexcept { return count_; }
  [[nodiscard]] Estimate& operator[](std::size_t target) noexcept { return rows_[target]; }
  [[nodiscard]] const Estimate& operator[](std::size_t target) const noexcept { return rows_[target]; }
  [[nodiscard]] std::span<const Estimate> rows() const noexcept { return {rows_.data(), count_}; }

  std::uint32_t input_tokens = 0;  ///< counted or estimated for this request
  bool has_preference = false;     ///< a direct policy filled `preference`; it replaces utility in the order

 private:
  std::array<Estimate, kTargetsMax> rows_{};
  std::size_t count_ = 0;
};

}  // namespace thalamus::core
