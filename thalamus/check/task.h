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
  std::string schema;  ///< JSON schema to be sent as response_format, where the family wants it; else empty
  std::uint32_t max_output_tokens = 256;
  std::string judge;  ///< name of the target that grades the answer; then `expected.checker` is "judge", and
                      ///< `expected.value` the reference answer or ""
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

/// `per_cell` tasks of each family and difficulty; ids (`family-difficulty-seed-n`) and prompts are unique, and seeds
/// give different prompts. A cell has fewer tasks only when its family has no further prompts (general knowledge).
[[nodiscard]] std::vector<Task> generate_tasks(std::uint64_t seed, std::uint32_t per_cell);

/// The part of generate_tasks that one family gives: the same tasks with the same ids.
[[nodiscard]] std::vector<Task> generate_family_tasks(const FamilyRecord& family, std::uint64_t seed,
                                                      std::uint32_t per_cell);

/// The user's tasks, JSON lines: {"id"?, "prompt", "expected", "checker" | "judge", "schema"?, "tolerance"?, "task"?,
/// "max_output_tokens"?, "options"?, "forbidden"?, "ordered"?, "match_case"?}. Errors name file:line and field.
[[nodiscard]] Result<std::vector<Task>> read_tasks(const std::filesystem::path& path);

}  // namespace thalamus::check
