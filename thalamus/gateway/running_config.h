/// What a configuration would change against the gateway that runs now, asked of its admin listener.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "thalamus/gateway/config.h"

namespace thalamus::gateway {

struct RunningDifference {
  bool running = false;  ///< a gateway answered at the configuration's admin address
  std::string note;      ///< why it could not be compared; empty where it was, or where none runs
  /// "- providers: local: {...}" for what would go, "+ ..." for what would come; empty: nothing would change.
  std::vector<std::string> lines;
};

/// Compares `describe(config)` with what GET /admin/config of the running gateway says; waits a second at most.
[[nodiscard]] RunningDifference compare_with_running(const Config& config);

/// The lines of two descriptions that are not in both, each with its section, in their order: what goes, what comes.
[[nodiscard]] std::vector<std::string> difference(std::string_view running, std::string_view wanted);

}  // namespace thalamus::gateway
