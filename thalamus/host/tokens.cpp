#include "thalamus/host/tokens.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace thalamus::host {

std::vector<llama_token> tokenise(const llama_vocab* vocab, const std::string& text) {
  std::vector<llama_token> tokens(text.size() + 8);
  const auto size = static_cast<std::int32_t>(text.size());
  const auto read = [&] {
    return llama_tokenize(vocab, text.data(), size, tokens.data(), static_cast<std::int32_t>(tokens.size()), true,
                          true);
  };
  std::int32_t count = read();
  if (count < 0 && count != INT32_MIN) {
    tokens.resize(static_cast<std::size_t>(-count));
    count = read();
  }
  tokens.resize(static_cast<std::size_t>(std::max(count, 0)));
  return tokens;
}

std::string piece_of(const llama_vocab* vocab, llama_token token) {
  std::array<char, 256> buffer{};
  const std::int32_t size =
      llama_token_to_piece(vocab, token, buffer.data(), static_cast<std::int32_t>(buffer.size()), 0, false);
  if (size >= 0) return {buffer.data(), static_cast<std::size_t>(size)};
  std::string large(static_cast<std::size_t>(-size), '\0');
  llama_token_to_piece(vocab, token, large.data(), -size, 0, false);
  return large;
}

}  // namespace thalamus::host
