/// The generated probe tasks as an outside examiner: what a tool claims must be graded right by the task's own checker,
/// and the families that tools are meant to cover must be claimed nearly always.
#include <map>

#include "tests/tool/tool_fixture.h"
#include "thalamus/check/task.h"

namespace thalamus::tool {
namespace {

constexpr std::uint64_t kSeeds[] = {20250101, 77, 4, 9000};
constexpr std::uint32_t kPerCell = 4;

class Families : public testing::TestWithParam<std::uint64_t> {};

TEST_P(Families, EachClaimIsGradedRight) {
  for (const check::Task& task : check::generate_tasks(GetParam(), kPerCell)) {
    for (const ToolRecord& record : tools()) {
      const auto solution = record.instance().solve(ask(task.prompt), Context{kNow});
      if (!solution.has_value() || !task.schema.empty()) continue;
      for (const std::string& text : {solution->answer, solution->text()}) {
        const auto grade = check::grade(text, task.expected);
        ASSERT_TRUE(grade.has_value());
        EXPECT_EQ(grade->quality, 1.0) << task.family << ": " << task.prompt << "\n" << text;
      }
    }
  }
}

TEST_P(Families, CoveredFamiliesAreClaimed) {
  std::map<std::string, int> asked;
  std::map<std::string, int> claimed;
  for (const check::Task& task : check::generate_tasks(GetParam(), kPerCell)) {
    ++asked[task.family];
    const bool any = !claims_of(task.prompt).empty();
    claimed[task.family] += any ? 1 : 0;
  }
  for (const check::FamilyRecord& family : check::families()) {
    const std::string name(family.name);
    const double share = static_cast<double>(claimed[name]) / asked[name];
    RecordProperty("claimed_" + name, std::to_string(share));
    if (family.tool_covers) {
      EXPECT_GE(share, 0.9) << name;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, Families, testing::ValuesIn(kSeeds));

}  // namespace
}  // namespace thalamus::tool
