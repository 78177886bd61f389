/// How much may be spent on trying again: a share of the traffic, not a count per request, so that retries cannot
/// multiply an overload. A token bucket: each request deposits `ratio`, time deposits `min_per_second`, each retry or
/// hedge withdraws one. Over any span of time
///
///     withdrawals <= burst + ratio * requests + min_per_second * seconds.
///
/// Sources: Finagle's RetryBudget (deposits, a minimum per second; its expiring windows are a cap here), Envoy's
/// retry_budget circuit breaker (budget_percent, min_retry_concurrency).
#pragma once

#include <atomic>
#include <cstdint>

#include "thalamus/base/fields.h"
#include "thalamus/base/units.h"

namespace thalamus::dispatch {

struct RetryBudgetOptions {
  double ratio = 0.2;         ///< of the requests
  double min_per_second = 1;  ///< so that a quiet gateway may retry too
  double burst = 10;          ///< tokens kept at most; also what a new budget holds

  template <class Visitor>
  void fields(Visitor& visit) {
    using Number = base::Range<double>;
    visit("ratio", ratio, Number{0, 10}, "of the requests that may be tried again");
    visit("min_per_second", min_per_second, Number{0, 1e6}, "such tries a second, whatever the traffic");
    visit("burst", burst, Number{0, 1e6}, "of them that may be saved up");
  }
};

/// Shared by all cores; lock-free, exact: no interleaving overdraws it.
class RetryBudget {
 public:
  explicit RetryBudget(const RetryBudgetOptions& options = {}) noexcept;

  /// A request came in (its first attempt; not a retry).
  void deposit(Nanoseconds now) noexcept;
  /// Takes one token; false: none is left, and the failure is told instead of retried.
  [[nodiscard]] bool withdraw(Nanoseconds now) noexcept;
  /// The token of a try that was not made after all.
  void give_back() noexcept;

  struct View {
    double tokens = 0;
    std::uint64_t requests = 0;
    std::uint64_t withdrawn = 0;  ///< less what was given back
    std::uint64_t refused = 0;
  };
  [[nodiscard]] View view() const noexcept;

 private:
  void refill(Nanoseconds now) noexcept;
  void add(std::int64_t micro_tokens) noexcept;

  std::int64_t per_request_;  // micro-tokens
  std::int64_t per_second_;   // micro-tokens
  std::int64_t burst_;        // micro-tokens
  std::atomic<std::int64_t> balance_;
  std::atomic<std::int64_t> refilled_{0};  // instant up to which time has paid
  std::atomic<std::uint64_t> requests_{0};
  std::atomic<std::uint64_t> withdrawn_{0};
  std::atomic<std::uint64_t> refused_{0};
};

}  // namespace thalamus::dispatch
