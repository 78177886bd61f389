// The reference numbers of methods/evaluation.md section 7, to the digits given there, from recorded public outcomes.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "recorded_data.h"
#include "thalamus/learn/dataset.h"
#include "thalamus/learn/evaluate.h"
#include "thalamus/route/router.h"

namespace thalamus::learn {
namespace {

const std::vector<std::string> kSevenModels{"mistralai/Mistral-7B-v0.1",
                                            "meta-math/MetaMath-Mistral-7B",
                                            "itpossible/Chinese-Mistral-7B-v0.1",
                                            "HuggingFaceH4/zephyr-7b-beta",
                                            "cognitivecomputations/dolphin-2.6-mistral-7b",
                                            "meta-llama/Meta-Llama-3-8B",
                                            "cognitivecomputations/dolphin-2.9-llama3-8b"};

/// A value in percent with two digits, as the reference prints it: exact halves go to the even digit.
double percent(double share) { return std::stod(fmt::format("{:.2f}", share * 100)); }

std::map<std::string, double> task_means(const trace::OutcomeTable& table, const std::vector<double>& values) {
  std::map<std::string, std::pair<double, double>> sums;
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    auto& [sum, count] = sums[table.rows[i].task];
    sum += values[i];
    count += 1;
  }
  std::map<std::string, double> means;
  for (const auto& [task, total] : sums) means[task] = total.first / total.second;
  return means;
}

struct SingleRow {
  std::string task;
  std::size_t rows;
  std::array<double, 7> models;
  double oracle;
};

void check_singles(const trace::OutcomeTable& table, const std::vector<SingleRow>& expected) {
  std::map<std::string, std::size_t> counts;
  for (const auto& row : table.rows) ++counts[row.task];
  std::map<std::string, PolicyResult> results;
  for (auto& baseline : baselines(table, table)) results[baseline.name] = std::move(baseline.result);
  for (const SingleRow& row : expected) {
    EXPECT_EQ(counts[row.task], row.rows) << row.task;
    for (std::size_t m = 0; m < kSevenModels.size(); ++m) {
      const auto means = task_means(table, results["single:" + kSevenModels[m]].quality);
      EXPECT_DOUBLE_EQ(percent(means.at(row.task)), row.models[m]) << row.task << " " << kSevenModels[m];
    }
    EXPECT_DOUBLE_EQ(percent(task_means(table, results["oracle"].quality).at(row.task)), row.oracle) << row.task;
  }
}

TEST(Conformance72, SingleModelsAndOraclesOfTheInDistributionTests) {
  auto table = recorded_table("routerdc-7llm/test.jsonl.gz");
  SKIP_WITHOUT(table, "routerdc-7llm");
  ASSERT_TRUE(table->keep_models(kSevenModels).has_value());
  check_singles(*table, {{"mmlu", 4213, {62.14, 59.86, 57.42, 59.81, 60.53, 64.59, 59.46}, 85.26},
                         {"gsm8k", 1319, {36.71, 69.63, 41.03, 33.00, 52.38, 47.76, 69.81}, 83.32},
                         {"cmmlu", 3475, {43.83, 43.83, 49.67, 42.82, 43.71, 51.77, 44.72}, 79.63},
                         {"arc_challenge", 352, {49.43, 48.30, 43.47, 57.95, 52.56, 49.43, 49.43}, 72.44},
                         {"humaneval", 49, {28.98, 29.80, 21.43, 22.04, 45.10, 26.73, 49.39}, 66.94}});
  std::map<std::string, double> macro;
  const std::array<double, 7> averages{44.22, 50.28, 42.60, 43.12, 50.86, 48.06, 54.56};
  for (const auto& baseline : baselines(*table, *table)) {
    macro[baseline.name] = baseline.result.quality_macro;
    if (!baseline.name.starts_with("single:")) continue;
    // The reference averages the printed values: zephyr's unrounded mean is 43.127.
    double printed = 0;
    for (const auto& [task, mean] : task_means(*table, baseline.result.quality)) printed += percent(mean) / 500;
    const auto model = std::find(kSevenModels.begin(), kSevenModels.end(), baseline.name.substr(7));
    EXPECT_DOUBLE_EQ(percent(printed), averages[static_cast<std::size_t>(model - kSevenModels.begin())])
        << baseline.name;
  }
  EXPECT_DOUBLE_EQ(percent(macro["oracle"]), 77.52);
  EXPECT_DOUBLE_EQ(percent(macro["dataset_oracle"]), 58.70);
  EXPECT_DOUBLE_EQ(percent(macro["random"]), 47.67);
}

TEST(Conformance72, SingleModelsAndOraclesOfTheOutOfDistributionTests) {
  auto table = recorded_table("routerdc-7llm/ood.jsonl.gz");
  SKIP_WITHOUT(table, "routerdc-7llm");
  ASSERT_TRUE(table->keep_models(kSevenModels).has_value());
  check_singles(*table, {{"mbpp", 500, {37.90, 37.74, 29.64, 31.14, 44.86, 43.02, 47.34}, 62.40},
                         {"ceval", 1346, {46.43, 45.17, 48.44, 44.87, 45.10, 52.01, 44.80}, 81.58},
                         {"math_prealgebra", 871, {24.80, 39.15, 18.48, 20.78, 29.28, 27.67, 39.72}, 67.05},
                         {"humanevalpack_js", 164, {29.88, 31.83, 17.68, 11.71, 45.00, 37.07, 53.84}, 64.63}});
  double best_single = 0;
  for (const auto& baseline : baselines(*table, *table)) {
    if (baseline.name.starts_with("single:")) best_single = std::max(best_single, baseline.result.quality_macro);
    if (baseline.name == "dataset_oracle") {
      EXPECT_DOUBLE_EQ(percent(baseline.result.quality_macro), 48.23);
    }
  }
  EXPECT_DOUBLE_EQ(percent(best_single), 46.43);
}

/// The reference training set of 7.3: tasks in a fixed order, each task's rows in the file's order.
std::optional<trace::OutcomeTable> reference_training() {
  auto table = recorded_table("routerdc-7llm/train.jsonl.gz");
  if (!table || !table->keep_models(kSevenModels)) return std::nullopt;
  const std::vector<std::string> order{"gsm8k", "mmlu", "cmmlu", "arc_challenge", "humaneval"};
  std::vector<trace::Row> sorted;
  for (const std::string& task : order)
    for (const trace::Row& row : table->rows)
      if (row.task == task) sorted.push_back(row);
  table->rows = std::move(sorted);
  return table;
}

struct Fitted {
  feature::FeatureSet features;
  route::TrainingSet set;
};

Fitted fit_reference_text_model(const trace::OutcomeTable& table) {
  const auto data = Dataset::make(table).value();
  std::vector<std::uint32_t> positions(data.rows());
  for (std::size_t i = 0; i < positions.size(); ++i) positions[i] = static_cast<std::uint32_t>(i);
  Fitted fitted;
  fitted.features = feature::FeatureSet::fit({{"tfidf", {}}}, data.source(positions), base::Rng(1)).value();
  fitted.set = data.training_set(positions, fitted.features, {});
  return fitted;
}

std::unique_ptr<route::Router> reference_knn(const Fitted& fitted, int k) {
  base::Rng rng(1);
  return std::move(*route::find_method("knn")->fit(fitted.set, {{"k", std::to_string(k)}, {"shrinkage", "0"}}, rng));
}

/// Quality estimates of each row (rows x models).
std::vector<float> estimates_of(const route::Router& router, const Fitted& fitted, const trace::OutcomeTable& table) {
  const std::size_t models = fitted.set.models.size();
  route::Scratch scratch;
  scratch.sums.resize(route::kScratchSums);
  router.prepare(scratch);
  std::vector<float> sd(models);
  std::vector<float> all(table.rows.size() * models);
  feature::Description description;
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    feature::describe_text(table.rows[i].prompt, table.rows[i].tools, description);
    fitted.features.transform(description, {}, scratch.sparse);
    const route::FeatureView view{&description, {}, scratch.sparse.view()};
    router.estimate(view, scratch, std::span(all).subspan(i * models, models), sd);
  }
  return all;
}

/// Accuracy per task in percent; argmax rounded to 1e-9, ties to the lower model.
std::map<std::string, double> routed(const route::Router& router, const Fitted& fitted,
                                     const trace::OutcomeTable& table) {
  const std::size_t models = fitted.set.models.size();
  const auto quality = estimates_of(router, fitted, table);
  std::vector<std::int32_t> choices;
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    std::size_t best = 0;
    for (std::size_t m = 1; m < models; ++m)
      if (std::llround(static_cast<double>(quality[i * models + m]) * 1e9) >
          std::llround(static_cast<double>(quality[i * models + best]) * 1e9))
        best = m;
    choices.push_back(static_cast<std::int32_t>(best));
  }
  return task_means(table, score_choices(table, choices, "knn").quality);
}

struct KnnColumn {
  int k;
  std::array<double, 6> in;   ///< MMLU, GSM8K, CMMLU, ARC-C, HumanEval, average
  std::array<double, 5> out;  ///< MBPP, C-Eval, pre-algebra, JavaScript, average
};

TEST(Conformance73, TheReferenceNeighboursGiveEveryNumberOfBothTables) {
  const auto training = reference_training();
  auto test = recorded_table("routerdc-7llm/test.jsonl.gz");
  auto ood = recorded_table("routerdc-7llm/ood.jsonl.gz");
  SKIP_WITHOUT(training && test && ood, "routerdc-7llm");
  ASSERT_TRUE(test->keep_models(kSevenModels).has_value() && ood->keep_models(kSevenModels).has_value());
  ASSERT_EQ(training->rows.size(), 5935U);
  const Fitted fitted = fit_reference_text_model(*training);
  EXPECT_EQ(fitted.features.sparse_size(), 20617U);
  const auto means = route::model_means(fitted.set);
  const std::array<double, 7> global{50.23, 56.67, 49.11, 49.28, 53.42, 54.08, 55.57};
  for (std::size_t m = 0; m < global.size(); ++m) EXPECT_DOUBLE_EQ(percent(means.mean[m]), global[m]);

  const std::vector<KnnColumn> columns{
      {1, {61.50, 59.28, 45.18, 49.72, 34.08, 49.95}, {39.16, 47.25, 29.62, 40.98, 39.25}},
      {5, {60.91, 67.46, 46.53, 50.57, 32.86, 51.66}, {43.10, 46.21, 33.30, 43.05, 41.41}},
      {10, {60.55, 68.05, 46.85, 50.28, 40.82, 53.31}, {42.82, 45.77, 31.80, 44.27, 41.16}},
      {20, {60.88, 68.67, 46.99, 52.27, 45.92, 54.95}, {43.04, 47.70, 32.95, 48.05, 42.93}},
      {50, {61.69, 69.48, 49.21, 53.12, 49.80, 56.66}, {45.34, 47.62, 36.05, 48.66, 44.42}},
      {100, {62.28, 69.45, 49.61, 51.42, 47.76, 56.10}, {45.06, 48.51, 38.46, 49.39, 45.36}}};
  const std::array<const char*, 5> in_tasks{"mmlu", "gsm8k", "cmmlu", "arc_challenge", "humaneval"};
  const std::array<const char*, 4> out_tasks{"mbpp", "ceval", "math_prealgebra", "humanevalpack_js"};
  for (const KnnColumn& column : columns) {
    const auto router = reference_knn(fitted, column.k);
    auto accuracy = routed(*router, fitted, *test);
    double sum = 0;
    for (std::size_t t = 0; t < in_tasks.size(); ++t) {
      EXPECT_DOUBLE_EQ(percent(accuracy[in_tasks[t]]), column.in[t]) << "k=" << column.k << " " << in_tasks[t];
      sum += accuracy[in_tasks[t]];
    }
    EXPECT_DOUBLE_EQ(percent(sum / 5), column.in[5]) << "k=" << column.k;
    accuracy = routed(*router, fitted, *ood);
    sum = 0;
    for (std::size_t t = 0; t < out_tasks.size(); ++t) {
      EXPECT_DOUBLE_EQ(percent(accuracy[out_tasks[t]]), column.out[t]) << "k=" << column.k << " " << out_tasks[t];
      sum += accuracy[out_tasks[t]];
    }
    EXPECT_DOUBLE_EQ(percent(sum / 4), column.out[4]) << "k=" << column.k;
  }
}

/// The rows of one task, or all where it is empty, less the contaminated ones.
trace::OutcomeTable clean(const trace::OutcomeTable& table, const std::string& task) {
  trace::OutcomeTable kept = table;
  std::erase_if(kept.rows, [&](const trace::Row& row) {
    return row.contaminated || (!task.empty() && !row.task.starts_with(task));
  });
  return kept;
}

struct PairReference {
  std::string file;
  std::size_t rows;
  double strong, weak;        ///< percent, three digits
  double apgr, cpt50, cpt80;  ///< of the length
  double negated_apgr;
};

TEST(Conformance71, RouteLlmRecordsAndTheLengthRouter) {
  const std::vector<PairReference> references{{"mmlu", 14037, 80.587, 68.091, .5838, 36.63, 69.32, .4165},
                                              {"gsm8k", 1307, 85.769, 63.734, .5984, 36.48, 66.66, .4031}};
  for (const PairReference& reference : references) {
    const auto all = recorded_table("routellm-pair/" + reference.file + ".jsonl.gz");
    SKIP_WITHOUT(all, "routellm-pair");
    const auto table = clean(*all, "");
    ASSERT_EQ(table.rows.size(), reference.rows) << reference.file;
    std::vector<double> length;
    std::vector<double> negated;
    for (const auto& row : table.rows) {
      length.push_back(static_cast<double>(row.prompt.size()));
      negated.push_back(-length.back());
    }
    const auto metrics = pair_metrics(table, 0, 1, length).value();
    EXPECT_NEAR(metrics.strong_mean * 100, reference.strong, 0.0005);
    EXPECT_NEAR(metrics.weak_mean * 100, reference.weak, 0.0005);
    EXPECT_NEAR(metrics.apgr, reference.apgr, 0.00005) << reference.file;
    EXPECT_NEAR(metrics.cpt50 * 100, reference.cpt50, 0.005) << reference.file;
    EXPECT_NEAR(metrics.cpt80 * 100, reference.cpt80, 0.005) << reference.file;
    EXPECT_NEAR(pair_metrics(table, 0, 1, negated).value().apgr, reference.negated_apgr, 0.00005);
  }
}

/// Every second row, from row `first` on.
trace::OutcomeTable half(const trace::OutcomeTable& table, std::size_t first) {
  trace::OutcomeTable kept = table;
  kept.rows.clear();
  for (std::size_t i = first; i < table.rows.size(); i += 2) kept.rows.push_back(table.rows[i]);
  return kept;
}

/// What is printed of a two-model score: APGR, and CPT50 and CPT80 in percent.
struct PairScores {
  double apgr, cpt50, cpt80;
};

void check_pair(const math::PairMetrics& metrics, const PairScores& expected, const std::string& what) {
  EXPECT_NEAR(metrics.apgr, expected.apgr, 0.00005) << what;
  EXPECT_NEAR(metrics.cpt50 * 100, expected.cpt50, 0.005) << what;
  EXPECT_NEAR(metrics.cpt80 * 100, expected.cpt80, 0.005) << what;
}

/// Estimated quality of the first model less that of the second. Differences of shares of at most 200 neighbours are
/// at least 2.5e-5 apart, so that rounding to 1e-6 makes equal ones equal again after their way through floats.
std::vector<double> estimated_gains(const Fitted& fitted, int k, const trace::OutcomeTable& table) {
  const auto quality = estimates_of(*reference_knn(fitted, k), fitted, table);
  std::vector<double> gains(table.rows.size());
  for (std::size_t i = 0; i < gains.size(); ++i)
    gains[i] = std::round((static_cast<double>(quality[2 * i]) - static_cast<double>(quality[2 * i + 1])) * 1e6) / 1e6;
  return gains;
}

struct HalfReference {
  std::string file;
  std::size_t rows;
  std::vector<std::pair<int, PairScores>> neighbours;  ///< k and what it gives
  PairScores length;
};

TEST(Conformance71, NeighboursOfTheEvenRowsScoreTheOddOnes) {
  const std::vector<HalfReference> references{{"mmlu",
                                               7018,
                                               {{10, {.6111, 33.66, 69.04}},
                                                {50, {.6223, 32.51, 65.05}},
                                                {100, {.6245, 32.43, 65.73}},
                                                {200, {.6241, 33.06, 66.41}}},
                                               {.5790, 36.61, 71.42}},
                                              {"gsm8k",
                                               653,
                                               {{10, {.5511, 43.34, 72.69}},
                                                {50, {.5855, 40.53, 67.19}},
                                                {100, {.6059, 33.72, 66.37}},
                                                {200, {.6016, 38.32, 64.82}}},
                                               {.5739, 38.52, 70.61}}};
  for (const HalfReference& reference : references) {
    const auto all = recorded_table("routellm-pair/" + reference.file + ".jsonl.gz");
    SKIP_WITHOUT(all, "routellm-pair");
    const auto table = clean(*all, "");
    const auto test = half(table, 1);
    ASSERT_EQ(test.rows.size(), reference.rows) << reference.file;
    const Fitted fitted = fit_reference_text_model(half(table, 0));
    for (const auto& [k, expected] : reference.neighbours)
      check_pair(pair_metrics(test, 0, 1, estimated_gains(fitted, k, test)).value(), expected,
                 fmt::format("{} k={}", reference.file, k));
    std::vector<double> length;
    for (const auto& row : test.rows) length.push_back(static_cast<double>(row.prompt.size()));
    check_pair(pair_metrics(test, 0, 1, length).value(), reference.length, reference.file + " length");
  }
}

struct HullReference {
  std::string task;
  std::size_t rows;
  std::vector<std::pair<double, double>> hull;  ///< mean cost x 1e3, quality in percent
  std::vector<std::string> vertices;            ///< whose points these are
  double dearest;                               ///< mean cost x 1e3 at which the hull ends
  double aiq;
  double oracle;
  double oracle_cost, oracle_cost_free;  ///< x 1e3
};

TEST(Conformance74, RouterBenchZeroRouterHullsAndOracles) {
  const auto all = recorded_table("routerbench-3task/test.jsonl.gz");
  SKIP_WITHOUT(all, "routerbench-3task");
  const std::vector<HullReference> references{
      {"arc_challenge",
       438,
       {{.09982, 66.89}, {.29945, 86.30}, {.39847, 91.78}, {5.00082, 95.66}},
       {"mistralai/mistral-7b-chat", "mistralai/mixtral-8x7b-chat", "zero-one-ai/Yi-34B-Chat", "gpt-4-1106-preview"},
       5.00082,
       .92929,
       98.86,
       .21568,
       .21455},
      {"mbpp",
       128,
       {{.04853, 38.28}, {.17128, 53.91}, {.33612, 68.75}},
       {"mistralai/mistral-7b-chat", "mistralai/mixtral-8x7b-chat", "gpt-3.5-turbo-1106"},
       9.38156,
       .68321,
       86.72,
       .50916,
       .50250},
      {"winogrande",
       380,
       {{.07042, 57.37}, {.28090, 74.21}, {3.53116, 85.53}},
       {"mistralai/mistral-7b-chat", "zero-one-ai/Yi-34B-Chat", "gpt-4-1106-preview"},
       3.53116,
       .79012,
       99.74,
       .10523,
       .10504}};
  for (const HullReference& reference : references) {
    const auto table = clean(*all, reference.task);
    ASSERT_EQ(table.rows.size(), reference.rows) << reference.task;
    const auto hull = zero_router_hull(table);
    ASSERT_EQ(hull.size(), reference.hull.size()) << reference.task;
    for (std::size_t i = 0; i < hull.size(); ++i) {
      EXPECT_NEAR(hull[i].cost * 1e3, reference.hull[i].first, 0.000005) << reference.task;
      EXPECT_DOUBLE_EQ(percent(hull[i].quality), reference.hull[i].second) << reference.task;
    }
    double low = INFINITY;
    double high = 0;
    std::map<std::string, PolicyResult> results;
    for (auto& baseline : baselines(table, table)) {
      if (baseline.name.starts_with("single:")) {
        low = std::min(low, baseline.result.cost_usd_mean);
        high = std::max(high, baseline.result.cost_usd_mean);
      }
      results[baseline.name] = std::move(baseline.result);
    }
    EXPECT_NEAR(high * 1e3, reference.dearest, 0.000005) << reference.task;
    for (std::size_t i = 0; i < hull.size(); ++i) {
      const PolicyResult& vertex = results["single:" + reference.vertices[i]];
      EXPECT_DOUBLE_EQ(vertex.cost_usd_mean, hull[i].cost) << reference.task << " " << reference.vertices[i];
      EXPECT_DOUBLE_EQ(vertex.quality_mean, hull[i].quality) << reference.task << " " << reference.vertices[i];
    }
    EXPECT_NEAR(math::average_quality(hull, low, high), reference.aiq, 0.000005) << reference.task;
    EXPECT_DOUBLE_EQ(percent(results["oracle"].quality_mean), reference.oracle);
    EXPECT_NEAR(results["oracle"].cost_usd_mean * 1e3, reference.oracle_cost, 0.000005);
    EXPECT_NEAR(results["oracle_free"].cost_usd_mean * 1e3, reference.oracle_cost_free, 0.000005);
  }
}

}  // namespace
}  // namespace thalamus::learn
