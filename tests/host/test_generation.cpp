// The two holders show the same text however a model's tokens cut it. Oracles: the whole text repaired at once; the
// text read one character after the other until a stop string is complete.
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "thalamus/base/rng.h"
#include "thalamus/base/text.h"
#include "thalamus/host/generation.h"

namespace thalamus::host {
namespace {

constexpr std::uint64_t kSeed = 20'260'301;

/// The pieces of `text` cut where the bits of `cuts` are set: bit i cuts behind byte i.
std::vector<std::string> cut(std::string_view text, std::uint64_t cuts) {
  std::vector<std::string> pieces(1);
  for (std::size_t i = 0; i < text.size(); ++i) {
    pieces.back() += text[i];
    if (i + 1 < text.size() && (cuts >> i & 1U) != 0) pieces.emplace_back();
  }
  return pieces;
}

std::string repaired(std::string_view bytes) {
  std::string out;
  for (std::size_t at = 0; at < bytes.size();) base::append_utf8(out, base::next_code_point(bytes, at));
  return out;
}

std::string through_utf8(const std::vector<std::string>& pieces) {
  Utf8Holder holder;
  std::string out;
  for (const auto& piece : pieces) {
    const std::string shown = holder.feed(piece);
    EXPECT_TRUE(base::is_valid_utf8(shown));
    out += shown;
  }
  return out + holder.finish();
}

struct Stopped {
  std::string text;
  bool stopped = false;
  friend bool operator==(const Stopped&, const Stopped&) = default;
};

Stopped through_stops(const std::vector<std::string>& pieces, const std::vector<std::string>& stops) {
  StopHolder holder(stops);
  std::string out;
  for (const auto& piece : pieces) out += holder.feed(piece);
  out += holder.finish();
  return {out, holder.stopped()};
}

/// The shortest beginning of `text` that ends in a stop string ends it; the longest such string is taken off.
Stopped expected_stop(std::string_view text, const std::vector<std::string>& stops) {
  for (std::size_t end = 1; end <= text.size(); ++end) {
    std::size_t longest = 0;
    for (const auto& stop : stops)
      if (text.substr(0, end).ends_with(stop)) longest = std::max(longest, stop.size());
    if (longest > 0) return {std::string(text.substr(0, end - longest)), true};
  }
  return {std::string(text), false};
}

TEST(Utf8Holder, ShowsTheSameForEveryCutOfValidText) {
  for (const std::string_view text : {"a\xc3\xa9z", "\xe2\x82\xac\xe2\x82\xac", "x\xf0\x9f\x98\x80y",
                                      "\xf4\x8f\xbf\xbf", "\xef\xbf\xbd\xed\x9f\xbf"}) {
    for (std::uint64_t cuts = 0; cuts < std::uint64_t{1} << (text.size() - 1); ++cuts)
      ASSERT_EQ(through_utf8(cut(text, cuts)), text) << "cuts " << cuts;
  }
}

TEST(Utf8Holder, RepairsTheSameForEveryCutOfBrokenText) {
  for (const std::string_view text : {"\x80",
                                      "\xff\xfe"
                                      "a",
                                      "\xc3"
                                      "a",
                                      "\xe2\x82"
                                      "a",
                                      "\xe2\x82\xc3\xa9", "\xc0\xaf\xc1\xbf", "\xed\xa0\x80\xed\xb0\x80",
                                      "\xf0\x80\x80\x80"
                                      "b",
                                      "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xe0\x9f\xbf\xe2", "\xf0\x9f\x98",
                                      "\xc3\xc3\xc3\xa9", "\xa9\xa9\xa9\xa9\xa9"}) {
    for (std::uint64_t cuts = 0; cuts < std::uint64_t{1} << (text.size() - 1); ++cuts)
      ASSERT_EQ(through_utf8(cut(text, cuts)), repaired(text)) << "cuts " << cuts;
  }
}

TEST(Utf8Holder, KeepsOnlyWhatCanStillBecomeACharacter) {
  // Every pair of bytes: what is held at the end must be completable to a character, anything else is out at once.
  const auto is_lead = [](unsigned b) { return b >= 0xc2 && b <= 0xf4; };
  for (unsigned first = 0; first < 256; ++first) {
    for (unsigned second = 0; second < 256; ++second) {
      const std::string bytes{static_cast<char>(first), static_cast<char>(second)};
      Utf8Holder holder;
      const std::string shown = holder.feed(bytes);
      const std::string rest = holder.finish();
      ASSERT_EQ(shown + rest, repaired(bytes)) << first << ' ' << second;
      bool completable = false;
      for (const std::string_view tail : {"\x80", "\xbf", "\x80\x80", "\xbf\xbf"}) {
        std::string whole = bytes;
        whole += tail;
        completable = completable || (base::is_valid_utf8(whole) && !base::is_valid_utf8(bytes) && first >= 0xe0);
      }
      const bool expected = is_lead(second) || completable;
      ASSERT_EQ(!rest.empty(), expected) << first << ' ' << second;
    }
  }
}

TEST(Utf8Holder, RepairsRandomBytesTheSameHoweverTheyAreCut) {
  SCOPED_TRACE(testing::Message() << "seed " << kSeed);
  base::Rng rng(kSeed);
  static constexpr std::array<unsigned char, 16> kBytes{'a',  0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc1,
                                                        0xc3, 0xe0, 0xe2, 0xed, 0xf0, 0xf4, 0xf5, 0xff};
  for (int round = 0; round < 3'000; ++round) {
    std::string text;
    for (std::uint64_t i = rng.below(20); i > 0; --i) text += static_cast<char>(rng.pick(kBytes));
    ASSERT_EQ(through_utf8(cut(text, rng.next())), repaired(text)) << "round " << round;
  }
}

TEST(StopHolder, StopsAtTheSamePlaceForEveryCut) {
  const std::vector<std::vector<std::string>> sets{
      {},          {"b"},          {"abc", "b"}, {"bc", "abc"},   {"aab"},   {"\n\n"},
      {"aa", "a"}, {"abab", "ba"}, {"ababac"},   {"cab", "abca"}, {"", "c"}, {"\xc3\xa9"},
  };
  for (const auto& stops : sets) {
    for (const std::string_view text :
         {"abc", "aaab", "ababac", "cabca", "a\n\nb", "\n", "aab\xc3\xa9", "caab\nabc", ""}) {
      const std::uint64_t all = text.empty() ? 1 : std::uint64_t{1} << (text.size() - 1);
      for (std::uint64_t cuts = 0; cuts < all; ++cuts)
        ASSERT_EQ(through_stops(cut(text, cuts), stops), expected_stop(text, stops)) << text << " cuts " << cuts;
    }
  }
}

TEST(StopHolder, StopsAtTheSamePlaceInRandomText) {
  SCOPED_TRACE(testing::Message() << "seed " << kSeed);
  base::Rng rng(kSeed);
  const auto word = [&](std::uint64_t length_max) {
    std::string out;
    for (std::uint64_t i = rng.below(length_max + 1); i > 0; --i) out += static_cast<char>('a' + rng.below(3));
    return out;
  };
  for (int round = 0; round < 5'000; ++round) {
    std::vector<std::string> stops;
    for (std::uint64_t i = rng.below(4); i > 0; --i) stops.push_back(word(5));
    const std::string text = word(30);
    ASSERT_EQ(through_stops(cut(text, rng.next()), stops), expected_stop(text, stops)) << "round " << round;
  }
}

TEST(StopHolder, ShowsAtOnceWhatCannotBeginAStopString) {
  StopHolder holder({"END", "\n\n"});
  EXPECT_EQ(holder.feed("plain"), "plain");
  EXPECT_EQ(holder.feed(" E"), " ");
  EXPECT_EQ(holder.feed("Nough"), "ENough");
  EXPECT_EQ(holder.feed("\n"), "");
  EXPECT_EQ(holder.feed("x"), "\nx");
  EXPECT_FALSE(holder.stopped());
}

TEST(StopHolder, SaysNothingAfterAStopString) {
  StopHolder holder({"END"});
  EXPECT_EQ(holder.feed("aEN"), "a");
  EXPECT_EQ(holder.feed("Dmore"), "");
  EXPECT_TRUE(holder.stopped());
  EXPECT_EQ(holder.feed("and more"), "");
  EXPECT_EQ(holder.finish(), "");
}

TEST(StopHolder, GivesBackABeginningThatWasNeverCompleted) {
  StopHolder holder({"END"});
  EXPECT_EQ(holder.feed("aEN"), "a");
  EXPECT_EQ(holder.finish(), "EN");
  EXPECT_FALSE(holder.stopped());
}

}  // namespace
}  // namespace thalamus::host
