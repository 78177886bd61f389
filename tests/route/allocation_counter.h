/// Counts calls of operator new in this test executable.
#pragma once

#include <cstddef>

namespace thalamus::route {

/// Allocations since the program began.
[[nodiscard]] std::size_t allocations() noexcept;

}  // namespace thalamus::route
