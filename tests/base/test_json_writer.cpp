#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>

#include "thalamus/base/json_writer.h"
#include "thalamus/base/rng.h"
#include "thalamus/base/text.h"

namespace thalamus::base {
namespace {

using nlohmann::json;

std::string random_bytes(Rng& rng) {
  std::string text;
  for (auto n = rng.below(12); n > 0; --n) {
    if (rng.below(3) == 0) {
      append_utf8(text, static_cast<char32_t>(rng.below(0x2ffff)));
    } else {
      text.push_back(static_cast<char>(rng.below(256)));
    }
  }
  return text;
}

// Writes a random value and returns what it must read back as.
json random_value(Rng& rng, JsonWriter& writer, int depth) {
  switch (rng.below(depth > 4 ? 6 : 8)) {
    case 0: writer.null(); return nullptr;
    case 1: {
      const bool flag = rng.below(2) == 0;
      writer.value(flag);
      return flag;
    }
    case 2: {
      const auto number = static_cast<std::int64_t>(rng.next());
      writer.value(number);
      return number;
    }
    case 3: {
      const std::uint64_t number = rng.next();
      writer.value(number);
      return number;
    }
    case 4: {
      const double number = std::bit_cast<double>(rng.next());
      writer.value(number);
      return std::isfinite(number) ? json(number) : json(nullptr);
    }
    case 5: {
      std::string text;
      for (auto n = rng.below(8); n > 0; --n) append_utf8(text, static_cast<char32_t>(rng.below(0xd7ff)));
      writer.value(text);
      return text;
    }
    case 6: {
      json items = json::array();
      writer.begin_array();
      for (auto n = rng.below(5); n > 0; --n) items.push_back(random_value(rng, writer, depth + 1));
      writer.end_array();
      return items;
    }
    default: {
      json members = json::object();
      writer.begin_object();
      for (auto n = rng.below(5); n > 0; --n) {
        const std::string name = "k\"" + std::to_string(n);
        writer.key(name);
        members[name] = random_value(rng, writer, depth + 1);
      }
      writer.end_object();
      return members;
    }
  }
}

TEST(JsonWriter, WritesWhatAnotherParserReadsBackEqual) {
  const std::uint64_t seed = 2718;
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  Rng rng(seed);
  for (int round = 0; round < 2000; ++round) {
    JsonWriter writer;
    const json expected = random_value(rng, writer, 0);
    const json read = json::parse(writer.text(), nullptr, false);
    ASSERT_FALSE(read.is_discarded()) << writer.text();
    ASSERT_EQ(read, expected) << writer.text();
  }
}

TEST(JsonWriter, MakesAnyBytesAValidString) {
  const std::uint64_t seed = 3141;
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  Rng rng(seed);
  for (int round = 0; round < 5000; ++round) {
    const std::string bytes = random_bytes(rng);
    std::string out;
    append_json_string(out, bytes);
    const json read = json::parse(out, nullptr, false);
    ASSERT_TRUE(read.is_string());
    if (is_valid_utf8(bytes)) {
      ASSERT_EQ(read.get<std::string>(), bytes);
    }
  }
}

TEST(JsonWriter, SetsCommasAndColons) {
  JsonWriter writer;
  writer.begin_object().field("a", 1).key("b").begin_array().value(true).null().value("x").end_array();
  writer.key("c").begin_object().end_object().field("d", std::uint64_t{7}).key("e").raw("[1,2]").end_object();
  EXPECT_EQ(writer.text(), R"({"a":1,"b":[true,null,"x"],"c":{},"d":7,"e":[1,2]})");
}

TEST(JsonWriter, EscapesControlCharactersAndQuotes) {
  std::string out;
  append_json_string(out, std::string_view("\"\\\n\r\t\b\f\x01\x1f/\0z", 12));
  EXPECT_EQ(out, R"("\"\\\n\r\t\b\f\u0001\u001f/\u0000z")");
}

TEST(JsonWriter, ReplacesEachInvalidByte) {
  std::string out;
  append_json_string(out, "a\xff\xc3(\xe2\x82");
  EXPECT_EQ(out, "\"a\xef\xbf\xbd\xef\xbf\xbd(\xef\xbf\xbd\xef\xbf\xbd\"");
}

TEST(JsonWriter, KeepsAReplacementCharacterThatWasThere) {
  std::string out;
  append_json_string(out, "\xef\xbf\xbd");
  EXPECT_EQ(out, "\"\xef\xbf\xbd\"");
}

TEST(JsonWriter, WritesTheShortestNumberThatReadsBackEqual) {
  JsonWriter writer;
  writer.begin_array().value(0.1).value(1e300).value(-0.0).value(5e-324).value(1.0).end_array();
  EXPECT_EQ(writer.text(), "[0.1,1e+300,-0,5e-324,1]");
}

TEST(JsonWriter, WritesNullForNumbersThatJsonDoesNotHave) {
  JsonWriter writer;
  writer.begin_array().value(std::nan("")).value(std::numeric_limits<double>::infinity()).end_array();
  EXPECT_EQ(writer.text(), "[null,null]");
}

TEST(JsonWriter, WritesTheEndsOfTheIntegers) {
  JsonWriter writer;
  writer.begin_array().value(std::numeric_limits<std::int64_t>::min()).value(UINT64_MAX).end_array();
  EXPECT_EQ(writer.text(), "[-9223372036854775808,18446744073709551615]");
}

TEST(JsonWriter, StartsAfreshAfterClear) {
  JsonWriter writer;
  writer.begin_array().value(1).end_array();
  writer.clear();
  writer.value(2);
  EXPECT_EQ(writer.take(), "2");
}

}  // namespace
}  // namespace thalamus::base
