/// Messages and tools of a chat completions request. Internal to this folder.
#pragma once

#include "thalamus/core/request.h"
#include "thalamus/wire/json_value.h"

namespace thalamus::wire {

[[nodiscard]] Status read_message(JsonCursor& cursor, const Place& place, core::Message& out);
/// {"type":"function","function":{...}}, a bare function schema, or a tool type of the provider's own, which keeps its
/// type as its name.
[[nodiscard]] Status read_tool(JsonCursor& cursor, const Place& place, core::ToolDefinition& out);

}  // namespace thalamus::wire
