// The values are part of our file formats. Those of CRC-32C are from RFC 3720 appendix B.4.
#include <gtest/gtest.h>

#include <string>

#include "thalamus/base/hash.h"

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
