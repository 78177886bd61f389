/// `thalamus serve` as a child process, configured from a case.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "clients.h"
#include "thalamus/base/result.h"
#include "thalamus/sim/fault_case.h"
#include "timeline.h"

namespace thalamus::scenario {

/// The YAML for a case: a provider and a model for each target, one route `plan` over them in their order. Times are
/// real ones: those of the case divided by the speed, rates multiplied. `ports` by target and replica.
[[nodiscard]] std::string configuration_of(const sim::FaultCase& fault_case, const Timeline& timeline,
                                           const std::vector<std::vector<std::uint16_t>>& ports);

/// Ends with this object, and with this process, whatever happens.
class GatewayProcess {
 public:
  /// Writes the configuration into `folder` and waits until the gateway listens.
  [[nodiscard]] static Result<GatewayProcess> start(const std::string& executable, std::filesystem::path folder,
                                                    const std::string& configuration);
  GatewayProcess(GatewayProcess&& other) noexcept;
  GatewayProcess& operator=(GatewayProcess&&) = delete;
  ~GatewayProcess();

  [[nodiscard]] Addresses addresses() const noexcept { return addresses_; }
  [[nodiscard]] std::filesystem::path trace_folder() const { return folder_ / "state/trace"; }
  /// SIGTERM, and a wait for the end. Anything but a clean end within ten seconds is an error.
  [[nodiscard]] Status stop();

 private:
  explicit GatewayProcess(std::filesystem::path folder) : folder_(std::move(folder)) {}
  [[nodiscard]] Status wait_listening();

  std::filesystem::path folder_;
  pid_t pid_ = -1;
  int output_ = -1;  // its standard output; stays open, so that it can always write
  Addresses addresses_;
};

}  // namespace thalamus::scenario
