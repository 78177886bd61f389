/// Starts, watches, restarts and ends the servers that the configuration manages: `thalamus-host` for a model file, or
/// any command. Runs on its own thread, never on a serving core.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "thalamus/base/clock.h"
#include "thalamus/gateway/child_process.h"

namespace thalamus::gateway {

enum class ChildState : std::uint8_t { kStarting, kHealthy, kFailed, kStopped, kLeaving };

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
  /// Who holds a spec may still call that child.
  using Wanted = std::vector<std::shared_ptr<const ChildSpec>>;

  /// `on_change` runs on the supervisor's thread, never for a child that leaves.
  Supervisor(const base::Clock& clock, std::function<void(const std::string& name, bool healthy)> on_change);
  ~Supervisor();
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  /// From now on these are kept alive, and `on_change` has told of each how it is. A child that stays as it is
  /// (`same_process`) runs on untouched, even if it was about to leave. One that is not wanted any more leaves: it is
  /// not started again, and gets SIGTERM (SIGKILL after 3 s) as soon as nobody holds one of its specs, after `patience`
  /// at the latest. A new one whose address a leaving one has starts after that one's end. Waits for neither starts nor
  /// ends. Not to be called by `on_change`; after `stop` it does nothing.
  void supervise(const Wanted& wanted, Nanoseconds patience);
  /// SIGTERM to all, SIGKILL after 3 s, waits for them.
  void stop();
  [[nodiscard]] std::vector<ChildStatus> status() const;
  /// Whether the process that serves this spec is healthy now.
  [[nodiscard]] bool healthy(const ChildSpec& spec) const;
  /// Waits until every wanted child is healthy or has failed once; true if all are healthy.
  [[nodiscard]] bool wait_ready(Nanoseconds timeout) const;

 private:
  class Loop;
  std::unique_ptr<Loop> loop_;
};

}  // namespace thalamus::gateway
