/// A loop over independent pieces of work on several threads. What a piece computes must not depend on which thread
/// runs it or in which order, so that a result is the same for any number of threads.
#pragma once

#include <cstddef>
#include <functional>

#include "thalamus/base/result.h"

namespace thalamus::base {

/// How many threads the machine offers to this process; at least 1.
[[nodiscard]] std::size_t cores() noexcept;

/// Runs `work(i)` for each i < count on at most `threads` threads (the caller is one of them) and waits for all. After
/// the first failure no new piece is begun; the failure of the lowest index is returned.
[[nodiscard]] Status parallel_for(std::size_t count, std::size_t threads,
                                  const std::function<Status(std::size_t)>& work);

}  // namespace thalamus::base
