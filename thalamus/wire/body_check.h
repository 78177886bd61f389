/// What is asked of every client's body, whatever its protocol. Internal to this folder.
#pragma once

#include <limits>
#include <string>
#include <string_view>

#include "thalamus/base/result.h"
#include "thalamus/core/request.h"
#include "thalamus/wire/format.h"
#include "thalamus/wire/json_value.h"

namespace thalamus::wire {

/// Of a body that was decoded once already.
inline constexpr DecodeLimits kNoLimits{.body_bytes_max = std::numeric_limits<std::size_t>::max(),
                                        .depth_max = kJsonDepthMax,
                                        .messages_max = std::numeric_limits<std::size_t>::max()};

/// kTooLarge past the limit; kInvalidInput on an empty body and on one that begins with a byte order mark.
[[nodiscard]] Status check_body(std::string_view body, const DecodeLimits& limits);

/// Where a protocol has its choice of a tool, and its word for a call of any.
struct ToolChoiceWords {
  std::string_view choice;    ///< "body.tool_choice"
  std::string_view name;      ///< "body.tool_choice.function.name"
  std::string_view required;  ///< "required"
};

/// kInvalidInput where a call is demanded, or one alone allowed, of a tool that is not there. Tools that only the
/// provider knows may hold any name, so that nothing is refused beside them.
[[nodiscard]] Status check_tool_choice(const core::Request& request, const ToolChoiceWords& words);

/// `metadata` of OpenAI's protocols: the member `task` is our hint, `more` says whether there are others, which are the
/// provider's.
[[nodiscard]] Status read_metadata(JsonCursor& cursor, const Place& place, std::string& task_hint, bool& more);

}  // namespace thalamus::wire
