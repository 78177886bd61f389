/// Text <-> the tokens of a vocabulary.
#pragma once

#include <llama.h>

#include <string>
#include <vector>

namespace thalamus::host {

/// Control tokens that the text spells are read as such, and those that the vocabulary puts around a text are added.
/// Empty where the text gives no token.
[[nodiscard]] std::vector<llama_token> tokenise(const llama_vocab* vocab, const std::string& text);
/// The bytes of a token; empty for control tokens.
[[nodiscard]] std::string piece_of(const llama_vocab* vocab, llama_token token);

}  // namespace thalamus::host
