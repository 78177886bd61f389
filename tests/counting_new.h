/// Replaces the global operator new of a test executable by one that counts; include it in one source of it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

// Clang's sanitizers bring an operator new of their own, which cannot be replaced.
#if defined(__clang__) && defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define THALAMUS_TEST_CANNOT_COUNT 1
#endif
#endif

namespace {
std::atomic<std::size_t> allocation_count{0};
}  // namespace

#ifndef THALAMUS_TEST_CANNOT_COUNT

namespace {
void* counted(std::size_t size) {
  allocation_count.fetch_add(1, std::memory_order_relaxed);
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
}  // namespace

void* operator new(std::size_t size) { return counted(size); }
void* operator new[](std::size_t size) { return counted(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

#endif
