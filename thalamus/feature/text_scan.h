/// The counting half of a description: byte classes over the whole text, marks over the sampled text.
#pragma once

#include <cstdint>
#include <string_view>

namespace thalamus::feature {

/// Fed with the whole text, piece by piece; state carries over from piece to piece.
class TextCounts {
 public:
  void feed(std::string_view piece) noexcept;
  /// Ends the last number, word and line.
  void finish() noexcept;

  std::uint64_t bytes = 0;
  std::uint64_t characters = 0;  ///< code points
  std::uint64_t lines = 0;       ///< with at least one byte
  std::uint64_t last_line_bytes = 0;
  std::uint64_t digits = 0;
  std::uint64_t uppers = 0;
  std::uint64_t letters = 0;  ///< ASCII
  std::uint64_t spaces = 0;
  std::uint64_t newlines = 0;
  std::uint64_t punctuation = 0;
  std::uint64_t brackets = 0;
  std::uint64_t quotes = 0;
  std::uint64_t commas = 0;
  std::uint64_t cjk = 0;
  std::uint64_t cyrillic = 0;
  std::uint64_t latin_extended = 0;
  std::uint64_t other_script = 0;
  std::uint64_t math_symbols = 0;
  std::uint64_t latex = 0;
  std::uint64_t question_marks = 0;
  std::uint64_t numbers = 0;
  std::uint64_t decimals = 0;
  std::uint64_t longest_number = 0;
  std::uint64_t words = 0;  ///< ASCII alphanumeric runs
  std::uint64_t word_bytes = 0;
  double tokens = 0;                           ///< estimated, of a common byte-pair vocabulary
  std::uint64_t hash = 0xcbf29ce484222325ULL;  ///< FNV-1a of the bytes

 private:
  void end_run() noexcept;
  void lead_byte(unsigned char c) noexcept;
  std::uint64_t run_ = 0;  ///< length of the current ASCII alphanumeric run
  std::uint64_t run_digits_ = 0;
  std::uint64_t line_bytes_ = 0;
  unsigned char previous_ = 0;
  bool number_before_point_ = false;
};

/// Found by looking a few bytes ahead; over the sampled text.
struct TextMarks {
  std::uint32_t options = 0;
  std::uint32_t code_fences = 0;
  std::uint32_t code = 0;
  std::uint32_t json = 0;
  std::uint32_t table = 0;
  std::uint32_t list = 0;
  std::uint32_t urls = 0;
};
[[nodiscard]] TextMarks find_marks(std::string_view text) noexcept;

}  // namespace thalamus::feature
