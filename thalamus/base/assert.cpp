#include "thalamus/base/assert.h"

#include <cstdio>
#include <cstdlib>

namespace thalamus::base {

void assertion_failed(const char* condition, const char* file, int line) noexcept {
  std::fprintf(stderr, "assertion failed: %s at %s:%d\n", condition, file, line);
  std::abort();
}

}  // namespace thalamus::base
