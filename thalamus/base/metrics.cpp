#include "thalamus/base/metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <iterator>
#include <map>
#include <utility>

#include "thalamus/base/assert.h"

namespace thalamus::base {

std::uint64_t Counter::total() const noexcept {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < kMetricSlotsMax; ++i) sum += slots_[i].value.load(std::memory_order_relaxed);
  return sum;
}

double Gauge::value() const noexcept {
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < kMetricSlotsMax; ++i) sum += slots_[i].value.load(std::memory_order_relaxed);
  return value_.load(std::memory_order_relaxed) + static_cast<double>(sum);
}

Histogram::Histogram(std::vector<double> bounds) : bounds_(std::move(bounds)), slots_(kMetricSlotsMax) {
  for (auto& slot : slots_) slot.buckets = std::vector<std::atomic<std::uint64_t>>(bounds_.size() + 1);
}

void Histogram::observe(std::size_t slot_index, double value) noexcept {
  Slot& slot = slots_[slot_index % kMetricSlotsMax];
  const auto bucket = std::lower_bound(bounds_.begin(), bounds_.end(), value) - bounds_.begin();
  slot.buckets[static_cast<std::size_t>(bucket)].fetch_add(1, std::memory_order_relaxed);
  slot.sum.fetch_add(value, std::memory_order_relaxed);
}

Histogram::Totals Histogram::totals() const {
  Totals totals{std::vector<std::uint64_t>(bounds_.size() + 1), 0, 0};
  for (const auto& slot : slots_) {
    for (std::size_t i = 0; i < slot.buckets.size(); ++i) {
      const auto count = slot.buckets[i].load(std::memory_order_relaxed);
      totals.buckets[i] += count;
      totals.count += count;
    }
    totals.sum += slot.sum.load(std::memory_order_relaxed);
  }
  return totals;
}

Metrics::Series& Metrics::find_or_add(std::string_view name, std::string_view help, std::string_view labels) {
  for (auto& series : series_)
    if (series.name == name && series.labels == labels) return series;
  Series series;
  series.name = name;
  series.help = help;
  series.labels = labels;
  series_.push_back(std::move(series));
  return series_.back();
}

Counter& Metrics::counter(std::string_view name, std::string_view help, std::string_view labels,
                          std::uint64_t counts_per_unit) {
  const std::lock_guard lock(mutex_);
  Series& series = find_or_add(name, help, labels);
  if (!series.counter) {
    series.counter = std::make_unique<Counter>();
    series.counts_per_unit = counts_per_unit;
  }
  return *series.counter;
}

Gauge& Metrics::gauge(std::string_view name, std::string_view help, std::string_view labels) {
  const std::lock_guard lock(mutex_);
  Series& series = find_or_add(name, help, labels);
  if (!series.gauge) series.gauge = std::make_unique<Gauge>();
  return *series.gauge;
}

Histogram& Metrics::histogram(std::string_view name, std::string_view help, std::vector<double> bounds,
                              std::string_view labels) {
  const std::lock_guard lock(mutex_);
  Series& series = find_or_add(name, help, labels);
  if (!series.histogram) series.histogram = std::make_unique<Histogram>(std::move(bounds));
  return *series.histogram;
}

std::string Metrics::exposition() const {
  const std::lock_guard lock(mutex_);
  std::map<std::string_view, std::vector<const Series*>> families;
  for (const auto& series : series_) families[series.name].push_back(&series);
  std::string out;
  const auto at_end = [&] { return std::back_inserter(out); };
  for (const auto& [name, members] : families) {
    const Series& first = *members.front();
    const char* type = first.counter ? "counter" : first.gauge ? "gauge" : "histogram";
    fmt::format_to(at_end(), "# HELP {} {}\n# TYPE {} {}\n", name, first.help, name, type);
    for (const Series* series : members) {
      const std::string braces = series->labels.empty() ? "" : "{" + series->labels + "}";
      if (series->counter && series->counts_per_unit == 1)
        fmt::format_to(at_end(), "{}{} {}\n", name, braces, series->counter->total());
      if (series->counter && series->counts_per_unit > 1)
        fmt::format_to(at_end(), "{}{} {}\n", name, braces,
                       static_cast<double>(series->counter->total()) / static_cast<double>(series->counts_per_unit));
      if (series->gauge) fmt::format_to(at_end(), "{}{} {}\n", name, braces, series->gauge->value());
      if (!series->histogram) continue;
      const auto totals = series->histogram->totals();
      const auto bounds = series->histogram->bounds();
      const std::string comma = series->labels.empty() ? "" : series->labels + ",";
      std::uint64_t cumulative = 0;
      for (std::size_t i = 0; i < bounds.size(); ++i) {
        cumulative += totals.buckets[i];
        fmt::format_to(at_end(), "{}_bucket{{{}le=\"{}\"}} {}\n", name, comma, bounds[i], cumulative);
      }
      fmt::format_to(at_end(), "{}_bucket{{{}le=\"+Inf\"}} {}\n{}_sum{} {}\n{}_count{} {}\n", name, comma, totals.count,
                     name, braces, totals.sum, name, braces, totals.count);
    }
  }
  return out;
}

CounterTable::CounterTable(Metrics& metrics, CounterFamily family) : metrics_(metrics), family_(std::move(family)) {
  THALAMUS_ASSERT(family_.kinds > 0);
  THALAMUS_ASSERT(family_.kind_label.empty() || family_.kind_text != nullptr);
}

void CounterTable::add(std::size_t slot, std::string_view name, std::size_t kind, std::uint64_t amount) {
  kind = std::min(kind, family_.kinds - 1);
  Bucket& bucket = buckets_[std::hash<std::string_view>{}(name) % kBuckets];
  Row* row = find(bucket, name);
  if (row == nullptr) row = &add_row(bucket, name);
  Counter* counter = row->counters[kind].load(std::memory_order_acquire);
  if (counter == nullptr) counter = &resolve(*row, kind);
  counter->add(slot, amount);
}

CounterTable::Row* CounterTable::find(const Bucket& bucket, std::string_view name) noexcept {
  Row* row = bucket.load(std::memory_order_acquire);
  while (row != nullptr && row->name != name) row = row->next;
  return row;
}

CounterTable::Row& CounterTable::add_row(Bucket& bucket, std::string_view name) {
  const std::lock_guard lock(mutex_);
  if (Row* row = find(bucket, name)) return *row;  // another thread was first
  if (other_ != nullptr) return *other_;
  if (rows_.size() >= family_.names_max) {
    other_ = &make_row(kOtherNames);
    return *other_;
  }
  Row& row = make_row(name);
  row.next = bucket.load(std::memory_order_relaxed);
  bucket.store(&row, std::memory_order_release);
  return row;
}

CounterTable::Row& CounterTable::make_row(std::string_view name) {
  Row& row = rows_.emplace_back();
  row.name = name;
  row.counters = std::make_unique<std::atomic<Counter*>[]>(family_.kinds);
  return row;
}

// Two threads may both come here: the registry gives them the same counter.
Counter& CounterTable::resolve(Row& row, std::size_t kind) {
  std::string labels = label_text(family_.name_label, row.name);
  if (!family_.kind_label.empty()) labels += "," + label_text(family_.kind_label, family_.kind_text(kind));
  Counter& counter = metrics_.counter(family_.name, family_.help, labels, family_.counts_per_unit);
  row.counters[kind].store(&counter, std::memory_order_release);
  return counter;
}

std::string label_text(std::string_view name, std::string_view value) {
  std::string out(name);
  out += "=\"";
  for (const char c : value) {
    if (c == '\\' || c == '"') out.push_back('\\');
    if (c == '\n') {
      out += "\\n";
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
  return out;
}

}  // namespace thalamus::base
