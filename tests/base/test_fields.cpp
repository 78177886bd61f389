#include <gtest/gtest.h>

#include <string>

#include "thalamus/base/fields.h"

namespace thalamus::base {
namespace {

struct SampleOptions {
  std::int64_t k = 50;
  double temperature = 0.5;
  bool weighted = false;
  std::string metric = "cosine";
  std::string path;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("k", k, Range<std::int64_t>{1, 1024}, "neighbours");
    visit("temperature", temperature, Range<double>{0, 2}, "of the softmax");
    visit("weighted", weighted, "by distance");
    visit("metric", metric, Choices{{"cosine", "euclid"}}, "of similarity");
    visit("path", path, Choices{}, "any text");
  }
};

std::string message_of(const OptionMap& values) {
  const auto parsed = parse_options<SampleOptions>(values);
  if (parsed.has_value()) return "";
  EXPECT_EQ(parsed.error().kind, ErrorKind::kInvalidInput);
  return parsed.error().message;
}

TEST(Fields, KeepTheirDefaultsWhereNothingIsGiven) {
  const auto options = parse_options<SampleOptions>({});
  ASSERT_TRUE(options.has_value());
  EXPECT_EQ(options->k, 50);
  EXPECT_EQ(options->metric, "cosine");
}

TEST(Fields, TakeGivenValues) {
  const auto options = parse_options<SampleOptions>(
      {{"k", "7"}, {"temperature", "1.25"}, {"weighted", "true"}, {"metric", "euclid"}, {"path", "a b"}});
  ASSERT_TRUE(options.has_value());
  EXPECT_EQ(options->k, 7);
  EXPECT_EQ(options->temperature, 1.25);
  EXPECT_TRUE(options->weighted);
  EXPECT_EQ(options->metric, "euclid");
  EXPECT_EQ(options->path, "a b");
}

TEST(Fields, TakeBothEndsOfARange) {
  EXPECT_EQ(message_of({{"k", "1"}}), "");
  EXPECT_EQ(message_of({{"k", "1024"}}), "");
  EXPECT_EQ(message_of({{"temperature", "0"}}), "");
  EXPECT_EQ(message_of({{"temperature", "2"}}), "");
}

TEST(Fields, NameValueAndRangeWhenOutside) {
  EXPECT_EQ(message_of({{"k", "0"}}), "k: 0 is outside 1..1024");
  EXPECT_EQ(message_of({{"k", "1025"}}), "k: 1025 is outside 1..1024");
  EXPECT_EQ(message_of({{"temperature", "2.5"}}), "temperature: 2.5 is outside 0..2");
}

TEST(Fields, NameTheExpectedTypeAndWhatWasGiven) {
  EXPECT_EQ(message_of({{"k", "abc"}}), "k: expected an integer, got 'abc'");
  EXPECT_EQ(message_of({{"k", "7.5"}}), "k: expected an integer, got '7.5'");
  EXPECT_EQ(message_of({{"k", ""}}), "k: expected an integer, got ''");
  EXPECT_EQ(message_of({{"k", "99999999999999999999"}}), "k: expected an integer, got '99999999999999999999'");
  EXPECT_EQ(message_of({{"temperature", "warm"}}), "temperature: expected a number, got 'warm'");
  EXPECT_EQ(message_of({{"temperature", "nan"}}), "temperature: expected a number, got 'nan'");
  EXPECT_EQ(message_of({{"temperature", "inf"}}), "temperature: expected a number, got 'inf'");
  EXPECT_EQ(message_of({{"weighted", "yes"}}), "weighted: expected true or false, got 'yes'");
}

TEST(Fields, ListTheWordsOfAChoiceAndTheNearest) {
  EXPECT_EQ(message_of({{"metric", "euclit"}}),
            "metric: expected one of cosine|euclid, got 'euclit', did you mean 'euclid'?");
  EXPECT_EQ(message_of({{"metric", "manhattan_distance"}}).find("metric: expected one of cosine|euclid, got"), 0U);
}

TEST(Fields, SuggestTheNearestNameForAnUnknownOne) {
  EXPECT_EQ(message_of({{"kk", "1"}}), "unknown option 'kk', did you mean 'k'?");
  EXPECT_EQ(message_of({{"tempratur", "1"}}), "unknown option 'tempratur', did you mean 'temperature'?");
  EXPECT_EQ(message_of({{"completely_else", "1"}}), "unknown option 'completely_else'");
}

TEST(Fields, ReportTheFirstErrorOnly) {
  EXPECT_EQ(message_of({{"k", "0"}, {"weighted", "3"}}), "k: 0 is outside 1..1024");
}

TEST(Fields, ListThemselvesAsATable) {
  const auto rows = list_options<SampleOptions>();
  ASSERT_EQ(rows.size(), 5U);
  EXPECT_EQ(rows[0].name, "k");
  EXPECT_EQ(rows[0].type, "integer");
  EXPECT_EQ(rows[0].default_value, "50");
  EXPECT_EQ(rows[0].allowed, "1..1024");
  EXPECT_EQ(rows[0].help, "neighbours");
  EXPECT_EQ(rows[1].default_value, "0.5");
  EXPECT_EQ(rows[2].type, "boolean");
  EXPECT_EQ(rows[2].default_value, "false");
  EXPECT_EQ(rows[3].allowed, "cosine|euclid");
  EXPECT_EQ(rows[4].allowed, "");
}

TEST(OptionText, IsSplitAtCommasAndEquals) {
  const auto map = parse_option_text(" k=5, weighted = true ,path=a=b");
  ASSERT_TRUE(map.has_value());
  EXPECT_EQ(*map, (OptionMap{{"k", "5"}, {"weighted", "true"}, {"path", "a=b"}}));
  EXPECT_TRUE(parse_option_text("  ")->empty());
}

TEST(OptionText, RefusesAPieceWithoutAValueAndANameGivenTwice) {
  EXPECT_EQ(parse_option_text("k").error().message, "options: expected name=value, got 'k'");
  EXPECT_EQ(parse_option_text("k=1,k=2").error().message, "options: 'k' is given twice");
}

}  // namespace
}  // namespace thalamus::base
