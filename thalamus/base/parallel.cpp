#include "thalamus/base/parallel.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

namespace thalamus::base {

std::size_t cores() noexcept {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) == 0) return static_cast<std::size_t>(std::max(1, CPU_COUNT(&set)));
  return std::max(1U, std::thread::hardware_concurrency());
}

Status parallel_for(std::size_t count, std::size_t threads, const std::function<Status(std::size_t)>& work) {
  std::atomic<std::size_t> next{0};
  std::atomic<bool> failed{false};
  std::mutex mutex;
  std::size_t first_failure = count;
  Status result;
  const auto run = [&] {
    while (!failed.load()) {
      const std::size_t i = next.fetch_add(1);
      if (i >= count) return;
      Status status = work(i);
      if (status) continue;
      failed.store(true);
      const std::lock_guard lock(mutex);
      if (i >= first_failure) continue;
      first_failure = i;
      result = std::move(status);
    }
  };
  std::vector<std::jthread> helpers;
  const std::size_t wanted = std::min(std::max<std::size_t>(1, threads), count);
  for (std::size_t t = 1; t < wanted; ++t) helpers.emplace_back(run);
  run();
  helpers.clear();  // joins
  return result;
}

}  // namespace thalamus::base
