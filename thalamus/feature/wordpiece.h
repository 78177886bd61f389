/// Uncased WordPiece: text -> ids of a vocabulary, as BERT does it (Devlin et al., arXiv 1810.04805; the algorithm of
/// Wu et al., arXiv 1609.08144): control characters out, ideographs apart, lower case, accents off, punctuation apart,
/// then the longest piece of the vocabulary first.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "thalamus/base/result.h"

namespace thalamus::feature {

inline constexpr std::size_t kVocabularySizeMax = 1U << 20;
inline constexpr std::size_t kWordPieceLettersMax = 100;  ///< a longer word is unknown as a whole

/// Immutable once loaded; all calls are thread-safe.
class WordPiece {
 public:
  /// `vocabulary`: one piece a line, its line is its id; "##" begins a piece that continues a word. kCorrupt where a
  /// piece is empty or there twice, or [UNK], [CLS] or [SEP] is missing.
  [[nodiscard]] static Result<WordPiece> load(std::string vocabulary);
  WordPiece(WordPiece&&) = default;
  WordPiece& operator=(WordPiece&&) = default;

  /// Ids of all pieces of a text, without [CLS] and [SEP]; replaces `out`. Bytes that are no UTF-8 are left out.
  void pieces(std::string_view text, std::vector<std::uint32_t>& out) const;
  /// [CLS], pieces, [SEP]: at most `limit` (at least 3) ids. Of a longer text the head and the tail are kept, the tail
  /// a quarter of the whole.
  void encode(std::string_view text, std::size_t limit, std::vector<std::uint32_t>& out) const;

  [[nodiscard]] std::size_t size() const noexcept { return starts_.size() - 1; }
  [[nodiscard]] std::string_view piece(std::uint32_t id) const noexcept {
    return std::string_view(text_).substr(starts_[id], starts_[id + 1] - starts_[id] - 1);
  }
  [[nodiscard]] std::uint32_t unknown() const noexcept { return unknown_; }
  [[nodiscard]] std::uint32_t begin_mark() const noexcept { return begin_; }
  [[nodiscard]] std::uint32_t end_mark() const noexcept { return end_; }

 private:
  static constexpr std::uint32_t kAbsent = ~std::uint32_t{0};

  WordPiece() = default;
  Status index();
  [[nodiscard]] std::uint32_t find(std::string_view piece, bool continues) const noexcept;
  /// Appends the pieces of one word: UTF-8, folded.
  void split_word(std::string_view word, std::vector<std::uint32_t>& out) const;

  std::string text_;                   ///< all pieces, each with a line feed behind it
  std::vector<std::uint32_t> starts_;  ///< of each piece, and the end
  std::vector<std::uint32_t> slots_;   ///< open addressing by content: id + 1, 0 where empty; at most half full
  std::size_t longest_ = 0;            ///< bytes of the longest piece
  std::uint32_t unknown_ = 0;
  std::uint32_t begin_ = 0;
  std::uint32_t end_ = 0;
};

/// The words of a text before they are cut into pieces: folded, punctuation and ideographs alone, apart by one blank.
[[nodiscard]] std::string basic_tokens(std::string_view text);

}  // namespace thalamus::feature
