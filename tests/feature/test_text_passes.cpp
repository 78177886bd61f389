// Goal: the passes over blocks of 64 bytes find what their definitions say, wherever a block or a piece ends. Method:
// random texts of many kinds against a reading byte by byte.
#include <gtest/gtest.h>

#include <fmt/format.h>

#include <array>
#include <span>
#include <unordered_map>

#include "text_reference.h"
#include "thalamus/base/rng.h"
#include "thalamus/feature/letters.h"
#include "thalamus/feature/tokenize.h"
#include "thalamus/feature/word_classes.h"

namespace thalamus::feature {
namespace {

constexpr std::uint64_t kSeed = 20261122;

std::string random_piece(base::Rng& rng, std::size_t kind) {
  static const std::vector<std::string> prose{
      "the ",  "What is", " (A) ",  "B. ", "\n\n", ", ",       "extraordinarily ", "3.14 ",
      "Why? ", "I.",      "12345 ", "A:",  "-- ",  "\n- item", "\n  2) ",          "E"};
  static const std::vector<std::string> code{
      "def f(x):\n", "    return ", " == ", "=> ",  "->",       "= [1]",  "= {",    "```", "``",  ";\n",  ";", "||",
      "\t",          "x.y(",        "\r\n", "if (", "#include", "while ", "print(", "C)",  "= x", "````", "`"};
  static const std::vector<std::string> json{R"({"a":)", R"("key": )", "{\n",      "}",          "[1,2]", R"(\")",
                                             "1.5e3",    "http://",    "https://", "ahttps://x", ":/",    ": ",
                                             "\"",       "{",          "null",     "://"};
  static const std::vector<std::string> wide{
      "数",   "学", "é", "Ä",    "Привет ", "×",        "÷",    "∀",  "😀",           "K",       "İ",
      "한글", "ß",  "Ω", "\xff", "\xc3",    "\xe2\x88", "\x80", "ａ", "\xed\xa0\x80", "\xf0\x9f"};
  static const std::vector<std::vector<std::string>> kinds{prose, code, json, wide};
  if (kind < kinds.size()) return rng.pick(kinds[kind]);
  if (kind == 4) return std::string(1 + rng.below(80), rng.pick(std::string("a7 \n.`A数=")));
  if (kind == 5) return std::string(1, static_cast<char>(rng.below(256)));
  return random_piece(rng, rng.below(6));
}

std::string random_text(base::Rng& rng) {
  const std::size_t kind = rng.below(8);
  const std::size_t size = rng.below(4) == 0 ? rng.below(12) : rng.below(400);
  std::string text;
  while (text.size() < size) text += random_piece(rng, kind);
  if (rng.below(3) == 0) text.resize(std::min(text.size(), 64 * rng.below(5)));  // ends with a block
  return text;
}

std::vector<BlockMasks> blocks_of(std::string_view text) {
  std::vector<BlockMasks> masks;
  for (std::size_t at = 0; at < text.size(); at += kBlockBytes) masks.push_back(masks_at(text, at));
  return masks;
}

std::vector<std::uint64_t> numbers_of(const reference::Counts& n) {
  return {n.characters, n.lines,          n.last_line_bytes, n.digits,       n.uppers,     n.spaces,
          n.newlines,   n.punctuation,    n.brackets,        n.quotes,       n.commas,     n.cjk,
          n.cyrillic,   n.latin_extended, n.other_script,    n.math_symbols, n.latex,      n.question_marks,
          n.numbers,    n.decimals,       n.longest_number,  n.words,        n.word_bytes, n.token_tenths};
}

std::vector<std::uint64_t> numbers_of(const TextCounts& n) {
  return {
      n.characters,     n.lines,          n.last_line_bytes, n.digits,
      n.uppers,         n.spaces,         n.newlines,        n.punctuation,
      n.brackets,       n.quotes,         n.commas,          n.cjk,
      n.cyrillic,       n.latin_extended, n.other_script,    n.math_symbols,
      n.latex,          n.question_marks, n.numbers,         n.decimals,
      n.longest_number, n.words,          n.word_bytes,      static_cast<std::uint64_t>(std::llround(n.tokens() * 10))};
}

/// The text in pieces of whole blocks.
TextCounts counted(std::string_view text, base::Rng& rng) {
  TextCounts counts;
  while (!text.empty()) {
    const auto piece = text.substr(0, kBlockBytes * (1 + rng.below(3)));
    counts.feed(piece, blocks_of(piece));
    text.remove_prefix(piece.size());
  }
  counts.finish();
  return counts;
}

std::vector<std::uint32_t> numbers_of(const TextMarks& m) {
  return {m.options, m.code_fences, m.code, m.json, m.table, m.list, m.urls};
}

TEST(TextPasses, FindWhatAReadingByteByByteFinds) {
  SCOPED_TRACE(fmt::format("seed {}", kSeed));
  base::Rng rng(kSeed);
  for (int round = 0; round < 4000; ++round) {
    const std::string text = random_text(rng);
    const auto masks = blocks_of(text);
    ASSERT_EQ(numbers_of(counted(text, rng)), numbers_of(reference::Counter().read(text)))
        << testing::PrintToString(text);
    ASSERT_EQ(numbers_of(find_marks(text, masks)), numbers_of(reference::find_marks(text)))
        << testing::PrintToString(text);
    const auto expected = reference::read_words(text);
    std::vector<std::uint64_t> tokens;
    tokenize(text, [&](std::uint64_t token) { tokens.push_back(token); });
    ASSERT_EQ(tokens, expected.tokens) << testing::PrintToString(text);
    std::string letters;
    read_letters(text, masks, letters);
    ASSERT_EQ(letters, expected.letters) << testing::PrintToString(text);
  }
}

TEST(TextPasses, ADescriptionIsTheSameHoweverItsTextIsSplitIntoParts) {
  SCOPED_TRACE(fmt::format("seed {}", kSeed));
  base::Rng rng(kSeed + 1);
  Description parts;
  Description whole;
  for (int round = 0; round < 300; ++round) {
    core::Request request;
    std::string joined;
    const std::size_t messages = 1 + rng.below(3);
    for (std::size_t m = 0; m < messages; ++m) {
      request.messages.push_back({});
      for (std::size_t p = rng.below(4); p > 0; --p) {
        const std::string text = random_text(rng);
        request.messages.back().parts.push_back({core::PartKind::kText, text});
        joined += text + "\n";
      }
    }
    if (!joined.empty()) joined.pop_back();
    describe(request, parts);
    describe_text(joined, "", whole);
    ASSERT_EQ(parts.text, whole.text);
    ASSERT_EQ(parts.text_hash, whole.text_hash);
    ASSERT_EQ(parts.tokens, whole.tokens);
    ASSERT_EQ(parts.letters, whole.letters);
    ASSERT_EQ(parts.input_tokens, whole.input_tokens + 4 * (messages - 1));
    for (const Signal signal : {Signal::kLogLines, Signal::kCodeMarks, Signal::kDecimalCount, Signal::kUniqueWordRate})
      ASSERT_EQ(parts.signal(signal), whole.signal(signal));
  }
}

TEST(TextPasses, LongTextsAreCountedWholeWhereverTheirPiecesEnd) {
  SCOPED_TRACE(fmt::format("seed {}", kSeed));
  base::Rng rng(kSeed + 2);
  std::string text;
  while (text.size() < 150'000) text += random_text(rng);
  core::Request request;
  request.messages.push_back({});
  std::string joined;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t size = 1 + rng.below(40'000);
    request.messages[0].parts.push_back({core::PartKind::kText, text.substr(at, size)});
    joined += (at == 0 ? "" : "\n") + text.substr(at, size);
    at += size;
  }
  Description parts;
  describe(request, parts);
  Description whole;
  describe_text(joined, "", whole);
  EXPECT_EQ(parts.text_hash, whole.text_hash);
  EXPECT_EQ(parts.text, whole.text);
  EXPECT_EQ(parts.signals, whole.signals);
  const auto counts = reference::Counter().read(joined);
  EXPECT_EQ(parts.input_tokens, static_cast<std::uint32_t>(static_cast<double>(counts.token_tenths) / 10 + 7));
  EXPECT_FLOAT_EQ(parts.signal(Signal::kLogWords), std::log1p(static_cast<float>(counts.words)));
  const auto words = reference::read_words(parts.text);
  EXPECT_EQ(parts.tokens, words.tokens);
  EXPECT_EQ(parts.letters, words.letters);
}

template <class Block>
std::vector<std::uint64_t> everything(const std::array<char, kBlockBytes>& bytes) {
  const Block block(bytes.data());
  const BlockMasks masks = masks_of(block);
  std::vector<std::uint64_t> out{masks.alphanumeric, masks.digit,   masks.upper, masks.punctuation,
                                 masks.space,        masks.newline, masks.tab,   masks.non_ascii};
  for (const char c : {'\0', ' ', '~', '\t', 'a'}) out.push_back(block.equal(c));
  std::array<char, kBlockBytes> lower{};
  block.store_lower(lower.data());
  for (std::size_t i = 0; i < lower.size(); i += 8) out.push_back(load_word(lower.data() + i));
  return out;
}

TEST(ByteBlock, BothImplementationsAgreeWithTheBytes) {
  SCOPED_TRACE(fmt::format("seed {}", kSeed));
  base::Rng rng(kSeed + 3);
  for (int round = 0; round < 3000; ++round) {
    std::array<char, kBlockBytes> bytes{};
    for (char& byte : bytes) byte = static_cast<char>(round % 2 == 0 ? rng.below(256) : rng.below(128));
    ASSERT_EQ(everything<WordBlock>(bytes), everything<ByteBlock>(bytes));
    const BlockMasks masks = masks_of(WordBlock(bytes.data()));
    std::array<char, kBlockBytes> lower{};
    WordBlock(bytes.data()).store_lower(lower.data());
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      const char c = bytes[i];
      const auto bit = [i](std::uint64_t mask) { return ((mask >> i) & 1U) != 0; };
      ASSERT_EQ(bit(masks.alphanumeric), reference::is_alphanumeric(c));
      ASSERT_EQ(bit(masks.digit), reference::is_digit(c));
      ASSERT_EQ(bit(masks.upper), reference::is_upper(c));
      ASSERT_EQ(bit(masks.space), reference::is_space(c));
      ASSERT_EQ(bit(masks.newline), c == '\n');
      ASSERT_EQ(bit(masks.tab), c == '\t');
      ASSERT_EQ(bit(masks.non_ascii), static_cast<unsigned char>(c) >= 0x80);
      ASSERT_EQ(bit(masks.punctuation), c > ' ' && c < 127 && !reference::is_alphanumeric(c));
      ASSERT_EQ(lower[i], reference::is_space(c) ? ' ' : reference::is_upper(c) ? static_cast<char>(c + 32) : c);
    }
    ASSERT_EQ(count_bits(masks.alphanumeric), static_cast<std::uint64_t>(std::popcount(masks.alphanumeric)));
  }
}

TEST(TokenHash, IsTheSameEverywhereAndWhenCompiled) {
  static_assert(token_hash("word") != token_hash("ward"));
  constexpr std::uint64_t kCompiled = token_hash("internationalisation");
  EXPECT_EQ(kCompiled, token_hash(std::string("internationalisation")));
  EXPECT_EQ(token_hash("the"), 1986028136140296181ULL);
  EXPECT_EQ(token_hash("internationalisation"), 4735687951294643997ULL);
}

// Each bit of the input turns about half of the bits of the hash.
TEST(TokenHash, SpreadsEachBitOfItsInput) {
  base::Rng rng(kSeed + 4);
  SCOPED_TRACE(fmt::format("seed {}", kSeed + 4));
  for (const std::size_t size : {1U, 3U, 8U, 9U, 16U, 17U, 30U}) {
    std::array<int, 64> turned{};
    int trials = 0;
    for (int round = 0; round < 400; ++round) {
      std::string word(size, 'a');
      for (char& c : word) c = static_cast<char>('a' + rng.below(26));
      const std::uint64_t before = token_hash(word);
      char& changed = word[rng.below(size)];
      changed = static_cast<char>('a' + (static_cast<std::uint64_t>(changed - 'a') + 1 + rng.below(25)) % 26);
      const std::uint64_t difference = before ^ token_hash(word);
      for (std::size_t bit = 0; bit < 64; ++bit) turned[bit] += static_cast<int>((difference >> bit) & 1U);
      ++trials;
    }
    for (std::size_t bit = 0; bit < 64; ++bit)
      EXPECT_NEAR(turned[bit], trials / 2, 90) << size << " bytes, bit " << bit;
  }
}

TEST(TextHash, ChangesWithEachByteAndWithZeroBytesAtTheEnd) {
  const auto hash_of = [](std::string_view text) {
    TextHash hash;
    hash.feed(text);
    return hash.value();
  };
  std::unordered_map<std::uint64_t, std::string> seen;
  std::string text(200, 'x');
  const auto add = [&](const std::string& next) { EXPECT_TRUE(seen.emplace(hash_of(next), next).second); };
  add(text);
  for (std::size_t i = 0; i < text.size(); ++i) {
    for (const char c : {'y', 'X', '\0'}) {
      std::string other = text;
      other[i] = c;
      add(other);
    }
    if (i > 0) add(text.substr(0, i));
    add(text + std::string(i + 1, '\0'));
  }
}

TEST(WordClasses, EachListedWordHasItsClassesAndOthersHaveNone) {
  EXPECT_EQ(word_class(token_hash("calculate")), kInstruction | kReasoning);
  EXPECT_EQ(word_class(token_hash("liar")), kLogic);
  EXPECT_EQ(word_class(token_hash("write")), kInstruction);
  for (const char* word : {"banana", "thalamus", "writ", ""}) EXPECT_EQ(word_class(token_hash(word)), 0) << word;
  std::vector<std::uint64_t> tokens(5000, token_hash("percent"));  // more than one packed sum holds
  tokens.push_back(token_hash("banana"));
  const auto counts = count_word_classes(tokens);
  for (unsigned k = 0; k < kWordClassCount; ++k)
    EXPECT_EQ(counts[k], (1U << k) == kReasoning || (1U << k) == kMoney ? 5000U : 0U) << k;
}

TEST(Reads, OnlyWhatIsAskedForIsFilled) {
  core::Request request;
  request.messages.push_back(
      {core::Role::kUser, {{core::PartKind::kText, "Please add the numbers 3.5 and 4: (A) 7 or (B) 8?"}}, {}, {}});
  request.tools.push_back({"add", "Adds numbers", R"({"type":"object","properties":{"a":{"type":"array"}}})"});
  Description all;
  describe(request, all);
  for (unsigned bits = 0; bits < 8; ++bits) {
    const Reads reads{.signals = (bits & 1U) != 0, .tokens = (bits & 2U) != 0, .letters = (bits & 4U) != 0};
    Description out;
    describe(request, out, reads);
    EXPECT_EQ(out.text, all.text);
    EXPECT_EQ(out.text_hash, all.text_hash);
    EXPECT_EQ(out.text_bytes, all.text_bytes);
    EXPECT_EQ(out.input_tokens, all.input_tokens);
    EXPECT_EQ(out.has_tools, all.has_tools);
    EXPECT_EQ(out.signals, reads.signals ? all.signals : decltype(all.signals){});
    EXPECT_EQ(out.tokens, reads.tokens ? all.tokens : decltype(all.tokens){});
    EXPECT_EQ(out.letters, reads.letters ? all.letters : std::string());
  }
}

}  // namespace
}  // namespace thalamus::feature
