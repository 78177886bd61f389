#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tables.h"
#include "thalamus/eval/evaluation.h"
#include "thalamus/eval/report_html.h"
#include "thalamus/eval/report_parts.h"
#include "thalamus/eval/scoring.h"
#include "thalamus/eval/svg.h"
#include "thalamus/wire/json_cursor.h"

namespace thalamus::eval {
namespace {

using testing::HasSubstr;
using testing::Not;

EvaluationOptions options_for(std::vector<std::string> methods) {
  EvaluationOptions options;
  options.methods = std::move(methods);
  options.resamples = 400;
  return options;
}

const Evaluation& toy_evaluation() {
  static const Evaluation evaluation = [] {
    auto options = options_for({"ridge", "global_mean"});
    options.reference = "ridge";
    return evaluate(toy_table(240, 1), toy_table(160, 2), options).value();
  }();
  return evaluation;
}

const BaselineScore& baseline(const Evaluation& evaluation, const std::string& name) {
  for (const auto& row : evaluation.baselines)
    if (row.name == name) return row;
  throw std::out_of_range(name);
}

TEST(Evaluation, TheMandatoryBaselinesAreThereAndInOrder) {
  const auto& evaluation = toy_evaluation();
  const auto quality = [&](const char* name) { return baseline(evaluation, name).quality; };
  EXPECT_LE(quality("random"), quality("best_single"));
  EXPECT_LE(quality("best_single"), quality("dataset_oracle"));
  EXPECT_LE(quality("task_lookup"), quality("dataset_oracle"));
  EXPECT_LE(quality("dataset_oracle"), quality("oracle"));
  EXPECT_EQ(quality("oracle"), quality("oracle_free"));
  EXPECT_LE(baseline(evaluation, "oracle_free").cost_usd_per_1k, baseline(evaluation, "oracle").cost_usd_per_1k);
  EXPECT_GE(quality("zero_router"), quality("best_single") - 1e-12);
  EXPECT_NEAR(baseline(evaluation, "zero_router").cost_usd_per_1k, baseline(evaluation, "best_single").cost_usd_per_1k,
              1e-9);
  for (const char* model : {"single:sums", "single:poems", "single:all"}) EXPECT_GT(quality(model), 0);
}

TEST(Evaluation, ALearnedMethodBeatsTheMeanAndItsCurveTheZeroRouter) {
  const auto& evaluation = toy_evaluation();
  ASSERT_EQ(evaluation.methods.size(), 2U);
  const MethodScore& ridge = evaluation.methods[0];
  const MethodScore& mean = evaluation.methods[1];
  EXPECT_GT(ridge.curve->aiq, mean.curve->aiq);
  EXPECT_GT(ridge.curve->aiq_over_zero_router, 0);
  EXPECT_LE(ridge.curve->aiq, evaluation.oracle_aiq + 1e-12);
  EXPECT_GT(*ridge.estimates->auroc, 0.7);
  EXPECT_NEAR(mean.gains.over_best, mean.delta_best_single.mean / baseline(evaluation, "best_single").quality, 1e-12);
  EXPECT_LT(ridge.curve->pareto_distance, mean.curve->pareto_distance + 1e-12);
  ASSERT_EQ(evaluation.tasks.size(), 2U);
  double total = 0;
  for (std::size_t t = 0; t < 2; ++t) total += ridge.task_quality[t] * static_cast<double>(evaluation.tasks[t].rows);
  EXPECT_NEAR(total / 160, ridge.quality, 1e-12);
  EXPECT_NEAR((ridge.task_quality[0] + ridge.task_quality[1]) / 2, ridge.quality_macro, 1e-12);
}

TEST(Evaluation, TheFamilyHoldsEveryOtherMethodAndTheBaselines) {
  const auto& evaluation = toy_evaluation();
  std::vector<std::string> names;
  for (const auto& row : evaluation.family) names.push_back(row.metric + " " + row.name);
  EXPECT_THAT(names, testing::UnorderedElementsAre("quality best_single", "quality task_lookup", "quality global_mean",
                                                   "aiq zero_router", "aiq global_mean"));
  for (const auto& row : evaluation.family) {
    if (row.metric != "aiq") continue;
    EXPECT_LT(row.difference.interval.high, 0) << row.name;
  }
}

TEST(Evaluation, PseudoValuesOfTheAiqHaveItAsTheirMean) {
  const auto table = toy_table(120, 5);
  const learn::Split split{&table, &table};
  const auto yardstick = make_yardstick(std::span(&split, 1), table);
  const auto values = zero_router_pseudo_values(yardstick);
  EXPECT_NEAR(math::mean(values), math::average_quality(yardstick.zero_router, yardstick.cost_low, yardstick.cost_high),
              1e-12);
  EXPECT_GT(math::standard_deviation(values), 0);
}

TEST(Evaluation, TheIntervalOfTheAiqIsAboutTheSpreadOverFreshTables) {
  constexpr std::uint64_t kSeed = 40;
  SCOPED_TRACE(testing::Message() << "seeds from " << kSeed);
  std::vector<double> areas;
  double width = 0;
  constexpr int kRounds = 40;
  for (int round = 0; round < kRounds; ++round) {
    const auto table = toy_table(200, kSeed + static_cast<std::uint64_t>(round));
    const learn::Split split{&table, &table};
    auto yardstick = make_yardstick(std::span(&split, 1), table);
    yardstick.cost_low = 1e-4;  // fixed bounds, as for one table
    yardstick.cost_high = 2e-3;
    const auto values = zero_router_pseudo_values(yardstick);
    areas.push_back(math::mean(values));
    width += math::standard_error(values) / kRounds;
  }
  EXPECT_NEAR(width / math::standard_deviation(areas), 1, 0.35);
}

TEST(Evaluation, FoldsAreScoredTogether) {
  std::vector<Fold> folds;
  folds.push_back({toy_table(120, 1), toy_table(50, 2)});
  folds.push_back({toy_table(120, 3), toy_table(70, 4)});
  const auto evaluation = evaluate(std::move(folds), options_for({"global_mean"})).value();
  EXPECT_EQ(evaluation.n_test, 120U);
  EXPECT_EQ(evaluation.splits, 2U);
  EXPECT_NEAR(evaluation.methods[0].quality, baseline(evaluation, "best_single").quality, 1e-12);
}

TEST(Evaluation, BadInputIsRefusedInWords) {
  auto other = toy_table(20, 2);
  ASSERT_TRUE(other.keep_models({"all", "sums"}).has_value());
  const auto mixed = evaluate(toy_table(20, 1), other, options_for({"ridge"}));
  ASSERT_FALSE(mixed.has_value());
  EXPECT_THAT(mixed.error().message, HasSubstr("different models"));
  const auto empty = evaluate(toy_table(20, 1), toy_table(0, 2), options_for({"ridge"}));
  ASSERT_FALSE(empty.has_value());
  EXPECT_THAT(empty.error().message, HasSubstr("no test rows"));
  const auto unknown = evaluate(toy_table(20, 1), toy_table(20, 2), options_for({"rigde"}));
  ASSERT_FALSE(unknown.has_value());
  EXPECT_THAT(unknown.error().message, HasSubstr("ridge"));
}

TEST(Evaluation, WithoutCostsThereIsNoCurveAndTheJsonSaysNull) {
  auto training = toy_table(80, 1);
  auto test = toy_table(60, 2);
  for (auto* table : {&training, &test})
    for (auto& row : table->rows)
      for (auto& cell : row.cells) cell.cost_usd = trace::kMissing;
  const auto evaluation = evaluate(std::move(training), std::move(test), options_for({"global_mean"})).value();
  EXPECT_FALSE(evaluation.has_costs());
  EXPECT_FALSE(evaluation.methods[0].curve.has_value());
  EXPECT_THAT(to_json(evaluation), HasSubstr("\"aiq\":null"));
  EXPECT_THAT(to_html(evaluation), HasSubstr("no costs that differ"));
}

TEST(EvaluationJson, HasTheContractsKeysInTheContractsShape) {
  const std::string json = to_json(toy_evaluation());
  wire::JsonCursor cursor(json);
  ASSERT_TRUE(cursor.skip());
  EXPECT_TRUE(cursor.finish());
  for (const char* key : {"\"table\":",
                          "\"n_train\":240",
                          "\"n_test\":160",
                          "\"models\":[\"sums\",\"poems\",\"all\"]",
                          "\"baselines\":{\"random\":{\"quality\":",
                          "\"cost_usd_per_1k\":",
                          "\"methods\":[{\"name\":\"ridge\",\"quality\":",
                          "\"quality_ci95\":[",
                          "\"delta_task_lookup\":",
                          "\"delta_task_lookup_ci95\":[",
                          "\"delta_best_single\":",
                          "\"delta_best_single_ci95\":[",
                          "\"cost_ratio_at_best_single_quality\":",
                          "\"aiq\":",
                          "\"brier\":",
                          "\"ece\":",
                          "\"route_us_p50\":",
                          "\"route_us_p99\":",
                          "\"delta_ridge_ci95_holm\":[",
                          "\"task_lookup\":{",
                          "\"oracle\":{",
                          "\"zero_router\":{",
                          "\"single:sums\":{"})
    EXPECT_THAT(json, HasSubstr(key));
}

TEST(EvaluationHtml, IsOnePageWithoutScriptsOrReferences) {
  const std::string html = to_html(toy_evaluation());
  EXPECT_THAT(html, testing::StartsWith("<!DOCTYPE html>"));
  EXPECT_THAT(html, testing::EndsWith("</html>\n"));
  for (const char* absent : {"<script", "http://", "https://", "<link", "<img", "url(", "nan", "inf,"})
    EXPECT_THAT(html, Not(HasSubstr(absent)));
  for (const char* there :
       {"prefers-color-scheme:dark", "<svg", "ridge", "Quality against cost", "Calibration", "Tasks"})
    EXPECT_THAT(html, HasSubstr(there));
}

TEST(EvaluationHtml, LongNamesAreCutWhereAFigureHasNoRoomForThem) {
  const std::string dots = "\xe2\x80\xa6";
  EXPECT_EQ(fitting_name("composition_of_experts"), "composition_of_experts");
  const std::string path = "snapshot:/a/folder/of/some/depth/auto.snapshot";
  EXPECT_EQ(fitting_name(path), dots + "some/depth/auto.snapshot");
  const std::string accent = "\xc3\xa9";
  EXPECT_EQ(fitting_name("xxx" + std::string(22, 'y') + accent), dots + std::string(22, 'y') + accent);
  EXPECT_EQ(fitting_name(accent + std::string(23, 'y')), dots + std::string(23, 'y')) << "half a letter is left out";
  Evaluation evaluation = toy_evaluation();
  evaluation.methods[0].name = path;
  EXPECT_THAT(to_html(evaluation), HasSubstr(">" + dots + "some/depth/auto.snapshot</text>"));
}

TEST(EvaluationHtml, TicksOfTimeChangeTheirUnit) {
  EXPECT_EQ(time_label(0.5), "0.5 us");
  EXPECT_EQ(time_label(200), "200 us");
  EXPECT_EQ(time_label(1e4), "10 ms");
  EXPECT_EQ(time_label(2e6), "2 s");
}

TEST(EvaluationHtml, ASummaryCountsTheMethodsThatTie) {
  Evaluation evaluation = toy_evaluation();
  evaluation.methods.push_back(evaluation.methods[0]);
  const auto best = std::max_element(evaluation.methods.begin(), evaluation.methods.end(),
                                     [](const auto& a, const auto& b) { return a.quality < b.quality; });
  evaluation.methods.push_back(*best);
  EXPECT_THAT(summary_words(evaluation), testing::ContainsRegex("as much as [0-9]+ other"));
}

TEST(EvaluationHtml, NamesCannotBecomeMarkup) {
  EXPECT_EQ(escaped("<b>&\"x\""), "&lt;b&gt;&amp;&quot;x&quot;");
  Evaluation evaluation = toy_evaluation();
  evaluation.table = "<script>alert(1)</script>";
  evaluation.methods[0].name = "<i>";
  evaluation.tasks[0].name = "<u>";
  const std::string html = to_html(evaluation);
  for (const char* absent : {"<script", "<i>ridge", "<u>"}) EXPECT_THAT(html, Not(HasSubstr(absent)));
}

TEST(EvaluationText, NamesMethodsCurvesAndTheFamily) {
  const std::string text = to_text(toy_evaluation());
  for (const char* there : {"ridge", "AIQ", "zero_router", "less ridge", "OptSel"}) EXPECT_THAT(text, HasSubstr(there));
}

TEST(Methods, AllIsEveryRegisteredMethodOnceAndAuto) {
  const auto names = expand_methods({"knn", "all"});
  EXPECT_EQ(names.front(), "knn");
  EXPECT_EQ(std::count(names.begin(), names.end(), "knn"), 1);
  EXPECT_EQ(std::count(names.begin(), names.end(), "single"), 0);
  EXPECT_EQ(names.back(), "auto");
}

}  // namespace
}  // namespace thalamus::eval
