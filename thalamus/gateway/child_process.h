/// The processes behind the supervisor's children: each leads a group of its own and is ended with all of it. Called
/// from the supervisor's thread alone, which stays while they run: they are told when it ends.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "thalamus/base/result.h"
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
  std::string content;  ///< what its files are to be, where the configuration says: another one needs another process
  Nanoseconds start_timeout = Nanoseconds::from_ms(120'000);
  std::string unavailable;  ///< why it cannot be started at all (a missing file, the processor); else empty
};

/// Whether one running process does for both: all that it was started with is the same.
[[nodiscard]] bool same_process(const ChildSpec& a, const ChildSpec& b) noexcept;
/// Whether they cannot run beside each other: the same port of this machine, or the same socket.
[[nodiscard]] bool same_address(const ChildSpec& a, const ChildSpec& b) noexcept;

/// Starts the command in a process group of its own, with output to the log file; its id. kEnvironment, with the
/// system's words, where it cannot be started.
[[nodiscard]] Result<int> start_process(const ChildSpec& spec);
/// How it ended, in words; nothing while it runs. What is left of its group ends with it.
[[nodiscard]] std::optional<std::string> reap_process(int process, const ChildSpec& spec);
enum class Ending : std::uint8_t { kAsked, kForced };
/// SIGTERM or SIGKILL to the whole group; does not wait.
void end_process(int process, Ending ending) noexcept;
/// SIGKILL to the whole group; afterwards the process is gone.
void kill_process(int process) noexcept;

}  // namespace thalamus::gateway
