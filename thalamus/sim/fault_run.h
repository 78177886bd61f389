/// Runs a fault case in virtual time over the very pieces that serve: `dispatch::TargetCall` with its endpoints,
/// budgets, backoff, hedging, limits and failure classes. The same case and seed give the same run, bit for bit.
#pragma once

#include <cstdint>

#include "thalamus/sim/fault_case.h"
#include "thalamus/sim/fault_metrics.h"

namespace thalamus::sim {

/// Requests walk along the targets in their order: to the next where the failure's class allows it, to one with more
/// context where it asks for that. `fault_case` came from parse_fault_case.
[[nodiscard]] FaultRun run_fault_case(const FaultCase& fault_case, std::uint64_t seed);

}  // namespace thalamus::sim
