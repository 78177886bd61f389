// Objects that arrive in pieces: their end, the first byte that is no JSON, and what makes a whole one of the rest.
#include "thalamus/wire/object_scan.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "random_json.h"

namespace thalamus::wire {
namespace {

using nlohmann::json;

struct Seen {
  std::string kept;
  ObjectScan scan;
};

Seen scanned(std::string_view text, std::size_t step = 1) {
  Seen seen;
  for (std::size_t at = 0; at < text.size(); at += step) {
    const std::string_view piece = text.substr(at, step);
    seen.kept += piece.substr(0, seen.scan.feed(piece));
  }
  return seen;
}

TEST(ObjectScan, FindsTheEndOfEveryObject) {
  RandomJson random(17);
  for (int i = 0; i < 400; ++i) {
    const std::string object = random.object(3);
    const Seen seen = scanned(object + " behind", 1 + random.rng().below(7));
    EXPECT_TRUE(seen.scan.complete() && !seen.scan.broken()) << object;
    EXPECT_EQ(json::parse(seen.kept, nullptr, false), json::parse(object, nullptr, false)) << object;
  }
}

TEST(ObjectScan, StopsAtTheFirstByteThatNoJsonHasThere) {
  struct Row {
    const char* text;
    const char* kept;
  };
  static constexpr Row kRows[] = {{"{a", "{"},
                                  {"{\"a\" 1", "{\"a\" "},
                                  {"{\"a\":1,}", "{\"a\":1,"},
                                  {"{\"a\":01", "{\"a\":0"},
                                  {"{\"a\":1.}", "{\"a\":1."},
                                  {"{\"a\":-}", "{\"a\":-"},
                                  {"{\"a\":1e+}", "{\"a\":1e+"},
                                  {"{\"a\":nul}", "{\"a\":nul"},
                                  {"{\"a\":NaN}", "{\"a\":"},
                                  {"{\"a\":'x'}", "{\"a\":"},
                                  {"{\"a\":[1,]}", "{\"a\":[1,"},
                                  {"{\"a\":[1}", "{\"a\":[1"},
                                  {"{\"a\":\"x\ny\"}", "{\"a\":\"x"},
                                  {"{\"a\":\"\\x\"}", "{\"a\":\"\\"},
                                  {"{\"a\":\"\\u12g\"}", "{\"a\":\"\\u12"},
                                  {"{\"a\" \"b\"}", "{\"a\" "},
                                  {"{\"a\":1 \"b\":2}", "{\"a\":1 "}};
  for (const Row& row : kRows) {
    const Seen seen = scanned(row.text);
    EXPECT_TRUE(seen.scan.broken()) << row.text;
    EXPECT_FALSE(seen.scan.complete()) << row.text;
    EXPECT_EQ(seen.kept, row.kept);
    const json whole = json::parse(seen.kept + seen.scan.ending("rest", row.text), nullptr, false);
    ASSERT_TRUE(whole.is_object()) << row.text << " -> " << seen.kept << seen.scan.ending("rest", row.text);
    EXPECT_EQ(whole["rest"], row.text);
  }
}

TEST(ObjectScan, WhereverAnObjectIsCutItCanBeEnded) {
  RandomJson random(18);
  for (int i = 0; i < 300; ++i) {
    const std::string object = random.object(3);
    std::size_t cut = 1 + random.rng().below(object.find_last_of('}'));
    while ((static_cast<unsigned char>(object[cut]) & 0xC0U) == 0x80U) ++cut;  // deltas are whole characters
    const Seen seen = scanned(std::string_view(object).substr(0, cut));
    if (!seen.scan.begun()) continue;
    ASSERT_FALSE(seen.scan.broken() || seen.scan.complete()) << object;
    const std::string ended = seen.kept + seen.scan.ending("input", object);
    const json whole = json::parse(ended, nullptr, false);
    // A pair of surrogates that was cut is one for no parser.
    if (whole.is_discarded() && ended.find("\\ud") != std::string::npos) continue;
    ASSERT_TRUE(whole.is_object()) << ended;
    EXPECT_TRUE(whole.contains("input")) << ended;
  }
}

TEST(ObjectScan, TextIsNoObject) {
  for (const char* text : {"words", " [1]", "\"{}\""}) {
    const Seen seen = scanned(text);
    EXPECT_TRUE(seen.scan.begun() && seen.scan.is_text() && !seen.scan.broken() && !seen.scan.complete()) << text;
    EXPECT_EQ(seen.kept, text);
  }
  EXPECT_FALSE(scanned(" \n").scan.begun());
  std::string deep = "{\"a\":";
  deep.append(200, '[');
  EXPECT_TRUE(scanned(deep).scan.broken()) << "no parser goes that deep";
}

}  // namespace
}  // namespace thalamus::wire
