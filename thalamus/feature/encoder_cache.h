/// Vectors of unit length by the hash of their text: bounded, thread-safe, second chance (CLOCK) replacement. Numbers
/// are kept in 16 bits, steps of 1/32767, and a vector is rounded so before its first use: what is read does not depend
/// on whether it was cached.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <span>
#include <unordered_map>
#include <vector>

namespace thalamus::feature {

class EncoderCache {
 public:
  /// Grows as it fills, up to `entries` in all.
  EncoderCache(std::size_t dims, std::size_t entries);

  /// Copies the vector of `key` into `out`; false where it is not here. Allocates nothing; the lock held is that of one
  /// shard, for the time of a copy.
  [[nodiscard]] bool get(std::uint64_t key, std::span<float> out) const noexcept;
  [[nodiscard]] bool has(std::uint64_t key) const noexcept;
  /// Rounds `vector` in place and keeps it; in a full shard it takes the place of one that was not read of late.
  void put(std::uint64_t key, std::span<float> vector);

  [[nodiscard]] std::size_t size() const noexcept;
  [[nodiscard]] std::size_t entries_max() const noexcept { return kShards * shard_max_; }

 private:
  static constexpr std::size_t kShards = 16;
  struct Shard {
    mutable std::mutex mutex;
    std::unordered_map<std::uint64_t, std::uint32_t> slot_of;
    std::vector<std::uint64_t> keys;         ///< of each slot
    mutable std::vector<std::uint8_t> read;  ///< since the hand last passed
    std::vector<std::int16_t> numbers;       ///< slots x dims
    std::size_t hand = 0;
  };
  [[nodiscard]] Shard& shard_of(std::uint64_t key) const noexcept { return shards_[key >> 60]; }

  std::size_t dims_;
  std::size_t shard_max_;
  mutable std::array<Shard, kShards> shards_;
};

}  // namespace thalamus::feature
