/// The frame of an error inside a stream. Internal to this folder.
#pragma once

#include <cstdint>
#include <string>

#include "thalamus/wire/openai_chat_error.h"

namespace thalamus::wire {

/// The conversation's place is named as this protocol names it.
[[nodiscard]] OpenAiError responses_error(const Error& error);

/// `event: error` with the members both as they are documented (at the top) and as OpenAI's service sends them (below
/// `error`): official clients raise an exception for the second form only.
void append_error_event(std::string& out, const OpenAiError& error, std::uint64_t sequence_number);

}  // namespace thalamus::wire
