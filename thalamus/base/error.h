/// The one error value of the project: a closed kind, a message for the person who can act, and the place.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace thalamus::base {

/// Closed set of failure kinds. Each maps once to an HTTP status, a process exit code and a metric label.
enum class ErrorKind : std::uint8_t {
  kInvalidInput,   ///< the caller's data is wrong; the message names field, value and remedy
  kUnauthorized,   ///< no or unknown credential
  kForbidden,      ///< a credential that does not allow this
  kNotFound,       ///< the named thing does not exist
  kTooLarge,       ///< a size or depth limit was passed
  kUnsupported,    ///< valid, but this build or target cannot do it
  kConflict,       ///< taken already: port, lock, name
  kLimitExceeded,  ///< rate, concurrency or budget
  kInfeasible,     ///< no target satisfies the contract
  kTimeout,        ///< a deadline passed
  kUnavailable,    ///< down for now; trying again may help
  kUpstream,       ///< the other side answered with a failure or nonsense
  kCancelled,      ///< given up by the caller
  kCorrupt,        ///< stored bytes are truncated, flipped or foreign
  kEnvironment,    ///< file system, permissions, missing program, processor
  kInternal,       ///< ours
};

/// Process exit codes of every verb.
inline constexpr int kExitDone = 0;
inline constexpr int kExitNo = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitEnvironment = 3;

[[nodiscard]] int http_status(ErrorKind kind) noexcept;
[[nodiscard]] int exit_code(ErrorKind kind) noexcept;
/// Stable snake_case label for metrics and records.
[[nodiscard]] std::string_view label(ErrorKind kind) noexcept;

struct Error {
  ErrorKind kind = ErrorKind::kInternal;
  std::string message;  ///< what was wrong, what was expected, the remedy
  std::string where;    ///< `routes.yaml:14:7`, `body.messages[2].role`, `line 12`; may be empty

  /// "where: message", or the message alone.
  [[nodiscard]] std::string text() const;
};

}  // namespace thalamus::base
