/// Properties of every generated task: its own answer is right, another is wrong, prompts differ between seeds.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

#include "thalamus/base/text.h"
#include "thalamus/check/knowledge.h"
#include "thalamus/check/task.h"

namespace thalamus::check {
namespace {

constexpr std::uint32_t kPerCell = 334;
constexpr std::uint64_t kSeed = 20260101;

/// A text that a simple pattern of the instruction family matches: optional parts left out, classes by one letter.
std::string match_of(const std::string& pattern) {
  std::string out;
  std::size_t group = 0;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    std::string atom(1, pattern[i]);
    if (atom == "^" || atom == "$") continue;
    if (atom == "(") {
      group = out.size();
      continue;
    }
    if (atom == ")") {
      const std::string once = out.substr(group);
      const int times = pattern[i + 2] - '0';  // ){n}
      for (int n = 1; n < times; ++n) out += once;
      i += 3;
      continue;
    }
    if (atom == "\\") {
      const char escaped = pattern[++i];
      if (escaped == 's') {
        ++i;  // \s*
        continue;
      }
      atom = escaped == 'n' ? "\n" : std::string(1, escaped);
    }
    if (pattern[i] == '[' && atom == "[" && pattern[i - (i > 0 ? 1 : 0)] != '\\') {
      i = pattern.find(']', i);
      atom = "e";
    }
    const char next = i + 1 < pattern.size() ? pattern[i + 1] : ' ';
    if (next == '?' || next == '*') {
      ++i;
      continue;
    }
    if (next == '+') ++i;
    if (next == '{') {  // x{n,}
      out += std::string(static_cast<std::size_t>(pattern[i + 2] - '0'), atom[0]);
      i = pattern.find('}', i);
      continue;
    }
    out += atom;
  }
  return out;
}

std::string join(const std::vector<std::string>& items) {
  std::string out;
  for (const auto& item : items) out += (out.empty() ? "" : ", ") + item;
  return out;
}

std::string plain_answer(const Task& task) {
  if (task.expected.checker == "set") return join(task.expected.values);
  if (task.expected.checker == "regex") return match_of(task.expected.value);
  return task.expected.value;
}

std::vector<std::string> right_answers(const Task& task) {
  const std::string plain = plain_answer(task);
  if (task.expected.checker == "regex") return {plain};
  if (task.expected.checker == "json_schema") return {plain, "Here is the JSON:\n```json\n" + plain + "\n```"};
  std::vector<std::string> out = {plain, "The answer is " + plain + ".", "**" + plain + "**",
                                  "Let me see.\nAnswer: " + plain};
  if (task.expected.checker == "number") out.push_back("So the result is " + plain + ".");
  return out;
}

std::vector<std::string> wrong_answers(const Task& task) {
  const Expectation& expected = task.expected;
  const std::string plain = plain_answer(task);
  if (expected.checker == "number")
    return {"", "1" + plain, plain + "1", plain + " or 77777", "1\n2\n3\n" + plain + "\n77777"};
  if (expected.checker == "choice") {
    const std::string next(1, static_cast<char>('A' + (plain[0] - 'A' + 1) % static_cast<int>(expected.values.size())));
    return {"", next, "The answer is " + next + ".", plain + " or " + next, "A, B, C, D"};
  }
  if (expected.checker == "set") {
    std::vector<std::string> fewer(expected.values.begin() + 1, expected.values.end());
    std::vector<std::string> reversed(expected.values.rbegin(), expected.values.rend());
    std::vector<std::string> out = {"", join(fewer), plain + ", 77777", plain + ", zebra"};
    if (expected.ordered) out.push_back(join(reversed));
    return out;
  }
  if (expected.checker == "json_schema")
    return {"", "{}", "[" + plain + "]", plain + "\n{}", plain.substr(0, plain.size() - 1) + R"(,"more":1})"};
  if (expected.checker == "regex") return {"", "Sure! " + plain, plain + " " + plain, plain + "\nI hope this helps."};
  return {"", plain + "q", "not " + plain, plain + " or nothing",
          "The answer is " + plain + ". The answer is nothing."};
}

class EachFamily : public testing::TestWithParam<std::size_t> {
 protected:
  [[nodiscard]] static const std::vector<Task>& all() {
    static const std::vector<Task> kTasks = generate_tasks(kSeed, kPerCell);
    return kTasks;
  }
  [[nodiscard]] static const std::vector<Task>& all_of_another_seed() {
    static const std::vector<Task> kTasks = generate_tasks(kSeed + 1, kPerCell);
    return kTasks;
  }
  [[nodiscard]] std::vector<const Task*> tasks(const std::vector<Task>& from) const {
    std::vector<const Task*> out;
    for (const auto& task : from)
      if (task.family == families()[GetParam()].name) out.push_back(&task);
    return out;
  }
};

TEST_P(EachFamily, GradesItsOwnAnswerOneAndAnotherZero) {
  SCOPED_TRACE("seed " + std::to_string(kSeed));
  for (const auto* task : tasks(all())) {
    for (const auto& answer : right_answers(*task)) {
      const auto graded = grade(answer, task->expected);
      ASSERT_TRUE(graded.has_value()) << task->id << ": " << graded.error().text();
      ASSERT_EQ(graded->quality, 1.0) << task->id << "\n"
                                      << task->prompt << "\nanswer: " << answer << "\n"
                                      << graded->reason;
    }
    for (const auto& answer : wrong_answers(*task)) {
      const auto graded = grade(answer, task->expected);
      ASSERT_TRUE(graded.has_value()) << task->id << ": " << graded.error().text();
      ASSERT_EQ(graded->quality, 0.0) << task->id << "\n"
                                      << task->prompt << "\nanswer: " << answer << "\n"
                                      << graded->reason;
    }
  }
}

TEST_P(EachFamily, FillsEveryCellWithShortPromptsAndSmallLimits) {
  const FamilyRecord& family = families()[GetParam()];
  std::size_t count[3] = {0, 0, 0};
  for (const auto* task : tasks(all())) {
    const auto index = task->difficulty == "easy" ? 0U : task->difficulty == "medium" ? 1U : 2U;
    EXPECT_EQ(task->difficulty, label(static_cast<Difficulty>(index)));
    ++count[index];
    EXPECT_LE(task->prompt.size(), 1000U) << task->prompt;
    EXPECT_GE(task->max_output_tokens, 24U) << task->id;
    EXPECT_LE(task->max_output_tokens, 160U) << task->id;
    EXPECT_EQ(task->schema.empty(), task->expected.checker != "json_schema") << task->id;
    EXPECT_EQ(task->prompt.find("  "), task->expected.checker == "number" ? task->prompt.find("  ") : std::string::npos)
        << task->prompt;
    EXPECT_EQ(task->prompt.find('\0'), std::string::npos);
  }
  EXPECT_FALSE(family.help.empty());
  for (const auto in_cell : count) EXPECT_EQ(in_cell, kPerCell);
}

TEST_P(EachFamily, SharesHardlyAPromptBetweenSeeds) {
  std::set<std::string> seen;
  for (const auto* task : tasks(all())) seen.insert(task->prompt);
  const auto others = tasks(all_of_another_seed());
  const auto shared = std::ranges::count_if(others, [&](const Task* task) { return seen.contains(task->prompt); });
  const double share = static_cast<double>(shared) / static_cast<double>(others.size());
  RecordProperty("shared_percent", static_cast<int>(100 * share));
  EXPECT_LT(share, families()[GetParam()].name == "general_knowledge" ? 0.6 : 0.05);
}

INSTANTIATE_TEST_SUITE_P(Families, EachFamily, testing::Range<std::size_t>(0, families().size()),
                         [](const auto& parameter) { return std::string(families()[parameter.param].name); });

TEST(Families, TheToolsCoverTheExactOnes) {
  std::set<std::string> covered;
  for (const auto& family : families())
    if (family.tool_covers) covered.emplace(family.name);
  EXPECT_EQ(covered, (std::set<std::string>{"arithmetic", "dates", "units", "string_operations", "sorting_and_sets"}));
  EXPECT_GE(families().size(), 12U);
}

TEST(GenerateTasks, GivesTheSameTasksForTheSameSeed) {
  const auto once = generate_tasks(5, 4);
  const auto again = generate_tasks(5, 4);
  ASSERT_EQ(once.size(), again.size());
  for (std::size_t i = 0; i < once.size(); ++i) {
    EXPECT_EQ(once[i].id, again[i].id);
    EXPECT_EQ(once[i].prompt, again[i].prompt);
    EXPECT_EQ(once[i].expected.value, again[i].expected.value);
  }
}

TEST(GenerateTasks, TheFirstTasksOfACellDoNotDependOnItsSize) {
  const auto small = generate_tasks(5, 2);
  const auto large = generate_tasks(5, 3);
  for (const auto& task : small)
    EXPECT_TRUE(std::ranges::any_of(large, [&](const Task& other) {
      return other.id == task.id && other.prompt == task.prompt;
    })) << task.id;
}

TEST(GenerateTasks, OneFamilyAloneGivesTheSameTasks) {
  const auto whole = generate_tasks(5, 3);
  std::size_t at = 0;
  for (const auto& family : families())
    for (const auto& task : generate_family_tasks(family, 5, 3)) {
      ASSERT_LT(at, whole.size());
      EXPECT_EQ(task.id, whole[at].id);
      EXPECT_EQ(task.prompt, whole[at++].prompt);
    }
  EXPECT_EQ(at, whole.size());
}

TEST(GenerateTasks, IdsAndPromptsAreUnique) {
  std::set<std::string> ids;
  std::set<std::string> prompts;
  for (const auto& task : generate_tasks(9, 50)) {
    EXPECT_TRUE(ids.insert(task.id).second) << task.id;
    EXPECT_TRUE(prompts.insert(task.prompt).second) << task.prompt;
  }
  EXPECT_TRUE(ids.contains("arithmetic-easy-9-0"));
  EXPECT_TRUE(generate_tasks(9, 0).empty());
}

TEST(GenerateTasks, AFamilyThatRunsOutEndsItsCell) {
  const auto family = std::ranges::find(families(), "general_knowledge", &FamilyRecord::name);
  ASSERT_NE(family, families().end());
  const auto known = generate_family_tasks(*family, 1, 4000).size();
  EXPECT_GT(known, 3000U);
  EXPECT_LT(known, 12000U);
}

TEST(Knowledge, HasSeveralHundredFactsOnEachLevelTogether) {
  std::size_t facts = 0;
  std::size_t by_level[3] = {0, 0, 0};
  for (const auto& relation : relations()) {
    EXPECT_GE(relation.forward.size(), 2U) << relation.name;
    facts += relation.facts.size();
    std::set<std::string> subjects;
    for (const auto& fact : relation.facts) {
      EXPECT_TRUE(subjects.insert(fact.subject).second) << relation.name << " " << fact.subject;
      ASSERT_LT(fact.level, 3);
      ++by_level[fact.level];
    }
  }
  EXPECT_GE(facts, 300U);
  for (const auto count : by_level) EXPECT_GE(count, 60U);
}

}  // namespace
}  // namespace thalamus::check
