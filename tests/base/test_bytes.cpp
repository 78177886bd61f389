#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "thalamus/base/bytes.h"
#include "thalamus/base/rng.h"

namespace thalamus::base {
namespace {

std::string sample() {
  ByteWriter writer;
  writer.put(std::uint8_t{7});
  writer.put(std::int64_t{-5});
  writer.put(2.5);
  writer.put_string("hello");
  writer.put_array(std::vector<float>{1, 2, 3});
  return writer.take();
}

Status read_sample(std::string_view bytes) {
  ByteReader reader(bytes);
  TRY(const auto small, reader.get<std::uint8_t>());
  TRY(const auto number, reader.get<std::int64_t>());
  TRY(const auto real, reader.get<double>());
  TRY(const auto text, reader.get_string());
  TRY(const auto values, reader.get_array<float>());
  EXPECT_EQ(small, 7);
  EXPECT_EQ(number, -5);
  EXPECT_EQ(real, 2.5);
  EXPECT_EQ(text, "hello");
  EXPECT_EQ(values, (std::vector<float>{1, 2, 3}));
  EXPECT_EQ(reader.remaining(), 0U);
  return {};
}

TEST(Bytes, ReadBackWhatWasWritten) { EXPECT_TRUE(read_sample(sample()).has_value()); }

TEST(Bytes, RefuseEveryTruncation) {
  const std::string bytes = sample();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const Status status = read_sample(std::string_view(bytes).substr(0, size));
    ASSERT_FALSE(status.has_value());
    EXPECT_EQ(status.error().kind, ErrorKind::kCorrupt);
    EXPECT_NE(status.error().message.find("truncated"), std::string::npos);
  }
}

TEST(Bytes, CheckASizeBeforeAnythingIsAllocated) {
  ByteWriter writer;
  writer.put(std::uint64_t{1} << 62);
  ByteReader reader(writer.bytes());
  EXPECT_FALSE(reader.get_array<double>().has_value());
  ByteWriter text;
  text.put(UINT32_MAX);
  ByteReader text_reader(text.bytes());
  EXPECT_FALSE(text_reader.get_string().has_value());
}

TEST(Bytes, AreLittleEndian) {
  ByteWriter writer;
  writer.put(std::uint32_t{0x01020304});
  EXPECT_EQ(writer.bytes(), "\x04\x03\x02\x01");
}

TEST(Bytes, HandOutRawViewsWithinBounds) {
  ByteReader reader("abcdef");
  EXPECT_EQ(reader.get_raw(4).value(), "abcd");
  EXPECT_FALSE(reader.get_raw(3).has_value());
  EXPECT_EQ(reader.get_raw(2).value(), "ef");
  EXPECT_TRUE(reader.get_raw(0).has_value());
}

TEST(Bytes, ReadAnEmptyArrayAndAnEmptyString) {
  ByteWriter writer;
  writer.put_array(std::vector<double>{});
  writer.put_string("");
  ByteReader reader(writer.bytes());
  EXPECT_TRUE(reader.get_array<double>().value().empty());
  EXPECT_EQ(reader.get_string().value(), "");
}

TEST(Bytes, NeverReadPastTheEndOfAnyBytes) {
  const std::uint64_t seed = 99;
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  Rng rng(seed);
  for (int round = 0; round < 2'000; ++round) {
    std::string bytes;
    for (auto n = rng.below(40); n > 0; --n) bytes.push_back(static_cast<char>(rng.below(4)));
    ByteReader reader(bytes);
    for (bool going = true; going && reader.remaining() > 0;) {
      switch (rng.below(4)) {
        case 0: going = reader.get<std::uint16_t>().has_value(); break;
        case 1: going = reader.get_string().has_value(); break;
        case 2: going = reader.get_array<std::uint32_t>().has_value(); break;
        default: going = reader.get_raw(rng.below(9)).has_value();
      }
    }
    ASSERT_LE(reader.remaining(), bytes.size());
  }
}

}  // namespace
}  // namespace thalamus::base
