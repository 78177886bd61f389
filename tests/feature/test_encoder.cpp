// The encoder without a network (a small one of our own stands in): cache, batches, worker, patience. With the real
// one, where set-up has fetched it: what is known of its vectors.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cmath>
#include <future>
#include <latch>

#include "thalamus/feature/encoder.h"
#include "thalamus/feature/feature_set.h"
#include "thalamus/math/kernels.h"

namespace thalamus::feature {
namespace {

constexpr std::size_t kDims = 4;

/// A text's vector: its number of ids, their sum, the last one, 1; unit length. Counts its calls; may fail, may wait.
class ToyModel final : public SentenceModel {
 public:
  [[nodiscard]] std::size_t dims() const noexcept override { return kDims; }
  [[nodiscard]] Status embed(std::span<const std::vector<std::uint32_t>> texts, std::span<float> out) const override {
    if (gate != nullptr) gate->wait();
    for (std::size_t t = 0; t < texts.size(); ++t) {
      const auto row = out.subspan(t * kDims, kDims);
      row[0] = static_cast<float>(texts[t].size());
      row[1] = 0;
      for (const std::uint32_t id : texts[t]) row[1] += static_cast<float>(id);
      row[2] = static_cast<float>(texts[t][texts[t].size() - 2]);
      row[3] = 1;
      math::normalize(row);
      if (texts[t].size() == failing) return fail(ErrorKind::kInternal, "asked to fail");
    }
    return {};
  }
  std::size_t failing = 0;  ///< a text of so many ids fails
  std::latch* gate = nullptr;
};

std::shared_ptr<const Encoder> toy(EncoderLimits limits = {}, std::latch* gate = nullptr, std::size_t failing = 0) {
  auto model = std::make_unique<ToyModel>();
  model->gate = gate;
  model->failing = failing;
  return std::make_shared<const Encoder>(WordPiece::load("[UNK]\n[CLS]\n[SEP]\na\nb\nc\nd\n").value(), std::move(model),
                                         limits, 1);
}

std::vector<float> vector_of(const Encoder& encoder, std::string_view text, std::uint64_t hash) {
  std::vector<float> out(encoder.dims());
  EXPECT_TRUE(encoder.encode_one(text, hash, out).has_value());
  return out;
}

TEST(EncoderCache, GivesBackWhatItKeepsRoundedOnce) {
  EncoderCache cache(3, 160);
  std::vector<float> vector{0.5F, -0.123456F, 1.0F};
  cache.put(42, vector);
  std::vector<float> read(3);
  ASSERT_TRUE(cache.get(42, read));
  EXPECT_EQ(read, vector);  // `put` has rounded its argument as well
  EXPECT_NEAR(read[1], -0.123456, 2e-5);
  EXPECT_FALSE(cache.get(43, read));
  std::vector<float> broken{std::nanf(""), 7.0F, -7.0F};
  cache.put(44, broken);
  EXPECT_EQ(broken, (std::vector<float>{0.0F, 1.0F, -1.0F}));
}

TEST(EncoderCache, IsBoundedAndKeepsWhatIsRead) {
  EncoderCache cache(1, 64);  // four entries a shard; the highest four bits of a key choose the shard
  std::vector<float> vector{0.25F};
  for (std::uint64_t key = 0; key < 4; ++key) cache.put(key, vector);
  std::vector<float> read(1);
  for (std::uint64_t key = 4; key < 200; ++key) {
    EXPECT_TRUE(cache.get(1, read)) << key;  // read between any two newcomers: never the one to go
    cache.put(key, vector);
  }
  EXPECT_EQ(cache.size(), 4U);
  EXPECT_TRUE(cache.has(1));
  EXPECT_FALSE(cache.has(0));
  cache.put(1ULL << 60, vector);  // another shard
  EXPECT_EQ(cache.size(), 5U);
}

TEST(Encoder, BatchesGiveTheVectorsOfSingleTextsInTheirOrder) {
  const auto batched = toy();
  const auto single = toy();
  std::vector<EncoderText> texts;
  for (std::uint64_t i = 0; i < 53; ++i) {
    std::string text;
    for (std::uint64_t k = 0; k <= i * 7 % 13; ++k) text += k % 2 == 0 ? "a " : "c ";
    texts.push_back({text + "b", i * 0x9e3779b97f4a7c15ULL});
  }
  std::vector<float> out(texts.size() * kDims);
  ASSERT_TRUE(batched->encode(texts, 3, out).has_value());
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const auto alone = vector_of(*single, texts[i].text, texts[i].hash);
    EXPECT_EQ(std::vector<float>(out.begin() + static_cast<std::ptrdiff_t>(i * kDims),
                                 out.begin() + static_cast<std::ptrdiff_t>((i + 1) * kDims)),
              alone)
        << i;
  }
  EXPECT_EQ(batched->counts().encoded, 53U);
  EXPECT_EQ(batched->counts().batches, 7U);  // of eight
  const auto before = out;
  ASSERT_TRUE(batched->encode(texts, 1, out).has_value());  // all remembered
  EXPECT_EQ(out, before);
  EXPECT_EQ(batched->counts().batches, 7U);
  EXPECT_EQ(batched->counts().hits, 53U);
}

TEST(Encoder, AFailureOfTheNetworkIsTold) {
  const auto encoder = toy({}, nullptr, 5);
  const std::vector<EncoderText> texts{{"a", 1}, {"a b c", 2}};  // five ids with the marks
  std::vector<float> out(2 * kDims);
  const Status encoded = encoder->encode(texts, 2, out);
  ASSERT_FALSE(encoded.has_value());
  EXPECT_EQ(encoded.error().message, "asked to fail");
}

TEST(Encoder, ReadsTheHeadAndTheTailOfALongText) {
  const auto encoder = toy({.tokens = 8, .cache_entries = 64});  // five pieces of the head, one of the tail
  EXPECT_EQ(vector_of(*encoder, "a b c d a c c c c b", 1), vector_of(*encoder, "a b c d a b", 2));
  EXPECT_NE(vector_of(*encoder, "a b c d c c c c c b", 3), vector_of(*encoder, "a b c d a b", 2));
}

TEST(EncoderWorker, ComputesInTheBackgroundAndCallsBackOnce) {
  std::latch gate(1);
  const auto encoder = toy({}, &gate);
  std::vector<float> out(kDims);
  std::latch all(20);
  {
    EncoderWorker worker(encoder);
    for (std::uint64_t i = 0; i < 20; ++i)
      ASSERT_TRUE(worker.request(i % 2 == 0 ? "a b" : "c", i % 10, [&] { all.count_down(); }));
    EXPECT_FALSE(encoder->lookup(0, out));  // the network is held; the caller is not
    gate.count_down();
    all.wait();
  }
  for (std::uint64_t i = 0; i < 10; ++i) EXPECT_TRUE(encoder->lookup(i, out)) << i;
  EXPECT_EQ(encoder->counts().encoded, 10U);  // the same text twice is encoded once
  EXPECT_LT(encoder->counts().batches, 10U);
}

TEST(EncoderWorker, RefusesBeyondItsBoundAndCallsBackWhatWaitsWhenItEnds) {
  std::latch gate(1);
  const auto encoder = toy({}, &gate);
  std::atomic<int> called{0};
  int accepted = 0;
  {
    EncoderWorker worker(encoder);
    for (std::uint64_t i = 0; i < kEncoderQueueMax + 100; ++i)
      if (worker.request("a", i, [&] { ++called; })) ++accepted;
    EXPECT_LE(accepted, static_cast<int>(kEncoderQueueMax + kEncoderBatch));
    EXPECT_GE(accepted, static_cast<int>(kEncoderQueueMax));
    gate.count_down();
  }
  EXPECT_EQ(called.load(), accepted);
}

// ---- the real network
// ------------------------------------------------------------------------------------------------

const std::vector<std::string> kTexts{"How do I bake bread?", "What is the best way to make a loaf at home?",
                                      "Solve x^2 - 5x + 6 = 0 for x.", "Translate the sentence into French."};

class RealEncoder : public testing::Test {
 protected:
  void SetUp() override {
    auto opened = Encoder::open_shared({}, {});
    if (!opened) GTEST_SKIP() << "skipped, the sentence encoder is not here: " << opened.error().text();
    encoder_ = *opened;
  }
  [[nodiscard]] FeatureSet fitted() const {
    const DescriptionSource source{kTexts.size(),
                                   [](std::size_t i, Description& out) { describe_text(kTexts[i], "", out); }};
    return FeatureSet::fit({{"encoder", {}}}, source, base::Rng(1)).value();
  }
  std::shared_ptr<const Encoder> encoder_;
};

TEST_F(RealEncoder, HasTheReferenceVector) {
  // Computed with the model's own Python runtime and a reference tokenizer.
  const std::array<double, 6> reference{0.04183097, 0.05866525, 0.05134927, 0.07539131, 0.02578056, -0.03747118};
  const auto vector = vector_of(*encoder_, "The quick brown fox jumps over the lazy dog.", 0x5eedULL << 40);
  ASSERT_EQ(vector.size(), 384U);
  for (std::size_t d = 0; d < reference.size(); ++d) EXPECT_NEAR(vector[d], reference[d], 1e-3) << d;
  EXPECT_NEAR(math::dot(vector, vector), 1, 1e-3);
}

TEST_F(RealEncoder, LikeMeaningsAreNearWithoutCommonWords) {
  const auto bread = vector_of(*encoder_, kTexts[0], 11ULL << 50);
  const auto loaf = vector_of(*encoder_, kTexts[1], 12ULL << 50);
  const auto algebra = vector_of(*encoder_, kTexts[2], 13ULL << 50);
  EXPECT_GT(math::dot(bread, loaf), 0.6F);
  EXPECT_LT(math::dot(bread, algebra), 0.2F);
}

TEST_F(RealEncoder, ATextsVectorDoesNotDependOnItsBatch) {
  std::vector<EncoderText> texts;
  for (std::size_t i = 0; i < kTexts.size(); ++i) texts.push_back({kTexts[i], (100 + i) << 48});
  std::vector<float> out(texts.size() * encoder_->dims());
  ASSERT_TRUE(encoder_->encode(texts, 1, out).has_value());
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const auto alone = vector_of(*encoder_, texts[i].text, (200 + i) << 48);
    for (std::size_t d = 0; d < alone.size(); ++d) EXPECT_NEAR(alone[d], out[i * alone.size() + d], 1e-4);
  }
}

TEST_F(RealEncoder, StandsInWithTheMeanUntilTheVectorIsThere) {
  const FeatureSet set = fitted();
  Description description;
  describe_text("A text that nobody has asked for before: 7351.", "", description);
  description.patience = Patience::kStandIn;
  std::vector<float> mean(set.dense_size());
  std::vector<float> vector(set.dense_size());
  SparseVector sparse;
  EXPECT_FALSE(set.ready(description));
  const std::uint64_t stand_ins = encoder_->counts().stand_ins;
  set.transform(description, mean, sparse);
  EXPECT_EQ(encoder_->counts().stand_ins, stand_ins + 1);
  EXPECT_LT(math::dot(mean, mean), 0.9F);  // shorter than any single vector

  std::promise<void> done;
  ASSERT_TRUE(set.request(description, [&] { done.set_value(); }));
  done.get_future().wait();
  EXPECT_TRUE(set.ready(description));
  set.transform(description, vector, sparse);
  EXPECT_NEAR(math::dot(vector, vector), 1, 1e-3);
  EXPECT_FALSE(set.request(description, [] { ADD_FAILURE() << "nothing was to be computed"; }));
}

TEST_F(RealEncoder, AnotherNetworkIsRefusedBySnapshots) {
  base::ByteWriter out;
  fitted().save(out);
  std::string bytes = out.take();
  // The feature's own section begins with the network's hash: after count, name, schema, content hash and size.
  const std::size_t section = 4 + 4 + std::string_view("encoder").size() + 8 + 8 + 8;
  base::ByteReader reader(std::string_view(bytes).substr(section));
  EXPECT_EQ(reader.get<std::uint64_t>().value(), encoder_->content());
  bytes[section] = static_cast<char>(bytes[section] ^ 1);
  base::ByteReader payload(std::string_view(bytes).substr(section));
  const auto loaded = find_feature("encoder")->load(payload);
  ASSERT_FALSE(loaded.has_value());
  EXPECT_NE(loaded.error().message.find("another sentence encoder"), std::string::npos) << loaded.error().message;
}

TEST(Encoder, MissingFilesAreNamedWithTheRemedy) {
  const auto opened = Encoder::open({.model = "/nonexistent/model.onnx", .vocabulary = {}, .runtime = {}}, {});
  ASSERT_FALSE(opened.has_value());
  EXPECT_NE(opened.error().message.find("tools/setup.sh --for encoder"), std::string::npos) << opened.error().message;
  const bool built_in = onnx_missing().empty();
  EXPECT_EQ(opened.error().message.find("/nonexistent/model.onnx") != std::string::npos, built_in);
  EXPECT_EQ(find_feature("encoder")->help.find("not built in") == std::string_view::npos, built_in);
  EXPECT_EQ(find_feature("encoder")->latency_class_us, 10'000);
}

TEST(Encoder, ForeignModelsAreRefused) {
  if (!onnx_missing().empty()) GTEST_SKIP() << "skipped, " << onnx_missing();
  const auto opened = open_onnx_model("no model at all", {});
  ASSERT_FALSE(opened.has_value());
  if (opened.error().kind == ErrorKind::kEnvironment) GTEST_SKIP() << "skipped: " << opened.error().text();
  EXPECT_EQ(opened.error().kind, ErrorKind::kCorrupt) << opened.error().text();
}

}  // namespace
}  // namespace thalamus::feature
