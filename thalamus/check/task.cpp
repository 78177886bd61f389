#include "thalamus/check/task.h"

#include <array>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>

namespace thalamus::check {

#define FAMILY(name) [[nodiscard]] FamilyRecord name##_family();
#include "thalamus/check/families.def"
#undef FAMILY

namespace {

/// Draws of one task before its cell is taken to have no further prompts.
constexpr std::uint32_t kAttemptsMax = 200;
constexpr std::array kDifficulties = {Difficulty::kEasy, Difficulty::kMedium, Difficulty::kHard};

}  // namespace

std::string_view label(Difficulty difficulty) noexcept {
  switch (difficulty) {
    case Difficulty::kEasy: return "easy";
    case Difficulty::kMedium: return "medium";
    case Difficulty::kHard: return "hard";
  }
  return "easy";
}

std::span<const FamilyRecord> families() noexcept {
  static const std::array kRecords = {
#define FAMILY(name) name##_family(),
#include "thalamus/check/families.def"
#undef FAMILY
  };
  return kRecords;
}

std::vector<Task> generate_family_tasks(const FamilyRecord& family, std::uint64_t seed, std::uint32_t per_cell) {
  std::vector<Task> tasks;
  std::unordered_set<std::string> prompts;
  const base::Rng root(base::mix64(seed));
  for (const auto difficulty : kDifficulties) {
    base::Rng rng = root.fork(fmt::format("{}/{}", family.name, label(difficulty)));
    std::uint32_t attempts = 0;
    for (std::uint32_t n = 0; n < per_cell && attempts < kAttemptsMax;) {
      Task task = family.generate(difficulty, rng);
      if (!prompts.insert(task.prompt).second) {
        ++attempts;
        continue;
      }
      attempts = 0;
      task.family = family.name;
      task.difficulty = label(difficulty);
      task.id = fmt::format("{}-{}-{}-{}", family.name, task.difficulty, seed, n++);
      tasks.push_back(std::move(task));
    }
  }
  return tasks;
}

std::vector<Task> generate_tasks(std::uint64_t seed, std::uint32_t per_cell) {
  std::vector<Task> tasks;
  for (const auto& family : families())
    for (auto& task : generate_family_tasks(family, seed, per_cell)) tasks.push_back(std::move(task));
  return tasks;
}

}  // namespace thalamus::check
