#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "thalamus/base/rng.h"
#include "thalamus/base/text.h"

namespace thalamus::base {
namespace {

TEST(Text, TrimTakesAsciiSpaceFromBothEnds) {
  EXPECT_EQ(trim(" \t\r\n\v\f a b \n"), "a b");
  EXPECT_EQ(trim("   "), "");
  EXPECT_EQ(trim(""), "");
}

TEST(Text, LowerAsciiLeavesOtherBytesAlone) { EXPECT_EQ(lower_ascii("AbZ@[\xc3\x84"), "abz@[\xc3\x84"); }

TEST(Text, SplitKeepsEmptyPieces) {
  using Pieces = std::vector<std::string_view>;
  EXPECT_EQ(split("a,,b,", ','), (Pieces{"a", "", "b", ""}));
  EXPECT_EQ(split("", ','), (Pieces{""}));
}

TEST(Utf8, EveryCodePointReadsBackAsItself) {
  for (char32_t code = 0; code <= 0x10ffff; ++code) {
    if (code == 0xd800) code = 0xe000;
    std::string bytes;
    append_utf8(bytes, code);
    std::size_t position = 0;
    ASSERT_EQ(next_code_point(bytes, position), code);
    ASSERT_EQ(position, bytes.size());
  }
}

TEST(Utf8, RefusesOverlongSurrogateTruncatedAndTooLargeForms) {
  for (const std::string bytes : {"\xc0\x80", "\xe0\x80\x80", "\xf0\x80\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                                  "\xf5", "\x80", "\xc3", "\xe2\x82", "\xf0\x9f\x98", "\xc3\x28", "\xff"}) {
    EXPECT_FALSE(is_valid_utf8(bytes));
    std::size_t position = 0;
    EXPECT_EQ(next_code_point(bytes, position), U'\xfffd');
    EXPECT_EQ(position, 1U);
  }
}

TEST(Utf8, TakesTheReplacementCharacterItself) {
  EXPECT_TRUE(
      is_valid_utf8("a\xef\xbf\xbd"
                    "b"));
}

TEST(Utf8, WalkingAnyBytesEndsExactlyAtTheirEnd) {
  const std::uint64_t seed = 1618;
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  Rng rng(seed);
  for (int round = 0; round < 5000; ++round) {
    std::string bytes;
    for (auto n = rng.below(20); n > 0; --n) bytes.push_back(static_cast<char>(rng.below(256)));
    std::size_t position = 0;
    while (position < bytes.size()) {
      const std::size_t before = position;
      (void)next_code_point(bytes, position);
      ASSERT_GT(position, before);
    }
    ASSERT_EQ(position, bytes.size());
  }
}

TEST(ParseNumber, TakesTheWholeTextOrNothing) {
  EXPECT_EQ(parse_number<int>("-12"), -12);
  EXPECT_EQ(parse_number<double>("2.5e3"), 2500.0);
  EXPECT_EQ(parse_number<int>("12 "), std::nullopt);
  EXPECT_EQ(parse_number<int>("+1"), std::nullopt);
  EXPECT_EQ(parse_number<int>(""), std::nullopt);
  EXPECT_EQ(parse_number<int>("0x10"), std::nullopt);
  EXPECT_EQ(parse_number<unsigned>("-1"), std::nullopt);
  EXPECT_EQ(parse_number<std::int8_t>("128"), std::nullopt);
}

TEST(ParseNumber, TakesFiniteNumbersOnly) {
  EXPECT_EQ(parse_number<double>("inf"), std::nullopt);
  EXPECT_EQ(parse_number<double>("nan"), std::nullopt);
  EXPECT_EQ(parse_number<double>("1e999"), std::nullopt);
}

TEST(NearestName, FindsASlipOfTheFinger) {
  const std::vector<std::string> names{"temperature", "top_k", "ridge"};
  EXPECT_EQ(nearest_name("temprature", names), "temperature");
  EXPECT_EQ(nearest_name("Top-K", names), "top_k");
  EXPECT_EQ(nearest_name("something_else", names), "");
  EXPECT_EQ(did_you_mean("rigde", names), ", did you mean 'ridge'?");
  EXPECT_EQ(did_you_mean("something_else", names), "");
  EXPECT_EQ(nearest_name("x", {}), "");
}

}  // namespace
}  // namespace thalamus::base
