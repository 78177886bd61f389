/// A running gateway: listeners, serving cores, supervisor and decision records, from one configuration.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "thalamus/base/clock.h"
#include "thalamus/gateway/config.h"
#include "thalamus/gateway/endpoints.h"

namespace thalamus::gateway {

struct StartOptions {
  std::filesystem::path state_folder;  ///< sockets, logs of children, trace; empty: the XDG state folder
  std::uint64_t seed = 0;              ///< 0: from the system's randomness
};

/// Threads run from `start` until `stop` or destruction.
class Gateway {
 public:
  /// Fails with kConflict where a port is taken or another instance holds the trace folder, kInvalidInput where the
  /// configuration cannot serve. Children start in the background: see `wait_ready`.
  [[nodiscard]] static Result<std::unique_ptr<Gateway>> start(Config config, const StartOptions& options);
  ~Gateway();
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;

  [[nodiscard]] std::uint16_t port() const noexcept;
  [[nodiscard]] std::uint16_t admin_port() const noexcept;
  /// The addresses clients use, with the ports that were really bound.
  [[nodiscard]] std::string base_url() const;
  [[nodiscard]] std::string admin_url() const;
  [[nodiscard]] std::shared_ptr<const Runtime> runtime() const;
  /// Waits until every managed child is healthy or has failed once; true if all are healthy.
  [[nodiscard]] bool wait_ready(Nanoseconds timeout) const;
  [[nodiscard]] std::vector<ChildStatus> children() const;
  /// Reads the configuration's file again and puts it in force between two requests; those in flight finish as they
  /// began. On a failure nothing has changed.
  [[nodiscard]] Result<ReloadReport> reload();
  /// No new work; turns in flight finish within the configuration's shutdown timeout; children end; records are
  /// flushed.
  void stop();

 private:
  class Impl;
  explicit Gateway(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace thalamus::gateway
