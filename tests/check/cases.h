/// Table-driven grading tests: an answer and whether it counts as right.
#pragma once

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "thalamus/check/checker.h"

namespace thalamus::check {

struct Case {
  std::string answer;
  bool right;
};

inline void expect_grades(const Expectation& expected, const std::vector<Case>& cases) {
  for (const auto& [answer, right] : cases) {
    const auto graded = grade(answer, expected);
    ASSERT_TRUE(graded.has_value()) << graded.error().text();
    EXPECT_EQ(graded->quality, right ? 1.0 : 0.0)
        << expected.checker << " of " << answer << "\nread as '" << graded->normalised << "': " << graded->reason;
    EXPECT_FALSE(graded->reason.empty()) << answer;
  }
}

inline void expect_unusable(const Expectation& expected, const std::string& part) {
  const auto graded = grade("anything", expected);
  ASSERT_FALSE(graded.has_value());
  EXPECT_NE(graded.error().text().find(part), std::string::npos) << graded.error().text();
}

}  // namespace thalamus::check
