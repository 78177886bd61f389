// Goal: documents change the estimate, by what they say of the question. World: questions about one of many subjects;
// the "reader" answers well only from a document about that subject, is misled by another one, and knows little by
// itself; "scholar" knows most answers without any.
#include <gtest/gtest.h>

#include <array>

#include "small_set.h"
#include "thalamus/route/documents.h"
#include "toy.h"

namespace thalamus::route {
namespace {

enum class Setting : std::uint8_t { kNone, kRight, kWrong };

std::string subject(std::uint64_t number) { return fmt::format("subject{}", number); }

std::string document(std::uint64_t about) {
  return fmt::format(
      "The archive notes that {0} was described in detail long ago, and that {0} is well understood.\n\n",
      subject(about));
}
std::string request(std::uint64_t about, Setting setting) {
  const std::string question = fmt::format("Please tell me in one sentence what is known about {}?", subject(about));
  switch (setting) {
    case Setting::kNone: return question;
    case Setting::kRight: return document(about) + question;
    case Setting::kWrong: return document(about + 1000) + question;
  }
  return question;
}

struct World {
  feature::FeatureSet features;
  TrainingSet set;
};

World make_world(std::size_t rows, std::uint64_t seed) {
  World world;
  base::Rng rng(seed);
  std::vector<std::string> texts;
  std::vector<Setting> settings;
  for (std::size_t i = 0; i < rows; ++i) {
    settings.push_back(static_cast<Setting>(rng.below(3)));
    texts.push_back(request(rng.below(40), settings.back()));
  }
  const feature::DescriptionSource source{
      rows, [&](std::size_t i, feature::Description& out) { feature::describe_text(texts[i], "", out); }};
  const std::vector<feature::FeatureSpec> specs{{"hash", {{"dims", "16"}, {"buckets", "64"}}}, {"signals", {}}};
  world.features = feature::FeatureSet::fit(specs, source, base::Rng(seed)).value();
  TrainingSet& set = world.set;
  set.models = {"reader", "scholar"};
  set.rows = rows;
  set.dense_size = world.features.dense_size();
  set.dense.resize(rows * set.dense_size);
  set.task.assign(rows, 0);
  set.task_names = {""};
  feature::Description description;
  feature::SparseVector sparse;
  for (std::size_t i = 0; i < rows; ++i) {
    source.read(i, description);
    world.features.transform(description, std::span(set.dense).subspan(i * set.dense_size, set.dense_size), sparse);
    append_documents(description, set);
    const double reader = settings[i] == Setting::kRight ? 0.95 : settings[i] == Setting::kWrong ? 0.05 : 0.3;
    set.quality.push_back(rng.uniform() < reader ? 1.0F : 0.0F);
    set.quality.push_back(rng.uniform() < 0.7 ? 1.0F : 0.0F);
    set.text_bytes.push_back(static_cast<float>(description.text_bytes));
  }
  return world;
}

std::unique_ptr<Router> fit_world(const World& world) {
  base::Rng rng(3);
  return find_method("ragrouter")->fit(world.set, {{"rate", "0.003"}}, rng).value();
}

double mean_reader(const Router& router, const World& world, Setting setting) {
  double total = 0;
  for (std::uint64_t about = 40; about < 60; ++about)
    total += static_cast<double>(estimate_text(router, world.features, request(about, setting), 2).quality[0]);
  return total / 20;
}

TEST(Ragrouter, RightDocumentsHelpTheWeakModelAndWrongOnesHurtIt) {
  const World world = make_world(600, 91);
  const auto router = fit_world(world);
  const double none = mean_reader(*router, world, Setting::kNone);
  const double right = mean_reader(*router, world, Setting::kRight);
  const double wrong = mean_reader(*router, world, Setting::kWrong);
  EXPECT_GT(right, none + 0.2) << "none " << none;
  EXPECT_LT(wrong, none - 0.05) << "none " << none;
  EXPECT_GT(right, wrong + 0.5);
}

TEST(Ragrouter, OtherDocumentsChangeTheEstimateOfTheSameFeatures) {
  const World world = make_world(300, 92);
  const auto router = fit_world(world);
  feature::Description right;
  feature::Description wrong;
  feature::describe_text(request(7, Setting::kRight), "", right);
  feature::describe_text(request(7, Setting::kWrong), "", wrong);
  std::vector<float> dense(world.features.dense_size());
  Scratch scratch = make_scratch(*router);
  world.features.transform(right, dense, scratch.sparse);
  std::vector<float> with_right(2);
  std::vector<float> with_wrong(2);
  std::vector<float> without(2);
  std::vector<float> sd(2);
  router->estimate({&right, dense, {}}, scratch, with_right, sd);
  router->estimate({&wrong, dense, {}}, scratch, with_wrong, sd);
  right.question_tokens_begin = 0;  // all of it a question
  router->estimate({&right, dense, {}}, scratch, without, sd);
  EXPECT_NE(with_right, with_wrong);
  EXPECT_NE(with_right, without);
  // Without documents only the features count, whatever the question says.
  feature::Description other;
  feature::describe_text("Something else entirely, asked in one paragraph.", "", other);
  std::vector<float> other_without(2);
  router->estimate({&other, dense, {}}, scratch, other_without, sd);
  EXPECT_EQ(without, other_without);
}

TEST(Ragrouter, ATableWithoutDocumentsFitsTheBaseHeadAlone) {
  World world = make_world(120, 93);
  world.set.question_offsets.clear();
  world.set.context_offsets.clear();
  const auto router = fit_world(world);
  EXPECT_LT(saved(*router).size(), saved(*fit_world(make_world(120, 93))).size());
}

TEST(Ragrouter, TheShiftHeadSurvivesSaving) {
  const World world = make_world(120, 94);
  const auto router = fit_world(world);
  const std::string bytes = saved(*router);
  base::ByteReader in(bytes);
  const auto loaded = find_method("ragrouter")->load(in, {2, world.features.dense_size(), 0});
  ASSERT_TRUE(loaded.has_value()) << loaded.error().text();
  EXPECT_EQ(estimate_text(**loaded, world.features, request(3, Setting::kRight), 2),
            estimate_text(*router, world.features, request(3, Setting::kRight), 2));
  for (std::size_t size = 0; size < bytes.size(); size += 97) {
    base::ByteReader cut(std::string_view(bytes).substr(0, size));
    EXPECT_FALSE(find_method("ragrouter")->load(cut, {2, world.features.dense_size(), 0}).has_value()) << size;
  }
}

/// Seconds and costs that sort "scholar" behind "reader" by time and before it by cost.
World timed_world(std::size_t rows, std::uint64_t seed) {
  World world = make_world(rows, seed);
  for (std::size_t i = 0; i < rows; ++i) {
    world.set.seconds.insert(world.set.seconds.end(), {0.5F, 2.0F});
    world.set.cost_usd.insert(world.set.cost_usd.end(), {0.01F, 0.001F});
  }
  return world;
}

TEST(Ragrouter, ThetaPrefersTheFastestThatIsNearlyAsGood) {
  const World world = timed_world(300, 96);
  const auto fit = [&](const base::OptionMap& options) {
    base::Rng rng(3);
    return find_method("ragrouter")->fit(world.set, options, rng).value();
  };
  const auto plain = fit({});
  EXPECT_EQ(plain->output(), Output::kQuality);
  for (const double theta : {0.05, 0.3, 1.0}) {
    for (const std::string efficiency : {"seconds", "cost"}) {
      const auto router = fit({{"theta", fmt::format("{}", theta)}, {"efficiency", efficiency}});
      EXPECT_EQ(router->output(), Output::kPreference);
      const std::string bytes = saved(*router);
      base::ByteReader in(bytes);
      const auto loaded = find_method("ragrouter")->load(in, {2, world.features.dense_size(), 0});
      ASSERT_TRUE(loaded.has_value()) << loaded.error().text();
      EXPECT_EQ(saved(**loaded), bytes);
      const std::size_t fastest = efficiency == "seconds" ? 0 : 1;
      for (std::uint64_t about = 40; about < 50; ++about) {
        for (const Setting setting : {Setting::kNone, Setting::kRight, Setting::kWrong}) {
          const std::string text = request(about, setting);
          const auto quality = estimate_text(*plain, world.features, text, 2).quality;
          const float lead = std::max(quality[0], quality[1]) - quality[fastest];
          const std::size_t expected = static_cast<double>(lead) <= theta ? fastest : 1 - fastest;
          EXPECT_EQ(best_of(estimate_text(**loaded, world.features, text, 2)), expected) << theta << ' ' << text;
        }
      }
    }
  }
}

TEST(Ragrouter, ThetaWithoutWhatSortsTheModelsIsRefusedWithTheWayOut) {
  const World world = make_world(60, 97);
  base::Rng rng(3);
  const auto refused = find_method("ragrouter")->fit(world.set, {{"theta", "0.1"}}, rng);
  ASSERT_FALSE(refused.has_value());
  EXPECT_NE(refused.error().text().find("latency_s"), std::string::npos) << refused.error().text();
  EXPECT_NE(refused.error().text().find("efficiency=cost"), std::string::npos) << refused.error().text();
}

TEST(Ragrouter, ABrokenLatencyRuleIsRefused) {
  const World world = timed_world(60, 98);
  base::Rng rng(3);
  const auto router = find_method("ragrouter")->fit(world.set, {{"theta", "0.1"}}, rng).value();
  const std::string bytes = saved(*router);
  for (const char broken : {'\x01', '\x02'}) {  // a column named twice; one that is not there
    std::string other = bytes;
    other[other.size() - 8] = broken;
    base::ByteReader in(other);
    EXPECT_FALSE(find_method("ragrouter")->load(in, {2, world.features.dense_size(), 0}).has_value());
  }
}

TEST(Ragrouter, TheContrastTakesPartInTraining) {
  const World world = make_world(120, 99);
  const auto fit = [&](const char* weight) {
    base::Rng rng(3);
    return saved(*find_method("ragrouter")->fit(world.set, {{"contrast", weight}}, rng).value());
  };
  EXPECT_NE(fit("0"), fit("0.5"));
}

TEST(Documents, ServingAndTrainingSeeTheSameNumbers) {
  const World world = make_world(30, 95);
  std::vector<std::uint32_t> rows(30);
  for (std::uint32_t i = 0; i < 30; ++i) rows[i] = i;
  const auto documents = DocumentFeatures::fit(world.set, rows);
  TrainingSet one;
  feature::Description description;
  feature::describe_text(request(5, Setting::kRight), "", description);
  append_documents(description, one);
  std::array<float, kDocumentFeatures> served{};
  std::array<float, kDocumentFeatures> trained{};
  ASSERT_TRUE(documents.of(description, served));
  ASSERT_TRUE(documents.of(one, 0, trained));
  EXPECT_EQ(served, trained);
  EXPECT_GT(served[3 * kDocumentDims + 2], 0.1F) << "the subject is in the document";
  feature::describe_text(request(5, Setting::kNone), "", description);
  EXPECT_FALSE(documents.of(description, served));
}

}  // namespace
}  // namespace thalamus::route
