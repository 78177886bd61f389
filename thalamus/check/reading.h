/// Reads a chat model's answer as prose around one result: explicit final-answer markers, the last line, bold text.
/// Shared by the checkers, so that all agree on what "the answer" of a text is.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace thalamus::check {

/// How plainly an answer marks its result; stronger markers hide weaker ones.
enum class Marker : std::uint8_t {
  kNone,
  kResult,  ///< "the result is", "output:"; the last one counts
  kAnswer,  ///< "answer: X", "the correct answer is X"
  kFinal,   ///< "final answer: X", "#### X"
  kBoxed,   ///< \boxed{X}
};

struct Reading {
  std::string text;                  ///< plain text of the whole answer, explanations after the result cut off
  std::vector<std::string> lines;    ///< its lines, trimmed, none empty
  std::string last_line_emphasised;  ///< the last line with its markdown emphasis
  Marker marker = Marker::kNone;
  std::vector<std::string> marked;  ///< the differing results under the strongest marker; more than one is a conflict
  std::vector<std::string> fenced;  ///< contents of the code fences

  [[nodiscard]] bool conflicting() const noexcept { return marked.size() > 1; }
};

[[nodiscard]] Reading read_answer(std::string_view answer);

/// `item` stands in `text` with no letter or digit next to it. Both in the same case.
[[nodiscard]] bool contains_word(std::string_view text, std::string_view item) noexcept;

/// The line without a leading bullet ("- ", "* ", "3. ", "3) "); `had_bullet` says whether there was one.
[[nodiscard]] std::string_view without_bullet(std::string_view line, bool& had_bullet) noexcept;

/// The spans of `line` that stand in markdown bold.
[[nodiscard]] std::vector<std::string> bold_spans(std::string_view line);

/// A short form for reasons: at most 60 bytes, in quotes.
[[nodiscard]] std::string excerpt(std::string_view text);

}  // namespace thalamus::check
