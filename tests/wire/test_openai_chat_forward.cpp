#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "random_json.h"
#include "thalamus/wire/format.h"
#include "thalamus/wire/json_cursor.h"
#include "thalamus/wire/usage.h"

namespace thalamus::wire {
namespace {

const Format& openai() { return *find_format("openai"); }

std::string forwarded(std::string_view body, std::string_view model = "m") {
  const auto out = openai().forward(body, ForwardEdits{.model = model});
  return out ? *out : out.error().text();
}

TEST(OpenAiForward, ReplacesTheModelAndNothingElse) {
  EXPECT_EQ(forwarded("{ \"a\" : 1.0e+05 ,\r\n\t\"model\" :\t\"auto\" , \"z\":[1 , 2], \"u\":\"\\u00e9\\/\" } \n"),
            "{ \"a\" : 1.0e+05 ,\r\n\t\"model\" :\t\"m\" , \"z\":[1 , 2], \"u\":\"\\u00e9\\/\" } \n");
  EXPECT_EQ(forwarded(R"({"mod\u0065l":"auto"})"), R"({"mod\u0065l":"m"})");
  EXPECT_EQ(forwarded(R"({"model":{"odd":[]},"x":{"model":"auto"}})"), R"({"model":"m","x":{"model":"auto"}})");
  EXPECT_EQ(forwarded(R"({"model":"auto"})", "q\"\\\n\xc3\xa9"), "{\"model\":\"q\\\"\\\\\\n\xc3\xa9\"}");
}

TEST(OpenAiForward, KeepsNumbersAsTheyAreSpelt) {
  const std::string tail = R"(,"seed":123456789012345678901234567890,"t":0.10,"e":1E400,"z":-0.0})";
  EXPECT_EQ(forwarded(R"({"model":"a")" + tail), R"({"model":"m")" + tail);
}

TEST(OpenAiForward, TakesTheContractOutWhereverItStands) {
  EXPECT_EQ(forwarded(R"({"thalamus":{"a":[1,"}"]},"model":"a","b":1})"), R"({"model":"m","b":1})");
  EXPECT_EQ(forwarded(R"({"model":"a","thalamus":{},"b":1})"), R"({"model":"m","b":1})");
  EXPECT_EQ(forwarded(R"({"model":"a","b":1,"thalamus":null})"), R"({"model":"m","b":1})");
  EXPECT_EQ(forwarded(R"({"model":"a" , "thalamus" : {} })"), R"({"model":"m"  })");
  EXPECT_EQ(forwarded(R"({ "thal\u0061mus" : {} , "model":"a"})"), R"({  "model":"m"})");
  EXPECT_EQ(forwarded(R"({"x":{"thalamus":1},"model":"a"})"), R"({"x":{"thalamus":1},"model":"m"})");
}

TEST(OpenAiForward, AsksStreamsForTheirUsage) {
  EXPECT_EQ(forwarded(R"({"model":"a","stream":true})"),
            R"({"stream_options":{"include_usage":true},"model":"m","stream":true})");
  EXPECT_EQ(forwarded(R"({"stream_options":null,"stream":true,"model":"a"})"),
            R"({"stream_options":{"include_usage":true},"stream":true,"model":"m"})");
  EXPECT_EQ(forwarded(R"({"stream":true,"stream_options": { } ,"model":"a"})"),
            R"({"stream":true,"stream_options": {"include_usage":true } ,"model":"m"})");
  EXPECT_EQ(forwarded(R"({"stream":true,"stream_options":{"x":{}},"model":"a"})"),
            R"({"stream":true,"stream_options":{"include_usage":true,"x":{}},"model":"m"})");
  EXPECT_EQ(forwarded(R"({"stream":true,"stream_options":{"x":1,"include_usage": false },"model":"a"})"),
            R"({"stream":true,"stream_options":{"x":1,"include_usage": true },"model":"m"})");
  EXPECT_EQ(forwarded(R"({"stream":true,"stream_options":{"include_usage":true},"model":"a"})"),
            R"({"stream":true,"stream_options":{"include_usage":true},"model":"m"})");
  EXPECT_EQ(forwarded(R"({"thalamus":{},"stream":true,"model":"a"})"),
            R"({"stream_options":{"include_usage":true},"stream":true,"model":"m"})");
}

TEST(OpenAiForward, LeavesOtherRequestsWithoutIt) {
  for (const char* stream : {R"("stream":false)", R"("stream":null)", R"("x":{"stream":true})"})
    EXPECT_EQ(forwarded(R"({"model":"a",)" + std::string(stream) + "}"),
              R"({"model":"m",)" + std::string(stream) + "}");
  const ForwardEdits edits{.model = "m", .force_include_usage = false};
  EXPECT_EQ(openai().forward(R"({"model":"a","stream":true})", edits).value(), R"({"model":"m","stream":true})");
}

TEST(OpenAiForward, RefusesWhatItCannotEditWithoutDoubt) {
  EXPECT_EQ(forwarded("[]"), "body: expected a JSON object, got an array");
  EXPECT_EQ(forwarded("{}"), "body.model: missing; name a route or a target");
  EXPECT_EQ(forwarded(R"({"model":"a","mod\u0065l":"b"})"), "body.model: given twice; give it once");
  EXPECT_EQ(forwarded(R"({"model":"a","thalamus":1,"thalamus":2})"), "body.thalamus: given twice; give it once");
  EXPECT_EQ(forwarded(R"({"model":"a","stream":true,"stream":false})"), "body.stream: given twice; give it once");
  EXPECT_EQ(forwarded(R"({"model":"a","stream_options":{},"stream_options":{}})"),
            "body.stream_options: given twice; give it once");
  EXPECT_EQ(forwarded(R"({"model":"a","stream_options":{"include_usage":true,"include_usage":false}})"),
            "body.stream_options.include_usage: given twice; give it once");
  EXPECT_EQ(forwarded(R"({"model":"a","stream_options":3})"), "body.stream_options: expected an object, got 3");
  EXPECT_EQ(forwarded(R"({"model":"a"}})"), "body: not valid JSON at byte 13: expected nothing after the value");
}

// The raw value of each top-level member.
std::vector<std::pair<std::string, std::string>> members(const std::string& text) {
  std::vector<std::pair<std::string, std::string>> out;
  JsonCursor cursor(text);
  std::string_view key;
  EXPECT_TRUE(cursor.enter_object());
  while (cursor.next_member(key)) {
    std::string name(key);
    std::string_view raw;
    EXPECT_TRUE(cursor.skip(raw));
    out.emplace_back(std::move(name), raw);
  }
  EXPECT_TRUE(cursor.finish()) << text;
  return out;
}

// A body with the edited members at random places among random others.
std::string random_body(RandomJson& random) {
  std::vector<std::string> parts;
  const auto member = [&](const std::string& key, const std::string& value) {
    parts.push_back(key + random.space() + ":" + random.space() + value + random.space());
  };
  static constexpr std::array<std::string_view, 3> kModelKeys{"\"model\"", "\"mod\\u0065l\"", "\"\\u006dodel\""};
  member(std::string(random.rng().pick(kModelKeys)), random.string());
  if (random.rng().below(2) == 0) member("\"thalamus\"", random.value(3));
  if (random.rng().below(3) != 0) member("\"stream\"", random.rng().below(3) != 0 ? "true" : "false");
  static constexpr std::array<std::string_view, 7> kOptions{"null",
                                                            "{}",
                                                            "{ }",
                                                            "{\"include_usage\":false}",
                                                            "{\"a\":1,\"include_usage\" : null}",
                                                            "{\"include_usage\":true,\"b\":{}}",
                                                            "{\"c\":[{}]}"};
  if (random.rng().below(2) == 0) member("\"stream_options\"", std::string(random.rng().pick(kOptions)));
  for (std::uint64_t i = 0, n = random.rng().below(5); i < n; ++i)
    member("\"k" + std::to_string(i) + "\"", random.value(4));
  random.rng().shuffle(parts);
  std::string body = random.space() + "{" + random.space();
  for (std::size_t i = 0; i < parts.size(); ++i) body += (i > 0 ? "," + random.space() : "") + parts[i];
  return body + "}" + random.space();
}

TEST(OpenAiForward, ParsesEqualButForTheEditsOnRandomBodies) {
  constexpr std::uint64_t kSeed = 31;
  SCOPED_TRACE(kSeed);
  RandomJson random(kSeed);
  for (int i = 0; i < 800; ++i) {
    const std::string body = random_body(random);
    const auto out = openai().forward(body, ForwardEdits{.model = "up/stream \"x\""});
    ASSERT_TRUE(out) << out.error().text() << "\n" << body;
    auto expected = nlohmann::json::parse(body);
    expected["model"] = "up/stream \"x\"";
    expected.erase("thalamus");
    if (expected.contains("stream") && expected["stream"] == true) expected["stream_options"]["include_usage"] = true;
    ASSERT_EQ(nlohmann::json::parse(*out), expected) << body << "\n" << *out;
    // Every other member keeps its bytes and its place in the order.
    std::vector<std::pair<std::string, std::string>> before, after;
    const auto edited = [](const std::string& key) {
      return key == "model" || key == "thalamus" || key == "stream_options";
    };
    for (auto& entry : members(body))
      if (!edited(entry.first)) before.push_back(entry);
    for (auto& entry : members(*out))
      if (!edited(entry.first)) after.push_back(entry);
    ASSERT_EQ(before, after);
  }
}

TEST(StripUsage, TakesOutOnlyTheTopLevelMember) {
  EXPECT_EQ(strip_usage(R"({"id":"x","usage":{"a":1},"choices":[{"usage":2}]})"),
            R"({"id":"x","choices":[{"usage":2}]})");
  EXPECT_EQ(strip_usage(R"({"id":"x", "usage":null})"), R"({"id":"x"})");
  EXPECT_EQ(strip_usage(R"({"usage":null})"), "{}");
  EXPECT_EQ(strip_usage(R"({"us\u0061ge":1,"a":1.50})"), R"({"a":1.50})");
  EXPECT_EQ(strip_usage(R"({"usage":1,"a":1,"usage":2})"), R"({"a":1})");
  EXPECT_EQ(strip_usage(R"({"a":1,"usage":1,"usage":2})"), R"({"a":1})");
  EXPECT_EQ(strip_usage("{ \"usage\" : 1 , \"usage\":2 ,\n \"a\": 1 , \"b\":2 , \"usage\":3 } "),
            "{\"a\": 1 , \"b\":2 } ");
}

TEST(StripUsage, LeavesEverythingElseUnchanged) {
  for (const char* text : {R"({"a":"usage"})", "[DONE]", "", R"({"usage":1)", R"([{"usage":1}])", R"({"usage":1}x)"})
    EXPECT_EQ(strip_usage(text), text);
}

}  // namespace
}  // namespace thalamus::wire
