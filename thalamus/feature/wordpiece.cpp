#include "thalamus/feature/wordpiece.h"

#include <algorithm>
#include <array>
#include <bit>
#include <iterator>
#include <span>

#include "thalamus/base/text.h"
#include "thalamus/feature/text_hash.h"
#include "thalamus/feature/unicode_tables.h"

namespace thalamus::feature {
namespace {

constexpr std::uint32_t kReplacement = 0xFFFD;
constexpr std::uint64_t kContinues = 0x9e3779b97f4a7c15ULL;  // sets pieces within a word apart from those at its begin

bool within(std::span<const CodeRange> ranges, std::uint32_t c) noexcept {
  const auto after = std::upper_bound(ranges.begin(), ranges.end(), c,
                                      [](std::uint32_t value, const CodeRange& range) { return value < range.first; });
  return after != ranges.begin() && c <= std::prev(after)->last;
}

bool is_space(std::uint32_t c) noexcept {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) ||
         c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}
bool is_control(std::uint32_t c) noexcept {
  if (c < 0x80) return c < 0x20 || c == 0x7F;
  return within({kControls, kControlsSize}, c);
}
bool is_punctuation(std::uint32_t c) noexcept {
  if (c < 0x80) return c > ' ' && c < 0x7F && !(c >= '0' && c <= '9') && !((c | 0x20U) >= 'a' && (c | 0x20U) <= 'z');
  return within({kPunctuation, kPunctuationSize}, c);
}
bool is_mark(std::uint32_t c) noexcept { return c >= 0x300 && within({kMarks, kMarksSize}, c); }

bool is_ideograph(std::uint32_t c) noexcept {
  constexpr CodeRange kBlocks[] = {{0x3400, 0x4DBF},   {0x4E00, 0x9FFF},   {0xF900, 0xFAFF},   {0x20000, 0x2A6DF},
                                   {0x2A700, 0x2B73F}, {0x2B740, 0x2B81F}, {0x2B820, 0x2CEAF}, {0x2F800, 0x2FA1F}};
  return c >= 0x3400 && within(kBlocks, c);
}

/// What a code point becomes: decomposed, without marks, lower-cased; up to three.
struct Folded {
  std::array<std::uint32_t, 3> code_points{};
  std::size_t size = 0;
};

/// Syllables of Hangul by the arithmetic of the Unicode Standard, section 3.12.
Folded fold_hangul(std::uint32_t c) noexcept {
  const std::uint32_t syllable = c - 0xAC00;
  const std::uint32_t tail = syllable % 28;
  return {{0x1100 + syllable / 588, 0x1161 + syllable % 588 / 28, 0x11A7 + tail}, tail == 0 ? 2U : 3U};
}

Folded fold_wide(std::uint32_t c) noexcept {
  if (c >= 0xAC00 && c <= 0xD7A3) return fold_hangul(c);
  if (is_mark(c)) return {};
  if (c >= kIdeographsFirst && c <= kIdeographsLast) return {{kIdeographs[c - kIdeographsFirst]}, 1};
  if (c >= kIdeographsSupplementFirst && c <= kIdeographsSupplementLast)
    return {{kIdeographsSupplement[c - kIdeographsSupplementFirst]}, 1};
  const std::span<const FoldRun> runs(kFolds, kFoldsSize);
  const auto after = std::upper_bound(runs.begin(), runs.end(), c,
                                      [](std::uint32_t value, const FoldRun& run) { return value < run.first; });
  if (after != runs.begin()) {
    const FoldRun& run = *std::prev(after);
    if (c <= run.last && (c - run.first) % run.step == 0) return {{run.target + (c - run.first)}, 1};
  }
  for (const FoldSeveral& several : std::span(kFoldsSeveral, kFoldsSeveralSize)) {
    if (several.code_point != c) continue;
    Folded folded;
    for (const std::uint32_t target : several.target)
      if (target != 0) folded.code_points[folded.size++] = target;
    return folded;
  }
  return {{c}, 1};
}

/// Calls `word(text)` for each basic token of a text, folded, in UTF-8.
template <class Word>
void for_words(std::string_view text, Word&& word) {
  std::string open;
  const auto close = [&] {
    if (!open.empty()) word(std::string_view(open));
    open.clear();
  };
  const auto take = [&](std::uint32_t c) {
    if (!is_punctuation(c)) return base::append_utf8(open, static_cast<char32_t>(c));
    close();
    base::append_utf8(open, static_cast<char32_t>(c));
    close();
  };
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i]);
    std::uint32_t c = byte;
    if (byte < 0x80) {
      ++i;
    } else {
      c = static_cast<std::uint32_t>(base::next_code_point(text, i));
    }
    if (is_space(c)) {
      close();
    } else if (c == kReplacement || is_control(c)) {
      continue;
    } else if (c < 0x80) {
      take(c >= 'A' && c <= 'Z' ? c | 0x20U : c);
    } else {
      const bool alone = is_ideograph(c);
      if (alone) close();
      const Folded folded = fold_wide(c);
      for (std::size_t k = 0; k < folded.size; ++k) take(folded.code_points[k]);
      if (alone) close();
    }
  }
  close();
}

std::size_t letters_of(std::string_view word) noexcept {
  return static_cast<std::size_t>(
      std::count_if(word.begin(), word.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

}  // namespace

Result<WordPiece> WordPiece::load(std::string vocabulary) {
  WordPiece out;
  if (!vocabulary.empty() && vocabulary.back() != '\n') vocabulary.push_back('\n');
  out.text_ = std::move(vocabulary);
  if (out.text_.size() > (std::size_t{1} << 30))
    return fail(ErrorKind::kCorrupt, "vocabulary: {} bytes are too many", out.text_.size());
  out.starts_.push_back(0);
  for (std::size_t end = out.text_.find('\n'); end != std::string::npos; end = out.text_.find('\n', end + 1)) {
    if (end == out.starts_.back() || out.text_[end - 1] == '\r')
      return fail(ErrorKind::kCorrupt, "vocabulary: line {} is empty or ends in a carriage return", out.starts_.size());
    out.starts_.push_back(static_cast<std::uint32_t>(end + 1));
    if (out.size() > kVocabularySizeMax)
      return fail(ErrorKind::kCorrupt, "vocabulary: more than {} pieces", kVocabularySizeMax);
  }
  CHECK_OK(out.index());
  return out;
}

Status WordPiece::index() {
  slots_.assign(std::bit_ceil(2 * size() + 2), 0);
  for (std::uint32_t id = 0; id < size(); ++id) {
    std::string_view text = piece(id);
    longest_ = std::max(longest_, text.size());
    const bool continues = text.starts_with("##") && text.size() > 2;
    if (continues) text.remove_prefix(2);
    if (find(text, continues) != kAbsent)
      return fail(ErrorKind::kCorrupt, "vocabulary: line {}: '{}' is there twice", id + 1, piece(id));
    std::size_t slot = (token_hash(text) ^ (continues ? kContinues : 0)) & (slots_.size() - 1);
    while (slots_[slot] != 0) slot = (slot + 1) & (slots_.size() - 1);
    slots_[slot] = id + 1;
  }
  const auto require = [&](std::string_view name, std::uint32_t& id) -> Status {
    id = find(name, false);
    if (id == kAbsent) return fail(ErrorKind::kCorrupt, "vocabulary: no line is {}", name);
    return {};
  };
  CHECK_OK(require("[UNK]", unknown_));
  CHECK_OK(require("[CLS]", begin_));
  return require("[SEP]", end_);
}

std::uint32_t WordPiece::find(std::string_view text, bool continues) const noexcept {
  std::size_t slot = (token_hash(text) ^ (continues ? kContinues : 0)) & (slots_.size() - 1);
  for (; slots_[slot] != 0; slot = (slot + 1) & (slots_.size() - 1)) {
    std::string_view other = piece(slots_[slot] - 1);
    const bool other_continues = other.starts_with("##") && other.size() > 2;
    if (other_continues) other.remove_prefix(2);
    if (other_continues == continues && other == text) return slots_[slot] - 1;
  }
  return kAbsent;
}

void WordPiece::split_word(std::string_view word, std::vector<std::uint32_t>& out) const {
  const std::size_t before = out.size();
  if (letters_of(word) > kWordPieceLettersMax) {
    out.push_back(unknown_);
    return;
  }
  for (std::size_t begin = 0; begin < word.size();) {
    std::size_t end = std::min(word.size(), begin + longest_);
    std::uint32_t id = kAbsent;
    for (; end > begin; --end) {
      const bool whole_letters = end == word.size() || (static_cast<unsigned char>(word[end]) & 0xC0U) != 0x80U;
      if (whole_letters) id = find(word.substr(begin, end - begin), begin > 0);
      if (id != kAbsent) break;
    }
    if (id == kAbsent) {
      out.resize(before);
      out.push_back(unknown_);
      return;
    }
    out.push_back(id);
    begin = end;
  }
}

void WordPiece::pieces(std::string_view text, std::vector<std::uint32_t>& out) const {
  out.clear();
  for_words(text, [&](std::string_view word) { split_word(word, out); });
}

void WordPiece::encode(std::string_view text, std::size_t limit, std::vector<std::uint32_t>& out) const {
  pieces(text, out);
  const std::size_t room = std::max<std::size_t>(limit, 3) - 2;
  if (out.size() > room) {
    const std::size_t tail = room / 4;
    out.erase(out.begin() + static_cast<std::ptrdiff_t>(room - tail), out.end() - static_cast<std::ptrdiff_t>(tail));
  }
  out.insert(out.begin(), begin_);
  out.push_back(end_);
}

std::string basic_tokens(std::string_view text) {
  std::string out;
  for_words(text, [&](std::string_view word) {
    if (!out.empty()) out.push_back(' ');
    out.append(word);
  });
  return out;
}

}  // namespace thalamus::feature
