/// Who asks when in a run of a fault case. The simulator and the runner on real sockets draw from here, so that a seed
/// stands for the same requests, sessions and impatient clients in both.
#pragma once

#include <cstdint>
#include <optional>

#include "thalamus/base/rng.h"
#include "thalamus/base/units.h"
#include "thalamus/sim/fault_case.h"

namespace thalamus::sim {

struct FaultArrival {
  Nanoseconds at{};  ///< from the start of the run
  std::optional<std::uint64_t> session;
  std::optional<Nanoseconds> leaves_after;  ///< the client goes away, from its arrival
  base::Rng rng{0};                         ///< for what else of this request is drawn
};

/// A Poisson process over the case's seconds.
class FaultArrivals {
 public:
  /// `requests` outlives it.
  FaultArrivals(const FaultRequests& requests, std::uint64_t seed) noexcept;

  /// The next one; nothing once the time is over.
  [[nodiscard]] std::optional<FaultArrival> next();

 private:
  const FaultRequests& requests_;
  base::Rng gaps_;
  base::Rng root_;
  Nanoseconds last_{};
  std::uint64_t count_ = 0;
};

}  // namespace thalamus::sim
