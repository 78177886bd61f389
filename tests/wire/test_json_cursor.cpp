#include "thalamus/wire/json_cursor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "random_json.h"

namespace thalamus::wire {
namespace {

using ::testing::HasSubstr;

bool is_json(std::string_view text) {
  JsonCursor cursor(text);
  return cursor.skip() && cursor.finish();
}

std::string problem_of(std::string_view text) {
  JsonCursor cursor(text);
  const bool good = cursor.skip() && cursor.finish();
  return good ? "" : cursor.error().message;
}

TEST(JsonCursor, AcceptsEveryFormOfTheGrammar) {
  for (const char* text :
       {"{}", "[]", " [ ] ", "null", "true", "false", "0", "-0", "1.5e+10", "\"\"", R"("\u00e9\n\/")",
        R"({"a":[1,2,{"b":null}],"c":"d"})", "\t\r\n{\n}\n", R"("\ud800")", "1E400"})
    EXPECT_TRUE(is_json(text)) << text;
}

TEST(JsonCursor, RefusesWhatIsNoJson) {
  for (const char* text : {"",
                           " ",
                           "{",
                           "}",
                           "[",
                           "]",
                           "[1,]",
                           "[,1]",
                           "{,}",
                           "{\"a\"}",
                           "{\"a\":}",
                           "{\"a\":1,}",
                           "{a:1}",
                           "{'a':1}",
                           "01",
                           "+1",
                           "1.",
                           ".5",
                           "1e",
                           "1e+",
                           "-",
                           "--1",
                           "0x1",
                           "NaN",
                           "Infinity",
                           "tru",
                           "truefalse",
                           "nul",
                           "\"",
                           "\"\\",
                           "\"\\u12",
                           "\"\\u12g4\"",
                           "\"\\x41\"",
                           "\"\n\"",
                           "\"\t\"",
                           "[1 2]",
                           "{\"a\":1 \"b\":2}",
                           "{} {}",
                           "[}",
                           "{]",
                           "// x",
                           "\v1"})
    EXPECT_FALSE(is_json(text)) << text;
}

TEST(JsonCursor, RefusesInvalidUtf8AndNamesTheByte) {
  for (const char* bytes : {"\x80", "\xc0\xaf", "\xc1\xbf", "\xe0\x80\x80", "\xed\xa0\x80", "\xf0\x80\x80\x80",
                            "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\xe2\x82", "\xf0\x9f\x98"})
    EXPECT_EQ(problem_of("\"ab" + std::string(bytes) + "\""), "not valid JSON at byte 3: invalid UTF-8");
  for (const char* bytes : {"\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80", "\xef\xbf\xbf",
                            "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"})
    EXPECT_TRUE(is_json("\"ab" + std::string(bytes) + "\""));
}

TEST(JsonCursor, NamesTheByteOfTheProblem) {
  EXPECT_EQ(problem_of(R"({"a":1,"b" 2})"), "not valid JSON at byte 11: expected ':' after a key");
  EXPECT_EQ(problem_of("[1,2"), "not valid JSON at byte 4: the text ends inside an array");
  EXPECT_EQ(problem_of("{\"a\": \"x\ny\"}"),
            "not valid JSON at byte 8: a control character inside a string must be escaped");
}

TEST(JsonCursor, StopsAtTheDepthLimit) {
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  const std::string shallow = nested(3);
  JsonCursor fits(shallow, 3);
  EXPECT_TRUE(fits.skip());
  const std::string deep = nested(4);
  JsonCursor over(deep, 3);
  EXPECT_FALSE(over.skip());
  EXPECT_EQ(over.error().kind, ErrorKind::kTooLarge);
  EXPECT_THAT(over.error().message, HasSubstr("nested deeper than 3 levels at byte 3"));
  const std::string huge(2'000'000, '[');
  JsonCursor hostile(huge, 1'000'000);
  EXPECT_FALSE(hostile.skip());
  EXPECT_EQ(hostile.error().kind, ErrorKind::kTooLarge);
}

TEST(JsonCursor, DecodesEscapesAndSurrogates) {
  const auto decoded = [](std::string_view text) {
    JsonCursor cursor(text);
    std::string out;
    EXPECT_TRUE(cursor.read_string(out)) << text;
    return out;
  };
  EXPECT_EQ(decoded(R"("\"\\\/\b\f\n\r\t")"), "\"\\/\b\f\n\r\t");
  EXPECT_EQ(decoded(R"("\u0041\u00e9\u20ac\ud83d\ude00!")"), "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80!");
  EXPECT_EQ(decoded(R"("\ud83d x")"), "\xef\xbf\xbd x");
  EXPECT_EQ(decoded(R"("\ude00\ud83d")"), "\xef\xbf\xbd\xef\xbf\xbd");
  EXPECT_EQ(decoded(R"("\ud83d\u0041")"),
            "\xef\xbf\xbd"
            "A");
  EXPECT_EQ(decoded(R"("a\u0000b")"), std::string("a\0b", 3));
}

TEST(JsonCursor, KnowsTheKeysThatAreSpeltWithEscapes) {
  const std::string text = R"({ "mod\u0065l" : 1 , "b":2})";
  JsonCursor cursor(text);
  std::string_view key;
  ASSERT_TRUE(cursor.enter_object());
  ASSERT_TRUE(cursor.next_member(key));
  EXPECT_EQ(key, "model");
  EXPECT_EQ(cursor.key_offset(), 2U);
  EXPECT_FALSE(cursor.comma_offset().has_value());
  ASSERT_TRUE(cursor.skip());
  ASSERT_TRUE(cursor.next_member(key));
  EXPECT_EQ(key, "b");
  EXPECT_EQ(cursor.comma_offset(), text.find(','));
}

// Every cut of a text is refused and no byte outside it is read (the sanitizers watch).
TEST(JsonCursor, RefusesEveryPrefixOfAnObject) {
  const std::string text = R"({"a":[1.5e3,true,null,"x\u00e9\\ é"],"b":{"c":false}})";
  ASSERT_TRUE(is_json(text));
  for (std::size_t n = 0; n < text.size(); ++n) {
    const std::vector<char> exact(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(n));
    EXPECT_FALSE(is_json({exact.data(), exact.size()})) << n;
  }
}

TEST(JsonCursor, AgreesWithAnIndependentParserOnRandomAndOnDamagedTexts) {
  constexpr std::uint64_t kSeed = 20261;
  SCOPED_TRACE(kSeed);
  RandomJson random(kSeed);
  for (int i = 0; i < 600; ++i) {
    std::string text = random.value(4);
    ASSERT_TRUE(is_json(text)) << text;
    for (int k = 0; k < 4; ++k) {
      std::string damaged = text;
      const auto at = random.rng().below(damaged.size());
      static constexpr std::string_view kBytes = "{}[]\",:\\ 0-.tnu\x80\x01";
      damaged[at] = kBytes[random.rng().below(kBytes.size())];
      // The other parser refuses lone surrogates (and numbers past a double, which no byte here makes), which the
      // grammar allows.
      const bool expected = nlohmann::json::accept(damaged);
      if (damaged.find("\\u") == std::string::npos) {
        ASSERT_EQ(is_json(damaged), expected) << damaged;
      } else if (expected) {
        ASSERT_TRUE(is_json(damaged)) << damaged;
      }
    }
  }
}

TEST(JsonCursor, DecodesTheStringsAnIndependentParserDecodes) {
  constexpr std::uint64_t kSeed = 20262;
  SCOPED_TRACE(kSeed);
  RandomJson random(kSeed);
  for (int i = 0; i < 500; ++i) {
    const std::string text = random.string();
    JsonCursor cursor(text);
    std::string out;
    ASSERT_TRUE(cursor.read_string(out));
    ASSERT_EQ(out, nlohmann::json::parse(text).get<std::string>()) << text;
    JsonCursor again(text);
    std::string_view view;
    ASSERT_TRUE(again.read_view(view));
    ASSERT_EQ(view, out);
  }
}

}  // namespace
}  // namespace thalamus::wire
