/// What a run on real sockets comes to: the upstreams' log, the clients' view, the gateway's metrics and its trace are
/// put together into the `sim::FaultRun` that the simulator makes, checked against each other, and measured by the
/// simulator's own code.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "clients.h"
#include "replica.h"
#include "thalamus/sim/fault_metrics.h"
#include "timeline.h"

namespace thalamus::scenario {

struct Judged {
  sim::Expectation expectation;
  double measured = 0;
  double simulated = 0;  ///< by a run of the simulator with the same seed
  double allowance = 0;  ///< of a time: what the machine adds, in milliseconds of the case
  bool observable = true;
  bool holds = true;
};

struct Verdict {
  std::vector<Judged> expectations;
  std::vector<std::string> violations;  ///< of what every run checks
  std::string hedging;                  ///< when hedges went out and losers were let go; empty without hedges
  std::string slowest;                  ///< the request that took longest, with its attempts, for people
  std::string failed;                   ///< the first that failed, with what its client was told; empty: none
  std::size_t requests = 0;
  std::size_t attempts = 0;
};

[[nodiscard]] Verdict judge(const sim::FaultCase& fault_case, const Timeline& timeline, const UpstreamLog& upstreams,
                            const Clients& clients, const std::filesystem::path& trace_folder, std::uint64_t seed);

}  // namespace thalamus::scenario
