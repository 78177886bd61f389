/// What an upstream's error body says beside its message: the words that protocols decide by.
#pragma once

#include <string>
#include <string_view>

namespace thalamus::wire {

struct ErrorWords {
  std::string type;  ///< "invalid_request_error", "overloaded_error"
  std::string code;  ///< "context_length_exceeded"; empty where the protocol has none
};

/// Of {"error":{"type":...,"code":...}} in any order and company; empty words for everything else. What is longer than
/// 64 bytes is no word.
[[nodiscard]] ErrorWords read_error_words(std::string_view body);

}  // namespace thalamus::wire
