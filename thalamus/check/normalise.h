/// The canonical form of an answer: what checkers compare and what the answer hash of outcome tables is made of. The
/// hash is part of those tables, so a change here makes old and new hashes differ.
#pragma once

#include <string>
#include <string_view>

namespace thalamus::check {

/// The answer without presentation: Unicode spaces, quotes, dashes and full-width forms become ASCII; code fences,
/// markdown emphasis, headings, LaTeX wrappers and hidden `<think>` blocks go. Case and lines stay.
[[nodiscard]] std::string plain_text(std::string_view answer);

/// The same with markdown emphasis kept, for readers who look at what is bold.
[[nodiscard]] std::string plain_text_with_emphasis(std::string_view answer);

/// Removes paired markdown emphasis and back-ticks of one line.
[[nodiscard]] std::string without_emphasis(std::string_view line);

/// plain_text on one line: single spaces, no surrounding punctuation or quotes, no thousands separators, one space
/// after a comma. Case stays.
[[nodiscard]] std::string normalise_keeping_case(std::string_view answer);

/// normalise_keeping_case in lower case (ASCII).
[[nodiscard]] std::string normalise(std::string_view answer);

/// 16 hexadecimal digits of the 64-bit hash of an already normalised answer (`Grade::normalised`).
[[nodiscard]] std::string answer_hash(std::string_view normalised);

/// The last kAnswerLengthMax bytes, cut between code points.
[[nodiscard]] std::string_view bounded_answer(std::string_view answer) noexcept;

/// What follows the last `</think>`, or the whole text.
[[nodiscard]] std::string_view without_thinking(std::string_view answer) noexcept;

}  // namespace thalamus::check
