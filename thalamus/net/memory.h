/// Streams without sockets: a transport inside one process with cuts, stalls and planned faults, so that every line of
/// protocol code can be driven through every failure.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "thalamus/base/clock.h"
#include "thalamus/net/http_server.h"
#include "thalamus/net/stream.h"

namespace thalamus::net {

/// Counts operations (connect, accept, read, write) of all streams that share it and fails one of them, the first being
/// number 1. A loop over `fail_at` until `hit` stays false has failed every operation of a run once.
struct FailCounter {
  std::uint64_t fail_at = 0;  ///< 0: none
  std::uint64_t count = 0;
  bool hit = false;

  [[nodiscard]] bool next_fails() noexcept {
    if (++count != fail_at) return false;
    hit = true;
    return true;
  }
};

/// Applies to connections made after it is set; "client" is the side that connected.
struct MemoryFaults {
  static constexpr std::uint64_t kNone = std::numeric_limits<std::uint64_t>::max();
  std::size_t read_size_max = std::numeric_limits<std::size_t>::max();  ///< every read gives at most this many bytes
  std::uint64_t to_server_bytes_max = kNone;  ///< the connection breaks when so many bytes reached the server
  std::uint64_t to_client_bytes_max = kNone;  ///< the connection breaks when so many bytes reached the client
  FailCounter* counter = nullptr;             ///< outlives the connections
};

struct MemoryPipe;
struct MemoryShared;

/// Two connected streams.
struct MemoryPair {
  std::unique_ptr<Stream> client;
  std::unique_ptr<Stream> server;
};

/// Where the server's ends come out. Closed by `close` or with its network.
class MemoryListener {
 public:
  MemoryListener(std::shared_ptr<MemoryShared> shared, std::string key);
  ~MemoryListener();
  MemoryListener(const MemoryListener&) = delete;
  MemoryListener& operator=(const MemoryListener&) = delete;
  /// The next connection; kCancelled after `close`.
  [[nodiscard]] Awaitable<Result<std::unique_ptr<Stream>>> accept();
  void close() noexcept;

 private:
  std::shared_ptr<MemoryShared> shared_;
  std::string key_;
};

/// Runs on one thread. Deadlines are instants of `clock`; with a clock that stands still call `check_deadlines` after
/// moving it. The objects it made may outlive it.
class MemoryNetwork final : public Connector {
 public:
  MemoryNetwork(asio::any_io_executor executor, const base::Clock& clock);
  ~MemoryNetwork() override;
  MemoryNetwork(const MemoryNetwork&) = delete;
  MemoryNetwork& operator=(const MemoryNetwork&) = delete;

  /// kConflict if the name is taken. Port and TLS of an endpoint are matched, TLS is not spoken.
  [[nodiscard]] Result<std::unique_ptr<MemoryListener>> listen(const std::string& host, std::uint16_t port);
  /// kUnavailable where nobody listens or the backlog is full.
  [[nodiscard]] Awaitable<Result<std::unique_ptr<Stream>>> connect(const Endpoint& endpoint,
                                                                   Nanoseconds deadline) override;
  /// Two streams without a listener.
  [[nodiscard]] MemoryPair pair();

  [[nodiscard]] MemoryFaults& faults() noexcept;
  /// While stalled no byte is delivered and no connection is made; operations wait for their deadline.
  void stall();
  void resume();
  /// Breaks every open connection, as a lost network does: reads and writes of both sides fail.
  void cut();
  void check_deadlines();
  [[nodiscard]] std::uint64_t connections_made() const noexcept;

 private:
  std::shared_ptr<MemoryShared> shared_;
};

/// Serves every connection of `listener` until it is closed, as the other accept_loop does for sockets. What is given
/// by reference outlives the gate's last connection.
[[nodiscard]] Awaitable<void> accept_loop(MemoryListener& listener, const ServerLimits& limits, const Handler& handler,
                                          const ErrorBody& error_body, const base::Clock& clock, Gate& gate);

}  // namespace thalamus::net
