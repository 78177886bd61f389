/// Usage that was asked for only by us must not reach a client that did not ask.
#pragma once

#include <string>
#include <string_view>

namespace thalamus::wire {

/// The JSON object without its top-level member `usage`, all other bytes as they were. A text that has none, or is no
/// JSON object, comes back unchanged.
[[nodiscard]] std::string strip_usage(std::string_view data);

}  // namespace thalamus::wire
