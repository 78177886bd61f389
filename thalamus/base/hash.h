/// Non-cryptographic 64-bit hashing and the CRC-32C used by our file formats. Values are part of those formats: they
/// never change.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace thalamus::base {

/// FNV-1a (64 bit) followed by the SplitMix64 mixer.
[[nodiscard]] std::uint64_t hash64(std::string_view bytes, std::uint64_t seed = 0) noexcept;

/// CRC-32C (Castagnoli, RFC 3720 appendix B.4); `crc` continues an earlier call. By the processor's own instruction
/// where it has one (SSE4.2, chosen at run time), by tables elsewhere; the values are the same.
[[nodiscard]] std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t crc = 0) noexcept;
[[nodiscard]] std::uint32_t crc32c(std::string_view bytes, std::uint32_t crc = 0) noexcept;

/// One way to compute CRC-32C.
struct Crc32cWay {
  const char* name;
  std::uint32_t (*compute)(std::span<const std::byte> bytes, std::uint32_t crc) noexcept;
};
/// The ways that this processor has, fastest first: `crc32c` takes the first. For tests and measurements.
[[nodiscard]] std::span<const Crc32cWay> crc32c_ways() noexcept;

}  // namespace thalamus::base
