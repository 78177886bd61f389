/// Which word tokens count for which signal.
#pragma once

#include <array>
#include <cstdint>
#include <span>

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

/// The classes of a token by its token_hash; 0 for most.
[[nodiscard]] std::uint16_t word_class(std::uint64_t token) noexcept;
/// Of all lists: part of the schema.
[[nodiscard]] std::uint64_t word_class_hash() noexcept;

/// How many of the tokens are of each class, in the order of WordClass.
[[nodiscard]] std::array<std::uint32_t, kWordClassCount> count_word_classes(
    std::span<const std::uint64_t> tokens) noexcept;

}  // namespace thalamus::feature
