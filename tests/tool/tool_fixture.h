/// What the tests of the tools share: requests of one user turn, a fixed clock, lines of a data file.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "thalamus/tool/tool.h"

namespace thalamus::tool {

/// 2024-06-15 11:30:00 UTC, a Saturday.
inline constexpr std::int64_t kNow = 1'718'451'000;

inline core::Request ask(std::string text) {
  core::Request request;
  core::Message message;
  message.parts.push_back({core::PartKind::kText, std::move(text)});
  request.messages.push_back(std::move(message));
  return request;
}

/// The answer of one tool; nothing if it declines. Checks on the way that claims and solve agree.
inline std::optional<std::string> answer(std::string_view tool, const core::Request& request) {
  const ToolRecord* record = find_tool(tool);
  EXPECT_NE(record, nullptr) << tool;
  if (record == nullptr) return std::nullopt;
  const Context context{kNow};
  const auto solution = record->instance().solve(request, context);
  EXPECT_EQ(record->instance().claims(request, context) == Claim::kCertain, solution.has_value());
  return solution.has_value() ? std::optional(solution->answer) : std::nullopt;
}
inline std::optional<std::string> answer(std::string_view tool, std::string text) {
  return answer(tool, ask(std::move(text)));
}

/// The tools that claim a text, with their answers, as "tool: answer".
inline std::vector<std::string> claims_of(const std::string& text) {
  std::vector<std::string> claims;
  for (const ToolRecord& record : tools()) {
    if (const auto found = answer(record.name, text); found.has_value()) {
      claims.push_back(std::string(record.name) + ": " + *found);
    }
  }
  return claims;
}

/// Lines of a file under tests/data/tool that are not empty and do not begin with #; \n, \t and \\ are unescaped.
inline std::vector<std::vector<std::string>> read_rows(const std::string& name) {
  std::ifstream file(std::string(THALAMUS_SOURCE_DIR) + "/tests/data/tool/" + name);
  EXPECT_TRUE(file.good()) << name;
  std::vector<std::vector<std::string>> rows;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line.front() == '#') continue;
    std::vector<std::string> cells(1);
    for (std::size_t i = 0; i < line.size(); ++i) {
      if (line[i] == '\t') {
        cells.emplace_back();
      } else if (line[i] == '\\' && i + 1 < line.size()) {
        ++i;
        cells.back().push_back(line[i] == 'n' ? '\n' : (line[i] == 't' ? '\t' : line[i]));
      } else {
        cells.back().push_back(line[i]);
      }
    }
    rows.push_back(std::move(cells));
  }
  return rows;
}

}  // namespace thalamus::tool
