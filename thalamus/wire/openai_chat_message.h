/// Messages and tools of a chat completions request, both ways. Internal to this folder.
#pragma once

#include <vector>

#include "thalamus/base/json_writer.h"
#include "thalamus/core/request.h"
#include "thalamus/wire/body_notes.h"
#include "thalamus/wire/json_value.h"

namespace thalamus::wire {

[[nodiscard]] Status read_message(JsonCursor& cursor, const Place& place, BodyNotes& notes, core::Message& out);
/// {"type":"function","function":{...}}, a bare function schema, or a tool type of the provider's own, which keeps its
/// type as its name.
[[nodiscard]] Status read_tool(JsonCursor& cursor, const Place& place, BodyNotes& notes, core::ToolDefinition& out);

/// "tool_calls":[...] as an assistant's message has them.
void write_tool_calls(base::JsonWriter& writer, const std::vector<core::ToolCall>& calls);

}  // namespace thalamus::wire
