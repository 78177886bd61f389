// Training on small tables in memory: what is learned, what is said, and what is refused.
#include <gtest/gtest.h>

#include <fmt/format.h>

#include <cmath>

#include "thalamus/learn/dataset.h"
#include "thalamus/learn/evaluate.h"
#include "thalamus/learn/train.h"

namespace thalamus::learn {
namespace {

/// Sums are answered by `cheap` (.85) and `dear` (.9), translations by `dear` alone; `dear` costs ten times as much.
trace::OutcomeTable toy_table(std::size_t rows, std::uint64_t seed, bool separable = true) {
  const std::vector<std::string> nouns{"apple", "river", "window", "garden", "letter", "winter", "mother", "bridge"};
  trace::OutcomeTable table;
  table.models = {"cheap", "dear"};
  table.content_hash = seed;
  base::Rng rng(seed);
  for (std::size_t i = 0; i < rows; ++i) {
    const bool sum = rng.below(2) == 0;
    trace::Row row;
    row.id = fmt::format("r{}", i);
    row.task = sum ? "sum" : "translate";
    row.prompt = sum ? fmt::format("What is {} plus {}? Answer with a number.", rng.below(99999), rng.below(999))
                     : fmt::format("Translate {}, {} and {} into French.", rng.pick(nouns), rng.pick(nouns), i);
    const double cheap = separable ? (sum ? 0.85 : 0.1) : 0.5;
    const double dear = separable ? (sum ? 0.5 : 0.9) : 0.6;
    const auto cell = [&](double chance, double factor) {
      trace::Cell out;
      out.quality = rng.uniform() < chance ? 1 : 0;
      out.input_tokens = 20;
      out.output_tokens = sum ? 10 : 30;
      out.cost_usd = 1e-5 * factor * out.output_tokens;
      out.seconds = 0.1 * factor;
      return out;
    };
    row.cells = {cell(cheap, 1), cell(dear, 10)};
    table.rows.push_back(std::move(row));
  }
  return table;
}

TrainOptions with_method(std::string method) {
  TrainOptions options;
  options.method = std::move(method);
  options.folds = 3;
  return options;
}

TEST(Train, EveryMethodTrainsWithItsDefaultsAndServes) {
  const auto table = toy_table(120, 1);
  for (const auto& method : route::methods()) {
    const auto result = train(table, with_method(std::string(method.name)));
    ASSERT_TRUE(result.has_value()) << method.name << ": " << result.error().text();
    const auto& header = result->snapshot->header();
    EXPECT_EQ(header.method, method.name);
    EXPECT_EQ(header.training_rows, 120U);
    EXPECT_EQ(header.training_data_hash, 1U);
    EXPECT_EQ(header.models.size(), 2U);
    EXPECT_FALSE(result->report.words.empty());
    const auto matrix = estimate_table(*result->snapshot, table);
    for (const double q : matrix.quality) EXPECT_TRUE(q >= 0 && q <= 1) << method.name;
    for (const double c : matrix.cost_usd) EXPECT_TRUE(c >= 0 && c < 0.1) << method.name;
  }
}

TEST(Train, AutoFindsWhatIsSeparableAndSaysSo) {
  const auto result = train(toy_table(300, 2), with_method("auto"));
  ASSERT_TRUE(result.has_value()) << result.error().text();
  EXPECT_GT(result->report.gain_low, 0) << result->report.words;
  EXPECT_NE(result->report.words.find("support routing"), std::string::npos) << result->report.words;
  EXPECT_GT(result->report.candidates.size(), 5U);
  const auto test = toy_table(200, 3);
  const auto choices = choose(estimate_table(*result->snapshot, test), {}, {});
  const auto routed = score_choices(test, choices, "auto");
  for (const auto& baseline : baselines(test, test))
    if (baseline.name.starts_with("single:")) {
      EXPECT_GT(routed.quality_mean, baseline.result.quality_mean + 0.1) << baseline.name;
    }
}

TEST(Train, AutoPrefersTheSimplestWhereNothingCanBeLearned) {
  const auto result = train(toy_table(300, 4, false), with_method("auto"));
  ASSERT_TRUE(result.has_value()) << result.error().text();
  EXPECT_EQ(result->snapshot->header().method, "global_mean") << result->report.words;
  EXPECT_NE(result->report.words.find("do not support a gain"), std::string::npos) << result->report.words;
}

TEST(Train, TheSameSeedGivesTheSameBytes) {
  const auto table = toy_table(80, 5);
  for (const char* method : {"auto", "kmeans", "ridge"}) {
    const auto a = train(table, with_method(method));
    const auto b = train(table, with_method(method));
    ASSERT_TRUE(a && b);
    EXPECT_EQ(a->snapshot->bytes(), b->snapshot->bytes()) << method;
  }
}

TEST(Train, ThePathFromTableToPlanKnowsCostAndSeconds) {
  const auto result = train(toy_table(200, 6), with_method("ridge")).value();
  core::Request request;
  request.messages.push_back(
      {core::Role::kUser, {{core::PartKind::kText, "What is 12 plus 30? Answer with a number."}}, {}, {}});
  feature::Description description;
  feature::describe(request, description);
  const auto targets = result.snapshot->own_targets();
  route::Scratch scratch;
  core::Estimates estimates;
  result.snapshot->estimate(description, result.snapshot->map_own(), targets, scratch, estimates);
  EXPECT_GT(estimates[0].quality, 0.6);
  EXPECT_NEAR(estimates[0].seconds, 0.1, 0.02);
  EXPECT_NEAR(estimates[1].seconds, 1.0, 0.2);
  EXPECT_NEAR(estimates[0].output_tokens, 10, 3);
  EXPECT_NEAR(estimates[0].cost_usd, 1e-4, 3e-5);
  EXPECT_NEAR(estimates[1].cost_usd, 1e-3, 3e-4);
}

TEST(Train, QualityIsCalibratedOnHeldOutRows) {
  const auto result = train(toy_table(600, 7), with_method("ridge")).value();
  EXPECT_EQ(result.snapshot->header().calibration, "logistic");
  EXPECT_LT(result.report.calibration_error, 0.06);
  EXPECT_LT(result.report.brier, 0.2);
  const auto test = toy_table(600, 8);
  const auto matrix = estimate_table(*result.snapshot, test);
  std::vector<double> outcome;
  for (const auto& row : test.rows)
    for (const auto& cell : row.cells) outcome.push_back(cell.quality);
  EXPECT_LT(math::calibration_error(matrix.quality, outcome), 0.08);
}

TEST(Train, CalibrationNeverChangesTheOrderOfTargets) {
  const auto table = toy_table(200, 9);
  auto options = with_method("ridge");
  std::vector<std::vector<std::int32_t>> choices;
  for (const char* calibration : {"none", "logistic", "isotonic"}) {
    options.calibration = calibration;
    const auto result = train(table, options);
    ASSERT_TRUE(result.has_value()) << result.error().text();
    choices.push_back(choose(estimate_table(*result->snapshot, table), {}, {}));
  }
  EXPECT_EQ(choices[1], choices[2]);
  // Without calibration values above 1 are cut, which may tie what the maps keep apart.
  std::size_t different = 0;
  for (std::size_t i = 0; i < table.rows.size(); ++i) different += choices[0][i] != choices[1][i] ? 1 : 0;
  EXPECT_LT(different, table.rows.size() / 20);
}

TEST(Train, MissingCellsAreLearnedAround) {
  auto table = toy_table(200, 10);
  base::Rng rng(1);
  for (auto& row : table.rows)
    if (rng.below(2) == 0) row.cells[rng.below(2)] = {};
  table.rows[0].cells.clear();
  const auto result = train(table, with_method("auto"));
  ASSERT_TRUE(result.has_value()) << result.error().text();
  EXPECT_EQ(result->report.rows + result->report.rows_without_quality, 200U);
  EXPECT_GE(result->report.rows_without_quality, 1U);
}

TEST(Train, OneModelIsAllowedWithAWarning) {
  auto options = with_method("auto");
  options.models = {"dear"};
  const auto result = train(toy_table(50, 11), options);
  ASSERT_TRUE(result.has_value()) << result.error().text();
  EXPECT_EQ(result->snapshot->header().models.size(), 1U);
  ASSERT_FALSE(result->report.warnings.empty());
  EXPECT_NE(result->report.warnings[0].find("one model"), std::string::npos);
  EXPECT_NE(result->report.words.find("Only dear"), std::string::npos);
}

TEST(Train, FewRowsAreTrainedWithoutHoldingBack) {
  const auto result = train(toy_table(5, 12), with_method("auto"));
  ASSERT_TRUE(result.has_value()) << result.error().text();
  EXPECT_EQ(result->report.folds, 0);
  EXPECT_EQ(result->snapshot->header().method, "global_mean");
  EXPECT_NE(result->report.words.find("too few"), std::string::npos);
}

void expect_refused(const trace::OutcomeTable& table, const TrainOptions& options, std::string_view words) {
  const auto result = train(table, options);
  ASSERT_FALSE(result.has_value()) << words;
  EXPECT_NE(result.error().message.find(words), std::string::npos) << result.error().message;
}

TEST(Train, BadInputIsRefusedInWords) {
  auto table = toy_table(30, 13);
  expect_refused({}, with_method("auto"), "no models");
  trace::OutcomeTable empty = table;
  empty.rows.clear();
  expect_refused(empty, with_method("auto"), "no rows");
  trace::OutcomeTable one = table;
  one.rows.resize(1);
  expect_refused(one, with_method("auto"), "one row");
  trace::OutcomeTable unrecorded = table;
  for (auto& row : unrecorded.rows) row.cells = {};
  expect_refused(unrecorded, with_method("ridge"), "no row of the outcome table has a recorded quality");
  trace::OutcomeTable outside = table;
  outside.rows[3].cells[1].quality = 1.5;
  expect_refused(outside, with_method("ridge"), "row 'r3', model 'dear': quality is 1.5");
  expect_refused(table, with_method("rigde"), "did you mean 'ridge'");
  auto options = with_method("knn");
  options.options = {{"k", "0"}};
  expect_refused(table, options, "k: 0 is outside 1..1024");
  options = with_method("ridge");
  options.features = {"tfidf"};
  expect_refused(table, options, "needs a dense feature");
  options.features = {"hahs"};
  expect_refused(table, options, "did you mean 'hash'");
  options = with_method("auto");
  options.folds = 1;
  expect_refused(table, options, "folds: 1 is outside 2..20");
  options = with_method("auto");
  options.options = {{"k", "3"}};
  expect_refused(table, options, "method auto chooses its own options");
  options = with_method("ridge");
  options.calibration = "isotnic";
  expect_refused(table, options, "expected none, logistic or isotonic");
  options = with_method("ridge");
  options.models = {"cheep"};
  EXPECT_FALSE(train(table, options).has_value());
}

TEST(Train, ProgressIsShownAndCanStopTheTraining) {
  auto options = with_method("auto");
  double last = 0;
  options.progress = [&](std::string_view, double done) {
    EXPECT_GE(done, last);
    last = done;
    return true;
  };
  ASSERT_TRUE(train(toy_table(60, 14), options).has_value());
  EXPECT_EQ(last, 1.0);
  options.progress = [](std::string_view, double) { return false; };
  const auto stopped = train(toy_table(60, 14), options);
  ASSERT_FALSE(stopped.has_value());
  EXPECT_EQ(stopped.error().kind, ErrorKind::kCancelled);
}

TEST(Folds, EqualPromptsStayTogetherWhateverTheirCaseAndSpaces) {
  auto table = toy_table(40, 15);
  for (std::size_t i = 0; i < 20; ++i) table.rows[20 + i].prompt = "  " + table.rows[i].prompt + "\n";
  const auto data = Dataset::make(table).value();
  const auto folds = assign_folds(data, 5, 1);
  for (std::size_t i = 0; i < 20; ++i) EXPECT_EQ(folds[i], folds[20 + i]);
  EXPECT_EQ(distinct_prompts(data), 20U);
  std::array<int, 5> sizes{};
  for (const std::uint32_t fold : folds) ++sizes[fold];
  for (const int size : sizes) EXPECT_EQ(size, 8);
}

TEST(Evaluate, ADecisionWithoutARecordedCellScoresZeroAndIsCounted) {
  auto table = toy_table(10, 16);
  table.rows[0].cells[0] = {};
  const auto result = score_choices(table, std::vector<std::int32_t>(10, 0), "cheap");
  EXPECT_EQ(result.unrecorded, 1U);
  EXPECT_EQ(result.quality[0], 0);
  const auto refused = score_choices(table, std::vector<std::int32_t>(10, -1), "nobody");
  EXPECT_EQ(refused.quality_mean, 0);
  EXPECT_EQ(refused.unrecorded, 0U);
}

TEST(Evaluate, OnlyThePromptIsReadWhenEstimating) {
  auto table = toy_table(60, 17);
  const auto snapshot = train(table, with_method("task_lookup")).value().snapshot;
  const auto before = estimate_table(*snapshot, table);
  for (auto& row : table.rows) {
    row.task = "something else";
    for (auto& cell : row.cells) cell = {};
  }
  EXPECT_EQ(estimate_table(*snapshot, table).quality, before.quality);
}

TEST(Evaluate, TheRealisedCurveBeginsAtQualityFirstAndEndsAtTheCheapest) {
  const auto table = toy_table(150, 18);
  const auto snapshot = train(table, with_method("ridge")).value().snapshot;
  const auto matrix = estimate_table(*snapshot, table);
  const auto curve = realised_curve(matrix, table);
  const auto quality_first = score_choices(table, choose(matrix, {}, {}), "");
  EXPECT_NEAR(curve.front().quality, quality_first.quality_mean, 1e-9);
  EXPECT_NEAR(curve.front().cost, quality_first.cost_usd_mean, 1e-9);
  const auto cheapest = score_choices(table, std::vector<std::int32_t>(150, 0), "");
  EXPECT_NEAR(curve.back().cost, cheapest.cost_usd_mean, 1e-9);
  core::Contract contract;
  contract.worth = core::Worth{0.0005, 0};
  const auto inside = score_choices(table, choose(matrix, contract, {}), "");
  bool found = false;
  for (const auto& point : curve)
    found |= std::abs(point.cost - inside.cost_usd_mean) < 1e-9 && std::abs(point.quality - inside.quality_mean) < 1e-9;
  EXPECT_TRUE(found);
}

}  // namespace
}  // namespace thalamus::learn
