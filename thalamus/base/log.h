/// Operator's log: asynchronous, dropping and counting when full. Decisions go to `trace`, not here. Never log bodies,
/// keys or headers.
#pragma once

#include <fmt/core.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace thalamus::base {

enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarning, kError };

/// Starts the writer thread; standard error, or a file if `path` is not empty. Before this call, and after
/// `log_stop`, lines go to standard error at once.
void log_start(LogLevel least, const std::string& path);
void log_stop();
void log_line(LogLevel level, std::string_view text);
/// Lines dropped because the queue was full.
[[nodiscard]] std::uint64_t log_dropped() noexcept;

template <class... Args>
void log_info(fmt::format_string<Args...> format, Args&&... args) {
  log_line(LogLevel::kInfo, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void log_warning(fmt::format_string<Args...> format, Args&&... args) {
  log_line(LogLevel::kWarning, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void log_error(fmt::format_string<Args...> format, Args&&... args) {
  log_line(LogLevel::kError, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace thalamus::base
