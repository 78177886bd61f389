/// The gateway's metric series, named once. Base units, `thalamus_` prefix. After the first of its kind, counting takes
/// no lock, builds no string and allocates nothing.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "thalamus/base/metrics.h"
#include "thalamus/core/outcome.h"
#include "thalamus/net/tls_identity.h"

namespace thalamus::gateway {

/// What the gateway itself does for a request; waiting for others is in none of them.
enum class Phase : std::uint8_t {
  kDecode,  ///< credentials, limits and body -> request
  kDecide,  ///< description, estimates, plan
  kEncode,  ///< request -> the bytes that a target takes
  kAnswer,  ///< what the target sends: read, checked, translated
  kRecord,  ///< the decision record, its counters and lines
};
inline constexpr std::size_t kPhases = 5;

/// Requests that are no turn.
enum class Endpoint : std::uint8_t {
  kModels,
  kCountTokens,
  kDecision,
  kResponses,
  kHealth,
  kAdmin,
  kOther,
  kMalformed
};
inline constexpr std::size_t kEndpoints = 8;
[[nodiscard]] std::string_view label(Endpoint endpoint) noexcept;

/// Any thread; `core` chooses the slot that is added to. Labels are names of the configuration and closed sets, so the
/// number of series is bounded.
class Telemetry {
 public:
  explicit Telemetry(base::Metrics& metrics);

  /// One finished request of the chat endpoint. `route` is empty where none was found.
  void request(std::size_t core, std::string_view route, int status);
  /// One finished request that is no turn.
  void other_request(std::size_t core, Endpoint endpoint, int status);
  /// One call of one target.
  void call(std::size_t core, std::string_view target, const core::Attempt& attempt);
  void usage(std::size_t core, std::string_view target, const core::Usage& usage, NanoDollars cost);
  /// From the complete request to the plan.
  void decision_seconds(std::size_t core, double seconds) { decision_.observe(core, seconds); }
  void phase_seconds(std::size_t core, Phase phase, double seconds) {
    phases_[static_cast<std::size_t>(phase)]->observe(core, seconds);
  }
  void turn_seconds(std::size_t core, double seconds) { turn_.observe(core, seconds); }
  void record_dropped(std::size_t core) { records_dropped_.add(core); }
  void in_flight(std::size_t core, std::int64_t change) { in_flight_.add(core, change); }
  void handshake_failed(std::size_t core, net::HandshakeFailure reason) {
    handshake_failures_[static_cast<std::size_t>(reason)]->add(core);
  }
  void target_up(std::string_view target, bool up);
  [[nodiscard]] std::string exposition() const { return metrics_.exposition(); }

 private:
  base::Metrics& metrics_;
  base::Histogram& decision_;
  base::Histogram& turn_;
  std::array<base::Histogram*, kPhases> phases_;
  base::Counter& records_dropped_;
  base::Gauge& in_flight_;
  std::array<base::Counter*, net::kHandshakeFailures> handshake_failures_;
  base::CounterTable requests_;
  base::CounterTable other_requests_;
  base::CounterTable calls_;
  base::CounterTable tokens_;
  base::CounterTable cost_;
};

}  // namespace thalamus::gateway
