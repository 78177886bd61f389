// Low rank: planted factors are found, the full rank is plain ridge, missing cells, models that join.
#include <gtest/gtest.h>

#include <cmath>

#include "small_set.h"

namespace thalamus::route {
namespace {

constexpr std::size_t kModels = 8;

/// Qualities of eight models from one factor of six features: q_m = .5 + v_m * f(x) + noise.
TrainingSet planted(std::size_t rows, double hole, std::uint64_t seed) {
  base::Rng rng(seed);
  std::vector<SmallRow> made;
  for (std::size_t i = 0; i < rows; ++i) {
    std::vector<float> dense;
    for (int c = 0; c < 6; ++c) dense.push_back(static_cast<float>(rng.normal()));
    const double factor = static_cast<double>(dense[0] - dense[3]) / std::sqrt(2.0);
    std::vector<float> quality;
    for (std::size_t m = 0; m < kModels; ++m) {
      const double loading = 0.1 * (static_cast<double>(m) - 3.5) / 3.5;
      const double value = std::clamp(0.5 + loading * factor + 0.15 * rng.normal(), 0.0, 1.0);
      quality.push_back(rng.uniform() < hole ? NAN : static_cast<float>(value));
    }
    made.push_back({dense, quality});
  }
  return small_set(made);
}

std::uint32_t rank_of(const Router& router) {
  const std::string bytes = saved(router);
  base::ByteReader in(bytes);
  return in.get<std::uint32_t>().value();
}

/// Mean squared difference to the planted qualities without their noise, over fresh requests.
double error_of(const Router& router, std::uint64_t seed) {
  base::Rng rng(seed);
  double sum = 0;
  DenseAsker ask(router, kModels);
  for (int i = 0; i < 200; ++i) {
    std::vector<float> dense;
    for (int c = 0; c < 6; ++c) dense.push_back(static_cast<float>(rng.normal()));
    const double factor = static_cast<double>(dense[0] - dense[3]) / std::sqrt(2.0);
    const Estimated& out = ask(dense);
    for (std::size_t m = 0; m < kModels; ++m) {
      const double off =
          static_cast<double>(out.quality[m]) - 0.5 - 0.1 * (static_cast<double>(m) - 3.5) / 3.5 * factor;
      sum += off * off;
    }
  }
  return sum / 200 / kModels;
}

TEST(LowRank, HeldBackRowsFindThePlantedRankAndSharingHelps) {
  const std::uint64_t seed = 91;
  SCOPED_TRACE(seed);
  const TrainingSet set = planted(150, 0, seed);
  const auto router = fit_small("low_rank", set, {}).value();
  EXPECT_LE(rank_of(*router), 2U);
  const auto ridge = fit_small("ridge", set, {}).value();
  EXPECT_LT(error_of(*router, 92), 0.7 * error_of(*ridge, 92));
}

TEST(LowRank, MissingCellsAreFilledFromWhatTheModelsShare) {
  const std::uint64_t seed = 93;
  SCOPED_TRACE(seed);
  const TrainingSet set = planted(300, 0.6, seed);
  const auto router = fit_small("low_rank", set, {{"rank", "1"}}).value();
  EXPECT_LT(error_of(*router, 94), error_of(*fit_small("ridge", set, {}).value(), 94));
}

TEST(LowRank, FullRankIsPlainRidge) {
  const TrainingSet set = planted(100, 0.2, 95);
  const auto full = fit_small("low_rank", set, {{"rank", "64"}}).value();
  const auto ridge = fit_small("ridge", set, {}).value();
  EXPECT_EQ(rank_of(*full), kModels);
  DenseAsker ask_full(*full, kModels);
  DenseAsker ask_ridge(*ridge, kModels);
  for (std::size_t row = 0; row < 20; ++row) {
    const Estimated& a = ask_full(set.dense_row(row));
    const Estimated& b = ask_ridge(set.dense_row(row));
    for (std::size_t m = 0; m < kModels; ++m) EXPECT_NEAR(a.quality[m], b.quality[m], 1e-5);
  }
}

TEST(LowRank, ANewcomerIsARegressionOnTheFactors) {
  const TrainingSet set = planted(300, 0, 96);
  const auto router = fit_small("low_rank", set, {{"rank", "1"}}).value();
  TrainingSet few = column_of(set, 7);
  for (std::size_t row = 40; row < few.rows; ++row) few.quality[row] = NAN;  // forty rows are enough for one slope
  const auto added = find_method("low_rank")->add_model(*router, few, {});
  ASSERT_TRUE(added.has_value()) << added.error().text();
  double off = 0;
  DenseAsker ask(**added, kModels + 1);
  for (std::size_t row = 0; row < set.rows; ++row) {
    const Estimated& out = ask(set.dense_row(row));
    off += std::abs(static_cast<double>(out.quality[8] - out.quality[7])) / static_cast<double>(set.rows);
  }
  EXPECT_LT(off, 0.06);
}

}  // namespace
}  // namespace thalamus::route
