/// Counters, gauges and histograms without a shared cache line on the turn path: every core adds to its own slot, a
/// scrape sums the slots. Text exposition format 0.0.4 of Prometheus.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace thalamus::base {

inline constexpr std::size_t kMetricSlotsMax = 64;

/// Monotone sum. `slot` is the caller's core index modulo kMetricSlotsMax.
class Counter {
 public:
  void add(std::size_t slot, std::uint64_t amount = 1) noexcept {
    slots_[slot % kMetricSlotsMax].value.fetch_add(amount, std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t total() const noexcept;

 private:
  struct alignas(64) Slot {
    std::atomic<std::uint64_t> value{0};
  };
  std::unique_ptr<Slot[]> slots_ = std::make_unique<Slot[]>(kMetricSlotsMax);
};

class Gauge {
 public:
  void set(double value) noexcept { value_.store(value, std::memory_order_relaxed); }
  void add(double amount) noexcept { value_.fetch_add(amount, std::memory_order_relaxed); }
  [[nodiscard]] double value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> value_{0};
};

/// Fixed upper bounds in base units (seconds, bytes); the last bucket is +Inf.
class Histogram {
 public:
  explicit Histogram(std::vector<double> bounds);
  void observe(std::size_t slot, double value) noexcept;

  struct Totals {
    std::vector<std::uint64_t> buckets;  ///< not cumulative; one more than bounds
    double sum = 0;
    std::uint64_t count = 0;
  };
  [[nodiscard]] Totals totals() const;
  [[nodiscard]] std::span<const double> bounds() const noexcept { return bounds_; }

 private:
  struct alignas(64) Slot {
    std::vector<std::atomic<std::uint64_t>> buckets;
    std::atomic<double> sum{0};
  };
  std::vector<double> bounds_;
  std::vector<Slot> slots_;
};

/// Owns the series of one process. Registering takes a lock and is for start-up and configuration changes; the
/// returned reference stays valid as long as the registry. The same name and labels give the same series.
class Metrics {
 public:
  /// `labels` is the text between the braces, already escaped: `target="small"`; build it with `label_text`.
  Counter& counter(std::string_view name, std::string_view help, std::string_view labels = {});
  Gauge& gauge(std::string_view name, std::string_view help, std::string_view labels = {});
  Histogram& histogram(std::string_view name, std::string_view help, std::vector<double> bounds,
                       std::string_view labels = {});
  [[nodiscard]] std::string exposition() const;

 private:
  struct Series {
    std::string name, help, labels;
    std::unique_ptr<Counter> counter;
    std::unique_ptr<Gauge> gauge;
    std::unique_ptr<Histogram> histogram;
  };
  Series& find_or_add(std::string_view name, std::string_view help, std::string_view labels);
  mutable std::mutex mutex_;
  std::deque<Series> series_;
};

/// `name="value"` with the value escaped; join several with commas.
[[nodiscard]] std::string label_text(std::string_view name, std::string_view value);

}  // namespace thalamus::base
