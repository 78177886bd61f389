#include "thalamus/core/outcome.h"

#include <algorithm>

namespace thalamus::core {

DisjointUsage disjoint(const Usage& usage) noexcept {
  DisjointUsage out;
  out.cache_read = std::min(usage.cached_input, usage.input);
  out.cache_write = std::min(usage.cache_write, usage.input - out.cache_read);
  out.input = usage.input - out.cache_read - out.cache_write;
  out.output = usage.output;
  return out;
}

Usage inclusive(const DisjointUsage& usage) noexcept {
  const std::uint64_t sum = std::uint64_t{usage.input} + usage.cache_read + usage.cache_write;
  Usage out;
  out.input = static_cast<std::uint32_t>(std::min<std::uint64_t>(sum, UINT32_MAX));
  out.cached_input = usage.cache_read;
  out.cache_write = usage.cache_write;
  out.output = usage.output;
  out.known = true;
  return out;
}

NanoDollars cost_of(const Usage& usage, const Prices& prices) noexcept {
  const DisjointUsage parts = disjoint(usage);
  const double micro_dollars =
      prices.input * static_cast<double>(parts.input) + prices.cached_input * static_cast<double>(parts.cache_read) +
      prices.cache_write * static_cast<double>(parts.cache_write) + prices.output * static_cast<double>(parts.output);
  return NanoDollars::from_usd(micro_dollars * 1e-6);
}

}  // namespace thalamus::core
