// What every registered method owes its users, run over the registry: a new method gets these tests for its one line in
// methods.def. Data: the toy world of toy.h.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <thread>

#include "small_set.h"
#include "thalamus/route/decide.h"
#include "toy.h"

namespace thalamus::route {
namespace {

constexpr std::size_t kModels = 3;

class RouterContract : public testing::TestWithParam<std::string> {
 protected:
  [[nodiscard]] const MethodRecord& method() const { return *find_method(GetParam()); }
  [[nodiscard]] static std::vector<std::string> probes() {
    return {"What is 17 plus 4? Answer with a number.",
            "Translate the words apple and river into French, please.",
            "",
            "完全に別の言語",
            std::string(70'000, 'q') + " end",
            "\xff\xfe broken utf-8 \x80",
            "Tell me a joke"};
  }
};

TEST_P(RouterContract, TheRecordIsComplete) {
  EXPECT_FALSE(method().help.empty());
  EXPECT_GT(method().latency_class_us, 0);
  ASSERT_NE(method().fit, nullptr);
  ASSERT_NE(method().load, nullptr);
  ASSERT_NE(method().options, nullptr);
  for (const auto& option : method().options()) EXPECT_FALSE(option.help.empty()) << option.name;
}

TEST_P(RouterContract, EstimatesAreFiniteOnAnyText) {
  const Toy toy = make_toy(120, 1);
  const auto router = fit_toy(method(), toy);
  ASSERT_NE(router, nullptr);
  for (const std::string& text : probes()) {
    const auto out = estimate_text(*router, toy.features, text, kModels);
    for (std::size_t m = 0; m < kModels; ++m) {
      EXPECT_TRUE(std::isfinite(out.quality[m]));
      EXPECT_TRUE(std::isfinite(out.sd[m]) && out.sd[m] >= 0);
    }
  }
}

TEST_P(RouterContract, TheSameInputGivesTheSameBits) {
  const Toy toy = make_toy(120, 2);
  const auto router = fit_toy(method(), toy);
  Scratch used = make_scratch(*router);
  for (const std::string& text : probes()) {
    const auto first = estimate_text(*router, toy.features, text, kModels);
    EXPECT_EQ(first, estimate_text(*router, toy.features, text, kModels));
    // A scratch that has served other requests gives the same.
    feature::Description description;
    feature::describe_text(text, "", description);
    std::vector<float> dense(toy.features.dense_size());
    toy.features.transform(description, dense, used.sparse);
    Estimated again{std::vector<float>(kModels), std::vector<float>(kModels)};
    router->estimate({&description, dense, used.sparse.view()}, used, again.quality, again.sd);
    EXPECT_EQ(first, again);
  }
}

TEST_P(RouterContract, EstimatingLeavesThePreparedScratchAsLargeAsItWas) {
  // Members of a blend share one scratch: what one of them shrinks, the next one reads beyond its end.
  const auto snapshot = toy_snapshot(std::string(GetParam()));
  Scratch scratch;
  snapshot->prepare(scratch);
  const std::size_t work = scratch.work.size();
  const std::size_t sums = scratch.sums.size();
  core::Estimates estimates;
  feature::Description description;
  for (const std::string_view prompt : {"What is 1 plus 2?", ""}) {
    feature::describe_text(prompt, "", description);
    snapshot->estimate(description, snapshot->map_own(), snapshot->own_targets(), scratch, estimates);
    EXPECT_EQ(scratch.work.size(), work);
    EXPECT_EQ(scratch.sums.size(), sums);
    EXPECT_FALSE(scratch.keep_words);
  }
}

TEST_P(RouterContract, TheSameSeedGivesTheSameBytesAndFittingTwiceIsFittingOnce) {
  const Toy toy = make_toy(100, 3);
  base::ByteWriter first;
  base::ByteWriter second;
  fit_toy(method(), toy)->save(first);
  fit_toy(method(), toy)->save(second);
  EXPECT_EQ(first.bytes(), second.bytes());
}

TEST_P(RouterContract, SavingAndLoadingKeepsEveryBit) {
  const Toy toy = make_toy(100, 4, 0.2);
  const auto router = fit_toy(method(), toy);
  base::ByteWriter out;
  router->save(out);
  base::ByteReader in(out.bytes());
  auto loaded = method().load(in, {kModels, toy.features.dense_size(), toy.features.sparse_size()});
  ASSERT_TRUE(loaded.has_value()) << loaded.error().text();
  EXPECT_EQ(in.remaining(), 0U);
  EXPECT_EQ((*loaded)->output(), router->output());
  base::ByteWriter again;
  (*loaded)->save(again);
  EXPECT_EQ(again.bytes(), out.bytes());
  for (const std::string& text : probes())
    EXPECT_EQ(estimate_text(*router, toy.features, text, kModels),
              estimate_text(**loaded, toy.features, text, kModels));
}

TEST_P(RouterContract, TruncatedBytesAreRefused) {
  const Toy toy = make_toy(30, 5);
  base::ByteWriter out;
  fit_toy(method(), toy)->save(out);
  const std::string& bytes = out.bytes();
  const std::size_t step = std::max<std::size_t>(1, bytes.size() / 500);
  for (std::size_t size = 0; size < bytes.size(); size += step) {
    base::ByteReader in(std::string_view(bytes).substr(0, size));
    EXPECT_FALSE(method().load(in, {kModels, toy.features.dense_size(), toy.features.sparse_size()}).has_value())
        << size << " of " << bytes.size();
  }
}

TEST_P(RouterContract, FlippedBytesAreRefusedOrServeFiniteNumbers) {
  const Toy toy = make_toy(30, 6);
  base::ByteWriter out;
  fit_toy(method(), toy)->save(out);
  const std::size_t step = std::max<std::size_t>(1, out.bytes().size() / 300);
  for (std::size_t at = 0; at < out.bytes().size(); at += step) {
    std::string bytes = out.bytes();
    bytes[at] = static_cast<char>(bytes[at] ^ 0x41);
    base::ByteReader in(bytes);
    auto loaded = method().load(in, {kModels, toy.features.dense_size(), toy.features.sparse_size()});
    if (loaded) static_cast<void>(estimate_text(**loaded, toy.features, "What is 1 plus 1?", kModels));
  }
}

TEST_P(RouterContract, MissingCellsAreHandled) {
  Toy toy = make_toy(150, 7, 0.6);
  for (std::size_t row = 0; row < toy.set.rows; ++row) toy.set.quality[row * kModels + 2] = NAN;  // one model never
  const auto router = fit_toy(method(), toy);
  ASSERT_NE(router, nullptr);
  const auto out = estimate_text(*router, toy.features, "What is 2 plus 2?", kModels);
  for (const float value : out.quality) EXPECT_TRUE(std::isfinite(value));
}

TEST_P(RouterContract, OneModelAndFewRowsAreAnErrorOrADocumentedAnswer) {
  Toy toy = make_toy(2, 8);
  auto few = fit_toy(method(), toy);
  if (few) {
    EXPECT_TRUE(std::isfinite(estimate_text(*few, toy.features, "What is 2 plus 2?", kModels).quality[0]));
  }
  Toy one = make_toy(40, 9);
  one.set.models = {"only"};
  std::vector<float> column;
  for (std::size_t row = 0; row < one.set.rows; ++row) column.push_back(one.set.quality[row * kModels]);
  one.set.quality = column;
  const auto single = fit_toy(method(), one);
  if (single) {
    EXPECT_TRUE(std::isfinite(estimate_text(*single, one.features, "What is 2 plus 2?", 1).quality[0]));
  }
}

TEST_P(RouterContract, UnknownOptionsWrongTypesAndOutOfRangeValuesSayWhatIsExpected) {
  const Toy toy = make_toy(30, 10);
  base::Rng rng(1);
  const auto unknown = method().fit(toy.set, {{"no_such_option", "1"}}, rng);
  ASSERT_FALSE(unknown.has_value());
  EXPECT_NE(unknown.error().message.find("no_such_option"), std::string::npos);
  for (const auto& option : method().options()) {
    if (option.type == "text") continue;
    const auto wrong = method().fit(toy.set, {{option.name, "abc"}}, rng);
    ASSERT_FALSE(wrong.has_value()) << option.name;
    EXPECT_NE(wrong.error().message.find(option.name), std::string::npos);
    if (option.type == "boolean") continue;
    const auto outside = method().fit(toy.set, {{option.name, "-5"}}, rng);
    ASSERT_FALSE(outside.has_value()) << option.name;
    EXPECT_NE(outside.error().message.find("outside"), std::string::npos) << outside.error().message;
  }
}

TEST_P(RouterContract, BeatsUniformOnSeparableData) {
  if (GetParam() == "random") GTEST_SKIP() << "random is uniform";
  const Toy toy = make_toy(400, 11);
  const auto router = fit_toy(method(), toy);
  const Toy test = make_toy(200, 12);
  double collected = 0;
  double uniform = 0;
  for (std::size_t i = 0; i < test.texts.size(); ++i) {
    const auto out = estimate_text(*router, toy.features, test.texts[i], kModels);
    const auto best = std::max_element(out.quality.begin(), out.quality.end()) - out.quality.begin();
    collected += static_cast<double>(test.set.quality_of(i, static_cast<std::size_t>(best)));
    for (std::size_t m = 0; m < kModels; ++m) uniform += static_cast<double>(test.set.quality_of(i, m)) / kModels;
  }
  EXPECT_GE(collected, uniform - 5) << "of 200";
  const bool reads_the_request = method().needs.dense || method().needs.either || method().needs.tokens;
  // One risk for all models cannot tell two kinds of the same mean apart.
  if (reads_the_request && GetParam() != "hallucibot") {
    EXPECT_GT(collected, uniform + 40) << "of 200";
  }
}

TEST_P(RouterContract, TheOrderOfModelsDoesNotMatter) {
  const Toy toy = make_toy(150, 13);
  Toy turned = make_toy(150, 13);
  turned.set.models = {"middle", "sums", "french"};
  for (std::size_t row = 0; row < turned.set.rows; ++row)
    for (std::size_t m = 0; m < kModels; ++m) {
      turned.set.quality[row * kModels + (m + 1) % kModels] = toy.set.quality[row * kModels + m];
      turned.set.cost_usd[row * kModels + (m + 1) % kModels] = toy.set.cost_usd[row * kModels + m];
    }
  if (GetParam() == "random") GTEST_SKIP() << "random draws by position";
  const auto a = fit_toy(method(), toy);
  const auto b = fit_toy(method(), turned);
  for (const std::string& text : probes()) {
    const auto x = estimate_text(*a, toy.features, text, kModels);
    const auto y = estimate_text(*b, turned.features, text, kModels);
    for (std::size_t m = 0; m < kModels; ++m) EXPECT_NEAR(x.quality[m], y.quality[(m + 1) % kModels], 1e-5);
  }
}

TEST_P(RouterContract, ConcurrentEstimatesAgree) {
  const Toy toy = make_toy(100, 14);
  const auto router = fit_toy(method(), toy);
  const auto expected = estimate_text(*router, toy.features, "What is 5 plus 6?", kModels);
  std::vector<std::jthread> threads;
  std::array<bool, 3> equal{};
  for (std::size_t t = 0; t < equal.size(); ++t)
    threads.emplace_back([&, t] {
      equal[t] = true;
      for (int i = 0; i < 20; ++i)
        equal[t] &= estimate_text(*router, toy.features, "What is 5 plus 6?", kModels) == expected;
    });
  threads.clear();
  EXPECT_TRUE(equal[0] && equal[1] && equal[2]);
}

TEST_P(RouterContract, RaisingAPriceNeverRaisesThatTargetsShare) {
  const auto snapshot = toy_snapshot(GetParam());
  auto targets = snapshot->own_targets();
  const TargetMap map = snapshot->map_targets(targets);
  core::Contract contract;
  contract.worth = core::Worth{0.01, 0};
  for (auto& target : targets) target.prices = {10, 0, 0, 20};
  Scratch scratch;
  core::Estimates estimates;
  core::Plan plan;
  base::Rng rng(1);
  feature::Description description;
  int previous = INT32_MAX;
  for (const double factor : {0.1, 0.5, 1.0, 2.0, 5.0, 20.0}) {
    targets[0].prices = {10 * factor, 0, 0, 20 * factor};
    int share = 0;
    for (const std::string& text : make_toy(60, 15).texts) {
      feature::describe_text(text, "", description);
      snapshot->estimate(description, map, targets, scratch, estimates);
      decide(estimates, contract, targets, {}, {}, rng, plan);
      share += plan.first() == 0 ? 1 : 0;
    }
    EXPECT_LE(share, previous) << "factor " << factor;
    previous = share;
  }
}

TEST_P(RouterContract, TheLatencyClassHoldsWithMargin) {
  const Toy toy = make_toy(400, 16);
  const auto router = fit_toy(method(), toy);
  feature::Description description;
  feature::describe_text(std::string(2000, 'w') + " What is 3 plus 4? Translate apple.", "", description);
  Scratch scratch = make_scratch(*router);
  std::vector<float> dense(toy.features.dense_size());
  toy.features.transform(description, dense, scratch.sparse);
  std::vector<float> quality(kModels);
  std::vector<float> sd(kModels);
  double best_us = INFINITY;
  for (int round = 0; round < 20; ++round) {
    const auto begun = std::chrono::steady_clock::now();
    for (int i = 0; i < 10; ++i) router->estimate({&description, dense, scratch.sparse.view()}, scratch, quality, sd);
    best_us = std::min(
        best_us, std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begun).count() / 10);
  }
  // Ten times the class: this guards against a wrong class, not against a busy or an instrumented machine.
  EXPECT_LT(best_us, 10 * method().latency_class_us);
}

TEST_P(RouterContract, AModelThatJoinsIsLikeItsTwinAndLeavesTheOthersAsTheyAre) {
  if (method().add_model == nullptr) GTEST_SKIP() << "has to be trained anew for a new model";
  const Toy toy = make_toy(200, 19, 0.1);
  const auto router = fit_toy(method(), toy);
  const auto joined = method().add_model(*router, column_of(toy.set, 0), {});
  ASSERT_TRUE(joined.has_value()) << joined.error().text();
  EXPECT_EQ((*joined)->output(), router->output());
  std::vector<std::string> texts = probes();
  texts.insert(texts.end(), toy.texts.begin(), toy.texts.begin() + 30);
  double off = 0;
  Asker ask_router(*router, toy.features, kModels);
  Asker ask_joined(**joined, toy.features, kModels + 1);
  for (const std::string& text : texts) {
    const Estimated& before = ask_router(text);
    const Estimated& after = ask_joined(text);
    // Preferences may be ranks or shares, which a newcomer moves.
    for (std::size_t m = 0; m < kModels && router->output() == Output::kQuality; ++m) {
      EXPECT_EQ(before.quality[m], after.quality[m]) << text.substr(0, 60);
      EXPECT_EQ(before.sd[m], after.sd[m]) << text.substr(0, 60);
    }
    ASSERT_TRUE(std::isfinite(after.quality[kModels]) && std::isfinite(after.sd[kModels]));
    off += std::abs(static_cast<double>(after.quality[kModels] - after.quality[0]));
  }
  EXPECT_LT(off / static_cast<double>(texts.size()), 0.08) << "mean distance to the model it is a copy of";
  const std::string bytes = saved(**joined);
  base::ByteReader in(bytes);
  EXPECT_TRUE(method().load(in, {kModels + 1, toy.features.dense_size(), toy.features.sparse_size()}).has_value());
}

TEST_P(RouterContract, AddingAModelAndRemovingItIsNothing) {
  if (method().add_model == nullptr || method().remove_model == nullptr) GTEST_SKIP() << "cannot do both";
  const Toy toy = make_toy(120, 20, 0.1);
  const auto router = fit_toy(method(), toy);
  const auto joined = method().add_model(*router, column_of(toy.set, 1), {});
  ASSERT_TRUE(joined.has_value()) << joined.error().text();
  const auto left = method().remove_model(**joined, kModels);
  ASSERT_TRUE(left.has_value()) << left.error().text();
  EXPECT_EQ(saved(**left), saved(*router));
}

TEST_P(RouterContract, RemovingAModelDropsItsColumnAndLeavesTheRest) {
  if (method().remove_model == nullptr) GTEST_SKIP() << "has to be trained anew without a model";
  const Toy toy = make_toy(120, 21);
  const auto router = fit_toy(method(), toy);
  const auto left = method().remove_model(*router, 1);
  ASSERT_TRUE(left.has_value()) << left.error().text();
  Asker ask_router(*router, toy.features, kModels);
  Asker ask_left(**left, toy.features, kModels - 1);
  for (const std::string& text : probes()) {
    const Estimated& before = ask_router(text);
    const Estimated& after = ask_left(text);
    for (const float value : after.quality) EXPECT_TRUE(std::isfinite(value));
    if (router->output() != Output::kQuality) continue;
    EXPECT_EQ(after.quality, (std::vector<float>{before.quality[0], before.quality[2]})) << text.substr(0, 60);
    EXPECT_EQ(after.sd, (std::vector<float>{before.sd[0], before.sd[2]})) << text.substr(0, 60);
  }
  const std::string bytes = saved(**left);
  base::ByteReader in(bytes);
  EXPECT_TRUE(method().load(in, {kModels - 1, toy.features.dense_size(), toy.features.sparse_size()}).has_value());
  EXPECT_FALSE(method().remove_model(*router, kModels).has_value()) << "no such model";
  const auto last = method().remove_model(**left, 0);
  ASSERT_TRUE(last.has_value()) << last.error().text();
  EXPECT_FALSE(method().remove_model(**last, 0).has_value()) << "the last one";
}

TEST_P(RouterContract, RowsThatDoNotFitAModelThatJoinsAreRefused) {
  if (method().add_model == nullptr) GTEST_SKIP() << "has to be trained anew for a new model";
  const Toy toy = make_toy(60, 22);
  const auto router = fit_toy(method(), toy);
  EXPECT_FALSE(method().add_model(*router, toy.set, {}).has_value()) << "three models at once";
  TrainingSet unrecorded = column_of(toy.set, 0);
  std::fill(unrecorded.quality.begin(), unrecorded.quality.end(), NAN);
  EXPECT_FALSE(method().add_model(*router, unrecorded, {}).has_value()) << "nothing recorded";
  if (!method().needs.dense) return;
  TrainingSet narrow = column_of(toy.set, 0);
  narrow.dense_size -= 1;
  narrow.dense.resize(narrow.rows * narrow.dense_size);
  EXPECT_FALSE(method().add_model(*router, narrow, {}).has_value()) << "other features";
}

TEST(TaskLookup, AHintOfTheCallerDecidesTheTask) {
  const Toy toy = make_toy(200, 17);
  const auto router = fit_toy(*find_method("task_lookup"), toy);
  const std::string sum = "What is 3 plus 4? Answer with a number.";
  const auto plain = estimate_text(*router, toy.features, sum, kModels);
  EXPECT_GT(plain.quality[0], plain.quality[1]);
  const auto hinted = estimate_text(*router, toy.features, sum, kModels, "translate");
  EXPECT_LT(hinted.quality[0], hinted.quality[1]);
  EXPECT_EQ(estimate_text(*router, toy.features, sum, kModels, "a task nobody knows"), plain);
}

TEST(Single, ANamedModelComesFirstAndAnUnknownOneIsRefused) {
  const Toy toy = make_toy(50, 18);
  const auto router = fit_toy(*find_method("single"), toy, {{"model", "middle"}});
  const auto out = estimate_text(*router, toy.features, "x", kModels);
  EXPECT_EQ(std::max_element(out.quality.begin(), out.quality.end()) - out.quality.begin(), 2);
  base::Rng rng(1);
  const auto refused = find_method("single")->fit(toy.set, {{"model", "midle"}}, rng);
  ASSERT_FALSE(refused.has_value());
  EXPECT_NE(refused.error().message.find("did you mean 'middle'"), std::string::npos);
}

TEST(Kmeans, OneClusterGivesTheGlobalMeans) {
  const Toy toy = make_toy(80, 19, 0.1);
  const auto router = fit_toy(*find_method("kmeans"), toy, {{"clusters", "1"}});
  const auto means = model_means(toy.set);
  const auto out = estimate_text(*router, toy.features, "anything", kModels);
  for (std::size_t m = 0; m < kModels; ++m) EXPECT_NEAR(out.quality[m], means.mean[m], 1e-6);
}

TEST(Knn, RowsWithoutASharedTermAreNoNeighboursAndTheMeansAnswer) {
  const Toy toy = make_toy(80, 20);
  const auto router = fit_toy(*find_method("knn"), toy, {{"k", "5"}});
  const auto means = model_means(toy.set);
  const auto out = estimate_text(*router, toy.features, "zzzz qqqq", kModels);
  for (std::size_t m = 0; m < kModels; ++m) EXPECT_NEAR(out.quality[m], means.mean[m], 1e-6);
}

TEST(Knn, ShrinkagePullsTowardsTheMeans) {
  const Toy toy = make_toy(80, 21);
  const auto near = fit_toy(*find_method("knn"), toy, {{"k", "5"}});
  const auto far = fit_toy(*find_method("knn"), toy, {{"k", "5"}, {"shrinkage", "1000000"}});
  const auto means = model_means(toy.set);
  const auto x = estimate_text(*far, toy.features, toy.texts[0], kModels);
  for (std::size_t m = 0; m < kModels; ++m) EXPECT_NEAR(x.quality[m], means.mean[m], 1e-4);
  EXPECT_NE(estimate_text(*near, toy.features, toy.texts[0], kModels), x);
}

std::vector<std::string> method_names() {
  std::vector<std::string> names;
  for (const MethodRecord& method : methods()) names.emplace_back(method.name);
  return names;
}

INSTANTIATE_TEST_SUITE_P(EveryMethod, RouterContract, testing::ValuesIn(method_names()),
                         [](const auto& tested) { return tested.param; });

}  // namespace
}  // namespace thalamus::route
