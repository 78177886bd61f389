// Every registered feature: finite, repeatable, saved and loaded bit for bit, damaged bytes refused; and the values of
// the reference text model on an example worked by hand.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/feature/tiny_static.h"
#include "thalamus/feature/encoder.h"
#include "thalamus/feature/feature_set.h"

namespace thalamus::feature {
namespace {

// No feature reads the question.
constexpr Reads kThree{.signals = true, .tokens = true, .letters = true};

const std::vector<std::string> kTexts{"the cat sat", "the dog sat down", "The 数 cat!", "completely different words",
                                      "What is 3 plus 4?"};

DescriptionSource texts(const std::vector<std::string>& source) {
  return {source.size(), [&source](std::size_t i, Description& out) { describe_text(source[i], "", out); }};
}

struct Vector {
  std::vector<float> dense;
  std::vector<std::uint32_t> ids;
  std::vector<double> values;
  bool operator==(const Vector&) const = default;
};

Vector transformed(const FeatureSet& set, std::string_view text) {
  Description description;
  describe_text(text, "", description);
  Vector out;
  out.dense.resize(set.dense_size());
  SparseVector sparse;
  set.transform(description, out.dense, sparse);
  out.ids = sparse.ids;
  out.values = sparse.values;
  return out;
}

FeatureSet fitted(const std::string& spec, const std::vector<std::string>& source = kTexts) {
  return FeatureSet::fit({parse_feature_spec(spec).value()}, texts(source), base::Rng(1)).value();
}

/// Each feature by its name; `static` reads a tiny file, `encoder` is skipped where set-up has not fetched it.
class EveryFeature : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (GetParam() == "static") spec_ = "static:dims=2,file=" + file_.path().string();
    if (GetParam() != "encoder") return;
    if (const auto opened = Encoder::open_shared({}, {}); !opened)
      GTEST_SKIP() << "skipped, the sentence encoder is not here: " << opened.error().text();
  }
  [[nodiscard]] const std::string& spec() const { return spec_; }

 private:
  TinyStaticFile file_;
  std::string spec_ = GetParam();
};

TEST_P(EveryFeature, IsFiniteRepeatableAndSurvivesSaving) {
  const auto set = fitted(spec());
  base::ByteWriter out;
  set.save(out);
  base::ByteReader in(out.bytes());
  const auto loaded = FeatureSet::load(in);
  ASSERT_TRUE(loaded.has_value()) << loaded.error().text();
  EXPECT_EQ(loaded->schema_hash(), set.schema_hash());
  const std::vector<std::string> probes{"", "the cat", "\xff\xff", std::string(50'000, 'z'), "数学"};
  for (const std::string& text : probes) {
    const auto x = transformed(set, text);
    for (const float value : x.dense) EXPECT_TRUE(std::isfinite(value));
    for (const double value : x.values) EXPECT_TRUE(std::isfinite(value));
    EXPECT_EQ(x, transformed(set, text));
    EXPECT_EQ(x, transformed(*loaded, text));
  }
}

TEST_P(EveryFeature, DamagedSectionsAreRefused) {
  base::ByteWriter out;
  fitted(spec() == "hash" ? "hash:dims=16,buckets=64" : spec()).save(out);
  for (std::size_t size = 0; size < out.bytes().size(); ++size) {
    base::ByteReader in(std::string_view(out.bytes()).substr(0, size));
    EXPECT_FALSE(FeatureSet::load(in).has_value()) << size;
  }
  for (std::size_t at = 4; at < out.bytes().size(); ++at) {
    std::string bytes = out.bytes();
    bytes[at] = static_cast<char>(bytes[at] ^ 0x20);
    base::ByteReader in(bytes);
    EXPECT_FALSE(FeatureSet::load(in).has_value()) << "byte " << at;
  }
}

std::vector<std::string> feature_names() {
  std::vector<std::string> names;
  for (const FeatureRecord& record : features()) names.emplace_back(record.name);
  return names;
}

INSTANTIATE_TEST_SUITE_P(All, EveryFeature, testing::ValuesIn(feature_names()),
                         [](const auto& tested) { return tested.param; });

TEST(Tfidf, WeightsAreTfTimesSmoothedIdfAtUnitLength) {
  // Vocabulary: the(3 of 5 texts) cat(2) sat(2) dog(1) ...; "the the cat zebra": zebra is unknown.
  const auto x = transformed(fitted("tfidf"), "the the cat zebra");
  ASSERT_EQ(x.values.size(), 2U);
  const double the = 2 * (std::log(6.0 / 4) + 1);
  const double cat = std::log(6.0 / 3) + 1;
  const double length = std::sqrt(the * the + cat * cat);
  const double high = std::max(x.values[0], x.values[1]);
  const double low = std::min(x.values[0], x.values[1]);
  EXPECT_NEAR(high, the / length, 1e-12);
  EXPECT_NEAR(low, cat / length, 1e-12);
}

TEST(Tfidf, ATextOfUnknownWordsIsEmpty) { EXPECT_TRUE(transformed(fitted("tfidf"), "zebra quux").ids.empty()); }

TEST(Hash, IsOfUnitLengthAndNearForLikeTexts) {
  const auto set = fitted("hash:dims=4096");  // wide enough for the projection's error to be small
  const auto cosine = [&](std::string_view a, std::string_view b) {
    const auto x = transformed(set, a);
    const auto y = transformed(set, b);
    double sum = 0;
    for (std::size_t i = 0; i < x.dense.size(); ++i) sum += static_cast<double>(x.dense[i] * y.dense[i]);
    return sum;
  };
  EXPECT_NEAR(cosine("translate the river", "translate the river"), 1, 1e-5);
  EXPECT_GT(cosine("translate the river", "translating the rivers"), 0.3);
  EXPECT_LT(std::abs(cosine("translate the river", "1234 / 5678 = ?")), 0.3);
}

TEST(Hash, WhatEveryTextHoldsWeighsNothing) {
  const std::vector<std::string> template_texts{"SHARED PREFIX alpha", "SHARED PREFIX beta", "SHARED PREFIX gamma"};
  const auto set = fitted("hash:dims=4096", template_texts);
  const auto with = transformed(set, "SHARED PREFIX alpha");
  const auto x = transformed(set, "alpha");
  double sum = 0;
  for (std::size_t i = 0; i < x.dense.size(); ++i) sum += static_cast<double>(x.dense[i] * with.dense[i]);
  EXPECT_GT(sum, 0.6);
}

TEST(Signals, AreCentredAndAConstantOneIsZero) {
  const auto set = fitted("signals");
  std::vector<double> mean(kSignalCount, 0.0);
  for (const std::string& text : kTexts) {
    const auto x = transformed(set, text);
    for (std::size_t i = 0; i < kSignalCount; ++i) mean[i] += static_cast<double>(x.dense[i]);
  }
  for (std::size_t i = 0; i < kSignalCount; ++i) EXPECT_NEAR(mean[i], 0, 1e-4) << signal_names()[i];
  EXPECT_EQ(transformed(set, "the cat").dense[static_cast<std::size_t>(Signal::kTools)], 0);
}

TEST(FeatureSpec, NamesOptionsAndTheirErrors) {
  const auto spec = parse_feature_spec("hash:dims=64,repeats=1").value();
  EXPECT_EQ(spec.name, "hash");
  EXPECT_EQ(spec.options.at("dims"), "64");
  EXPECT_NE(parse_feature_spec("hahs").error().message.find("did you mean 'hash'"), std::string::npos);
  const auto bad = FeatureSet::fit({{"hash", {{"dims", "3"}}}}, texts(kTexts), base::Rng(1));
  ASSERT_FALSE(bad.has_value());
  EXPECT_NE(bad.error().message.find("dims: 3 is outside 16..4096"), std::string::npos);
  const auto twice = FeatureSet::fit({{"signals", {}}, {"signals", {}}}, texts(kTexts), base::Rng(1));
  EXPECT_NE(twice.error().message.find("given twice"), std::string::npos);
}

// What a feature does not name in `reads` it must not look at: a description with all else empty transforms the same.
TEST_P(EveryFeature, ReadsNoMoreThanItSays) {
  const auto set = fitted(spec());
  core::Request request;
  request.messages.push_back({core::Role::kUser, {{core::PartKind::kText, "The cat sat: 3 plus 4?"}}, {}, {}});
  Description all;
  describe(request, all);
  Description some;
  describe(request, some, set.reads());
  std::vector<float> x(set.dense_size());
  std::vector<float> y(set.dense_size());
  SparseVector x_sparse;
  SparseVector y_sparse;
  set.transform(all, x, x_sparse);
  set.transform(some, y, y_sparse);
  EXPECT_EQ(x, y);
  EXPECT_EQ(x_sparse.ids, y_sparse.ids);
  EXPECT_EQ(x_sparse.values, y_sparse.values);
  EXPECT_FALSE(set.reads() == kThree);
}

TEST(FeatureSet, ReadsWhatAnyOfItsFeaturesReads) {
  EXPECT_EQ(FeatureSet().reads(), Reads{});
  const auto set = FeatureSet::fit({{"hash", {}}, {"signals", {}}}, texts(kTexts), base::Rng(1)).value();
  EXPECT_EQ(set.reads(), kThree);
  EXPECT_NE(FeatureSet().schema_hash(), 0U);  // methods without a feature read tokens, whose definition may change
}

TEST(FeatureSet, BlocksLieSideBySide) {
  const auto set =
      FeatureSet::fit({{"hash", {{"dims", "32"}}}, {"tfidf", {}}, {"signals", {}}}, texts(kTexts), base::Rng(1))
          .value();
  EXPECT_EQ(set.dense_size(), 32 + kSignalCount);
  EXPECT_EQ(set.block("signals").offset, 32U);
  EXPECT_EQ(set.block("tfidf").size, 0U);
  EXPECT_GT(set.sparse_size(), 5U);
  EXPECT_EQ(set.names(), (std::vector<std::string>{"hash", "tfidf", "signals"}));
}

}  // namespace
}  // namespace thalamus::feature
