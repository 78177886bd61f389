/// Reading what a user says about the form of an answer. Closed vocabularies: a sentence with one word outside them is
/// no instruction, and stays part of the question.
#pragma once

#include <cstdint>

#include "thalamus/tool/phrase.h"
#include "thalamus/tool/question.h"

namespace thalamus::tool {

/// Is [begin, end) wholly an instruction about the answer's form or a courtesy? Then `style` takes what it says.
[[nodiscard]] bool read_instruction(const Phrase& phrase, std::uint32_t begin, std::uint32_t end, Style& style);
/// Takes one opening ("please", "can you tell me", "hello,") off the front; says whether there was one.
[[nodiscard]] bool peel_opening(const Phrase& phrase, std::uint32_t& begin, std::uint32_t end);
/// Takes one closing ("rounded to two decimal places", "as a fraction", "please") off; returns the new end. Courtesies
/// stay if `has_operand`: they could be part of a text to work on.
[[nodiscard]] std::uint32_t peel_suffix(const Phrase& phrase, std::uint32_t begin, std::uint32_t end, bool has_operand,
                                        Style& style);

}  // namespace thalamus::tool
