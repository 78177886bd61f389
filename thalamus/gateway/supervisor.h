/// Starts, watches, restarts and ends the servers that the configuration manages: `thalamus-host` for a model file, or
/// any command. Runs on its own thread, never on a serving core.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "thalamus/base/clock.h"
#include "thalamus/net/stream.h"

namespace thalamus::gateway {

/// One process to keep alive.
struct ChildSpec {
  std::string name;  ///< the provider's
  std::vector<std::string> command;
  net::Endpoint endpoint;  ///< where its health is asked
  std::string health_path = "/health";
  std::filesystem::path log_file;  ///< its standard output and error
  int nice = 0;
  Nanoseconds start_timeout = Nanoseconds::from_ms(120'000);
  std::string unavailable;  ///< why it cannot be started at all (a missing file, the processor); else empty
};

enum class ChildState : std::uint8_t { kStarting, kHealthy, kFailed, kStopped };

struct ChildStatus {
  std::string name;
  ChildState state = ChildState::kStarting;
  int process_id = 0;
  std::uint32_t restarts = 0;
  std::string last_error;  ///< in words, for the operator
};

/// Children die with the gateway, even when it is killed (PR_SET_PDEATHSIG). A child that ends is started again after a
/// backoff of 0.5 s doubling to 30 s; one that stays unhealthy past its start timeout is ended and counts as failed.
class Supervisor {
 public:
  /// `on_change` runs on the supervisor's thread.
  Supervisor(std::vector<ChildSpec> children, const base::Clock& clock,
             std::function<void(const std::string& name, bool healthy)> on_change);
  ~Supervisor();
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  /// SIGTERM to all, SIGKILL after 3 s, waits for them.
  void stop();
  [[nodiscard]] std::vector<ChildStatus> status() const;
  /// Waits until every child is healthy or has failed once; true if all are healthy.
  [[nodiscard]] bool wait_ready(Nanoseconds timeout) const;

 private:
  class Loop;
  std::unique_ptr<Loop> loop_;
};

}  // namespace thalamus::gateway
