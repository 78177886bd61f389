/// A text as tokens, and patterns over tokens. All tools recognise their questions by patterns that must match the
/// whole question; what no pattern describes is nobody's claim. Patterns are tables, so that a new wording is one line.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "thalamus/tool/rational.h"

namespace thalamus::tool {

enum class TokenKind : std::uint8_t { kWord, kNumber, kSymbol, kQuoted };

struct Token {
  TokenKind kind = TokenKind::kSymbol;
  bool spaced = false;      ///< white space (or the text's begin) stands before it
  bool new_line = false;    ///< a line break stands before it
  std::uint32_t begin = 0;  ///< bytes in the text
  std::uint32_t end = 0;
  std::uint32_t hash = 0;  ///< of `lower`; a quotation has none
  std::string lower;       ///< lower case, symbols normalised (× is *, – is -); of a quotation its content as written
};

/// A bounded, tokenised text. Words are letters with inner apostrophes; numbers keep their thousands commas; a
/// quotation is one token.
class Phrase {
 public:
  static constexpr std::size_t kTokensMax = 5000;
  /// Nothing if the text has more than kTokensMax tokens or is not valid UTF-8.
  [[nodiscard]] static std::optional<Phrase> read(std::string text);

  [[nodiscard]] std::size_t size() const noexcept { return tokens_.size(); }
  [[nodiscard]] const Token& operator[](std::size_t index) const noexcept { return tokens_[index]; }
  [[nodiscard]] const std::string& text() const noexcept { return text_; }
  /// The original text of tokens [begin, end).
  [[nodiscard]] std::string_view slice(std::size_t begin, std::size_t end) const noexcept;
  [[nodiscard]] bool is(std::size_t index, std::string_view lower) const noexcept {
    return index < tokens_.size() && tokens_[index].kind != TokenKind::kQuoted && tokens_[index].lower == lower;
  }

 private:
  std::string text_;
  std::vector<Token> tokens_;
};

/// Tokens [begin, end).
struct Span {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  [[nodiscard]] bool empty() const noexcept { return begin == end; }
};

/// What each slot of a pattern took; slots are named by one letter.
class Captures {
 public:
  [[nodiscard]] Span operator[](char name) const noexcept { return spans_[static_cast<std::size_t>(name - 'a')]; }
  void set(char name, Span span) noexcept { spans_[static_cast<std::size_t>(name - 'a')] = span; }

 private:
  std::array<Span, 26> spans_{};
};

/// A kind of slot: the ends that a value starting at `begin` may have, best first; none if no value starts there.
struct SlotType {
  std::string_view name;
  void (*ends)(const Phrase& phrase, std::uint32_t begin, std::uint32_t limit, std::vector<std::uint32_t>& ends);
};

/// Pattern text: words and symbols as they are ({ and } stand for parentheses in the text); (a|b c) one of; [a|b] one
/// of or nothing; <type x> a slot named x. Slot types are those given and the built-in `any` (one token or more),
/// `word`, `n` (a number in digits or words) and `q` (a quotation). Matching backtracks within a fixed number of steps.
class Pattern {
 public:
  explicit Pattern(std::string_view source, std::span<const SlotType> types = {});

  using Accept = std::function<bool(const Captures&)>;
  /// Does the pattern take all tokens of [begin, end)? Each way to do so is offered to `accept` until one is taken.
  [[nodiscard]] bool match(const Phrase& phrase, std::uint32_t begin, std::uint32_t end, const Accept& accept) const;
  /// Where the first way to match a beginning of [begin, end) stops.
  [[nodiscard]] std::optional<std::uint32_t> match_prefix(const Phrase& phrase, std::uint32_t begin,
                                                          std::uint32_t end) const;
  /// Could a text that begins with this token match? A cheap test that errs on the side of yes.
  [[nodiscard]] bool may_begin(const Token& token) const noexcept {
    return ((first_low_ >> (token.hash & 63U)) & (first_high_ >> ((token.hash >> 6) & 63U)) & 1U) != 0;
  }

 private:
  enum class Operation : std::uint8_t { kText, kSlot, kSplit, kJump, kEnd };
  struct Instruction {
    Operation operation = Operation::kEnd;
    std::string text;
    void (*ends)(const Phrase&, std::uint32_t, std::uint32_t, std::vector<std::uint32_t>&) = nullptr;
    char slot = 0;
    std::vector<std::uint16_t> targets;
  };
  struct Run;
  void compile(std::string_view source, std::size_t& position, std::span<const SlotType> types);
  void compile_group(std::string_view source, std::size_t& position, std::span<const SlotType> types);
  void compile_slot(std::string_view source, std::size_t& position, std::span<const SlotType> types);
  [[nodiscard]] bool run(Run& state, std::uint16_t counter, std::uint32_t position) const;

  void collect_first(std::size_t counter, int depth);

  std::vector<Instruction> program_;
  std::uint64_t first_low_ = 0;   ///< bits of the hashes of the words it can begin with
  std::uint64_t first_high_ = 0;  ///< the same of other bits
};

/// A number at token `begin`: digits ("1,234.5", "-3", "2 1/2", "1.5 million"), or words ("twenty-three", "minus five",
/// "half a", "a dozen" are not numbers). The end is past its last token.
struct NumberMatch {
  Rational value;
  std::uint32_t end = 0;
};
[[nodiscard]] std::optional<NumberMatch> match_number(const Phrase& phrase, std::uint32_t begin, std::uint32_t limit);
/// Number words only: "seventeen", "two hundred and five", "three point one four".
[[nodiscard]] std::optional<NumberMatch> match_number_words(const Phrase& phrase, std::uint32_t begin,
                                                            std::uint32_t limit);
/// "3rd", "third", "twenty-first", "21 st" without the space; never zero.
[[nodiscard]] std::optional<NumberMatch> match_ordinal(const Phrase& phrase, std::uint32_t begin, std::uint32_t limit);
/// The whole span as one number.
[[nodiscard]] std::optional<Rational> number_in(const Phrase& phrase, Span span);

}  // namespace thalamus::tool
