/// The gateway's metric series, named once. Base units, `thalamus_` prefix. After the first of its kind, counting takes
/// no lock, builds no string and allocates nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "thalamus/base/metrics.h"
#include "thalamus/core/outcome.h"

namespace thalamus::gateway {

/// Any thread; `core` chooses the slot that is added to. Labels are names of the configuration and closed sets, so the
/// number of series is bounded.
class Telemetry {
 public:
  explicit Telemetry(base::Metrics& metrics);

  /// One finished request of the chat endpoint. `route` is empty where none was found.
  void request(std::size_t core, std::string_view route, int status);
  /// One call of one target.
  void call(std::size_t core, std::string_view target, const core::Attempt& attempt);
  void usage(std::size_t core, std::string_view target, const core::Usage& usage, NanoDollars cost);
  /// From the complete request to the plan.
  void decision_seconds(std::size_t core, double seconds) { decision_.observe(core, seconds); }
  void turn_seconds(std::size_t core, double seconds) { turn_.observe(core, seconds); }
  void record_dropped(std::size_t core) { records_dropped_.add(core); }
  void in_flight(std::size_t core, std::int64_t change) { in_flight_.add(core, change); }
  void target_up(std::string_view target, bool up);
  [[nodiscard]] std::string exposition() const { return metrics_.exposition(); }

 private:
  base::Metrics& metrics_;
  base::Histogram& decision_;
  base::Histogram& turn_;
  base::Counter& records_dropped_;
  base::Gauge& in_flight_;
  base::CounterTable requests_;
  base::CounterTable calls_;
  base::CounterTable tokens_;
  base::CounterTable cost_;
};

}  // namespace thalamus::gateway
