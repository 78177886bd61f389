/// Counters, gauges and histograms without a shared cache line on the turn path: every core adds to its own slot, a
/// scrape sums the slots. Text exposition format 0.0.4 of Prometheus.
#pragma once

#include <array>
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

/// A level: what was set, plus what each core has added to its own slot and taken from it again.
class Gauge {
 public:
  void set(double value) noexcept { value_.store(value, std::memory_order_relaxed); }
  void add(std::size_t slot, std::int64_t change) noexcept {
    slots_[slot % kMetricSlotsMax].value.fetch_add(change, std::memory_order_relaxed);
  }
  [[nodiscard]] double value() const noexcept;

 private:
  struct alignas(64) Slot {
    std::atomic<std::int64_t> value{0};
  };
  std::atomic<double> value_{0};
  std::unique_ptr<Slot[]> slots_ = std::make_unique<Slot[]>(kMetricSlotsMax);
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
  /// `counts_per_unit` counts are one of the metric's base unit: 1e9 where nano-dollars are added to a sum of dollars.
  Counter& counter(std::string_view name, std::string_view help, std::string_view labels = {},
                   std::uint64_t counts_per_unit = 1);
  Gauge& gauge(std::string_view name, std::string_view help, std::string_view labels = {});
  Histogram& histogram(std::string_view name, std::string_view help, std::vector<double> bounds,
                       std::string_view labels = {});
  [[nodiscard]] std::string exposition() const;

 private:
  struct Series {
    std::string name, help, labels;
    std::uint64_t counts_per_unit = 1;
    std::unique_ptr<Counter> counter;
    std::unique_ptr<Gauge> gauge;
    std::unique_ptr<Histogram> histogram;
  };
  Series& find_or_add(std::string_view name, std::string_view help, std::string_view labels);
  mutable std::mutex mutex_;
  std::deque<Series> series_;
};

/// Counters of one metric that differ in a name (of a route, of a target) and in a kind (a status, a result).
struct CounterFamily {
  std::string name;
  std::string help;
  std::string name_label;
  std::string kind_label;                                ///< empty: the name is the only label
  std::size_t kinds = 1;                                 ///< kinds are numbers in [0, kinds)
  std::string (*kind_text)(std::size_t kind) = nullptr;  ///< the label's value
  std::size_t names_max = 4096;                          ///< further names are counted together under `kOtherNames`
  std::uint64_t counts_per_unit = 1;                     ///< as for `Metrics::counter`
};

/// Adds to the counters of a family by name and kind. A counter is registered when it is first added to; from then on
/// an addition takes no lock, builds no string and allocates nothing. Any thread.
class CounterTable {
 public:
  static constexpr std::string_view kOtherNames = "(other)";

  /// `metrics` outlives the table.
  CounterTable(Metrics& metrics, CounterFamily family);
  CounterTable(const CounterTable&) = delete;
  CounterTable& operator=(const CounterTable&) = delete;

  /// A kind out of range counts as the last.
  void add(std::size_t slot, std::string_view name, std::size_t kind, std::uint64_t amount = 1);

 private:
  /// Everything but the counters stays the same once the row is published.
  struct Row {
    std::string name;
    Row* next = nullptr;
    std::unique_ptr<std::atomic<Counter*>[]> counters;
  };
  using Bucket = std::atomic<Row*>;
  static constexpr std::size_t kBuckets = 256;

  [[nodiscard]] static Row* find(const Bucket& bucket, std::string_view name) noexcept;
  [[nodiscard]] Row& add_row(Bucket& bucket, std::string_view name);
  [[nodiscard]] Row& make_row(std::string_view name);
  [[nodiscard]] Counter& resolve(Row& row, std::size_t kind);

  Metrics& metrics_;
  const CounterFamily family_;
  std::array<Bucket, kBuckets> buckets_{};
  std::mutex mutex_;      // of adding rows; they are read without
  std::deque<Row> rows_;  // by mutex_; rows stay where they are
  Row* other_ = nullptr;  // by mutex_; once the table is full
};

/// `name="value"` with the value escaped; join several with commas.
[[nodiscard]] std::string label_text(std::string_view name, std::string_view value);

}  // namespace thalamus::base
