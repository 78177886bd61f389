#include "thalamus/base/metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>

namespace thalamus::base {

std::uint64_t Counter::total() const noexcept {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < kMetricSlotsMax; ++i) sum += slots_[i].value.load(std::memory_order_relaxed);
  return sum;
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

Counter& Metrics::counter(std::string_view name, std::string_view help, std::string_view labels) {
  const std::lock_guard lock(mutex_);
  Series& series = find_or_add(name, help, labels);
  if (!series.counter) series.counter = std::make_unique<Counter>();
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
      if (series->counter) fmt::format_to(at_end(), "{}{} {}\n", name, braces, series->counter->total());
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
