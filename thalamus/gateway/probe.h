/// Asks tasks with checkable answers of targets and writes the outcome table that routing is learned from. A client of
/// any OpenAI-compatible server, by default of a gateway of its own on a free loopback port.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "thalamus/base/result.h"
#include "thalamus/check/task.h"
#include "thalamus/core/target.h"

namespace thalamus::gateway {

struct ProbeTarget {
  std::string name;     ///< the table's column and the `model` that is asked for
  core::Prices prices;  ///< for the cost of recorded tokens
  bool priced = false;
};

struct ProbeOptions {
  std::string base_url;  ///< "http://127.0.0.1:8080/v1"
  std::string key;       ///< bearer, if any
  std::vector<ProbeTarget> targets;
  std::filesystem::path out;  ///< outcome table; `out` + ".journal" keeps what is done for a resumed run
  std::uint32_t concurrency = 1;
  double cost_max_usd = 0;                                ///< stop before more than this is spent; 0: no cap
  double rate_max_per_second = 0;                         ///< requests a second; 0: no limit
  double timeout_seconds = 300;                           ///< of one answer
  std::function<void(const std::string&)> progress_line;  ///< shown as it is; empty: no progress
  const std::atomic<bool>* interrupted = nullptr;
};

/// Which task is asked of which target as the `index`-th of all. Blocks of tasks go to one target after another: near
/// enough in time that a busy machine slows all targets alike, far enough apart that a route and the model behind it
/// never get one prompt twice in a row, which a server's prompt cache would answer faster.
struct ProbeCell {
  std::size_t task = 0;
  std::size_t target = 0;
};
inline constexpr std::size_t kProbeBlockTasks = 8;
[[nodiscard]] ProbeCell probe_cell(std::size_t index, std::size_t tasks, std::size_t targets) noexcept;

struct ProbeTargetResult {
  std::string name;
  std::uint64_t answered = 0;
  std::uint64_t failed = 0;    ///< no answer: error or time-out
  std::uint64_t declined = 0;  ///< an exact tool that does not claim the task
  double quality_sum = 0;
  double seconds_sum = 0;
  double cost_usd = 0;
  std::string last_error;
};

struct ProbeReport {
  std::vector<ProbeTargetResult> targets;
  std::uint64_t resumed_cells = 0;
  bool complete = false;  ///< false where interrupted or capped; run again to go on
  std::string stopped_because;
};

/// Runs until every cell is recorded, the cap is reached or `interrupted` is set; always leaves a valid table of what
/// is there.
[[nodiscard]] Result<ProbeReport> probe(const std::vector<check::Task>& tasks, const ProbeOptions& options);

}  // namespace thalamus::gateway
