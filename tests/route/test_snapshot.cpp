// The snapshot file: exact round trip, every damage refused with its reason, versions, and what targets get.
#include <gtest/gtest.h>

#include <cstring>

#include "thalamus/base/hash.h"
#include "toy.h"

namespace thalamus::route {
namespace {

core::Estimates estimate(const Snapshot& snapshot, std::string_view text, std::span<const core::Target> targets) {
  feature::Description description;
  feature::describe_text(text, "", description);
  Scratch scratch;
  core::Estimates out;
  snapshot.estimate(description, snapshot.map_targets(targets), targets, scratch, out);
  return out;
}

/// Writes a new checksum under changed bytes.
std::string sealed(std::string bytes) {
  bytes.resize(bytes.size() - 4);
  const std::uint32_t crc = base::crc32c(bytes);
  bytes.append(reinterpret_cast<const char*>(&crc), 4);
  return bytes;
}

TEST(Snapshot, BytesLoadBackToTheSameBytesAndEstimates) {
  for (const MethodRecord& method : methods()) {
    const auto snapshot = toy_snapshot(method.name);
    const std::string bytes = snapshot->bytes();
    const auto loaded = Snapshot::load(bytes);
    ASSERT_TRUE(loaded.has_value()) << method.name << ": " << loaded.error().text();
    EXPECT_EQ((*loaded)->bytes(), bytes);
    EXPECT_EQ((*loaded)->content_hash(), snapshot->content_hash());
    EXPECT_EQ((*loaded)->header().method, method.name);
    const auto targets = snapshot->own_targets();
    const auto a = estimate(*snapshot, "What is 3 plus 4?", targets);
    const auto b = estimate(**loaded, "What is 3 plus 4?", targets);
    for (std::size_t t = 0; t < targets.size(); ++t) {
      EXPECT_EQ(a[t].quality, b[t].quality) << method.name;
      EXPECT_EQ(a[t].cost_usd, b[t].cost_usd);
      EXPECT_EQ(a[t].seconds, b[t].seconds);
    }
  }
}

TEST(Snapshot, TheSameSeedGivesTheSameBytes) {
  EXPECT_EQ(toy_snapshot("kmeans", 5)->bytes(), toy_snapshot("kmeans", 5)->bytes());
  EXPECT_NE(toy_snapshot("kmeans", 5)->bytes(), toy_snapshot("kmeans", 6)->bytes());
}

TEST(Snapshot, EveryFlippedByteIsRefused) {
  const std::string bytes = toy_snapshot("global_mean", 3, 12)->bytes();
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    std::string flipped = bytes;
    flipped[at] = static_cast<char>(flipped[at] ^ 0x10);
    const auto loaded = Snapshot::load(flipped);
    ASSERT_FALSE(loaded.has_value()) << "byte " << at;
    EXPECT_FALSE(loaded.error().message.empty());
  }
}

TEST(Snapshot, EveryTruncationIsRefused) {
  const std::string bytes = toy_snapshot("global_mean", 3, 12)->bytes();
  for (std::size_t size = 0; size < bytes.size(); ++size)
    ASSERT_FALSE(Snapshot::load(std::string_view(bytes).substr(0, size)).has_value()) << size << " bytes";
  EXPECT_FALSE(Snapshot::load(bytes + "x").has_value());
}

TEST(Snapshot, FlippedBytesUnderAValidChecksumNeverCrash) {
  // What a checksum cannot catch: the sizes and numbers inside are checked one by one.
  for (const char* method : {"knn", "kmeans", "task_lookup", "prompt_length"}) {
    const std::string bytes = toy_snapshot(method, 3, 12)->bytes();
    const auto targets = toy_snapshot(method, 3, 12)->own_targets();
    const std::size_t step = std::max<std::size_t>(1, bytes.size() / 700);
    for (std::size_t at = 20; at + 4 < bytes.size(); at += step) {
      std::string flipped = bytes;
      flipped[at] = static_cast<char>(flipped[at] ^ 0x81);
      const auto loaded = Snapshot::load(sealed(flipped));
      if (!loaded) continue;
      const auto out = estimate(**loaded, "What is 3 plus 4?", targets);
      for (std::size_t t = 0; t < out.size(); ++t) {
        EXPECT_TRUE(out[t].quality >= 0 && out[t].quality <= 1) << method << " byte " << at;
      }
    }
  }
}

TEST(Snapshot, ForeignFilesAreNamedAsSuch) {
  for (const char* foreign : {"", "{\"version\":1}", "PK\x03\x04 something else entirely"}) {
    const auto loaded = Snapshot::load(foreign);
    ASSERT_FALSE(loaded.has_value());
    EXPECT_EQ(loaded.error().kind, ErrorKind::kCorrupt);
    EXPECT_NE(loaded.error().message.find("not a snapshot"), std::string::npos) << loaded.error().message;
  }
}

TEST(Snapshot, ANewerMinorVersionIsReadAndANewerMajorRefused) {
  std::string bytes = toy_snapshot("global_mean")->bytes();
  bytes[10] = 9;  // minor
  EXPECT_TRUE(Snapshot::load(sealed(bytes)).has_value());
  bytes[8] = 2;  // major
  const auto refused = Snapshot::load(sealed(bytes));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().kind, ErrorKind::kUnsupported);
  EXPECT_NE(refused.error().message.find("version 2"), std::string::npos);
}

TEST(Snapshot, ASectionOfANewerMinorVersionIsSkipped) {
  std::string bytes = toy_snapshot("global_mean")->bytes();
  bytes.resize(bytes.size() - 4);
  const std::uint64_t length = 3;
  bytes.append("NEWS");
  bytes.append(reinterpret_cast<const char*>(&length), 8);
  bytes.append("abc");
  std::uint64_t body = 0;
  std::memcpy(&body, bytes.data() + 12, 8);
  body += 15;
  std::memcpy(bytes.data() + 12, &body, 8);
  const auto loaded = Snapshot::load(sealed(bytes + "crc."));
  EXPECT_TRUE(loaded.has_value()) << loaded.error().text();
}

TEST(Snapshot, AnAbsentFileIsNamed) {
  const auto loaded = Snapshot::load_file("/no/such/folder/auto.snapshot");
  ASSERT_FALSE(loaded.has_value());
  EXPECT_NE(loaded.error().text().find("/no/such/folder/auto.snapshot"), std::string::npos);
}

TEST(Snapshot, TargetsMatchByNameAndUnseenOnesGetThePriorWithAWideDeviation) {
  const auto snapshot = toy_snapshot("ridge");
  std::vector<core::Target> targets(4);
  targets[0].name = "french";
  targets[1].name = "newcomer";
  targets[2].name = "calculator";
  targets[2].kind = core::TargetKind::kTool;
  targets[3].name = "sums";
  const TargetMap map = snapshot->map_targets(targets);
  EXPECT_EQ(map.column, (std::vector<std::int32_t>{1, -1, -1, 0}));
  EXPECT_EQ(map.unseen, std::vector<std::string>{"newcomer"});
  EXPECT_EQ(map.unused, std::vector<std::string>{"middle"});
  const auto out = estimate(*snapshot, "What is 3 plus 4?", targets);
  EXPECT_GT(out[3].quality, out[0].quality);
  EXPECT_GT(out[1].quality_sd, out[3].quality_sd);
  EXPECT_GT(out[1].quality, 0.2);
  EXPECT_LT(out[1].quality, 0.8);
  EXPECT_EQ(out[2].quality, 0);
}

TEST(Snapshot, PricesApplyLive) {
  const auto snapshot = toy_snapshot("ridge");
  auto targets = snapshot->own_targets();
  const auto free = estimate(*snapshot, "What is 3 plus 4?", targets);
  EXPECT_EQ(free[0].cost_usd, 0);
  targets[0].prices.input = 1;
  targets[0].prices.output = 10;
  const auto priced = estimate(*snapshot, "What is 3 plus 4?", targets);
  const double expected = (priced.input_tokens * 1.0 + priced[0].output_tokens * 10.0) * 1e-6;
  EXPECT_NEAR(priced[0].cost_usd, expected, 1e-12);
  EXPECT_NEAR(priced[0].output_tokens, 20, 4);
}

TEST(Snapshot, RecordedCostsAreUsedWhereAskedFor) {
  const auto snapshot = toy_snapshot("ridge");
  const auto targets = snapshot->own_targets();
  feature::Description description;
  feature::describe_text("What is 3 plus 4?", "", description);
  Scratch scratch;
  core::Estimates out;
  snapshot->estimate(description, snapshot->map_own(), targets, scratch, out);
  for (std::size_t m = 0; m < 3; ++m) EXPECT_NEAR(out[m].cost_usd, 0.001 * static_cast<double>(m + 1), 1e-6);
}

TEST(Snapshot, AnOutputLimitCapsTheExpectedTokens) {
  const auto snapshot = toy_snapshot("ridge");
  const auto targets = snapshot->own_targets();
  feature::Description description;
  feature::describe_text("What is 3 plus 4?", "", description);
  description.max_output_tokens = 5;
  Scratch scratch;
  core::Estimates out;
  snapshot->estimate(description, snapshot->map_targets(targets), targets, scratch, out);
  EXPECT_EQ(out[0].output_tokens, 5);
}

TEST(Snapshot, APolicyFillsPreferenceAndKeepsQualityAtTheMeans) {
  const auto snapshot = toy_snapshot("single");
  const auto out = estimate(*snapshot, "What is 3 plus 4?", snapshot->own_targets());
  EXPECT_TRUE(out.has_preference);
  EXPECT_EQ(out[0].quality, snapshot->header().models[0].quality_mean);
}

TEST(Snapshot, MoreTargetsThanColumnsFitAreCutAtTheBound) {
  const auto snapshot = toy_snapshot("global_mean");
  const std::vector<core::Target> many(300);
  EXPECT_EQ(estimate(*snapshot, "x", many).size(), core::kTargetsMax);
}

}  // namespace
}  // namespace thalamus::route
