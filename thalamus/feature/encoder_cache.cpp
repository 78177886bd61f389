#include "thalamus/feature/encoder_cache.h"

#include <algorithm>
#include <cmath>

namespace thalamus::feature {
namespace {

constexpr float kSteps = 32767.0F;

}  // namespace

EncoderCache::EncoderCache(std::size_t dims, std::size_t entries)
    : dims_(dims), shard_max_(std::max<std::size_t>(1, entries / kShards)) {}

bool EncoderCache::get(std::uint64_t key, std::span<float> out) const noexcept {
  Shard& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.slot_of.find(key);
  if (found == shard.slot_of.end()) return false;
  shard.read[found->second] = 1;
  const std::int16_t* numbers = shard.numbers.data() + found->second * dims_;
  for (std::size_t d = 0; d < dims_; ++d) out[d] = static_cast<float>(numbers[d]) / kSteps;
  return true;
}

bool EncoderCache::has(std::uint64_t key) const noexcept {
  const Shard& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  return shard.slot_of.contains(key);
}

void EncoderCache::put(std::uint64_t key, std::span<float> vector) {
  std::vector<std::int16_t> rounded(dims_);
  for (std::size_t d = 0; d < dims_; ++d) {
    const float bounded = std::isfinite(vector[d]) ? std::clamp(vector[d], -1.0F, 1.0F) : 0.0F;
    rounded[d] = static_cast<std::int16_t>(std::lround(bounded * kSteps));
    vector[d] = static_cast<float>(rounded[d]) / kSteps;
  }
  Shard& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  std::size_t slot = shard.keys.size();
  if (const auto found = shard.slot_of.find(key); found != shard.slot_of.end()) {
    slot = found->second;
  } else if (slot < shard_max_) {
    shard.keys.push_back(key);
    shard.read.push_back(0);
    shard.numbers.resize(shard.numbers.size() + dims_);
    shard.slot_of.emplace(key, static_cast<std::uint32_t>(slot));
  } else {
    for (; shard.read[shard.hand] != 0; shard.hand = (shard.hand + 1) % shard_max_) shard.read[shard.hand] = 0;
    slot = shard.hand;
    shard.hand = (shard.hand + 1) % shard_max_;
    shard.slot_of.erase(shard.keys[slot]);
    shard.slot_of.emplace(key, static_cast<std::uint32_t>(slot));
    shard.keys[slot] = key;
  }
  std::copy(rounded.begin(), rounded.end(), shard.numbers.begin() + static_cast<std::ptrdiff_t>(slot * dims_));
}

std::size_t EncoderCache::size() const noexcept {
  std::size_t sum = 0;
  for (const Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    sum += shard.keys.size();
  }
  return sum;
}

}  // namespace thalamus::feature
