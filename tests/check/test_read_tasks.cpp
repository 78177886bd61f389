#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "thalamus/check/task.h"

namespace thalamus::check {
namespace {

class ReadTasks : public testing::Test {
 protected:
  ReadTasks() {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = std::filesystem::path(testing::TempDir()) / (std::string("read_tasks_") + test->name());
    std::filesystem::create_directories(folder_);
  }
  ~ReadTasks() override { std::filesystem::remove_all(folder_); }

  [[nodiscard]] Result<std::vector<Task>> read(const std::string& text) const {
    std::ofstream(folder_ / "mine.jsonl") << text;
    return read_tasks(folder_ / "mine.jsonl");
  }

  void expect_error(const std::string& text, const std::string& part) const {
    const auto tasks = read(text);
    ASSERT_FALSE(tasks.has_value()) << text;
    EXPECT_NE(tasks.error().text().find(part), std::string::npos) << tasks.error().text() << "\n  lacks: " << part;
    EXPECT_NE(tasks.error().text().find("mine.jsonl"), std::string::npos) << tasks.error().text();
  }

  std::filesystem::path folder_;
};

TEST_F(ReadTasks, TakesEveryFieldAndItsDefaults) {
  const auto tasks = read(
      R"({"id":"a","prompt":"2+2?","expected":4,"checker":"number","tolerance":0.1,"task":"sums","max_output_tokens":9}

{"prompt":"Capital?","expected":["Paris","City of Paris"],"checker":"exact","match_case":true}
{"id":7,"prompt":"Which?","expected":"B","checker":"choice","options":["x","y"]}
{"prompt":"Which items?","expected":[1,"two"],"checker":"set","ordered":true}
{"prompt":"Say it","expected":["red"],"forbidden":["blue"],"checker":"contains"}
{"prompt":"JSON","expected":{"a":1},"schema":{"type":"object"},"checker":"json_schema"}
{"prompt":"Poem","judge":"large"}
)");
  ASSERT_TRUE(tasks.has_value()) << tasks.error().text();
  ASSERT_EQ(tasks->size(), 7U);
  const Task& sum = (*tasks)[0];
  EXPECT_EQ(sum.id, "a");
  EXPECT_EQ(sum.family, "sums");
  EXPECT_EQ(sum.difficulty, "given");
  EXPECT_EQ(sum.expected.value, "4");
  EXPECT_EQ(sum.expected.tolerance, 0.1);
  EXPECT_EQ(sum.max_output_tokens, 9U);
  EXPECT_EQ((*tasks)[1].id, "line-3");
  EXPECT_EQ((*tasks)[1].family, "user");
  EXPECT_EQ((*tasks)[1].expected.values, std::vector<std::string>{"City of Paris"});
  EXPECT_TRUE((*tasks)[1].expected.match_case);
  EXPECT_EQ((*tasks)[2].id, "7");
  EXPECT_EQ((*tasks)[2].expected.values.size(), 2U);
  EXPECT_EQ((*tasks)[3].expected.values, (std::vector<std::string>{"1", "two"}));
  EXPECT_TRUE((*tasks)[3].expected.ordered);
  EXPECT_EQ((*tasks)[4].expected.forbidden, std::vector<std::string>{"blue"});
  EXPECT_EQ((*tasks)[5].schema, R"({"type":"object"})");
  EXPECT_EQ((*tasks)[5].expected.value, R"({"a":1})");
  EXPECT_EQ((*tasks)[6].judge, "large");
  EXPECT_EQ((*tasks)[6].expected.checker, "judge");
}

TEST_F(ReadTasks, NamesLineFieldAndNearestName) {
  expect_error("{\"prompt\":\"a\",\"expected\":\"b\",\"checker\":\"exact\"}\n{\"promt\":\"a\"}",
               "mine.jsonl:2: unknown field 'promt', did you mean 'prompt'?");
  expect_error(R"({"prompt":"a","expected":"b","checker":"numbr"})", "did you mean 'number'?");
  expect_error(R"({"expected":"b","checker":"exact"})", "'prompt' is missing");
  expect_error(R"({"prompt":" ","expected":"b","checker":"exact"})", "'prompt' is empty");
  expect_error(R"({"prompt":"a","expected":"b"})", "'checker' is missing");
  expect_error(R"({"prompt":"a","checker":"exact"})", "'expected' is missing");
  expect_error(R"({"prompt":5,"expected":"b","checker":"exact"})", "'prompt' is '5', expected a text");
  expect_error(R"({"prompt":"a","expected":true,"checker":"exact"})", "'expected' is 'true'");
  expect_error(R"({"prompt":"a","expected":["x","y"],"checker":"number"})", "compares with one value");
  expect_error(R"({"prompt":"a","expected":"x","checker":"number"})", "not one number");
  expect_error(R"({"prompt":"a","expected":"(","checker":"regex"})", "not a regular expression");
  expect_error(R"({"prompt":"a","schema":{"oneOf":[]},"checker":"json_schema"})", "'oneOf' is not supported");
  expect_error(R"({"prompt":"a","expected":1,"checker":"number","tolerance":2})", "'tolerance' is '2'");
  expect_error(R"({"prompt":"a","expected":1,"checker":"number","max_output_tokens":0})", "'max_output_tokens' is '0'");
  expect_error(R"({"prompt":"a","expected":1,"checker":"number","max_output_tokens":1.5})", "'max_output_tokens'");
  expect_error(R"({"prompt":"a","expected":[[1]],"checker":"set"})", "'expected' is '[1]'");
  expect_error(R"({"prompt":"a","expected":1,"checker":"set","ordered":1})", "true or false");
  expect_error(R"({"prompt":"a","checker":"judge"})", "'judge' is missing");
  expect_error(R"({"prompt":"a","expected":1,"checker":"number","judge":"x"})", "'judge' is given");
}

TEST_F(ReadTasks, RefusesWhatIsNoTaskFile) {
  expect_error("", "has no tasks");
  expect_error("not json", "mine.jsonl:1: not a JSON object");
  expect_error("[1]", "mine.jsonl:1: expected a JSON object");
  expect_error("{\"prompt\":" + std::string(10000, '['), "nested deeper");
  expect_error(
      "{\"id\":\"x\",\"prompt\":\"a\",\"expected\":\"b\",\"checker\":\"exact\"}\n{\"id\":\"x\",\"prompt\":\"a\","
      "\"expected\":\"b\",\"checker\":\"exact\"}",
      "mine.jsonl:2: 'id' is 'x', which line 1 has already");
}

TEST_F(ReadTasks, AMissingFileSaysSo) {
  const auto tasks = read_tasks(folder_ / "absent.jsonl");
  ASSERT_FALSE(tasks.has_value());
  EXPECT_EQ(tasks.error().kind, ErrorKind::kNotFound);
}

}  // namespace
}  // namespace thalamus::check
