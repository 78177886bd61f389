/// Changing the configuration of a running gateway.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "thalamus/base/result.h"
#include "thalamus/gateway/config.h"
#include "thalamus/gateway/runtime.h"

namespace thalamus::gateway {

struct ReloadReport {
  std::uint64_t generation = 0;      ///< now in force
  std::vector<std::string> changes;  ///< "- models: ..." for what went, "+ ..." for what came; empty: nothing changed
  std::vector<std::string> warnings;
};

/// kConflict that names all that cannot change while the gateway runs, a setting a line, in the order of
/// configs/reference.yaml: addresses, threads, the log, the limits of the HTTP layer, the trace, the spans and the
/// store of responses. Each line says why; the last one what to do. `started` are the limits that the gateway began
/// with.
[[nodiscard]] Status check_reloadable(const Config& running, const Config& wanted, const GatewayLimits& started);
/// "- server: NAME ..." for a managed server that leaves, "+ ..." for one that is started: what a configuration's text
/// does not show, as commands may hold credentials.
[[nodiscard]] std::vector<std::string> server_changes(const Runtime& running, const Runtime& wanted);
[[nodiscard]] std::string to_json(const ReloadReport& report);

}  // namespace thalamus::gateway
