#include "thalamus/sim/fault_arrivals.h"

#include <fmt/format.h>

#include <cmath>

namespace thalamus::sim {

FaultArrivals::FaultArrivals(const FaultRequests& requests, std::uint64_t seed) noexcept
    : requests_(requests), gaps_(base::Rng(seed).fork("arrivals")), root_(base::Rng(seed).fork("requests")) {}

std::optional<FaultArrival> FaultArrivals::next() {
  const double gap_s = -std::log(1.0 - gaps_.uniform()) / requests_.rate_per_s;
  last_ = last_ + Nanoseconds::from_seconds(gap_s);
  if (last_.seconds() >= requests_.seconds) return std::nullopt;
  FaultArrival arrival;
  arrival.at = last_;
  arrival.rng = root_.fork(fmt::format("{}", count_++));
  if (requests_.sessions > 0) arrival.session = arrival.rng.below(static_cast<std::uint64_t>(requests_.sessions));
  const bool leaves = arrival.rng.uniform() < requests_.client_gone;
  const double patience_s = arrival.rng.uniform() * requests_.patience_ms * 1e-3;
  if (leaves) arrival.leaves_after = Nanoseconds::from_seconds(patience_s);
  return arrival;
}

}  // namespace thalamus::sim
