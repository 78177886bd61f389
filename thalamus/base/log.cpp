#include "thalamus/base/log.h"

#include <spdlog/async.h>
#include <spdlog/async_logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <cstdio>
#include <memory>

namespace thalamus::base {
namespace {

constexpr std::size_t kQueueLengthMax = 8192;

// A log has one destination a process, so this is the one process-wide object of the library.
struct State {
  std::shared_ptr<spdlog::details::thread_pool> pool;
  std::shared_ptr<spdlog::async_logger> logger;
};

State& state() {
  static State instance;
  return instance;
}

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug: return spdlog::level::debug;
    case LogLevel::kInfo: return spdlog::level::info;
    case LogLevel::kWarning: return spdlog::level::warn;
    case LogLevel::kError: return spdlog::level::err;
  }
  return spdlog::level::info;
}

}  // namespace

void log_start(LogLevel least, const std::string& path) {
  spdlog::sink_ptr sink;
  if (path.empty()) {
    sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  } else {
    sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(path);
  }
  sink->set_formatter(
      std::make_unique<spdlog::pattern_formatter>("%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc));
  auto& s = state();
  s.pool = std::make_shared<spdlog::details::thread_pool>(kQueueLengthMax, 1);
  s.logger =
      std::make_shared<spdlog::async_logger>("thalamus", sink, s.pool, spdlog::async_overflow_policy::overrun_oldest);
  s.logger->set_level(to_spdlog(least));
  s.logger->flush_on(spdlog::level::info);
}

void log_stop() {
  auto& s = state();
  if (s.logger) s.logger->flush();
  s.logger.reset();
  s.pool.reset();
}

void log_line(LogLevel level, std::string_view text) {
  if (const auto& logger = state().logger) {
    logger->log(to_spdlog(level), spdlog::string_view_t(text.data(), text.size()));
  } else {
    std::fprintf(stderr, "%.*s\n", static_cast<int>(text.size()), text.data());
  }
}

std::uint64_t log_dropped() noexcept { return state().pool ? state().pool->overrun_counter() : 0; }

}  // namespace thalamus::base
