/// What must be claimed, with which answer, and what must not be claimed by any tool.
#include "tests/tool/tool_fixture.h"

namespace thalamus::tool {
namespace {

/// The n-th of `parts` slices, so that no single test runs long.
class Declined : public testing::TestWithParam<std::size_t> {};

TEST_P(Declined, PromptsThatAreNotForToolsAreClaimedByNone) {
  const auto rows = read_rows("declined.txt");
  ASSERT_GE(rows.size(), 500U);
  for (std::size_t i = GetParam(); i < rows.size(); i += 8) {
    EXPECT_THAT(claims_of(rows[i].front()), testing::IsEmpty()) << rows[i].front();
  }
}
INSTANTIATE_TEST_SUITE_P(Slices, Declined, testing::Range<std::size_t>(0, 8));

class Claimed : public testing::TestWithParam<std::size_t> {};

TEST_P(Claimed, NaturalPromptsGoToTheRightToolAndAreAnswered) {
  const auto rows = read_rows("claimed.txt");
  ASSERT_GE(rows.size(), 200U);
  for (std::size_t i = GetParam(); i < rows.size(); i += 4) {
    const auto& row = rows[i];
    std::vector<std::string> cells;
    const std::string& line = row.front();
    for (std::size_t at = 0; at != std::string::npos;) {
      const std::size_t next = line.find(" ||| ", at);
      cells.push_back(line.substr(at, next - at));
      at = next == std::string::npos ? next : next + 5;
    }
    ASSERT_EQ(cells.size(), 3U) << line;
    EXPECT_THAT(claims_of(cells[1]), testing::ElementsAre(cells[0] + ": " + cells[2])) << cells[1];
  }
}

INSTANTIATE_TEST_SUITE_P(Slices, Claimed, testing::Range<std::size_t>(0, 4));

constexpr std::size_t kSlices = 6;
class Oracle : public testing::TestWithParam<std::tuple<std::string, std::size_t>> {};

TEST_P(Oracle, AnswersOfPythonAreTheToolsAnswers) {
  std::size_t count = 0;
  for (const auto& row : read_rows("oracle.tsv")) {
    ASSERT_EQ(row.size(), 3U);
    if (row[0] != std::get<0>(GetParam()) || ++count % kSlices != std::get<1>(GetParam())) continue;
    const auto found = answer(row[0], row[1]);
    EXPECT_EQ(found.value_or("(declined)"), row[2]) << row[1];
  }
  EXPECT_GE(count, 500U);
}
INSTANTIATE_TEST_SUITE_P(Tools, Oracle,
                         testing::Combine(testing::Values("arithmetic", "dates", "units", "text"),
                                          testing::Range<std::size_t>(0, kSlices)));

TEST(Registry, EachToolClaimsItsExampleAndNoOtherDoes) {
  for (const char* shipped : {"arithmetic", "dates", "units", "text"})
    EXPECT_NE(find_tool(shipped), nullptr) << shipped;
  for (const ToolRecord& record : tools()) {
    EXPECT_EQ(find_tool(record.name), &record);
    const auto claims = claims_of(std::string(record.example));
    ASSERT_EQ(claims.size(), 1U) << record.example;
    EXPECT_TRUE(claims.front().starts_with(record.name));
  }
  EXPECT_EQ(find_tool("none"), nullptr);
}

}  // namespace
}  // namespace thalamus::tool
