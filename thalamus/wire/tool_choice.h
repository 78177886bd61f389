/// The member `tool_choice` of OpenAI's two protocols: the same words, with a tool's name in different places. Internal
/// to this folder.
#pragma once

#include "thalamus/base/json_writer.h"
#include "thalamus/core/request.h"
#include "thalamus/wire/body_notes.h"
#include "thalamus/wire/json_value.h"

namespace thalamus::wire {

enum class ToolChoiceStyle : std::uint8_t {
  kChat,       ///< {"type":"function","function":{"name":...}}
  kResponses,  ///< {"type":"function","name":...}
};

/// Sets `tool_choice` to the word where it is one of "auto", "none" and "required".
[[nodiscard]] Status read_choice_word(JsonCursor& cursor, const Place& place, core::Request& out);

/// A word, one tool by name, or the tools that may be called; a tool with free text as its input is a function here. A
/// form of the provider's own is noted as unread. Gives the place of the one name: "body.tool_choice.function.name".
[[nodiscard]] Result<std::string_view> read_tool_choice(JsonCursor& cursor, const Place& place, BodyNotes& notes,
                                                        ToolChoiceStyle style, core::Request& out);

/// The member, where the request has a choice.
void write_tool_choice(base::JsonWriter& writer, const core::Request& request, ToolChoiceStyle style);

}  // namespace thalamus::wire
