/// Turns, system prompts and tools of a messages request, both ways. Internal to this folder.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "thalamus/base/json_writer.h"
#include "thalamus/core/request.h"
#include "thalamus/wire/body_edits.h"
#include "thalamus/wire/body_notes.h"
#include "thalamus/wire/json_value.h"
#include "thalamus/wire/losses.h"

namespace thalamus::wire {

/// "missing; expected a string" at `at.member`.
[[nodiscard]] std::unexpected<Error> missing(const Place& at, std::string_view member, std::string_view expected);

/// One element of `messages`. A user's turn becomes its tool results, a message each, and then the rest; the parts keep
/// the client's own places.
[[nodiscard]] Status read_turn(JsonCursor& cursor, const Place& place, BodyNotes& notes,
                               std::vector<core::Message>& out);
/// `system`: a string or text blocks.
[[nodiscard]] Status read_system(JsonCursor& cursor, const Place& place, BodyNotes& notes, core::Message& out);
/// A tool of the client's own, or one that is defined or run by the provider and is kept as it is spelt.
[[nodiscard]] Status read_anthropic_tool(JsonCursor& cursor, const Place& place, BodyNotes& notes,
                                         core::ToolDefinition& out);

/// "system" and "messages", as members of the object that is open in `writer`.
void write_turns(const core::Request& request, LossList& losses, base::JsonWriter& writer);
/// Whether a part proves its thought to Anthropic.
[[nodiscard]] bool is_signed_thought(const core::Part& part) noexcept;

/// Reasoning that another provider encrypted travels through Anthropic's clients as a signature: in it are the
/// provider's name of the thought and its encrypted text.
[[nodiscard]] std::string foreign_signature(std::string_view id, std::string_view encrypted);
/// False where the signature is the provider's own.
[[nodiscard]] bool split_foreign_signature(std::string_view signature, std::string& id, std::string& encrypted);

/// The member that holds the arguments of a call which are no JSON object.
inline constexpr std::string_view kWrappedInput = "input";

/// The arguments of a call as the JSON object that `input` must be. Text that is none becomes {"input": text}, with
/// `wrapped` set; nothing becomes {}.
[[nodiscard]] std::string tool_input(std::string_view arguments, bool& wrapped);

}  // namespace thalamus::wire
