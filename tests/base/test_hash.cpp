// The values are part of our file formats. Those of CRC-32C are from RFC 3720 appendix B.4.
#include <gtest/gtest.h>

#include <span>
#include <string>
#include <string_view>

#include "thalamus/base/hash.h"
#include "thalamus/base/rng.h"

namespace thalamus::base {
namespace {

TEST(Crc32c, GivesThePublishedValues) {
  EXPECT_EQ(crc32c("123456789"), 0xe3069283U);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aaU);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62a8ab43U);
  std::string rising;
  for (char c = 0; c < 32; ++c) rising.push_back(c);
  EXPECT_EQ(crc32c(rising), 0x46dd794eU);
  EXPECT_EQ(crc32c(""), 0U);
}

TEST(Crc32c, ContinuesAtAnyCut) {
  const std::string bytes = "the quick brown fox jumps over the lazy dog";
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut)
    EXPECT_EQ(crc32c(bytes.substr(cut), crc32c(bytes.substr(0, cut))), crc32c(bytes));
}

/// One bit at a time, as the polynomial says.
std::uint32_t crc_by_bits(std::string_view bytes, std::uint32_t crc) {
  crc = ~crc;
  for (const char c : bytes) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1U) != 0 ? 0x82f63b78U : 0U);
  }
  return ~crc;
}

TEST(Crc32c, GivesThePublishedValuesEachWay) {
  std::string rising;
  for (char c = 0; c < 32; ++c) rising.push_back(c);
  const std::string falling(rising.rbegin(), rising.rend());
  ASSERT_FALSE(crc32c_ways().empty());
  EXPECT_STREQ(crc32c_ways().back().name, "tables") << "the way that every processor has";
  for (const Crc32cWay& way : crc32c_ways()) {
    const auto of = [&way](std::string_view bytes) { return way.compute(std::as_bytes(std::span(bytes)), 0); };
    EXPECT_EQ(of("123456789"), 0xe3069283U) << way.name;
    EXPECT_EQ(of(std::string(32, '\0')), 0x8a9136aaU) << way.name;
    EXPECT_EQ(of(std::string(32, '\xff')), 0x62a8ab43U) << way.name;
    EXPECT_EQ(of(rising), 0x46dd794eU) << way.name;
    EXPECT_EQ(of(falling), 0x113fdb5cU) << way.name;
    EXPECT_EQ(of(""), 0U) << way.name;
  }
}

TEST(Crc32c, IsTheSameEachWayForAnyLengthAlignmentAndContinuation) {
  const std::uint64_t seed = 23;
  Rng rng(seed);
  std::string pool(1200, '\0');
  for (char& c : pool) c = static_cast<char>(rng.below(256));
  for (int round = 0; round < 1500; ++round) {
    const std::size_t size = rng.below(round % 4 == 0 ? 1000 : 40);
    const std::string_view bytes = std::string_view(pool).substr(rng.below(100), size);
    const auto before = static_cast<std::uint32_t>(rng.next());
    const std::uint32_t expected = crc_by_bits(bytes, before);
    const std::size_t cut = rng.below(size + 1);
    for (const Crc32cWay& way : crc32c_ways()) {
      const auto all = std::as_bytes(std::span(bytes));
      ASSERT_EQ(way.compute(all, before), expected) << way.name << " seed " << seed << " round " << round;
      const std::uint32_t head = way.compute(all.first(cut), before);
      ASSERT_EQ(way.compute(all.subspan(cut), head), expected) << way.name << " seed " << seed << " round " << round;
    }
    ASSERT_EQ(crc32c(bytes, before), expected) << "seed " << seed << " round " << round;
  }
}

TEST(Crc32c, SeesEveryFlippedBit) {
  const std::string bytes = "0123456789abcdef";
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_NE(crc32c(flipped), crc32c(bytes));
  }
}

TEST(Hash64, NeverChangesItsValues) {
  EXPECT_EQ(hash64(""), 0xc3817c016ba4ff30ULL);
  EXPECT_EQ(hash64("a"), 0x5f29c2aadd9b8527ULL);
  EXPECT_EQ(hash64("thalamus"), 0x0267c1745a87b0b3ULL);
  EXPECT_EQ(hash64("a", 1), 0x17a6b6692246bd10ULL);
}

}  // namespace
}  // namespace thalamus::base
