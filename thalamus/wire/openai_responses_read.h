/// The objects that an upstream's buffered answers and stream events share. Internal to this folder.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "thalamus/core/answer.h"
#include "thalamus/wire/json_cursor.h"

namespace thalamus::wire {

/// One item of an output, whatever its type; what it has not stays empty.
struct ReadItem {
  std::string type;
  std::string id;
  std::string text;  ///< of a message; of a thought its summary, then its content
  std::string refusal;
  std::string encrypted;
  std::vector<core::TokenLogprob> logprobs;  ///< of a message's text
  core::ToolCall call;

  [[nodiscard]] bool is_call() const noexcept { return type == "function_call" || type == "custom_tool_call"; }
};
[[nodiscard]] bool take_item(JsonCursor& cursor, ReadItem& out);
/// An array of them, added to `out`.
[[nodiscard]] bool take_logprobs(JsonCursor& cursor, std::vector<core::TokenLogprob>& out);

/// The reasoning part that a thought becomes.
[[nodiscard]] core::Part thought_of(ReadItem item);

enum class WithOutput : std::uint8_t { kNo, kYes };

/// A whole response object.
struct ReadResponse {
  core::Answer answer;
  std::string failure;  ///< of a failed one, presentable
  bool is_response = false;
  bool has_other_content = false;  ///< output that no field of an answer holds
};
/// Without the output's items where they are not wanted; calls then do not count for the finish.
[[nodiscard]] bool take_response(JsonCursor& cursor, WithOutput with_output, ReadResponse& out);

}  // namespace thalamus::wire
