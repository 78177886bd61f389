/// Assertions for broken invariants. Never reachable from input.
#pragma once

namespace thalamus::base {
/// Prints the condition and place to standard error and aborts.
[[noreturn]] void assertion_failed(const char* condition, const char* file, int line) noexcept;
}  // namespace thalamus::base

/// Stays on in every build.
#define THALAMUS_ASSERT(condition) \
  ((condition) ? static_cast<void>(0) : ::thalamus::base::assertion_failed(#condition, __FILE__, __LINE__))

#ifdef NDEBUG
#define THALAMUS_DEBUG_ASSERT(condition) static_cast<void>(0)
#else
#define THALAMUS_DEBUG_ASSERT(condition) THALAMUS_ASSERT(condition)
#endif
