#include "thalamus/feature/text_scan.h"

#include <algorithm>
#include <array>

namespace thalamus::feature {
namespace {

// Counts of several kinds of bytes in one number: ten bits each.
enum Kind : unsigned { kBrackets, kQuotes, kMath, kCommas, kQuestions, kLatex };
enum Script : unsigned { kContinuation, kCjk, kCyrillic, kLatin, kOther };
constexpr unsigned kFieldBits = 10;
constexpr std::uint32_t kBlocksPacked = 15;  // 15 * 64 < 1024

constexpr std::uint64_t one(unsigned field) { return std::uint64_t{1} << (kFieldBits * field); }
constexpr std::uint64_t field_of(std::uint64_t packed, unsigned field) {
  return (packed >> (kFieldBits * field)) & ((1U << kFieldBits) - 1);
}

constexpr std::array<std::uint64_t, 128> make_kinds() {
  std::array<std::uint64_t, 128> table{};
  const auto add = [&](std::string_view bytes, unsigned kind) {
    for (const char c : bytes) table[static_cast<unsigned char>(c)] += one(kind);
  };
  add("()[]{}<>", kBrackets);
  add("\"'`", kQuotes);
  add("+-*/=<>^%", kMath);
  add(",", kCommas);
  add("?", kQuestions);
  add("\\$", kLatex);
  return table;
}
constexpr auto kKinds = make_kinds();

// Scripts by the first byte of the UTF-8 sequence: blocks are split finely enough for a rate.
constexpr std::array<std::uint64_t, 128> make_scripts() {
  std::array<std::uint64_t, 128> table{};
  for (std::size_t c = 0x80; c < 0x100; ++c) {
    Script script = kOther;
    if (c < 0xc0) script = kContinuation;
    if (c >= 0xc3 && c <= 0xc9) script = kLatin;
    if (c >= 0xd0 && c <= 0xd3) script = kCyrillic;
    if ((c >= 0xe3 && c <= 0xed) || c == 0xf0) script = kCjk;
    table[c - 0x80] = one(script);
  }
  return table;
}
constexpr auto kScripts = make_scripts();

/// Tenths of a token that a word of `bytes` bytes is beyond the first.
constexpr std::int64_t long_word_tenths(std::uint64_t bytes) { return 10 * static_cast<std::int64_t>((bytes - 1) / 7); }

std::int64_t signed_count(std::uint64_t mask) noexcept { return static_cast<std::int64_t>(count_bits(mask)); }

}  // namespace

void TextCounts::feed(std::string_view piece, std::span<const BlockMasks> masks) noexcept {
  for (std::size_t position = 0; position < piece.size(); position += kBlockBytes) {
    const char* block = piece.data() + position;
    const BlockMasks& mask = masks[position / kBlockBytes];
    const std::uint64_t starts = mask.alphanumeric & ~((mask.alphanumeric << 1) | (before_.alphanumeric >> 63));
    const std::uint64_t found = count_bits(starts);
    words += found;
    token_tenths_ += 10 * static_cast<std::int64_t>(found);
    word_bytes += count_bits(mask.alphanumeric);
    uppers += count_bits(mask.upper);
    spaces += count_bits(mask.space);
    if (mask.newline != 0) end_lines(mask.newline);
    if (mask.punctuation != 0) read_punctuation(block, mask.punctuation);
    read_long_words(mask.alphanumeric);
    if ((mask.digit | open_number_) != 0) read_numbers(block, mask, starts);
    if (mask.non_ascii != 0) read_non_ascii(block, mask.non_ascii);
    const std::size_t size = std::min(kBlockBytes, piece.size() - position);
    previous_ = static_cast<unsigned char>(block[size - 1]);
    before_ = mask;
    bytes += size;
  }
}

void TextCounts::finish() noexcept {
  if (open_number_ != 0) end_number(bytes);
  open_number_ = 0;
  if (bytes > line_begin_) {
    ++lines;
    last_line_bytes = bytes - line_begin_;
  }
  unpack_kinds();
  characters = bytes - continuations_;
}

void TextCounts::end_lines(std::uint64_t newline) noexcept {
  newlines += count_bits(newline);
  std::uint64_t ends = newline & ~((newline << 1) | (before_.newline >> 63));
  token_tenths_ += 10 * signed_count(ends);
  if (bytes == 0) ends &= ~std::uint64_t{1};  // the text begins with an empty line
  lines += count_bits(ends);
  if (ends != 0) {
    const auto end = static_cast<std::size_t>(63 - std::countl_zero(ends));
    const std::uint64_t earlier = newline & ((std::uint64_t{1} << end) - 1);
    const std::uint64_t begin =
        earlier != 0 ? bytes + static_cast<std::size_t>(64 - std::countl_zero(earlier)) : line_begin_;
    last_line_bytes = bytes + end - begin;
  }
  line_begin_ = bytes + static_cast<std::size_t>(64 - std::countl_zero(newline));
}

void TextCounts::read_punctuation(const char* block, std::uint64_t mask) noexcept {
  punctuation += count_bits(mask);
  token_tenths_ += 9 * signed_count(mask);
  std::uint64_t adjacent = mask & ((mask << 1) | (before_.punctuation >> 63));
  for (; adjacent != 0; adjacent &= adjacent - 1) {  // a repeated mark costs 0.3 rather than 0.9
    const std::size_t at = first_bit(adjacent);
    const char before = at > 0 ? block[at - 1] : static_cast<char>(previous_);
    token_tenths_ -= block[at] == before ? 6 : 0;
  }
  for (; mask != 0; mask &= mask - 1) kinds_ += kKinds[static_cast<unsigned char>(block[first_bit(mask)])];
  if (++kinds_blocks_ == kBlocksPacked) unpack_kinds();
}

void TextCounts::unpack_kinds() noexcept {
  brackets += field_of(kinds_, kBrackets);
  quotes += field_of(kinds_, kQuotes);
  math_symbols += field_of(kinds_, kMath);
  commas += field_of(kinds_, kCommas);
  question_marks += field_of(kinds_, kQuestions);
  latex += field_of(kinds_, kLatex);
  kinds_ = 0;
  kinds_blocks_ = 0;
}

// A word costs a token, and another for each seven bytes beyond the first: for its 8th, 15th, ... byte.
void TextCounts::read_long_words(std::uint64_t alphanumeric) noexcept {
  // Bit i of `two`, `four`, `tail`: the last 2, 4, 8 bytes up to byte i are alphanumeric.
  const std::uint64_t last = before_.alphanumeric;
  const std::uint64_t two = alphanumeric & ((alphanumeric << 1) | (last >> 63));
  const std::uint64_t last_two = last & (last << 1);
  const std::uint64_t four = two & ((two << 2) | (last_two >> 62));
  const std::uint64_t last_four = last_two & (last_two << 2);
  const std::uint64_t tail = four & ((four << 4) | (last_four >> 60));
  // Mostly no word has a 15th byte: then each that has an 8th, and had none in the last block, costs one more.
  std::uint64_t eight = tail & (tail << 1);
  eight &= eight << 2;
  eight &= eight << 4;
  if (eight == 0 && long_tail_ + static_cast<std::uint64_t>(std::countr_one(tail)) <= 7) {
    token_tenths_ += 10 * signed_count(tail & ~((tail << 1) | (long_tail_ != 0 ? 1U : 0U)));
    long_tail_ = static_cast<std::uint64_t>(std::countl_one(tail));
    return;
  }
  read_very_long_words(tail);
}

// `tail` has a bit for each byte of a word from its 8th on.
void TextCounts::read_very_long_words(std::uint64_t tail) noexcept {
  std::uint64_t earlier = long_tail_;
  long_tail_ = 0;
  while (tail != 0) {
    const std::size_t begin = first_bit(tail);
    const auto size = static_cast<std::size_t>(std::countr_one(tail >> begin));
    if (begin != 0) earlier = 0;
    token_tenths_ += 10 * static_cast<std::int64_t>((earlier + size + 6) / 7 - (earlier + 6) / 7);
    if (begin + size == kBlockBytes) {
      long_tail_ = earlier + size;
      return;
    }
    tail &= ~std::uint64_t{0} << (begin + size);
    earlier = 0;
  }
}

void TextCounts::read_numbers(const char* block, const BlockMasks& masks, std::uint64_t starts) noexcept {
  digits += count_bits(masks.digit);
  const auto close = [&](std::size_t end) {
    if (((masks.alphanumeric >> end) & 1U) == 0) end_number(bytes + end);
    open_number_ = 0;
  };
  if (open_number_ != 0) {
    const auto size = static_cast<std::size_t>(std::countr_one(masks.digit));
    open_number_ += size;
    if (size == kBlockBytes) return;
    close(size);
  }
  for (std::uint64_t first = starts & masks.digit; first != 0; first &= first - 1) {
    const std::size_t begin = first_bit(first);
    const auto size = static_cast<std::size_t>(std::countr_one(masks.digit >> begin));
    const char before = begin > 0 ? block[begin - 1] : static_cast<char>(previous_);
    open_decimal_ = before == '.' && number_end_ == bytes + begin - 1;
    open_number_ = size;
    if (begin + size == kBlockBytes) return;
    close(begin + size);
  }
}

// It was counted as a word; a number costs half a token and half a token a digit.
void TextCounts::end_number(std::uint64_t end) noexcept {
  ++numbers;
  decimals += open_decimal_ ? 1 : 0;
  longest_number = std::max(longest_number, open_number_);
  token_tenths_ += 5 + 5 * static_cast<std::int64_t>(open_number_) - 10 - long_word_tenths(open_number_);
  number_end_ = end;
}

void TextCounts::read_non_ascii(const char* block, std::uint64_t mask) noexcept {
  std::uint64_t packed = 0;
  std::uint64_t math = 0;
  for (; mask != 0; mask &= mask - 1) {
    const std::size_t at = first_bit(mask);
    const unsigned char before = at > 0 ? static_cast<unsigned char>(block[at - 1]) : previous_;
    const auto c = static_cast<unsigned char>(block[at]);
    packed += kScripts[c & 0x7fU];
    // U+2200..U+22FF are mathematical operators; U+00D7 and U+00F7 the signs of multiplication and division.
    const bool is_operator = before == 0xe2 && c >= 0x88 && c <= 0x8b;
    const bool is_sign = before == 0xc3 && (c == 0x97 || c == 0xb7);
    math += is_operator || is_sign ? 1 : 0;
  }
  math_symbols += math;
  continuations_ += field_of(packed, kContinuation);
  cjk += field_of(packed, kCjk);
  cyrillic += field_of(packed, kCyrillic);
  latin_extended += field_of(packed, kLatin);
  other_script += field_of(packed, kOther);
  token_tenths_ += static_cast<std::int64_t>(8 * field_of(packed, kCjk) + 5 * field_of(packed, kCyrillic) +
                                             5 * field_of(packed, kLatin) + 10 * field_of(packed, kOther));
}

namespace {

bool starts_with_at(std::string_view text, std::size_t position, std::string_view mark) noexcept {
  return text.substr(position, mark.size()) == mark;
}

// "(A)" anywhere; "A)", "A." and "A:" after a space or line end.
bool is_option(std::string_view text, std::size_t i) noexcept {
  if (text[i] > 'J' || i + 1 >= text.size()) return false;
  const char after = text[i + 1];
  if (after != ')' && after != '.' && after != ':') return false;
  if (i == 0) return true;
  const char before = text[i - 1];
  if (before == '(') return after == ')';
  return before == '\n' || before == ' ';
}

// What a pair of bytes is, as bits; from kCallMark on it takes a further look.
constexpr std::uint8_t kCodeMark = 1;
constexpr std::uint8_t kJsonMark = 2;
constexpr std::uint8_t kTableMark = 4;
constexpr std::uint8_t kCallMark = 8;
constexpr std::uint8_t kFenceMark = 16;
constexpr std::uint8_t kAssignMark = 32;
constexpr std::uint8_t kUrlMark = 64;

constexpr std::size_t kPairKinds = 16;  // of first bytes, and of the bytes after them

constexpr std::string_view kFirstBytes = "`;{\"=-|\t:(";
constexpr std::string_view kSecondBytes = "\n\":=> `/";

constexpr std::array<std::uint8_t, 256> number_bytes(std::string_view bytes) {
  std::array<std::uint8_t, 256> table{};
  for (std::size_t i = 0; i < bytes.size(); ++i)
    table[static_cast<unsigned char>(bytes[i])] = static_cast<std::uint8_t>(i + 1);
  return table;
}
constexpr auto kFirst = number_bytes(kFirstBytes);
constexpr auto kSecond = number_bytes(kSecondBytes);

constexpr std::array<std::uint8_t, kPairKinds * kPairKinds> make_pairs() {
  std::array<std::uint8_t, kPairKinds * kPairKinds> table{};
  const auto set = [&](char first, char second, std::uint8_t mark) {
    table[kFirst[static_cast<unsigned char>(first)] * kPairKinds + kSecond[static_cast<unsigned char>(second)]] = mark;
  };
  set(';', '\n', kCodeMark);
  set('{', '"', kJsonMark);
  set('{', '\n', kJsonMark);
  set('"', ':', kJsonMark);
  set('=', '=', kCodeMark);
  set('=', '>', kCodeMark);
  set('=', ' ', kAssignMark);  // code if a list or a dictionary follows
  set('-', '>', kCodeMark);
  set('`', '`', kFenceMark);
  set(':', '/', kUrlMark);
  for (std::size_t second = 0; second < kPairKinds; ++second) {
    table[kFirst['|'] * kPairKinds + second] = kTableMark;
    table[kFirst['\t'] * kPairKinds + second] = kTableMark;
    table[kFirst['('] * kPairKinds + second] = kCallMark;  // of a function, if a word precedes
  }
  return table;
}
constexpr auto kPairs = make_pairs();

/// Counts the line that begins at `i` as a list item, or as code if it opens like that.
void read_line_start(std::string_view text, std::size_t i, TextMarks& marks) noexcept {
  while (i < text.size() && text[i] == ' ') ++i;
  if (i + 1 >= text.size()) return;
  const char first = text[i];
  const char second = text[i + 1];
  if (first >= '0' && first <= '9') {
    marks.list += second == '.' || second == ')' ? 1 : 0;
    return;
  }
  const auto any = [&](auto... words) { marks.code += (starts_with_at(text, i, words) || ...) ? 1 : 0; };
  using namespace std::string_view_literals;
  switch (first) {
    case '-':
    case '*': marks.list += second == ' ' ? 1 : 0; break;
    case 'd': any("def "sv); break;
    case 'c': any("class "sv, "const "sv); break;
    case 'i': any("import "sv, "if ("sv, "int "sv); break;
    case 'f': any("from "sv, "for "sv, "function "sv); break;
    case 'w': any("while "sv); break;
    case 'r': any("return "sv); break;
    case '#': any("#include"sv); break;
    case 'l': any("let "sv); break;
    case 'v': any("var "sv); break;
    case 'S': any("SELECT "sv); break;
    case 'p': any("print("sv); break;
    default: break;
  }
}

/// Marks of punctuation, told by two bytes or (rarely) more.
class PunctuationMarks {
 public:
  explicit PunctuationMarks(std::string_view text) noexcept : text_(text) {}

  void read(std::size_t block, std::uint64_t mask, std::uint64_t after_word) noexcept {
    std::uint32_t code = 0;
    std::uint32_t json = 0;
    std::uint32_t table = 0;
    for (; mask != 0; mask &= mask - 1) {
      const std::size_t at = first_bit(mask);
      const std::size_t i = block + at;
      const std::size_t first = kFirst[static_cast<unsigned char>(text_[i])];
      if (first == 0) continue;
      // What follows the last byte is as good as any byte that is part of no mark.
      const char after = i + 1 < text_.size() ? text_[i + 1] : '\0';
      const std::uint8_t mark = kPairs[first * kPairKinds + kSecond[static_cast<unsigned char>(after)]];
      code += mark & 1U;
      json += (mark >> 1) & 1U;
      table += (mark >> 2) & 1U;
      if (mark >= kCallMark) code += look_further(i, mark, (after_word >> at) & 1U);
    }
    code_ += code;
    json_ += json;
    table_ += table;
  }

  void add_to(TextMarks& marks) const noexcept {
    marks.code += code_ + (text_.ends_with(';') ? 1 : 0);  // as at the end of a line
    marks.json += json_;
    marks.table += table_;
    marks.code_fences += code_fences_;
    marks.urls += urls_;
  }

 private:
  /// Adds to the rarer counts; 1 if this is a mark of code.
  std::uint32_t look_further(std::size_t i, std::uint8_t mark, std::uint64_t after_word) noexcept {
    const char third = i + 2 < text_.size() ? text_[i + 2] : '\0';
    if (mark == kCallMark) return static_cast<std::uint32_t>(after_word);
    if (mark == kAssignMark) return third == '[' || third == '{' ? 1 : 0;
    if (mark == kUrlMark && third == '/') {
      const std::string_view before = text_.substr(0, i);
      urls_ += before.ends_with("http") || before.ends_with("https") ? 1 : 0;
    }
    if (mark == kFenceMark && third == '`' && i >= fence_end_) {
      ++code_fences_;
      fence_end_ = i + 3;
    }
    return 0;
  }

  std::string_view text_;
  std::size_t fence_end_ = 0;  ///< of the last fence: a fence takes three of a longer run
  std::uint32_t code_ = 0;
  std::uint32_t json_ = 0;
  std::uint32_t table_ = 0;
  std::uint32_t code_fences_ = 0;
  std::uint32_t urls_ = 0;
};

}  // namespace

TextMarks find_marks(std::string_view text, std::span<const BlockMasks> masks) noexcept {
  TextMarks marks;
  if (text.empty()) return marks;
  PunctuationMarks punctuation(text);
  read_line_start(text, 0, marks);
  std::uint64_t word_before = 0;
  for (std::size_t base = 0; base < text.size(); base += kBlockBytes) {
    const BlockMasks& block = masks[base / kBlockBytes];
    const std::uint64_t after_word = (block.alphanumeric << 1) | word_before;
    word_before = block.alphanumeric >> 63;
    for (std::uint64_t rest = block.newline; rest != 0; rest &= rest - 1)
      read_line_start(text, base + first_bit(rest) + 1, marks);
    // Capitals that are words of one letter; the one at the end of the block may begin a longer word.
    for (std::uint64_t rest = block.upper & ~after_word & ~(block.alphanumeric >> 1); rest != 0; rest &= rest - 1)
      marks.options += is_option(text, base + first_bit(rest)) ? 1 : 0;
    punctuation.read(base, block.punctuation | block.tab, after_word);
  }
  punctuation.add_to(marks);
  return marks;
}

}  // namespace thalamus::feature
