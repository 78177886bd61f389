#include <gtest/gtest.h>

#include <fmt/format.h>

#include <cmath>
#include <set>

#include "thalamus/feature/description.h"
#include "thalamus/feature/json_scan.h"
#include "thalamus/feature/text_hash.h"

namespace thalamus::feature {
namespace {

Description described(std::string_view text, std::string_view tools = "") {
  Description out;
  describe_text(text, tools, out);
  return out;
}

core::Request user_request(std::string text) {
  core::Request request;
  request.messages.push_back({core::Role::kUser, {{core::PartKind::kText, std::move(text)}}, {}, {}});
  return request;
}

void expect_equal(const Description& a, const Description& b) {
  EXPECT_EQ(a.text, b.text);
  EXPECT_EQ(a.tokens, b.tokens);
  EXPECT_EQ(a.letters, b.letters);
  EXPECT_EQ(a.text_bytes, b.text_bytes);
  EXPECT_EQ(a.text_hash, b.text_hash);
  EXPECT_EQ(a.input_tokens, b.input_tokens);
  EXPECT_EQ(a.has_tools, b.has_tools);
  for (std::size_t i = 0; i < kSignalCount; ++i) EXPECT_EQ(a.signals[i], b.signals[i]) << signal_names()[i];
}

TEST(Description, TextAndRequestOfTheSameContentAreEqual) {
  const std::string parameters = R"({"type":"object","properties":{"city":{"type":"string"},"days":{"type":"array"}}})";
  for (const std::string& text : {std::string("What is 2+2?"), std::string(), std::string("naïve Größe 数学 \xff"),
                                  std::string(100'000, 'a') + " b"}) {
    core::Request request = user_request(text);
    request.tools.push_back({"get_weather", "Weather of a \"city\"\nby name", parameters});
    Description from_request;
    describe(request, from_request);
    const std::string tools = R"([{"type":"function","function":{"name":"get_weather",)"
                              R"("description":"Weather of a \"city\"\nby name","parameters":)" +
                              parameters + "}}]";
    expect_equal(described(text, tools), from_request);
    const std::string bare =
        R"([{"name":"get_weather","description":"Weather of a \"city\"\nby name","parameters":)" + parameters + "}]";
    expect_equal(described(text, bare), from_request);
  }
}

TEST(Description, ARowWithSeveralMessagesIsTheSameAsItsRequest) {
  core::Request request;
  request.messages.push_back({core::Role::kSystem, {{core::PartKind::kText, "Be brief."}}, {}, {}});
  request.messages.push_back({core::Role::kUser, {{core::PartKind::kText, "Why?"}}, {}, {}});
  Description from_request;
  describe(request, from_request);
  Description from_row;
  describe_row("Be brief.\nWhy?", R"([{"role":"system","content":"Be brief."},{"content":"Why?","role":"user"}])", "",
               from_row);
  expect_equal(from_row, from_request);
  EXPECT_EQ(from_row.signal(Signal::kHasSystem), 1);
}

TEST(Description, AReusedDescriptionKeepsNothingOfTheLastRequest) {
  core::Request loaded = user_request("one two three");
  loaded.task_hint = "sum";
  loaded.max_output_tokens = 7;
  loaded.response_format = core::ResponseFormat::kJsonSchema;
  loaded.messages[0].parts.push_back({core::PartKind::kImage, "image/png"});
  loaded.tools.push_back({"t", "d", "{}"});
  Description reused;
  describe(loaded, reused);
  EXPECT_EQ(reused.task_hint, "sum");
  EXPECT_TRUE(reused.has_images && reused.has_tools && reused.wants_json_schema);
  describe(user_request("x"), reused);
  Description fresh;
  describe(user_request("x"), fresh);
  expect_equal(reused, fresh);
  EXPECT_TRUE(reused.task_hint.empty());
  EXPECT_FALSE(reused.has_images || reused.wants_json_schema);
  EXPECT_EQ(reused.max_output_tokens, 0U);
}

TEST(Description, TokensAreLowerCasedAlphanumericRunsAndSingleCodePoints) {
  const auto out = described("Ab1-cd Ä数");
  const std::vector<std::uint64_t> expected{token_hash("ab1"), token_hash("cd"), token_hash("ä"), token_hash("数")};
  EXPECT_EQ(out.tokens, expected);
}

TEST(Description, LowerCaseCoversTheScriptsThatHaveIt) {
  for (const auto& [upper, lower] : std::vector<std::pair<char32_t, char32_t>>{{U'A', U'a'},
                                                                               {U'Ö', U'ö'},
                                                                               {U'×', U'×'},
                                                                               {U'Č', U'č'},
                                                                               {U'Ž', U'ž'},
                                                                               {U'Ÿ', U'ÿ'},
                                                                               {U'Σ', U'σ'},
                                                                               {U'Ω', U'ω'},
                                                                               {U'Ж', U'ж'},
                                                                               {U'Ё', U'ё'},
                                                                               {U'Ⅵ', U'ⅵ'},
                                                                               {U'Ｂ', U'ｂ'},
                                                                               {U'数', U'数'},
                                                                               {U'Ł', U'ł'},
                                                                               {U'ß', U'ß'}})
    EXPECT_EQ(static_cast<std::uint32_t>(lower_code_point(upper)), static_cast<std::uint32_t>(lower));
}

TEST(Description, SignalsCountWhatTheirNamesSay) {
  const auto out = described("Which is larger?\n(A) 3.5\n(B) 1200\n```python\nprint(x)\n```\nhttps://x.y | z\n");
  EXPECT_FLOAT_EQ(out.signal(Signal::kQuestionMarks), std::log1p(1.0F));
  EXPECT_FLOAT_EQ(out.signal(Signal::kOptionMarks), std::log1p(2.0F));
  EXPECT_FLOAT_EQ(out.signal(Signal::kCodeFences), std::log1p(2.0F));
  EXPECT_FLOAT_EQ(out.signal(Signal::kUrlCount), std::log1p(1.0F));
  EXPECT_FLOAT_EQ(out.signal(Signal::kTableMarks), std::log1p(1.0F));
  EXPECT_FLOAT_EQ(out.signal(Signal::kDecimalCount), std::log1p(1.0F));
  EXPECT_FLOAT_EQ(out.signal(Signal::kLongestNumber), std::log1p(4.0F));
  EXPECT_FLOAT_EQ(out.signal(Signal::kQuestionWords), std::log1p(1.0F));
  EXPECT_GT(out.signal(Signal::kCodeMarks), 0);
  EXPECT_GT(out.signal(Signal::kCodeWords), 0);
}

TEST(Description, ScriptsAreTold) {
  EXPECT_GT(described("数学问题").signal(Signal::kCjkRate), 0.9F);
  EXPECT_GT(described("Привет").signal(Signal::kCyrillicRate), 0.9F);
  EXPECT_GT(described("ÄÖÜ").signal(Signal::kLatinExtendedRate), 0.9F);
}

TEST(Description, ToolsThatShareWordsWithTheTextMatchIt) {
  const char* tools = R"([{"name":"add numbers","description":"adds numbers",)"
                      R"("parameters":{"properties":{"a":{"type":"array"},"b":{}}}}])";
  const auto out = described("please add the numbers 3 and 4", tools);
  EXPECT_FLOAT_EQ(out.signal(Signal::kTools), std::log1p(1.0F));
  EXPECT_FLOAT_EQ(out.signal(Signal::kToolParameters), std::log1p(2.0F));
  EXPECT_FLOAT_EQ(out.signal(Signal::kToolNestedTypes), std::log1p(1.0F));
  EXPECT_GT(out.signal(Signal::kToolMatch), 0.2F);
  EXPECT_GT(out.signal(Signal::kToolMatchBest), 0.4F);
  EXPECT_EQ(described("nothing alike", tools).signal(Signal::kToolMatchBest), 0);
}

TEST(Description, LongTextsAreCountedWholeAndSampledFromBothEnds) {
  const std::string text = "head " + std::string(200'000, 'm') + " tail";
  const auto out = described(text);
  EXPECT_EQ(out.text_bytes, text.size());
  EXPECT_LE(out.text.size(), kTokensMax + 1);
  EXPECT_EQ(out.tokens.front(), token_hash("head"));
  EXPECT_EQ(out.tokens.back(), token_hash("tail"));
  // The same text in pieces is cut at the same places.
  core::Request request;
  request.messages.push_back({});
  std::string joined;
  for (int i = 0; i < 300; ++i) {
    const std::string piece(1000, static_cast<char>('a' + i % 26));
    request.messages[0].parts.push_back({core::PartKind::kText, piece});
    joined += (i == 0 ? "" : "\n") + piece;
  }
  Description pieces;
  describe(request, pieces);
  expect_equal(pieces, described(joined));
}

TEST(Description, SamplingNeverCutsACodePoint) {
  std::string text;
  for (int i = 0; i < 40'000; ++i) text += "数";
  for (int shift = 0; shift < 3; ++shift) {
    const auto out = described(text);
    EXPECT_EQ(out.letters.find("\xef\xbf\xbd"), std::string::npos);
    text.insert(text.begin(), 'x');
  }
}

TEST(Description, TheInputTokenEstimateIsOfTheRightSize) {
  std::string english;
  for (int i = 0; i < 100; ++i) english += "The quick brown fox jumps over the lazy dog. ";
  EXPECT_NEAR(described(english).input_tokens, 1000, 150);
  EXPECT_LT(described("hi").input_tokens, 15U);
}

TEST(Signals, NamesAreSnakeCaseAndDifferent) {
  const auto names = signal_names();
  EXPECT_EQ(names.size(), kSignalCount);
  EXPECT_GE(kSignalCount, 40U);
  EXPECT_EQ(names[0], "log_bytes");
  std::set<std::string> different(names.begin(), names.end());
  EXPECT_EQ(different.size(), names.size());
  EXPECT_NE(signal_schema_hash(), 0U);
}

TEST(JsonScan, WalksMembersAndElementsAndStopsOnBadText) {
  std::vector<std::string> keys;
  json_for_each_member(R"( {"a":[1,{"x":"]"}], "b" : "q\"}" ,"c":-1.5e3})", [&](auto key, auto value) {
    keys.push_back(fmt::format("{}={}", key, value));
    return true;
  });
  EXPECT_EQ(keys, (std::vector<std::string>{R"(a=[1,{"x":"]"}])", R"(b="q\"}")", "c=-1.5e3"}));
  const std::string deep(100'000, '[');
  int calls = 0;
  json_for_each_element(deep, [&](auto) { return ++calls < 10; });
  for (const char* bad : {"", "{", "[", "[1", "{\"a\"", "{\"a\":", "[,]", "{\"a\":\"", "nonsense"}) {
    json_for_each_member(bad, [&](auto, auto) { return ++calls < 100; });
    json_for_each_element(bad, [&](auto) { return ++calls < 100; });
  }
  EXPECT_LT(calls, 20);
}

TEST(JsonScan, DecodesEscapesAndSurrogatePairs) {
  std::string out;
  json_append_string(R"("a\n\u00e4\ud83d\ude00\ud800\u12")", out);
  EXPECT_EQ(out,
            "a\nä😀\xef\xbf\xbd"
            "12");
}

}  // namespace
}  // namespace thalamus::feature
