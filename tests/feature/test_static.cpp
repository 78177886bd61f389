// Static vectors: the weighted mean worked by hand on a tiny file, what the file refuses, and what the errors say.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/feature/tiny_static.h"
#include "thalamus/feature/feature_set.h"

namespace thalamus::feature {
namespace {

const std::vector<std::string> kTexts{"the the the cat", "the dog"};

Result<FeatureSet> fit(const base::OptionMap& options, const std::vector<std::string>& texts = kTexts) {
  const DescriptionSource source{texts.size(),
                                 [&](std::size_t i, Description& out) { describe_text(texts[i], "", out); }};
  return FeatureSet::fit({{"static", options}}, source, base::Rng(1));
}

std::vector<float> transformed(const FeatureSet& set, std::string_view text) {
  Description description;
  describe_text(text, "", description);
  std::vector<float> out(set.dense_size());
  SparseVector sparse;
  set.transform(description, out, sparse);
  return out;
}

TEST(Static, IsTheWeightedMeanOfTheWordsThatItKnows) {
  const TinyStaticFile file;
  const auto set = fit({{"file", file.path()}, {"dims", "2"}, {"weights", "zipf"}, {"rare_share", "0.5"}}).value();
  // Whole words: the, cat, dog, 数 at places 1, 2, 3 and 5: shares in proportion to 1/2, 1/3, 1/4, 1/6, sum 5/4.
  const auto weight = [](double inverse_place) { return 0.5 / (0.5 + inverse_place / 1.25); };
  const double x = weight(1.0 / 2) * 0.1 * 2;
  const double y = weight(1.0 / 3) * 1.0 + weight(1.0 / 4) * 0.5;
  const auto vector = transformed(set, "The cat, the dog: zebras!");
  EXPECT_NEAR(vector[0], x / std::hypot(x, y), 1e-3);
  EXPECT_NEAR(vector[1], y / std::hypot(x, y), 1e-3);
  EXPECT_NEAR(std::hypot(vector[0], vector[1]), 1, 1e-6);
}

TEST(Static, WordsOfTheTrainingTextsCountByTheirShareThere) {
  const TinyStaticFile file;
  std::vector<std::string> texts(20'000, "the the the the cat");
  const base::OptionMap options{{"file", file.path()}, {"dims", "2"}, {"weights", "texts"}, {"rare_share", "0.01"}};
  const auto often = transformed(fit(options, texts).value(), "cat 数");
  texts.assign(20'000, "数 the the the the");
  const auto seldom = transformed(fit(options, texts).value(), "cat 数");
  EXPECT_LT(often[1], seldom[1] - 0.05F) << "where cat is common, it counts for less beside the other word";
}

TEST(Static, ATextOfUnknownWordsIsZeroAndPiecesWithinWordsAreNone) {
  const TinyStaticFile file;
  const auto set = fit({{"file", file.path()}, {"dims", "2"}}).value();
  EXPECT_EQ(transformed(set, "zebras quux"), (std::vector<float>{0.0F, 0.0F}));
  EXPECT_EQ(transformed(set, "s ##s"), (std::vector<float>{0.0F, 0.0F}));
  EXPECT_EQ(transformed(set, ""), (std::vector<float>{0.0F, 0.0F}));
  EXPECT_EQ(transformed(set, "数"), (std::vector<float>{1.0F, 0.0F}));
}

TEST(Static, FewerDimensionsAreTheFirstOnes) {
  const TinyStaticFile file;
  const auto set = fit({{"file", file.path()}, {"dims", "1"}}).value();
  EXPECT_EQ(set.dense_size(), 1U);
  EXPECT_EQ(transformed(set, "数"), (std::vector<float>{1.0F}));
  EXPECT_EQ(transformed(set, "cat"), (std::vector<float>{0.0F}));
}

TEST(Static, ASnapshotNeedsTheFileNoMore) {
  base::ByteWriter out;
  std::vector<float> before;
  {
    const TinyStaticFile file;
    const auto set = fit({{"file", file.path()}, {"dims", "2"}}).value();
    set.save(out);
    before = transformed(set, "the cat and the dog");
  }
  base::ByteReader in(out.bytes());
  EXPECT_EQ(transformed(FeatureSet::load(in).value(), "the cat and the dog"), before);
}

TEST(Static, ErrorsNameTheOptionAndTheRemedy) {
  const auto missing = fit({{"file", "/nonexistent/v.vectors"}, {"dims", "2"}});
  ASSERT_FALSE(missing.has_value());
  EXPECT_NE(missing.error().message.find("/nonexistent/v.vectors"), std::string::npos);
  EXPECT_NE(missing.error().message.find("thalamus distil --out FILE"), std::string::npos);
  EXPECT_NE(missing.error().message.find("file=FILE"), std::string::npos);
  const TinyStaticFile file;
  const auto wide = fit({{"file", file.path()}, {"dims", "3"}});
  ASSERT_FALSE(wide.has_value());
  EXPECT_NE(wide.error().message.find("set dims=2"), std::string::npos) << wide.error().message;
  const auto none = fit({{"dims", "1019"}});  // nobody distils to so many
  ASSERT_FALSE(none.has_value());
  EXPECT_NE(none.error().message.find("thalamus distil --dims 1019"), std::string::npos) << none.error().message;
  EXPECT_NE(none.error().message.find("file=PATH"), std::string::npos);
}

TEST(StaticVectors, SurviveTheirFileAndDamageIsRefused) {
  const StaticVectors vectors = tiny_static();
  const std::string bytes = vectors.bytes();
  const auto loaded = StaticVectors::load(bytes).value();
  EXPECT_EQ(loaded.pieces, vectors.pieces);
  EXPECT_EQ(loaded.scales, vectors.scales);
  EXPECT_EQ(loaded.numbers, vectors.numbers);
  EXPECT_EQ(loaded.bytes(), bytes);
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(StaticVectors::load(std::string_view(bytes).substr(0, size)).has_value()) << size;
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    EXPECT_FALSE(StaticVectors::load(damaged).has_value()) << at;
  }
  EXPECT_FALSE(StaticVectors::load(bytes + "x").has_value());
}

// A right checksum does not excuse content that does not fit together.
TEST(StaticVectors, NumbersOutOfBoundsAreRefused) {
  const auto refused = [](auto&& change) {
    StaticVectors vectors = tiny_static();
    change(vectors);
    return !StaticVectors::load(vectors.bytes()).has_value();
  };
  EXPECT_FALSE(refused([](StaticVectors&) {}));
  EXPECT_TRUE(refused([](StaticVectors& v) { v.dims = 0; }));
  EXPECT_TRUE(refused([](StaticVectors& v) { v.dims = 3; }));
  EXPECT_TRUE(refused([](StaticVectors& v) { v.scales.pop_back(); }));
  EXPECT_TRUE(refused([](StaticVectors& v) { v.scales[1] = std::nanf(""); }));
  EXPECT_TRUE(refused([](StaticVectors& v) { v.scales[1] = -1; }));
  EXPECT_TRUE(refused([](StaticVectors& v) { v.pieces.clear(); }));
}

/// Pieces along two axes: what the components must find again.
class AxesModel final : public SentenceModel {
 public:
  [[nodiscard]] std::size_t dims() const noexcept override { return 3; }
  [[nodiscard]] Status embed(std::span<const std::vector<std::uint32_t>> texts, std::span<float> out) const override {
    for (std::size_t t = 0; t < texts.size(); ++t) {
      const auto id = static_cast<float>(texts[t][1]);
      const float sign = texts[t][1] % 2 == 0 ? 1.0F : -1.0F;
      out[3 * t] = 0.1F * sign;
      out[3 * t + 1] = 0.2F;  // the same for all: no component
      out[3 * t + 2] = id / 10;
    }
    return {};
  }
};

TEST(StaticVectors, DistillingKeepsTheMostTellingAxes) {
  const Encoder encoder(WordPiece::load("[UNK]\n[CLS]\n[SEP]\na\nb\nc\nd\n").value(), std::make_unique<AxesModel>(), {},
                        99);
  const auto vectors = distil_static(encoder, 2, {}).value();
  EXPECT_EQ(vectors.pieces.size(), 7U);
  EXPECT_EQ(vectors.encoder, 99U);
  EXPECT_EQ(vectors.scales[0], 0);  // marks have no vector
  const auto at = [&](std::size_t piece, std::size_t d) {
    return static_cast<double>(vectors.scales[piece]) * vectors.numbers[piece * 2 + d];
  };
  // Ids 3..6 lie at .3 .. .6 of one axis, and in turn on both sides of the other; distances survive the projection.
  for (std::size_t a = 3; a < 7; ++a)
    for (std::size_t b = 3; b < 7; ++b) {
      const double along = (static_cast<double>(a) - static_cast<double>(b)) / 10;
      const double across = a % 2 == b % 2 ? 0.0 : 0.2;
      EXPECT_NEAR(std::hypot(at(a, 0) - at(b, 0), at(a, 1) - at(b, 1)), std::hypot(along, across), 0.005);
    }
  EXPECT_FALSE(distil_static(encoder, 4, {}).has_value());
  const auto stopped = distil_static(encoder, 2, [](double) { return false; });
  EXPECT_EQ(stopped.error().kind, ErrorKind::kCancelled);
}

}  // namespace
}  // namespace thalamus::feature
