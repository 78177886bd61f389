// Values of methods/evaluation.md section 7 that need this folder's metrics, from recorded public outcomes.
#include <gtest/gtest.h>

#include <cmath>

#include "../learn/recorded_data.h"
#include "thalamus/eval/metrics.h"
#include "thalamus/eval/scoring.h"

namespace thalamus::eval {
namespace {

struct PairReference {
  std::string file;
  std::size_t both, neither, strong_only, weak_only;
  double oracle, oracle_share;  ///< percent
  double optimal_apgr;
};

TEST(Conformance71, AgreementOfThePairOracleAndOptimalCurve) {
  const std::vector<PairReference> references{{"mmlu", 8816, 1983, 2496, 742, 85.873, 17.782, 1.2896},
                                              {"gsm8k", 739, 92, 382, 94, 92.961, 29.227, 1.1309}};
  for (const PairReference& reference : references) {
    auto table = learn::recorded_table("routellm-pair/" + reference.file + ".jsonl.gz");
    SKIP_WITHOUT(table, "routellm-pair");
    std::erase_if(table->rows, [](const trace::Row& row) { return row.contaminated; });
    std::vector<double> strong;
    std::vector<double> weak;
    std::size_t counts[2][2] = {};
    for (const auto& row : table->rows) {
      strong.push_back(row.cells[0].quality);
      weak.push_back(row.cells[1].quality);
      ++counts[strong.back() > 0 ? 1 : 0][weak.back() > 0 ? 1 : 0];
    }
    EXPECT_EQ(counts[1][1], reference.both);
    EXPECT_EQ(counts[0][0], reference.neither);
    EXPECT_EQ(counts[1][0], reference.strong_only);
    EXPECT_EQ(counts[0][1], reference.weak_only);
    const auto n = static_cast<double>(strong.size());
    const auto oracle = static_cast<double>(counts[1][1] + counts[1][0] + counts[0][1]);
    EXPECT_NEAR(100 * oracle / n, reference.oracle, 0.0005);
    EXPECT_NEAR(100 * static_cast<double>(counts[1][0]) / n, reference.oracle_share, 0.0005);
    EXPECT_NEAR(math::optimal_apgr(strong, weak), reference.optimal_apgr, 0.00005);
  }
}

TEST(Conformance74, TheLambdaOracleBeginsAtTheOracleAndTheZeroRouterIsBelowIt) {
  const auto table = learn::recorded_table("routerbench-3task/test.jsonl.gz");
  SKIP_WITHOUT(table, "routerbench-3task");
  const learn::Split split{&*table, &*table};
  const auto yardstick = make_yardstick(std::span(&split, 1), *table);
  const auto points = math::swept_curve(yardstick.sweep.oracle(table->models.size()));
  EXPECT_NEAR(points.front().quality, yardstick.baseline("oracle").quality_mean, 1e-12);
  EXPECT_NEAR(points.front().cost, yardstick.baseline("oracle").cost_usd_mean, 1e-12);
  for (const auto& vertex : yardstick.zero_router)
    if (vertex.cost >= yardstick.oracle.front().cost) {
      EXPECT_GE(math::hull_quality(yardstick.oracle, vertex.cost), vertex.quality);
    }
}

}  // namespace
}  // namespace thalamus::eval
