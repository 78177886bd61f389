/// Tasks with checkable answers: generated families and the user's own.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "thalamus/base/result.h"
#include "thalamus/base/rng.h"
#include "thalamus/check/checker.h"

namespace thalamus::check {

enum class Difficulty : std::uint8_t { kEasy, kMedium, kHard };
[[nodiscard]] std::string_view label(Difficulty difficulty) noexcept;

struct Task {
  std::string id;
  std::string family;      ///< "arithmetic"
  std::string difficulty;  ///< "easy"
  std::string prompt;
  std::string schema;      ///< JSON schema to be sent as response_format, where the family wants it; else empty
  std::uint32_t max_output_tokens = 256;
  Expectation expected;
};

/// One row of families.def. The same rng stream gives the same task.
struct FamilyRecord {
  std::string_view name;
  std::string_view help;
  bool tool_covers;  ///< an exact tool is meant to be certain of it
  Task (*generate)(Difficulty difficulty, base::Rng& rng);
};
[[nodiscard]] std::span<const FamilyRecord> families() noexcept;

/// `per_cell` tasks of each family and difficulty; ids are unique; seeds give different prompts.
[[nodiscard]] std::vector<Task> generate_tasks(std::uint64_t seed, std::uint32_t per_cell);

/// JSON lines {"id"?,"prompt","expected","checker","task"?}; errors name line and field.
[[nodiscard]] Result<std::vector<Task>> read_tasks(const std::filesystem::path& path);

}  // namespace thalamus::check
