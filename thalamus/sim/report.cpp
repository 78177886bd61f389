#include "thalamus/sim/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "thalamus/base/json_writer.h"

namespace thalamus::sim {
namespace {

double at_share(const std::vector<std::int64_t>& sorted, double share) {
  const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(sorted.size())));
  return Nanoseconds{sorted[std::max<std::size_t>(rank, 1) - 1]}.seconds();
}

void write_percentiles(base::JsonWriter& writer, std::string_view name, const Percentiles& values) {
  writer.key(name).begin_object();
  writer.field("p50", values.p50).field("p95", values.p95).field("p99", values.p99);
  writer.end_object();
}

void write_target(base::JsonWriter& writer, const TargetReport& target) {
  writer.begin_object().field("name", target.name).field("first_choices", target.first_choices);
  writer.field("calls", target.calls).field("answers", target.answers).field("failures", target.failures);
  writer.field("cancellations", target.cancellations).field("queued", target.queued).field("refused", target.refused);
  writer.field("in_flight_max", target.in_flight_max).field("queue_length_max", target.queue_length_max);
  writer.field("busy_seconds", target.busy_seconds).field("cost_usd", target.cost.usd()).end_object();
}

std::string percentile_line(std::string_view name, const Percentiles& values) {
  return fmt::format("{:<16} p50 {:>8.3f} s   p95 {:>8.3f} s   p99 {:>8.3f} s\n", name, values.p50, values.p95,
                     values.p99);
}

double share(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0 : 100 * static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

Percentiles percentiles(std::vector<std::int64_t>& nanoseconds) {
  if (nanoseconds.empty()) return {};
  std::sort(nanoseconds.begin(), nanoseconds.end());
  return {at_share(nanoseconds, 0.50), at_share(nanoseconds, 0.95), at_share(nanoseconds, 0.99)};
}

std::string to_json(const SimReport& report) {
  base::JsonWriter writer;
  writer.begin_object().field("seed", report.seed).field("requests", report.requests);
  writer.field("answered", report.answered).field("good", report.good).field("cancelled", report.cancelled);
  writer.field("broken", report.broken).key("failed").begin_object();
  for (const auto& [label, count] : report.failed) writer.field(label, count);
  writer.end_object().field("fallbacks", report.fallbacks).field("explored", report.explored);
  writer.field("calls", report.calls).field("cost_usd", report.cost.usd());
  write_percentiles(writer, "first_content_s", report.first_content_s);
  write_percentiles(writer, "total_s", report.total_s);
  write_percentiles(writer, "queue_s", report.queue_s);
  writer.field("virtual_seconds", report.virtual_seconds).field("events", report.events);
  writer.field("hash", fmt::format("{:016x}", report.hash)).key("targets").begin_array();
  for (const auto& target : report.targets) write_target(writer, target);
  writer.end_array().field("violation_count", report.violation_count).key("violations").begin_array();
  for (const auto& violation : report.violations) writer.value(violation);
  writer.end_array().end_object();
  return writer.take();
}

std::string to_text(const SimReport& report) {
  std::string out;
  const auto end = [&] { return std::back_inserter(out); };
  fmt::format_to(end(), "{} requests in {:.1f} virtual seconds, seed {}\n", report.requests, report.virtual_seconds,
                 report.seed);
  fmt::format_to(end(), "{:<16} {} ({:.2f} %), {:.2f} % of them good\n", "answered", report.answered,
                 share(report.answered, report.requests), share(report.good, report.answered));
  fmt::format_to(end(), "{:<16} {}\n", "client left", report.cancelled);
  for (const auto& [label, count] : report.failed) fmt::format_to(end(), "failed {:<9} {}\n", label, count);
  fmt::format_to(end(), "{:<16} {} answered by another than the first choice, {} cut after the first content\n",
                 "fallbacks", report.fallbacks, report.broken);
  fmt::format_to(end(), "{:<16} {:.6f} USD, {} calls\n", "cost", report.cost.usd(), report.calls);
  out += percentile_line("first content", report.first_content_s);
  out += percentile_line("whole answer", report.total_s);
  out += percentile_line("waiting", report.queue_s);
  fmt::format_to(end(), "\n{:<20} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>9} {:>10} {:>12}\n", "target", "first",
                 "calls", "answers", "failed", "queued", "refused", "busiest", "longest q", "cost USD");
  for (const auto& t : report.targets)
    fmt::format_to(end(), "{:<20} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>9} {:>10} {:>12.6f}\n", t.name,
                   t.first_choices, t.calls, t.answers, t.failures, t.queued, t.refused, t.in_flight_max,
                   t.queue_length_max, t.cost.usd());
  fmt::format_to(end(), "\nhash {:016x} over {} events\n", report.hash, report.events);
  if (report.violation_count > 0) fmt::format_to(end(), "BROKEN INVARIANTS: {}\n", report.violation_count);
  for (const auto& violation : report.violations) fmt::format_to(end(), "  {}\n", violation);
  return out;
}

}  // namespace thalamus::sim
