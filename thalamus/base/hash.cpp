#include "thalamus/base/hash.h"

#include <array>
#include <bit>
#include <cstring>

#include "thalamus/base/rng.h"

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace thalamus::base {
namespace {

// Slicing by eight (Kounavis, Berry: A systematic approach to building high performance, software-based, CRC
// generators, ISCC 2005): table k is the effect of a byte that k more bytes follow, so that eight look-ups do not wait
// for each other.
constexpr std::size_t kSlices = 8;
using CrcTables = std::array<std::array<std::uint32_t, 256>, kSlices>;

constexpr CrcTables make_crc_tables() {
  CrcTables tables{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1U) != 0 ? 0x82f63b78U : 0U);
    tables[0][i] = crc;
  }
  for (std::size_t k = 1; k < kSlices; ++k)
    for (std::size_t i = 0; i < 256; ++i) tables[k][i] = (tables[k - 1][i] >> 8) ^ tables[0][tables[k - 1][i] & 0xffU];
  return tables;
}

constexpr CrcTables kCrcTables = make_crc_tables();

static_assert(std::endian::native == std::endian::little, "eight bytes are read as one number");

std::uint64_t load_eight(const std::byte* at) noexcept {
  std::uint64_t word = 0;
  std::memcpy(&word, at, sizeof word);
  return word;
}

std::uint32_t crc32c_tables(std::span<const std::byte> bytes, std::uint32_t crc) noexcept {
  const CrcTables& t = kCrcTables;
  const std::byte* at = bytes.data();
  std::size_t left = bytes.size();
  crc = ~crc;
  for (; left >= 8; left -= 8, at += 8) {
    const std::uint64_t word = load_eight(at) ^ crc;
    crc = t[7][word & 0xffU] ^ t[6][(word >> 8) & 0xffU] ^ t[5][(word >> 16) & 0xffU] ^ t[4][(word >> 24) & 0xffU] ^
          t[3][(word >> 32) & 0xffU] ^ t[2][(word >> 40) & 0xffU] ^ t[1][(word >> 48) & 0xffU] ^ t[0][word >> 56];
  }
  for (; left > 0; --left, ++at) crc = (crc >> 8) ^ t[0][(crc ^ std::to_integer<std::uint32_t>(*at)) & 0xffU];
  return ~crc;
}

#if defined(__x86_64__)

__attribute__((target("sse4.2"))) std::uint32_t crc32c_sse42(std::span<const std::byte> bytes,
                                                             std::uint32_t crc) noexcept {
  const std::byte* at = bytes.data();
  std::size_t left = bytes.size();
  std::uint64_t state = static_cast<std::uint32_t>(~crc);
  for (; left >= 8; left -= 8, at += 8) state = _mm_crc32_u64(state, load_eight(at));
  auto tail = static_cast<std::uint32_t>(state);
  for (; left > 0; --left, ++at) tail = _mm_crc32_u8(tail, std::to_integer<std::uint8_t>(*at));
  return ~tail;
}

constexpr std::array<Crc32cWay, 2> kWays{{{"sse4.2", crc32c_sse42}, {"tables", crc32c_tables}}};

#else

constexpr std::array<Crc32cWay, 1> kWays{{{"tables", crc32c_tables}}};

#endif

}  // namespace

std::uint64_t hash64(std::string_view bytes, std::uint64_t seed) noexcept {
  std::uint64_t hash = 0xcbf29ce484222325ULL ^ seed;
  for (const char c : bytes) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3ULL;
  }
  return mix64(hash);
}

std::span<const Crc32cWay> crc32c_ways() noexcept {
  const std::span<const Crc32cWay> ways(kWays);
#if defined(__x86_64__)
  // One load and one test. Before the C library has asked the processor (static initialisation) it says no, and the
  // tables give the same value.
  if (__builtin_cpu_supports("sse4.2") == 0) return ways.subspan(1);
#endif
  return ways;
}

std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t crc) noexcept {
  return crc32c_ways().front().compute(bytes, crc);
}

std::uint32_t crc32c(std::string_view bytes, std::uint32_t crc) noexcept {
  return crc32c(std::as_bytes(std::span(bytes)), crc);
}

}  // namespace thalamus::base
