/// Ranking from pairwise wins: the Bradley-Terry model by Newton's method, and players cut into tiers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace thalamus::math {

inline constexpr std::size_t kPlayersMax = 512;
inline constexpr double kBradleyTerryRidge = 1e-4;

/// Doubles of working memory that fit_bradley_terry needs.
[[nodiscard]] constexpr std::size_t bradley_terry_workspace(std::size_t players) noexcept {
  return players * players + 2 * players;
}

/// Fills `strengths` with c such that P(a beats b) = sigmoid(c_a - c_b): the minimum of the mean of
/// -log sigmoid(c_winner - c_loser) over all wins plus ridge/2 |c|^2. `wins` is players x players, entry (a, b) the
/// weight of a's wins over b. Strengths average 0 and start from what they hold. All zero without any win. Returns the
/// Newton steps taken. Allocates nothing.
std::size_t fit_bradley_terry(std::span<const double> wins, double ridge, std::span<double> strengths,
                              std::span<double> workspace) noexcept;

/// 400 c / ln 10 + 1000.
[[nodiscard]] double elo(double strength) noexcept;

/// Cuts sorted values into `tiers` contiguous groups (fewer where there are fewer values) of least total squared
/// deviation from their group's mean, by dynamic programming in O(n^2 tiers). Returns each value's tier, 0 the lowest.
[[nodiscard]] std::vector<std::uint32_t> split_tiers(std::span<const double> values, std::size_t tiers);

}  // namespace thalamus::math
