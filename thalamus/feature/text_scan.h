/// The counting half of a description: byte classes over the whole text, marks over the sampled text.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "thalamus/feature/byte_block.h"

namespace thalamus::feature {

/// Fed with the whole text, piece by piece; state carries over from piece to piece. Constant work a block of 64 bytes,
/// and a few operations for each mark and number in it.
class TextCounts {
 public:
  /// `masks` are the piece's blocks. All pieces but the last are multiples of kBlockBytes long.
  void feed(std::string_view piece, std::span<const BlockMasks> masks) noexcept;
  /// Ends the last number and line.
  void finish() noexcept;
  /// Estimated tokens of a common byte-pair vocabulary. After `finish`.
  [[nodiscard]] double tokens() const noexcept { return static_cast<double>(token_tenths_) / 10.0; }

  std::uint64_t bytes = 0;
  std::uint64_t characters = 0;  ///< code points; after `finish`
  std::uint64_t lines = 0;       ///< with at least one byte
  std::uint64_t last_line_bytes = 0;
  std::uint64_t digits = 0;
  std::uint64_t uppers = 0;
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

 private:
  void end_lines(std::uint64_t newline) noexcept;
  void read_punctuation(const char* block, std::uint64_t punctuation_mask) noexcept;
  void read_long_words(std::uint64_t alphanumeric) noexcept;
  void read_very_long_words(std::uint64_t tail) noexcept;
  void read_numbers(const char* block, const BlockMasks& masks, std::uint64_t starts) noexcept;
  void end_number(std::uint64_t end) noexcept;
  void read_non_ascii(const char* block, std::uint64_t mask) noexcept;
  void unpack_kinds() noexcept;

  BlockMasks before_{};         ///< of the last block
  unsigned char previous_ = 0;  ///< the last byte
  std::int64_t token_tenths_ = 0;
  std::uint64_t continuations_ = 0;
  std::uint64_t line_begin_ = 0;
  std::uint64_t long_tail_ = 0;                ///< bytes beyond the seventh of the word that is open
  std::uint64_t open_number_ = 0;              ///< digits so far of a run that is open and all digits
  std::uint64_t number_end_ = kNoNumberEnded;  ///< of the last number
  bool open_decimal_ = false;                  ///< the open number follows a number and a point
  std::uint64_t kinds_ = 0;                    ///< packed counts of a few blocks
  std::uint32_t kinds_blocks_ = 0;
  static constexpr std::uint64_t kNoNumberEnded = ~std::uint64_t{0} - 1;
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
[[nodiscard]] TextMarks find_marks(std::string_view text, std::span<const BlockMasks> masks) noexcept;

}  // namespace thalamus::feature
