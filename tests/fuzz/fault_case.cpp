/// Any text as a fault case: a refusal with words, or a case that keeps its own bounds, whose metrics can be measured
/// on a run without requests and, where it is small, that runs to its end without a broken invariant.
#include "thalamus/sim/fault_case.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "thalamus/sim/fault_arrivals.h"
#include "thalamus/sim/fault_run.h"

namespace {

using namespace thalamus;

constexpr double kRequestsMax = 200;  // of a case that is run, too; more teach nothing
constexpr double kUnitsMax = 1'000;   // of an answer, since the simulator visits each
constexpr double kPiecesMax = 10'000;

bool in_bounds(const sim::FaultCase& fault_case) {
  const auto targets = fault_case.targets.size();
  for (const auto& line : fault_case.behaviours)
    if (line.target >= targets || line.replica >= fault_case.targets[line.target].replicas || line.to <= line.from ||
        !(line.share >= 0 && line.share <= 1))
      return false;
  for (const auto& target : fault_case.targets)
    if (target.keys == 0 || target.replicas == 0 || target.keys * target.replicas > dispatch::kEndpointsMax)
      return false;
  for (const auto& expectation : fault_case.expectations)
    if (!sim::check_metric(fault_case, expectation.metric)) return false;
  return targets > 0 && !fault_case.expectations.empty();
}

bool small(const sim::FaultCase& fault_case) {
  for (const auto& line : fault_case.behaviours)
    for (const auto& target : fault_case.targets)
      if (line.units > kUnitsMax || line.rate * target.limits.total.seconds() > kPiecesMax) return false;
  return fault_case.requests.rate_per_s * fault_case.requests.seconds <= kRequestsMax;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto fault_case = sim::parse_fault_case(text);
  if (!fault_case) {
    if (fault_case.error().message.empty()) std::abort();
    return 0;
  }
  if (!in_bounds(*fault_case)) std::abort();
  sim::FaultRun nothing;
  for (const auto& target : fault_case->targets) nothing.openings.emplace_back(target.replicas, 0);
  (void)sim::broken_expectations(*fault_case, nothing);
  if (!small(*fault_case)) return 0;
  const sim::FaultRun run = sim::run_fault_case(*fault_case, size);
  if (!run.violations.empty()) std::abort();
  (void)sim::broken_expectations(*fault_case, run);
  return 0;
}
