#include "thalamus/core/outcome.h"

#include <algorithm>

namespace thalamus::core {

NanoDollars cost_of(const Usage& usage, const Prices& prices) noexcept {
  const std::uint32_t cached = std::min(usage.cached_input, usage.input);
  const double micro_dollars = prices.input * static_cast<double>(usage.input - cached) +
                               prices.cached_input * static_cast<double>(cached) +
                               prices.output * static_cast<double>(usage.output);
  return NanoDollars::from_usd(micro_dollars * 1e-6);
}

}  // namespace thalamus::core
