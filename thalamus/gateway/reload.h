/// Changing the configuration of a running gateway.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "thalamus/base/result.h"
#include "thalamus/gateway/runtime.h"

namespace thalamus::gateway {

struct ReloadReport {
  std::uint64_t generation = 0;      ///< now in force
  std::vector<std::string> changes;  ///< "- models: ..." for what went, "+ ..." for what came; empty: nothing changed
  std::vector<std::string> warnings;
};

/// kConflict that names what cannot change while the gateway runs: addresses, threads, the log, the trace, the spans,
/// the limits of the HTTP layer, and the servers that it manages.
[[nodiscard]] Status check_reloadable(const Runtime& running, const Runtime& wanted);
[[nodiscard]] std::string to_json(const ReloadReport& report);

}  // namespace thalamus::gateway
