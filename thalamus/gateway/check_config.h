/// Tests of a configuration, without serving it: what is suspicious in it, whether its `tests` decide as expected, and
/// what it would change.
#pragma once

#include <string>
#include <vector>

#include "thalamus/gateway/config.h"
#include "thalamus/gateway/running_config.h"

namespace thalamus::gateway {

struct ConfigTestResult {
  std::string where;
  std::string ask;
  std::string route;
  std::string chosen;    ///< the plan's first target; empty where nothing satisfies the contract
  std::string expected;  ///< empty where only the answer's text is expected
  std::string note;      ///< why it failed, or what could not be checked without calling a model
  bool passed = false;
};

struct ConfigReport {
  std::string path;
  std::size_t providers = 0, models = 0, routes = 0;
  std::vector<std::string> warnings;
  std::vector<ConfigTestResult> tests;
  RunningDifference change;  ///< against the gateway that runs now, if one does
  [[nodiscard]] bool passed() const noexcept;
};

/// kInvalidInput or kCorrupt where the configuration cannot serve at all.
[[nodiscard]] Result<ConfigReport> check_config(Config config);
[[nodiscard]] std::string to_text(const ConfigReport& report);
[[nodiscard]] std::string to_json(const ConfigReport& report);

}  // namespace thalamus::gateway
