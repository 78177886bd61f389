/// What a request says of itself, read in one stateless pass: word tokens, letters for n-grams, and the signals. All
/// fitted features are computed from this alone.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "thalamus/core/request.h"

namespace thalamus::feature {

// A longer text is read whole for its counts (bytes, character classes, lines, input tokens); tokens, letters and word
// classes come from its head and its tail.
inline constexpr std::size_t kTextHeadBytes = 24U << 10;
inline constexpr std::size_t kTextTailBytes = 8U << 10;
inline constexpr std::size_t kTokensMax = kTextHeadBytes + kTextTailBytes;
// Tools beyond these are counted, not read.
inline constexpr std::size_t kToolsReadMax = 256;
inline constexpr std::size_t kToolBytesMax = 256U << 10;

/// The cheap facts, one float each. The order is part of the schema: new ones go to the end.
enum class Signal : std::uint8_t {
#define SIGNAL(name, help) name,
#include "thalamus/feature/signals.def"
#undef SIGNAL
  kCount,
};
inline constexpr std::size_t kSignalCount = static_cast<std::size_t>(Signal::kCount);

/// snake_case names in the order of Signal.
[[nodiscard]] std::span<const std::string> signal_names();
[[nodiscard]] std::span<const std::string_view> signal_helps() noexcept;
/// Changes whenever a signal's name, order or definition changes.
[[nodiscard]] std::uint64_t signal_schema_hash();

/// The parts of a Description that cost something and that somebody reads.
struct Reads {
  bool signals = false;
  bool tokens = false;
  bool letters = false;
  bool question = false;  ///< where the question begins among the tokens; of use with `tokens`
  [[nodiscard]] constexpr Reads operator|(Reads other) const noexcept {
    return {signals || other.signals, tokens || other.tokens, letters || other.letters, question || other.question};
  }
  [[nodiscard]] bool operator==(const Reads&) const = default;
};
inline constexpr Reads kReadsAll{true, true, true, true};

/// What a transform does that would take milliseconds: compute it now, or stand in for it with what is known already.
enum class Patience : std::uint8_t { kCompute, kStandIn };

/// Reusable: describing a second request into the same object allocates nothing once its capacity suffices
/// (`reserve` makes it suffice for all).
struct Description {
  std::string text;                   ///< all message text joined by newlines; sampled where long
  std::vector<std::uint64_t> tokens;  ///< token_hash of each lower-cased word token, in order
  /// Index in `tokens` of the last paragraph of the last user message: what precedes it are documents, instructions or
  /// earlier turns. 0 where nothing precedes it.
  std::size_t question_tokens_begin = 0;
  std::string letters;  ///< lower-cased, UTF-8 also where `text` is not, white space runs as one space
  std::array<float, kSignalCount> signals{};
  std::string task_hint;                ///< the caller's own label; empty if none
  std::uint64_t text_bytes = 0;         ///< of the whole text
  std::uint64_t text_hash = 0;          ///< of the whole text: the cache key of slow features
  std::uint32_t input_tokens = 0;       ///< estimated: text, roles and tools
  std::uint32_t max_output_tokens = 0;  ///< as asked; 0 if not
  bool has_images = false;
  bool has_tools = false;
  bool wants_json_schema = false;
  Patience patience = Patience::kCompute;  ///< the caller's own; `describe` leaves it as it is

  void reserve();
  [[nodiscard]] float signal(Signal which) const noexcept { return signals[static_cast<std::size_t>(which)]; }
};

/// Describes a request. What `reads` does not name is left empty (signals: zero); all other members are always filled.
void describe(const core::Request& request, Description& out, Reads reads = kReadsAll);
/// Describes one user message with tools as a JSON array (empty if none); the same as a Request of that content.
void describe_text(std::string_view prompt, std::string_view tools_json, Description& out);
/// Describes a row of an outcome table: turns and roles from `messages_json`, text from `prompt`.
void describe_row(std::string_view prompt, std::string_view messages_json, std::string_view tools_json,
                  Description& out);

/// The lower case of one code point (simple mapping of Latin, Greek, Cyrillic, full-width and enclosed letters).
[[nodiscard]] char32_t lower_code_point(char32_t code_point) noexcept;

}  // namespace thalamus::feature
