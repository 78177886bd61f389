/// The last user turn without its courtesies: greeting, frame and instructions about the form of the answer are read
/// and taken off, so that the tools see the question alone. What is not understood stays, and makes the tools decline.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "thalamus/core/request.h"
#include "thalamus/tool/phrase.h"
#include "thalamus/tool/tool.h"

namespace thalamus::tool {

enum class Form : std::uint8_t { kDefault, kFraction, kDecimal, kPercent };

/// What the user said about the form of the answer.
struct Style {
  bool terse = false;        ///< only the answer, no working
  bool number_only = false;  ///< only a number, no unit
  bool keep_units = false;
  Form form = Form::kDefault;
  std::optional<std::uint32_t> decimals;
  std::optional<std::uint32_t> significant;
  std::optional<Rational> nearest;       ///< round to a multiple of this
  std::optional<std::string> separator;  ///< between the items of a list
  std::vector<std::string> nouns;        ///< what the answer was called: "date", "word", "integer", "yes"

  /// Every noun used is among these (or a neutral one such as "answer").
  [[nodiscard]] bool allows(std::initializer_list<std::string_view> nouns_allowed) const;
  /// Nothing said about rounding or number form.
  [[nodiscard]] bool is_unrounded() const noexcept {
    return form == Form::kDefault && !decimals.has_value() && !significant.has_value() && !nearest.has_value();
  }
};

struct Question {
  Phrase phrase;
  std::uint32_t begin = 0;  ///< the question proper: tokens [begin, end)
  std::uint32_t end = 0;
  std::string tail;  ///< the final punctuation that was taken off, as in "!?"
  Style style;
};

/// How long a text a tool looks at. Letters are counted before anything is read, so that long prose costs next to
/// nothing.
struct TextLimits {
  std::size_t bytes_max;
  std::size_t letters_max;
};

/// Nothing for structured output and tools, a turn that depends on the conversation, or a text beyond the limits. What
/// else forbids an answer (`may_answer`) is asked once there is one.
[[nodiscard]] std::optional<Question> read_question(const core::Request& request, TextLimits limits);

/// One wording: a pattern and what answers it. The handler declines by returning nothing; the next wording is tried.
struct Match {
  const Question& question;
  const Captures& captures;
  const Context& context;
  [[nodiscard]] const Phrase& phrase() const noexcept { return question.phrase; }
  [[nodiscard]] const Style& style() const noexcept { return question.style; }
  [[nodiscard]] Span span(char name) const noexcept { return captures[name]; }
  [[nodiscard]] std::string_view text(char name) const noexcept {
    return question.phrase.slice(captures[name].begin, captures[name].end);
  }
  /// The slot as a number.
  [[nodiscard]] std::optional<Rational> number(char name) const { return number_in(phrase(), captures[name]); }
};

struct Rule {
  Pattern pattern;
  std::optional<Solution> (*handler)(const Match&);
};

/// The first rule that matches the whole question and accepts it.
[[nodiscard]] std::optional<Solution> apply(std::span<const Rule> rules, const Question& question,
                                            const Context& context);
/// Leaves the working out where the user asked for the answer alone.
[[nodiscard]] Solution solution(const Style& style, std::string answer, std::string working);

}  // namespace thalamus::tool
