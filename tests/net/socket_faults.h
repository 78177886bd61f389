/// FailCounter for real sockets: the system calls of one side of a port are counted, and one of them fails. What the
/// in-memory transport does for protocol code, this does for everything below it: TCP, TLS, the listener.
#pragma once

#include <cstdint>

#include "thalamus/net/memory.h"

namespace thalamus::net {

enum class SocketSide : std::uint8_t { kClient, kServer };

/// From its making to its end, `connect`, `accept`, `send` and `recv` of one side's connections count as operations;
/// those that would only wait do not. The one that fails gives ECONNRESET and ends the connection, as a lost network
/// does. One at a time, on one thread; `counter` outlives it.
class SocketFaults {
 public:
  SocketFaults(SocketSide side, std::uint16_t port, FailCounter& counter) noexcept;
  ~SocketFaults();
  SocketFaults(const SocketFaults&) = delete;
  SocketFaults& operator=(const SocketFaults&) = delete;
};

}  // namespace thalamus::net
