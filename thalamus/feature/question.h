/// Where the question of a request stands: its documents, instructions and earlier turns come first.
#pragma once

#include <cstddef>
#include <string_view>

namespace thalamus::feature {

/// A paragraph with fewer tokens ("Answer:") belongs to the one before it.
inline constexpr std::size_t kQuestionTokensMin = 4;

/// Number of tokens from the beginning of the question to the end of `text`. The question is the last paragraph (blank
/// lines separate them) of what begins at `message`, with the ones before it while it is too short.
[[nodiscard]] std::size_t count_question_tokens(std::string_view text, std::size_t message) noexcept;

}  // namespace thalamus::feature
