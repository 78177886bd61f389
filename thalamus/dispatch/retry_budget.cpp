#include "thalamus/dispatch/retry_budget.h"

#include <algorithm>
#include <cmath>

namespace thalamus::dispatch {
namespace {

constexpr std::int64_t kToken = 1'000'000;
constexpr double kNanosecondsPerSecond = 1e9;

std::int64_t to_micro(double tokens) noexcept {
  return static_cast<std::int64_t>(std::floor(std::clamp(tokens, 0.0, 1e9) * static_cast<double>(kToken)));
}

}  // namespace

RetryBudget::RetryBudget(const RetryBudgetOptions& options) noexcept
    : per_request_(to_micro(options.ratio)),
      per_second_(to_micro(options.min_per_second)),
      burst_(to_micro(options.burst)),
      balance_(burst_) {}

void RetryBudget::deposit(Nanoseconds now) noexcept {
  requests_.fetch_add(1, std::memory_order_relaxed);
  refill(now);
  add(per_request_);
}

bool RetryBudget::withdraw(Nanoseconds now) noexcept {
  refill(now);
  std::int64_t balance = balance_.load(std::memory_order_relaxed);
  while (balance >= kToken) {
    if (!balance_.compare_exchange_weak(balance, balance - kToken, std::memory_order_relaxed)) continue;
    withdrawn_.fetch_add(1, std::memory_order_relaxed);
    return true;
  }
  refused_.fetch_add(1, std::memory_order_relaxed);
  return false;
}

void RetryBudget::give_back() noexcept {
  withdrawn_.fetch_sub(1, std::memory_order_relaxed);
  add(kToken);
}

RetryBudget::View RetryBudget::view() const noexcept {
  return {static_cast<double>(balance_.load(std::memory_order_relaxed)) / static_cast<double>(kToken),
          requests_.load(std::memory_order_relaxed), withdrawn_.load(std::memory_order_relaxed),
          refused_.load(std::memory_order_relaxed)};
}

// Who moves the instant pays for the span, so that no span is paid twice.
void RetryBudget::refill(Nanoseconds now) noexcept {
  if (per_second_ == 0) return;
  std::int64_t since = refilled_.load(std::memory_order_relaxed);
  const double earned =
      static_cast<double>(now.value - since) * (static_cast<double>(per_second_) / kNanosecondsPerSecond);
  if (!(earned >= 1)) return;  // too little to count yet, or a core whose clock was read earlier
  if (!refilled_.compare_exchange_strong(since, now.value, std::memory_order_relaxed)) return;
  add(static_cast<std::int64_t>(std::min(earned, static_cast<double>(burst_))));
}

void RetryBudget::add(std::int64_t micro_tokens) noexcept {
  std::int64_t balance = balance_.load(std::memory_order_relaxed);
  while (balance < burst_) {
    const std::int64_t next = std::min(burst_, balance + micro_tokens);
    if (balance_.compare_exchange_weak(balance, next, std::memory_order_relaxed)) return;
  }
}

}  // namespace thalamus::dispatch
