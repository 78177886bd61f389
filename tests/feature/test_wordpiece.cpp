// Basic tokenisation and greedy longest match against tokenisations worked by hand from the published algorithm, on a
// small vocabulary; and, where set-up has fetched it, on the encoder's own.
#include <gtest/gtest.h>

#include <fmt/format.h>

#include "thalamus/base/file.h"
#include "thalamus/base/rng.h"
#include "thalamus/base/text.h"
#include "thalamus/feature/wordpiece.h"

namespace thalamus::feature {
namespace {

constexpr const char* kVocabulary =
    "[PAD]\n[UNK]\n[CLS]\n[SEP]\nun\n##aff\n##able\n##a\n##b\nhello\nworld\n,\n!\n.\nnaive\n数\n学\nembed\n##ding\n##"
    "s\n"
    "'\nt\ndon\n1\n##2\n##3\nstrasse\nσ\nб\n";

WordPiece small() { return WordPiece::load(kVocabulary).value(); }

std::string cut(const WordPiece& words, std::string_view text) {
  std::vector<std::uint32_t> ids;
  words.pieces(text, ids);
  std::string out;
  for (const std::uint32_t id : ids) out += fmt::format("{}{}", out.empty() ? "" : " ", words.piece(id));
  return out;
}

struct Reference {
  const char* text;
  const char* pieces;
};

TEST(WordPiece, ReferenceTokenisations) {
  const WordPiece words = small();
  const std::vector<Reference> references{
      {"unaffable", "un ##aff ##able"},                    // the paper's own example
      {"Hello, World!", "hello , world !"},                // lower case, punctuation alone
      {"naïve NAÏVE nai\xCC\x88ve", "naive naive naive"},  // accents off, composed or not
      {"hello数学world", "hello 数 学 world"},             // ideographs stand alone
      {"embeddings", "embed ##ding ##s"},
      {"don't", "don ' t"},
      {"123", "1 ##2 ##3"},
      {"hello\t\n\r world", "hello world"},
      {"hel\xC2\xADlo\xE2\x80\x8B", "hello"},  // soft hyphen and zero-width space are control characters
      {"hello\xC2\xA0world\xE3\x80\x80un", "hello world un"},  // no-break and ideographic space
      {"unxyz hello", "[UNK] hello"},  // one letter without a piece makes the whole word unknown
      {"Σ Б", "σ б"},
      {"hello。world…", "hello [UNK] world [UNK]"},  // punctuation beyond ASCII is apart as well
      {"", ""},
      {"\xFF\xFEhello\xC3", "hello"}};  // what is no UTF-8 is left out
  for (const Reference& reference : references) EXPECT_EQ(cut(words, reference.text), reference.pieces);
}

TEST(WordPiece, BasicTokensAreFoldedWordsAndSinglePunctuation) {
  EXPECT_EQ(basic_tokens("ÀÉÎ (x+Y)=$3.50"), "aei ( x + y ) = $ 3 . 50");
  EXPECT_EQ(basic_tokens("ГОРОД Ёж"), "город еж");            // й and ё lose their marks
  EXPECT_EQ(basic_tokens("가"), "\xE1\x84\x80\xE1\x85\xA1");  // syllables of Hangul become letters
  EXPECT_EQ(basic_tokens("が"), "か");
  EXPECT_EQ(basic_tokens("İstanbul"), "istanbul");
  EXPECT_EQ(basic_tokens("ﬁ ﬀ"), "ﬁ ﬀ");  // compatibility forms stay: the decomposition is canonical
}

TEST(WordPiece, AWordBeyondTheLimitIsUnknown) {
  const WordPiece words = small();
  std::string longest = "un";
  while (longest.size() < kWordPieceLettersMax) longest += "b";
  EXPECT_NE(cut(words, longest), "[UNK]");
  EXPECT_EQ(cut(words, longest + "b"), "[UNK]");
}

TEST(WordPiece, ALongTextKeepsHeadAndTailBetweenTheMarks) {
  const WordPiece words = small();
  std::vector<std::uint32_t> ids;
  words.encode("hello", 8, ids);
  EXPECT_EQ(ids, (std::vector<std::uint32_t>{words.begin_mark(), 9, words.end_mark()}));
  words.encode("hello hello hello hello hello hello hello world", 10, ids);  // eight pieces fit
  EXPECT_EQ(ids.size(), 10U);
  words.encode("hello hello hello hello hello hello hello hello . world", 10, ids);
  ASSERT_EQ(ids.size(), 10U);
  EXPECT_EQ(words.piece(ids[6]), "hello");  // six of the head
  EXPECT_EQ(words.piece(ids[7]), ".");      // two of the tail
  EXPECT_EQ(words.piece(ids[8]), "world");
  EXPECT_EQ(ids[9], words.end_mark());
}

TEST(WordPiece, BadVocabulariesAreRefused) {
  for (const char* bad : {"", "\n", "[UNK]\n[CLS]\n", "[UNK]\n[CLS]\n[SEP]\na\na\n", "[UNK]\n\n[CLS]\n[SEP]\n",
                          "[UNK]\r\n[CLS]\r\n[SEP]\r\n"})
    EXPECT_FALSE(WordPiece::load(bad).has_value()) << bad;
  EXPECT_TRUE(WordPiece::load("[UNK]\n[CLS]\n[SEP]\na\n##a").has_value());  // within a word is another piece
  const auto twice = WordPiece::load("[UNK]\n[CLS]\n[SEP]\na\na\n");
  EXPECT_NE(twice.error().message.find("line 5: 'a' is there twice"), std::string::npos) << twice.error().message;
}

// Any bytes give ids of the vocabulary, and lower or upper case of ASCII gives the same ones.
TEST(WordPiece, AnyBytesGiveKnownIds) {
  const WordPiece words = small();
  constexpr std::uint64_t kSeed = 20240607;
  SCOPED_TRACE(fmt::format("seed {}", kSeed));
  base::Rng rng(kSeed);
  std::vector<std::uint32_t> ids;
  std::vector<std::uint32_t> upper;
  for (int round = 0; round < 500; ++round) {
    std::string text;
    for (std::uint64_t i = rng.below(40); i > 0; --i) text.push_back(static_cast<char>(rng.below(256)));
    words.pieces(text, ids);
    for (const std::uint32_t id : ids) EXPECT_LT(id, words.size());
    std::string capitals = text;
    for (char& c : capitals)
      if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
    words.pieces(capitals, upper);
    EXPECT_EQ(ids, upper);
  }
}

TEST(WordPiece, TheEncodersOwnVocabulary) {
  const auto bytes = base::read_file(base::cache_folder().value() / "models" / "minilm-l6-v2-vocabulary.txt");
  if (!bytes) GTEST_SKIP() << "skipped, the vocabulary is not here; run tools/setup.sh --for encoder";
  const auto words = WordPiece::load(*bytes).value();
  EXPECT_EQ(words.size(), 30522U);
  std::vector<std::uint32_t> ids;
  words.encode("The quick brown fox jumps over the lazy dog.", 64, ids);
  EXPECT_EQ(ids, (std::vector<std::uint32_t>{101, 1996, 4248, 2829, 4419, 14523, 2058, 1996, 13971, 3899, 1012, 102}));
  EXPECT_EQ(cut(words, "Tokenization isn't naïve: 10⁻³!"), "token ##ization isn ' t naive : 10 ##⁻ ##³ !");
}

}  // namespace
}  // namespace thalamus::feature
