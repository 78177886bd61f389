/// Questions about numbers that are not expressions: primes, factors, comparison, number bases.
#pragma once

#include <cstdint>
#include <span>

#include "thalamus/tool/question.h"

namespace thalamus::tool {

[[nodiscard]] std::span<const Rule> arithmetic_fact_rules();
/// Deterministic Miller-Rabin with the first twelve primes as bases, proven below 3.3e24 (Sorenson and Webster, 2015).
[[nodiscard]] bool is_prime(std::uint64_t n) noexcept;

}  // namespace thalamus::tool
