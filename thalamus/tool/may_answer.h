/// What all tools decline, whatever the question: requests for what a tool cannot honour, and conversations in which
/// something said before may change what the question means or how its answer must look.
#pragma once

#include <string_view>

#include "thalamus/core/request.h"

namespace thalamus::tool {

/// The fewest output tokens within which any tool answers; what is cut short is no exact answer.
inline constexpr std::uint32_t kOutputTokensMin = 64;

/// May a tool answer this request at all? Every `Tool::solve` must ask before it has a value. Linear in the text of the
/// conversation, with the cheap reasons first; past two kilobytes of earlier text the answer is no.
[[nodiscard]] bool may_answer(const core::Request& request);

/// Could this text of a system message or an earlier turn change the meaning or the form of a later answer? Yes where
/// it holds a word of instruction, or is not in plain English letters.
[[nodiscard]] bool may_instruct(std::string_view text);

}  // namespace thalamus::tool
