/// Which word tokens count for which signal.
#pragma once

#include <cstdint>

namespace thalamus::feature {

/// Bits of `word_class`, in the order of the word signals of signals.def.
enum WordClass : std::uint16_t {
  kInstruction = 1U << 0,
  kQuestion = 1U << 1,
  kReasoning = 1U << 2,
  kCode = 1U << 3,
  kExtraction = 1U << 4,
  kString = 1U << 5,
  kDate = 1U << 6,
  kUnit = 1U << 7,
  kMoney = 1U << 8,
  kNegation = 1U << 9,
  kLogic = 1U << 10,
};
inline constexpr unsigned kWordClassCount = 11;

/// The classes of a token by its hash64; 0 for most.
[[nodiscard]] std::uint16_t word_class(std::uint64_t token_hash) noexcept;
/// Of all lists: part of the schema.
[[nodiscard]] std::uint64_t word_class_hash() noexcept;

}  // namespace thalamus::feature
