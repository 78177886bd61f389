// The checks of the RouteLLM card: equal weights give the global ranking, duplicated data change nothing, an
// independent solver agrees to 1e-6, and the tiers match brute force.
#include "thalamus/math/bradley_terry.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "thalamus/base/rng.h"
#include "thalamus/math/lbfgs.h"

namespace thalamus::math {
namespace {

std::vector<double> random_wins(base::Rng& rng, std::size_t n) {
  std::vector<double> wins(n * n, 0.0);
  for (std::size_t a = 0; a < n; ++a)
    for (std::size_t b = 0; b < n; ++b)
      if (a != b) wins[a * n + b] = rng.uniform() < 0.8 ? 10 + 90 * rng.uniform() : 0;
  return wins;
}

std::vector<double> solve(const std::vector<double>& wins, std::size_t n, std::vector<double> start = {}) {
  std::vector<double> c = start.empty() ? std::vector<double>(n, 0.0) : std::move(start);
  std::vector<double> workspace(bradley_terry_workspace(n));
  fit_bradley_terry(wins, kBradleyTerryRidge, c, workspace);
  return c;
}

TEST(BradleyTerry, TwoPlayersGetTheirLogOddsByHand) {
  // 3 wins to 1: c_a - c_b = ln 3 but for the tiny ridge; in Elo 400 log10 3 = 190.85.
  const auto c = solve({0, 3, 1, 0}, 2);
  EXPECT_NEAR(c[0] - c[1], std::log(3.0), 1e-3);
  EXPECT_NEAR(c[0] + c[1], 0, 1e-12);
  EXPECT_NEAR(elo(c[0]) - elo(c[1]), 190.85, 0.2);
}

TEST(BradleyTerry, AnIndependentSolverAgreesToOneInAMillion) {
  base::Rng rng(51);
  for (int round = 0; round < 20; ++round) {
    const std::size_t n = 2 + rng.below(9);
    const auto wins = random_wins(rng, n);
    double total = 0;
    for (const double w : wins) total += w;
    if (!(total > 0)) continue;
    std::vector<double> other(n, 0.0);
    minimize(
        [&](std::span<const double> c, std::span<double> g) {
          double loss = 0;
          for (std::size_t a = 0; a < n; ++a) {
            g[a] = kBradleyTerryRidge * c[a];
            loss += kBradleyTerryRidge / 2 * c[a] * c[a];
          }
          for (std::size_t a = 0; a < n; ++a) {
            for (std::size_t b = 0; b < n; ++b) {
              const double q = 1 / (1 + std::exp(c[a] - c[b]));
              loss -= wins[a * n + b] / total * std::log(1 - q);
              g[a] -= wins[a * n + b] / total * q;
              g[b] += wins[a * n + b] / total * q;
            }
          }
          return loss;
        },
        other, {.iterations_max = 500, .tolerance = 1e-9});
    const auto newton = solve(wins, n);
    for (std::size_t a = 0; a < n; ++a) EXPECT_NEAR(newton[a], other[a], 1e-6) << "round " << round;
  }
}

TEST(BradleyTerry, DuplicatedDataAndAnyStartGiveTheSame) {
  base::Rng rng(52);
  const auto wins = random_wins(rng, 6);
  const auto once = solve(wins, 6);
  auto twice = wins;
  for (double& w : twice) w *= 2;
  const auto doubled = solve(twice, 6);
  const auto elsewhere = solve(wins, 6, {3, -2, 1, 0, -1, 4});
  for (std::size_t a = 0; a < 6; ++a) {
    EXPECT_NEAR(once[a], doubled[a], 1e-9);
    EXPECT_NEAR(once[a], elsewhere[a], 1e-7);
  }
}

TEST(BradleyTerry, CompleteSeparationAndNoBattlesStayFinite) {
  const auto separated = solve({0, 5, 5, 0, 0, 5, 0, 0, 0}, 3);
  for (const double c : separated) EXPECT_TRUE(std::isfinite(c));
  EXPECT_GT(separated[0], separated[1]);
  EXPECT_GT(separated[1], separated[2]);
  for (const double c : solve(std::vector<double>(9, 0.0), 3, {1, 2, 3})) EXPECT_EQ(c, 0);
}

double deviation_of(const std::vector<double>& values, const std::vector<std::uint32_t>& tier) {
  double total = 0;
  for (std::uint32_t t = 0; t < values.size(); ++t) {
    double sum = 0, square = 0, count = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (tier[i] != t) continue;
      sum += values[i];
      square += values[i] * values[i];
      count += 1;
    }
    if (count > 0) total += square - sum * sum / count;
  }
  return total;
}

TEST(Tiers, MatchBruteForceForUpToTwelveValues) {
  base::Rng rng(53);
  for (int round = 0; round < 40; ++round) {
    const std::size_t n = 1 + rng.below(12);
    const std::size_t tiers = 1 + rng.below(n);
    std::vector<double> values;
    for (std::size_t i = 0; i < n; ++i) values.push_back(1000 + 100 * rng.normal());
    std::sort(values.begin(), values.end());
    double best = INFINITY;
    std::vector<std::uint32_t> tier(n, 0);
    const std::function<void(std::size_t, std::uint32_t)> cut = [&](std::size_t i, std::uint32_t t) {
      if (i == n) {
        if (t + 1 == tiers) best = std::min(best, deviation_of(values, tier));
        return;
      }
      for (const std::uint32_t next : {t, t + 1}) {
        if (next >= tiers || (i == 0 && next != 0)) continue;
        tier[i] = next;
        cut(i + 1, next);
      }
    };
    cut(0, 0);
    const auto found = split_tiers(values, tiers);
    EXPECT_NEAR(deviation_of(values, found), best, 1e-6) << "round " << round << ", seed 53";
    EXPECT_TRUE(std::is_sorted(found.begin(), found.end()));
    EXPECT_EQ(found.back() + 1, tiers);
  }
}

TEST(Tiers, FollowTheValuesNotTheirOrder) {
  const auto tier = split_tiers(std::vector<double>{10, 0, 11, 1}, 2);
  EXPECT_EQ(tier, (std::vector<std::uint32_t>{1, 0, 1, 0}));
  EXPECT_EQ(split_tiers(std::vector<double>{5}, 10), (std::vector<std::uint32_t>{0}));
}

}  // namespace
}  // namespace thalamus::math
