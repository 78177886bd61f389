#include "thalamus/dispatch/affinity.h"

#include <algorithm>

#include "thalamus/base/hash.h"
#include "thalamus/base/rng.h"

namespace thalamus::dispatch {

std::optional<std::uint64_t> affinity_of(std::string_view session, const PromptPrefix& prefix,
                                         std::size_t prompt_bytes_min, std::uint64_t salt) noexcept {
  if (!session.empty()) return base::hash64(session, salt);
  if (prefix.prompt_bytes < prompt_bytes_min) return std::nullopt;
  std::uint64_t hash = base::mix64(salt);
  // What must be there to be worth a home is what decides which: a long system prompt is shared, its questions differ.
  const std::size_t hashed = prompt_bytes_min > 0 ? prompt_bytes_min : kPrefixBytesMax;
  std::size_t left = hashed;
  for (const std::string_view piece : prefix.pieces) {
    if (left == 0) break;
    const std::string_view seen = piece.substr(0, std::min(left, piece.size()));
    left -= seen.size();
    hash = base::hash64(seen, hash);  // each piece hashes its own end, so that pieces do not run into each other
  }
  return left == hashed ? std::nullopt : std::optional(hash);
}

}  // namespace thalamus::dispatch
