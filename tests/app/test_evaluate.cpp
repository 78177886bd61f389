// The verb eval as a function: what it refuses before any work, what it says of leaks, which keys it writes, and what a
// file that cannot be written leaves.
#include <gtest/gtest.h>

#include "app/thalamus/verbs.h"
#include "thalamus/base/error.h"
#include "verb_folder.h"

namespace thalamus::app {
namespace {

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

class EvalVerb : public testing::Test {
 protected:
  EvalVerb() {
    arguments_.train = {folder_.write("train.jsonl", table_text(20, "a"))};
    arguments_.test = folder_.write("test.jsonl", table_text(8, "b"));
    arguments_.methods = {"global_mean"};
    arguments_.resamples = 50;
  }
  [[nodiscard]] Printed run(Style style = Style::kText) const {
    return printed([&] { return eval(arguments_, style); });
  }

  eval::TestFolder folder_;
  EvalArguments arguments_;
};

TEST_F(EvalVerb, PrintsTheReportAndWritesTheSameAsJson) {
  arguments_.json = (folder_.path() / "out.json").string();
  arguments_.html = (folder_.path() / "out.html").string();
  const Printed text = run();
  EXPECT_EQ(text.code, base::kExitDone) << text.error;
  EXPECT_TRUE(has(text.out, "global_mean"));
  const Printed json = run(Style::kJson);
  EXPECT_TRUE(has(content(arguments_.json), "\"global_mean\""));
  EXPECT_TRUE(has(content(arguments_.html), "global_mean"));
  EXPECT_TRUE(json.out.starts_with("{")) << "nothing but JSON on standard output";
}

TEST_F(EvalVerb, AnUnknownMethodIsRefusedBeforeATableIsRead) {
  arguments_.train = {(folder_.path() / "absent").string()};
  arguments_.methods = {"global_mean", "rigde"};
  const Printed refused = run();
  EXPECT_EQ(refused.code, base::kExitUsage);
  EXPECT_TRUE(has(refused.error, "'rigde', did you mean 'ridge'?")) << refused.error;
  EXPECT_TRUE(refused.out.empty());
}

TEST_F(EvalVerb, AnUnknownProtocolIsRefusedWithTheNearest) {
  arguments_.protocol = "ido";
  const Printed refused = run();
  EXPECT_EQ(refused.code, base::kExitUsage);
  EXPECT_TRUE(has(refused.error, "ido")) << refused.error;
}

TEST_F(EvalVerb, OutputsThatCannotBeWrittenAreRefusedBeforeATableIsRead) {
  arguments_.train = {(folder_.path() / "absent").string()};
  const std::string nowhere = (folder_.path() / "no" / "file").string();
  for (std::string EvalArguments::* output : {&EvalArguments::json, &EvalArguments::html}) {
    EvalArguments arguments = arguments_;
    arguments.*output = nowhere;
    const Printed refused = printed([&] { return eval(arguments, Style::kText); });
    EXPECT_EQ(refused.code, base::kExitEnvironment);
    EXPECT_TRUE(has(refused.error, nowhere)) << refused.error;
  }
}

TEST_F(EvalVerb, AFileThatFillsUpIsSaidAndTheReportIsPrintedAllTheSame) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "no /dev/full here";
  arguments_.json = "/dev/full";
  const Printed full = run();
  EXPECT_EQ(full.code, base::kExitEnvironment);
  EXPECT_TRUE(has(full.error, "/dev/full")) << full.error;
  EXPECT_TRUE(has(full.out, "global_mean"));
}

TEST_F(EvalVerb, WattsThatAreNoneAreRefusedByName) {
  for (const std::string bad : {"right", "right=0", "right=-1", "right=nan", "right=inf", "=5", "right=", "right=x"}) {
    arguments_.watts = {bad};
    const Printed refused = run();
    EXPECT_EQ(refused.code, base::kExitUsage) << bad;
    EXPECT_TRUE(has(refused.error, "'" + bad + "'")) << refused.error;
  }
  arguments_.watts = {"right=1", "right=2"};
  EXPECT_TRUE(has(run().error, "'right' is named twice"));
  arguments_.watts = {"rigt=1"};
  EXPECT_TRUE(has(run().error, "rigt"));
}

TEST_F(EvalVerb, ElasticityAndIntelligencePerWattHaveTheirKeys) {
  arguments_.watts = {"right=50", "cheap=10"};
  const Printed out = run(Style::kJson);
  ASSERT_EQ(out.code, base::kExitDone) << out.error;
  // Every answer is right and by "right": 1 / 50 W, and 1 / (50 W x 2 s). The cheapest single is right half of the
  // time at a tenth of the cost: (1 / .5 - 1) / (10 - 1).
  EXPECT_TRUE(has(out.out, "\"intelligence_per_watt\":0.02")) << out.out;
  EXPECT_TRUE(has(out.out, "\"accuracy_per_joule\":0.01")) << out.out;
  EXPECT_TRUE(has(out.out, "\"tep\":0.111111111")) << out.out;
  arguments_.watts.clear();
  EXPECT_TRUE(has(run(Style::kJson).out, "\"intelligence_per_watt\":null"));
}

TEST_F(EvalVerb, RowsThatTheTrainingDataHaveAreCountedAndSaid) {
  // Of eight test rows two are training rows: one by its id, one by its prompt in other letters.
  std::string test = table_text(8, "b");
  test.replace(test.find("b asks number 3"), 15, "A ASKS number 5");
  test.replace(test.find("\"b6\""), 4, "\"a6\"");
  arguments_.test = folder_.write("leak.jsonl", test);
  const Printed out = run();
  EXPECT_EQ(out.code, base::kExitDone);
  for (const std::string& said : {out.out, out.error})
    EXPECT_TRUE(has(said, "2 of 8 test rows are also in the training data (1 by prompt, 1 by id alone)")) << said;
  arguments_.train.push_back(arguments_.train.front());
  EXPECT_TRUE(has(run().error, "20 of 40 training rows have the id of an earlier row of another file"));
}

TEST_F(EvalVerb, WithoutATestTableTheProtocolDividesTheTrainingTable) {
  arguments_.test.clear();
  const Printed out = run();
  EXPECT_EQ(out.code, base::kExitDone) << out.error;
  EXPECT_TRUE(has(out.out, "protocol id, ")) << out.out;
}

TEST_F(EvalVerb, ModelsThatJoinLateHaveNoPageAndNoWatts) {
  arguments_.protocol = "unseen";
  arguments_.watts = {"right=1"};
  const Printed refused = run();
  EXPECT_EQ(refused.code, base::kExitUsage);
  EXPECT_TRUE(has(refused.error, "--protocol unseen")) << refused.error;
}

TEST_F(EvalVerb, ATableThatTeachesNothingIsRefusedByName) {
  arguments_.train = {folder_.write("one.jsonl", table_text(1, "a"))};
  const Printed refused = run();
  EXPECT_EQ(refused.code, base::kExitUsage);
  EXPECT_TRUE(has(refused.error, "one.jsonl")) << refused.error;
  EXPECT_TRUE(has(refused.error, "one row")) << refused.error;
}

}  // namespace
}  // namespace thalamus::app
